//! What is remembered of a trace while it waits: bits and numbers, never spans.

use tailsift_trace::UnixNano;

use crate::kin::Kin;

/// The small state that policies judge.
///
/// 64 bytes; policy state of more than 64 bits, numbers included, lies on the heap.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Facts {
    /// Spans folded in, repeats included.
    pub spans: u32,
    /// Bytes of the trace as the Collector counts them, the sum of its `ResourceSpans` as protobuf;
    /// 0 unless a policy asks. Stops at 4 GiB, which no trace reaches.
    pub bytes: u32,
    /// The same with the key and the length in front of each `ResourceSpans`.
    pub framed_bytes: u32,
    /// A span without a parent was seen.
    pub root_seen: bool,
    /// The earliest start; 0 until one is known.
    pub start: UnixNano,
    /// The latest end; 0 until one is known.
    pub end: UnixNano,
    /// The explicit randomness (`ot=rv`), if a span carried one; the least if spans disagree.
    pub randomness: Option<u64>,
    pub(crate) bits: Bits,
}

impl Facts {
    /// Latest end minus earliest start, in nanoseconds; negative if spans end before they start.
    pub fn duration_ns(&self) -> i64 {
        // Both are read as signed, as Go's time does: the Collector's answers depend on it.
        (self.end.0 as i64).saturating_sub(self.start.0 as i64)
    }

    /// What the policies noted, bits and numbers, 64 bits to a word, lowest first, up to the last bit
    /// that is set. A bit's meaning hangs on the policy set.
    pub fn words(&self) -> &[u64] {
        without_zeros_at_end(self.bits.words())
    }

    /// The same facts with what [`words`](Self::words) gave in place of what was noted.
    #[must_use]
    pub fn with_words(self, words: &[u64]) -> Self {
        let bits = match without_zeros_at_end(words) {
            [] => Bits::Inline(0),
            [bits] => Bits::Inline(*bits),
            words => Bits::Heap(Box::new(Noted { words: words.into(), kin: None })),
        };
        Self { bits, ..self }
    }

    /// Bytes on the heap beyond the struct itself.
    pub fn heap_bytes(&self) -> usize {
        match &self.bits {
            Bits::Inline(_) => 0,
            Bits::Heap(noted) => {
                let kin = noted.kin.as_ref().map_or(0, |kin| size_of::<Kin>() + kin.heap_bytes());
                size_of::<Noted>() + noted.words.len() * 8 + kin
            }
        }
    }

    /// Forgets how the spans hang together, which nobody asks once the trace has been judged.
    pub fn forget_kin(&mut self) {
        if let Bits::Heap(noted) = &mut self.bits {
            noted.kin = None;
            if let [bits] = *noted.words {
                self.bits = Bits::Inline(bits);
            }
        }
    }

    /// How the spans hang together, if a policy asked.
    pub(crate) fn kin(&self) -> Option<&Kin> {
        self.bits.kin()
    }
}

/// Oddities met while folding: counted, never fatal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Confidence attributes that were NaN or no number.
    pub confidence_unreadable: u64,
    /// Conditions in OTTL that failed while they were tried, on spans and events.
    pub ottl_failures: u64,
    /// Attributes that a `trace_condition` calculates with, and that were NaN or no number.
    pub numbers_unreadable: u64,
    /// Traces of too many spans, errors or kinds of success for `fragmented` or `failure`.
    pub kin_too_many: u64,
    /// Keys that a `drift` policy forgot because there were too many.
    pub drift_keys_forgotten: u64,
    /// Traces whose key shared a part of a `rate_per_key` because there were too many.
    pub rate_keys_crowded: u64,
}

/// A policy's place in [`Bits`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bit(pub(crate) u16);

/// A number's place in [`Bits`]: a word of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Word(pub(crate) u16);

/// A bit per predicate that some span fulfilled, and words that hold numbers.
#[derive(Clone, Debug)]
pub(crate) enum Bits {
    Inline(u64),
    Heap(Box<Noted>),
}

/// One word at least, and how the spans hang together if a policy asks.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    words: Box<[u64]>,
    kin: Option<Box<Kin>>,
}

/// How much room there is for zeros makes no difference.
impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        without_zeros_at_end(self.words()) == without_zeros_at_end(other.words())
            && self.kin() == other.kin()
    }
}

impl Eq for Bits {}

impl Default for Bits {
    fn default() -> Self {
        Self::Inline(0)
    }
}

impl Bits {
    #[inline]
    pub(crate) fn get(&self, bit: Bit) -> bool {
        let (word, mask) = place(bit);
        self.words().get(word).is_some_and(|bits| bits & mask != 0)
    }

    #[inline]
    pub(crate) fn set(&mut self, bit: Bit) {
        let (word, mask) = place(bit);
        match self {
            Self::Inline(bits) if word == 0 => *bits |= mask,
            Self::Inline(_) | Self::Heap(_) => self.set_on_heap(word, mask),
        }
    }

    /// A number; 0 until it was changed.
    pub(crate) fn number(&self, word: Word) -> u64 {
        self.words().get(usize::from(word.0)).copied().unwrap_or(0)
    }

    /// A number, to be changed.
    pub(crate) fn number_mut(&mut self, word: Word) -> &mut u64 {
        &mut self.on_heap(usize::from(word.0) + 1)[usize::from(word.0)]
    }

    /// Makes room for so many words at once, so that numbers cost a trace one reservation.
    #[inline]
    pub(crate) fn reserve(&mut self, words: usize) {
        if words > self.words().len() {
            self.on_heap(words);
        }
    }

    #[inline]
    fn words(&self) -> &[u64] {
        match self {
            Self::Inline(bits) => std::slice::from_ref(bits),
            Self::Heap(noted) => &noted.words,
        }
    }

    #[inline]
    fn kin(&self) -> Option<&Kin> {
        match self {
            Self::Inline(_) => None,
            Self::Heap(noted) => noted.kin.as_deref(),
        }
    }

    #[cold]
    fn set_on_heap(&mut self, word: usize, mask: u64) {
        self.on_heap(word + 1)[word] |= mask;
    }

    /// The words on the heap, at least so many.
    fn on_heap(&mut self, len: usize) -> &mut [u64] {
        let noted = self.noted(len);
        if noted.words.len() < len {
            let mut words = std::mem::take(&mut noted.words).into_vec();
            words.reserve_exact(len - words.len());
            words.resize(len, 0);
            noted.words = words.into();
        }
        &mut noted.words
    }

    /// What is kept of how the spans hang together, to be added to.
    pub(crate) fn kin_mut(&mut self) -> &mut Kin {
        self.noted(1).kin.get_or_insert_default()
    }

    /// What lies on the heap; if nothing does yet, room for so many words.
    fn noted(&mut self, len: usize) -> &mut Noted {
        if let Self::Inline(bits) = self {
            let mut words = vec![0; len.max(1)];
            words[0] = *bits;
            *self = Self::Heap(Box::new(Noted { words: words.into(), kin: None }));
        }
        match self {
            Self::Heap(noted) => noted,
            Self::Inline(_) => unreachable!("it was moved to the heap a line above"),
        }
    }
}

fn without_zeros_at_end(words: &[u64]) -> &[u64] {
    let len = words.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
    &words[..len]
}

#[inline]
fn place(bit: Bit) -> (usize, u64) {
    (usize::from(bit.0 >> 6), 1 << (bit.0 & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_move_to_the_heap_when_they_must() {
        let mut bits = Bits::default();
        bits.set(Bit(3));
        assert_eq!(bits, Bits::Inline(8));
        bits.set(Bit(200));
        bits.set(Bit(64));
        for bit in 0..300 {
            assert_eq!(bits.get(Bit(bit)), [3, 64, 200].contains(&bit), "{bit}");
        }
    }

    #[test]
    fn words_come_back() {
        for (set, words, on_heap) in [
            (&[][..], &[][..], false),
            (&[0, 63], &[1 << 63 | 1], false),
            (&[3, 64], &[8, 1], true),
            (&[130], &[0, 0, 4], true),
        ] {
            let mut facts = Facts { spans: 7, ..Facts::default() };
            set.iter().for_each(|bit| facts.bits.set(Bit(*bit)));
            assert_eq!(facts.words(), words);
            assert_eq!(facts.heap_bytes() > 0, on_heap, "{set:?}");
            let emptied = facts.clone().with_words(&[0, 0]);
            assert_eq!(emptied, Facts { spans: 7, ..Facts::default() });
            assert_eq!(emptied.with_words(words), facts);
        }
    }

    #[test]
    fn numbers_have_words_of_their_own() {
        let mut bits = Bits::default();
        bits.set(Bit(5));
        assert_eq!(bits.number(Word(3)), 0);
        bits.reserve(4);
        assert_eq!(bits, Bits::Inline(32), "room makes no difference");
        *bits.number_mut(Word(2)) += 7;
        *bits.number_mut(Word(9)) += 1;
        assert_eq!([2, 3, 9].map(|word| bits.number(Word(word))), [7, 0, 1]);
        assert!(bits.get(Bit(5)));
        assert_ne!(bits, Bits::Inline(32));
    }

    #[test]
    fn kin_come_and_go_beside_the_words() {
        for (set, on_heap) in [(&[3][..], 0), (&[3, 64], 16 + size_of::<Noted>())] {
            let mut facts = Facts::default();
            set.iter().for_each(|bit| facts.bits.set(Bit(*bit)));
            let before = facts.clone();
            facts.bits.kin_mut();
            assert!(facts.heap_bytes() > before.heap_bytes());
            assert_eq!(facts.words(), before.words());
            assert_ne!(facts, before, "kin is a part of it");
            facts.bits.set(Bit(7));
            facts.forget_kin();
            assert_eq!(facts.heap_bytes(), on_heap);
            let mut expect = before;
            expect.bits.set(Bit(7));
            assert_eq!(facts, expect);
        }
    }

    #[test]
    fn facts_stay_small() {
        assert!(size_of::<Facts>() <= 64, "{}", size_of::<Facts>());
    }
}

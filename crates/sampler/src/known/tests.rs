use proptest::prelude::*;

use super::*;

fn sources(offsets: impl IntoIterator<Item = i64>) -> Sources {
    let mut sources = Sources::default();
    offsets.into_iter().for_each(|offset| sources.push(offset));
    sources
}

/// A trace of a quarter of a second in so many records, far into a busy partition: between any two
/// of its own lie 300 of others.
fn usual(records: i64) -> Known {
    let mut facts = Facts::default().with_words(&[0b1011]);
    (facts.spans, facts.root_seen) = (40, true);
    facts.start = UnixNano(1_795_346_600_123_456_789);
    facts.end = UnixNano(1_795_346_600_373_456_789);
    let sources = sources((0..records).map(|n| 12_345_678_901 + n * 300));
    Known::new(&Read { facts, sources, source_bytes: 31_000 })
}

#[test]
fn a_dropped_trace_of_twelve_records_takes_no_more_than_64_bytes() {
    let held = |records| size_of::<Option<Known>>() + usual(records).heap_bytes();
    assert_eq!([1, 12, 40].map(held), [40, 62, 118]);
}

#[test]
fn records_far_apart_take_two_bytes_each() {
    let apart = |by: i64| {
        let read = Read { sources: sources((0..12).map(|n| n * by)), ..Read::default() };
        Known::new(&read).heap_bytes()
    };
    assert_eq!(apart(16_383) - apart(127), 11);
}

proptest! {
    #[test]
    fn what_is_kept_comes_back(
        numbers in (any::<u32>(), any::<u32>(), any::<u32>(), any::<u64>()),
        times in (any::<u64>(), any::<u64>()),
        root_seen in any::<bool>(),
        randomness in any::<Option<u64>>(),
        words in prop::collection::vec(any::<u64>(), 0..5),
        mut offsets in prop::collection::vec(0i64..1 << 50, 0..300),
    ) {
        offsets.sort_unstable();
        let mut facts = Facts::default().with_words(&words);
        (facts.spans, facts.bytes, facts.framed_bytes) = (numbers.0, numbers.1, numbers.2);
        (facts.start, facts.end) = (UnixNano(times.0), UnixNano(times.1));
        (facts.root_seen, facts.randomness) = (root_seen, randomness);
        let read = Read { facts, sources: sources(offsets), source_bytes: numbers.3 };
        prop_assert_eq!(Known::new(&read).read(), read);
    }
}

//! What is read of a span beyond ids, times and status: a fixed set of attribute keys.

/// A key of an [`Interest`], by its place in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttributeKey(pub u16);

/// The attribute keys that policies ask for. All others are skipped unread.
///
/// A look-up first tests a bit per key length, so that most keys of a span cost one shift.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    keys: Vec<Box<[u8]>>,
    /// Bit `min(length, 63)` is set if a key of that length exists.
    lengths: u64,
    sizes: bool,
}

impl Interest {
    /// Keys in the order of their [`AttributeKey`]s. A repeated key keeps its first place.
    ///
    /// # Panics
    /// With more than 65 535 keys.
    pub fn new<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Self {
        let mut interest = Self::default();
        for key in keys {
            interest.add(key.as_ref());
        }
        interest
    }

    /// Adds a key unless it is there; returns its place.
    ///
    /// # Panics
    /// With more than 65 535 keys.
    pub fn add(&mut self, key: &[u8]) -> AttributeKey {
        if let Some(found) = self.find(key) {
            return found;
        }
        assert!(self.keys.len() < usize::from(u16::MAX), "an interest holds at most 65535 keys");
        let place = AttributeKey(self.keys.len() as u16);
        self.keys.push(key.into());
        self.lengths |= length_bit(key);
        place
    }

    /// The place of `key`, if some policy asked for it.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<AttributeKey> {
        if self.lengths & length_bit(key) == 0 {
            return None;
        }
        self.keys.iter().position(|k| **k == *key).map(|place| AttributeKey(place as u16))
    }

    /// Asks for [`Batch::sizes`](crate::Batch::sizes).
    pub fn ask_for_sizes(&mut self) {
        self.sizes = true;
    }

    /// True if [`Batch::sizes`](crate::Batch::sizes) are asked for.
    pub fn wants_sizes(&self) -> bool {
        self.sizes
    }

    /// True if no attribute is asked for.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys, in the order of their places.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.keys.iter().map(|key| &**key)
    }
}

#[inline]
fn length_bit(key: &[u8]) -> u64 {
    1 << key.len().min(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_first_place() {
        let long = "k".repeat(300);
        let interest = Interest::new(["a", "bb", "a", long.as_str(), ""]);
        assert_eq!(interest.keys().len(), 4);
        assert_eq!(interest.find(b"a"), Some(AttributeKey(0)));
        assert_eq!(interest.find(long.as_bytes()), Some(AttributeKey(2)));
        assert_eq!(interest.find("k".repeat(301).as_bytes()), None);
        assert_eq!(interest.find(b""), Some(AttributeKey(3)));
    }
}

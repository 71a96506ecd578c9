//! What is read of a span beyond ids, times and status: a fixed set of attribute keys, and details.

use crate::Details;

/// A key of an [`Interest`], by its place in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttributeKey(pub u16);

/// The attribute keys that policies ask for. All others are skipped unread, and so are
/// [`Details`] that nobody asks for.
///
/// A look-up first tests a bit per key length, so that most keys of a span cost one shift.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    keys: Vec<Box<[u8]>>,
    /// Bit `min(length, 63)` is set if a key of that length exists.
    lengths: u64,
    /// By key: its lists and maps are wanted with their items.
    trees: Vec<bool>,
    details: Details,
    reads_more: bool,
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
        self.trees.push(false);
        self.lengths |= length_bit(key);
        place
    }

    /// Adds a key whose lists and maps are wanted with their items
    /// ([`Detailed::trees`](crate::Detailed::trees)); returns its place.
    ///
    /// # Panics
    /// With more than 65 535 keys.
    pub fn add_tree(&mut self, key: &[u8]) -> AttributeKey {
        let place = self.add(key);
        self.trees[usize::from(place.0)] = true;
        self.reads_more = true;
        place
    }

    /// Asks for details, beside those asked for already.
    pub fn add_details(&mut self, details: Details) {
        self.details = self.details.or(details);
        self.reads_more |= self.details != Details::default();
    }

    /// True if lists and maps under this key are wanted with their items.
    pub fn wants_tree(&self, key: AttributeKey) -> bool {
        self.trees.get(usize::from(key.0)).is_some_and(|wanted| *wanted)
    }

    /// The details that are asked for.
    pub fn details(&self) -> Details {
        self.details
    }

    /// True if anything but scalars and named attributes is asked for: details or trees.
    #[inline]
    pub fn reads_more(&self) -> bool {
        self.reads_more
    }

    /// The place of `key`, if some policy asked for it.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<AttributeKey> {
        if self.lengths & length_bit(key) == 0 {
            return None;
        }
        self.keys.iter().position(|k| **k == *key).map(|place| AttributeKey(place as u16))
    }

    /// True if no attribute is asked for by name.
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

//! Values in slots that are used again; a key of an earlier tenant finds nothing.

/// A slot and which of its tenants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    index: u32,
    tenant: u32,
}

impl Key {
    /// The place of the slot, which is used again.
    pub(crate) fn slot(self) -> usize {
        self.index as usize
    }
}

#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) fn insert(&mut self, value: T) -> Key {
        if let Some(index) = self.free.pop() {
            let (tenant, slot) = &mut self.slots[index as usize];
            *slot = Some(value);
            return Key { index, tenant: *tenant };
        }
        let index = u32::try_from(self.slots.len())
            .expect("four thousand million traces do not fit in memory");
        self.slots.push((0, Some(value)));
        Key { index, tenant: 0 }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let (tenant, slot) = self.slots.get(key.index as usize)?;
        slot.as_ref().filter(|_| *tenant == key.tenant)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (tenant, slot) = self.slots.get_mut(key.index as usize)?;
        slot.as_mut().filter(|_| *tenant == key.tenant)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let (tenant, slot) = self.slots.get_mut(key.index as usize)?;
        if *tenant != key.tenant {
            return None;
        }
        let value = slot.take()?;
        *tenant = tenant.wrapping_add(1);
        self.free.push(key.index);
        Some(value)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        (0..).zip(&self.slots).filter_map(|(index, (tenant, slot))| {
            slot.as_ref().map(|value| (Key { index, tenant: *tenant }, value))
        })
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|(_, slot)| slot.as_mut())
    }

    /// Bytes of the slots in use. Free ones are not counted: they are used again before the
    /// slab grows, and no closing of traces would give them back.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * size_of::<(u32, Option<T>)>()
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_outlive_its_value() {
        let mut slab = Slab::default();
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b');
        assert_eq!((slab.get(first), slab.get(second)), (None, Some(&'b')));
        assert_eq!((slab.remove(first), slab.len()), (None, 1));
    }
}

//! The batches in the decision log, where no transaction writes it: of one number there may be
//! several, of owners that did not know of each other, and of one batch only some slices.

use std::collections::{BTreeMap, BTreeSet};

use tailsift_sampler::{DecisionBatch, Entry};

use crate::event::CutPart;

#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// By partition and number.
    copies: BTreeMap<(i32, u64), Vec<Copy>>,
    strayed: BTreeSet<i32>,
}

#[derive(Debug)]
struct Copy {
    /// What all slices have in common.
    head: DecisionBatch,
    slices: BTreeMap<u32, Vec<Entry>>,
}

impl Copies {
    /// A slice was written; returns its batch if it is whole by that.
    pub(crate) fn enter(&mut self, batch: &DecisionBatch, is_stray: bool) -> Option<DecisionBatch> {
        let head = DecisionBatch { slice: 0, entries: Vec::new(), ..batch.clone() };
        if is_stray {
            self.strayed.insert(batch.partition);
        }
        let number = (batch.partition, batch.checkpoint.sequence);
        let copies = self.copies.entry(number).or_default();
        let known = copies.iter().position(|copy| copy.head == head);
        let place = known.unwrap_or_else(|| {
            copies.push(Copy { head, slices: BTreeMap::new() });
            copies.len() - 1
        });
        let copy = &mut copies[place];
        let is_new = copy.slices.insert(batch.slice, batch.entries.clone()).is_none();
        let entries = || copy.slices.values().flatten().cloned().collect();
        (is_new && copy.is_whole())
            .then(|| DecisionBatch { entries: entries(), ..copy.head.clone() })
    }

    /// True if a whole batch was written of what was cut there.
    pub(crate) fn has(&self, part: &CutPart) -> bool {
        let copies = self.copies.get(&(part.partition, part.sequence));
        let is_same = |head: &DecisionBatch| {
            (head.commit_offset, head.read_to) == (part.commit_offset, part.next_offset)
        };
        copies.into_iter().flatten().any(|copy| copy.is_whole() && is_same(&copy.head))
    }

    /// The highest number of which there is a whole batch; 0 if there is none.
    pub(crate) fn newest(&self, partition: i32) -> u64 {
        let copies = self.copies.range((partition, 0)..=(partition, u64::MAX)).rev();
        let is_whole = |copies: &[Copy]| copies.iter().any(Copy::is_whole);
        copies
            .filter(|(_, copies)| is_whole(copies))
            .map(|((_, number), _)| *number)
            .next()
            .unwrap_or(0)
    }

    /// True if something was written that came of an earlier assignment than the one at work: its
    /// owner's or another's batch of that number may be passed over by whoever comes next.
    pub(crate) fn has_strays(&self, partition: i32) -> bool {
        self.strayed.contains(&partition)
    }
}

impl Copy {
    fn is_whole(&self) -> bool {
        self.slices.len() as u64 == u64::from(self.head.slices)
    }
}

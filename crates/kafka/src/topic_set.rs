//! Partitions of several topics under one numbering.

use std::sync::{Arc, PoisonError, RwLock};

/// The topics that one process reads from, in the order in which they were met.
///
/// The core knows a partition by a number. Those of the first topic have their own; those of
/// further ones are above them. The numbers mean nothing to other processes.
#[derive(Debug, Clone)]
pub struct Topics {
    first: Arc<str>,
    more: Arc<RwLock<Vec<Arc<str>>>>,
}

impl Topics {
    /// The most partitions of a topic that can be told apart.
    pub const PARTITIONS_MAX: i32 = 1 << 16;

    /// A set that has this one so far.
    pub fn new(first: &str) -> Self {
        Self { first: first.into(), more: Arc::default() }
    }

    /// The number of a topic's partition; a topic that was not met before is added.
    ///
    /// # Panics
    /// If there are more than 32 767 topics, or a partition is not below
    /// [`PARTITIONS_MAX`](Self::PARTITIONS_MAX).
    pub fn number(&self, topic: &str, partition: i32) -> i32 {
        if *topic == *self.first {
            return partition;
        }
        assert!(partition < Self::PARTITIONS_MAX, "{topic} has partition {partition}");
        let find = |more: &[Arc<str>]| more.iter().position(|known| **known == *topic);
        let known = find(&self.more.read().unwrap_or_else(PoisonError::into_inner));
        let index = known.unwrap_or_else(|| {
            let mut more = self.more.write().unwrap_or_else(PoisonError::into_inner);
            find(&more).unwrap_or_else(|| {
                more.push(topic.into());
                more.len() - 1
            })
        });
        let index = i32::try_from(index + 1).ok().filter(|index| *index < 1 << 15);
        let index = index.expect("nobody has so many topics");
        index * Self::PARTITIONS_MAX + partition
    }

    /// The topic and partition of a number.
    pub fn place(&self, number: i32) -> (Arc<str>, i32) {
        let (index, partition) = (number / Self::PARTITIONS_MAX, number % Self::PARTITIONS_MAX);
        if index == 0 {
            return (Arc::clone(&self.first), partition);
        }
        let more = self.more.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&more[index as usize - 1]), partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_number() {
        let topics = Topics::new("a");
        let places = [("a", 0), ("b", 0), ("a", 65_000), ("c", 7), ("b", 65_535), ("b", 0)];
        let numbers = places.map(|(topic, partition)| topics.number(topic, partition));
        assert_eq!(numbers, [0, 65_536, 65_000, 131_079, 131_071, 65_536]);
        for ((topic, partition), number) in places.into_iter().zip(numbers) {
            assert_eq!(topics.place(number), (topic.into(), partition));
        }
    }
}

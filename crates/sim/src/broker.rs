//! A Kafka of a few maps: input logs, a consumer group, committed offsets, visible exports.
//!
//! Exports and offsets of a commit become visible at one instant or not at all, as under a
//! transaction; an offset is accepted only from the assignment that holds the partition.

use std::collections::BTreeMap;

use tailsift_otlp::split_to_size;
use tailsift_sampler::{Export, Part, Restored};
use tailsift_trace::{Millis, TraceId};

use crate::fault::Mutation;
use crate::input::{Input, Record};

/// Who holds a partition. `token` is another one for every assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) worker: usize,
    pub(crate) token: u64,
}

/// A record of the export topic.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) key: TraceId,
    pub(crate) value: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) input: Input,
    pub(crate) wall: Millis,
    committed: BTreeMap<i32, i64>,
    /// What was committed beside the offsets: stream time just before the record there.
    clocks: BTreeMap<i32, Option<Millis>>,
    owners: BTreeMap<i32, Owner>,
    /// Partitions that shall move, and where to, once their owner lets go.
    moving: BTreeMap<i32, usize>,
    tokens: u64,
    pub(crate) published: Vec<Published>,
    pub(crate) dead_letters: BTreeMap<(i32, i64), usize>,
    message_bytes_max: usize,
    mutation: Option<Mutation>,
}

impl Broker {
    pub(crate) fn new(
        input: Input,
        wall: Millis,
        message_bytes_max: usize,
        mutation: Option<Mutation>,
    ) -> Self {
        Self {
            input,
            wall,
            committed: BTreeMap::new(),
            clocks: BTreeMap::new(),
            owners: BTreeMap::new(),
            moving: BTreeMap::new(),
            tokens: 0,
            published: Vec::new(),
            dead_letters: BTreeMap::new(),
            message_bytes_max,
            mutation,
        }
    }

    pub(crate) fn partitions(&self) -> impl Iterator<Item = i32> + use<> {
        0..self.input.logs.len() as i32
    }

    /// The next record from `position` on that can be read by now.
    pub(crate) fn read(&self, partition: i32, position: i64) -> Option<&Record> {
        let log = &self.input.logs[partition as usize];
        let next = log.partition_point(|record| record.offset < position);
        log.get(next).filter(|record| record.appended <= self.wall)
    }

    /// True if no record ever has this offset.
    pub(crate) fn is_gap(&self, partition: i32, offset: i64) -> bool {
        self.input.logs[partition as usize].iter().all(|record| record.offset != offset)
    }

    /// One past the last record that can be read by now.
    pub(crate) fn end_offset(&self, partition: i32) -> i64 {
        let log = &self.input.logs[partition as usize];
        let readable = log.partition_point(|record| record.appended <= self.wall);
        log[..readable].last().map_or(0, |record| record.offset + 1)
    }

    /// Where a new owner starts; a group that never committed starts at the log's start.
    pub(crate) fn start(&self, partition: i32) -> Restored {
        let log = &self.input.logs[partition as usize];
        let start = log.first().map_or(0, |record| record.offset);
        let stream_time = self.clocks.get(&partition).copied().flatten();
        Restored {
            offset: self.committed.get(&partition).copied().unwrap_or(start),
            stream_time,
            ..Restored::default()
        }
    }

    pub(crate) fn owner(&self, partition: i32) -> Option<Owner> {
        self.owners.get(&partition).copied()
    }

    pub(crate) fn is_leaving(&self, partition: i32) -> bool {
        self.moving.contains_key(&partition)
    }

    /// Gives a partition to a worker, whoever held it.
    pub(crate) fn assign(&mut self, partition: i32, worker: usize) {
        self.tokens += 1;
        self.moving.remove(&partition);
        self.owners.insert(partition, Owner { worker, token: self.tokens });
    }

    /// Asks a partition's owner to let go of it in favour of `worker`.
    pub(crate) fn ask_to_move(&mut self, partition: i32, worker: usize) {
        self.moving.insert(partition, worker);
    }

    /// The owner has let go.
    pub(crate) fn release(&mut self, partition: i32) {
        if let Some(worker) = self.moving.remove(&partition) {
            self.assign(partition, worker);
        }
    }

    /// Commits parts, given with the tokens of their assignments: all of them or none.
    ///
    /// # Errors
    /// The partitions that have another owner by now.
    pub(crate) fn commit(&mut self, parts: &[(&Part, u64)]) -> Result<(), Vec<i32>> {
        let foreign = |(part, token): &&(&Part, u64)| {
            self.owner(part.partition).is_none_or(|owner| owner.token != *token)
        };
        let refused: Vec<i32> = parts.iter().filter(foreign).map(|(p, _)| p.partition).collect();
        if !refused.is_empty() && self.mutation != Some(Mutation::AcceptStrangers) {
            return Err(refused);
        }
        for (part, _) in parts {
            if self.mutation != Some(Mutation::ForgetOffsets) {
                self.committed.insert(part.partition, part.commit_offset);
                let kept = self.mutation != Some(Mutation::ForgetClock);
                let clock = part.commit_stream_time.filter(|_| kept);
                self.clocks.insert(part.partition, clock);
            }
            for letter in &part.dead_letters {
                *self.dead_letters.entry((part.partition, letter.offset)).or_default() += 1;
            }
        }
        let mut exports: Vec<&Export> = parts.iter().flat_map(|(part, _)| &part.exports).collect();
        match self.mutation {
            Some(Mutation::DropExport) => drop(exports.pop()),
            Some(Mutation::RepeatExport) => exports.extend(exports.last().copied()),
            Some(_) | None => {}
        }
        for export in exports {
            self.publish(export);
        }
        Ok(())
    }

    pub(crate) fn committed(&self, partition: i32) -> Option<i64> {
        self.committed.get(&partition).copied()
    }

    fn publish(&mut self, export: &Export) {
        // What cannot be split is published as it came: the checkers then judge its bytes.
        let split = split_to_size(&export.payload, self.message_bytes_max).unwrap_or_default();
        let records = split.records.into_iter().map(|record| record.into_owned());
        let oversize = split.oversize.into_iter().map(|oversize| oversize.request);
        for mut value in records.chain(oversize) {
            if self.mutation == Some(Mutation::FlipByte)
                && let Some(byte) = value.last_mut()
            {
                *byte ^= 1;
            }
            self.published.push(Published { key: export.trace_id, value });
        }
    }
}

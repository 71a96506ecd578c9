//! An epoch under way.

use std::time::{Duration, Instant};

use tailsift_sampler::{Epoch, Part};
use tracing::warn;

use super::SinkSettings;
use super::records::Batches;
use super::step::Step;

pub(super) struct Work {
    /// What is committed at once.
    pub(super) epoch: Epoch,
    /// The verdicts of all parts as records.
    pub(super) batches: Batches,
    /// Parts that wait for a transaction of their own.
    pub(super) later: Vec<Part>,
    /// Parts that are committed.
    pub(super) done: Vec<Part>,
    /// Producers lost with this epoch.
    pub(super) lost_producers: u64,
    pub(super) begun: Instant,
    pub(super) step: Step,
    /// How often it had to start again, and when it next may.
    pub(super) failures: u32,
    pub(super) not_before: Instant,
    /// When it will have taken too long, so that it has to be said.
    slow_at: Instant,
}

/// What an epoch may take before the log tells: it takes milliseconds, with healthy brokers.
const SLOW: Duration = Duration::from_secs(10);

impl Work {
    /// Producers that are lost with an epoch before it goes on in parts.
    const LOST_MAX: u64 = 2;

    pub(super) fn new(settings: &SinkSettings, epoch: Epoch) -> Self {
        let now = Instant::now();
        Self {
            batches: Batches::new(settings, &epoch),
            epoch,
            later: Vec::new(),
            done: Vec::new(),
            lost_producers: 0,
            begun: now,
            step: Step::Start,
            failures: 0,
            not_before: now,
            slow_at: now + SLOW,
        }
    }

    /// Says, once in a while, what an epoch waits for that takes much too long.
    pub(super) fn complain_if_slow(&mut self) {
        let now = Instant::now();
        if now >= self.slow_at {
            self.slow_at = now + SLOW;
            warn!(
                failures = self.failures,
                seconds = self.begun.elapsed().as_secs(),
                partitions = ?self.epoch.parts.iter().map(|part| part.partition).collect::<Vec<_>>(),
                "an epoch is not committed yet: {}",
                self.step.name()
            );
        }
    }

    /// An epoch that the transaction's time-out caught twice goes on as one transaction for each
    /// part: they have nothing in common but the cut.
    pub(super) fn split_if_it_does_not_fit(&mut self) {
        let is_divisible = !self.epoch.is_indivisible && self.epoch.parts.len() > 1;
        if self.lost_producers >= Self::LOST_MAX && is_divisible {
            warn!(parts = self.epoch.parts.len(), "committing an epoch part by part");
            self.later = self.epoch.parts.split_off(1);
        }
    }

    /// The parts at hand are committed, or nothing of them is ours any more. False if that was the
    /// last of it.
    pub(super) fn finish_parts(&mut self, committed: bool) -> bool {
        let parts = std::mem::take(&mut self.epoch.parts);
        if committed {
            self.done.extend(parts);
        }
        self.epoch.parts.extend(self.later.pop());
        !self.epoch.parts.is_empty()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use tailsift_sampler::{Checkpoint, LiveFrom};

    use super::*;
    use crate::{ClientSettings, Delivery, Partitioner, PolicyNames, SharedPolicyNames, Topics};

    pub(in crate::sink) fn settings() -> SinkSettings {
        SinkSettings {
            client: ClientSettings::new("localhost:1"),
            latest_client: None,
            export_client: None,
            delivery: Delivery::ExactlyOnce,
            transactional_id: "id".to_owned(),
            input_topics: Topics::new("in"),
            export_topic: "out".to_owned(),
            dead_letter_topic: None,
            decisions_topic: "log".to_owned(),
            scope: 1,
            max_message_bytes: 1000,
            compression: "none".to_owned(),
            partitioner: Partitioner::Fnv1a,
            policy_names: SharedPolicyNames::new(PolicyNames::new(["all"])),
            fingerprint: String::new(),
            config: 0,
            writer: 0,
        }
    }

    /// An epoch of three parts without outputs.
    fn epoch() -> Epoch {
        let part = |partition| Part {
            partition,
            assignment: 1,
            commit_offset: 0,
            next_offset: 0,
            commit_stream_time: None,
            next_stream_time: None,
            checkpoint: Checkpoint::default(),
            has_batch: false,
            entries: Vec::new(),
            live_from: LiveFrom::Nothing,
            kept_from: None,
            batch_offset: None,
            exports: Vec::new(),
            dead_letters: Vec::new(),
        };
        Epoch { parts: (0..3).map(part).collect(), ..Epoch::default() }
    }

    fn partitions(parts: &[Part]) -> Vec<i32> {
        parts.iter().map(|part| part.partition).collect()
    }

    #[test]
    fn an_epoch_that_was_lost_twice_goes_on_part_by_part() {
        let mut work = Work::new(&settings(), epoch());
        for lost in 0..2 {
            work.lost_producers = lost;
            work.split_if_it_does_not_fit();
            assert_eq!(partitions(&work.epoch.parts), [0, 1, 2]);
        }
        work.lost_producers = 2;
        work.epoch.is_indivisible = true;
        work.split_if_it_does_not_fit();
        assert_eq!(partitions(&work.epoch.parts), [0, 1, 2]);
        work.epoch.is_indivisible = false;
        work.split_if_it_does_not_fit();
        assert_eq!(partitions(&work.epoch.parts), [0]);
        assert!(work.finish_parts(true));
        work.split_if_it_does_not_fit();
        assert_eq!(partitions(&work.epoch.parts), [2]);
        assert!(work.finish_parts(false));
        assert!(!work.finish_parts(true));
        assert_eq!(partitions(&work.done), [0, 1]);
    }
}

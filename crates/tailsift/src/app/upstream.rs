//! How far the re-key stage is, in whichever process it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tailsift_config::Config;
use tailsift_kafka::{CommitMetadata, GroupObserver, GroupPosition, TopicError, Topics};
use tailsift_trace::Millis;

use super::build::client_settings;
use crate::metrics::publish_rekey_lag;
use crate::rekey::{Reached, RekeyBoard};
use crate::worker::wall_now;

/// Watches the group of the re-key stage.
pub(super) struct Upstream {
    observer: GroupObserver,
    proof: Proof,
    /// The stage's workers in this process, if there are any, and their numbers of partitions.
    stage: Option<(Arc<RekeyBoard>, Topics)>,
}

impl Upstream {
    /// # Errors
    /// If no client can be made.
    pub(super) fn new(
        config: &Config,
        stage: Option<(Arc<RekeyBoard>, Topics)>,
    ) -> Result<Self, TopicError> {
        let (group, topics) = (config.rekey_group(), &config.input.topics);
        let observer = GroupObserver::new(&client_settings(config), &group, topics)?;
        Ok(Self { observer, proof: Proof::default(), stage })
    }

    /// Asks with connections of this configuration from now on.
    ///
    /// # Errors
    /// If no client can be made.
    pub(super) fn connect_anew(&mut self, config: &Config) -> Result<(), TopicError> {
        let (group, topics) = (config.rekey_group(), &config.input.topics);
        self.observer = GroupObserver::new(&client_settings(config), &group, topics)?;
        Ok(())
    }

    /// True if partitions wait for what other processes read: it should be asked again soon.
    pub(super) fn is_waited_for(&self) -> bool {
        self.stage.as_ref().is_some_and(|(board, _)| board.is_waiting())
    }

    /// Asks anew. The time before which everything in the input has been re-keyed and committed,
    /// if that has come to be.
    ///
    /// # Errors
    /// If the brokers do not answer within `patience`.
    pub(super) fn look(&mut self, patience: Duration) -> Result<Option<Millis>, TopicError> {
        let asked_at = wall_now();
        let positions = self.observer.positions(patience)?;
        for GroupPosition { topic, partition, end, committed, .. } in &positions {
            publish_rekey_lag(topic, *partition, (end - committed.unwrap_or(0)).max(0));
        }
        if let Some((board, topics)) = &self.stage {
            tell(board, topics, &positions);
        }
        Ok(self.proof.handle(asked_at, &positions))
    }
}

/// Shows the stage's workers what is committed elsewhere.
fn tell(board: &RekeyBoard, topics: &Topics, positions: &[GroupPosition]) {
    let number = |one: &GroupPosition| topics.number(&one.topic, one.partition);
    let ends = positions.iter().map(|one| (number(one), one.end)).collect();
    let committed = positions.iter().map(|one| Reached {
        partition: number(one),
        next_offset: one.committed.unwrap_or(0),
        time: CommitMetadata::parse(&one.metadata)
            .ok()
            .flatten()
            .and_then(|commit| commit.read_stream_time),
        waits: false,
    });
    board.set_committed(committed.collect(), ends);
}

/// The proof that an input was re-keyed up to some time: ends that were asked for then, and
/// offsets committed beyond them.
#[derive(Debug, Default)]
struct Proof {
    asked_at: Millis,
    /// By topic and partition; empty = nothing was asked.
    ends: BTreeMap<(String, i32), i64>,
}

impl Proof {
    /// What was asked for at `asked_at`. The time of the question that is proven by it.
    fn handle(&mut self, asked_at: Millis, positions: &[GroupPosition]) -> Option<Millis> {
        let committed: BTreeMap<_, _> = positions
            .iter()
            .map(|one| ((one.topic.as_str(), one.partition), one.committed))
            .collect();
        let is_past = |((topic, partition), end): (&(String, i32), &i64)| {
            let committed = committed.get(&(topic.as_str(), *partition)).copied().flatten();
            committed.is_some_and(|committed| committed >= *end)
        };
        let is_proven = !self.ends.is_empty() && self.ends.iter().all(is_past);
        let proven = is_proven.then_some(self.asked_at);
        if is_proven || self.ends.is_empty() {
            self.asked_at = asked_at;
            let end = |one: &GroupPosition| ((one.topic.clone(), one.partition), one.end);
            self.ends = positions.iter().map(end).collect();
        }
        proven
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32, end: i64, committed: Option<i64>) -> GroupPosition {
        let metadata = Vec::new();
        GroupPosition { topic: "in".into(), partition, end, committed, metadata }
    }

    #[test]
    fn a_time_is_proven_once_all_ends_of_then_are_committed() {
        let mut proof = Proof::default();
        let mut ask = |time, positions: &[GroupPosition]| {
            proof.handle(Millis(time), positions).map(|time| time.0)
        };
        assert_eq!(
            ask(1, &[at(0, 10, Some(10)), at(1, 5, None)]),
            None,
            "a question is not enough"
        );
        assert_eq!(ask(2, &[at(0, 20, Some(15)), at(1, 5, Some(4))]), None);
        assert_eq!(ask(3, &[at(0, 30, Some(25)), at(1, 5, Some(5))]), Some(1));
        assert_eq!(ask(4, &[at(0, 30, Some(29)), at(1, 5, Some(5))]), None);
        assert_eq!(ask(5, &[at(0, 40, Some(30)), at(1, 5, Some(5))]), Some(3));
        assert_eq!(ask(6, &[at(1, 9, Some(9))]), None, "a partition is missing");
    }
}

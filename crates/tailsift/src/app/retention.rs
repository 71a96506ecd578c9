//! Deletes from the decision log what no restart can need.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tailsift_config::{Config, Delivery};
use tailsift_kafka::{
    Admin, CommitMetadata, CommittedOffset, Isolation, PartitionOffset, TopicError, scope_of,
};
use tracing::{debug, warn};

/// How often.
const EVERY: Duration = Duration::from_secs(60);

/// Shortens the log now and then. Any process of the group may, and more than one at once.
pub(crate) struct Retention {
    group: String,
    input: String,
    log: String,
    is_transactional: bool,
    last: Instant,
    /// It was refused and said so.
    warned: bool,
}

impl Retention {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            group: config.group.clone(),
            input: config.window_topic().to_owned(),
            log: config.decisions.topic.clone(),
            is_transactional: config.delivery == Delivery::ExactlyOnce,
            last: Instant::now(),
            warned: false,
        }
    }

    /// Shortens the log if it is time to.
    pub(crate) fn tend(&mut self, admin: &Admin) {
        if self.last.elapsed() < EVERY {
            return;
        }
        self.last = Instant::now();
        match self.shorten(admin) {
            Ok(()) => self.warned = false,
            Err(error) if self.warned => debug!(%error, "the decision log is not shortened"),
            Err(error) => {
                self.warned = true;
                warn!(%error, "the decision log is not shortened: it is kept for as long as the topic's retention says");
            }
        }
    }

    fn shorten(&self, admin: &Admin) -> Result<(), TopicError> {
        // In this order: a batch that is committed after the ends were asked for lies above them.
        let ends = admin.end_offsets(&self.log, Isolation::Committed)?;
        let starts = admin.log_starts(&self.log)?;
        let committed = admin.committed_offsets(&self.group, &self.input)?;
        let scope = scope_of(&self.group, &self.input);
        let needed = needed_from(&committed, scope, &ends, self.is_transactional);
        let deletable: Vec<_> = needed
            .into_iter()
            .flatten()
            .filter(|at| {
                starts
                    .iter()
                    .any(|start| start.partition == at.partition && start.offset < at.offset)
            })
            .collect();
        if deletable.is_empty() {
            return Ok(());
        }
        debug!(?deletable, "shortening the decision log");
        admin.delete_records_below(&self.log, &deletable)
    }
}

/// Below which offset partitions of the log are not needed; `None` while that is not known of
/// every input partition: one without a commit of ours would search the whole log.
///
/// The last batch of each is kept in any case: if the group's offsets expire, it alone tells where
/// to go on. Without transactions a batch is in the log before an offset speaks of it: a partition
/// that has committed none may just have written its first.
fn needed_from(
    committed: &[CommittedOffset],
    scope: u64,
    ends: &[PartitionOffset],
    is_transactional: bool,
) -> Option<Vec<PartitionOffset>> {
    let mut lowest: BTreeMap<i32, i64> =
        ends.iter().map(|end| (end.partition, end.offset)).collect();
    for one in committed {
        one.offset?;
        let commit = CommitMetadata::parse(&one.metadata).ok()??;
        if commit.scope != scope {
            return None;
        }
        let kept = commit.kept_from.or((!is_transactional).then_some(0));
        if let Some(kept) = kept
            && let Some(lowest) = lowest.get_mut(&commit.checkpoint.log_partition)
        {
            *lowest = kept.min(*lowest);
        }
    }
    let offsets = lowest.into_iter();
    Some(offsets.map(|(partition, offset)| PartitionOffset { partition, offset }).collect())
}

#[cfg(test)]
mod tests {
    use tailsift_sampler::{Checkpoint, Commit};

    use super::*;

    fn commit(partition: i32, log_partition: i32, kept_from: Option<i64>) -> CommittedOffset {
        let commit = Commit {
            scope: 1,
            checkpoint: Checkpoint { incarnation: 7, sequence: 3, log_partition },
            read_to: 5,
            stream_time: None,
            read_stream_time: None,
            live_from: None,
            kept_from,
            config: 0,
        };
        let metadata = CommitMetadata(commit).to_string().into_bytes();
        CommittedOffset { partition, offset: Some(3), metadata }
    }

    fn needed(committed: &[CommittedOffset]) -> Option<Vec<i64>> {
        needed_by(committed, true)
    }

    fn needed_by(committed: &[CommittedOffset], is_transactional: bool) -> Option<Vec<i64>> {
        let ends = [100, 200].into_iter().zip(0..);
        let ends: Vec<_> =
            ends.map(|(offset, partition)| PartitionOffset { partition, offset }).collect();
        let needed = needed_from(committed, 1, &ends, is_transactional)?;
        Some(needed.into_iter().map(|at| at.offset).collect())
    }

    #[test]
    fn the_log_is_kept_from_the_lowest_offset_that_any_partition_needs() {
        let all = [commit(0, 0, Some(40)), commit(1, 1, None), commit(2, 0, Some(30))];
        assert_eq!(needed(&all), Some(vec![30, 200]));
        assert_eq!(needed(&all[..1]), Some(vec![40, 200]), "no one keeps to the other");
    }

    #[test]
    fn without_transactions_a_first_batch_may_be_there_that_no_offset_speaks_of() {
        let all = [commit(0, 0, Some(40)), commit(1, 1, None)];
        assert_eq!(needed(&all), Some(vec![40, 200]));
        assert_eq!(needed_by(&all, false), Some(vec![40, 0]));
    }

    #[test]
    fn nothing_is_deleted_while_a_partition_may_search_the_log() {
        let none = CommittedOffset { partition: 1, offset: None, metadata: Vec::new() };
        let foreign = CommittedOffset { partition: 1, offset: Some(3), metadata: b"x".to_vec() };
        assert_eq!(needed(&[commit(0, 0, Some(40)), none]), None);
        assert_eq!(needed(&[commit(0, 0, Some(40)), foreign]), None);
    }
}

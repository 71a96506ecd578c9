//! Partitions between their assignment and their first record.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

use tailsift_kafka::{Assigned, ClientSettings, Recovered, Restorer, TopicError};
use tailsift_sampler::{Restored, Shard};
use tracing::{error, info, warn};

use crate::metrics::RestoreStanding;

/// What is known of partitions that are not read yet.
pub(crate) struct Restoring {
    restorer: Restorer,
    accept_lost_decisions: bool,
    /// Partitions that cannot be taken up, and why.
    refused: BTreeMap<i32, String>,
    /// Records that were deleted before anyone read them.
    records_missing: u64,
}

/// A partition that is to be read from this offset on.
pub(crate) struct Started {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

impl Restoring {
    pub(crate) fn new(restorer: Restorer, accept_lost_decisions: bool) -> Self {
        Self { restorer, accept_lost_decisions, refused: BTreeMap::new(), records_missing: 0 }
    }

    pub(crate) fn connect_anew(&mut self, client: &ClientSettings) -> Result<(), TopicError> {
        self.restorer.connect_anew(client)
    }

    /// True if nothing is being read from the log.
    pub(crate) fn is_idle(&self) -> bool {
        self.restorer.is_idle()
    }

    /// Goes by other policies, of this fingerprint, while it is [idle](Self::is_idle).
    pub(crate) fn set_config(&mut self, config: u64) {
        self.restorer.set_config(config);
    }

    pub(crate) fn begin(&mut self, assigned: Vec<Assigned>) {
        for one in assigned {
            let (partition, offset) = (one.partition, one.offset());
            info!(partition, offset, "assigned");
            self.restorer.begin(one, RandomState::new().hash_one(partition));
        }
    }

    pub(crate) fn forget(&mut self, partitions: &[i32]) {
        self.restorer.forget(partitions);
        self.refused.retain(|partition, _| !partitions.contains(partition));
    }

    /// Goes on restoring, as far as the shard's memory allows; what is ready to be read.
    pub(crate) fn poll(&mut self, shard: &mut Shard) -> Vec<Started> {
        let mut started = Vec::new();
        while shard.may_restore()
            && let Some(recovered) = self.restorer.poll()
        {
            started.extend(self.take_up(recovered, shard));
        }
        started
    }

    /// True if every partition is read that the group has given.
    pub(crate) fn is_done(&self) -> bool {
        self.refused.is_empty() && self.restorer.is_idle()
    }

    /// What is still to be done; `None` if nothing is.
    pub(crate) fn reason(&self, to_replay: i64) -> Option<String> {
        if let Some((partition, reason)) = self.refused.first_key_value() {
            return Some(format!("partition {partition} is refused: {reason}"));
        }
        if let Some(partition) = self.restorer.pending().next() {
            let count = self.restorer.pending().count();
            return Some(format!(
                "reading the decision log for {count} partitions, {partition} among them"
            ));
        }
        (to_replay > 0).then(|| format!("replaying: {to_replay} records to go"))
    }

    /// For the metrics.
    pub(crate) fn standing(&self) -> RestoreStanding {
        RestoreStanding {
            pending: self.restorer.pending().count(),
            refused: self.refused.len(),
            records_missing: self.records_missing,
        }
    }

    fn take_up(&mut self, recovered: Recovered, shard: &mut Shard) -> Option<Started> {
        let Recovered { partition, log_start, from_log_alone, set_by_hand, took, .. } = recovered;
        let restored = match recovered.outcome {
            Ok(restored) => restored,
            Err(reason) if self.accept_lost_decisions => {
                warn!(
                    partition,
                    %reason,
                    "going on without the verdicts of earlier owners, as asked for: exports may repeat"
                );
                recovered.without_log
            }
            Err(reason) => {
                error!(partition, %reason, "the partition is not read");
                self.refused.insert(partition, reason.to_string());
                return None;
            }
        };
        if from_log_alone {
            warn!(
                partition,
                offset = restored.offset,
                "the group's offset is gone, expired or deleted; going on where the decision log ends"
            );
        }
        if set_by_hand {
            warn!(
                partition,
                offset = restored.offset,
                "the group's offset was set by hand; from there on all is judged anew, and exported again"
            );
        }
        let restored = self.after_retention(partition, log_start, restored);
        let offset = restored.offset;
        info!(
            partition,
            offset,
            replay = (restored.read_to - offset).max(0),
            decisions = restored.decisions.len(),
            took_ms = took.as_millis(),
            "restored"
        );
        shard.handle_assigned(partition, restored);
        Some(Started { partition, offset })
    }

    /// Goes on at the log's start if records that were not read yet are deleted, never at its end.
    fn after_retention(&mut self, partition: i32, log_start: i64, from: Restored) -> Restored {
        let missing = log_start - from.offset;
        if missing <= 0 {
            return from;
        }
        // Records below the last owner's position had been read, but are gone with its window.
        self.records_missing += missing.unsigned_abs();
        error!(
            partition,
            missing,
            offset = log_start,
            "records were deleted before they were read and decided; going on at the log's start. Lengthen the input topic's retention"
        );
        Restored { offset: log_start, ..from }
    }
}

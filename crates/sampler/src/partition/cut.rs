//! What a partition commits, and what it forgets once that is done.

use tailsift_trace::Millis;

use super::Partition;
use crate::{Part, Stats};

impl Partition {
    /// The cut: what this partition has to commit, if anything. All of it is taken at this one
    /// instant and never told anew.
    pub(crate) fn cut(&mut self, stats: &mut Stats) -> Option<Part> {
        if self.replay.is_some() {
            return None;
        }
        self.renew_turning();
        let (commit_offset, commit_stream_time) = match self.oldest_needed() {
            Some(arrival) => (arrival.offset, arrival.stream_time),
            None => (self.next_offset, self.clock.now()),
        };
        let has_batch =
            !self.exports.is_empty() || !self.dead_letters.is_empty() || self.window.has_unlogged();
        if !has_batch && !self.has_moved(commit_offset) {
            return None;
        }
        let mut entries = Vec::new();
        if has_batch {
            self.checkpoint.sequence += 1;
            let (turns, next_offset) = (&self.turns, self.next_offset);
            entries = self.window.cut(self.checkpoint.sequence, |turn| {
                turn.and_then(|turn| turns.get(turn)).map_or(next_offset, |turn| turn.trigger)
            });
        }
        stats.decisions_logged += entries.len() as u64;
        self.output_bytes = 0;
        Some(Part {
            partition: self.id,
            assignment: self.assignment,
            commit_offset,
            next_offset: self.next_offset,
            commit_stream_time,
            next_stream_time: self.clock.now(),
            checkpoint: self.checkpoint,
            has_batch,
            entries,
            live_from: self.window.live_from(),
            kept_from: self.kept_from,
            batch_offset: None,
            exports: std::mem::take(&mut self.exports),
            dead_letters: std::mem::take(&mut self.dead_letters),
        })
    }

    /// True if a commit without outputs has something to say: the watermark moved, verdicts may be
    /// forgotten, less of the log is needed, or nothing was committed since the assignment, which
    /// fixes where a group starts that never committed.
    fn has_moved(&mut self, commit_offset: i64) -> bool {
        let now = self.clock.now().unwrap_or(Millis(i64::MIN));
        self.committed != Some(commit_offset)
            || self.committed_live_from != self.window.live_from()
            || self.window.has_expired(now, commit_offset)
    }

    /// A part of this assignment was committed: what it covers may be forgotten.
    pub(crate) fn handle_committed(&mut self, part: &Part) {
        assert!(self.committed <= Some(part.commit_offset), "a low watermark never goes back");
        self.committed = Some(part.commit_offset);
        if part.has_batch {
            let offset = part.batch_offset.expect("a committed batch has an offset");
            self.window.batch_committed(part.checkpoint.sequence, offset);
        }
        self.committed_live_from = part.committed_live_from();
        self.kept_from = part.committed_kept_from();
        if let Some(now) = part.next_stream_time {
            self.window.forget_expired(now, part.commit_offset);
        }
    }
}

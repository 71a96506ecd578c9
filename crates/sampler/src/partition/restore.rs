//! How a partition is taken up where its last owner left it.

use tailsift_policy::{PolicySet, Verdict};
use tailsift_trace::Millis;

use super::{Chances, Partition, Replay};
use crate::close::CloseRule;
use crate::completion::Completion;
use crate::deadline::Deadlines;
use crate::decision_cache::Decided;
use crate::known::{Known, Read};
use crate::ledger::Ledger;
use crate::segment::Segments;
use crate::stream_time::StreamTime;
use crate::turns::Turns;
use crate::window::Window;
use crate::{Entry, Limits, LiveFrom, Logged, Restored};

impl Partition {
    pub(crate) fn new(
        id: i32,
        assignment: u64,
        from: Restored,
        limits: &Limits,
        policies: &PolicySet,
    ) -> Self {
        let rule = CloseRule::new(limits, policies);
        let replay = Replay { to: from.read_to, stream_time: from.read_stream_time };
        let mut partition = Self {
            id,
            assignment,
            next_offset: from.offset,
            committed: None,
            committed_live_from: LiveFrom::Nothing,
            checkpoint: from.checkpoint,
            kept_from: from.kept_from,
            replay: Some(replay),
            clock: StreamTime::new(from.stream_time, limits.decision_wait),
            wall: Millis::default(),
            window: Window::new(),
            segments: Segments::default(),
            ledger: Ledger::default(),
            by_arrival: Deadlines::new(rule.decision_wait),
            by_root: rule.after_root.map(Deadlines::new),
            completion: Completion::new(limits),
            rule,
            remember: limits.remember,
            chances: Chances::new(limits),
            turns: Turns::default(),
            full: Vec::new(),
            // What an owner had spent is not written down: a new one begins with all of it.
            limiters: policies.limiters(limits.input_partitions),
            exports: Vec::new(),
            dead_letters: Vec::new(),
            output_bytes: 0,
        };
        partition.restore(from.decisions, policies);
        partition.catch_up();
        partition
    }

    /// Takes back, of each trace, the last word that is still of use: records below its `through`
    /// may be read again, or its late spans may still come.
    fn restore(&mut self, logged: Vec<Logged>, policies: &PolicySet) {
        for one in &logged {
            self.window.add_batch(one.sequence, one.offset);
        }
        let expired = self.replay.and_then(|replay| replay.stream_time);
        let is_live = |entry: &Entry| {
            expired.is_none_or(|now| entry.expiry > now) || entry.through > self.next_offset
        };
        // An entry replaces earlier ones, none of which lives longer than it does.
        let mut live: Vec<Logged> = logged.into_iter().filter(|one| is_live(&one.entry)).collect();
        live.sort_by_key(|one| (one.entry.trace_id, std::cmp::Reverse(one.sequence)));
        live.dedup_by_key(|one| one.entry.trace_id);
        live.sort_by_key(|one| (one.entry.expiry, one.entry.trace_id));
        for Logged { entry, sequence, .. } in live {
            let known = known_of(&entry);
            let kept_late =
                |known: &Read| policies.certain_keep(entry.trace_id, &known.facts).is_some();
            let would_have_kept = known.as_ref().is_some_and(kept_late);
            let may_turn = match &known {
                Some(known) => !policies.late_drop(entry.trace_id, &known.facts),
                None => entry.may_turn,
            };
            self.window.decide(Decided {
                trace_id: entry.trace_id,
                decision: entry.decision,
                through: entry.through,
                expiry: entry.expiry,
                known: known.as_ref().map(Known::new),
                may_turn,
                turn: None,
                turned: entry
                    .turned
                    .map(|turned| Box::new((turned, entry.missing.unwrap_or_default()))),
                would_have_kept,
                unlogged: None,
                logged: sequence,
            });
        }
    }

    /// Ends the replay once all that the last owner had read is read again.
    pub(super) fn catch_up(&mut self) {
        if self.replay.is_some() {
            // Waits go by the clock as it was when the last owner read this, not as it will be.
            self.by_arrival.settle_doubt(&self.clock);
            if let Some(by_root) = &mut self.by_root {
                by_root.settle_doubt(&self.clock);
            }
            if let Some(completion) = &mut self.completion {
                completion.settle_doubt(&self.clock);
            }
        }
        let Some(replay) = self.replay.filter(|replay| self.next_offset >= replay.to) else {
            return;
        };
        self.replay = None;
        if let Some(then) = replay.stream_time {
            self.clock.catch_up(then);
        }
        self.find_full();
    }

    /// Looks for traces that have reached a limit.
    pub(super) fn find_full(&mut self) {
        for (key, trace) in self.window.open_traces() {
            let reason = self.rule.limit_reached(&trace.facts, trace.bytes);
            self.full.extend(reason.map(|reason| (key, reason)));
        }
    }

    /// False while what the last owner had read is read again.
    pub(crate) fn is_live(&self) -> bool {
        self.replay.is_none()
    }

    /// How many offsets are still to be read again.
    pub(crate) fn to_replay(&self) -> i64 {
        self.replay.map_or(0, |replay| (replay.to - self.next_offset).max(0))
    }
}

/// What an entry of a drop tells of its trace, if it tells anything that means something to the
/// policies in force.
fn known_of(entry: &Entry) -> Option<Read> {
    let Entry { facts: Some(facts), sources: Some(sources), source_bytes, .. } = entry else {
        return None;
    };
    let is_drop = entry.decision.verdict == Verdict::Drop;
    let (facts, sources) = (facts.clone(), sources.clone());
    is_drop.then_some(Read { facts, sources, source_bytes: *source_bytes })
}

//! Spans of traces that were judged: they follow the verdict, or turn it.

use std::sync::Arc;

use tailsift_policy::{Decision, Facts, Verdict};
use tailsift_trace::{Batch, Chunk, Millis};

use super::{Common, ENTRY_BYTES, Partition};
use crate::known::Known;
use crate::slab::Key;
use crate::{EntryKind, Export, RecordAt};

/// A trace's share of a record that came after its verdict.
#[derive(Clone, Copy)]
pub(super) struct Late<'a, 'b> {
    pub(super) at: &'a RecordAt<'a>,
    pub(super) batch: &'a Batch<'b>,
    pub(super) chunk: &'a Chunk,
    /// Stream time just before the record was applied; `None` if the clock had not started.
    pub(super) before: Option<Millis>,
    /// And now.
    pub(super) now: Millis,
}

impl Partition {
    /// Handles late spans of a trace whose verdict is remembered.
    pub(super) fn follow(&mut self, key: Key, late: &Late<'_, '_>, common: &mut Common<'_>) {
        let decided =
            self.window.decided_mut(key).expect("the index names remembered verdicts only");
        if late.at.offset < decided.through {
            common.stats.spans_covered += late.spans();
            return;
        }
        if let Some(turn) = decided.turn {
            self.turns.join(turn, late.at.headers, late.batch, late.chunk);
            return;
        }
        match decided.decision.verdict {
            Verdict::Keep => {
                let export = late.export(decided.decision);
                common.stats.late_spans_kept += late.spans();
                common.stats.kept_spans += late.spans();
                self.output_bytes += export.bytes();
                self.exports.push(export);
            }
            Verdict::Drop => {
                if self.is_turned_by(key, late, common) {
                    return;
                }
                common.stats.late_spans_dropped += late.spans();
                common.stats.dropped_spans += late.spans();
            }
        }
        let until = late.now + self.remember;
        if let Some(decided) = self.window.decided_mut(key) {
            decided.expiry = decided.expiry.max(until);
        }
        if self.window.note(key, EntryKind::Late) {
            self.output_bytes += ENTRY_BYTES;
        }
    }

    /// Folds late spans of a dropped trace into what is known of it, as a whole. True if they turn
    /// the verdict: what is known stays as it was then, since a next owner meets them again.
    fn is_turned_by(&mut self, key: Key, late: &Late<'_, '_>, common: &mut Common<'_>) -> bool {
        let decided =
            self.window.decided_mut(key).expect("the index names remembered verdicts only");
        // What a replay meets was a turn already: else the verdict would cover it.
        let is_over = |lag: Millis| self.replay.is_none() && decided.expiry - lag <= late.now;
        if self.chances.as_ref().is_some_and(|chances| is_over(chances.lag)) {
            decided.known = None;
        }
        let Some(known) = &decided.known else {
            return self.is_turned_alone(key, late, common);
        };
        let mut known = known.read();
        let policies = common.policies;
        let tally = &mut common.stats.tally;
        policies.fold_at(Some(late.now), &mut known.facts, late.batch, late.chunk, tally);
        let keeper = match self.chances {
            Some(_) => policies.late_keep(decided.trace_id, &known.facts),
            None => policies.certain_keep(decided.trace_id, &known.facts),
        };
        if let Some(keeper) = keeper {
            if self.chances.is_some() {
                self.open_turn(key, keeper, Some(known), late, common);
                return true;
            }
            if !decided.would_have_kept {
                decided.would_have_kept = true;
                common.stats.late_would_have_kept += 1;
            }
        }
        decided.may_turn = !policies.late_drop(decided.trace_id, &known.facts);
        known.sources.push(late.at.offset);
        known.source_bytes = known.source_bytes.saturating_add(late.at.bytes as u64);
        decided.known = Some(Known::new(&known));
        false
    }

    /// Judges late spans of a dropped trace alone, since nothing else is known of it any more. True
    /// if they turn the verdict: the rest of the trace is lost.
    fn is_turned_alone(&mut self, key: Key, late: &Late<'_, '_>, common: &mut Common<'_>) -> bool {
        let decided =
            self.window.decided_mut(key).expect("the index names remembered verdicts only");
        if self.chances.is_some() && decided.may_turn {
            let (policies, mut facts) = (common.policies, Facts::default());
            let tally = &mut common.stats.tally;
            policies.fold_at(Some(late.now), &mut facts, late.batch, late.chunk, tally);
            if let Some(keeper) = policies.lone_keep(decided.trace_id, &facts) {
                self.open_turn(key, keeper, None, late, common);
                return true;
            }
            decided.may_turn = !policies.late_drop(decided.trace_id, &facts);
        }
        common.stats.late_spans_unjudged += late.spans();
        false
    }
}

impl Late<'_, '_> {
    pub(super) fn spans(&self) -> u64 {
        u64::from(self.chunk.spans.end - self.chunk.spans.start)
    }

    /// The spans as a request.
    pub(super) fn payload(&self) -> Vec<u8> {
        let pieces = self.batch.pieces_of(self.chunk).iter();
        let runs: Vec<&[u8]> = pieces.map(|piece| piece.bytes(&self.batch.shared)).collect();
        runs.concat()
    }

    fn export(&self, decision: Decision) -> Export {
        Export {
            trace_id: self.chunk.trace_id,
            decision,
            late: true,
            turned: None,
            spans: self.chunk.spans.end - self.chunk.spans.start,
            time: self.now,
            headers: self.at.headers.into(),
            payload: Arc::new(self.payload()),
        }
    }
}

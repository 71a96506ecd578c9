//! The second chance of dropped traces: asked for once late spans want one kept, granted between
//! records.

use std::collections::BTreeMap;
use std::sync::Arc;

use tailsift_policy::{Chance, Decision, Verdict};
use tailsift_trace::{Millis, StatusCode, common_headers};

use super::late::Late;
use super::{Common, ENTRY_BYTES, Partition};
use crate::known::Read;
use crate::ledger::Arrival;
use crate::slab::Key;
use crate::turn_budget::TurnBudget;
use crate::turns::Turn;
use crate::window::Place;
use crate::{
    EntryKind, Export, Limits, Missing, Partial, Reread, RereadAnswer, RereadSource, SourceSpans,
    Sources, Stats, Turned, TurnedTrace,
};

/// What a partition has of the second chance, if there is one.
#[derive(Debug)]
pub(super) struct Chances {
    /// What is known of a drop is let go so long before the verdict expires.
    pub(super) lag: Millis,
    budget: TurnBudget,
}

impl Chances {
    pub(super) fn new(limits: &Limits) -> Option<Self> {
        let chance = limits.second_chance.as_ref()?;
        Some(Self {
            lag: limits.remember - chance.remember,
            budget: TurnBudget::new(chance, limits.input_partitions),
        })
    }
}

/// What was found of a trace's records, in their order.
#[derive(Default)]
struct Found {
    spans: Vec<SourceSpans>,
    missing: Sources,
    partial: Option<Partial>,
}

impl Partition {
    /// Late spans turn a verdict; nothing can be read again if nothing is known of the trace any
    /// more. In a replay the last owner has paid for it.
    pub(super) fn open_turn(
        &mut self,
        key: Key,
        keeper: u16,
        known: Option<Read>,
        late: &Late<'_, '_>,
        common: &mut Common<'_>,
    ) {
        let Some(decided) = self.window.decided_mut(key) else { return };
        let is_forgotten = known.is_none();
        let Read { sources, source_bytes, .. } = known.unwrap_or_default();
        let spans = late.batch.spans_of(late.chunk);
        let failed = spans.iter().find(|span| span.status == StatusCode::ERROR);
        let decision = Decision {
            verdict: Verdict::Keep,
            policy: common.places[usize::from(keeper)],
            close_reason: decided.decision.close_reason,
            chance: Chance::None,
        };
        let turn = Turn {
            trace_id: decided.trace_id,
            decided: key,
            trigger: late.at.offset,
            decision,
            by: failed.or(spans.first()).and_then(|span| span.span_id),
            sources,
            source_bytes,
            late: late.payload(),
            spans: late.chunk.spans.end - late.chunk.spans.start,
            headers: late.at.headers.into(),
            headers_differ: false,
        };
        *common.sequence += 1;
        let arrival = Arrival {
            offset: late.at.offset,
            key,
            stream_time: late.before,
            sequence: *common.sequence,
        };
        let turn = self.turns.open(turn, arrival);
        decided.turn = Some(turn);
        common.stats.turns_asked += 1;
        if is_forgotten {
            self.turns.refuse(turn, Partial::Forgotten);
            return;
        }
        let mut pays = |chances: &mut Chances| chances.budget.take(source_bytes, late.now);
        if self.replay.is_none() && !self.chances.as_mut().is_some_and(&mut pays) {
            self.turns.refuse(turn, Partial::Budget);
        }
    }

    /// The next trace whose records are to be read again; none before all is read again that the
    /// last owner had read.
    pub(crate) fn poll_reread(&mut self) -> Option<Reread> {
        if self.replay.is_some() {
            return None;
        }
        let (partition, assignment) = (self.id, self.assignment);
        let turn = self.turns.pop_unasked()?;
        Some(Reread {
            partition,
            assignment,
            trace_id: turn.trace_id,
            trigger: turn.trigger,
            sources: turn.sources.offsets().collect(),
            bytes: turn.source_bytes,
        })
    }

    /// What was found of a trace's records: it is kept. Ignored if it was not asked for by this
    /// assignment, or is settled already.
    pub(crate) fn handle_reread(&mut self, answer: RereadAnswer, common: &mut Common<'_>) {
        let RereadAnswer { asked, sources } = answer;
        let Some(key) = self.turn_of(&asked) else { return };
        let Some(turn) = self.turns.get(key) else { return };
        let mut sources: BTreeMap<i64, Result<SourceSpans, Missing>> =
            sources.into_iter().map(|RereadSource { offset, found }| (offset, found)).collect();
        let mut found = Found::default();
        for offset in turn.sources.offsets() {
            match sources.remove(&offset).unwrap_or(Err(Missing::Timeout)) {
                Ok(spans) => found.spans.push(spans),
                Err(why) => found.miss(offset, why.into()),
            }
        }
        if found.partial.is_none() && !turn.sources.is_complete() {
            found.partial = Some(Partial::SourcesCapped);
        }
        self.settle_turn(key, found, common);
    }

    /// Exports the late spans alone of turns for which nothing is read again.
    pub(super) fn settle_refused(&mut self, common: &mut Common<'_>) {
        while let Some((key, why)) = self.turns.pop_refused() {
            self.give_up_turn(key, why, common);
        }
    }

    /// The turn that waits longest, unless nothing can be settled yet.
    pub(crate) fn oldest_turn(&mut self) -> Option<Arrival> {
        self.turns.oldest().filter(|_| self.replay.is_none())
    }

    /// Exports its late spans alone, for want of memory.
    pub(crate) fn give_up_oldest_turn(&mut self, common: &mut Common<'_>) {
        if let Some(arrival) = self.oldest_turn() {
            self.give_up_turn(arrival.key, Partial::Memory, common);
        }
    }

    /// Entries that would expire at this cut are written again: a turn's verdict is not forgotten
    /// before it was turned.
    pub(super) fn renew_turning(&mut self) {
        let Some(now) = self.clock.now() else { return };
        for turn in self.turns.iter() {
            let Some(decided) = self.window.decided_mut(turn.decided) else { continue };
            if decided.expiry > now {
                continue;
            }
            decided.expiry = now + self.remember;
            if self.window.note(turn.decided, EntryKind::Late) {
                self.output_bytes += ENTRY_BYTES;
            }
        }
    }

    fn turn_of(&mut self, asked: &Reread) -> Option<Key> {
        let is_ours = self.replay.is_none() && asked.assignment == self.assignment;
        let Some(Place::Decided(key)) = self.window.find(asked.trace_id).filter(|_| is_ours) else {
            return None;
        };
        let key = self.window.decided_mut(key)?.turn?;
        self.turns.get(key).is_some_and(|turn| turn.trigger == asked.trigger).then_some(key)
    }

    fn give_up_turn(&mut self, key: Key, why: Partial, common: &mut Common<'_>) {
        let Some(turn) = self.turns.get(key) else { return };
        let found = Found { spans: Vec::new(), missing: turn.sources.clone(), partial: Some(why) };
        self.settle_turn(key, found, common);
    }

    /// The verdict is turned, for good: what was found is exported, then the late spans.
    fn settle_turn(&mut self, key: Key, found: Found, common: &mut Common<'_>) {
        let Some(turn) = self.turns.close(key) else { return };
        let time = self.clock.now().unwrap_or(self.wall);
        let Turn { decided: verdict, trace_id, trigger, decision, by, .. } = turn;
        let is_forgotten = found.partial == Some(Partial::Forgotten);
        let missing_below = is_forgotten.then_some(trigger);
        let turned = Turned { by, partial: found.partial, missing_below };
        found.count(&turn, common.stats);
        let decided = self.window.decided_mut(verdict).expect("what is being turned is remembered");
        decided.turn = None;
        decided.known = None;
        decided.may_turn = false;
        decided.decision = decision;
        decided.through = self.next_offset;
        decided.expiry = decided.expiry.max(time + self.remember);
        decided.turned = Some(Box::new((turned, found.missing.clone())));
        let missing = found.missing.offsets().collect();
        let export = found.export(turn, turned, time, common.stats);
        // A drop that was never written down is written down as a keep.
        if self.window.note(verdict, EntryKind::Turn) {
            self.output_bytes += ENTRY_BYTES;
        }
        if let Some(reports) = &mut common.turned {
            reports.push(TurnedTrace {
                trace_id,
                partition: self.id,
                decision,
                turned,
                trigger,
                missing,
                spans: export.spans,
                time,
                payload: Arc::clone(&export.payload),
            });
        }
        self.output_bytes += export.bytes();
        self.exports.push(export);
    }
}

impl Found {
    /// A record could not be had. Of several reasons the first in their order is given.
    fn miss(&mut self, offset: i64, why: Partial) {
        self.missing.push(offset);
        self.partial = Some(self.partial.map_or(why, |partial| partial.min(why)));
    }

    fn count(&self, turn: &Turn, stats: &mut Stats) {
        stats.late_spans_kept += u64::from(turn.spans);
        stats.kept_spans += u64::from(turn.spans);
        match self.partial {
            None => stats.turns_whole += 1,
            Some(partial) => stats.turns_partial[partial as usize] += 1,
        }
        for source in &self.spans {
            stats.turned_spans += u64::from(source.spans);
            stats.turned_bytes += source.payload.len() as u64;
        }
    }

    /// The records in their order, the late spans at the end, under the headers that all have.
    fn export(self, turn: Turn, turned: Turned, time: Millis, stats: &mut Stats) -> Export {
        let bytes: usize = self.spans.iter().map(|source| source.payload.len()).sum();
        let mut payload = Vec::with_capacity(bytes + turn.late.len());
        let (mut spans, mut headers) = (turn.spans, turn.headers);
        let mut differ = turn.headers_differ;
        for source in self.spans {
            payload.extend_from_slice(&source.payload);
            spans = spans.saturating_add(source.spans);
            if headers != source.headers {
                headers = common_headers(&headers, &source.headers).into();
                differ = true;
            }
        }
        payload.extend_from_slice(&turn.late);
        stats.headers_differed += u64::from(differ);
        Export {
            trace_id: turn.trace_id,
            decision: turn.decision,
            late: false,
            turned: Some(turned),
            spans,
            time,
            headers,
            payload: Arc::new(payload),
        }
    }
}

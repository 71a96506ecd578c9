//! What late spans do to a remembered verdict, by the book.

use tailsift_policy::Verdict;
use tailsift_sampler::EntryKind;
use tailsift_trace::Millis;

use crate::checker::View;
use crate::checker::book::{Come, Decided};
use crate::event::{Known, Turning};
use crate::model::{is_vetoed, keeps};

/// What is known of a dropped trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Its spans, those included that came late and changed nothing.
    pub(crate) spans: Vec<usize>,
    /// Where its records are.
    pub(crate) sources: Vec<i64>,
}

/// Late spans that want a dropped trace kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) trigger: i64,
    /// Stream time just before.
    pub(crate) before: Option<Millis>,
    /// Those and all that came since, sorted.
    pub(crate) late: Vec<usize>,
    /// What was known of the trace before.
    pub(crate) of: Dropped,
    /// Nothing was any more.
    pub(crate) is_forgotten: bool,
}

/// A trace's spans in a record that came after its verdict.
pub(crate) struct Late<'a> {
    pub(crate) come: &'a Come,
    pub(crate) spans: &'a [usize],
    pub(crate) now: Millis,
    pub(crate) in_replay: bool,
}

impl Decided {
    /// A verdict that was read back.
    pub(crate) fn restored(known: &Known, partition: i32, view: &View<'_>) -> Self {
        let Known { trace, verdict, through, expiry, missing_below, .. } = *known;
        let Known { sources, missing, .. } = known.clone();
        let dropped = sources.map(|sources| {
            let input = &view.broker.input;
            let log = &input.logs[partition as usize];
            let records = log.iter().filter(|record| sources.contains(&record.offset));
            let spans = records.flat_map(|record| record.spans.iter().flatten()).copied();
            let mut spans: Vec<usize> =
                spans.filter(|span| input.spans[*span].trace == trace).collect();
            spans.sort_unstable();
            Dropped { spans, sources }
        });
        let may_turn = dropped.as_ref().map_or(known.may_turn, |dropped| {
            let spans = dropped.spans.iter().map(|span| &view.broker.input.spans[*span]);
            !is_vetoed(&spans.collect::<Vec<_>>())
        });
        Self {
            verdict,
            expiry,
            through,
            unlogged: None,
            dropped,
            may_turn,
            turn: None,
            missing,
            missing_below,
        }
    }

    /// True if late spans wait for the rest of their trace from now on, or did already.
    pub(crate) fn is_turned_by(&mut self, late: &Late<'_>, view: &View<'_>) -> bool {
        if let Some(turn) = &mut self.turn {
            turn.late.extend(late.spans);
            turn.late.sort_unstable();
            return true;
        }
        let chance = view.limits.second_chance.as_ref();
        let lag = chance.map(|chance| view.limits.remember - chance.remember);
        if lag.is_some_and(|lag| !late.in_replay && self.expiry - lag <= late.now) {
            self.dropped = None;
        }
        let Some(dropped) = &mut self.dropped else { return self.is_turned_alone(late, view) };
        let mut spans = dropped.spans.clone();
        spans.extend(late.spans);
        spans.sort_unstable();
        let all: Vec<_> = spans.iter().map(|span| &view.broker.input.spans[*span]).collect();
        if chance.is_some() && keeps(&all, view.all_policies) {
            self.turn = Some(Turn {
                trigger: late.come.offset,
                before: late.come.before,
                late: late.spans.to_vec(),
                of: dropped.clone(),
                is_forgotten: false,
            });
            return true;
        }
        self.may_turn = !is_vetoed(&all);
        dropped.spans = spans;
        if dropped.sources.last() != Some(&late.come.offset) {
            dropped.sources.push(late.come.offset);
        }
        false
    }

    /// The same where nothing is known of the trace any more.
    fn is_turned_alone(&mut self, late: &Late<'_>, view: &View<'_>) -> bool {
        if view.limits.second_chance.is_none() || !self.may_turn {
            return false;
        }
        let all: Vec<_> = late.spans.iter().map(|span| &view.broker.input.spans[*span]).collect();
        self.may_turn = !is_vetoed(&all);
        let is_turned = keeps(&all, view.all_policies);
        if is_turned {
            self.turn = Some(Turn {
                trigger: late.come.offset,
                before: late.come.before,
                late: late.spans.to_vec(),
                of: Dropped { spans: Vec::new(), sources: Vec::new() },
                is_forgotten: true,
            });
        }
        is_turned
    }

    /// It is turned, when all below an offset was read.
    pub(crate) fn settle(&mut self, turning: &Turning, next_offset: i64, view: &View<'_>) {
        self.verdict = Verdict::Keep;
        self.expiry = self.expiry.max(turning.at + view.limits.remember);
        self.through = next_offset;
        self.unlogged = match self.unlogged {
            Some(EntryKind::Decide) => Some(EntryKind::Decide),
            Some(EntryKind::Late | EntryKind::Turn) | None => Some(EntryKind::Turn),
        };
        let forgotten = self.turn.take().filter(|turn| turn.is_forgotten);
        self.missing_below = forgotten.map(|turn| turn.trigger);
        (self.dropped, self.may_turn) = (None, false);
        self.missing.clone_from(&turning.missing);
    }

    /// At a cut: a verdict that is being turned is written again before it expires.
    pub(crate) fn renew(&mut self, now: Option<Millis>, remember: Millis) {
        let Some(now) = now else { return };
        if self.turn.is_some() && self.expiry <= now {
            self.expiry = now + remember;
            self.unlogged.get_or_insert(EntryKind::Late);
        }
    }

    /// What an entry covers that is cut when all below an offset was read.
    pub(crate) fn through_at(&self, next_offset: i64) -> i64 {
        self.turn.as_ref().map_or(next_offset, |turn| turn.trigger)
    }

    /// The shard is free to have forgotten it.
    pub(crate) fn may_be_forgotten(&self, now: Millis, view: &View<'_>) -> bool {
        let is_settled = self.unlogged.is_none() && self.turn.is_none();
        is_settled && (self.expiry <= now || view.plan.has_tight_memory())
    }
}

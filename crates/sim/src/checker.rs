//! What must hold in every world. One file per invariant.

mod acknowledged;
mod at_least_once;
mod atomic;
mod balance;
mod book;
mod checkpoints;
mod clock;
mod commit_order;
mod copies;
mod counters;
mod covered;
mod doubt;
mod history;
mod intact;
mod late;
mod letters;
mod memory_bound;
mod monotone;
mod no_loss;
mod one_verdict;
mod owners;
mod plain;
mod refusals;
mod restored;
mod shown;
mod stream_time;
mod turned;
mod verdict;
mod whole;

use std::collections::BTreeMap;

use tailsift_sampler::{DecisionBatch, Gauges, Limits, Progress, Stats};
use tailsift_trace::TraceId;

use crate::broker::{Accepted, Broker, Offset, Topic, Value};
use crate::checker::book::Book;
use crate::checker::clock::Clocks;
use crate::checker::history::History;
use crate::checker::letters::Letters;
use crate::checker::memory_bound::MemoryBound;
use crate::checker::plain::Plain;
use crate::checker::restored::Restored;
use crate::event::{CutPart, Event, Violation, What};
use crate::input::Input;
use crate::model::Truth;
use crate::plan::{Delivery, Plan};
use crate::witness::identify;

/// What is checked, by the names that violations have; beside each, what it answers for in the
/// table of the crate's page.
pub const INVARIANTS: [(&str, &str); 24] = [
    ("exactly once", "I1 I2 I10 I23 I30"),
    ("at least once", "I1 I2"),
    ("acknowledged", "I22"),
    ("one verdict", "I3 I21 I24 I25"),
    ("turned", "I25 I26"),
    ("whole", "I27"),
    ("covered", "I4 I10 I26"),
    ("commit order", "I4 I5 I26 I29"),
    ("monotone", "I5 I29"),
    ("checkpoints", "I5 I6 I11"),
    ("atomic", "I7"),
    ("restored", "I8 I9"),
    ("owners", "I11 I12 I13 I28"),
    ("doubt", "I14"),
    ("liveness", "I16 I31"),
    ("replay bound", "I17"),
    ("memory bound", "I18"),
    ("intact", "I20"),
    ("letters", "I23 I30"),
    ("refusals", "I31"),
    ("clock", "I16 I19 I29"),
    ("verdict", "I19"),
    ("counters", "I21"),
    ("balance", "I33"),
];

/// A worker as it is right after an event.
pub(crate) struct View<'a> {
    pub(crate) worker: usize,
    pub(crate) gauges: Gauges,
    pub(crate) progress: Vec<Progress>,
    pub(crate) stats: &'a Stats,
    /// What it was started with.
    pub(crate) limits: &'a Limits,
    pub(crate) all_policies: bool,
    pub(crate) plan: &'a Plan,
    pub(crate) broker: &'a Broker,
}

/// What a transaction holds that was committed.
pub(crate) struct Commitment<'a> {
    pub(crate) worker: usize,
    pub(crate) offsets: &'a BTreeMap<i32, Offset>,
    pub(crate) batches: Vec<&'a DecisionBatch>,
    pub(crate) exports: Vec<(TraceId, &'a [u8])>,
    pub(crate) letters: Vec<(i32, i64)>,
}

pub(crate) struct Checkers {
    pub(crate) truth: Truth,
    /// How often each span is visible.
    pub(crate) visible: Vec<usize>,
    compares_cuts: bool,
    book: Book,
    memory_bound: MemoryBound,
    clocks: Clocks,
    history: History,
    restored: Restored,
    letters: Letters,
    plain: Plain,
}

impl Checkers {
    pub(crate) fn new(plan: &Plan, input: &Input, compares_cuts: bool) -> Self {
        Self {
            truth: Truth::new(plan, input),
            visible: vec![0; input.spans.len()],
            compares_cuts,
            book: Book::default(),
            memory_bound: MemoryBound::default(),
            clocks: Clocks::default(),
            history: History::default(),
            restored: Restored::default(),
            letters: Letters::default(),
            plain: Plain::default(),
        }
    }

    /// An event and the judgements that it led to.
    pub(crate) fn see(&mut self, events: &[Event], view: &View<'_>) -> Result<(), Violation> {
        let what = &events[0].what;
        self.memory_bound.check(what, view)?;
        doubt::check(what, &self.plain, view)?;
        refusals::check(what, &mut self.history, view)?;
        for event in events {
            if let What::Judged(judgement) = &event.what {
                Restored::check_judged(judgement, &self.book, view)?;
                verdict::check(judgement, &self.book, view)?;
                clock::check_reason(judgement, &self.book, view)?;
            }
            if let What::Turned(turning) = &event.what {
                turned::check(turning, what, &self.book, view)?;
            }
            if let What::Cut(parts) = &event.what {
                commit_order::check_cut(parts, &self.book, view)?;
                no_loss::check_cut(parts, &self.book, view)?;
            }
            self.book.enter(event, view);
            self.plain.see(event);
            self.restored.check(&event.what, &self.book, &self.plain.copies, view)?;
            if let What::Cut(parts) = &event.what {
                self.restored.cut(parts, &self.book, view);
            }
        }
        balance::check(&self.book, view)?;
        counters::check(view)?;
        counters::check_window(&self.book, view)?;
        self.clocks.check(what, &self.book, view)?;
        clock::check_overdue(&self.book, view)
    }

    /// A transaction took in offsets, or the group did.
    pub(crate) fn accepted(&mut self, accepted: &[Accepted]) -> Result<(), Violation> {
        owners::check(accepted)
    }

    /// A transaction was committed. What the worker claims to have cut is looked at last: the rest
    /// is seen from the logs alone.
    pub(crate) fn committed(
        &mut self,
        commitment: &Commitment<'_>,
        claimed: &[CutPart],
        plan: &Plan,
        broker: &Broker,
    ) -> Result<(), Violation> {
        atomic::check(commitment, claimed)?;
        checkpoints::check(commitment, &self.history)?;
        one_verdict::check(commitment, &self.history, plan, broker)?;
        monotone::check(commitment, &self.history, |_| false)?;
        self.letters.check(commitment)?;
        self.history.enter_entries(&commitment.batches, broker)?;
        covered::check_all(commitment, &self.history, broker)?;
        self.history.enter_offsets(commitment);
        self.restored.committed(commitment.worker, claimed);
        intact::check_commit(commitment, claimed, plan, broker)?;
        if !self.compares_cuts {
            return Ok(());
        }
        commit_order::check_commit(commitment, claimed)
    }

    /// Offsets were committed beside a transaction.
    pub(crate) fn beside(
        &mut self,
        offsets: &BTreeMap<i32, Offset>,
        broker: &Broker,
    ) -> Result<(), Violation> {
        let check =
            |(p, offset): (&i32, &Offset)| covered::check(*p, offset.offset, &self.history, broker);
        offsets.iter().try_for_each(check)
    }

    pub(crate) fn crashed(&mut self, worker: usize) {
        self.book.crashed(worker);
        self.memory_bound.crashed(worker);
        self.clocks.crashed(worker);
        self.restored.crashed(worker);
    }

    pub(crate) fn offsets_lost(&mut self) {
        self.history.offsets_lost();
        self.restored.offsets_lost();
    }

    /// The world has come to rest.
    pub(crate) fn finish(&mut self, plan: &Plan, broker: &Broker) -> Result<(), Violation> {
        let topics = broker.logs.keys().filter(|topic| matches!(topic, Topic::Exports(_)));
        for (_, value) in topics.flat_map(|topic| broker.visible(*topic, 0, true)) {
            if let Value::Export { key, value } = value {
                for span in identify(*key, value, &broker.input)? {
                    self.visible[span] += 1;
                }
            }
        }
        self.letters.check_end(&self.history, broker)?;
        whole::check_end(&self.truth, &self.visible, &self.history, plan, broker)?;
        let (truth, visible, history) = (&self.truth, &self.visible, &self.history);
        match plan.delivery {
            Delivery::ExactlyOnce => no_loss::check_end(truth, visible, history, broker),
            Delivery::AtLeastOnce => {
                at_least_once::check_end(truth, visible, &self.plain.kept, history, broker)
            }
        }
    }
}

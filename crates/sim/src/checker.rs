//! What must hold in every world. One file per invariant.

mod book;
mod clock;
mod commit_order;
mod counters;
mod intact;
mod memory_bound;
mod no_loss;
mod stream_time;
mod verdict;

use tailsift_sampler::{Gauges, Progress, Stats};

use crate::broker::Broker;
use crate::checker::book::Book;
use crate::checker::clock::Clocks;
use crate::checker::commit_order::CommitOrder;
use crate::checker::memory_bound::MemoryBound;
use crate::event::{Event, Violation, What};
use crate::input::Input;
use crate::model::Truth;
use crate::plan::Plan;

/// A worker as it is right after an event.
pub(crate) struct View<'a> {
    pub(crate) worker: usize,
    pub(crate) gauges: Gauges,
    pub(crate) progress: Vec<Progress>,
    pub(crate) stats: &'a Stats,
    pub(crate) plan: &'a Plan,
    pub(crate) broker: &'a Broker,
}

pub(crate) struct Checkers {
    pub(crate) truth: Truth,
    book: Book,
    memory_bound: MemoryBound,
    clocks: Clocks,
    commit_order: CommitOrder,
    /// Records of the export topic that were looked at.
    published: usize,
}

impl Checkers {
    pub(crate) fn new(plan: &Plan, input: &Input) -> Self {
        Self {
            truth: Truth::new(plan, input),
            book: Book::default(),
            memory_bound: MemoryBound::default(),
            clocks: Clocks::default(),
            commit_order: CommitOrder::default(),
            published: 0,
        }
    }

    /// An event and the judgements that it led to.
    pub(crate) fn see(&mut self, events: &[Event], view: &View<'_>) -> Result<(), Violation> {
        counters::check(view)?;
        self.memory_bound.check(&events[0].what, view)?;
        for event in events {
            if let What::Judged(judgement) = &event.what {
                verdict::check(judgement, &self.book, view)?;
                clock::check_reason(judgement, &self.book, view)?;
            }
            if let What::Cut(parts) = &event.what {
                self.commit_order.check_cut(parts, &self.book, view)?;
                no_loss::check_cut(parts, &self.book, view)?;
            }
            if let What::Committed(parts) = &event.what {
                self.commit_order.check_commit(parts, view)?;
                intact::check_commit(parts, self.published, view)?;
                self.published = view.broker.published.len();
            }
            self.book.enter(event, view);
        }
        self.clocks.check(&events[0].what, &self.book, view)?;
        clock::check_overdue(&self.book, view)
    }

    pub(crate) fn crashed(&mut self, worker: usize) {
        self.book.crashed(worker);
        self.memory_bound.crashed(worker);
        self.clocks.crashed(worker);
        self.commit_order.crashed(worker);
    }

    /// The world has come to rest.
    pub(crate) fn finish(&self, plan: &Plan, broker: &Broker) -> Result<(), Violation> {
        no_loss::check_end(&self.truth, &self.book, plan, broker)
    }
}

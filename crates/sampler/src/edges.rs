//! Edges between services, learned from the stream: which calls usually have a child, and which
//! parents in other processes usually come.
//!
//! A span teaches for one `decision_wait`, whatever becomes of its trace: for so long its other end
//! is looked out for, also after the verdict. So a trace that is judged early teaches the same as
//! one that waits. An edge has a few places for such lessons, each taken for the whole wait even if
//! the other end comes soon: which spans teach must not hang on what they teach.

use std::collections::VecDeque;

use ahash::RandomState;
use hashbrown::HashMap;
use tailsift_trace::{Millis, SpanId, TraceId};

/// Lessons of one edge at a time.
const LESSONS_MAX: u8 = 8;
/// An edge whose other end came less often is not learned.
const CAME_MIN: u8 = 4;
/// After so many lessons what was learned counts for half.
const HALVED_AT: u8 = 32;

/// What tells an edge from all others: a hash of service, span name and direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EdgeId(u64);

/// What tells a lesson from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LessonId(u64);

/// Where an edge leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Towards {
    /// From a call to the span that answers it.
    Child,
    /// From a span to its parent in another process.
    Parent,
}

/// What is known of the edges of a partition.
#[derive(Debug)]
pub(crate) struct Edges {
    /// How long the other end is looked out for.
    wait: Millis,
    max: usize,
    index: HashMap<u64, u32, RandomState>,
    edges: Vec<Edge>,
    /// Where the next edge is looked for that can be forgotten.
    hand: usize,
    /// Lessons whose other end has not come, by span.
    open: HashMap<u64, Lesson, RandomState>,
    /// All that still take a place, in the order in which they began.
    places: VecDeque<Place>,
}

#[derive(Debug)]
struct Edge {
    id: EdgeId,
    /// Lessons whose other end came, and those where it did not.
    came: u8,
    missed: u8,
    lessons: u8,
    /// It was met since the hand was here.
    is_fresh: bool,
}

#[derive(Debug, Clone, Copy)]
struct Lesson {
    edge: EdgeId,
    until: Millis,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    until: Millis,
    edge: EdgeId,
    lesson: LessonId,
}

/// Entries and their control bytes, in tables that are at most 7/8 full.
const EDGE_BYTES: usize = size_of::<Edge>() + (size_of::<(u64, u32)>() + 1) * 8 / 7;
const LESSON_BYTES: usize = (size_of::<(u64, Lesson)>() + 1) * 8 / 7;

impl EdgeId {
    /// So many high bits of its number are 0.
    pub(crate) const SPARE_BITS: u32 = 4;

    /// The edge with this number.
    pub(crate) fn of(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl Edges {
    /// Nothing is known yet; of at most `max` edges at a time something will be. The other end of
    /// an edge is looked out for as long as `wait`.
    pub(crate) fn new(wait: Millis, max: usize) -> Self {
        Self {
            wait,
            max,
            index: HashMap::with_hasher(hasher()),
            edges: Vec::new(),
            hand: 0,
            open: HashMap::with_hasher(hasher()),
            places: VecDeque::new(),
        }
    }

    /// The edge of spans of this service and name.
    pub(crate) fn id(&self, towards: Towards, service: &[u8], name: &[u8]) -> EdgeId {
        EdgeId(self.index.hasher().hash_one((towards, service, name)) >> EdgeId::SPARE_BITS)
    }

    /// A lesson about a span of a trace: whether it has a child, or whether it is the parent that
    /// comes.
    pub(crate) fn lesson(&self, towards: Towards, trace: TraceId, span: SpanId) -> LessonId {
        LessonId(self.open.hasher().hash_one((towards, trace, span)))
    }

    /// True if the other end came in at least nine of ten lessons.
    pub(crate) fn is_usual(&self, id: EdgeId) -> bool {
        let Some(place) = self.index.get(&id.0) else { return false };
        let Edge { came, missed, .. } = self.edges[*place as usize];
        came >= CAME_MIN && u16::from(came) >= 9 * u16::from(missed)
    }

    /// A span of an edge came at `now`. If the edge has a place free, it is a lesson; `has_come`: the
    /// other end is there already. True if another edge was forgotten for it.
    pub(crate) fn ask(
        &mut self,
        id: EdgeId,
        lesson: LessonId,
        has_come: bool,
        now: Millis,
    ) -> bool {
        if self.max == 0 || self.open.contains_key(&lesson.0) {
            return false;
        }
        let until = now + self.wait;
        // Edges that were forgotten meanwhile may have left more than one place for each.
        let is_full = self.places.len() >= self.max * usize::from(LESSONS_MAX);
        let (edge, forgot) = self.enter(id);
        if is_full || edge.lessons == LESSONS_MAX {
            return forgot;
        }
        edge.lessons += 1;
        if has_come {
            edge.learn(true);
        } else {
            self.open.insert(lesson.0, Lesson { edge: id, until });
        }
        self.places.push_back(Place { until, edge: id, lesson });
        forgot
    }

    /// The other end came.
    pub(crate) fn answer(&mut self, lesson: LessonId) {
        if let Some(Lesson { edge, .. }) = self.open.remove(&lesson.0)
            && let Some(edge) = self.find(edge)
        {
            edge.learn(true);
        }
    }

    /// True if no lesson waits for its other end.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Ends lessons whose wait is over.
    pub(crate) fn expire(&mut self, now: Millis) {
        while let Some(Place { until, edge, lesson }) = self.places.front().copied()
            && until <= now
        {
            self.places.pop_front();
            let has_missed = self.open.get(&lesson.0).is_some_and(|open| open.until == until);
            if has_missed {
                self.open.remove(&lesson.0);
            }
            if let Some(edge) = self.find(edge) {
                edge.lessons = edge.lessons.saturating_sub(1);
                if has_missed {
                    edge.learn(false);
                }
            }
        }
    }

    /// How many edges are known.
    pub(crate) fn len(&self) -> usize {
        self.edges.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.edges.len() * EDGE_BYTES
            + self.open.len() * LESSON_BYTES
            + self.places.len() * size_of::<Place>()
    }

    fn find(&mut self, id: EdgeId) -> Option<&mut Edge> {
        let place = self.index.get(&id.0)?;
        Some(&mut self.edges[*place as usize])
    }

    /// The edge, known from now on; and whether another was forgotten for it.
    fn enter(&mut self, id: EdgeId) -> (&mut Edge, bool) {
        if let Some(place) = self.index.get(&id.0) {
            let edge = &mut self.edges[*place as usize];
            edge.is_fresh = true;
            return (edge, false);
        }
        let edge = Edge { id, came: 0, missed: 0, lessons: 0, is_fresh: false };
        let is_full = self.edges.len() == self.max;
        let place = match is_full {
            false => {
                self.edges.push(edge);
                self.edges.len() - 1
            }
            true => {
                let place = self.pass_hand();
                self.index.remove(&self.edges[place].id.0);
                self.edges[place] = edge;
                place
            }
        };
        self.index.insert(id.0, place as u32);
        (&mut self.edges[place], is_full)
    }

    /// The next edge that was not met since the hand was there last.
    fn pass_hand(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (place + 1) % self.edges.len();
            if !std::mem::take(&mut self.edges[place].is_fresh) {
                return place;
            }
        }
    }
}

impl Edge {
    fn learn(&mut self, came: bool) {
        if self.came + self.missed == HALVED_AT {
            self.came /= 2;
            self.missed /= 2;
        }
        match came {
            true => self.came += 1,
            false => self.missed += 1,
        }
    }
}

/// Fixed seeds: the same input takes the same course in every run.
fn hasher() -> RandomState {
    RandomState::with_seeds(0x6564, 0x6765, 0x7300, 0x7473)
}

#[cfg(test)]
mod tests;

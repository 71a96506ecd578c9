//! How a trace's spans hang together: what `fragmented` and `failure` ask when it has closed.
//!
//! A bit cannot say it, since a parent may come after its child and a retry before what it repeats.
//! So a little is kept of each span, up to a bound, and only for sets with such a policy.

use tailsift_trace::{Span, SpanId, StatusCode};

use crate::Tally;

/// Of so many spans, repeats included, parents are told apart; a trace of more is taken for whole.
const SPANS_MAX: usize = 4096;

/// With more errors than this, or more kinds of success, any error is taken for fatal.
const ERRORS_MAX: usize = 256;
const SUCCESSES_MAX: usize = 1024;

/// What the policies of a set want to know of spans as kin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) parents: bool,
    pub(crate) failures: bool,
}

/// What is kept of a trace's spans.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Kin {
    /// The spans and their parents, in no order.
    spans: Vec<u64>,
    parents: Vec<u64>,
    too_many_spans: bool,
    failed: bool,
    errors: Vec<Failed>,
    /// By what they did and under whom: the latest start of those that did not fail.
    successes: Vec<(u64, u64)>,
    too_many_failures: bool,
}

/// A span that failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Failed {
    id: u64,
    parent: Option<u64>,
    /// The span's name and parent.
    attempt: u64,
    end: u64,
}

impl Wanted {
    pub(crate) fn anything(self) -> bool {
        self.parents || self.failures
    }
}

impl Kin {
    pub(crate) fn fold(&mut self, wanted: Wanted, span: &Span<'_>, tally: &mut Tally) {
        if wanted.parents && !self.too_many_spans {
            self.fold_parent(span, tally);
        }
        if wanted.failures {
            self.failed |= span.status == StatusCode::ERROR;
            if !self.too_many_failures {
                self.fold_outcome(span, tally);
            }
        }
    }

    fn fold_parent(&mut self, span: &Span<'_>, tally: &mut Tally) {
        if self.spans.len().max(self.parents.len()) == SPANS_MAX {
            (self.spans, self.parents) = Default::default();
            self.too_many_spans = true;
            tally.kin_too_many += 1;
            return;
        }
        self.spans.extend(span.span_id.map(number));
        if let Some(parent) = span.parent_span_id.map(number)
            && self.parents.last() != Some(&parent)
        {
            self.parents.push(parent);
        }
    }

    fn fold_outcome(&mut self, span: &Span<'_>, tally: &mut Tally) {
        let parent = span.parent_span_id.map(number);
        let attempt = attempt(parent, span.name);
        if span.status == StatusCode::ERROR {
            let id = span.span_id.map_or(0, number);
            let failed = Failed { id, parent, attempt, end: span.end.0 };
            if !self.errors.contains(&failed) {
                self.errors.push(failed);
            }
        } else if parent.is_some() && span.start.0 != 0 {
            match self.successes.binary_search_by_key(&attempt, |(attempt, _)| *attempt) {
                Ok(place) => {
                    let latest = &mut self.successes[place].1;
                    *latest = span.start.0.max(*latest);
                }
                Err(place) => self.successes.insert(place, (attempt, span.start.0)),
            }
        }
        if self.errors.len() > ERRORS_MAX || self.successes.len() > SUCCESSES_MAX {
            (self.errors, self.successes) = Default::default();
            self.too_many_failures = true;
            tally.kin_too_many += 1;
        }
    }

    /// How many parents were named that never came; 0 of a trace that is too large to say.
    pub(crate) fn missing_parents(&self) -> usize {
        let sorted = |ids: &[u64]| {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let spans = sorted(&self.spans);
        let parents = sorted(&self.parents);
        parents.iter().filter(|parent| spans.binary_search(parent).is_err()).count()
    }

    /// True if a span failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// True if a span failed, and neither it nor what failed above it was done again with success.
    pub(crate) fn has_failed_for_good(&self) -> bool {
        if self.too_many_failures {
            return self.failed;
        }
        // In an order of their own, so that of two with one ID the same is found, however they came.
        let mut errors = self.errors.clone();
        errors.sort_unstable();
        errors.iter().any(|error| !self.is_mended(error, &errors))
    }

    fn is_mended(&self, error: &Failed, errors: &[Failed]) -> bool {
        let mut error = error;
        // As many steps as there are errors: parents that go round in a circle end there.
        for _ in 0..errors.len() {
            let Some(parent) = error.parent else { return false };
            let attempt = self.successes.binary_search_by_key(&error.attempt, |found| found.0);
            if attempt.is_ok_and(|place| error.end != 0 && self.successes[place].1 >= error.end) {
                return true;
            }
            let above = errors.partition_point(|above| above.id < parent);
            match errors.get(above) {
                Some(above) if above.id == parent => error = above,
                Some(_) | None => return false,
            }
        }
        false
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        (self.spans.capacity() + self.parents.capacity()) * size_of::<u64>()
            + self.errors.capacity() * size_of::<Failed>()
            + self.successes.capacity() * size_of::<(u64, u64)>()
    }
}

fn number(id: SpanId) -> u64 {
    u64::from_be_bytes(id.0)
}

/// The same for spans of one name under one parent (FNV-1a, 64 bits).
fn attempt(parent: Option<u64>, name: &[u8]) -> u64 {
    let bytes = parent.unwrap_or(0).to_be_bytes().into_iter().chain(name.iter().copied());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

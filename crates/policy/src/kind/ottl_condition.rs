//! `ottl_condition`: a span, or an event of a span, fulfils a condition in OTTL.

use tailsift_trace::{Details, Interest};

use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;
use crate::ottl::{Condition, Failure, Scope};
use crate::{Facts, Tally, Vote};

/// The most conditions of one policy.
const CONDITIONS_MAX: usize = 1000;

/// Some span fulfils a condition in the Collector's transformation language (OTTL), or one of its
/// events does.
///
/// For each span in order its `span` conditions are tried, then for each of its events the
/// `span_event` conditions; the first that holds keeps the trace. A condition sees one span, or one
/// event with its span, never the trace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct OttlCondition {
    /// What becomes of a condition that fails.
    pub error_mode: ErrorMode,
    /// Conditions on spans.
    pub span: Vec<String>,
    /// Conditions on events of spans.
    pub span_event: Vec<String>,
}

/// What becomes of a condition that fails while it is tried, such as a division by zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ErrorMode {
    /// It does not hold for that span. Counted.
    Ignore,
    /// As [`Ignore`](Self::Ignore); the Collector logs the one and not the other.
    #[default]
    Silent,
    /// The policy has no vote for that trace, whatever its later spans fulfil. Counted.
    Propagate,
}

#[derive(Debug)]
pub(crate) struct Rule {
    span: Vec<Condition>,
    span_event: Vec<Condition>,
    hit: Bit,
    /// Set by the first failure, if that ends the matter.
    failed: Option<Bit>,
}

impl OttlCondition {
    /// What its conditions say of every trace, if they look at nothing: `None` if that depends on
    /// the trace, or if one of them is refused.
    pub fn constant(&self) -> Option<bool> {
        let answer = |on_events: bool| {
            move |text: &String| {
                let condition = Condition::compile(text, on_events, &mut Interest::default());
                condition.ok().and_then(|condition| condition.constant())
            }
        };
        // Not every span has events, so a true condition on them depends on the trace.
        let of_events = self.span_event.iter().map(answer(true));
        let mut answers = self
            .span
            .iter()
            .map(answer(false))
            .chain(of_events.map(|answer| answer.filter(|holds| !holds)));
        answers.find(|answer| *answer != Some(false)).unwrap_or(Some(false))
    }

    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.ottl_condition");
        let count = self.span.len() + self.span_event.len();
        if count == 0 {
            compiler
                .refuse(path.as_str(), "must list at least one condition, in span or spanevent");
        }
        if count > CONDITIONS_MAX {
            compiler.refuse(
                path.as_str(),
                format!("must list at most {CONDITIONS_MAX} conditions, got {count}"),
            );
            return Rule { span: vec![], span_event: vec![], hit: compiler.bit(), failed: None };
        }
        if !self.span_event.is_empty() {
            compiler.interest.add_details(Details { events: true, ..Details::default() });
        }
        let propagate = match self.error_mode {
            ErrorMode::Ignore | ErrorMode::Silent => false,
            ErrorMode::Propagate => true,
        };
        Rule {
            span: compile_all(&self.span, false, &format!("{path}.span"), compiler),
            span_event: compile_all(&self.span_event, true, &format!("{path}.spanevent"), compiler),
            hit: compiler.bit(),
            failed: propagate.then(|| compiler.bit()),
        }
    }
}

fn compile_all(
    texts: &[String],
    on_events: bool,
    path: &str,
    compiler: &mut Compiler<'_>,
) -> Vec<Condition> {
    let mut conditions = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match Condition::compile(text, on_events, &mut compiler.interest) {
            Ok(condition) => conditions.push(condition),
            Err(message) => compiler.refuse(format!("{path}[{index}]"), message),
        }
    }
    conditions
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>, tally: &mut Tally) {
        let failed = self.failed.is_some_and(|failed| facts.bits.get(failed));
        if !failed && !facts.bits.get(self.hit) {
            self.fold_open(facts, context, tally);
        }
    }

    /// Folds a span of a trace of which nothing is known yet.
    fn fold_open(&self, facts: &mut Facts, context: &SpanContext<'_, '_>, tally: &mut Tally) {
        let SpanContext { span, batch, now, .. } = *context;
        let mut scope = Scope { span, batch, event: None, now };
        if self.any_holds(&self.span, &scope, facts, tally) || self.span_event.is_empty() {
            return;
        }
        for event in batch.events_of(span) {
            scope.event = Some(event);
            if self.any_holds(&self.span_event, &scope, facts, tally) {
                return;
            }
        }
    }

    /// True if that settles the matter: one holds, or one fails that must not.
    fn any_holds(
        &self,
        conditions: &[Condition],
        scope: &Scope<'_>,
        facts: &mut Facts,
        tally: &mut Tally,
    ) -> bool {
        for condition in conditions {
            match condition.holds(scope) {
                Ok(true) => {
                    facts.bits.set(self.hit);
                    return true;
                }
                Ok(false) => {}
                Err(Failure) => {
                    tally.ottl_failures += 1;
                    if let Some(failed) = self.failed {
                        facts.bits.set(failed);
                        return true;
                    }
                }
            }
        }
        false
    }

    /// A failure elsewhere takes a match back only if failures end the matter.
    pub(crate) fn is_lasting(&self) -> bool {
        self.failed.is_none()
    }

    pub(crate) fn vote(&self, facts: &Facts) -> Vote {
        if self.failed.is_some_and(|failed| facts.bits.get(failed)) {
            Vote::Error
        } else if facts.bits.get(self.hit) {
            Vote::Sampled
        } else {
            Vote::NotSampled
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_that_look_at_nothing_are_known_beforehand() {
        let fails = "name + 1 == 2";
        for (span, span_event, expect) in [
            (&["1 == 2"][..], &[][..], Some(false)),
            (&["1 == 2", "true"], &[], Some(true)),
            (&["1 == 2", "kind == 2"], &[], None),
            (&["kind == 2 and false"], &[], None),
            (&["false and kind == 2"], &[], Some(false)),
            (&["true or kind == 2"], &[], Some(true)),
            (&["not (1 < 2)"], &[], Some(false)),
            (&[fails, "true"], &[], None),
            (&["no condition"], &[], None),
            (&[], &["false"], Some(false)),
            // A trace may have no events.
            (&[], &["true"], None),
        ] {
            let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let (span, span_event) = (texts(span), texts(span_event));
            let condition = OttlCondition { span, span_event, ..OttlCondition::default() };
            assert_eq!(condition.constant(), expect, "{condition:?}");
        }
    }
}

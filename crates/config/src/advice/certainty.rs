//! What a policy says of any trace, as far as that can be told without one.

use tailsift_policy::{
    Compatibility, Kind, Latency, Measure, Policy, SpanCount, StatusCodes, TraceCondition,
    TraceTest,
};
use tailsift_trace::StatusCode;

use super::implied;
use crate::settings::Config;

/// What a policy says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// It wants every trace.
    Always,
    /// It wants none; why.
    Never(String),
    Depends,
}

/// How policies are to be understood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    pub(super) collector: bool,
}

/// The most parents that are told apart in a trace.
const PARENTS_MAX: u32 = 4096;

fn never(is: bool, why: impl Into<String>) -> Answer {
    if is { Answer::Never(why.into()) } else { Answer::Depends }
}

fn always(is: bool) -> Answer {
    if is { Answer::Always } else { Answer::Depends }
}

fn inverted(answer: Answer, invert: bool) -> Answer {
    match answer {
        Answer::Never(_) if invert => Answer::Always,
        Answer::Always if invert => Answer::Never("what it excludes is every trace".to_owned()),
        Answer::Always | Answer::Never(_) | Answer::Depends => answer,
    }
}

impl Judge {
    pub(super) fn of(config: &Config) -> Self {
        Self { collector: config.semantics().compatibility == Compatibility::Collector }
    }

    pub(super) fn implied(self, a: &Kind, b: &Kind) -> bool {
        implied::implied(a, b, self.collector)
    }

    pub(super) fn answer(self, kind: &Kind) -> Answer {
        match kind {
            Kind::AlwaysSample => Answer::Always,
            Kind::Latency(kind) => latency(kind),
            Kind::StatusCode(codes) => status_codes(codes),
            Kind::StringAttribute(kind) => {
                let usable = |value: &String| kind.enabled_regex_matching || !value.is_empty();
                let why = "it lists no value that can match";
                inverted(never(!kind.values.iter().any(usable), why), kind.invert_match)
            }
            Kind::NumericAttribute(kind) => {
                let (min, max) = implied::range(kind, self.collector);
                let why = format!("no number is at least {min} and at most {max}");
                inverted(never(min > max, why), kind.invert_match)
            }
            Kind::SpanCount(kind) => span_count(kind),
            Kind::TraceState(kind) => {
                let usable = |value: &String| !value.is_empty();
                never(!kind.values.iter().any(usable), "it lists no value that can match")
            }
            Kind::Probabilistic(kind) => match kind.sampling_percentage {
                share if share >= 100.0 => Answer::Always,
                share => never(share <= 0.0, "its share is 0 percent"),
            },
            Kind::RateLimiting(kind) => {
                never(kind.spans_per_second <= 0 && kind.burst_capacity <= 0, "its rate is 0")
            }
            Kind::BytesLimiting(kind) => {
                never(kind.bytes_per_second <= 0 && kind.burst_capacity <= 0, "its rate is 0")
            }
            Kind::OttlCondition(kind) => match kind.constant() {
                Some(true) => Answer::Always,
                Some(false) => {
                    Answer::Never("its conditions look at nothing, and are false".into())
                }
                None => Answer::Depends,
            },
            Kind::Fragmented(kind) => never(
                kind.missing_parents_above >= PARENTS_MAX,
                format!("no more than {PARENTS_MAX} parents are told apart in a trace"),
            ),
            Kind::TraceCondition(kind) => condition(kind),
            Kind::And(kind) => self.all(&kind.policies),
            Kind::Drop(kind) => self.all(&kind.0),
            Kind::Not(kind) => match self.answer(&kind.0.kind) {
                Answer::Always => Answer::Never("what it excludes is every trace".to_owned()),
                Answer::Never(_) => Answer::Always,
                Answer::Depends => Answer::Depends,
            },
            Kind::Composite(kind) => {
                let mut open = kind.sub_policies.iter().map(|policy| self.answer(&policy.kind));
                let open = open.any(|answer| !matches!(answer, Answer::Never(_)));
                let none = kind.max_total_spans_per_second <= 0;
                never(none || !open, "none of its policies ever does")
            }
            Kind::LowConfidence(_)
            | Kind::SpanLatency(_)
            | Kind::BooleanAttribute(_)
            | Kind::TraceFlags
            | Kind::Failure(_)
            | Kind::Forced(_)
            | Kind::RatePerKey(_)
            | Kind::Drift(_) => Answer::Depends,
        }
    }

    /// Policies that must agree.
    fn all(self, policies: &[Policy]) -> Answer {
        let mut certain = true;
        for (index, policy) in policies.iter().enumerate() {
            match self.answer(&policy.kind) {
                Answer::Always => {}
                Answer::Never(why) => return Answer::Never(format!("within it, {why}")),
                Answer::Depends => certain = false,
            }
            let excludes =
                |other: &&Policy| implied::excluded(&other.kind, &policy.kind, self.collector);
            if let Some(other) = policies[..index].iter().find(excludes) {
                let (this, other) = (said(policy, index), other.kind.name());
                return Answer::Never(format!(
                    "{this} within it and the {other} before exclude each other"
                ));
            }
        }
        always(certain)
    }
}

fn said(policy: &Policy, index: usize) -> String {
    match policy.name.as_str() {
        "" => format!("the {} at [{index}]", policy.kind.name()),
        name => format!("the {} {name:?}", policy.kind.name()),
    }
}

fn latency(kind: &Latency) -> Answer {
    let (above, most) = (kind.threshold_ms, kind.upper_threshold_ms);
    match most {
        0 => always(above < 0),
        _ => never(most <= above, format!("nothing takes above {above} and at most {most} ms")),
    }
}

fn status_codes(StatusCodes(codes): &StatusCodes) -> Answer {
    let all = [StatusCode::UNSET, StatusCode::OK, StatusCode::ERROR];
    always(all.iter().all(|code| codes.contains(code)))
}

fn span_count(kind: &SpanCount) -> Answer {
    let (min, max) = (kind.min_spans, kind.max_spans);
    match max {
        0 => always(min <= 1),
        _ => never(max < min.max(1), format!("no trace has {min} to {max} spans")),
    }
}

fn condition(TraceCondition { all, .. }: &TraceCondition) -> Answer {
    let lacked = |test: &TraceTest| match &test.measures[..] {
        [Measure::Absent(spans)] => Some(spans.clone()),
        _ => None,
    };
    let needed = |test: &TraceTest| match &test.measures[..] {
        [Measure::Count(spans)] if test.above.is_some_and(|above| above >= 0.0) => {
            Some(spans.clone())
        }
        [Measure::Root(spans)] => Some(spans.clone()),
        _ => None,
    };
    let is_needed = |spans| all.iter().filter_map(needed).any(|needed| needed == spans);
    let both = all.iter().filter_map(lacked).any(is_needed);
    never(both, "it wants the same spans to be there and to be absent")
}

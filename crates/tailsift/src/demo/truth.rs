//! Which traces had to be kept, worked out from the spans as the SDK recorded them: a second
//! implementation of the demonstration's four policies that shares no code with the pipeline.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::Value;
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use tailsift_otlp::DetailedSpan;
use tailsift_trace::{SpanId, TraceId};

#[cfg(test)]
mod tests;

/// The bound of the rules `slow` (whole milliseconds count) and `slow-features`.
const SLOW: Duration = Duration::from_millis(500);
/// The bound of the rule `unsure`.
const UNSURE_BELOW: f64 = 0.5;

/// Why a trace has to be kept. In the order of the policies: the first that holds decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// A span has an error.
    Errors,
    /// A span "Feature Extraction" took too long.
    SlowFeatures,
    /// A prediction's confidence was low.
    Unsure,
    /// From the first start to the last end it took too long.
    Slow,
}

impl Rule {
    pub(super) const ALL: [Self; 4] = [Self::Errors, Self::SlowFeatures, Self::Unsure, Self::Slow];

    /// The policy's name in the configuration.
    pub(super) fn policy(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::SlowFeatures => "slow-features",
            Self::Unsure => "unsure",
            Self::Slow => "slow",
        }
    }

    /// What it keeps, in a few words.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Errors => "a span failed",
            Self::SlowFeatures => "Feature Extraction > 500 ms",
            Self::Unsure => "confidence < 0.5",
            Self::Slow => "whole trace > 500 ms",
        }
    }
}

/// Every recorded trace in a few numbers, and what the models said.
#[derive(Debug, Default)]
pub(super) struct Truth {
    traces: BTreeMap<TraceId, Recorded>,
    models: BTreeMap<Model, Predictions>,
}

/// What was recorded of one trace.
#[derive(Debug, Clone, Copy)]
struct Recorded {
    spans: u64,
    start: SystemTime,
    end: SystemTime,
    error: bool,
    slow_features: bool,
    unsure: bool,
}

/// What answers: versions as the spans have them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Model {
    pub(super) version: String,
    pub(super) preprocessing: String,
}

/// How sure a model was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Predictions {
    pub(super) count: u64,
    pub(super) unsure: u64,
}

/// What was found on the export topic.
#[derive(Debug, Default)]
pub(super) struct Kept {
    traces: BTreeMap<TraceId, Found>,
}

#[derive(Debug, Default)]
struct Found {
    policy: String,
    spans: BTreeSet<SpanId>,
    /// Spans that came more than once: delivery is at least once.
    repeats: u64,
}

/// The truth against the topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Comparison {
    /// Traces to keep, and traces kept, in the order of [`Rule::ALL`].
    pub(super) by_rule: [(u64, u64); 4],
    /// Traces to keep.
    pub(super) expected: u64,
    /// Of these, the traces found whole.
    pub(super) kept: u64,
    /// Kept traces that lack spans, whether they had to be kept or not.
    pub(super) partial: Vec<TraceId>,
    /// Traces to keep of which nothing was found.
    pub(super) missing: Vec<TraceId>,
    /// Kept traces that no rule asks for, or by a policy other than the first that holds.
    pub(super) unexpected: Vec<TraceId>,
    /// Spans found more than once.
    pub(super) repeats: u64,
}

impl Truth {
    /// Takes a span as it was recorded.
    pub(super) fn record(&mut self, span: &SpanData) {
        let trace_id = TraceId(span.span_context.trace_id().to_bytes());
        let trace = self.traces.entry(trace_id).or_insert(Recorded {
            spans: 0,
            start: span.start_time,
            end: span.end_time,
            error: false,
            slow_features: false,
            unsure: false,
        });
        trace.spans += 1;
        trace.start = trace.start.min(span.start_time);
        trace.end = trace.end.max(span.end_time);
        trace.error |= matches!(span.status, Status::Error { .. });
        trace.slow_features |= span.name == "Feature Extraction"
            && nanos_between(span.start_time, span.end_time) > SLOW.as_nanos();
        let Some(Value::F64(confidence)) = attribute(span, "prediction_confidence") else { return };
        let unsure = *confidence < UNSURE_BELOW;
        trace.unsure |= unsure;
        let text = |key| attribute(span, key).map(|value| value.to_string()).unwrap_or_default();
        let model =
            Model { version: text("model_version"), preprocessing: text("preprocessing_version") };
        let predictions = self.models.entry(model).or_default();
        predictions.count += 1;
        predictions.unsure += u64::from(unsure);
    }

    /// Traces recorded.
    pub(super) fn traces(&self) -> usize {
        self.traces.len()
    }

    pub(super) fn models(&self) -> &BTreeMap<Model, Predictions> {
        &self.models
    }

    /// Holds what was kept against what had to be kept.
    pub(super) fn compare(&self, kept: &Kept) -> Comparison {
        let mut comparison = Comparison::default();
        for (trace_id, recorded) in &self.traces {
            let Some(rule) = recorded.rule() else { continue };
            comparison.expected += 1;
            comparison.by_rule[rule as usize].0 += 1;
            match kept.traces.get(trace_id) {
                Some(found) if found.spans.len() as u64 >= recorded.spans => comparison.kept += 1,
                Some(_) => {}
                None => comparison.missing.push(*trace_id),
            }
        }
        for (trace_id, found) in &kept.traces {
            comparison.repeats += found.repeats;
            let by = Rule::ALL.into_iter().find(|rule| rule.policy() == found.policy);
            if let Some(rule) = by {
                comparison.by_rule[rule as usize].1 += 1;
            }
            let recorded = self.traces.get(trace_id);
            let asked_for = recorded.and_then(Recorded::rule);
            if asked_for.is_none() || asked_for != by {
                comparison.unexpected.push(*trace_id);
            }
            if recorded.is_some_and(|recorded| (found.spans.len() as u64) < recorded.spans) {
                comparison.partial.push(*trace_id);
            }
        }
        comparison
    }
}

impl Recorded {
    /// The first rule that holds.
    fn rule(&self) -> Option<Rule> {
        let slow = nanos_between(self.start, self.end) / 1_000_000 > SLOW.as_millis();
        Rule::ALL.into_iter().find(|rule| match rule {
            Rule::Errors => self.error,
            Rule::SlowFeatures => self.slow_features,
            Rule::Unsure => self.unsure,
            Rule::Slow => slow,
        })
    }
}

impl Kept {
    /// Takes an exported record's spans and the policy that its header names.
    pub(super) fn record(&mut self, policy: &str, spans: &[DetailedSpan]) {
        for span in spans {
            let (Some(trace_id), Some(span_id)) = (span.trace_id, span.span_id) else { continue };
            let found = self.traces.entry(trace_id).or_default();
            if found.policy.is_empty() {
                policy.clone_into(&mut found.policy);
            }
            if !found.spans.insert(span_id) {
                found.repeats += 1;
            }
        }
    }
}

impl Comparison {
    /// True if each trace to keep was kept whole, by the right policy, and no other was.
    pub(super) fn holds(&self) -> bool {
        self.kept == self.expected && self.partial.is_empty() && self.unexpected.is_empty()
    }
}

fn attribute<'s>(span: &'s SpanData, key: &str) -> Option<&'s Value> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key)?;
    Some(&found.value)
}

/// 0 if the clock was set back between them.
fn nanos_between(start: SystemTime, end: SystemTime) -> u128 {
    let since_epoch =
        |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    since_epoch(end).saturating_sub(since_epoch(start))
}

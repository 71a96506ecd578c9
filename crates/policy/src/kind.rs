//! The kinds of policy: a closed set, one file each.

pub(crate) mod always_sample;
pub(crate) mod and;
pub(crate) mod boolean_attribute;
pub(crate) mod bytes_limiting;
pub(crate) mod composite;
pub(crate) mod drop;
pub(crate) mod latency;
pub(crate) mod low_confidence;
pub(crate) mod not;
pub(crate) mod numeric_attribute;
pub(crate) mod probabilistic;
pub(crate) mod rate_limiting;
pub(crate) mod span_count;
pub(crate) mod span_latency;
pub(crate) mod status_code;
pub(crate) mod string_attribute;
pub(crate) mod trace_state;

use tailsift_trace::TraceId;

use crate::compile::{Compiler, SpanContext};
use crate::kind::and::And;
use crate::kind::boolean_attribute::BooleanAttribute;
use crate::kind::bytes_limiting::BytesLimiting;
use crate::kind::composite::Composite;
use crate::kind::drop::DropIf;
use crate::kind::latency::Latency;
use crate::kind::low_confidence::LowConfidence;
use crate::kind::not::Not;
use crate::kind::numeric_attribute::NumericAttribute;
use crate::kind::probabilistic::Probabilistic;
use crate::kind::rate_limiting::RateLimiting;
use crate::kind::span_count::SpanCount;
use crate::kind::span_latency::SpanLatency;
use crate::kind::status_code::StatusCodes;
use crate::kind::string_attribute::StringAttribute;
use crate::kind::trace_state::TraceState;
use crate::{Facts, Tally, Threshold, Vote};

/// A named rule, as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name, which must differ from all others of its set.
    pub name: String,
    /// What it looks at.
    pub kind: Kind,
}

/// What a policy looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Keeps every trace.
    AlwaysSample,
    /// The trace took long.
    Latency(Latency),
    /// A span has one of these status codes.
    StatusCode(StatusCodes),
    /// A text attribute has one of these values.
    StringAttribute(StringAttribute),
    /// A number attribute lies in a range.
    NumericAttribute(NumericAttribute),
    /// Chance.
    Probabilistic(Probabilistic),
    /// A model was not sure of its answer.
    LowConfidence(LowConfidence),
    /// A named step took long.
    SpanLatency(SpanLatency),
    /// All sub-policies say sampled.
    And(And),
    /// A truth attribute has this value.
    BooleanAttribute(BooleanAttribute),
    /// A span's tracestate has one of these members.
    TraceState(TraceState),
    /// A span was marked as sampled by whoever made it (bit 0 of its W3C flags).
    TraceFlags,
    /// The trace has so many spans.
    SpanCount(SpanCount),
    /// So many spans a second.
    RateLimiting(RateLimiting),
    /// So many bytes a second.
    BytesLimiting(BytesLimiting),
    /// The opposite of a sub-policy.
    Not(Not),
    /// Drops the trace if all sub-policies say sampled.
    Drop(DropIf),
    /// Sub-policies that share a budget.
    Composite(Composite),
}

/// A kind, compiled.
#[derive(Debug)]
pub(crate) enum Rule {
    AlwaysSample,
    Latency(latency::Rule),
    StatusCode(status_code::Rule),
    StringAttribute(string_attribute::Rule),
    NumericAttribute(numeric_attribute::Rule),
    Probabilistic(probabilistic::Rule),
    LowConfidence(low_confidence::Rule),
    SpanLatency(span_latency::Rule),
    And(Vec<Rule>),
}

impl Policy {
    /// A policy of that name and kind.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }
}

impl Kind {
    /// The policies in it, sub-policies included.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::And(And { policies })
            | Self::Drop(DropIf(policies))
            | Self::Composite(Composite { sub_policies: policies, .. }) => {
                1 + policies.iter().map(|p| p.kind.count()).sum::<usize>()
            }
            Self::Not(Not(policy)) => 1 + policy.kind.count(),
            Self::AlwaysSample
            | Self::Latency(_)
            | Self::StatusCode(_)
            | Self::StringAttribute(_)
            | Self::NumericAttribute(_)
            | Self::Probabilistic(_)
            | Self::LowConfidence(_)
            | Self::SpanLatency(_)
            | Self::BooleanAttribute(_)
            | Self::TraceState(_)
            | Self::TraceFlags
            | Self::SpanCount(_)
            | Self::RateLimiting(_)
            | Self::BytesLimiting(_) => 1,
        }
    }

    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        match self {
            Self::AlwaysSample => Rule::AlwaysSample,
            Self::Latency(kind) => Rule::Latency(kind.compile(path, compiler)),
            Self::StatusCode(kind) => Rule::StatusCode(kind.compile(path, compiler)),
            Self::StringAttribute(kind) => Rule::StringAttribute(kind.compile(path, compiler)),
            Self::NumericAttribute(kind) => Rule::NumericAttribute(kind.compile(path, compiler)),
            Self::Probabilistic(kind) => Rule::Probabilistic(kind.compile(path, compiler)),
            Self::LowConfidence(kind) => Rule::LowConfidence(kind.compile(path, compiler)),
            Self::SpanLatency(kind) => Rule::SpanLatency(kind.compile(path, compiler)),
            Self::And(kind) => Rule::And(kind.compile(path, compiler)),
            Self::BooleanAttribute(_)
            | Self::TraceState(_)
            | Self::TraceFlags
            | Self::SpanCount(_)
            | Self::RateLimiting(_)
            | Self::BytesLimiting(_)
            | Self::Not(_)
            | Self::Drop(_)
            | Self::Composite(_) => {
                compiler.refuse(path, "is of a kind that cannot be judged yet");
                Rule::AlwaysSample
            }
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>, tally: &mut Tally) {
        match self {
            Self::AlwaysSample | Self::Probabilistic(_) => {}
            Self::Latency(rule) => rule.fold(facts),
            Self::StatusCode(rule) => rule.fold(facts, context),
            Self::StringAttribute(rule) => rule.fold(facts, context),
            Self::NumericAttribute(rule) => rule.fold(facts, context),
            Self::LowConfidence(rule) => rule.fold(facts, context, tally),
            Self::SpanLatency(rule) => rule.fold(facts, context),
            Self::And(rules) => rules.iter().for_each(|rule| rule.fold(facts, context, tally)),
        }
    }

    pub(crate) fn vote(&self, trace_id: TraceId, facts: &Facts) -> Vote {
        let sampled = match self {
            Self::AlwaysSample => always_sample::sampled(facts),
            Self::Latency(rule) => rule.sampled(facts),
            Self::StatusCode(rule) => rule.sampled(facts),
            Self::StringAttribute(rule) => rule.sampled(facts),
            Self::NumericAttribute(rule) => rule.sampled(facts),
            Self::Probabilistic(rule) => rule.sampled(trace_id, facts),
            Self::LowConfidence(rule) => rule.sampled(facts),
            Self::SpanLatency(rule) => rule.sampled(facts),
            Self::And(rules) => and::sampled(rules, trace_id, facts),
        };
        if sampled { Vote::Sampled } else { Vote::NotSampled }
    }

    /// True if the vote follows from the spans alone: no chance, no budget.
    pub(crate) fn is_certain(&self) -> bool {
        match self {
            Self::Probabilistic(_) => false,
            Self::And(rules) => rules.iter().all(Self::is_certain),
            Self::AlwaysSample
            | Self::Latency(_)
            | Self::StatusCode(_)
            | Self::StringAttribute(_)
            | Self::NumericAttribute(_)
            | Self::LowConfidence(_)
            | Self::SpanLatency(_) => true,
        }
    }

    /// The threshold of a rule that is a matter of chance, natively.
    pub(crate) fn threshold(&self) -> Option<Threshold> {
        match self {
            Self::Probabilistic(rule) => rule.threshold(),
            // All must agree, so the highest threshold is the one that was passed.
            Self::And(rules) => rules.iter().filter_map(Self::threshold).max(),
            Self::AlwaysSample
            | Self::Latency(_)
            | Self::StatusCode(_)
            | Self::StringAttribute(_)
            | Self::NumericAttribute(_)
            | Self::LowConfidence(_)
            | Self::SpanLatency(_) => None,
        }
    }
}

//! The kinds of policy: a closed set, one file each.

pub(crate) mod always_sample;
pub(crate) mod and;
pub(crate) mod boolean_attribute;
pub(crate) mod bytes_limiting;
pub(crate) mod composite;
pub(crate) mod drift;
pub(crate) mod drop;
pub(crate) mod failure;
pub(crate) mod forced;
pub(crate) mod fragmented;
pub(crate) mod latency;
pub(crate) mod low_confidence;
pub(crate) mod not;
pub(crate) mod numeric_attribute;
pub(crate) mod ottl_condition;
pub(crate) mod probabilistic;
pub(crate) mod rate_limiting;
pub(crate) mod rate_per_key;
pub(crate) mod span_count;
pub(crate) mod span_latency;
pub(crate) mod span_match;
pub(crate) mod status_code;
pub(crate) mod string_attribute;
pub(crate) mod trace_condition;
pub(crate) mod trace_flags;
pub(crate) mod trace_state;

use tailsift_trace::{Millis, TraceId};

use crate::compile::{Compiler, SpanContext, Within};
use crate::kind::and::And;
use crate::kind::boolean_attribute::BooleanAttribute;
use crate::kind::bytes_limiting::BytesLimiting;
use crate::kind::composite::Composite;
use crate::kind::drift::Drift;
use crate::kind::drop::DropIf;
use crate::kind::failure::Failure;
use crate::kind::forced::Forced;
use crate::kind::fragmented::Fragmented;
use crate::kind::latency::Latency;
use crate::kind::low_confidence::LowConfidence;
use crate::kind::not::Not;
use crate::kind::numeric_attribute::NumericAttribute;
use crate::kind::ottl_condition::OttlCondition;
use crate::kind::probabilistic::Probabilistic;
use crate::kind::rate_limiting::RateLimiting;
use crate::kind::rate_per_key::RatePerKey;
use crate::kind::span_count::SpanCount;
use crate::kind::span_latency::SpanLatency;
use crate::kind::status_code::StatusCodes;
use crate::kind::string_attribute::StringAttribute;
use crate::kind::trace_condition::TraceCondition;
use crate::kind::trace_state::TraceState;
use crate::limiters::Limiters;
use crate::{Chance, Facts, Tally, Vote};

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
    /// A span, or an event of one, fulfils a condition in OTTL.
    OttlCondition(OttlCondition),
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
    /// Tests of the whole trace.
    TraceCondition(TraceCondition),
    /// Parents are missing.
    Fragmented(Fragmented),
    /// A span failed, and nothing mended it.
    Failure(Failure),
    /// Somebody asked for the trace.
    Forced(Forced),
    /// Some of every version, and all of one that grows unsure.
    Drift(Drift),
    /// So many traces a second, of rare keys a larger part.
    RatePerKey(RatePerKey),
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
    OttlCondition(ottl_condition::Rule),
    BooleanAttribute(boolean_attribute::Rule),
    TraceState(trace_state::Rule),
    TraceFlags(trace_flags::Rule),
    SpanCount(span_count::Rule),
    RateLimiting(rate_limiting::Rule),
    BytesLimiting(bytes_limiting::Rule),
    Not(Box<Rule>),
    Drop(Vec<Rule>),
    Composite(Box<composite::Compiled>),
    TraceCondition(trace_condition::Rule),
    Fragmented(fragmented::Rule),
    Failure(failure::Rule),
    Forced(forced::Rule),
    Drift(drift::Rule),
    RatePerKey(rate_per_key::Rule),
}

/// A trace that is being judged.
pub(crate) struct Case<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) facts: &'a Facts,
    pub(crate) now: Millis,
    pub(crate) limiters: &'a mut Limiters,
    /// The sub-policy of the composite that was asked last and said sampled.
    pub(crate) marked: Option<u16>,
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
            | Self::OttlCondition(_)
            | Self::BooleanAttribute(_)
            | Self::TraceState(_)
            | Self::TraceFlags
            | Self::SpanCount(_)
            | Self::RateLimiting(_)
            | Self::BytesLimiting(_)
            | Self::TraceCondition(_)
            | Self::Fragmented(_)
            | Self::Failure(_)
            | Self::Forced(_)
            | Self::Drift(_)
            | Self::RatePerKey(_) => 1,
        }
    }

    /// Its name in configurations.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AlwaysSample => "always_sample",
            Self::Latency(_) => "latency",
            Self::StatusCode(_) => "status_code",
            Self::StringAttribute(_) => "string_attribute",
            Self::NumericAttribute(_) => "numeric_attribute",
            Self::Probabilistic(_) => "probabilistic",
            Self::LowConfidence(_) => "low_confidence",
            Self::SpanLatency(_) => "span_latency",
            Self::And(_) => "and",
            Self::BooleanAttribute(_) => "boolean_attribute",
            Self::TraceState(_) => "trace_state",
            Self::TraceFlags => "trace_flags",
            Self::SpanCount(_) => "span_count",
            Self::RateLimiting(_) => "rate_limiting",
            Self::BytesLimiting(_) => "bytes_limiting",
            Self::Not(_) => "not",
            Self::Drop(_) => "drop",
            Self::Composite(_) => "composite",
            Self::OttlCondition(_) => "ottl_condition",
            Self::TraceCondition(_) => "trace_condition",
            Self::Fragmented(_) => "fragmented",
            Self::Failure(_) => "failure",
            Self::Forced(_) => "forced",
            Self::Drift(_) => "drift",
            Self::RatePerKey(_) => "rate_per_key",
        }
    }

    pub(crate) fn compile(self, path: &str, within: Within, compiler: &mut Compiler<'_>) -> Rule {
        if !within.takes(&self) {
            compiler.refuse(path, within.refusal(&self));
            return Rule::AlwaysSample;
        }
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
            Self::OttlCondition(kind) => Rule::OttlCondition(kind.compile(path, compiler)),
            Self::BooleanAttribute(kind) => Rule::BooleanAttribute(kind.compile(path, compiler)),
            Self::TraceState(kind) => Rule::TraceState(kind.compile(path, compiler)),
            Self::TraceFlags => Rule::TraceFlags(trace_flags::compile(compiler)),
            Self::SpanCount(kind) => Rule::SpanCount(kind.compile(path, compiler)),
            Self::RateLimiting(kind) => Rule::RateLimiting(kind.compile(path, compiler)),
            Self::BytesLimiting(kind) => Rule::BytesLimiting(kind.compile(path, compiler)),
            Self::Not(kind) => Rule::Not(Box::new(kind.compile(path, compiler))),
            Self::Drop(kind) => Rule::Drop(kind.compile(path, compiler)),
            Self::Composite(kind) => Rule::Composite(Box::new(kind.compile(path, compiler))),
            Self::TraceCondition(kind) => Rule::TraceCondition(kind.compile(path, compiler)),
            Self::Fragmented(kind) => Rule::Fragmented(kind.compile(compiler)),
            Self::Failure(kind) => Rule::Failure(kind.compile(compiler)),
            Self::Forced(kind) => Rule::Forced(kind.compile(path, compiler)),
            Self::Drift(kind) => Rule::Drift(kind.compile(path, compiler)),
            Self::RatePerKey(kind) => Rule::RatePerKey(kind.compile(path, compiler)),
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>, tally: &mut Tally) {
        match self {
            Self::AlwaysSample
            | Self::Probabilistic(_)
            | Self::SpanCount(_)
            | Self::RateLimiting(_)
            | Self::BytesLimiting(_)
            | Self::Fragmented(_)
            | Self::Failure(_) => {}
            Self::Forced(rule) => rule.fold(facts, context),
            Self::Drift(rule) => rule.fold(facts, context, tally),
            Self::RatePerKey(rule) => rule.fold(facts, context),
            Self::Latency(rule) => rule.fold(facts),
            Self::StatusCode(rule) => rule.fold(facts, context),
            Self::StringAttribute(rule) => rule.fold(facts, context),
            Self::NumericAttribute(rule) => rule.fold(facts, context),
            Self::LowConfidence(rule) => rule.fold(facts, context, tally),
            Self::SpanLatency(rule) => rule.fold(facts, context),
            Self::OttlCondition(rule) => rule.fold(facts, context, tally),
            Self::BooleanAttribute(rule) => rule.fold(facts, context),
            Self::TraceState(rule) => rule.fold(facts, context),
            Self::TraceFlags(rule) => rule.fold(facts, context),
            Self::TraceCondition(rule) => rule.fold(facts, context, tally),
            Self::Not(rule) => rule.fold(facts, context, tally),
            Self::And(rules) | Self::Drop(rules) => {
                rules.iter().for_each(|rule| rule.fold(facts, context, tally));
            }
            Self::Composite(rule) => {
                rule.rules.iter().for_each(|rule| rule.fold(facts, context, tally));
            }
        }
    }

    /// What it says of a trace. A budget that lets it pass is charged.
    pub(crate) fn vote(&self, case: &mut Case<'_>) -> Vote {
        let facts = case.facts;
        let sampled = match self {
            Self::AlwaysSample => always_sample::sampled(facts),
            Self::Latency(rule) => rule.sampled(facts),
            Self::StatusCode(rule) => rule.sampled(facts),
            Self::StringAttribute(rule) => rule.sampled(facts),
            Self::NumericAttribute(rule) => rule.sampled(facts),
            Self::Probabilistic(rule) => rule.sampled(case.trace_id, facts),
            Self::LowConfidence(rule) => rule.sampled(facts),
            Self::SpanLatency(rule) => rule.sampled(facts),
            Self::OttlCondition(rule) => return rule.vote(facts),
            Self::BooleanAttribute(rule) => rule.sampled(facts),
            Self::TraceState(rule) => rule.sampled(facts),
            Self::TraceFlags(rule) => rule.sampled(facts),
            Self::SpanCount(rule) => rule.sampled(facts),
            Self::TraceCondition(rule) => rule.sampled(facts),
            Self::Fragmented(rule) => rule.sampled(facts),
            Self::Failure(rule) => rule.sampled(facts),
            Self::Forced(rule) => rule.sampled(case),
            Self::Drift(rule) => rule.sampled(case),
            Self::RatePerKey(rule) => rule.sampled(case),
            Self::RateLimiting(rule) => rule.sampled(case),
            Self::BytesLimiting(rule) => rule.sampled(case),
            Self::And(rules) => return and::all(rules.iter().map(|rule| rule.vote(case))),
            Self::Drop(rules) => return drop::dropped(rules.iter().map(|rule| rule.vote(case))),
            Self::Not(rule) => return not::opposite(rule.vote(case)),
            Self::Composite(rule) => return rule.vote(case),
        };
        if sampled { Vote::Sampled } else { Vote::NotSampled }
    }

    /// True if the vote follows from the spans alone: no chance, no budget.
    pub(crate) fn is_certain(&self) -> bool {
        match self {
            Self::Probabilistic(_)
            | Self::RateLimiting(_)
            | Self::BytesLimiting(_)
            | Self::Forced(_)
            | Self::Drift(_)
            | Self::RatePerKey(_)
            | Self::Composite(_) => false,
            Self::And(rules) | Self::Drop(rules) => rules.iter().all(Self::is_certain),
            Self::Not(rule) => rule.is_certain(),
            Self::AlwaysSample
            | Self::Latency(_)
            | Self::StatusCode(_)
            | Self::StringAttribute(_)
            | Self::NumericAttribute(_)
            | Self::LowConfidence(_)
            | Self::SpanLatency(_)
            | Self::OttlCondition(_)
            | Self::BooleanAttribute(_)
            | Self::TraceState(_)
            | Self::TraceFlags(_)
            | Self::SpanCount(_)
            | Self::TraceCondition(_)
            | Self::Fragmented(_)
            | Self::Failure(_) => true,
        }
    }

    /// True if what other traces have spent takes part in the vote.
    pub(crate) fn has_budget(&self) -> bool {
        match self {
            Self::RateLimiting(_)
            | Self::BytesLimiting(_)
            | Self::Forced(_)
            | Self::Drift(_)
            | Self::RatePerKey(_)
            | Self::Composite(_) => true,
            Self::And(rules) | Self::Drop(rules) => rules.iter().any(Self::has_budget),
            Self::Not(rule) => rule.has_budget(),
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
            | Self::TraceFlags(_)
            | Self::SpanCount(_)
            | Self::TraceCondition(_)
            | Self::Fragmented(_)
            | Self::Failure(_)
            | Self::OttlCondition(_) => false,
        }
    }

    /// True if it asks how spans hang together, of which nothing is left once a trace was judged.
    pub(crate) fn asks_kin(&self) -> bool {
        match self {
            Self::Fragmented(_) | Self::Failure(_) => true,
            Self::And(rules) | Self::Drop(rules) => rules.iter().any(Self::asks_kin),
            Self::Not(rule) => rule.asks_kin(),
            Self::Composite(rule) => rule.rules.iter().any(Self::asks_kin),
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
            | Self::TraceFlags(_)
            | Self::SpanCount(_)
            | Self::RateLimiting(_)
            | Self::BytesLimiting(_)
            | Self::TraceCondition(_)
            | Self::Forced(_)
            | Self::Drift(_)
            | Self::RatePerKey(_)
            | Self::OttlCondition(_) => false,
        }
    }

    /// What part chance had in its saying sampled of the trace that it was asked about last,
    /// natively. With a budget in it the probability is unknown, and with chance turned round no
    /// threshold says it.
    pub(crate) fn chance(&self, limiters: &Limiters) -> Chance {
        match self {
            Self::Probabilistic(rule) => {
                rule.threshold().map_or(Chance::Unknown, Chance::Threshold)
            }
            Self::RatePerKey(rule) => Chance::Threshold(rule.threshold(limiters)),
            Self::And(rules) => {
                rules.iter().map(|rule| rule.chance(limiters)).fold(Chance::None, Chance::and)
            }
            Self::Not(rule) if rule.is_certain() => Chance::None,
            Self::Not(_)
            | Self::Forced(_)
            | Self::Drift(_)
            | Self::RateLimiting(_)
            | Self::BytesLimiting(_)
            | Self::Composite(_) => Chance::Unknown,
            Self::AlwaysSample
            | Self::Latency(_)
            | Self::StatusCode(_)
            | Self::StringAttribute(_)
            | Self::NumericAttribute(_)
            | Self::LowConfidence(_)
            | Self::SpanLatency(_)
            | Self::OttlCondition(_)
            | Self::BooleanAttribute(_)
            | Self::TraceState(_)
            | Self::TraceFlags(_)
            | Self::SpanCount(_)
            | Self::TraceCondition(_)
            | Self::Fragmented(_)
            | Self::Failure(_)
            | Self::Drop(_) => Chance::None,
        }
    }
}

//! A short name for everything that a verdict, or an export, depends on.

mod inference;

use tailsift_otlp::{
    Preset, RedactionAction, RedactionKeys, RedactionPlace, RedactionRule, RedactionValues,
};
use tailsift_policy::{
    And, BooleanAttribute, BytesLimiting, Compatibility, Composite, Derive, DerivePattern, Derived,
    DropIf, ErrorMode, Failure, Fragmented, Kind, Latency, Not, NumericAttribute, OttlCondition,
    Policy, Probabilistic, RateAllocation, RateLimiting, Semantics, SpanCount, StatusCodes,
    StringAttribute, TraceState,
};

/// 16 hexadecimal digits.
pub(crate) fn of(
    policies: &[Policy],
    semantics: &Semantics,
    redaction: &[RedactionRule],
) -> String {
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    let Semantics { compatibility, sample_on_first_match, maximum_trace_size_bytes, derive } =
        semantics;
    hash.integer(match compatibility {
        Compatibility::Tailsift => 0,
        Compatibility::Collector => 1,
    });
    hash.integer(i64::from(*sample_on_first_match));
    hash.derive(derive);
    hash.policies(policies);
    // What is off leaves the name as it was before there was this key.
    if *maximum_trace_size_bytes > 0 {
        hash.text("maximum_trace_size_bytes");
        hash.bytes(&maximum_trace_size_bytes.to_le_bytes());
    }
    // Without any the name is what it was before there were some.
    if !redaction.is_empty() {
        hash.length(redaction.len());
        redaction.iter().for_each(|rule| hash.rule(rule));
    }
    format!("{:016x}", hash.0)
}

/// FNV-1a, 64 bits: published, so that fingerprints outlive compilers and libraries. Every item
/// says its length or has a fixed one, so that no two settings look alike.
struct Hash(u64);

impl Hash {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn integer(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.bytes(&(length as u64).to_le_bytes());
    }

    fn number(&mut self, value: f64) {
        // 0.0 and -0.0 are one bound.
        self.bytes(&(value + 0.0).to_bits().to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.length(texts.len());
        texts.iter().for_each(|text| self.text(text));
    }

    fn optional(&mut self, value: Option<i64>) {
        self.integer(i64::from(value.is_some()));
        self.integer(value.unwrap_or(0));
    }

    fn derive(&mut self, derive: &Derive) {
        let Derive { model, model_version, preprocessing_version, confidence } = derive;
        for Derived { attributes, pattern } in
            [model, model_version, preprocessing_version, confidence]
        {
            self.texts(attributes);
            self.integer(i64::from(pattern.is_some()));
            if let Some(DerivePattern { from, regex }) = pattern {
                self.text(from);
                self.text(regex);
            }
        }
    }

    fn policies(&mut self, policies: &[Policy]) {
        self.length(policies.len());
        for Policy { name, kind } in policies {
            self.text(name);
            self.kind(kind);
        }
    }

    fn integers(&mut self, kind: &str, values: &[i64]) {
        self.text(kind);
        values.iter().for_each(|value| self.integer(*value));
    }

    fn combined(&mut self, kind: &str, policies: &[Policy]) {
        self.text(kind);
        self.policies(policies);
    }

    fn kind(&mut self, kind: &Kind) {
        match kind {
            Kind::AlwaysSample => self.text("always_sample"),
            Kind::Latency(Latency { threshold_ms, upper_threshold_ms }) => {
                self.integers("latency", &[*threshold_ms, *upper_threshold_ms]);
            }
            Kind::StatusCode(StatusCodes(codes)) => {
                self.text("status_code");
                self.length(codes.len());
                codes.iter().for_each(|code| self.integer(i64::from(code.0)));
            }
            Kind::StringAttribute(kind) => self.string_attribute(kind),
            Kind::NumericAttribute(kind) => self.numeric_attribute(kind),
            Kind::Probabilistic(Probabilistic { sampling_percentage, hash_salt }) => {
                self.text("probabilistic");
                self.number(*sampling_percentage);
                self.text(hash_salt);
            }
            Kind::LowConfidence(kind) => self.low_confidence(kind),
            Kind::SpanLatency(kind) => self.span_latency(kind),
            Kind::And(And { policies }) => self.combined("and", policies),
            Kind::BooleanAttribute(BooleanAttribute { key, value, invert_match }) => {
                self.text("boolean_attribute");
                self.text(key);
                self.integer(i64::from(*value));
                self.integer(i64::from(*invert_match));
            }
            Kind::OttlCondition(kind) => self.ottl_condition(kind),
            Kind::TraceState(TraceState { key, values }) => {
                self.text("trace_state");
                self.text(key);
                self.texts(values);
            }
            Kind::TraceFlags => self.text("trace_flags"),
            Kind::SpanCount(SpanCount { min_spans, max_spans }) => {
                self.integers("span_count", &[i64::from(*min_spans), i64::from(*max_spans)]);
            }
            Kind::RateLimiting(RateLimiting { spans_per_second, burst_capacity }) => {
                self.integers("rate_limiting", &[*spans_per_second, *burst_capacity]);
            }
            Kind::BytesLimiting(BytesLimiting { bytes_per_second, burst_capacity }) => {
                self.integers("bytes_limiting", &[*bytes_per_second, *burst_capacity]);
            }
            Kind::Not(Not(policy)) => self.combined("not", std::slice::from_ref(policy)),
            Kind::Drop(DropIf(policies)) => self.combined("drop", policies),
            Kind::Composite(kind) => self.composite(kind),
            Kind::TraceCondition(kind) => self.trace_condition(kind),
            Kind::Failure(Failure { keep_recovered }) => {
                self.integers("failure", &[i64::from(*keep_recovered)]);
            }
            Kind::Fragmented(Fragmented { missing_parents_above }) => {
                self.integers("fragmented", &[i64::from(*missing_parents_above)]);
            }
            Kind::Forced(kind) => self.forced(kind),
            Kind::Drift(kind) => self.drift(kind),
            Kind::RatePerKey(kind) => self.rate_per_key(kind),
        }
    }

    fn string_attribute(&mut self, kind: &StringAttribute) {
        let StringAttribute { key, values, enabled_regex_matching, invert_match } = kind;
        self.text("string_attribute");
        self.text(key);
        self.texts(values);
        self.integer(i64::from(*enabled_regex_matching));
        self.integer(i64::from(*invert_match));
    }

    fn numeric_attribute(&mut self, kind: &NumericAttribute) {
        let NumericAttribute { key, min_value, max_value, invert_match } = kind;
        self.text("numeric_attribute");
        self.text(key);
        self.optional(*min_value);
        self.optional(*max_value);
        self.integer(i64::from(*invert_match));
    }

    fn composite(&mut self, kind: &Composite) {
        let Composite { max_total_spans_per_second, policy_order, sub_policies, rate_allocation } =
            kind;
        self.text("composite");
        self.integer(*max_total_spans_per_second);
        self.texts(policy_order);
        self.policies(sub_policies);
        self.length(rate_allocation.len());
        for RateAllocation { policy, percent } in rate_allocation {
            self.text(policy);
            self.integer(*percent);
        }
    }

    fn ottl_condition(&mut self, kind: &OttlCondition) {
        let OttlCondition { error_mode, span, span_event } = kind;
        self.text("ottl_condition");
        self.integer(match error_mode {
            // They differ in what is logged, never in a verdict.
            ErrorMode::Ignore | ErrorMode::Silent => 0,
            ErrorMode::Propagate => 1,
        });
        self.texts(span);
        self.texts(span_event);
    }

    fn rule(&mut self, rule: &RedactionRule) {
        let RedactionRule { action, keys, values, places } = rule;
        match action {
            RedactionAction::Delete => self.text("delete"),
            RedactionAction::Mask { with } => {
                self.text("mask");
                self.text(with);
            }
            RedactionAction::Replace { with } => {
                self.text("replace");
                self.text(with);
            }
            RedactionAction::Hash { key: _ } => self.text("hash"),
            RedactionAction::Truncate { above } => {
                self.text("truncate");
                self.length(*above);
            }
        }
        match keys {
            RedactionKeys::Any => self.text("any"),
            RedactionKeys::Listed(keys) => {
                self.text("keys");
                self.texts(keys);
            }
            RedactionKeys::Matching(pattern) => {
                self.text("keys_matching");
                self.text(pattern);
            }
        }
        match values {
            None => self.text("any"),
            Some(RedactionValues::Preset(preset)) => {
                self.text("preset");
                self.integer(match preset {
                    Preset::Email => 0,
                    Preset::CreditCard => 1,
                    Preset::Phone => 2,
                    Preset::Ip => 3,
                    Preset::BearerToken => 4,
                });
            }
            Some(RedactionValues::Regex(pattern)) => {
                self.text("regex");
                self.text(pattern);
            }
        }
        self.length(places.len());
        places.iter().for_each(|place| self.place(*place));
    }

    fn place(&mut self, place: RedactionPlace) {
        self.integer(match place {
            RedactionPlace::Resource => 0,
            RedactionPlace::Scope => 1,
            RedactionPlace::Span => 2,
            RedactionPlace::Event => 3,
            RedactionPlace::Link => 4,
        });
    }
}

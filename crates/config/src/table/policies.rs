//! The kinds of policy and the keys of their bodies.

use super::inference::{
    DRIFT, FAILURE, FORCED, FRAGMENTED, LOW_CONFIDENCE, SPAN_LATENCY, TRACE_CONDITION,
};
use super::{OTTL_CONDITION, choice, key, ms};
use crate::key::Presence::{Default, Optional, Required};
use crate::key::{Choice, Section, Type, Within};

/// A kind of policy.
pub(crate) struct KindEntry {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// The type of the body, which has the kind's name; a section.
    pub(crate) body: Option<Type>,
    /// A body that would do.
    pub(crate) example: &'static str,
}

const fn kind(
    name: &'static str,
    doc: &'static str,
    body: &'static Section,
    example: &'static str,
) -> KindEntry {
    KindEntry { name, doc, body: Some(Type::Section(body)), example }
}

/// A count, rate or size.
const WHOLE: Type = Type::Integer { min: 0, max: i64::MAX };

const ANY_INTEGER: Type = Type::Integer { min: i64::MIN, max: i64::MAX };

/// What every policy has beside its body.
pub(crate) static POLICY: Section = Section {
    keys: &[
        key(
            "name",
            Type::Text,
            Required("errors"),
            "Its name in headers, metrics and explanations; names differ",
        ),
        key(
            "type",
            Type::Text,
            Required("status_code"),
            "Its kind; the kind's settings stand under a key of the same name",
        ),
    ],
    refused: &[],
};

/// What every policy within another has beside its body.
pub(crate) static SUB_POLICY: Section = Section {
    keys: &[
        key("name", Type::Text, Optional("no name"), "A name for readers; a composite needs it"),
        key("type", Type::Text, Required("status_code"), "Its kind, one that may stand there"),
    ],
    refused: &[],
};

/// All kinds of this version.
pub(crate) static KINDS: [KindEntry; 25] = [
    kind(
        "status_code",
        "A span has one of these status codes",
        &STATUS_CODE,
        "{status_codes: [ERROR]}",
    ),
    kind(
        "latency",
        "The trace took long, from its earliest start to its latest end",
        &LATENCY,
        "{threshold_ms: 500}",
    ),
    kind(
        "numeric_attribute",
        "A number attribute of a span or its resource lies in a range",
        &NUMERIC_ATTRIBUTE,
        "{key: http.response.status_code, min_value: 500}",
    ),
    kind(
        "string_attribute",
        "A text attribute of a span or its resource has one of these values",
        &STRING_ATTRIBUTE,
        "{key: service.name, values: [checkout]}",
    ),
    kind(
        "boolean_attribute",
        "A truth attribute of a span or its resource has this value",
        &BOOLEAN_ATTRIBUTE,
        "{key: error, value: true}",
    ),
    kind(
        "trace_state",
        "A span's W3C tracestate has a member of one of these values",
        &TRACE_STATE,
        "{key: vendor, values: [debug]}",
    ),
    KindEntry {
        name: "trace_flags",
        doc: "A span has the W3C flag *sampled*: whoever made it wanted the trace kept",
        body: None,
        example: "",
    },
    kind(
        "span_count",
        "The trace has so many spans, repeats included",
        &SPAN_COUNT,
        "{min_spans: 100}",
    ),
    kind(
        "rate_limiting",
        "Whole traces, as many as a number of spans for each second of stream time allows; docs/policies.md tells how partitions share it",
        &RATE_LIMITING,
        "{spans_per_second: 1000}",
    ),
    kind(
        "bytes_limiting",
        "Whole traces, as many as a number of bytes for each second of stream time allows. They count as protobuf, the resource once for each ResourceSpans that brought spans of the trace",
        &BYTES_LIMITING,
        "{bytes_per_second: 1000000}",
    ),
    kind(
        "probabilistic",
        "A share of all traces, by the trace ID alone",
        &PROBABILISTIC,
        "{sampling_percentage: 10}",
    ),
    KindEntry { name: "always_sample", doc: "Every trace", body: None, example: "" },
    kind(
        "and",
        "All of these policies want it, each perhaps for another span",
        &AND,
        "{and_sub_policy: [{name: slow, type: latency, latency: {threshold_ms: 500}}]}",
    ),
    kind(
        "not",
        "This policy does not want it",
        &NOT,
        "{not_sub_policy: {name: slow, type: latency, latency: {threshold_ms: 500}}}",
    ),
    kind(
        "drop",
        "Drops the trace, whatever other policies say, if all of these policies want it. It is asked before all others",
        &DROP,
        "{drop_sub_policy: [{name: probe, type: string_attribute, string_attribute: {key: url.path, values: [/healthz]}}]}",
    ),
    kind(
        "composite",
        "The first of these policies that wants it decides, within its share of a budget of spans for each second of stream time",
        &COMPOSITE,
        "{max_total_spans_per_second: 1000, composite_sub_policy: [{name: failed, type: status_code, status_code: {status_codes: [ERROR]}}, {name: rest, type: always_sample}], rate_allocation: [{policy: failed, percent: 80}]}",
    ),
    kind(
        "low_confidence",
        "A model was not sure: a span's confidence is below a bound",
        &LOW_CONFIDENCE,
        "{below: 0.5}",
    ),
    kind(
        "span_latency",
        "A span of this name took long",
        &SPAN_LATENCY,
        "{span_name: \"Feature Extraction\", above: 500ms}",
    ),
    kind(
        "trace_condition",
        "Counts, sums, extremes and absences over the whole trace",
        &TRACE_CONDITION,
        "{all: [{sum: gen_ai.usage.input_tokens, above: 8000}]}",
    ),
    kind(
        "failure",
        "A span failed, and no later attempt mended it",
        &FAILURE,
        "{recovered: ignore}",
    ),
    kind(
        "fragmented",
        "Parents were named that never came: context was lost, or a service sends no spans",
        &FRAGMENTED,
        "{missing_parents_above: 0}",
    ),
    kind(
        "forced",
        "Somebody asked for this trace, and not too many have been asked for",
        &FORCED,
        "{attribute: trace.force, traces_per_second: 10}",
    ),
    kind(
        "drift",
        "Some traces of each version, and all of one whose model grows unsure (docs/drift.md)",
        &DRIFT,
        "{by: [model_version, preprocessing_version]}",
    ),
    kind(
        "rate_per_key",
        "So many traces a second, of rare services, routes or models a larger part",
        &RATE_PER_KEY,
        "{by: [service.name, http.route], traces_per_second: 50}",
    ),
    kind(
        "ottl_condition",
        "A span, or an event of one, fulfils a condition in OTTL, the Collector's language for such",
        &OTTL_CONDITION,
        "{span: ['kind == SPAN_KIND_SERVER and attributes[\"http.response.status_code\"] >= 500']}",
    ),
];

pub(crate) static STATUS_CODES: [Choice; 3] = [
    choice("ERROR", "STATUS_CODE_ERROR"),
    choice("OK", "STATUS_CODE_OK"),
    choice("UNSET", "STATUS_CODE_UNSET"),
];

pub(crate) static STATUS_CODE: Section = Section {
    keys: &[key(
        "status_codes",
        Type::List { item: &Type::Choice { here: &STATUS_CODES, later: &[] }, min: 1, max: 16 },
        Required("[ERROR]"),
        "Any of them will do",
    )],
    refused: &[],
};

pub(crate) static LATENCY: Section = Section {
    keys: &[
        key(
            "threshold_ms",
            ANY_INTEGER,
            Required("500"),
            "Milliseconds; a trace of exactly this duration is not long",
        ),
        key(
            "upper_threshold_ms",
            ANY_INTEGER,
            Default("0"),
            "Milliseconds, inclusive; longer traces do not count. 0 means no upper bound",
        ),
    ],
    refused: &[],
};

pub(crate) static NUMERIC_ATTRIBUTE: Section = Section {
    keys: &[
        key("key", Type::AnyText, Required("http.response.status_code"), "The attribute's name"),
        key(
            "min_value",
            ANY_INTEGER,
            Optional("unbounded"),
            "The least value, inclusive; this or max_value is needed",
        ),
        key("max_value", ANY_INTEGER, Optional("unbounded"), "The greatest value, inclusive"),
        key(
            "invert_match",
            Type::Boolean,
            Default("false"),
            "Sampled unless some span or resource is in range",
        ),
    ],
    refused: &[],
};

pub(crate) static STRING_ATTRIBUTE: Section = Section {
    keys: &[
        key("key", Type::AnyText, Required("service.name"), "The attribute's name"),
        key(
            "values",
            Type::List { item: &Type::AnyText, min: 0, max: 10_000 },
            Required("[checkout]"),
            "Values, exact; or patterns",
        ),
        key(
            "enabled_regex_matching",
            Type::Boolean,
            Default("false"),
            "The values are regular expressions that may match anywhere",
        ),
        key(
            "cache_max_size",
            ANY_INTEGER,
            Default("0"),
            "Accepted for the Collector's sake, and without effect: nothing is cached",
        ),
        key(
            "invert_match",
            Type::Boolean,
            Default("false"),
            "Sampled unless some span or resource matches",
        ),
    ],
    refused: &[],
};

pub(crate) static PROBABILISTIC: Section = Section {
    keys: &[
        key("sampling_percentage", Type::Number, Required("10"), "0 to 100; fractions count"),
        key(
            "hash_salt",
            Type::AnyText,
            Default("\"\""),
            "The Collector's, for `compatibility: collector` only",
        ),
    ],
    refused: &[],
};

pub(crate) static AND: Section = Section {
    keys: &[key(
        "and_sub_policy",
        Type::List { item: &Type::Policy(Within::And), min: 0, max: 256 },
        Required("[{name: slow, type: latency, latency: {threshold_ms: 500}}]"),
        "The policies that must agree, asked in this order up to the first that does not. All kinds but and, drop, composite and drift",
    )],
    refused: &[],
};

pub(crate) static NOT: Section = Section {
    keys: &[key(
        "not_sub_policy",
        Type::Policy(Within::Not),
        Required("{name: slow, type: latency, latency: {threshold_ms: 500}}"),
        "The policy. All kinds but and, not, drop, composite, drift and rate_per_key",
    )],
    refused: &[],
};

pub(crate) static DROP: Section = Section {
    keys: &[key(
        "drop_sub_policy",
        Type::List { item: &Type::Policy(Within::Drop), min: 0, max: 256 },
        Required(
            "[{name: probe, type: string_attribute, string_attribute: {key: url.path, values: [/healthz]}}]",
        ),
        "The policies that must agree. All kinds but and, drop, composite, drift and rate_per_key",
    )],
    refused: &[],
};

pub(crate) static COMPOSITE: Section = Section {
    keys: &[
        key(
            "max_total_spans_per_second",
            WHOLE,
            Required("1000"),
            "Spans a second for all of them together",
        ),
        key(
            "composite_sub_policy",
            Type::List { item: &Type::Policy(Within::Composite), min: 0, max: 256 },
            Required("[{name: rest, type: always_sample}]"),
            "The policies, of different names. All kinds but not, drop, composite, drift and rate_per_key",
        ),
        key(
            "policy_order",
            Type::List { item: &Type::AnyText, min: 0, max: 256 },
            Default("[]"),
            "Their names in the order of asking; empty means as they are listed",
        ),
        key(
            "rate_allocation",
            Type::List { item: &Type::Section(&RATE_ALLOCATION), min: 0, max: 256 },
            Default("[]"),
            "Their shares; those that are not listed divide the rest equally",
        ),
    ],
    refused: &[],
};

pub(crate) static RATE_ALLOCATION: Section = Section {
    keys: &[
        key("policy", Type::AnyText, Required("rest"), "A policy's name"),
        key("percent", WHOLE, Required("50"), "Its share; all together at most 100"),
    ],
    refused: &[],
};

pub(crate) static BOOLEAN_ATTRIBUTE: Section = Section {
    keys: &[
        key("key", Type::AnyText, Required("error"), "The attribute's name"),
        key("value", Type::Boolean, Required("true"), "Its value; other types never match"),
        key(
            "invert_match",
            Type::Boolean,
            Default("false"),
            "Sampled unless some span or resource has the value",
        ),
    ],
    refused: &[],
};

pub(crate) static TRACE_STATE: Section = Section {
    keys: &[
        key("key", Type::AnyText, Required("vendor"), "The member's key"),
        key(
            "values",
            Type::List { item: &Type::AnyText, min: 0, max: 10_000 },
            Required("[debug]"),
            "Values, exact. A header that breaks the W3C rules has none",
        ),
    ],
    refused: &[],
};

pub(crate) static SPAN_COUNT: Section = Section {
    keys: &[
        key(
            "min_spans",
            Type::Integer { min: i32::MIN as i64, max: i32::MAX as i64 },
            Default("0"),
            "The least number, inclusive; this or max_spans is needed",
        ),
        key(
            "max_spans",
            Type::Integer { min: i32::MIN as i64, max: i32::MAX as i64 },
            Default("0"),
            "The greatest number, inclusive; 0 means no bound",
        ),
    ],
    refused: &[],
};

/// What both limiters say of a burst.
const BURST: &str = "What may pass at once, and no larger trace ever does; 0 means twice the rate";

pub(crate) static RATE_LIMITING: Section = Section {
    keys: &[
        key("spans_per_second", WHOLE, Required("1000"), "The rate, for the whole input"),
        key("burst_capacity", WHOLE, Default("0"), BURST),
    ],
    refused: &[],
};

pub(crate) static BYTES_LIMITING: Section = Section {
    keys: &[
        key("bytes_per_second", WHOLE, Required("1000000"), "The rate, for the whole input"),
        key("burst_capacity", WHOLE, Default("0"), BURST),
    ],
    refused: &[],
};

pub(crate) static RATE_PER_KEY: Section = Section {
    keys: &[
        key(
            "by",
            Type::List { item: &Type::Text, min: 1, max: 8 },
            Required("[service.name, http.route, model_version]"),
            "What makes a key: attributes of the root or its resource, else of any span; model, model_version and preprocessing_version are the derived ones",
        ),
        key(
            "traces_per_second",
            Type::Integer { min: 1, max: 1_000_000 },
            Required("50"),
            "Traces a second of all keys together, for the whole input. A key's part grows with the logarithm of how often it comes",
        ),
        key(
            "keys_max",
            Type::Integer { min: 1, max: 100_000 },
            Default("1000"),
            "So many keys are told apart on each partition, in some 60 bytes each; all others share one part",
        ),
        key(
            "interval",
            Type::Duration { min: ms(1000), max: ms(3_600_000) },
            Default("15s"),
            "The budget is divided anew this often, by how often keys have come of late",
        ),
    ],
    refused: &[],
};

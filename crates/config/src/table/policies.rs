//! The kinds of policy and the keys of their bodies.

use super::{choice, key, refused};
use crate::key::Presence::{Default, Optional, Required};
use crate::key::{Choice, Refused, Section, Type};

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

/// What every policy within an `and` has beside its body.
pub(crate) static SUB_POLICY: Section = Section {
    keys: &[
        key("name", Type::Text, Optional("no name"), "A name for readers"),
        key("type", Type::Text, Required("status_code"), "Its kind, any but `and`"),
    ],
    refused: &[],
};

/// All kinds of this version.
pub(crate) static KINDS: [KindEntry; 9] = [
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
];

/// Kinds that are not here yet, with what comes nearest.
pub(crate) static LATER_KINDS: [Refused; 16] = [
    refused("boolean_attribute", ""),
    refused("trace_state", ""),
    refused("trace_flags", ""),
    refused("span_count", ""),
    refused("rate_limiting", "; probabilistic bounds a share of traces"),
    refused("bytes_limiting", "; probabilistic bounds a share of traces"),
    refused(
        "ottl_condition",
        "; numeric_attribute, string_attribute, low_confidence and span_latency cover common conditions",
    ),
    refused("not", "; numeric_attribute and string_attribute have invert_match"),
    refused("drop", ""),
    refused("composite", ""),
    refused("drift", "; low_confidence with per_model_version comes nearest"),
    refused("rate_per_key", "; probabilistic bounds a share of traces"),
    refused("trace_condition", "; and combines conditions on different spans"),
    refused("fragmented", ""),
    refused("failure", "; status_code with [ERROR] comes nearest"),
    refused("forced", "; string_attribute on an attribute that asks for it comes nearest"),
];

pub(crate) static STATUS_CODES: [Choice; 3] = [
    choice("ERROR", "STATUS_CODE_ERROR"),
    choice("OK", "STATUS_CODE_OK"),
    choice("UNSET", "STATUS_CODE_UNSET"),
];
pub(crate) static SCALES: [Choice; 2] =
    [choice("unit", "attributes hold 0 to 1"), choice("percent", "attributes hold 0 to 100")];
pub(crate) static MATCHES: [Choice; 3] = [
    choice("exact", "byte for byte"),
    choice("prefix", "names that start so"),
    choice("regex", "names that hold a match"),
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
        Type::List { item: &Type::Policy { nested: true }, min: 0, max: 256 },
        Required("[{name: slow, type: latency, latency: {threshold_ms: 500}}]"),
        "The policies that must agree",
    )],
    refused: &[],
};

pub(crate) static LOW_CONFIDENCE: Section = Section {
    keys: &[
        key(
            "below",
            Type::Number,
            Required("0.5"),
            "The bound, above 0 and at most 1 on either scale; a value equal to it is not below",
        ),
        key(
            "per_model_version",
            Type::Map { item: &Type::Number },
            Default("{}"),
            "Other bounds for some model versions, for example {recsys-v3: 0.6}",
        ),
        key(
            "scale",
            Type::Choice { here: &SCALES, later: &[] },
            Default("unit"),
            "How attributes are written",
        ),
    ],
    refused: &[refused(
        "of_arrays",
        "is not supported by this version: attributes that are arrays are counted, not read",
    )],
};

pub(crate) static SPAN_LATENCY: Section = Section {
    keys: &[
        key(
            "span_name",
            Type::Text,
            Required("\"Feature Extraction\""),
            "The span's name, a prefix of it, or a pattern",
        ),
        key(
            "match",
            Type::Choice { here: &MATCHES, later: &[] },
            Default("exact"),
            "How names are compared",
        ),
        key(
            "above",
            Type::FineDuration,
            Required("500ms"),
            "A span of exactly this duration is not long",
        ),
        key("service", Type::Text, Optional("any service"), "Only spans of this service.name"),
    ],
    refused: &[],
};

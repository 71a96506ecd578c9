//! The bodies of the kinds that are made for services that call models.

use super::policies::STATUS_CODES;
use super::{LONGEST, choice, key, ms};
use crate::key::Presence::{Default, Optional, Required};
use crate::key::{Choice, Key, Section, Type};

pub(crate) static SCALES: [Choice; 2] =
    [choice("unit", "attributes hold 0 to 1"), choice("percent", "attributes hold 0 to 100")];
pub(crate) static OF_ARRAYS: [Choice; 3] = [
    choice("min", "the least of them"),
    choice("max", "the greatest of them"),
    choice("mean", "their mean"),
];
pub(crate) static MATCHES: [Choice; 3] = [
    choice("exact", "byte for byte"),
    choice("prefix", "names that start so"),
    choice("regex", "names that hold a match"),
];
pub(crate) static SPAN_KINDS: [Choice; 5] = [
    choice("internal", "SPAN_KIND_INTERNAL"),
    choice("server", "SPAN_KIND_SERVER"),
    choice("client", "SPAN_KIND_CLIENT"),
    choice("producer", "SPAN_KIND_PRODUCER"),
    choice("consumer", "SPAN_KIND_CONSUMER"),
];

const SCALE: Key = key(
    "scale",
    Type::Choice { here: &SCALES, later: &[] },
    Default("unit"),
    "How attributes are written",
);
const OF_ARRAYS_KEY: Key = key(
    "of_arrays",
    Type::Choice { here: &OF_ARRAYS, later: &[] },
    Optional("lists are counted as unreadable"),
    "Which confidence a list of confidences stands for; one with anything but numbers stands for none",
);

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
        SCALE,
        OF_ARRAYS_KEY,
    ],
    refused: &[],
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

const TESTS: Type = Type::List { item: &Type::Section(&TRACE_TEST), min: 1, max: 64 };

pub(crate) static TRACE_CONDITION: Section = Section {
    keys: &[
        key(
            "all",
            TESTS,
            Optional("`any` has tests"),
            "Tests that must all hold, each of just one of count, sum, min, max, ratio, absent and root",
        ),
        key("any", TESTS, Optional("`all` has tests"), "Tests of which one must hold"),
    ],
    refused: &[],
};

const fn spans(name: &'static str, doc: &'static str) -> Key {
    key(name, Type::Section(&SPAN_MATCH), Optional("another measure"), doc)
}

const fn attribute(name: &'static str, doc: &'static str) -> Key {
    key(name, Type::Text, Optional("another measure"), doc)
}

pub(crate) static TRACE_TEST: Section = Section {
    keys: &[
        spans("count", "How many spans match, repeats included; an empty mapping means all spans"),
        attribute("sum", "The sum of this attribute over all spans; without any no bound holds"),
        attribute("min", "The least of this attribute over all spans"),
        attribute("max", "The greatest of this attribute over all spans"),
        key(
            "ratio",
            Type::Section(&RATIO),
            Optional("another measure"),
            "One attribute's sum divided by another's; where that is 0 or less no bound holds",
        ),
        spans("absent", "No span matches; without bounds"),
        spans("root", "A span without a parent matches; without bounds"),
        key("above", Type::Number, Optional("no bound"), "What is measured is greater than this"),
        key("below", Type::Number, Optional("no bound"), "What is measured is less than this"),
    ],
    refused: &[],
};

pub(crate) static RATIO: Section = Section {
    keys: &[
        key("of", Type::Text, Required("gen_ai.usage.output_tokens"), "The attribute divided"),
        key("to", Type::Text, Required("gen_ai.usage.input_tokens"), "The attribute divided by"),
    ],
    refused: &[],
};

const DERIVED: &str = "The derived attribute of this name is this (section derive)";

pub(crate) static SPAN_MATCH: Section = Section {
    keys: &[
        key(
            "span_name",
            Type::Text,
            Optional("any name"),
            "The span's name, a prefix of it, or a pattern",
        ),
        key(
            "match",
            Type::Choice { here: &MATCHES, later: &[] },
            Default("exact"),
            "How names are compared",
        ),
        key("service", Type::Text, Optional("any service"), "Its resource's service.name"),
        key(
            "kind",
            Type::Choice { here: &SPAN_KINDS, later: &[] },
            Optional("any kind"),
            "Its kind",
        ),
        key(
            "status",
            Type::Choice { here: &STATUS_CODES, later: &[] },
            Optional("any status"),
            "Its status",
        ),
        key("attribute", Type::Text, Optional("any attributes"), "An attribute that it has itself"),
        key(
            "values",
            Type::List { item: &Type::AnyText, min: 1, max: 256 },
            Optional("any value"),
            "Texts, exact, one of which the attribute is, or has if it is a list. Whole numbers and truth values are compared as they are written",
        ),
        key("model", Type::Text, Optional("any model"), DERIVED),
        key("model_version", Type::Text, Optional("any version"), DERIVED),
        key("preprocessing_version", Type::Text, Optional("any version"), DERIVED),
    ],
    refused: &[],
};

pub(crate) static RECOVERED: [Choice; 2] = [
    choice("ignore", "a trace of which all errors were recovered is none of this kind"),
    choice("keep", "any error will do"),
];

pub(crate) static FAILURE: Section = Section {
    keys: &[key(
        "recovered",
        Type::Choice { here: &RECOVERED, later: &[] },
        Default("ignore"),
        "An error is recovered if a span of the same name and parent began after its end and did not fail, or if its parent failed and was recovered so",
    )],
    refused: &[],
};

pub(crate) static FRAGMENTED: Section = Section {
    keys: &[key(
        "missing_parents_above",
        Type::Integer { min: 0, max: 4096 },
        Default("0"),
        "So many distinct parents may be missing when the trace is judged",
    )],
    refused: &[],
};

pub(crate) static FORCED: Section = Section {
    keys: &[
        key(
            "attribute",
            Type::Text,
            Optional("trace_state is looked at"),
            "The attribute of a span that asks for its trace; this or trace_state is needed",
        ),
        key(
            "trace_state",
            Type::Text,
            Optional("attribute is looked at"),
            "The key of the member of a span's W3C tracestate that asks for its trace",
        ),
        key(
            "value",
            Type::Text,
            Optional("anything but false"),
            "What it must be, exact; whole numbers and truth values are compared as they are written",
        ),
        key(
            "traces_per_second",
            Type::Integer { min: 1, max: i64::MAX },
            Default("10"),
            "How many traces are kept so, for the whole input; twice as many may come at once",
        ),
    ],
    refused: &[],
};

pub(crate) static DERIVED_NAMES: [Choice; 3] = [
    choice("model", "derive.model"),
    choice("model_version", "derive.model_version"),
    choice("preprocessing_version", "derive.preprocessing_version"),
];

pub(crate) static DRIFT: Section = Section {
    keys: &[
        key(
            "by",
            Type::List { item: &Type::Choice { here: &DERIVED_NAMES, later: &[] }, min: 1, max: 3 },
            Required("[model_version, preprocessing_version]"),
            "The derived attributes that make a key; at most 1024 keys are told apart",
        ),
        key(
            "floor_per_minute",
            Type::Integer { min: 0, max: 1_000_000 },
            Default("1"),
            "So many traces of each key are kept each minute, for the whole input; the first one at once, on each partition",
        ),
        key(
            "low_confidence_below",
            Type::Number,
            Default("0.5"),
            "A trace is low if a confidence is below this, above 0 and at most 1 on either scale",
        ),
        SCALE,
        OF_ARRAYS_KEY,
        key(
            "rise",
            Type::Number,
            Default("2.0"),
            "All traces of a key are kept while its share of low ones, over the last two twelfths of `baseline`, is more than this many times the usual share, and more than chance explains; above 1",
        ),
        key(
            "baseline",
            Type::Duration { min: ms(60_000), max: LONGEST },
            Default("1h"),
            "How far back what is usual goes; older traces fade",
        ),
    ],
    refused: &[],
};

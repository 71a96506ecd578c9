//! The Collector's policies: which keys their bodies have, where which may stand.

/// What a key's value must be.
pub(super) enum Type {
    Text,
    /// A list of texts, or one text that is split at commas.
    Texts,
    Boolean,
    /// Fractions are cut; beyond the bits it wraps, which is refused here.
    Integer {
        bits: u32,
    },
    /// The same, and what is below 0 is as good as 0.
    Amount,
    Float,
    /// `ignore`, `silent` or `propagate`, in any case.
    ErrorMode,
    /// A list of policies.
    Policies(Level),
    /// One policy.
    Policy(Level),
    /// Shares of a composite.
    Allocations,
}

/// A key of a body.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    /// What is written if the key is missing, as YAML; `None` if nothing need be.
    pub(super) zero: Option<&'static str>,
}

const fn key(name: &'static str, kind: Type, zero: &'static str) -> Key {
    Key { name, kind, zero: Some(zero) }
}

const fn optional(name: &'static str, kind: Type) -> Key {
    Key { name, kind, zero: None }
}

/// A type of policy with the keys of its body.
pub(super) struct Body {
    pub(super) name: &'static str,
    pub(super) keys: &'static [Key],
}

/// Where a policy stands: what it may be hangs on that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Level {
    Top,
    /// Within an `and` or a `drop`.
    Conjunct,
    /// Within a `composite`.
    Part,
    /// Within a `not`.
    Negated,
}

const INT64: Type = Type::Integer { bits: 64 };
const INT32: Type = Type::Integer { bits: 32 };

/// Types that stand anywhere and have a body.
static SIMPLE: [Body; 11] = [
    Body {
        name: "latency",
        keys: &[key("threshold_ms", INT64, "0"), optional("upper_threshold_ms", INT64)],
    },
    Body {
        name: "numeric_attribute",
        keys: &[
            key("key", Type::Text, "\"\""),
            optional("min_value", INT64),
            optional("max_value", INT64),
            optional("invert_match", Type::Boolean),
        ],
    },
    Body {
        name: "probabilistic",
        keys: &[key("sampling_percentage", Type::Float, "0"), optional("hash_salt", Type::Text)],
    },
    Body { name: "status_code", keys: &[key("status_codes", Type::Texts, "[]")] },
    Body {
        name: "string_attribute",
        keys: &[
            key("key", Type::Text, "\"\""),
            key("values", Type::Texts, "[]"),
            optional("enabled_regex_matching", Type::Boolean),
            optional("cache_max_size", INT64),
            optional("invert_match", Type::Boolean),
        ],
    },
    Body {
        name: "rate_limiting",
        keys: &[
            key("spans_per_second", Type::Amount, "0"),
            optional("burst_capacity", Type::Amount),
        ],
    },
    Body {
        name: "bytes_limiting",
        keys: &[
            key("bytes_per_second", Type::Amount, "0"),
            optional("burst_capacity", Type::Amount),
        ],
    },
    Body {
        name: "span_count",
        keys: &[key("min_spans", INT32, "0"), optional("max_spans", INT32)],
    },
    Body {
        name: "trace_state",
        keys: &[key("key", Type::Text, "\"\""), key("values", Type::Texts, "[]")],
    },
    Body {
        name: "boolean_attribute",
        keys: &[
            key("key", Type::Text, "\"\""),
            key("value", Type::Boolean, "false"),
            optional("invert_match", Type::Boolean),
        ],
    },
    Body {
        name: "ottl_condition",
        keys: &[
            optional("error_mode", Type::ErrorMode),
            optional("span", Type::Texts),
            optional("spanevent", Type::Texts),
        ],
    },
];

/// Types without a body, which stand anywhere, too.
const BARE: [&str; 2] = ["always_sample", "trace_flags"];

static AND: Body =
    Body { name: "and", keys: &[key("and_sub_policy", Type::Policies(Level::Conjunct), "[]")] };
static NOT: Body =
    Body { name: "not", keys: &[optional("not_sub_policy", Type::Policy(Level::Negated))] };
static DROP: Body =
    Body { name: "drop", keys: &[key("drop_sub_policy", Type::Policies(Level::Conjunct), "[]")] };
static COMPOSITE: Body = Body {
    name: "composite",
    keys: &[
        key("max_total_spans_per_second", Type::Amount, "0"),
        optional("policy_order", Type::Texts),
        key("composite_sub_policy", Type::Policies(Level::Part), "[]"),
        optional("rate_allocation", Type::Allocations),
    ],
};

/// A share of a composite.
pub(super) static ALLOCATION: Body = Body {
    name: "rate_allocation",
    keys: &[key("policy", Type::Text, "\"\""), key("percent", Type::Amount, "0")],
};

impl Level {
    /// The types that have a body here.
    pub(super) fn bodies(self) -> impl Iterator<Item = &'static Body> {
        let combinators = match self {
            Self::Top => [Some(&COMPOSITE), Some(&AND), Some(&NOT), Some(&DROP)],
            Self::Conjunct => [Some(&NOT), None, None, None],
            Self::Part => [Some(&AND), None, None, None],
            Self::Negated => [None; 4],
        };
        SIMPLE.iter().chain(combinators.into_iter().flatten())
    }

    pub(super) fn body(self, name: &str) -> Option<&'static Body> {
        self.bodies().find(|body| body.name == name)
    }

    /// The types that a policy may have here.
    pub(super) fn types(self) -> impl Iterator<Item = &'static str> {
        BARE.into_iter().chain(self.bodies().map(|body| body.name))
    }

    /// Where that is.
    pub(super) fn place(self) -> &'static str {
        match self {
            Self::Top => "here",
            Self::Conjunct => "within an and or a drop",
            Self::Part => "within a composite",
            Self::Negated => "within a not",
        }
    }
}

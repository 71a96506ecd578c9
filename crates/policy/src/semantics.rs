//! How a list of policies is to be understood.

/// Whose answers are given where tailsift and the Collector differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compatibility {
    /// Our own: numeric attributes accept doubles, 0 is a bound, zero times are ignored,
    /// probability follows the trace's randomness.
    #[default]
    Tailsift,
    /// Those of the Collector's tail_sampling processor, v0.158.
    Collector,
}

/// Where derived attributes are read from: aliases in the order of preference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Derive {
    /// A prediction's confidence, a number.
    pub confidence: Vec<String>,
    /// The version of the model that answered, a text or an integer.
    pub model_version: Vec<String>,
}

impl Default for Derive {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().copied().map(String::from).collect();
        Self {
            confidence: owned(&[
                "prediction_confidence",
                "prediction.confidence",
                "model.confidence",
                "confidence",
            ]),
            model_version: owned(&["model_version", "triton.model_version", "service.version"]),
        }
    }
}

/// How a list of policies is to be understood.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Semantics {
    /// Whose answers are given where tailsift and the Collector differ.
    pub compatibility: Compatibility,
    /// Policies after the first that says "sampled" are not asked.
    pub sample_on_first_match: bool,
    /// A trace of more bytes, as the Collector counts them ([`Facts::bytes`](crate::Facts)), is
    /// dropped without asking a policy; 0 = off.
    pub maximum_trace_size_bytes: u64,
    /// Where derived attributes are read from.
    pub derive: Derive,
}

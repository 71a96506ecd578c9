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

/// Where derived attributes are read from. There is no standard for any of them; the defaults are
/// what instrumentations of model servers and clients write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Derive {
    /// The model that answered, a text.
    pub model: Derived,
    /// The version of the model that answered, a text or an integer.
    pub model_version: Derived,
    /// The version of what prepared the model's input, a text or an integer.
    pub preprocessing_version: Derived,
    /// A prediction's confidence, a number; all that a span carries are looked at.
    pub confidence: Derived,
}

/// Where one derived attribute is read from: the first of these that is there, on the span, else
/// on its resource.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Derived {
    /// Attributes that hold it, in the order of preference.
    pub attributes: Vec<String>,
    /// Where none of them is, a part of another attribute.
    pub pattern: Option<DerivePattern>,
}

/// A part of a text attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DerivePattern {
    /// The attribute.
    pub from: String,
    /// A regular expression, unanchored; its first group is the part, or all of the match if it
    /// has none.
    pub regex: String,
}

impl Derived {
    fn of(attributes: &[&str], path: Option<&str>) -> Self {
        let pattern =
            |regex: &str| DerivePattern { from: "url.path".into(), regex: regex.to_owned() };
        Self {
            attributes: attributes.iter().copied().map(String::from).collect(),
            pattern: path.map(pattern),
        }
    }
}

impl Default for Derive {
    fn default() -> Self {
        Self {
            model: Derived::of(
                &[
                    "gen_ai.response.model",
                    "gen_ai.request.model",
                    "llm.model_name",
                    "llm.response.model_name",
                    "llm.request.model_name",
                    "triton.model_name",
                    "model.id",
                    "remote_model",
                    "ai.model_id",
                ],
                Some("/v[12]/models/([^/:]+)"),
            ),
            model_version: Derived::of(
                &["model_version", "triton.model_version", "service.version"],
                Some("/v2/models/[^/]+/versions/([^/]+)"),
            ),
            preprocessing_version: Derived::of(
                &["preprocessing_version", "preprocessing.version"],
                None,
            ),
            confidence: Derived::of(
                &[
                    "prediction_confidence",
                    "prediction.confidence",
                    "model.confidence",
                    "confidence",
                    "gen_ai.evaluation.score.value",
                    "evaluation.score",
                ],
                None,
            ),
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

//! `boolean_attribute`: a truth value of a span or its resource.

/// A truth value, on the resource or on a span, is this one.
///
/// Natively other types never match; under `compatibility: collector` they read as false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BooleanAttribute {
    /// The attribute's name, exact.
    pub key: String,
    /// The wanted value.
    pub value: bool,
    /// Sampled unless some span or resource has the value.
    pub invert_match: bool,
}

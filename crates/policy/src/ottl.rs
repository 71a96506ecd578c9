//! Conditions in the OpenTelemetry transformation language (OTTL), as the Collector's
//! `ottl_condition` policy takes them.
//!
//! A text becomes words (`token`), a tree (`syntax`), and, once its names have got a meaning
//! (`compile`, `path`, `function`), a condition that is evaluated for one span or event at a time
//! (`expression`, `call`). What is not known is refused by name. Evaluation allocates only where a
//! function makes a text or a list.

mod call;
mod cidr;
mod compare;
mod compile;
mod convert;
mod duration;
mod expression;
mod function;
mod hash;
mod json;
mod path;
mod refusal;
mod syntax;
mod token;
mod url;
mod value;
mod words;

use tailsift_trace::Interest;

pub(crate) use expression::Scope;
pub(crate) use value::Failure;

/// The longest condition, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 16 << 10;

/// A compiled condition.
#[derive(Debug)]
pub(crate) struct Condition(expression::Condition);

impl Condition {
    /// Compiles a condition on spans, or on events of spans, and asks for what it looks at.
    ///
    /// # Errors
    /// What is wrong with it, with its place in the text.
    pub(crate) fn compile(
        text: &str,
        on_events: bool,
        interest: &mut Interest,
    ) -> Result<Self, String> {
        if text.len() > TEXT_BYTES_MAX {
            let len = text.len();
            return Err(format!("expected at most {TEXT_BYTES_MAX} bytes, got {len}: split it"));
        }
        let mut meaning = compile::Meaning { interest, on_events };
        let condition = syntax::parse(text).and_then(|tree| meaning.condition(&tree));
        condition.map(Self).map_err(|refusal| refusal.shown_in(text))
    }

    /// What it says of any span, if it looks at none and cannot fail.
    pub(crate) fn constant(&self) -> Option<bool> {
        self.0.constant()
    }

    /// # Errors
    /// If it cannot be answered for this span or event.
    pub(crate) fn holds(&self, scope: &Scope<'_>) -> Result<bool, Failure> {
        self.0.holds(scope)
    }
}

#[cfg(test)]
mod tests;

//! `forced`: somebody asked for this very trace.

use tailsift_trace::{AttributeKey, Value, is_trace_state_key, trace_state_member};

use crate::Facts;
use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;
use crate::kind::Case;
use crate::kind::span_match::is_one_of;
use crate::limiters::TokenBucket;

/// A span says that its trace is to be kept, in an attribute or in its tracestate, and not too many
/// have been kept for that of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    /// The attribute of a span that says so; this or `trace_state`.
    pub attribute: Option<String>,
    /// The key of the member of a span's W3C tracestate that says so.
    pub trace_state: Option<String>,
    /// What it must be, exact; whole numbers and truth values as they are written. `None` = anything
    /// but the truth value `false`.
    pub value: Option<String>,
    /// Traces a second, at least 1; twice as many may come at once.
    pub traces_per_second: i64,
}

#[derive(Debug)]
pub(crate) struct Rule {
    by: By,
    value: Option<Box<[u8]>>,
    bucket: TokenBucket,
    asked: Bit,
}

#[derive(Debug)]
enum By {
    Attribute(AttributeKey),
    TraceState(Box<[u8]>),
}

impl Forced {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.forced");
        let by = match (self.attribute, self.trace_state) {
            (Some(key), None) => {
                if key.is_empty() {
                    compiler
                        .refuse(format!("{path}.attribute"), "must name an attribute, got \"\"");
                }
                By::Attribute(compiler.read(&key))
            }
            (None, Some(key)) => {
                if !is_trace_state_key(key.as_bytes()) {
                    let message =
                        format!("must be a key of a W3C tracestate, such as force, got {key:?}");
                    compiler.refuse(format!("{path}.trace_state"), message);
                }
                By::TraceState(key.into_bytes().into())
            }
            (None, None) | (Some(_), Some(_)) => {
                compiler.refuse(path.as_str(), "needs just one of attribute and trace_state");
                By::TraceState(Box::default())
            }
        };
        let rate = self.traces_per_second;
        if rate < 1 {
            let message = format!("must be at least 1, got {rate}");
            compiler.refuse(format!("{path}.traces_per_second"), message);
        }
        Rule {
            by,
            value: self.value.map(|value| value.into_bytes().into()),
            bucket: compiler.budgets.bucket(rate, 0),
            asked: compiler.bit(),
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>) {
        let asks = match &self.by {
            By::Attribute(key) => {
                let found = context.attributes.iter().find(|attribute| attribute.key == *key);
                found.is_some_and(|attribute| match &self.value {
                    Some(wanted) => is_one_of(attribute.value, std::slice::from_ref(wanted)),
                    None => attribute.value != Value::Bool(false),
                })
            }
            By::TraceState(key) => {
                let header = context.span.trace_state;
                let found = if header.is_empty() {
                    None
                } else {
                    trace_state_member(header, key).flatten()
                };
                found.is_some_and(|value| {
                    self.value.as_ref().is_none_or(|wanted| **wanted == *value)
                })
            }
        };
        if asks {
            facts.bits.set(self.asked);
        }
    }

    pub(crate) fn sampled(&self, case: &mut Case<'_>) -> bool {
        case.facts.bits.get(self.asked) && self.bucket.take(1, case.limiters, case.now)
    }
}

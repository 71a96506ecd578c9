//! `numeric_attribute`: a number attribute of a span or its resource lies in a range.

use tailsift_trace::{AttributeKey, Value};

use crate::Facts;
use crate::compile::{Compiler, SpanContext};
use crate::facts::Bit;

/// A number attribute, on the resource or on a span, lies in an inclusive range.
#[derive(Clone, Debug, PartialEq)]
pub struct NumericAttribute {
    /// The attribute's name, exact.
    pub key: String,
    /// The least value; natively `None` = unbounded, under `compatibility: collector` 0 too.
    pub min_value: Option<i64>,
    /// The greatest value; natively `None` = unbounded, under `compatibility: collector` 0 too.
    pub max_value: Option<i64>,
    /// Sampled unless some span or resource is in range.
    pub invert_match: bool,
}

#[derive(Debug)]
pub(crate) struct Rule {
    key: AttributeKey,
    min: i64,
    max: i64,
    invert: bool,
    /// The Collector reads every value that is no integer as 0.
    others_read_zero: bool,
    hit: Bit,
}

impl NumericAttribute {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.numeric_attribute");
        let collector = compiler.collector();
        let bound = |value: Option<i64>| value.filter(|value| !collector || *value != 0);
        let (min, max) = (bound(self.min_value), bound(self.max_value));
        if self.key.is_empty() && !collector {
            compiler.refuse(format!("{path}.key"), "must name an attribute, got \"\"");
        }
        if min.is_none() && max.is_none() {
            let zero =
                if collector { " that is not 0 (the Collector takes 0 as unset)" } else { "" };
            compiler.refuse(path.as_str(), format!("needs min_value or max_value{zero}"));
        }
        let (min, max) = (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX));
        if min > max && !collector {
            let message = format!("must be at most max_value ({max}), got {min}");
            compiler.refuse(format!("{path}.min_value"), message);
        }
        Rule {
            key: compiler.read(&self.key),
            min,
            max,
            invert: self.invert_match,
            others_read_zero: collector,
            hit: compiler.bit(),
        }
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>) {
        if !facts.bits.get(self.hit) && context.has(self.key, |value| self.in_range(value)) {
            facts.bits.set(self.hit);
        }
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        facts.spans > 0 && facts.bits.get(self.hit) != self.invert
    }

    /// A match stays one, whatever other spans have; that there is none does not.
    pub(crate) fn is_lasting(&self) -> bool {
        !self.invert
    }

    fn in_range(&self, value: Value<'_>) -> bool {
        let holds = |value: i64| self.min <= value && value <= self.max;
        match value {
            Value::Int(value) => holds(value),
            Value::Double(value) if !self.others_read_zero => {
                // An open end is open for doubles too, beyond what i64 holds.
                (self.min == i64::MIN || value >= self.min as f64)
                    && (self.max == i64::MAX || value <= self.max as f64)
                    && !value.is_nan()
            }
            Value::Empty
            | Value::Text(_)
            | Value::Bool(_)
            | Value::Double(_)
            | Value::Bytes(_)
            | Value::Array(_)
            | Value::Map(_) => self.others_read_zero && holds(0),
        }
    }
}

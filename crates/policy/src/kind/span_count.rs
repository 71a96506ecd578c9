//! `span_count`: a trace of so many spans.

use crate::Facts;
use crate::compile::Compiler;

/// The number of spans received, repeats included, lies in an inclusive range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanCount {
    /// The least number of spans.
    pub min_spans: i32,
    /// The greatest number of spans; 0 = unbounded. Under `compatibility: collector` a negative one
    /// matches nothing.
    pub max_spans: i32,
}

#[derive(Debug)]
pub(crate) struct Rule {
    bounds: SpanCount,
}

impl SpanCount {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let Self { min_spans, max_spans } = self;
        if !compiler.collector() {
            let path = format!("{path}.span_count");
            if min_spans < 0 {
                let message = format!("must not be negative, got {min_spans}");
                compiler.refuse(format!("{path}.min_spans"), message);
            }
            if max_spans != 0 && max_spans < min_spans.max(1) {
                let message = format!(
                    "must be at least min_spans ({min_spans}) or 0 for no bound, got {max_spans}"
                );
                compiler.refuse(format!("{path}.max_spans"), message);
            }
            if min_spans <= 1 && max_spans == 0 {
                let message = "needs min_spans above 1 or max_spans, or it keeps every trace: use `type: always_sample` for that";
                compiler.refuse(path, message);
            }
        }
        Rule { bounds: self }
    }
}

impl Rule {
    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        let spans = i64::from(facts.spans);
        let SpanCount { min_spans, max_spans } = self.bounds;
        spans > 0
            && spans >= i64::from(min_spans)
            && (max_spans == 0 || spans <= i64::from(max_spans))
    }

    /// More spans take nothing back where there are never too many.
    pub(crate) fn is_lasting(&self) -> bool {
        self.bounds.max_spans == 0
    }
}

//! How large a trace is to the Collector.
//!
//! It holds a trace as one `ResourceSpans` for each of those that brought spans of it, each with a
//! copy of its resource and of its scopes, and counts what these need as protobuf. Scopes without
//! spans vanish; schema URLs are lost, and so cost nothing.

use tailsift_trace::SpanSize;

use crate::Facts;

/// Adds the sizes of a record's spans of one trace, in wire order.
pub(crate) fn fold(facts: &mut Facts, sizes: &[SpanSize]) {
    for of_resource in sizes.chunk_by(|a, b| a.resource == b.resource) {
        let mut bytes = framed(u64::from(of_resource[0].resource_bytes));
        for of_scope in of_resource.chunk_by(|a, b| a.scope == b.scope) {
            let spans: u64 = of_scope.iter().map(|size| framed(u64::from(size.span_bytes))).sum();
            bytes += framed(framed(u64::from(of_scope[0].scope_bytes)) + spans);
        }
        facts.bytes = add(facts.bytes, bytes);
        facts.framed_bytes = add(facts.framed_bytes, framed(bytes));
    }
}

fn add(sum: u32, bytes: u64) -> u32 {
    sum.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX))
}

/// A field's length with its key of one byte and its own length in front.
fn framed(content: u64) -> u64 {
    let length_bytes = u64::from((content | 1).ilog2() / 7) + 1;
    1 + length_bytes + content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_for_each_resource_and_a_copy_of_its_scopes() {
        let size = |resource, scope, span_bytes| SpanSize {
            resource,
            scope,
            resource_bytes: 10,
            scope_bytes: 0,
            span_bytes,
        };
        for (sizes, bytes, framed_bytes) in [
            (&[][..], 0, 0),
            // 12 for the resource, 2 + 2 + 52 for the span in its scope.
            (&[size(0, 0, 50)], 68, 70),
            (&[size(0, 0, 50), size(0, 0, 50)], 120, 122),
            (&[size(0, 0, 50), size(0, 1, 50)], 124, 126),
            (&[size(0, 0, 50), size(1, 1, 50)], 136, 140),
            (&[size(0, 0, 127)], 12 + 3 + 2 + 129, 3 + 12 + 3 + 2 + 129),
            (&[size(0, 0, 128)], 12 + 3 + 2 + 131, 3 + 12 + 3 + 2 + 131),
        ] {
            let mut facts = Facts::default();
            fold(&mut facts, sizes);
            assert_eq!((facts.bytes, facts.framed_bytes), (bytes, framed_bytes), "{sizes:?}");
        }
    }

    #[test]
    fn sums_stop_at_their_bound() {
        let huge = SpanSize {
            resource: 0,
            scope: 0,
            resource_bytes: 0,
            scope_bytes: 0,
            span_bytes: u32::MAX,
        };
        let mut facts = Facts::default();
        fold(&mut facts, &[huge]);
        fold(&mut facts, &[huge]);
        assert_eq!((facts.bytes, facts.framed_bytes), (u32::MAX, u32::MAX));
    }
}

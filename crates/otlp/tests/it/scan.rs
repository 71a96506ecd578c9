//! `scan == prost`.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;
use tailsift_otlp::{Fault, ScanError, Scanner};
use tailsift_trace::{AttributeKey, Interest, Piece, Value};

use crate::encode::encode_oddly;
use crate::generate;
use crate::seen::{Seen, assert_inside, scanner, sizing_scanner};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn equals_prost_on_any_request(request in generate::request(), seed: u64) {
        let payload = encode_oddly(&request, seed);
        let decoded = ExportTraceServiceRequest::decode(&*payload).unwrap();
        // Encoded, as NaN is equal to nothing.
        prop_assert_eq!(decoded.encode_to_vec(), request.encode_to_vec(), "the odd encoder errs");
        let mut scanner = scanner();
        let batch = scanner.scan(&payload).unwrap();
        assert_inside(&batch, &payload);
        prop_assert_eq!(Seen::by_scan(&batch), Seen::by_prost(&request));
    }

    #[test]
    fn a_used_scanner_scans_like_a_new_one(
        requests in proptest::collection::vec((generate::request(), any::<u64>(), any::<bool>()), 1..5),
    ) {
        let mut used = scanner();
        for (request, seed, cut) in requests {
            let mut payload = encode_oddly(&request, seed);
            if cut {
                payload.pop();
            }
            let mut new = scanner();
            match (used.scan(&payload), new.scan(&payload)) {
                (Ok(a), Ok(b)) => {
                    prop_assert_eq!(Seen::by_scan(&a), Seen::by_scan(&b));
                    prop_assert_eq!(&a.pieces, &b.pieces);
                    prop_assert_eq!(&a.shared, &b.shared);
                    prop_assert_eq!(&a.chunks, &b.chunks);
                    used.recycle(a);
                }
                (a, b) => prop_assert_eq!(a.err(), b.err()),
            }
        }
    }
}

#[test]
fn an_empty_payload_holds_no_spans() {
    let mut scanner = scanner();
    let batch = scanner.scan(&[]).unwrap();
    assert!(batch.spans.is_empty() && batch.chunks.is_empty() && batch.pieces.is_empty());
}

#[test]
fn one_trace_is_kept_whole() {
    let payload = request([[1; 16], [1; 16]]).encode_to_vec();
    let mut scanner = scanner();
    let batch = scanner.scan(&payload).unwrap();
    assert_eq!(batch.pieces, [Piece::Own(&payload)]);
    assert!(batch.shared.is_empty());
    assert_eq!(batch.chunks[0].spans, 0..2);
}

#[test]
fn a_span_without_a_trace_is_counted_and_left_out() {
    let payload = request([[1; 16], [0; 16]]).encode_to_vec();
    let mut scanner = scanner();
    let batch = scanner.scan(&payload).unwrap();
    assert_eq!((batch.malformed, batch.spans.len(), batch.chunks.len()), (1, 1, 1));
    assert_ne!(batch.pieces, [Piece::Own(&payload)]);

    let payload = request([[0; 16], [0; 16]]).encode_to_vec();
    scanner.recycle(batch);
    let batch = scanner.scan(&payload).unwrap();
    assert_eq!((batch.malformed, batch.spans.len(), batch.chunks.len()), (2, 0, 0));
    assert!(batch.resources.is_empty() && batch.attributes.is_empty());
}

#[test]
fn only_attributes_of_interest_are_read() {
    let payload = request([[1; 16], [1; 16]]).encode_to_vec();
    let mut scanner = Scanner::new(Interest::default());
    let batch = scanner.scan(&payload).unwrap();
    assert!(batch.attributes.is_empty());
    scanner.recycle(batch);

    scanner.set_interest(Interest::new(["unheard", "service.name"]));
    let batch = scanner.scan(&payload).unwrap();
    let [attribute] = batch.resource_attributes_of(&batch.spans[0]) else { panic!("expected one") };
    assert_eq!((attribute.key, attribute.value), (AttributeKey(1), Value::Text(b"shop")));
    assert_eq!(scanner.interest().keys().len(), 2);
}

/// In the steady state a scan allocates nothing: its vectors come back in the same places.
#[test]
fn memory_goes_round() {
    let payload = request([[1; 16], [2; 16]]).encode_to_vec();
    let mut scanner = sizing_scanner();
    let mut places = Vec::new();
    for _ in 0..6 {
        let batch = scanner.scan(&payload).unwrap();
        places.push((
            batch.spans.as_ptr() as usize,
            batch.sizes.as_ptr() as usize,
            batch.attributes.as_ptr() as usize,
            batch.pieces.as_ptr() as usize,
            batch.shared.as_ptr() as usize,
            batch.chunks.as_ptr() as usize,
        ));
        scanner.recycle(batch);
    }
    assert_eq!(places[3], places[5]);
    assert_eq!(places[2], places[4]);
}

#[test]
fn texts_need_not_be_utf_8() {
    let mut payload = request([[1; 16], [1; 16]]).encode_to_vec();
    let place = payload.windows(4).position(|bytes| bytes == b"shop").unwrap();
    payload[place] = 0xff;
    assert!(ExportTraceServiceRequest::decode(&*payload).is_err());
    let mut scanner = scanner();
    let batch = scanner.scan(&payload).unwrap();
    assert_eq!(batch.resource_attributes_of(&batch.spans[0])[0].value, Value::Text(b"\xffhop"));
}

#[test]
fn a_known_field_of_another_type_is_an_error_as_to_prost() {
    // resource_spans (1) as a varint; scope_spans (2) as fixed32; name (5) as a varint.
    let cases: [(&[u8], usize, u32, u32); 3] = [
        (&[0x08, 1], 1, 1, 0),
        (&[0x0a, 5, 0x15, 0, 0, 0, 0], 3, 2, 5),
        (&[0x0a, 6, 0x12, 4, 0x12, 2, 0x28, 1], 7, 5, 0),
    ];
    for (payload, offset, number, wire_type) in cases {
        assert!(ExportTraceServiceRequest::decode(payload).is_err());
        let error = scanner().scan(payload).unwrap_err();
        assert_eq!(error, ScanError { offset, what: Fault::WireType { number, wire_type } });
    }
}

/// Each run of a header is repeated for each trace, so that runs are counted.
#[test]
fn a_scattered_header_is_refused_in_a_record_of_many_traces() {
    let scattered = |traces: u8| {
        let mut content = Vec::new();
        for number in 0..100 {
            let span = Span { trace_id: vec![1 + number % traces; 16], ..Span::default() };
            let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
            let part = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
            part.encode(&mut content).unwrap();
            content.extend([0x78, number]);
        }
        [vec![0x0a, 0x80 | (content.len() % 128) as u8, (content.len() / 128) as u8], content]
            .concat()
    };
    let mut scanner = scanner();
    assert_eq!(scanner.scan(&scattered(1)).unwrap().chunks.len(), 1);
    let error = scanner.scan(&scattered(2)).unwrap_err();
    assert_eq!(error.what, Fault::Scattered);
    let plain = request([[1; 16], [2; 16]]).encode_to_vec();
    assert_eq!(scanner.scan(&plain).unwrap().chunks.len(), 2);
}

fn request(trace_ids: [[u8; 16]; 2]) -> ExportTraceServiceRequest {
    let text = |key: &str, text: &str| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(text.into())) }),
        ..KeyValue::default()
    };
    let spans = trace_ids.map(|id| Span {
        trace_id: id.into(),
        attributes: vec![text("k", "v"), text("other", "v")],
        ..Span::default()
    });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", "shop")],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans { spans: spans.into(), ..ScopeSpans::default() }],
            schema_url: String::new(),
        }],
    }
}

//! Bytes that mean no good: never a panic, never a byte from outside, and where prost accepts,
//! the same answer.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use tailsift_otlp::{
    ScanError, TagValues, ThresholdEdit, edit_thresholds, jaeger_to_protobuf, json_to_protobuf,
    read_spans, split_to_size, zipkin_to_protobuf,
};
use tailsift_trace::Batch;

use crate::corpus;
use crate::encode::encode_oddly;
use crate::generate;
use crate::redact::redactor_of_everything;
use crate::seen::{Seen, assert_inside, scanner, sizing_scanner};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn arbitrary_bytes(payload in vec(any::<u8>(), 0..200)) {
        assert_withstood(&payload);
        assert_converts_in_proportion(&payload);
    }

    #[test]
    fn bytes_that_look_like_fields(payload in vec(field_like(), 0..30)) {
        assert_withstood(&payload.concat());
        assert_converts_in_proportion(&payload.concat());
    }

    #[test]
    fn arbitrary_text_as_json(json in "[\\[\\]{}:,\"a-z0-9.eE+-]{0,60}") {
        let _ = json_to_protobuf(json.as_bytes());
        assert_converts_in_proportion(json.as_bytes());
    }

    #[test]
    fn arbitrary_tags_of_zipkin(texts in vec("[|{}\\[\\]\":a0-9.-]{0,30}", 4)) {
        let tags = serde_json::json!({
            "otlp.link.0": texts[0], &texts[1]: texts[2], "otel.status_code": texts[3],
        });
        let annotations = serde_json::json!([{"value": texts[0]}, {"value": texts[1]}]);
        let endpoint = serde_json::json!({"serviceName": texts[1], "ipv4": texts[2]});
        let spans = serde_json::json!([{
            "traceId": "1", "tags": tags, "annotations": annotations, "localEndpoint": endpoint,
        }]);
        for values in [TagValues::Texts, TagValues::Parsed] {
            let request = zipkin_to_protobuf(spans.to_string().as_bytes(), values);
            assert!(ExportTraceServiceRequest::decode(&*request.expect("texts are allowed")).is_ok());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn broken_requests(request in generate::request(), seed: u64, damage in vec(damage(), 1..4)) {
        let mut payload = encode_oddly(&request, seed);
        damage.iter().for_each(|damage| damage.apply(&mut payload));
        assert_withstood(&payload);
    }

    #[test]
    fn broken_recorded_requests(place: prop::sample::Index, damage in vec(damage(), 1..4)) {
        thread_local! {
            static RECORDS: Vec<Vec<u8>> = corpus::values("otlp_proto_keyed_nobatch.bin");
        }
        let mut payload = RECORDS.with(|records| place.get(records).clone());
        damage.iter().for_each(|damage| damage.apply(&mut payload));
        assert_withstood(&payload);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn broken_recorded_spans_of_jaeger(place: prop::sample::Index, damage in vec(damage(), 1..4)) {
        thread_local! {
            static RECORDS: Vec<Vec<u8>> = corpus::values("jaeger_proto.bin");
        }
        let mut payload = RECORDS.with(|records| place.get(records).clone());
        damage.iter().for_each(|damage| damage.apply(&mut payload));
        assert_converts_in_proportion(&payload);
    }
}

/// What a converter writes is bounded by what it reads, whatever that is.
fn assert_converts_in_proportion(payload: &[u8]) {
    let requests = [
        jaeger_to_protobuf(payload).ok(),
        zipkin_to_protobuf(payload, TagValues::Texts).ok(),
        zipkin_to_protobuf(payload, TagValues::Parsed).ok(),
    ];
    for request in requests.into_iter().flatten() {
        assert!(request.len() <= 64 + 16 * payload.len(), "{} of {}", request.len(), payload.len());
        scanner().scan(&request).expect("what is converted can be scanned");
    }
}

/// Many distinct tags, and one tag many times over, take no more than time in proportion.
#[test]
fn many_tags_are_no_trouble() {
    let tags = |key: &dyn Fn(u32) -> u32| {
        let tag = |number| [&[0x42, 6, 0x0a, 4][..], &key(number).to_le_bytes()].concat();
        (0..200_000).flat_map(tag).collect::<Vec<_>>()
    };
    let started = std::time::Instant::now();
    for payload in [tags(&|number| number), tags(&|_| 0)] {
        assert_converts_in_proportion(&payload);
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
}

/// The number of pieces, which is what could grow beyond the payload, stays in proportion to it.
#[test]
fn work_is_linear_in_the_payload() {
    let mut content = Vec::new();
    for number in 0..20_000u32 {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&(number + 1).to_le_bytes());
        content.extend([0x12, 18, 0x0a, 16]);
        content.extend(id);
    }
    let headers = [0x1a, 1, b'x'].repeat(20_000);
    let mut scope = vec![0x12];
    prost::encoding::encode_varint((headers.len() + content.len()) as u64, &mut scope);
    let scope = [scope, headers, content].concat();
    let mut payload = vec![0x0a];
    prost::encoding::encode_varint(scope.len() as u64, &mut payload);
    payload.extend(scope);
    let mut scanner = scanner();
    let batch = scanner.scan(&payload).unwrap();
    assert_eq!(batch.chunks.len(), 20_000);
    assert!(batch.pieces.len() <= payload.len() / 4);
}

fn assert_withstood(payload: &[u8]) {
    let prost = ExportTraceServiceRequest::decode(payload);
    let mut scanner = scanner();
    let scanned = scanner.scan(payload);
    assert_sized(&scanned, payload);
    let thresholds = edit_thresholds(payload, ThresholdEdit::Raise(1 << 55));
    assert!(thresholds.is_ok() || scanned.is_err(), "what is scanned can be told its threshold");
    if let Ok(batch) = &scanned {
        assert_inside(batch, payload);
        for chunk in &batch.chunks {
            let bytes = crate::split::concat(batch, chunk);
            let mut again = crate::seen::scanner();
            assert_eq!(
                again.scan(&bytes).expect("a chunk is a request").spans.len(),
                batch.spans_of(chunk).len()
            );
        }
        assert!(split_to_size(payload, payload.len() / 2).is_ok());
    }
    // Who asks for more reads more, and may find what is broken there; prost finds it too.
    let mut curious = crate::more::curious();
    match curious.scan(payload) {
        Ok(batch) => {
            crate::more::assert_consistent(&batch);
            assert!(batch.detailed.nodes.len() <= 2 * payload.len());
        }
        Err(error) => assert!(prost.is_err(), "{error}"),
    }
    let detailed = read_spans(payload);
    if let Ok(request) = prost {
        let batch = scanned.expect("prost accepts it");
        let (scan, prost) = (Seen::by_scan(&batch), Seen::by_prost(&request));
        assert!(scan.agrees_with_prost(&prost), "{scan:?}\n{prost:?}");
        let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
        let count: usize = spans.map(|scope| scope.spans.len()).sum();
        assert_eq!(detailed.expect("prost accepts it").len(), count);
    }
    let _ = split_to_size(payload, payload.len() / 3);
    assert_redacts(payload);
}

/// What is left is OTLP all the way down, of a bounded size, and holds nothing for the rules.
fn assert_redacts(payload: &[u8]) {
    let Ok(redacted) = redactor_of_everything().rewrite(payload) else {
        return assert!(scanner().scan(payload).is_err());
    };
    let rest = &*redacted.request;
    assert!(rest.len() <= 16 * payload.len(), "{} of {}", rest.len(), payload.len());
    let again = redactor_of_everything().rewrite(rest).expect("it was readable");
    assert_eq!(*again.request, *rest);
    assert_eq!(again.counts.unreadable, 0);
    if let Ok(batch) = scanner().scan(payload) {
        let mut left = scanner();
        assert_eq!(left.scan(rest).expect("spans stay").spans.len(), batch.spans.len());
    }
}

/// Whether a record can be read does not depend on whether sizes are asked for.
fn assert_sized(scanned: &Result<Batch<'_>, ScanError>, payload: &[u8]) {
    let mut scanner = sizing_scanner();
    match (scanned, scanner.scan(payload)) {
        (Ok(plain), Ok(sized)) => {
            assert_eq!((plain.sizes.len(), sized.sizes.len()), (0, plain.spans.len()));
            assert_eq!(plain.spans, sized.spans);
        }
        (plain, sized) => assert_eq!(plain.as_ref().err(), sized.as_ref().err()),
    }
}

#[derive(Debug, Clone)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        4 => (place(), 0..8u8).prop_map(|(place, bit)| Damage::Flip(place, bit)),
        2 => (place(), any::<u8>()).prop_map(|(place, byte)| Damage::Set(place, byte)),
        1 => place().prop_map(Damage::Cut),
        1 => place().prop_map(Damage::Remove),
        1 => (place(), vec(any::<u8>(), 1..4)).prop_map(|(place, bytes)| Damage::Insert(place, bytes)),
    ]
}

impl Damage {
    fn apply(&self, payload: &mut Vec<u8>) {
        if payload.is_empty() {
            return;
        }
        match self {
            Self::Flip(place, bit) => *place.get_mut(payload) ^= 1 << bit,
            Self::Set(place, byte) => *place.get_mut(payload) = *byte,
            Self::Cut(place) => payload.truncate(place.index(payload.len())),
            Self::Remove(place) => drop(payload.remove(place.index(payload.len()))),
            Self::Insert(place, bytes) => {
                let place = place.index(payload.len());
                drop(payload.splice(place..place, bytes.iter().copied()));
            }
        }
    }
}

/// Bytes that begin like a field of low number.
fn field_like() -> impl Strategy<Value = Vec<u8>> {
    (1..18u8, 0..6u8, vec(any::<u8>(), 0..8)).prop_map(|(number, wire_type, content)| {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(u64::from(number) << 3 | u64::from(wire_type), &mut bytes);
        if wire_type == 2 {
            bytes.push(content.len() as u8);
        }
        bytes.extend(content);
        bytes
    })
}

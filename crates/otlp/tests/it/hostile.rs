//! Bytes that mean no good: never a panic, never a byte from outside, and where prost accepts,
//! the same answer.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use tailsift_otlp::{json_to_protobuf, read_spans, split_to_size};

use crate::corpus;
use crate::encode::encode_oddly;
use crate::generate;
use crate::seen::{Seen, assert_inside, scanner};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn arbitrary_bytes(payload in vec(any::<u8>(), 0..200)) {
        assert_withstood(&payload);
    }

    #[test]
    fn bytes_that_look_like_fields(payload in vec(field_like(), 0..30)) {
        assert_withstood(&payload.concat());
    }

    #[test]
    fn arbitrary_text_as_json(json in "[\\[\\]{}:,\"a-z0-9.eE+-]{0,60}") {
        let _ = json_to_protobuf(json.as_bytes());
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

//! A trace's pieces hold that trace, whole and unchanged, and nothing else.

use proptest::prelude::*;
use tailsift_otlp::Scanner;
use tailsift_trace::{Batch, Chunk};

use crate::encode::encode_oddly;
use crate::generate;
use crate::raw::Raw;
use crate::seen::{Seen, scanner};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn pieces_hold_one_trace_byte_for_byte(request in generate::request(), seed: u64) {
        assert_split(&mut scanner(), &encode_oddly(&request, seed));
    }
}

/// A chunk's bytes.
pub(crate) fn concat(batch: &Batch<'_>, chunk: &Chunk) -> Vec<u8> {
    batch.pieces_of(chunk).iter().flat_map(|piece| piece.bytes(&batch.shared)).copied().collect()
}

/// Fails unless the payload's chunks are what the raw model says; returns how many there are.
pub(crate) fn assert_split(scanner: &mut Scanner, payload: &[u8]) -> usize {
    let raw = Raw::read(payload);
    let batch = scanner.scan(payload).expect("the payload is a request");
    let seen = Seen::by_scan(&batch);
    let chunks: Vec<_> =
        batch.chunks.iter().map(|chunk| (chunk.trace_id, concat(&batch, chunk))).collect();
    scanner.recycle(batch);
    for ((trace_id, bytes), (_, spans)) in chunks.iter().zip(seen.traces) {
        let own = Raw::read(bytes);
        if *bytes == payload {
            assert_eq!(chunks.len(), 1);
        } else {
            assert_eq!(own, raw.of_trace(*trace_id));
        }
        let batch = scanner.scan(bytes).expect("a chunk is a request");
        let rescanned = Seen::by_scan(&batch);
        assert_eq!(rescanned, Seen { malformed: 0, traces: vec![(*trace_id, spans)] });
        scanner.recycle(batch);
    }
    chunks.len()
}

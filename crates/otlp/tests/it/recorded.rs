//! Every recorded request, both ways.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::corpus::{self, PROTO_FILES};
use crate::encode::{encode_oddly, with_unknown_fields};
use crate::seen::{KEYS, Seen, scanner};
use crate::split::assert_split;

#[test]
fn every_record_scans_as_prost_decodes_it() {
    let mut scanner = scanner();
    let mut spans = 0;
    for file in PROTO_FILES {
        for (number, payload) in corpus::values(file).iter().enumerate() {
            let request = ExportTraceServiceRequest::decode(&**payload).unwrap();
            let batch = scanner.scan(payload).unwrap();
            let seen = Seen::by_scan(&batch);
            assert_eq!(seen, Seen::by_prost(&request), "{file}, record {number}");
            assert_eq!(seen.malformed, 0);
            let mut all = seen.traces.iter().flat_map(|(_, spans)| spans);
            assert!(
                all.all(|span| span.resource.iter().any(|(key, _)| KEYS[*key] == "service.name"))
            );
            spans += batch.spans.len();
            scanner.recycle(batch);
        }
    }
    assert_eq!(spans, 2 * 3764 + 2 * 907 + 471 + 24_484);
}

#[test]
fn every_record_splits_by_trace() {
    let mut scanner = scanner();
    let mut chunks = 0;
    for file in PROTO_FILES {
        for payload in corpus::values(file) {
            chunks += assert_split(&mut scanner, &payload);
        }
    }
    assert!(chunks > 15_000);
}

/// Real content in unusual bytes, with fields from a future in every message.
#[test]
fn rewritten_records_scan_and_split() {
    let mut scanner = scanner();
    for file in ["otlp_proto_unkeyed.bin", "otlp_proto_headers.bin", "sdk_raw.bin"] {
        for (seed, payload) in corpus::values(file).iter().enumerate() {
            let request = ExportTraceServiceRequest::decode(&**payload).unwrap();
            let expected = Seen::by_prost(&request);
            for bytes in [with_unknown_fields(&request), encode_oddly(&request, seed as u64)] {
                let batch = scanner.scan(&bytes).unwrap();
                assert_eq!(Seen::by_scan(&batch), expected, "{file}, record {seed}");
                scanner.recycle(batch);
                assert_split(&mut scanner, &bytes);
            }
        }
    }
}

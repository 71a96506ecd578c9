use std::collections::BTreeMap;

use tailsift_fixture::LoadRecord;

use super::held::{Decided, Held, Stream};

/// A recording of 100 s on two partitions; the second ends after 50 s.
fn stream() -> Stream {
    let record = |partition, timestamp_ms| LoadRecord {
        key: None,
        value: Vec::new(),
        partition,
        timestamp_ms,
        headers: Vec::new(),
        spans: 0,
    };
    Stream::of([record(0, 0), record(1, 0), record(1, 50_000), record(0, 100_000)].into_iter())
}

fn decided(partition: i32, began_ms: i64, held_ms: i64) -> Decided {
    let (decided_at_ms, spans) = (began_ms + held_ms, 10);
    Decided { partition, decided_at_ms, held_ms, close_reason: "complete".to_owned(), spans }
}

#[test]
fn neither_warm_up_nor_the_end_count_as_held() {
    let traces = [
        decided(0, 9_999, 1),
        decided(0, 10_000, 1_000),
        decided(0, 20_000, 3_000),
        decided(1, 20_000, 2_000),
        decided(0, 60_000, 40_000),
        // Nothing came after it.
        decided(1, 49_000, 1_001),
        decided(0, 99_000, 1_000_000),
    ];
    let held = Held::of(&traces, &stream());
    assert_eq!((held.traces, held.p50_ms, held.p90_ms), (4, Some(2_000), Some(40_000)));
    assert_eq!((held.left_out, held.reasons), ((1, 2), BTreeMap::from([("complete".into(), 4)])));
    assert_eq!(held.spans_at_most, 20);
}

#[test]
fn spans_are_held_together_while_their_traces_overlap() {
    for (traces, most) in [
        (&[][..], 0),
        (&[decided(0, 1_000, 10), decided(0, 1_010, 10)], 10),
        (&[decided(0, 1_000, 11), decided(0, 1_010, 10)], 20),
        (&[decided(0, 1_000, 5), decided(1, 1_001, 5), decided(0, 1_002, 1)], 30),
        // It ends with its partition.
        (&[decided(1, 40_000, 90_000), decided(0, 50_000, 5)], 10),
    ] {
        assert_eq!(Held::of(traces, &stream()).spans_at_most, most, "{traces:?}");
    }
}

#[test]
fn a_trace_is_read_as_it_is_listed() {
    let text = r#"{"trace_id": "01", "decided_at_ms": 30, "held_ms": 20, "verdict": "drop",
        "close_reason": "complete", "spans": 10, "partition": 1}"#;
    let trace = serde_json::from_str(text).unwrap();
    assert_eq!(Decided::of(&trace), Some(decided(1, 10, 20)));
    assert_eq!(Decided::of(&serde_json::Value::Null), None);
}

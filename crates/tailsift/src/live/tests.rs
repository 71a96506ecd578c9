use expect_test::{ExpectFile, expect_file};
use serde_json::{Value, json};
use tailsift_otlp::{
    DetailedSpan, RedactionAction, RedactionKeys, RedactionRule, RedactionValues, json_to_protobuf,
};
use tailsift_policy::{Chance, Decision};
use tailsift_trace::{SpanId, UnixNano};

use super::waterfall::{ROWS_MAX, Waterfall};
use super::*;

/// Trace number `number`, dropped.
pub(crate) fn dropped(number: u8) -> RecentTrace {
    RecentTrace {
        trace_id: TraceId([number; 16]),
        decided_at: Millis(1_700_000_000_000 + i64::from(number)),
        held: Millis(1500),
        turned: None,
        verdict: Verdict::Drop,
        policy: None,
        close_reason: CloseReason::DecisionWait,
        partial: false,
        votes: vec![("errors".into(), Vote::NotSampled), ("slow".into(), Vote::NotSampled)],
        spans: 3,
        bytes: 1200,
        duration_ns: 12_500_000,
        threshold: None,
        partition: 2,
        export: None,
        redactor: None,
    }
}

/// Trace number `number`, kept by `policy` with this export.
pub(crate) fn kept(number: u8, policy: &str, export: Vec<u8>) -> RecentTrace {
    RecentTrace {
        verdict: Verdict::Keep,
        policy: Some(policy.into()),
        votes: vec![(policy.into(), Vote::Sampled)],
        export: Some(Arc::new(export)),
        ..dropped(number)
    }
}

/// An export of a request with a slow step that failed.
pub(crate) fn recommendation() -> Vec<u8> {
    let request = json!({"resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "feature-store"}}]},
            "scopeSpans": [{"scope": {"name": "redis"}, "spans": [{
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00000000000000b2",
                "parentSpanId": "00000000000000a1", "name": "Feature Extraction", "kind": 2,
                "startTimeUnixNano": "1700000000010500000", "endTimeUnixNano": "1700000000310500000",
                "status": {"code": 2, "message": "timeout"},
                "attributes": [{"key": "keys", "value": {"intValue": "64"}}],
                "events": [{"timeUnixNano": "1700000000300000000", "name": "exception",
                    "attributes": [{"key": "exception.type", "value": {"stringValue": "Timeout"}}]}]
            }]}]
        },
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "gateway"}}]},
            "scopeSpans": [{"spans": [{
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00000000000000a1",
                "name": "GET /recommend", "kind": 2,
                "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000320000000"
            }]}]
        }
    ]});
    json_to_protobuf(request.to_string().as_bytes()).unwrap()
}

#[test]
fn a_judged_trace_is_shown_with_names() {
    let names = Names::new(&["errors", "slow", "rest"]);
    let judged = Judged {
        trace_id: TraceId([9; 16]),
        partition: 4,
        decision: Decision {
            verdict: Verdict::Keep,
            policy: Some(1),
            close_reason: CloseReason::ByteLimit,
            chance: Chance::Threshold(Threshold(5)),
        },
        votes: [Some(Vote::NotSampled), Some(Vote::Sampled), None].into(),
        composite: None,
        spans: 12,
        bytes: 3400,
        duration_ns: -5,
        time: Millis(77),
        held: Millis(33),
        payload: Some(Arc::new(vec![1, 2])),
    };
    let trace = RecentTrace::new(judged, &names, None);
    assert_eq!(trace.policy.as_deref(), Some("slow"));
    let votes = trace.votes.iter().map(|(policy, vote)| (&**policy, *vote));
    // The last policy was not asked.
    let expected = [("errors", Vote::NotSampled), ("slow", Vote::Sampled)];
    assert_eq!(votes.collect::<Vec<_>>(), expected);
    assert!(trace.partial);
    assert_eq!((trace.spans, trace.bytes, trace.duration_ns), (12, 3400, -5));
    assert_eq!((trace.decided_at, trace.held, trace.partition), (Millis(77), Millis(33), 4));
    assert_eq!(trace.threshold, Some(Threshold(5)));
    assert_eq!(trace.export.as_deref(), Some(&vec![1, 2]));
}

fn numbers(page: &Page) -> Vec<u8> {
    page.traces.iter().map(|trace| trace.trace_id.0[0]).collect()
}

fn all(view: &LiveView) -> Vec<u8> {
    numbers(&view.list(&Filter::default(), usize::MAX))
}

#[test]
fn the_newest_come_first_and_the_oldest_make_room() {
    let view = LiveView::new(3, 1 << 20);
    for number in 1..=5 {
        view.record(dropped(number));
    }
    assert_eq!(all(&view), [5, 4, 3]);
    assert!(view.get(TraceId([2; 16])).is_none());
    assert_eq!(view.get(TraceId([3; 16])).unwrap().spans, 3);
}

#[test]
fn bytes_are_bounded() {
    let export = || vec![0; 10_000];
    let one = footprint(&kept(1, "p", export()));
    let view = LiveView::new(1000, 10 * one);
    for number in 1..=25 {
        view.record(kept(number, "p", export()));
        assert!(view.ring.lock().unwrap().bytes <= 10 * one);
    }
    assert_eq!(all(&view), (16..=25).rev().collect::<Vec<_>>());
    for number in 1..=200 {
        view.record(dropped(number));
    }
    let held: usize = view.traces.iter().map(|entry| entry.footprint).sum();
    assert_eq!(view.ring.lock().unwrap().bytes, held);
    assert!(held <= 10 * one);
}

#[test]
fn a_giant_is_shown_without_its_spans() {
    let view = LiveView::new(10, 80_000);
    view.record(kept(1, "p", vec![0; 10_000]));
    view.record(kept(2, "p", vec![0; 10_001]));
    assert_eq!(all(&view), [2, 1]);
    assert!(view.get(TraceId([1; 16])).unwrap().export.is_some());
    assert!(view.get(TraceId([2; 16])).unwrap().export.is_none());
}

#[test]
fn a_trace_recorded_again_is_there_once() {
    let view = LiveView::new(4, 1 << 20);
    for number in [1, 2, 1, 3] {
        view.record(dropped(number));
    }
    assert_eq!(all(&view), [3, 1, 2]);
    for number in [1, 1, 1, 1, 1, 1] {
        view.record(dropped(number));
    }
    assert_eq!(all(&view), [1]);
    assert_eq!(view.ring.lock().unwrap().bytes, footprint(&dropped(1)));
}

#[test]
fn a_view_of_nothing_stays_empty() {
    for view in [LiveView::new(0, 1 << 20), LiveView::new(10, 0)] {
        view.record(dropped(1));
        assert_eq!(all(&view), [] as [u8; 0]);
    }
}

#[test]
fn filters_narrow_the_list() {
    let view = LiveView::new(100, 1 << 20);
    for number in 1..=9 {
        view.record(match number % 3 {
            0 => dropped(number),
            1 => kept(number, "errors", Vec::new()),
            _ => RecentTrace {
                close_reason: CloseReason::SpanLimit,
                ..kept(number, "slow", Vec::new())
            },
        });
    }
    let check = |filter: Filter, expected: &[u8]| {
        assert_eq!(numbers(&view.list(&filter, 100)), expected, "{filter:?}");
    };
    check(Filter { verdict: Some(Verdict::Drop), ..Filter::default() }, &[9, 6, 3]);
    check(Filter { policy: Some("slow".into()), ..Filter::default() }, &[8, 5, 2]);
    check(Filter { policy: Some("slo".into()), ..Filter::default() }, &[]);
    let limited = Filter { close_reason: Some(CloseReason::SpanLimit), ..Filter::default() };
    check(limited, &[8, 5, 2]);
    let both =
        Filter { verdict: Some(Verdict::Drop), policy: Some("slow".into()), ..Filter::default() };
    check(both, &[]);
}

#[test]
fn pages_join_without_gap_or_repeat() {
    let view = LiveView::new(100, 1 << 20);
    for number in 1..=10 {
        view.record(dropped(number));
    }
    let mut seen = Vec::new();
    let mut filter = Filter::default();
    loop {
        let page = view.list(&filter, 4);
        seen.extend(numbers(&page));
        view.record(dropped(100));
        filter.before = page.next_before;
        if page.next_before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=10).rev().collect::<Vec<_>>());
}

#[test]
fn writers_and_readers_do_not_wait_for_each_other() {
    let view = LiveView::new(50, 1 << 20);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let view = &view;
            scope.spawn(move || {
                (0..500).for_each(|n| view.record(dropped((worker * 60 + n % 60) as u8)))
            });
        }
        for _ in 0..500 {
            let page = view.list(&Filter::default(), 10);
            assert!(page.traces.len() <= 10);
        }
    });
    let ring = view.ring.lock().unwrap();
    assert!(view.traces.len() <= 50 && !view.traces.is_empty());
    assert_eq!(ring.bytes, view.traces.iter().map(|entry| entry.footprint).sum::<usize>());
}

fn document(trace: &RecentTrace) -> Value {
    serde_json::to_value(Document::new(trace)).unwrap()
}

fn check_document(trace: &RecentTrace, expected: &ExpectFile) {
    let mut text = serde_json::to_string_pretty(&Document::new(trace)).unwrap();
    text.push('\n');
    expected.assert_eq(&text);
}

#[test]
fn a_kept_trace_has_a_waterfall() {
    let trace =
        RecentTrace { threshold: Some(Threshold(3 << 54)), ..kept(7, "errors", recommendation()) };
    check_document(&trace, &expect_file!["tests/kept.json"]);
}

#[test]
fn a_dropped_trace_says_why_it_has_none() {
    check_document(&dropped(7), &expect_file!["tests/dropped.json"]);
}

#[test]
fn a_waterfall_that_is_missing_says_why() {
    let check = |trace: &RecentTrace, note: &str| {
        let document = document(trace);
        assert_eq!(document["waterfall"], Value::Null);
        let shown = document["waterfall_note"].as_str().unwrap();
        assert!(shown.starts_with(note), "{shown}");
    };
    check(&RecentTrace { export: None, ..kept(1, "p", Vec::new()) }, "its spans are too large");
    check(&kept(1, "p", vec![0xff; 20]), "its spans could not be read: not an OTLP");
}

#[test]
fn only_what_is_redacted_is_shown() {
    let rule = |values: &str| RedactionRule {
        action: RedactionAction::Mask { with: "****".into() },
        keys: RedactionKeys::Any,
        values: Some(RedactionValues::Regex(values.into())),
        places: Vec::new(),
    };
    let redactor = Redactor::new(&[rule("(?i)timeout"), rule("gateway")]).unwrap();
    let redactor = Some(Arc::new(redactor));
    let trace = RecentTrace { redactor, ..kept(7, "errors", recommendation()) };
    let shown = document(&trace).to_string();
    assert!(shown.contains("****") && shown.contains("feature-store"), "{shown}");
    assert!(!shown.contains("imeout") && !shown.contains("gateway"), "{shown}");
    let broken = RecentTrace { export: Some(Arc::new(vec![0x0a, 0x7f])), ..trace };
    let note = document(&broken)["waterfall_note"].to_string();
    assert!(note.contains("its spans could not be read"), "{note}");
}

/// Lines of `id parent start end`, ids and times as numbers, 0 for none; the waterfall's rows as
/// `depth id`.
fn check_order(lines: &str, expected: &str) {
    let id = |number: u64| SpanId::from_wire(&number.to_be_bytes());
    let spans = lines.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let numbers: Vec<u64> = line.split_whitespace().map(|n| n.parse().unwrap()).collect();
        DetailedSpan {
            name: numbers[0].to_string(),
            span_id: id(numbers[0]),
            parent_span_id: id(numbers[1]),
            start: UnixNano(numbers[2]),
            end: UnixNano(numbers[3]),
            ..DetailedSpan::default()
        }
    });
    let rows = serde_json::to_value(Waterfall::new(spans.collect())).unwrap();
    let shown = rows.as_array().unwrap().iter().map(|row| {
        let missing = if row["parent_missing"] == true { "?" } else { "" };
        format!("{} {}{missing}", row["depth"], row["name"].as_str().unwrap())
    });
    assert_eq!(shown.collect::<Vec<_>>().join(", "), expected, "{lines}");
}

#[test]
fn rows_are_in_the_order_of_the_tree() {
    check_order("", "");
    check_order("3 2 30 40\n2 1 20 50\n4 1 10 15\n1 0 5 60", "0 1, 1 4, 1 2, 2 3");
    // A parent that is not there, later than the root.
    check_order("5 9 7 8\n1 0 5 60\n2 1 6 7", "0 1, 1 2, 0 5?");
    // Spans that are each other's ancestors, one that is its own, one below them.
    check_order("1 2 10 20\n2 1 11 12\n3 3 5 6\n4 2 12 13", "0 3, 0 1, 1 2, 2 4");
    // One span twice: its child hangs below the first.
    check_order("1 0 10 20\n1 0 10 20\n2 1 11 12", "0 1, 1 2, 0 1");
    // Without ids, and without times.
    check_order("0 0 10 20\n0 7 1 2\n0 0 0 0", "0 0, 0 0?, 0 0");
}

#[test]
fn times_that_are_missing_are_null() {
    let spans = [(0, 0), (10_000_000, 0), (11_500_000, 11_000_000)].map(|(start, end)| {
        DetailedSpan { start: UnixNano(start), end: UnixNano(end), ..DetailedSpan::default() }
    });
    let rows = serde_json::to_value(Waterfall::new(spans.to_vec())).unwrap();
    let times = |row: &Value| [row["offset_ms"].clone(), row["duration_ms"].clone()];
    assert_eq!(times(&rows[0]), [Value::Null, Value::Null]);
    assert_eq!(times(&rows[1]), [json!(0.0), Value::Null]);
    assert_eq!(times(&rows[2]), [json!(1.5), json!(-0.5)]);
}

#[test]
fn a_long_chain_is_cut_and_said_so() {
    let spans = (1..=ROWS_MAX as u64 + 2).map(|number| DetailedSpan {
        span_id: SpanId::from_wire(&number.to_be_bytes()),
        parent_span_id: SpanId::from_wire(&(number - 1).to_be_bytes()),
        ..DetailedSpan::default()
    });
    let waterfall = Waterfall::new(spans.collect());
    assert_eq!(waterfall.left_out(), Some(2));
    let rows = serde_json::to_value(&waterfall).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), ROWS_MAX);
    assert_eq!(rows[ROWS_MAX - 1]["depth"], ROWS_MAX - 1);
}

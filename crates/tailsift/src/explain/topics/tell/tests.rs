use std::sync::Arc;

use expect_test::{Expect, expect};
use tailsift_otlp::{Scanner, json_to_protobuf};
use tailsift_policy::{
    Chance, CloseReason, Kind, Policy, PolicySet, Semantics, StatusCodes, Verdict,
};
use tailsift_sampler::{Manner, Trial};
use tailsift_trace::{Millis, StatusCode, TraceId};

use super::super::exported::Exported;
use super::super::gather::{Found, Gathered};
use super::*;
use crate::explain::{Names, Told};

/// A failed span without a parent.
fn payload() -> Vec<u8> {
    let id = "ab".repeat(16);
    let text = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{id}","spanId":"00f067aa0ba902b7","startTimeUnixNano":"1760000000000000000","endTimeUnixNano":"1760000000012000000","status":{{"code":2}}}}]}}]}}]}}"#
    );
    json_to_protobuf(text.as_bytes()).unwrap()
}

fn told() -> Told {
    let errors = Policy::new("errors", Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR])));
    let policies = Arc::new(PolicySet::compile(vec![errors], Semantics::default()).unwrap());
    let mut scanner = Scanner::new(policies.interest().clone());
    let mut trial = Trial::new(Arc::clone(&policies), Manner::AtEnd, Millis(0));
    let payload = payload();
    trial.handle_batch(&scanner.scan(&payload).unwrap());
    Told {
        traces: trial.finish(),
        names: Names(policies),
        malformed: 0,
        ended: "the topic was read to its end",
    }
}

fn found(partition: i32, offset: i64, time_ms: i64) -> Found {
    Found { partition, offset, time_ms: Some(time_ms), payload: payload() }
}

fn report(records: Vec<Found>, recorded: Option<Recorded>, exported: Exported) -> Report {
    Report {
        trace_id: TraceId([0xab; 16]),
        input: "spans".to_owned(),
        told: (!records.is_empty()).then(told),
        gathered: Gathered { records, searched: 120, ..Gathered::default() },
        recorded,
        config: 7,
        output: "kept".to_owned(),
        exported,
    }
}

fn recorded(verdict: Verdict, config: u64, late: u64) -> Recorded {
    Recorded {
        verdict,
        policy: (verdict == Verdict::Keep).then(|| "slow\nones".to_owned()),
        close_reason: CloseReason::DecisionWait,
        // What was dropped was not kept by chance.
        chance: if verdict == Verdict::Keep { Chance::Unknown } else { Chance::None },
        partition: 3,
        at_ms: Some(1_795_828_159_000),
        stream_time_ms: Some(1_795_828_158_000),
        config,
        late,
        turned: None,
        missing: 0,
    }
}

fn check(report: &Report, expected: &Expect) {
    let mut out = Vec::new();
    text(&mut out, report).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    expected.assert_eq(&text);
}

const NOTHING: Exported = Exported { records: 0, spans: 0, missing: 1 };

#[test]
fn a_turned_verdict_says_by_what_and_what_is_missing() {
    let of = |partial, missing, missing_below| {
        let by = Some(tailsift_trace::SpanId([0xcd; 8]));
        let turned = Some(tailsift_sampler::Turned { by, partial, missing_below });
        let recorded = Recorded { turned, missing, ..recorded(Verdict::Keep, 7, 0) };
        let report = report(Vec::new(), Some(recorded), NOTHING);
        let mut out = Vec::new();
        text(&mut out, &report).unwrap();
        let text = String::from_utf8(out).unwrap();
        let told = text.lines().filter(|line| line.contains("turned") || line.contains("partial:"));
        let told: Vec<String> = told.map(|line| line.trim().to_owned()).collect();
        (told, json(&report)["recorded"]["turned"].to_string())
    };
    let turned = "turned: it was dropped, until a late span wanted it kept (cdcdcdcdcdcdcdcd)";
    let (told, json) = of(None, 0, None);
    assert_eq!(told, [turned]);
    assert_eq!(json, r#"{"by":"cdcdcdcdcdcdcdcd","partial":null,"records_missing":0}"#);
    let (told, json) = of(Some(tailsift_sampler::Partial::Gone), 2, None);
    assert_eq!(told, [turned, "partial: gone, 2 records could not be read again"]);
    assert_eq!(json, r#"{"by":"cdcdcdcdcdcdcdcd","partial":"gone","records_missing":2}"#);
    let (told, json) = of(Some(tailsift_sampler::Partial::Forgotten), 0, Some(42));
    assert_eq!(
        told,
        [turned, "partial: forgotten, what it has below offset 42 was not read again"]
    );
    let below = r#"{"by":"cdcdcdcdcdcdcdcd","missing_below":42,"partial":"forgotten","#;
    assert_eq!(json, format!(r#"{below}"records_missing":null}}"#));
}

#[test]
fn what_was_decided_stands_beside_what_would_be() {
    let records = vec![found(3, 8, 1_795_828_129_000), found(3, 9, 1_795_828_130_000)];
    let whole = Exported { records: 1, spans: 2, missing: 0 };
    let of = report(records, Some(recorded(Verdict::Keep, 7, 2)), whole);
    check(
        &of,
        &expect![[r#"
            trace abababababababababababababababab  keep
              decided by  errors
              closed      drain: the topic was read to its end
              seen        1 span, 12 ms, with its root, no parent is missing
              exported    1 span
              votes       errors  sampled
              spans from  spans, partition 3: 2 records, 2026-11-28 01:08:49 to 2026-11-28 01:08:50 UTC
              recorded    keep by slow\nones
                          decision_wait: its wait was over
                          chance: unknown: a budget had a part in it
                          at 2026-11-28 01:09:19 UTC, by these policies (0000000000000007)
                          spans came after the verdict and followed it, 2 times
              output      kept holds whole: 2 spans in 1 record
        "#]],
    );
    expect![[r#"{"close_reason":"drain","input":{"first_ms":1795828129000,"last_ms":1795828130000,"partitions":[3],"records":2,"records_searched":120,"records_unreadable":0,"topic":"spans"},"output":{"holds":"whole","records":1,"spans":2,"spans_missing":0,"topic":"kept"},"policy":"errors","recorded":{"at_ms":1795828159000,"close_reason":"decision_wait","config":"0000000000000007","late":2,"partition":3,"policy":"slow\nones","same_policies":true,"stream_time_ms":1795828158000,"threshold":null,"turned":null,"verdict":"keep"},"spans":1,"trace_id":"abababababababababababababababab","verdict":"keep","votes":[{"policy":"errors","vote":"sampled"}]}"#]].assert_eq(&json(&of).to_string());
}

#[test]
fn what_is_not_there_is_said() {
    check(
        &report(vec![found(0, 1, 5), found(3, 1, 9)], None, NOTHING),
        &expect![[r#"
        trace abababababababababababababababab  keep
          decided by  errors
          closed      drain: the topic was read to its end
          seen        1 span, 12 ms, with its root, no parent is missing
          exported    1 span
          votes       errors  sampled
          spans from  spans, partition 0, 3: 2 records, 1970-01-01 00:00:00 to 1970-01-01 00:00:00 UTC
                      the records of a trace must be on one partition: run judges each part alone
          recorded    no verdict: it waits, or the log was not kept so long
          output      kept holds nothing of it
    "#]],
    );
    let part = Exported { records: 1, spans: 1, missing: 3 };
    let other = Some(recorded(Verdict::Drop, 8, 0));
    check(
        &report(vec![found(3, 8, 5)], other, part),
        &expect![[r#"
        trace abababababababababababababababab  keep
          decided by  errors
          closed      drain: the topic was read to its end
          seen        1 span, 12 ms, with its root, no parent is missing
          exported    1 span
          votes       errors  sampled
          spans from  spans, partition 3: 1 record, 1970-01-01 00:00:00 to 1970-01-01 00:00:00 UTC
          recorded    drop
                      decision_wait: its wait was over
                      at 2026-11-28 01:09:19 UTC, by other policies (0000000000000008)
          output      kept holds a part: 1 span in 1 record, 3 spans of the input missing
    "#]],
    );
    let gone = report(Vec::new(), Some(recorded(Verdict::Drop, 7, 0)), NOTHING);
    check(
        &gone,
        &expect![[r#"
        trace abababababababababababababababab
          spans from  nowhere: 120 records of spans hold none, they may be deleted
          recorded    drop
                      decision_wait: its wait was over
                      at 2026-11-28 01:09:19 UTC, by these policies (0000000000000007)
          output      kept holds nothing of it
    "#]],
    );
    expect![[r#"{"close_reason":null,"input":{"first_ms":null,"last_ms":null,"partitions":[],"records":0,"records_searched":120,"records_unreadable":0,"topic":"spans"},"output":{"holds":"none","records":0,"spans":0,"spans_missing":1,"topic":"kept"},"policy":null,"recorded":{"at_ms":1795828159000,"close_reason":"decision_wait","config":"0000000000000007","late":0,"partition":3,"policy":null,"same_policies":true,"stream_time_ms":1795828158000,"threshold":null,"turned":null,"verdict":"drop"},"spans":0,"trace_id":"abababababababababababababababab","verdict":null,"votes":[]}"#]].assert_eq(&json(&gone).to_string());
}

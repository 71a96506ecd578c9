use std::sync::Arc;

use expect_test::expect;
use tailsift_otlp::{Scanner, json_to_protobuf};
use tailsift_policy::PolicySet;
use tailsift_sampler::{Manner, Trial};
use tailsift_trace::Millis;

use super::*;

const CONFIG: &str = r#"
maximum_trace_size_bytes: 2000
policies:
  - {name: "health\nchecks", type: drop, drop: {drop_sub_policy: [{type: string_attribute, string_attribute: {key: http.route, values: [/healthz]}}]}}
  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - name: a name that is so long that it would push the votes far beyond the columns of a terminal
    type: latency
    latency: {threshold_ms: 250}
  - name: budget
    type: composite
    composite:
      max_total_spans_per_second: 100
      composite_sub_policy: [{name: flagged, type: trace_flags}]
      rate_allocation: [{policy: flagged, percent: 100}]
"#;

fn span(trace: u8, more: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"00f067aa0ba902b7","startTimeUnixNano":"1760000000000000000"{more}}}]}}]}}]}}"#,
        format!("{trace:02x}").repeat(16)
    )
}

#[test]
fn chance_is_told_where_it_decided() {
    for (of, expect) in [
        (Chance::None, None),
        (Chance::Unknown, Some("unknown: a budget had a part in it")),
        (Chance::Threshold(Threshold(1 << 55)), Some("50.0000 percent, threshold 8")),
        (Chance::Threshold(Threshold(0)), Some("100.0000 percent, threshold 0")),
        (Chance::Threshold(Threshold(0xff_ff00_0000_0000)), Some("0.0015 percent, threshold ffff")),
    ] {
        assert_eq!(chance(of).as_deref(), expect);
    }
}

/// What is told of these batches.
fn told(batches: &[String]) -> String {
    let import = tailsift_config::import_collector(CONFIG, None, &|_| None);
    let import = import.unwrap_or_else(|errors| panic!("{}", tailsift_config::Report(&errors)));
    let policies: Arc<PolicySet> = import.config.policy_set().into();
    let mut scanner = Scanner::new(policies.interest().clone());
    let mut trial = Trial::new(Arc::clone(&policies), Manner::AtEnd, Millis(0));
    for text in batches {
        let payload = json_to_protobuf(text.as_bytes()).unwrap();
        let batch = scanner.scan(&payload).unwrap();
        trial.handle_batch(&batch);
        scanner.recycle(batch);
    }
    let told = Told {
        traces: trial.finish(),
        names: Names(policies),
        malformed: 0,
        ended: "the file ended",
    };
    let mut out = Vec::new();
    write(&mut out, &told).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.lines().all(|line| measure_text_width(line) <= 100), "{text}");
    text
}

#[test]
fn traces_are_told_in_columns() {
    let text = told(&[
        span(1, r#","status":{"code":2},"endTimeUnixNano":"1760000000012345678""#),
        span(2, r#","attributes":[{"key":"http.route","value":{"stringValue":"/healthz"}}]"#),
        span(
            3,
            r#","flags":1,"parentSpanId":"00000000000000aa","endTimeUnixNano":"1760000000100000000""#,
        ),
        span(4, &format!(r#","name":"{}""#, "x".repeat(2000))),
        span(5, r#","endTimeUnixNano":"1760000065000000000""#),
    ]);
    expect![[r#"
        trace 01010101010101010101010101010101  keep
          decided by  errors
          closed      drain: the file ended
          seen        1 span, 12.346 ms, with its root, no parent is missing
          exported    1 span
          votes       health\nchecks                                                    not sampled
                      errors                                                            sampled
                      a name that is so long that it would push the votes far beyond …  not sampled
                      budget                                                            not sampled

        trace 02020202020202020202020202020202  drop
          decided by  health\nchecks
          closed      drain: the file ended
          seen        1 span, times missing, with its root, no parent is missing
          exported    0 spans
          votes       health\nchecks                                                    dropped
                      errors                                                            not asked
                      a name that is so long that it would push the votes far beyond …  not asked
                      budget                                                            not asked

        trace 03030303030303030303030303030303  keep
          decided by  budget, by its flagged
          closed      drain: the file ended
          seen        1 span, 100 ms, without a root, 1 parent is missing
          exported    1 span
          votes       health\nchecks                                                    not sampled
                      errors                                                            not sampled
                      a name that is so long that it would push the votes far beyond …  not sampled
                      budget                                                            sampled

        trace 04040404040404040404040404040404  drop
          decided by  no policy: none asked to keep it
          closed      too_large: it is larger than maximum_trace_size_bytes; no policy was asked
          seen        1 span, times missing, with its root, no parent is missing
          exported    0 spans
          votes       health\nchecks                                                    not asked
                      errors                                                            not asked
                      a name that is so long that it would push the votes far beyond …  not asked
                      budget                                                            not asked

        trace 05050505050505050505050505050505  keep
          decided by  a name that is so long that it would push the votes far beyond …
          closed      drain: the file ended
          seen        1 span, 65.00 s, with its root, no parent is missing
          exported    1 span
          votes       health\nchecks                                                    not sampled
                      errors                                                            not sampled
                      a name that is so long that it would push the votes far beyond …  sampled
                      budget                                                            not sampled

        3 kept of 5 traces: 3 of 5 spans
    "#]]
    .assert_eq(&text);
}

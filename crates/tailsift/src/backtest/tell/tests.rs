use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};
use tailsift_policy::{Kind, Policy, PolicySet, Semantics, Verdict};
use tailsift_trace::TraceId;

use super::super::difference::Word;
use super::super::tally::Tally;
use super::*;

fn sum(traces: u64) -> Sum {
    Sum { traces, spans: 12 * traces, bytes: 5000 * traces }
}

fn report(semantics: Semantics) -> Report {
    let names = ["errors", "a name that is longer than its column, by far"];
    let policies = names.map(|name| Policy::new(name, Kind::AlwaysSample)).to_vec();
    let policies = Arc::new(PolicySet::compile(policies, semantics).unwrap());
    let mut tally = Tally::new(2);
    (tally.all, tally.kept, tally.late) = (sum(1000), sum(40), Sum { traces: 0, ..sum(1) });
    (tally.records, tally.unreadable, tally.early) = (4000, 1, 2);
    (tally.first_ms, tally.last_ms) = (Some(1_795_828_159_000), Some(1_795_831_759_000));
    tally.closed[CloseReason::DecisionWait as usize] = 990;
    tally.closed[CloseReason::Drain as usize] = 10;
    (tally.policies[0].sampled, tally.policies[0].only) = (sum(30), sum(25));
    tally.policies[0].only_examples.0 = [1, 2, 3].map(|id| TraceId([id; 16])).into();
    (tally.policies[1].sampled, tally.policies[1].only) = (sum(15), sum(10));
    Report {
        topic: "spans".to_owned(),
        partitions: 8,
        since_ms: None,
        took: Duration::from_millis(1234),
        policies,
        tally,
        against: None,
    }
}

fn against() -> Difference {
    let (keep, drop) = (
        Word { verdict: Verdict::Keep, policy: Some("errors") },
        Word { verdict: Verdict::Drop, policy: None },
    );
    let mut difference = Difference::default();
    for (trace, here, there) in
        [(1, keep, keep), (2, drop, drop), (3, keep, drop), (4, drop, keep), (5, keep, drop)]
    {
        difference.note(TraceId([trace; 16]), sum(1), here, there);
    }
    Difference { waiting: 10, unknown_there: 1, unknown_here: 2, ..difference }
}

fn check(report: &Report, expected: &Expect) {
    let mut out = Vec::new();
    text(&mut out, report).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    expected.assert_eq(&text);
}

#[test]
fn policies_are_told_by_what_they_cost() {
    check(
        &report(Semantics::default()),
        &expect![[r#"
            topic spans, 8 partitions
            4000 records, 2026-11-28 01:09:19 to 2026-11-28 02:09:19 UTC
            1002 traces judged in 1.2 s
            2 began before the time asked for and are left out
            10 still waited at the end: judged on what is there
            1 record unreadable

            policy                        traces    share      spans       bytes    share  no other
            errors                            30    3.0 %        360   146.5 KiB    3.0 %        25
              01010101010101010101010101010101 02020202020202020202020202020202 03030303030303030303030303030303
            a name that is longer tha…        15    1.5 %        180    73.2 KiB    1.5 %        10
            kept                              40    4.0 %        480   195.3 KiB    4.0 %
            dropped                          960   96.0 %      11520     4.6 MiB   96.0 %
            all                             1000  100.0 %      12000     4.8 MiB  100.0 %
            and 12 late spans of kept traces, 4.9 KiB
        "#]],
    );
}

#[test]
fn what_nobody_was_asked_is_not_told() {
    let of = report(Semantics { sample_on_first_match: true, ..Semantics::default() });
    check(
        &of,
        &expect![[r#"
            topic spans, 8 partitions
            4000 records, 2026-11-28 01:09:19 to 2026-11-28 02:09:19 UTC
            1002 traces judged in 1.2 s
            2 began before the time asked for and are left out
            10 still waited at the end: judged on what is there
            1 record unreadable

            policy                        traces    share      spans       bytes    share  no other
            errors                            30    3.0 %        360   146.5 KiB    3.0 %         -
              01010101010101010101010101010101 02020202020202020202020202020202 03030303030303030303030303030303
            a name that is longer tha…        15    1.5 %        180    73.2 KiB    1.5 %         -
            kept                              40    4.0 %        480   195.3 KiB    4.0 %
            dropped                          960   96.0 %      11520     4.6 MiB   96.0 %
            all                             1000  100.0 %      12000     4.8 MiB  100.0 %
            and 12 late spans of kept traces, 4.9 KiB
            sample_on_first_match: who else wanted a trace is not known
        "#]],
    );
    assert!(json(&of)["policies"][0]["only"].is_null());
}

#[test]
fn differences_have_examples() {
    let against = Some(("other\n.yaml".to_owned(), against()));
    let of = Report { against, ..report(Semantics::default()) };
    check(
        &of,
        &expect![[r#"
            topic spans, 8 partitions
            4000 records, 2026-11-28 01:09:19 to 2026-11-28 02:09:19 UTC
            1002 traces judged in 1.2 s
            2 began before the time asked for and are left out
            10 still waited at the end: judged on what is there
            1 record unreadable

            policy                        traces    share      spans       bytes    share  no other
            errors                            30    3.0 %        360   146.5 KiB    3.0 %        25
              01010101010101010101010101010101 02020202020202020202020202020202 03030303030303030303030303030303
            a name that is longer tha…        15    1.5 %        180    73.2 KiB    1.5 %        10
            kept                              40    4.0 %        480   195.3 KiB    4.0 %
            dropped                          960   96.0 %      11520     4.6 MiB   96.0 %
            all                             1000  100.0 %      12000     4.8 MiB  100.0 %
            and 12 late spans of kept traces, 4.9 KiB

            against other\n.yaml
            kept by both 1, dropped by both 1
            kept only here: 2 traces, 24 spans, 9.8 KiB
              2 by errors
              03030303030303030303030303030303 05050505050505050505050505050505
            kept only there: 1 trace, 12 spans, 4.9 KiB
              1 by errors
              04040404040404040404040404040404
            10 still waited at the end and have no verdict there
            1 have no verdict there
            2 have a verdict there only
        "#]],
    );
    expect![[r#"{"both_dropped":1,"both_kept":1,"only_here":{"bytes":10000,"policies":[{"examples":["03030303030303030303030303030303","05050505050505050505050505050505"],"policy":"errors","traces":2}],"spans":24,"traces":2},"only_there":{"bytes":5000,"policies":[{"examples":["04040404040404040404040404040404"],"policy":"errors","traces":1}],"spans":12,"traces":1},"unknown_here":2,"unknown_there":1,"waiting_there":10,"what":"other\n.yaml"}"#]].assert_eq(&json(&of)["against"].to_string());
}

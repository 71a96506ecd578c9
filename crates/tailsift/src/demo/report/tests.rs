use expect_test::{Expect, expect};
use tailsift_trace::TraceId;

use super::{Totals, summary};
use crate::demo::exporter::Written;
use crate::demo::load::RequestCounts;
use crate::demo::text::Paint;
use crate::demo::truth::{Comparison, Model, Predictions};

fn totals() -> Totals {
    let model = |version: &str, preprocessing: &str| Model {
        version: version.into(),
        preprocessing: preprocessing.into(),
    };
    Totals {
        requests: RequestCounts { sent: 1_000, failed: 17, unanswered: 0 },
        written: Written { records: 3_214, spans: 13_921, bytes: 6_543_210 },
        traces: 1_000,
        window_bytes: 2_202_009,
        epochs: 31,
        models: vec![
            (model("recsys-v2", "prep-7"), Predictions { count: 690, unsure: 10 }),
            (model("recsys-v3", "prep-7"), Predictions { count: 148, unsure: 3 }),
            (model("recsys-v3", "prep-8"), Predictions { count: 145, unsure: 21 }),
        ],
        comparison: Comparison {
            by_rule: [(26, 26), (29, 29), (33, 33), (14, 14)],
            expected: 102,
            kept: 102,
            ..Comparison::default()
        },
    }
}

fn check(totals: &Totals, expected: &Expect) {
    let lines = summary(totals, 79, Paint::Plain);
    let lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn a_run_in_which_all_was_kept() {
    check(
        &totals(),
        &expect![[r#"
            load           1 000 requests, 17 of them failed
                           13 921 spans written in 3 214 records, 6.2 MiB
            pipeline       1 000 traces judged in 31 epochs, window at most 2.1 MiB

            policy          expected     kept  keeps
            errors                26       26  a span failed
            slow-features         29       29  Feature Extraction > 500 ms
            unsure                33       33  confidence < 0.5
            slow                  14       14  whole trace > 500 ms

            model          preprocessing   predictions   unsure
            recsys-v2      prep-7                  690    1.4 %
            recsys-v3      prep-7                  148    2.0 %
            recsys-v3      prep-8                  145   14.5 %  ← drifting: roll it back

            ✓ expected 102, kept 102, partial 0, unexpected 0"#]],
    );
}

#[test]
fn what_differs_is_shown_first() {
    let mut totals = totals();
    totals.requests.unanswered = 2;
    totals.comparison.kept = 94;
    totals.comparison.missing = (1..=7).map(|id: u128| TraceId(id.to_be_bytes())).collect();
    totals.comparison.partial = vec![TraceId([0xab; 16])];
    totals.comparison.unexpected = vec![TraceId([0xcd; 16])];
    totals.comparison.repeats = 3;
    check(
        &totals,
        &expect![[r#"
            load           1 000 requests, 17 of them failed
                           13 921 spans written in 3 214 records, 6.2 MiB
                           2 got no answer: the machine is too busy; try a lower --rate
            pipeline       1 000 traces judged in 31 epochs, window at most 2.1 MiB

            policy          expected     kept  keeps
            errors                26       26  a span failed
            slow-features         29       29  Feature Extraction > 500 ms
            unsure                33       33  confidence < 0.5
            slow                  14       14  whole trace > 500 ms

            model          preprocessing   predictions   unsure
            recsys-v2      prep-7                  690    1.4 %
            recsys-v3      prep-7                  148    2.0 %
            recsys-v3      prep-8                  145   14.5 %  ← drifting: roll it back

            00000000000000000000000000000001 not kept
            00000000000000000000000000000002 not kept
            00000000000000000000000000000003 not kept
            00000000000000000000000000000004 not kept
            00000000000000000000000000000005 not kept
            … and 2 more not kept
            abababababababababababababababab kept in part
            cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd kept without need or by another policy
            3 spans came more than once
            ✗ expected 102, kept 94, partial 1, unexpected 1"#]],
    );
}

#[test]
fn a_few_predictions_are_no_drift() {
    let mut totals = totals();
    totals.models[2].1 = Predictions { count: 145, unsure: 6 };
    let lines = summary(&totals, 79, Paint::Plain);
    assert!(!lines.iter().any(|line| line.contains("drifting")));
    totals.models.clear();
    assert!(!summary(&totals, 79, Paint::Plain).is_empty());
}

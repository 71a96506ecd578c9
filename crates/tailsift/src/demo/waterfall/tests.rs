use expect_test::expect;
use tailsift_otlp::DetailedSpan;
use tailsift_trace::{SpanId, StatusCode, UnixNano};

use super::{SPANS_MAX, waterfall};
use crate::demo::text::Paint;

/// A span by its number and its parent's; times in milliseconds.
fn span(id: u8, parent: u8, service: &str, name: &str, start: u64, end: u64) -> DetailedSpan {
    let ms = 1_000_000;
    DetailedSpan {
        service: service.into(),
        name: name.into(),
        span_id: SpanId::from_wire(&[0, 0, 0, 0, 0, 0, 0, id]),
        parent_span_id: SpanId::from_wire(&[0, 0, 0, 0, 0, 0, 0, parent]),
        start: UnixNano(1_767_225_600_000 * ms + start * ms),
        end: UnixNano(1_767_225_600_000 * ms + end * ms),
        ..DetailedSpan::default()
    }
}

fn lines(spans: &[DetailedSpan], width: usize) -> String {
    let lines = waterfall(spans, width, Paint::Plain);
    for line in &lines {
        assert!(console::measure_text_width(line) <= width, "{line:?}");
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn children_stand_below_their_parents() {
    let mut predict = span(4, 3, "model-server", "predict", 60, 95);
    predict.attributes = vec![
        ("model_version".into(), "recsys-v3".into()),
        ("user.id".into(), "user-7".into()),
        ("prediction_confidence".into(), "0.31".into()),
    ];
    predict.status = StatusCode::ERROR;
    predict.status_message = "out of memory".into();
    let spans = [
        predict,
        span(3, 1, "model-server", "POST /v2/models/recsys-ranker/infer", 55, 99),
        span(2, 1, "feature-store", "Feature Extraction", 10, 50),
        span(1, 0, "gateway", "POST /recommend", 0, 100),
    ];
    expect![[r#"
        gateway        POST /recommend                 ━━━━━━━━━━━━━━━━━━━━  100.0 ms
        feature-store    Feature Extraction              ━━━━━━━━             40.0 ms
        model-server     POST /v2/models/recsys-ranke…            ━━━━━━━━    44.0 ms
        model-server       predict                                 ━━━━━━━    35.0 ms ✗
                             model_version=recsys-v3  prediction_confidence=0.31
                             out of memory
    "#]]
    .assert_eq(&lines(&spans, 79));
    expect![[r#"
        gateway        POST /recommen…
        feature-store    Feature Extr…
        model-server     POST /v2/mod…
        model-server       predict   …
                             model_ve…
                             predicti…
                             out of m…
    "#]]
    .assert_eq(&lines(&spans, 30));
}

#[test]
fn odd_traces_are_shown_too() {
    let circle = [span(1, 2, "a", "one", 0, 10), span(2, 1, "a", "two", 0, 10)];
    expect![[r#"
        a              two                             ━━━━━━━━━━━   10.0 ms
        a                one                           ━━━━━━━━━━━   10.0 ms
    "#]]
    .assert_eq(&lines(&circle, 70));
    let itself = [span(1, 1, "a", "own parent", 5, 5)];
    expect![[r#"
        a              own parent                      ━              0.0 ms
    "#]]
    .assert_eq(&lines(&itself, 70));
    let backwards = [span(1, 0, "a", "ends first", 10, 0), span(2, 9, "a", "orphan", 0, 10)];
    expect![[r#"
        a              orphan                          ━━━━━━━━━━━   10.0 ms
        a              ends first                                ━    0.0 ms
    "#]]
    .assert_eq(&lines(&backwards, 70));
    assert_eq!(waterfall(&[], 70, Paint::Plain), Vec::<String>::new());
}

#[test]
fn a_giant_is_cut() {
    let spans: Vec<_> = (1..=60).map(|id| span(id, 0, "a", "b", u64::from(id), 100)).collect();
    let lines = waterfall(&spans, 70, Paint::Plain);
    assert_eq!(lines.len(), SPANS_MAX + 1);
    assert_eq!(lines[SPANS_MAX], "… and 20 more spans");
}

use std::time::Duration;

use expect_test::{Expect, expect};

use super::{Frame, Phase, PipelineState, line_of, picture_of};
use crate::demo::exporter::Written;
use crate::demo::load::RequestCounts;
use crate::demo::text::Paint;

fn frame() -> Frame {
    Frame {
        phase: Phase::Load,
        elapsed: Duration::from_millis(12_400),
        total: Some(Duration::from_secs(20)),
        requests_per_second: 49.7,
        spans_per_second: 691.2,
        requests: RequestCounts { sent: 1_631, failed: 12, unanswered: 0 },
        written: Written { records: 5_210, spans: 22_834, bytes: 9_123_456 },
        pipeline: Some(PipelineState {
            records: 5_102,
            traces_open: 148,
            window_bytes: 1_992_294,
            kept_by_rule: [41, 44, 52, 21],
            kept: 158,
            dropped: 1_325,
            epochs: 24,
        }),
    }
}

fn check(frame: &Frame, width: usize, expected: &Expect) {
    let lines = picture_of(frame, width, Paint::Plain);
    for line in &lines {
        assert!(console::measure_text_width(line) <= width, "{line:?}");
    }
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn a_picture_of_everything() {
    check(
        &frame(),
        79,
        &expect![[r#"
        tailsift demo  ███████████████████████████▎                    12.4 s of 20.0 s

        load         50 requests/s     691 spans/s     1 631 requests      22 834 spans
        pipeline    148 open traces    1.9 MiB of window    5 102 records    24 epochs

        kept                 158 of 1 483 traces judged, 10.7 %
          errors              41  a span failed               ███████████████████▊
          slow-features       44  Feature Extraction > 500 ms █████████████████████▏
          unsure              52  confidence < 0.5            █████████████████████████
          slow                21  whole trace > 500 ms        ██████████▏
        dropped            1 325

        Enter or Ctrl-C ends the load"#]],
    );
}

#[test]
fn a_narrow_terminal_cuts_and_does_not_wrap() {
    check(
        &frame(),
        40,
        &expect![[r#"
        tailsift demo  ███▏     12.4 s of 20.0 s

        load         50 requests/s     691 span…
        pipeline    148 open traces    1.9 MiB …

        kept                 158 of 1 483 trace…
          errors              41  a span failed…
          slow-features       44  Feature Extra…
          unsure              52  confidence < …
          slow                21  whole trace >…
        dropped            1 325

        Enter or Ctrl-C ends the load"#]],
    );
    check(
        &Frame { total: None, ..frame() },
        1,
        &expect![[r#"
        …

        …
        …

        …
        …
        …
        …
        …
        …

        …"#]],
    );
}

#[test]
fn a_load_alone_has_no_pipeline() {
    let frame = Frame { pipeline: None, total: None, phase: Phase::Drain, ..frame() };
    check(
        &frame,
        79,
        &expect![[r#"
        tailsift demo                                                            12.4 s

        load         50 requests/s     691 spans/s     1 631 requests      22 834 spans

        the load has ended; the last traces are being judged"#]],
    );
}

#[test]
fn colours_take_no_columns() {
    for line in picture_of(&frame(), 79, Paint::Colour) {
        assert!(console::measure_text_width(&line) <= 79, "{line:?}");
    }
}

#[test]
fn a_plain_line_fits() {
    let mut frame = frame();
    let line = line_of(&frame);
    assert!(console::measure_text_width(&line) < 80);
    expect!["  12.4 s   1 631 requests   22 834 spans   148 open  kept   158  dropped  1 325"]
        .assert_eq(&line);
    frame.pipeline = None;
    expect!["  12.4 s   1 631 requests   22 834 spans    5 210 records    8.7 MiB"]
        .assert_eq(&line_of(&frame));
}

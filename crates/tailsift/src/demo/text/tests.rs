use super::{Paint, bar, bytes, count, cut, left, percent, right};

#[test]
fn columns_are_exact() {
    assert_eq!(left("ab", 4), "ab  ");
    assert_eq!(right("ab", 4), "  ab");
    assert_eq!(left("abcdef", 4), "abc…");
    assert_eq!(cut("abcdef", 4), "abc…");
    assert_eq!(cut("abc", 4), "abc");
    let coloured = cut(&Paint::Colour.bad("abcdef"), 4);
    assert_eq!(console::measure_text_width(&coloured), 4);
    assert_eq!(Paint::Plain.bad("abc"), "abc");
}

#[test]
fn bars_end_on_an_eighth() {
    for (value, expected) in
        [(0.0, ""), (4.0, "████"), (2.0, "██"), (1.125, "█▏"), (3.9375, "████"), (9.0, "████")]
    {
        assert_eq!(bar(value, 4.0, 4), expected, "{value} of 4");
    }
    assert_eq!(bar(1.0, 0.0, 4), "");
    assert_eq!(bar(f64::NAN, 1.0, 4), "");
}

#[test]
fn numbers_read_well() {
    for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
        assert_eq!(count(number), expected);
    }
    for (number, expected) in
        [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (5 << 20, "5.0 MiB")]
    {
        assert_eq!(bytes(number), expected);
    }
    assert_eq!(percent(1, 8), "12.5 %");
    assert_eq!(percent(0, 0), "0.0 %");
}

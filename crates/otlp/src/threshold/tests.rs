//! Tracestates as data: what is there, what is to be said, what is there then.

use super::*;

fn after(header: &str, edit: ThresholdEdit) -> String {
    match edited(header.as_bytes(), edit) {
        Edited::Same => "same".into(),
        Edited::Header(header) => String::from_utf8(header).unwrap(),
        Edited::Unreadable => "unreadable".into(),
        Edited::NoRoom => "no room".into(),
    }
}

#[test]
fn thresholds_are_raised_and_never_loosened() {
    for (header, threshold, expect) in [
        ("", 1 << 55, "ot=th:8"),
        ("", 0xfd_70a4_0000_0000, "ot=th:fd70a4"),
        ("", 1, "ot=th:00000000000001"),
        ("", (1 << 56) - 1, "ot=th:ffffffffffffff"),
        ("", 0, "ot=th:0"),
        ("ot=th:4", 1 << 55, "ot=th:8"),
        ("ot=th:0", 1 << 55, "ot=th:8"),
        ("ot=th:8", 1 << 55, "same"),
        ("ot=th:80", 1 << 55, "same"),
        ("ot=th:c", 1 << 55, "same"),
        ("ot=th:80000000000001", 1 << 55, "same"),
        ("ot=th:7fffffffffffff", 1 << 55, "ot=th:8"),
        // Others stay, in their order and with their blanks.
        ("a=1,b=2", 1 << 55, "ot=th:8,a=1,b=2"),
        (" a=1 , ,b=2", 1 << 55, "unreadable"),
        (" a=1 ,,b=2,", 1 << 55, "ot=th:8, a=1 ,,b=2,"),
        ("a=1,ot=th:4,b=2", 1 << 55, "a=1,ot=th:8,b=2"),
        ("a=1, ot=th:4 ,b=2", 1 << 55, "a=1, ot=th:8 ,b=2"),
        ("ot=rv:0123456789abcd", 1 << 55, "ot=th:8;rv:0123456789abcd"),
        ("ot=rv:0123456789abcd;th:4;p:1", 1 << 55, "ot=rv:0123456789abcd;th:8;p:1"),
        ("ot=x:", 1 << 55, "ot=th:8;x:"),
        // A tenant's ot is another key.
        ("t@ot=1", 1 << 55, "ot=th:8,t@ot=1"),
    ] {
        assert_eq!(after(header, ThresholdEdit::Raise(threshold)), expect, "{header:?}");
    }
}

#[test]
fn unknown_probabilities_leave_no_threshold() {
    for (header, expect) in [
        ("", "same"),
        ("a=1", "same"),
        ("ot=rv:0123456789abcd", "same"),
        ("ot=th:8", ""),
        ("ot=th:8,", ""),
        (",ot=th:8", ""),
        (" ot=th:8 ", ""),
        ("ot=th:8,a=1", "a=1"),
        ("a=1,ot=th:8", "a=1"),
        ("a=1 , ot=th:8 , b=2", "a=1 , b=2"),
        ("ot=th:8;rv:0123456789abcd", "ot=rv:0123456789abcd"),
        ("ot=rv:0123456789abcd;th:8", "ot=rv:0123456789abcd"),
        ("a=1,ot=x:1;th:8;y:2,b=2", "a=1,ot=x:1;y:2,b=2"),
        ("ot=th:8;th:8", "unreadable"),
    ] {
        assert_eq!(after(header, ThresholdEdit::Erase), expect, "{header:?}");
    }
}

#[test]
fn what_breaks_the_rules_is_left_alone() {
    for header in [
        "ot",
        "ot=",
        "=1",
        "ot=th:8,ot=th:8",
        "a=1,a=1",
        "A=1",
        "a=1=2",
        "é=1",
        "ot=8",
        "ot=th",
        "ot=th:",
        "ot=th:8;",
        "ot=;th:8",
        "ot=th:C",
        "ot=th:g",
        "ot=th:-8",
        "ot=th:800000000000000",
        "ot=th:8;th:c",
        "ot=TH:8",
        "ot= th:8",
        "ot=th: 8",
        "ot=rv:0123456789abc",
        "ot=rv:0123456789ABCD",
        "ot=rv:0123456789abcd;rv:0123456789abcd",
        "ot=x:*",
        "ot=1x:1",
    ] {
        for edit in [ThresholdEdit::Raise(1 << 55), ThresholdEdit::Erase] {
            assert_eq!(after(header, edit), "unreadable", "{header:?}");
        }
    }
}

#[test]
fn nothing_grows_over_its_bounds() {
    let raise = |header: &str| after(header, ThresholdEdit::Raise(1 << 55));
    let members =
        |count: usize| (0..count).map(|i| format!("m{i}=v")).collect::<Vec<_>>().join(",");
    assert_eq!(raise(&members(31)), format!("ot=th:8,{}", members(31)));
    assert_eq!(raise(&members(32)), "no room");
    assert_eq!(raise(&members(33)), "unreadable");
    // 512 bytes in all, of which `ot=th:8,` takes 8; two members, since one has at most 256.
    let long = |len: usize| format!("a={},b={}", "v".repeat(250), "v".repeat(len - 255));
    assert_eq!(long(504).len(), 504);
    assert_eq!(raise(&long(504)).len(), 512);
    assert_eq!(raise(&long(505)), "no room");
    // 256 bytes of ot, of which `th:8;` takes 5.
    let ot = |len: usize| format!("ot=x:{}", "v".repeat(len - 2));
    assert_eq!(raise(&ot(251)), format!("ot=th:8;{}", &ot(251)[3..]));
    assert_eq!(raise(&ot(252)), "no room");
    // What is too long already may change if it does not grow.
    let too_long = format!("ot=th:4,{},c={}", long(504), "v".repeat(100));
    assert_eq!(raise(&too_long), too_long.replace("th:4", "th:8"));
    let grows = after(&too_long, ThresholdEdit::Raise(0xc0_ffee_0000_0000));
    assert_eq!(grows, "no room");
}

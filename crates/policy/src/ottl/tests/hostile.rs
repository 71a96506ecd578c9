//! Texts that mean no good: never a panic, never a stack that runs over.

use proptest::prelude::*;
use tailsift_trace::Interest;

use super::fixture::{batch, holds, refusal};
use super::{Fails, No, Yes};
use crate::ottl::{Condition, Scope, TEXT_BYTES_MAX};

/// Pieces that conditions are made of.
const PIECES: [&str; 48] = [
    "and",
    "or",
    "not",
    "true",
    "false",
    "nil",
    "name",
    "kind",
    "attributes",
    "resource",
    "scope",
    "status",
    "events",
    "trace_state",
    "span",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ".",
    ",",
    ":",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "1",
    "0",
    "9223372036854775807",
    "1.5",
    "0xff",
    "\"x\"",
    "\"text\"",
    "\"(?P<n>a)\"",
    "IsMatch(name,",
    "Substring(name, 0, 1)",
    "Len(",
    "Concat([name,",
    "IsRootSpan()",
    "SPAN_KIND_SERVER",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_text(text in ".{0,80}") {
        withstand(&text);
    }

    #[test]
    fn any_pieces(pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..24)) {
        withstand(&pieces.join(" "));
        withstand(&pieces.concat());
    }
}

/// Whatever compiles can be evaluated, on spans and on events.
fn withstand(text: &str) {
    for on_events in [false, true] {
        let mut interest = Interest::default();
        if let Ok(condition) = Condition::compile(text, on_events, &mut interest) {
            interest.add_details(tailsift_trace::Details { events: true, ..Default::default() });
            let batch = batch(&interest);
            let event = batch.events_of(&batch.spans[0]).first().filter(|_| on_events);
            let scope = Scope { span: &batch.spans[0], batch: &batch, event, now: None };
            let _ = condition.holds(&scope);
        }
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        [open.repeat(times), inner.to_owned(), close.repeat(times)].concat()
    };
    for (condition, expect) in [
        (nested("(", "true", ")", 60), Yes),
        (nested("not (", "true", ")", 60), Yes),
        (["true"; 500].join(" and "), Yes),
        (["false"; 500].join(" or "), No),
        (format!("{} == 50", ["1"; 50].join(" + ")), Yes),
        (nested("Len([", "1", "])", 9) + " == 1", Yes),
        (format!("{} == 1", ["attributes[\"missing\"]"; 50].join(" + ")), Fails),
    ] {
        assert_eq!(holds(&condition), expect, "{condition}");
    }
    let deep = "nested more than 64 levels deep: split the condition";
    for condition in [
        nested("(", "true", ")", 5_000),
        nested("not (", "true", ")", 2_000),
        nested("[", "", "]", 5_000),
        nested("{\"a\":", "1", "}", 2_000),
        nested("Len(", "name", ")", 2_000),
        nested("attributes[", "1", "]", 1_000),
        format!("{} == 1", ["1"; 500].join(" + ")),
        format!("{} == 1", ["1"; 500].join(" * ")),
    ] {
        let refused = refusal(&condition, false);
        assert!(refused.ends_with(deep), "{refused}");
    }
    let long = refusal(&" ".repeat(TEXT_BYTES_MAX + 1), false);
    assert_eq!(long, "expected at most 16384 bytes, got 16385: split it");
    assert!(refusal(&"(".repeat(TEXT_BYTES_MAX), false).ends_with(deep));
    assert!(refusal(&"-".repeat(TEXT_BYTES_MAX), false).contains("expected a value"));
    assert!(refusal(&"\"".repeat(TEXT_BYTES_MAX), false).contains("expected"));
}

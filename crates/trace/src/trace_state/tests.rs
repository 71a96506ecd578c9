use super::*;

#[test]
fn members_are_found_in_headers_that_are_in_order() {
    let long_value = format!("k={}", "v".repeat(256));
    let too_long_value = format!("k={}", "v".repeat(257));
    let member = |index: usize| format!("m{index}=v");
    let full: Vec<_> = (0..31).map(member).chain(["k=v".into()]).collect();
    let too_full: Vec<_> = std::iter::once("k=v".into()).chain((0..32).map(member)).collect();
    for (header, expect) in [
        ("k=v", Some("v")),
        ("a=1,k=v,b=2", Some("v")),
        (" k=v ", Some("v")),
        ("\tk=v\t,a=1", Some("v")),
        ("k= v", Some(" v")),
        ("k=a b", Some("a b")),
        (",,k=v,", Some("v")),
        (&long_value, Some(&long_value[2..])),
        (&full.join(","), Some("v")),
        ("", None),
        ("a=1", None),
        ("K=v", None),
        ("k=v, ,a=1", None),
        ("k=v,a", None),
        ("k=v,=1", None),
        ("k=v,a=", None),
        ("k=v,a=b=c", None),
        ("k =v", None),
        ("k=v,A=1", None),
        ("k=v,a=1,a=1", None),
        ("k=v,k=v", None),
        ("k=v,a=\u{7f}", None),
        ("k=v,a=é", None),
        (&too_long_value, None),
        (&too_full.join(","), None),
    ] {
        let found = trace_state_member(header.as_bytes(), b"k").flatten();
        assert_eq!(found, expect.map(str::as_bytes), "{header:?}");
    }
}

#[test]
fn keys_are_w3cs() {
    let simple = |length: usize| "k".repeat(length);
    for (key, expect) in [
        ("k".to_owned(), true),
        ("a_b-c*d/e".to_owned(), true),
        (simple(256), true),
        (simple(257), false),
        ("fw529a3039@dt".to_owned(), true),
        ("1ab@sys".to_owned(), true),
        ("1ab".to_owned(), false),
        ("a@1s".to_owned(), false),
        ("@s".to_owned(), false),
        ("a@".to_owned(), false),
        ("a@b@c".to_owned(), false),
        (format!("{}@s", simple(241)), true),
        (format!("{}@s", simple(242)), false),
        (format!("a@{}", simple(14)), true),
        (format!("a@{}", simple(15)), false),
        ("_a".to_owned(), false),
        ("a.b".to_owned(), false),
        ("é".to_owned(), false),
        (String::new(), false),
    ] {
        assert_eq!(is_trace_state_key(key.as_bytes()), expect, "{key}");
    }
}

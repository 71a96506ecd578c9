use serde_json::{Value, json};

use super::*;
use crate::{DetailedSpan, json_to_protobuf, read_spans};

fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::String(text) => match text.strip_prefix("base64:") {
            Some(bytes) => json!({ "bytesValue": bytes }),
            None => json!({ "stringValue": text }),
        },
        Value::Array(items) => {
            json!({ "arrayValue": { "values": items.iter().map(any).collect::<Vec<_>>() } })
        }
        Value::Object(_) => json!({ "kvlistValue": { "values": pairs(value) } }),
    }
}

fn pairs(map: &Value) -> Value {
    let entries = map.as_object().expect("attributes are an object");
    entries.iter().map(|(key, value)| json!({ "key": key, "value": any(value) })).collect()
}

fn request(attributes: &Value) -> Vec<u8> {
    let scope = json!({ "name": "lib of a@b.cc", "version": "1", "attributes": pairs(attributes) });
    let span = json!({
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "name": "mail to a@b.cc",
        "attributes": pairs(attributes),
        "events": [{ "name": "sent to a@b.cc", "attributes": pairs(attributes) }],
        "status": { "message": "no such user: a@b.cc" },
    });
    let resource = json!({ "attributes": [{ "key": "service.name", "value": { "stringValue": "of a@b.cc" } }] });
    let scopes = json!([{ "scope": scope, "spans": [span] }]);
    let request = json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": scopes }] });
    json_to_protobuf(request.to_string().as_bytes()).expect("the fixture is OTLP")
}

fn shown(attributes: &[(String, String)]) -> String {
    attributes.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

fn redact(rules: &[RedactionRule], attributes: &Value) -> (DetailedSpan, RedactionCounts) {
    let redactor = Redactor::new(rules).expect("the rules do");
    let request = request(attributes);
    let redacted = redactor.rewrite(&request).expect("the fixture is OTLP");
    let mut spans = read_spans(&redacted.request).expect("what is left is OTLP");
    (spans.remove(0), redacted.counts)
}

fn check(rules: &[RedactionRule], attributes: &Value, expect: &str) {
    let (span, _) = redact(rules, attributes);
    assert_eq!(shown(&span.attributes), expect, "{attributes} by {rules:?}");
    assert_eq!(shown(&span.events[0].attributes), expect);
}

fn rule(action: RedactionAction) -> RedactionRule {
    RedactionRule { action, keys: RedactionKeys::Any, values: None, places: Vec::new() }
}

fn mask() -> RedactionRule {
    rule(RedactionAction::Mask { with: "****".into() })
}

fn delete() -> RedactionRule {
    rule(RedactionAction::Delete)
}

fn replace(with: &str) -> RedactionRule {
    rule(RedactionAction::Replace { with: with.into() })
}

fn hash() -> RedactionRule {
    rule(RedactionAction::Hash { key: HashKey(b"Jefe".to_vec()) })
}

fn truncate(above: usize) -> RedactionRule {
    rule(RedactionAction::Truncate { above })
}

impl RedactionRule {
    fn keys(self, keys: &[&str]) -> Self {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        Self { keys: RedactionKeys::Listed(keys), ..self }
    }

    fn matching(self, pattern: &str) -> Self {
        Self { keys: RedactionKeys::Matching(pattern.into()), ..self }
    }

    fn values(self, pattern: &str) -> Self {
        Self { values: Some(RedactionValues::Regex(pattern.into())), ..self }
    }

    fn preset(self, preset: Preset) -> Self {
        Self { values: Some(RedactionValues::Preset(preset)), ..self }
    }
}

#[test]
fn rules_by_key_take_the_whole_value() {
    let keys = || mask().keys(&["secret"]);
    check(&[keys()], &json!({ "secret": "s", "public": "p" }), "public=p secret=****");
    check(&[keys()], &json!({ "secret": 5, "secrets": 5 }), "secret=**** secrets=5");
    check(&[keys()], &json!({ "secret": true }), "secret=****");
    check(&[keys()], &json!({ "secret": 1.5 }), "secret=****");
    check(&[keys()], &json!({ "secret": "base64:AAEC" }), "secret=****");
    check(&[keys()], &json!({ "secret": ["a", { "b": "c" }] }), "secret=****");
    check(&[keys()], &json!({ "secret": null }), "secret=null");
    check(
        &[keys()],
        &json!({ "m": { "secret": { "x": 1 }, "y": 2 } }),
        r#"m={"secret": "****", "y": 2}"#,
    );
    check(&[keys()], &json!({ "m": [[{ "secret": 1 }]] }), r#"m=[[{"secret": "****"}]]"#);
    check(
        &[delete().keys(&["secret"])],
        &json!({ "a": 1, "secret": null, "z": { "secret": 1 } }),
        "a=1 z={}",
    );
}

#[test]
fn keys_match_as_a_whole() {
    let rule = || delete().matching("gen_ai|user\\..*");
    let all = json!({ "gen_ai": 1, "gen_ai.x": 2, "user.name": 3, "a.user.name": 4, "user": 5 });
    check(&[rule()], &all, "a.user.name=4 gen_ai.x=2 user=5");
    check(&[delete().matching("(?i)AUTH.*")], &json!({ "Authorization": 1, "x": 2 }), "x=2");
}

#[test]
fn rules_by_value_take_what_matches() {
    let rule = || replace("[x]").values("[0-9]{3}");
    check(&[rule()], &json!({ "a": "on 123 and 456", "b": "12" }), "a=on [x] and [x] b=12");
    check(&[rule()], &json!({ "a": 1234, "b": -999, "c": 12 }), "a=[x]4 b=-[x] c=12");
    // Neither doubles nor booleans are looked at.
    check(&[rule()], &json!({ "a": 123.5, "b": true }), "a=123.5 b=true");
    check(&[rule()], &json!({ "a": ["123", { "k": "456" }] }), r#"a=["[x]", {"k": "[x]"}]"#);
    // "x123y"
    check(&[rule()], &json!({ "a": "base64:eDEyM3k=" }), "a=785b785d79");
    check(&[delete().values("[0-9]{3}")], &json!({ "a": "0123", "b": "1" }), "b=1");
    check(
        &[delete().values("123")],
        &json!({ "m": { "a": "123", "b": 1 }, "l": [0, ["123"]] }),
        r#"m={"b": 1}"#,
    );
    check(&[mask().values(r"\b|b+")], &json!({ "a": "aab" }), "a=aa****");
}

#[test]
fn keys_and_values_together_narrow_each_other() {
    let rule = || mask().keys(&["q"]).values("[0-9]+");
    check(&[rule()], &json!({ "q": "a 1", "r": "a 1" }), "q=a **** r=a 1");
    check(&[rule()], &json!({ "q": { "r": ["1", 2] } }), r#"q={"r": ["****", "****"]}"#);
    check(&[rule()], &json!({ "r": { "q": "1", "s": "2" } }), r#"r={"q": "****", "s": "2"}"#);
}

#[test]
fn hashes_are_hmac_sha256() {
    // RFC 4231, test case 2.
    let what = "what do ya want for nothing?";
    let sum = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    check(&[hash().keys(&["k"])], &json!({ "k": what }), &format!("k={sum}"));
    check(&[hash().values("w.*g")], &json!({ "k": format!("({what})"), "l": 1 }), &{
        let (span, _) = redact(&[hash().keys(&["k"])], &json!({ "k": &what[..what.len() - 1] }));
        format!("k=({}?) l=1", span.attributes[0].1)
    });
    let equal = json!({ "a": 42, "b": "42", "c": 42.0 });
    let (span, _) = redact(&[hash().matching(".")], &equal);
    let [a, b, c] = [0, 1, 2].map(|place| &span.attributes[place].1);
    assert!(a == b && b == c && a.len() == 64, "{a} {b} {c}");
}

#[test]
fn truncation_ends_with_a_character() {
    check(
        &[truncate(4)],
        &json!({ "a": "abcd", "b": "abcde", "c": "abcé", "d": 12345 }),
        "a=abcd b=abcd c=abc d=12345",
    );
    check(
        &[truncate(1)],
        &json!({ "a": "日本", "l": ["ab", { "k": "cd" }] }),
        r#"a= l=["a", {"k": "c"}]"#,
    );
    check(&[truncate(2).keys(&["a"])], &json!({ "a": ["xyz"], "b": "xyz" }), r#"a=["xy"] b=xyz"#);
    // Bytes that are no characters at all.
    check(&[truncate(2)], &json!({ "a": "base64:gICAgICA" }), "a=8080");
}

#[test]
fn each_rule_works_on_what_the_one_before_left() {
    let named = |action: RedactionRule| action.keys(&["a"]);
    check(&[named(replace("b")), mask().values("b")], &json!({ "a": 1 }), "a=****");
    check(&[mask().values("b"), named(replace("b"))], &json!({ "a": "b" }), "a=b");
    check(&[truncate(3), mask().values("abcd")], &json!({ "a": "abcdef" }), "a=abc");
    check(&[mask().values("abcd"), truncate(3)], &json!({ "a": "abcdef" }), "a=***");
    // Numbers are truncated once they are texts.
    check(&[truncate(2), mask().values("^1"), truncate(3)], &json!({ "a": 12345 }), "a=***");
    check(&[named(mask()), delete().values(r"^\*{4}$")], &json!({ "a": [1], "b": 2 }), "b=2");
    // An attribute that an earlier rule took cannot be masked any more.
    check(&[delete().values("x"), named(mask())], &json!({ "a": ["x"], "b": 1 }), "b=1");
    check(&[delete().keys(&["x"]), named(hash())], &json!({ "a": { "x": 1 } }), &{
        let (span, _) = redact(&[named(hash())], &json!({ "a": {} }));
        shown(&span.attributes)
    });
}

#[test]
fn names_and_messages_are_searched() {
    let (span, counts) = redact(&[replace("[who]").preset(Preset::Email)], &json!({}));
    assert_eq!(span.name, "mail to [who]");
    assert_eq!(span.status_message, "no such user: [who]");
    assert_eq!((span.service.as_str(), span.scope.as_str()), ("of [who]", "lib of [who]"));
    assert_eq!(span.events[0].name, "sent to [who]");
    assert_eq!(counts, RedactionCounts { replaced: 5, ..RedactionCounts::default() });
    let (span, _) = redact(&[delete().preset(Preset::Email)], &json!({}));
    assert_eq!(
        (span.name.as_str(), span.status_message.as_str(), span.service.as_str()),
        ("", "", "")
    );
    let (span, _) = redact(&[truncate(4)], &json!({}));
    assert_eq!((span.name.as_str(), span.scope.as_str()), ("mail", "lib "));
}

#[test]
fn places_narrow_a_rule() {
    let only = |place| RedactionRule { places: vec![place], ..mask().preset(Preset::Email) };
    let (span, counts) = redact(&[only(RedactionPlace::Event)], &json!({ "to": "a@b.cc" }));
    assert_eq!(shown(&span.attributes), "to=a@b.cc");
    assert_eq!(shown(&span.events[0].attributes), "to=****");
    assert_eq!((span.name.as_str(), counts.masked), ("mail to a@b.cc", 2));
    let (span, counts) = redact(&[only(RedactionPlace::Resource)], &json!({ "to": "a@b.cc" }));
    assert_eq!((span.service.as_str(), counts.masked), ("of ****", 1));
    let (_, counts) = redact(&[only(RedactionPlace::Link)], &json!({ "to": "a@b.cc" }));
    assert_eq!(counts.masked, 0);
}

#[test]
fn what_no_rule_touches_is_borrowed() {
    let request = request(&json!({ "a": [1, { "b": "c" }] }));
    for rules in [
        vec![],
        vec![mask().keys(&["z"]), delete().matching("z.*"), hash().values("zz"), truncate(50)],
    ] {
        let redacted = Redactor::new(&rules).unwrap().rewrite(&request).unwrap();
        assert!(matches!(redacted.request, Cow::Borrowed(same) if same == request));
        assert_eq!(redacted.counts, RedactionCounts::default());
    }
}

/// Lists within lists, as the value of one attribute of one span; hostile if deep.
fn nested(depth: usize, innermost: &[u8]) -> Vec<u8> {
    let framed = |number: u8, content: Vec<u8>| {
        let mut field = vec![number << 3 | 2];
        crate::wire::push_varint(&mut field, content.len() as u64);
        [field, content].concat()
    };
    let list = |value: Vec<u8>| framed(5, framed(1, value));
    let value = (0..depth).fold(innermost.to_vec(), |value, _| list(value));
    let attribute = [framed(1, b"k".to_vec()), framed(2, value)].concat();
    let span = [framed(5, b"name".to_vec()), framed(9, attribute)].concat();
    framed(1, framed(2, framed(2, span)))
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let redactor = Redactor::new(&[mask().values("secret")]).unwrap();
    let check = |request: &[u8], attributes: &str, unreadable: u64| {
        let redacted = redactor.rewrite(request).unwrap();
        let spans = read_spans(&redacted.request).unwrap();
        assert_eq!((spans.len(), spans[0].name.as_str()), (1, "name"));
        assert_eq!(shown(&spans[0].attributes), attributes);
        assert_eq!(redacted.counts.unreadable, unreadable);
    };
    let text = [&[0x0a, 6][..], b"secret"].concat();
    check(&nested(0, &text), "k=****", 0);
    check(&nested(64, b""), &format!("k={}…{}", "[".repeat(16), "]".repeat(16)), 0);
    check(&nested(65, &text), "", 1);
    check(&nested(0, b"\x0a\x07secret"), "", 1);
    check(&nested(3, b"\x0a\x07secret"), "", 1);
    check(&nested(20_000, &text), "", 1);
    // A field of a text's number that is a number.
    check(&nested(1, b"\x08\x01"), "", 1);
    let error = redactor.rewrite(b"\x0a\x07secret").unwrap_err();
    assert_eq!(error.offset, 2);
}

#[test]
fn wrong_rules_are_refused() {
    let check = |rule: RedactionRule, expect: &str| {
        let errors = Redactor::new(&[mask().keys(&["fine"]), rule]).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].rule, 1);
        let shown = errors[0].to_string();
        assert!(shown.contains(expect), "{shown}");
    };
    check(mask(), "expected keys, keys_matching or values");
    check(delete().keys(&[]), "at least one key");
    check(mask().values("("), "values.regex: ");
    check(mask().values("x*"), "matches the empty text");
    check(mask().values(r"(?-u)\xff"), "values.regex: ");
    check(mask().matching("("), "keys_matching: ");
    check(mask().matching("a)(b"), "keys_matching: ");
    check(mask().matching("(?x) a # comment"), "keys_matching: ");
    check(truncate(3).values("x"), "truncate");
    let key = HashKey(Vec::new());
    check(rule(RedactionAction::Hash { key }).keys(&["a"]), "expected a secret");
    let many = vec![mask().keys(&["a"]); 65];
    assert!(Redactor::new(&many).unwrap_err()[0].to_string().contains("at most 64 rules, got 65"));
    assert!(Redactor::new(&many[..64]).is_ok());
}

#[test]
fn secrets_are_not_shown() {
    let rules = [hash().keys(&["k"])];
    let shown = format!("{rules:?} {:?}", Redactor::new(&rules).unwrap());
    assert!(!shown.contains("Jefe") && !shown.contains("74, 101"), "{shown}");
}

//! Rules of redaction.

use expect_test::expect;
use serde_json::{Value, json};
use tailsift_config::{Config, ConfigError, Report, load};
use tailsift_otlp::{json_to_protobuf, read_spans};

use crate::{BASE, check_keys, loaded, no_file, repository};

fn with_key(rules: &str, key: &'static str) -> Result<Config, Vec<ConfigError>> {
    let text = format!("{BASE}{rules}");
    load(&text, &[], &|name| (name == "KEY").then(|| key.to_owned()), &no_file)
}

#[test]
fn rules_are_read() {
    assert!(loaded(BASE).redactor().is_none());
    assert!(loaded(&format!("{BASE}redaction: []")).redactor().is_none());
    let rules = r#"redaction:
  - {action: delete, keys: [password, user.email], in: [span, event]}
  - {action: mask, keys_matching: "(?i).*token"}
  - {action: mask, values: {preset: email}}
  - {action: replace, values: {preset: credit_card}, with: "[card]"}
  - {action: replace, values: {regex: "user-[0-9]+"}, keys: [url.path], with: ""}
  - {action: hash, keys: [user.id], key: "${env:KEY}"}
  - {action: truncate, keys_matching: "gen_ai\\..*", above: 4KB}
  - {action: truncate, above: 64KiB}
"#;
    let config =
        with_key(rules, "secret-4711").unwrap_or_else(|errors| panic!("{}", Report(&errors)));
    assert!(config.redactor().is_some());
    let shown = format!("{config:?}");
    assert!(shown.contains("user-[0-9]+") && shown.contains("above: 4000"), "{shown}");
    assert!(shown.contains("Mask { with: \"****\" }"), "{shown}");
    assert!(!shown.contains("4711"), "{shown}");
}

#[test]
fn what_belongs_to_which_action() {
    check_keys(
        &[
            "redaction: [{keys: [a]}]",
            "redaction: [{action: hide, keys: [a]}]",
            "redaction: [{action: mask}]",
            "redaction: [{action: mask, keys: [a]}, {action: delete, in: [span]}]",
            "redaction: [{action: delete, keys: [a], with: b}]",
            "redaction: [{action: replace, keys: [a]}]",
            "redaction: [{action: mask, keys: [a], above: 1KB, key: k}]",
            "redaction: [{action: mask, keys: [a], keys_matching: b}]",
            "redaction: [{action: mask, keys: []}]",
            "redaction: [{action: mask, keys_matching: \"(\"}]",
            "redaction: [{action: mask, values: {regex: \"[a\"}}]",
            "redaction: [{action: mask, values: {regex: \"a*\"}}]",
            "redaction: [{action: mask, values: {}}]",
            "redaction: [{action: mask, values: {preset: email, regex: a}}]",
            "redaction: [{action: mask, values: {preset: e-mail}}]",
            "redaction: [{action: mask, keys: [a], in: [spans]}]",
            "redaction: [{action: truncate}]",
            "redaction: [{action: truncate, above: 4}]",
            "redaction: [{action: truncate, above: 4KB, values: {preset: email}}]",
            "redaction: [{action: hash, keys: [a]}]",
            "redaction: {action: mask}",
        ],
        &expect![[r#"
            redaction: [{keys: [a]}]
                line 3: redaction[0].action: is required, for example `action: mask`
            redaction: [{action: hide, keys: [a]}]
                line 3: redaction[0].action: expected delete, mask, replace, hash or truncate, got hide
            redaction: [{action: mask}]
                line 3: redaction[0]: expected keys, keys_matching or values, got none of them
            redaction: [{action: mask, keys: [a]}, {action: delete, in: [span]}]
                line 3: redaction[1]: expected keys, keys_matching or values, got none of them
            redaction: [{action: delete, keys: [a], with: b}]
                line 3: redaction[0].with: is for mask and replace, and this rule has delete: remove it
            redaction: [{action: replace, keys: [a]}]
                line 3: redaction[0].with: is required by `action: replace`, for example `with: "[card]"`
            redaction: [{action: mask, keys: [a], above: 1KB, key: k}]
                line 3: redaction[0].key: is for hash, and this rule has mask: remove it
                line 3: redaction[0].above: is for truncate, and this rule has mask: remove it
            redaction: [{action: mask, keys: [a], keys_matching: b}]
                line 3: redaction[0].keys_matching: cannot stand beside keys: write two rules, or one regular expression
            redaction: [{action: mask, keys: []}]
                line 3: redaction[0].keys: expected a list of at least 1, got 0
            redaction: [{action: mask, keys_matching: "("}]
                line 3: redaction[0].keys_matching: "(" is no regular expression: unclosed group
            redaction: [{action: mask, values: {regex: "[a"}}]
                line 3: redaction[0].values.regex: "[a" is no regular expression: unclosed character class
            redaction: [{action: mask, values: {regex: "a*"}}]
                line 3: redaction[0].values.regex: expected a pattern of something, got one that matches the empty text
            redaction: [{action: mask, values: {}}]
                line 3: redaction[0].values: expected one of preset and regex
            redaction: [{action: mask, values: {preset: email, regex: a}}]
                line 3: redaction[0].values: expected one of preset and regex
            redaction: [{action: mask, values: {preset: e-mail}}]
                line 3: redaction[0].values.preset: expected email, credit_card, phone, ip or bearer_token, got e-mail
            redaction: [{action: mask, keys: [a], in: [spans]}]
                line 3: redaction[0].in[0]: expected resource, scope, span, event or link, got spans
            redaction: [{action: truncate}]
                line 3: redaction[0].above: is required by `action: truncate`, for example `above: 4KB`
            redaction: [{action: truncate, above: 4}]
                line 3: redaction[0].above: expected a size with a unit (B, KB, MB, GB, KiB, MiB, GiB) such as 64MiB, got 4
            redaction: [{action: truncate, above: 4KB, values: {preset: email}}]
                line 3: redaction[0].values: is not for truncate, which looks at lengths: remove it
            redaction: [{action: hash, keys: [a]}]
                line 3: redaction[0].key: is required by `action: hash`, for example `key: ${env:REDACTION_KEY}`: without a secret anyone could compute the hashes of what they guess
            redaction: {action: mask}
                line 3: redaction: expected a list, got a mapping
        "#]],
    );
}

#[test]
fn long_texts_and_lists_are_refused() {
    let long = format!("redaction: [{{action: mask, keys: [a], with: {}}}]", "x".repeat(257));
    let errors = with_key(&long, "").unwrap_err();
    assert!(
        errors[0].to_string().ends_with("redaction[0].with: expected at most 256 bytes, got 257")
    );
    let many = "{action: mask, keys: [a]}, ".repeat(65);
    let errors = with_key(&format!("redaction: [{many}]"), "").unwrap_err();
    assert!(errors[0].to_string().ends_with("redaction: expected a list of at most 64, got 65"));
}

/// Neither a key that stands in the file, which is refused, nor one from elsewhere.
#[test]
fn keys_of_hashes_are_never_shown() {
    for (rules, said) in [
        (
            "redaction:\n  - {action: hash, keys: [a], key: plain-4711}\n",
            "line 4: redaction[0].key: expected a reference such as `key: ${env:REDACTION_KEY}` or ${file:path}, got a text in the file\n",
        ),
        (
            "redaction:\n  - {action: hash, keys_matching: '(', key: plain-4711}\n",
            "line 4: redaction[0].key: expected a reference such as `key: ${env:REDACTION_KEY}` or ${file:path}, got a text in the file\n",
        ),
        (
            "redaction:\n  - {action: hash, keys: [a], key: '${env:EMPTY:-}'}\n",
            "line 4: redaction[0].key: expected text that is not empty, got (from ${env:EMPTY})\n",
        ),
        (
            "redaction:\n  - {action: delete, keys: [a], key: '${env:KEY}'}\n",
            "line 4: redaction[0].key: is for hash, and this rule has delete: remove it\n",
        ),
        (
            "redaction:\n  - {action: mask, values: {regex: '${env:KEY}('}}\n",
            "line 4: redaction[0].values.regex: (from ${env:KEY}) is no regular expression: unclosed group\n",
        ),
    ] {
        let errors = with_key(rules, "key-4711").unwrap_err();
        let shown = Report(&errors).to_string();
        assert!(!shown.contains("4711"), "{shown}");
        assert_eq!(shown.lines().next().map(|line| format!("{line}\n")).as_deref(), Some(said));
    }
}

#[test]
fn fingerprints_tell_rules_apart_and_nothing_of_keys() {
    let of = |rules: &str| {
        let config = with_key(rules, "one").unwrap_or_else(|errors| panic!("{}", Report(&errors)));
        assert_eq!(config.verdict_fingerprint(), loaded(BASE).fingerprint(), "{rules}");
        config.fingerprint()
    };
    let mut seen = vec![of("redaction: []")];
    assert_eq!(seen[0], loaded(BASE).fingerprint());
    for rules in [
        "redaction: [{action: delete, keys: [a]}]",
        "redaction: [{action: delete, keys: [b]}]",
        "redaction: [{action: delete, keys: [a, b]}]",
        "redaction: [{action: delete, keys_matching: a}]",
        "redaction: [{action: delete, values: {regex: a}}]",
        "redaction: [{action: delete, values: {preset: email}}]",
        "redaction: [{action: delete, values: {preset: ip}}]",
        "redaction: [{action: delete, keys: [a], values: {preset: ip}}]",
        "redaction: [{action: delete, keys: [a], in: [link]}]",
        "redaction: [{action: mask, keys: [a]}]",
        "redaction: [{action: mask, keys: [a], with: b}]",
        "redaction: [{action: replace, keys: [a], with: b}]",
        "redaction: [{action: truncate, above: 1KB}]",
        "redaction: [{action: truncate, above: 2KB}]",
        "redaction: [{action: delete, keys: [a]}, {action: delete, keys: [a]}]",
        "redaction: [{action: hash, keys: [a], key: '${env:KEY}'}]",
    ] {
        let fingerprint = of(rules);
        assert!(!seen.contains(&fingerprint), "{rules}");
        seen.push(fingerprint);
    }
    let rule = "redaction: [{action: hash, keys: [a], key: '${env:KEY}'}]";
    let other = with_key(rule, "two").unwrap_or_else(|errors| panic!("{}", Report(&errors)));
    assert_eq!(seen.last(), Some(&other.fingerprint()));
}

/// A JSON value as OTLP/JSON has it.
fn any_value(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::String(text) => json!({ "stringValue": text }),
        Value::Array(items) => {
            json!({ "arrayValue": { "values": items.iter().map(any_value).collect::<Vec<_>>() } })
        }
        Value::Object(entries) => {
            let entries = entries.iter();
            let pairs =
                entries.map(|(key, value)| json!({ "key": key, "value": any_value(value) }));
            json!({ "kvlistValue": { "values": pairs.collect::<Vec<_>>() } })
        }
    }
}

/// A span with one attribute.
fn request(key: &str, value: &str) -> Vec<u8> {
    let value: Value =
        serde_json::from_str(value).unwrap_or_else(|error| panic!("{value}: {error}"));
    let attributes = json!([{ "key": key, "value": any_value(&value) }]);
    let spans =
        json!([{ "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "attributes": attributes }]);
    let request = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] });
    json_to_protobuf(request.to_string().as_bytes()).expect("a request in JSON")
}

fn attributes(request: &[u8]) -> Vec<(String, String)> {
    read_spans(request).expect("a request in protobuf").remove(0).attributes
}

/// Each table of the page holds what the rules above it do.
#[test]
fn the_page_tells_what_rules_do() {
    let page = std::fs::read_to_string(repository().join("docs/redaction.md")).unwrap();
    let mut rows = 0;
    let blocks: Vec<_> = page.split("```yaml\n").skip(1).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let (rules, rest) = block.split_once("```\n\n| attribute | before | after |\n").unwrap();
        let text = format!("{BASE}{rules}");
        let key = |name: &str| (name == "REDACTION_KEY").then(|| "key".to_owned());
        let config =
            load(&text, &[], &key, &no_file).unwrap_or_else(|errors| panic!("{}", Report(&errors)));
        let redactor = config.redactor().unwrap();
        for row in rest.lines().skip(1).take_while(|line| line.starts_with('|')) {
            let cells: Vec<_> =
                row.split(" | ").map(|cell| cell.trim_matches(['|', ' ', '`'])).collect();
            let [name, before, after] = cells[..] else { panic!("{row}") };
            let expected = match after {
                "gone" => Vec::new(),
                after => attributes(&request(name, after)),
            };
            let before = request(name, before);
            let redacted = redactor.rewrite(&before).unwrap();
            assert_eq!(attributes(&redacted.request), expected, "{row}");
            rows += 1;
        }
    }
    assert!(rows >= 15, "{rows} rows were found: they are no longer recognised");
}

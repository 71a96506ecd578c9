//! The derives say what `schemas/decisions.proto` says.

use std::collections::BTreeSet;

const SCHEMA: &str = include_str!("../../../../../schemas/decisions.proto");
const DERIVES: &str = include_str!("../wire.rs");

/// `DecisionBatch.scope = 2: fixed64`; an enum's value has no type.
type Declaration = String;

fn declaration(place: &str, name: &str, number: &str, kind: &str) -> Declaration {
    let _: u32 = number.parse().unwrap();
    format!("{place}.{name} = {number}: {kind}")
}

/// One declaration a line, each below a comment; anything else is unknown.
fn in_schema(text: &str) -> BTreeSet<Declaration> {
    let mut place = "";
    let mut above = "";
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        let words: Vec<&str> = line.trim_end_matches(';').split(' ').collect();
        match words[..] {
            [""] | ["//", ..] | ["syntax" | "package" | "reserved", ..] => {}
            ["message" | "enum", name, "{"] => place = name,
            ["}"] => place = "",
            [ref kind @ .., name, "=", number] if !place.is_empty() && line.ends_with(';') => {
                assert!(above.starts_with("// "), "{line}: expected a comment above");
                let is_new = found.insert(declaration(place, name, number, &kind.join(" ")));
                assert!(is_new, "{line}: is there twice");
            }
            _ => panic!("expected a declaration on one line, got {line:?}"),
        }
        above = line;
    }
    found
}

fn in_derives(text: &str) -> BTreeSet<Declaration> {
    let mut place = "";
    let mut attribute = None;
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        let words: Vec<&str> = line.trim_end_matches(',').split(' ').collect();
        match words[..] {
            ["pub(super)", "struct" | "enum", name, "{"] => place = name,
            ["pub(super)", name, rust] => {
                let attribute = attribute.take().expect("an attribute above each field");
                let (number, kind) = number_and_kind(attribute, rust);
                found.insert(declaration(place, name.trim_end_matches(':'), number, &kind));
            }
            [variant, "=", number] => {
                let name = upper(&format!("{place}{variant}"));
                found.insert(declaration(place, &name, number, ""));
            }
            _ => {}
        }
        if let Some(inner) = line.strip_prefix("#[prost(") {
            attribute = inner.strip_suffix(")]");
        }
    }
    found
}

/// Of `sint64, optional, tag = "12"`: number and type in the schema's words.
fn number_and_kind<'a>(attribute: &'a str, rust: &str) -> (&'a str, String) {
    let parts: Vec<&str> = attribute.split(", ").collect();
    let [kind, ref label @ .., tag] = parts[..] else { panic!("{attribute}") };
    let number = tag.strip_prefix("tag = ").unwrap().trim_matches('"');
    let kind = match kind.split_once(" = ") {
        Some(("enumeration", name)) => name.trim_matches('"'),
        Some((kind, _)) => kind,
        None if kind == "message" => rust.rsplit('<').next().unwrap().trim_end_matches('>'),
        None => kind,
    };
    // A message may be absent without being called optional.
    let label = label.first().filter(|label| **label == "repeated" || !parts.contains(&"message"));
    (number, label.map_or(kind.to_owned(), |label| format!("{label} {kind}")))
}

/// `EntryKindLate` as `ENTRY_KIND_LATE`.
fn upper(name: &str) -> String {
    let mut upper = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !upper.is_empty() {
            upper.push('_');
        }
        upper.push(letter.to_ascii_uppercase());
    }
    upper
}

#[test]
fn the_derives_are_the_schema() {
    let (schema, derives) = (in_schema(SCHEMA), in_derives(DERIVES));
    let differences: Vec<_> = schema.symmetric_difference(&derives).collect();
    assert!(differences.is_empty(), "only in one of them: {differences:#?}");
    assert_eq!(schema.len(), 17 + 16 + 3 + 6 + 3 + 2 + 6 + 9);
}

#[test]
fn a_difference_is_seen() {
    let schema = in_schema(SCHEMA);
    for (from, to) in [
        ("sint64 base_expiry = 16;", "int64 base_expiry = 16;"),
        ("sint64 base_expiry = 16;", "sint64 base_expiry = 18;"),
        ("optional uint64 threshold", "uint64 threshold"),
        ("repeated Entry entries", "Entry entries"),
        ("Facts facts = 9;", "Entry facts = 9;"),
        ("VERDICT_KEEP = 1;", "VERDICT_KEEP = 2;"),
    ] {
        let other = in_schema(&SCHEMA.replacen(from, to, 1));
        assert_ne!(other, schema, "{from}");
    }
    for (from, to) in [
        ("#[prost(sint64, tag = \"16\")]", "#[prost(int64, tag = \"16\")]"),
        ("optional, tag = \"6\"", "tag = \"6\""),
        ("enumeration = \"Verdict\"", "enumeration = \"EntryKind\""),
        ("Keep = 1", "Keep = 2"),
    ] {
        let other = in_derives(&DERIVES.replacen(from, to, 1));
        assert_ne!(other, schema, "{from}");
    }
}

//! YAML as a tree of texts.

use granit_parser::{Event, Parser};
use serde_json::{Map, Value};

/// A collection whose end has not come yet.
enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

/// Reads one document. Scalars are texts; anchors, aliases and repeated keys are errors.
#[expect(clippy::wildcard_enum_match_arm, reason = "the parser's enum is open")]
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let (mut open, mut root) = (Vec::new(), Value::Null);
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| error.to_string())?;
        let done = match event {
            Event::Scalar(text, _, 0, _) => Value::String(text.into_owned()),
            Event::SequenceStart(_, 0, _) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(_, 0, _) => {
                open.push(Open::Map(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Value::Array(items),
                Some(Open::Map(entries, _)) => Value::Object(entries),
                None => return Err("an end without a start".to_owned()),
            },
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd => continue,
            other => return Err(format!("line {}: {other:?} is too clever", span.start.line())),
        };
        match open.last_mut() {
            None => root = done,
            Some(Open::List(items)) => items.push(done),
            Some(Open::Map(entries, key)) => match key.take() {
                None => *key = Some(done.as_str().ok_or("a key must be text")?.to_owned()),
                Some(key) => {
                    if entries.insert(key.clone(), done).is_some() {
                        return Err(format!("{key} is given twice"));
                    }
                }
            },
        }
    }
    Ok(root)
}

#[test]
fn trees_are_read() {
    let tree = serde_json::json!({"a": ["1", {"b": "x"}], "c": "${env:D:-e}"});
    assert_eq!(parse("a: [1, {b: x}]  # why\nc: ${env:D:-e}\n"), Ok(tree));
    for (wrong, about) in
        [("a: 1\na: 2", "twice"), ("a: &x 1\nb: *x", "clever"), ("a: [1", ""), ("{a: 1}: 2", "key")]
    {
        assert!(parse(wrong).is_err_and(|error| error.contains(about)), "{wrong}");
    }
}

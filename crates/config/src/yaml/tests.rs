use super::*;

/// A tree as text, with the lines of its nodes.
fn shown(text: &str) -> String {
    fn show(node: &Node) -> String {
        let lines = match node.place {
            Place::Lines { first, last } if first == last => format!("{first}"),
            Place::Lines { first, last } => format!("{first}-{last}"),
            Place::Set | Place::Default => "?".into(),
        };
        let value = match &node.value {
            Value::Null => "null".into(),
            Value::Broken => "broken".into(),
            Value::Scalar(scalar) => format!("{:?} {:?}", scalar.form, scalar.text),
            Value::List(items) => {
                format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", "))
            }
            Value::Map(entries) => {
                let entry = |entry: &Entry| format!("{}: {}", entry.key, show(&entry.node));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        };
        format!("{value}@{lines}")
    }
    match parse(text) {
        Ok(document) if document.errors.is_empty() => show(&document.root),
        Ok(Document { errors, .. }) | Err(errors) => {
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn nodes_know_their_lines_and_notation() {
    for (text, expect) in [
        ("", "null@1"),
        ("# nothing\n", "null@1"),
        ("a: b", "{a: Plain \"b\"@1}@1"),
        ("a: 'b'\nc: \"5\"\n", "{a: Quoted \"b\"@1, c: Quoted \"5\"@2}@1-3"),
        ("a:\nb: ~\nc: 'null'\n", "{a: null@1, b: null@2, c: Quoted \"null\"@3}@1-4"),
        ("a:\n  - x\n  - y\n", "{a: [Plain \"x\"@2, Plain \"y\"@3]@2-4}@1-4"),
        ("a: !!str 5", "{a: Quoted \"5\"@1}@1"),
        ("5: x", "{5: Plain \"x\"@1}@1"),
        ("a: &x {b: c}\nd: *x\n", "{a: {b: Plain \"c\"@1}@1, d: {b: Plain \"c\"@1}@1}@1-3"),
    ] {
        assert_eq!(shown(text), expect, "{text:?}");
    }
}

#[test]
fn repeated_keys_are_all_reported() {
    assert_eq!(
        shown("a: 1\na: 2\nl: [{k: 1, k: 2}]\n"),
        "line 2: a: is given twice, first on line 1: remove one; \
         line 3: l[0].k: is given twice, first on line 3: remove one"
    );
}

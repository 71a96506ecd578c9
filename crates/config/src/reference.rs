//! The file's documentation, written from the table of keys.

use std::fmt::Write;

use crate::key::{Key, Presence, Section, Type};
use crate::node::{Value, join};
use crate::schema::in_words;
use crate::table::{KINDS, OWNED_PROPERTIES, POLICY, ROOT};
use crate::yaml;

const HEAD: &str = "\
# The configuration file

One YAML file. Durations are written with their units (`500ms`, `30s`, `1m30s`, `1h`), and so are sizes (`64MiB`; `1MB` is 10^6 bytes).
Texts may hold `${env:NAME}`, `${env:NAME:-default}` (taken if NAME is unset or empty) and `${file:path}` (without its last line break;
relative to the file's directory); `$$` is a plain `$`. Such values are never shown in errors. `--set key.path=value` overrides one key,
`--set policies[0].latency.threshold_ms=300` within a list. Unknown keys are refused.
";

/// The reference of all keys and kinds of policy, as Markdown.
pub fn reference() -> String {
    let mut text = format!("{HEAD}\n## Keys\n\n");
    heading(&mut text);
    rows(&mut text, &ROOT, "");
    text.push_str("\nSome properties of librdkafka follow from other keys and are refused under `kafka.properties`:\n\n");
    text.push_str("| property | instead |\n| --- | --- |\n");
    for owned in &OWNED_PROPERTIES {
        push(&mut text, format_args!("| `{}` | {} |\n", owned.name, owned.remedy));
    }
    text.push_str("\n## Policies\n\nEvery policy is a mapping:\n\n");
    heading(&mut text);
    rows(&mut text, &POLICY, "");
    for kind in &KINDS {
        push(&mut text, format_args!("\n### {}\n\n{}.\n", kind.name, kind.doc));
        let body = match kind.example {
            "" => String::new(),
            example => format!(", {}: {example}", kind.name),
        };
        let name = kind.name;
        push(&mut text, format_args!("\n```yaml\n- {{name: example, type: {name}{body}}}\n```\n"));
        if let Some(Type::Section(section)) = &kind.body {
            text.push('\n');
            heading(&mut text);
            rows(&mut text, section, "");
        }
    }
    text
}

pub(crate) fn heading(text: &mut String) {
    text.push_str("| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
}

pub(crate) fn rows(text: &mut String, section: &Section, path: &str) {
    for key in section.keys {
        let path = join(path, key.name);
        let default = match key.presence {
            Presence::Required(_) => "required".into(),
            Presence::Default(default) => format!("`{default}`"),
            Presence::Optional(otherwise) => otherwise.replace('<', "\\<"),
        };
        let (kind, doc) = (in_words(&key.kind), key.doc.replace('<', "\\<"));
        push(text, format_args!("| `{path}` | {kind} | {default} | {doc} |\n"));
        if let Type::Section(inner) | Type::SectionOrOff(inner) = &key.kind {
            rows(text, inner, &path);
        } else if let Type::List { item: Type::Section(inner), .. } = &key.kind {
            rows(text, inner, &format!("{path}[]"));
        }
    }
}

/// A configuration file with every key at its default and its meaning as a comment. It loads.
pub fn reference_yaml() -> String {
    let mut text = String::from(
        "# Every key with its default. Only kafka.bootstrap_servers and policies must be given.\n\
         # Written from the table of keys; the shorter files beside it are made for reading.\n",
    );
    yaml_keys(&mut text, &ROOT, 0);
    text
}

fn yaml_keys(text: &mut String, section: &Section, indent: usize) {
    for key in section.keys {
        if indent == 0 {
            text.push('\n');
        }
        comment(text, key, indent);
        yaml_key(text, key, indent);
    }
}

fn yaml_key(text: &mut String, key: &Key, indent: usize) {
    let (margin, name) = (" ".repeat(indent), key.name);
    if let Type::Section(inner) | Type::SectionOrOff(inner) = &key.kind {
        let is_needed = |key: &Key| matches!(key.presence, Presence::Required(_));
        match key.presence {
            Presence::Default(value) => {
                yaml_section(text, (name, value), inner, indent);
                return;
            }
            // Without it is something else than with all its keys at their defaults.
            Presence::Optional(otherwise) if inner.keys.iter().any(is_needed) => {
                push(text, format_args!("{margin}# {name}: {otherwise}\n"));
                return;
            }
            Presence::Optional(_) | Presence::Required(_) => {}
        }
        // A section of which every key is commented out still reads as one.
        push(text, format_args!("{margin}{name}:\n"));
        yaml_keys(text, inner, indent + 2);
        return;
    }
    match key.presence {
        Presence::Required(value) | Presence::Default(value) => {
            push(text, format_args!("{margin}{name}: {value}\n"));
        }
        Presence::Optional(otherwise) => {
            push(text, format_args!("{margin}# {name}: {otherwise}\n"));
        }
    }
}

/// A section whose default is more than its keys' defaults: `off`, or a mapping.
fn yaml_section(text: &mut String, (name, value): (&str, &str), inner: &Section, indent: usize) {
    let margin = " ".repeat(indent);
    let default = yaml::parse(value).map(|document| document.root);
    let Ok(Value::Map(entries)) = default.map(|root| root.value) else {
        push(text, format_args!("{margin}{name}: {value}\n"));
        return;
    };
    push(text, format_args!("{margin}{name}:\n"));
    for entry in &entries {
        if let (Some(key), Value::Scalar(scalar)) = (inner.key(&entry.key), &entry.node.value) {
            comment(text, key, indent + 2);
            push(text, format_args!("{margin}  {}: {:?}\n", key.name, scalar.text));
        }
    }
}

fn comment(text: &mut String, key: &Key, indent: usize) {
    if let Type::Section(_) | Type::SectionOrOff(_) = key.kind {
        wrapped(text, &format!("{}.", key.doc), indent);
    } else if let Type::Choice { here, .. } = key.kind {
        wrapped(text, &format!("{}:", key.doc), indent);
        for choice in here {
            wrapped(text, &format!("- {}: {}", choice.name, choice.doc), indent);
        }
    } else {
        wrapped(text, &format!("{} ({}).", key.doc, in_words(&key.kind)), indent);
    }
}

fn wrapped(text: &mut String, words: &str, indent: usize) {
    const WIDTH: usize = 100;
    let mut line = " ".repeat(indent) + "#";
    for word in words.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            push(text, format_args!("{line}\n"));
            line = " ".repeat(indent) + "#";
        }
        line.push(' ');
        line.push_str(word);
    }
    push(text, format_args!("{line}\n"));
}

pub(crate) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes all that is written");
}

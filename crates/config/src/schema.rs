//! The file's JSON Schema, written from the table of keys.

use serde_json::{Map, Value, json};

use crate::key::{Choice, Key, Presence, Section, Type, Within};
use crate::quantity::{ShowDuration, ShowSize};
use crate::table::{KINDS, KindEntry, POLICY, ROOT, SUB_POLICY};
use crate::yaml;

const DURATION: &str = r"^(([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+|.*\$\{.*)$";
const SIZE: &str = r"^([0-9]+(\.[0-9]+)? *(B|KB|MB|GB|KiB|MiB|GiB)|.*\$\{.*)$";

/// The JSON Schema (draft 2020-12) of the configuration file, for editors and other tools. It knows
/// shapes and names; bounds of quantities and what spans several keys only [`load`](crate::load)
/// checks.
pub fn json_schema() -> String {
    let mut schema = section(&ROOT);
    let head = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("tailsift configuration")),
        (
            "$defs",
            definitions(json!({
                "reference": {
                    "description": "Text with ${env:NAME}, ${env:NAME:-default} or ${file:path}.",
                    "type": "string",
                    "pattern": r"\$\{(env|file):",
                },
                "policy": policy(Within::List),
                "policy_in_and": policy(Within::And),
                "policy_in_not": policy(Within::Not),
                "policy_in_drop": policy(Within::Drop),
                "policy_in_composite": policy(Within::Composite),
            })),
        ),
    ];
    for (name, value) in head {
        schema.insert(name.into(), value);
    }
    format!("{:#}\n", Value::Object(schema))
}

/// The definitions, with those of each kind: its body, and itself as a sub-policy.
fn definitions(mut shared: Value) -> Value {
    let nested = [Within::And, Within::Not, Within::Drop, Within::Composite];
    for kind in &KINDS {
        if nested.iter().any(|within| within.takes(kind.name)) {
            shared[format!("sub_{}", kind.name)] = alternative(kind, &SUB_POLICY);
        }
        if let Some(body) = &kind.body {
            shared[kind.name] = value(body);
        }
    }
    shared
}

fn section(section: &Section) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in section.keys {
        properties.insert(key.name.into(), described(key));
        if let Presence::Required(_) = key.presence {
            required.push(key.name);
        }
    }
    let nullable = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    let mut schema = Map::new();
    schema.insert("type".into(), nullable);
    schema.insert("properties".into(), Value::Object(properties));
    schema.insert("additionalProperties".into(), json!(false));
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema
}

fn described(key: &Key) -> Value {
    let mut schema = value(&key.kind);
    schema["description"] = json!(format!("{}.", key.doc));
    if let Presence::Default(text) = key.presence
        && let Ok(document) = yaml::parse(text)
    {
        schema["default"] = plain(&key.kind, &document.root);
    }
    schema
}

/// A default, as JSON.
fn plain(kind: &Type, node: &crate::node::Node) -> Value {
    use crate::node::Value as Yaml;
    use crate::read;
    match &node.value {
        Yaml::Null | Yaml::Broken => Value::Null,
        Yaml::List(items) => items.iter().map(|item| plain(&Type::Text, item)).collect(),
        Yaml::Map(entries) => {
            let entry = |e: &crate::node::Entry| (e.key.clone(), plain(&Type::Text, &e.node));
            Value::Object(entries.iter().map(entry).collect())
        }
        Yaml::Scalar(scalar) => {
            if let Type::Integer { min, max } = kind
                && let Ok(number) = read::integer(node, *min, *max)
            {
                json!(number)
            } else if let (Type::Boolean, Ok(boolean)) = (kind, read::boolean(node)) {
                json!(boolean)
            } else {
                json!(scalar.text)
            }
        }
    }
}

fn value(kind: &Type) -> Value {
    let name = |max: &usize, or: &str| json!({"type": "string", "pattern": format!(r"^([A-Za-z0-9._-]{{1,{max}}}{or}|.*\$\{{.*)$")});
    match kind {
        Type::Text => json!({"type": "string", "minLength": 1}),
        Type::AnyText => json!({"type": "string"}),
        Type::Name { max } => name(max, ""),
        Type::NameOrEmpty { max } => name(max, "|"),
        Type::Integer { min, max } => {
            let mut schema = json!({"type": "integer"});
            if *min != i64::MIN {
                schema["minimum"] = json!(min);
            }
            if *max != i64::MAX {
                schema["maximum"] = json!(max);
            }
            or_reference(&schema)
        }
        Type::Number => or_reference(&json!({"type": "number"})),
        Type::Boolean => or_reference(&json!({"type": "boolean"})),
        Type::Duration { .. } | Type::FineDuration => {
            json!({"type": "string", "pattern": DURATION})
        }
        Type::Size { .. } => json!({"type": "string", "pattern": SIZE}),
        Type::Address => json!({"type": "string"}),
        Type::Choice { here, .. } => or_reference(&json!({"oneOf": words(here)})),
        Type::Section(inner) => Value::Object(section(inner)),
        Type::SectionOrOff(inner) => json!({"anyOf": [section(inner), {"const": "off"}]}),
        Type::List { item, min, max } => {
            json!({"type": "array", "items": value(item), "minItems": min, "maxItems": max})
        }
        Type::Map { item } => {
            json!({"type": ["object", "null"], "additionalProperties": value(item)})
        }
        Type::Properties => json!({
            "type": ["object", "null"],
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }),
        Type::Policy(within) => json!({"$ref": match within {
            Within::List => "#/$defs/policy",
            Within::And => "#/$defs/policy_in_and",
            Within::Not => "#/$defs/policy_in_not",
            Within::Drop => "#/$defs/policy_in_drop",
            Within::Composite => "#/$defs/policy_in_composite",
        }}),
    }
}

fn words(choices: &[Choice]) -> Vec<Value> {
    let word = |choice: &Choice| json!({"const": choice.name, "description": choice.doc});
    choices.iter().map(word).collect()
}

fn or_reference(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"$ref": "#/$defs/reference"}]})
}

/// One alternative for each kind that may stand there, told apart by `type`.
fn policy(within: Within) -> Value {
    let kinds = KINDS.iter().filter(|kind| within.takes(kind.name));
    let alternatives = kinds.map(|kind| match within {
        Within::List => alternative(kind, &POLICY),
        // The same stands in several places.
        Within::And | Within::Not | Within::Drop | Within::Composite => {
            json!({"$ref": format!("#/$defs/sub_{}", kind.name)})
        }
    });
    json!({"oneOf": alternatives.collect::<Vec<_>>()})
}

fn alternative(kind: &KindEntry, own: &Section) -> Value {
    let mut schema = section(own);
    let kind_name = json!({"const": kind.name, "description": format!("{}.", kind.doc)});
    schema["properties"]["type"] = kind_name;
    if kind.body.is_some() {
        schema["properties"][kind.name] = json!({"$ref": format!("#/$defs/{}", kind.name)});
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.push(json!(kind.name));
        }
    }
    Value::Object(schema)
}

/// The type of a key in words.
pub(crate) fn in_words(kind: &Type) -> String {
    match kind {
        Type::Text | Type::AnyText => "text".into(),
        Type::Name { max } | Type::NameOrEmpty { max } => {
            format!("name: at most {max} of a-z A-Z 0-9 . _ -")
        }
        Type::Integer { min, max } => match (*min, *max) {
            (i64::MIN, _) | (_, i64::MAX) => "whole number".into(),
            (min, max) => format!("whole number, {min} to {max}"),
        },
        Type::Number => "number".into(),
        Type::Boolean => "true or false".into(),
        Type::Duration { min, max } => {
            format!("duration, {} to {}", ShowDuration(*min), ShowDuration(*max))
        }
        Type::FineDuration => "duration".into(),
        Type::Size { min, max } => format!("size, {} to {}", ShowSize(*min), ShowSize(*max)),
        Type::Address => "IP address and port".into(),
        Type::Choice { here, .. } => {
            let words = here.iter().map(|choice| format!("`{}`: {}", choice.name, choice.doc));
            words.collect::<Vec<_>>().join("; ")
        }
        Type::Section(_) => "mapping".into(),
        Type::SectionOrOff(_) => "mapping or `off`".into(),
        Type::List { item, min, max } => format!("list of {min} to {max}: {}", in_words(item)),
        Type::Map { item } => format!("mapping of any keys: {}", in_words(item)),
        Type::Properties => "mapping of property names".into(),
        Type::Policy(_) => "policy".into(),
    }
}

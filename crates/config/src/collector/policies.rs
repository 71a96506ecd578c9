//! Policies of a Collector, as ours.

use super::reader::{Reader, number_node, unknown};
use super::table::{ALLOCATION, Body, Key, Level, Type};
use crate::node::{Entry, Form, Node, Place, Scalar, Value, join};
use crate::suggest::nearest;
use crate::table::KINDS;
use crate::yaml;

/// A list of policies, each read or, where it is refused, replaced by one that stands for it, so
/// that places in the list stay true.
pub(super) fn list(reader: &mut Reader, node: &Node, path: &str, level: Level) -> Option<Node> {
    let items = reader.list(node, path)?;
    let read = |(index, item)| policy(reader, item, &format!("{path}[{index}]"), level);
    let policies: Vec<Node> = items.iter().enumerate().map(read).collect();
    Some(Node { value: Value::List(policies), place: node.place })
}

fn policy(reader: &mut Reader, node: &Node, path: &str, level: Level) -> Node {
    let before = reader.errors.len();
    let Some(given) = reader.map(node, path) else { return stand_in(None, node.place) };
    let name = field(given, "name").and_then(|name| reader.text(name, &join(path, "name")));
    let name = name.filter(|name| level == Level::Top || text_of(name) != Some(""));
    let kind = field(given, "type").and_then(|kind| reader.text(kind, &join(path, "type")));
    let kind_name = kind.as_ref().and_then(text_of).unwrap_or("").to_owned();
    let kind_name = kind_name.as_str();
    let kind_failed = field(given, "type").is_some() && kind.is_none();
    if !kind_failed && !level.types().any(|known| known == kind_name) {
        let place = field(given, "type").map_or(node.place, |kind| kind.place);
        reader.refuse(place, &join(path, "type"), unknown_type(kind_name, level));
    }
    let mut own = None;
    for entry in given.iter().filter(|entry| !matches!(entry.key.as_str(), "name" | "type")) {
        let path = join(path, &entry.key);
        match level.body(&entry.key) {
            Some(body) => {
                // Bodies of other types are read, too, so that what is wrong in them is refused.
                let noted = reader.notes.len();
                let read = body_of(reader, body, &entry.node, &path);
                if body.name == kind_name {
                    own = read;
                } else {
                    reader.notes.truncate(noted);
                    let collector = format!("reads no {} of a {kind_name} policy", body.name);
                    reader.differs(entry.place, &path, collector, "is not given it");
                }
            }
            None => stray(reader, entry, &path, level, kind_name),
        }
    }
    if reader.errors.len() > before {
        return stand_in(field(given, "name"), node.place);
    }
    let mut entries = Vec::new();
    entries.extend(name.map(|name| entry("name", name)));
    entries.extend(kind.map(|kind| entry("type", kind)));
    if let Some(body) = level.body(kind_name) {
        let own = own.unwrap_or_else(|| {
            if !body.keys.iter().any(|key| matches!(key.kind, Type::Policies(_))) {
                let collector = format!("takes a missing {} for one with zeros", body.name);
                reader.warn(node.place, path, collector);
            }
            let zeros = Node { value: Value::Null, place: node.place };
            body_of(reader, body, &zeros, &join(path, body.name)).unwrap_or(zeros)
        });
        entries.push(entry(body.name, own));
    }
    Node { value: Value::Map(entries), place: node.place }
}

fn unknown_type(name: &str, level: Level) -> String {
    let place = level.place();
    let types = level.types().collect::<Vec<_>>().join(", ");
    if name.is_empty() {
        return format!("is required: the Collector knows {types} {place}");
    }
    if level != Level::Top && Level::Top.types().any(|known| known == name) {
        return format!("{name} cannot stand {place}: the Collector allows {types}");
    }
    if KINDS.iter().any(|kind| kind.name == name) {
        return format!(
            "{name} is tailsift's own: write it in tailsift's configuration, beside the policies \
             that come from the Collector"
        );
    }
    let given = crate::node::quoted(name);
    match nearest(name, level.types()) {
        Some(meant) => {
            format!("the Collector knows no type {given}: did you mean {meant}? It knows {types}")
        }
        None => format!("the Collector knows no type {given}: it knows {types}"),
    }
}

/// A key that names no body.
fn stray(reader: &mut Reader, entry: &Entry, path: &str, level: Level, kind: &str) {
    let names = || level.bodies().map(|body| body.name);
    let is_map = matches!(entry.node.value, Value::Map(_) | Value::Null);
    let own = entry.key == kind && level.types().any(|known| known == kind);
    if own && is_map && entry.node.children().is_empty() {
        return;
    }
    let message = if own {
        format!("{kind} has no settings: remove them")
    } else if is_map {
        // The Collector takes any mapping for an extension's and goes on without it.
        let meant = nearest(&entry.key, names().chain(["name", "type"]));
        let meant = meant.map_or(String::new(), |meant| format!("did you mean {meant}? "));
        format!(
            "names no settings that are read here, and the Collector would ignore it silently: \
             {meant}correct or remove it"
        )
    } else {
        unknown(&entry.key, ["name", "type"].into_iter().chain(names().collect::<Vec<_>>()))
    };
    reader.refuse(entry.place, path, message);
}

/// A body with all that must be written, and what was given.
fn body_of(reader: &mut Reader, body: &'static Body, node: &Node, path: &str) -> Option<Node> {
    let given = reader.map(node, path)?;
    for entry in given {
        if !body.keys.iter().any(|key| key.name == entry.key) {
            let message = unknown(&entry.key, body.keys.iter().map(|key| key.name));
            reader.refuse(entry.place, &join(path, &entry.key), message);
        }
    }
    let mut entries = Vec::new();
    for key in body.keys {
        let value = match (field(given, key.name), key.zero) {
            (Some(node), _) => {
                let read = value(reader, key, node, &join(path, key.name));
                // Nothing, for a key that may be missing, is as good as missing.
                let is_nothing = matches!(node.value, Value::Null) && key.zero.is_none();
                read.filter(|_| !is_nothing)
            }
            (None, Some(zero)) => yaml::parse(zero).ok().map(|zero| placed(zero.root, node.place)),
            (None, None) => None,
        };
        entries.extend(value.map(|value| entry(key.name, value)));
    }
    Some(Node { value: Value::Map(entries), place: node.place })
}

fn value(reader: &mut Reader, key: &Key, node: &Node, path: &str) -> Option<Node> {
    match key.kind {
        Type::Text => reader.text(node, path),
        Type::Texts => reader.texts(node, path),
        Type::Boolean => reader.boolean(node, path),
        Type::Integer { bits } => {
            let limit = 1_i128 << (bits - 1);
            let value = reader.integer(node, path, -limit, limit - 1)?;
            Some(number_node(value.to_string(), node))
        }
        Type::Amount => {
            let value = reader.integer(node, path, i64::MIN.into(), i64::MAX.into())?;
            if value < 0 {
                let collector = format!("takes {} for none", node.given());
                reader.differs(node.place, path, collector, "reads 0");
            }
            Some(number_node(value.max(0).to_string(), node))
        }
        Type::Float => reader.float(node, path),
        // The same as an absent mode, which is what a null leaves.
        Type::ErrorMode if matches!(node.value, Value::Null) => None,
        Type::ErrorMode => reader.error_mode(node, path),
        Type::Policies(level) => list(reader, node, path, level),
        Type::Policy(_) if matches!(node.value, Value::Null) => None,
        Type::Policy(level) => Some(policy(reader, node, path, level)),
        Type::Allocations => {
            let items = reader.list(node, path)?;
            let read =
                |(index, item)| body_of(reader, &ALLOCATION, item, &format!("{path}[{index}]"));
            let shares: Vec<_> = items.iter().enumerate().map(read).collect();
            let shares = shares.into_iter().collect::<Option<Vec<_>>>()?;
            Some(Node { value: Value::List(shares), place: node.place })
        }
    }
}

/// A policy that has been refused: its name is still checked, and nothing else.
fn stand_in(name: Option<&Node>, place: Place) -> Node {
    let plain = |text: &str| Node {
        value: Value::Scalar(Scalar { text: text.to_owned(), form: Form::Plain }),
        place,
    };
    let name = name.filter(|name| text_of(name).is_some_and(|name| !name.is_empty())).cloned();
    let place_name = || {
        let Place::Lines { first, .. } = place else { return plain("refused") };
        plain(&format!("refused on line {first}"))
    };
    let name = entry("name", name.unwrap_or_else(place_name));
    Node { value: Value::Map(vec![name, entry("type", plain("always_sample"))]), place }
}

pub(super) fn entry(key: &str, node: Node) -> Entry {
    Entry { key: key.to_owned(), place: node.place, node }
}

/// The value under a key.
pub(super) fn field<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Node> {
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
}

/// The text of a scalar.
pub(super) fn text_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(scalar) => Some(&scalar.text),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Broken => None,
    }
}

fn placed(mut node: Node, place: Place) -> Node {
    node.place = place;
    node
}

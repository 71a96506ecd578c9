//! Holds a document against the table of keys and reports everything that does not fit.

use crate::error::{ConfigError, Origin};
use crate::key::{Key, Presence, Section, Type};
use crate::node::{Entry, Node, Place, Value, join};
use crate::suggest::nearest;
use crate::table::{self, OWNED_PROPERTIES, ROOT};
use crate::{policy, read};

/// What has been found wrong so far.
#[derive(Default)]
pub(crate) struct Check {
    pub(crate) errors: Vec<ConfigError>,
}

impl Check {
    pub(crate) fn error(&mut self, place: Place, path: &str, message: impl Into<String>) {
        self.errors.push(ConfigError::new(Origin::of(place), path, message));
    }

    pub(crate) fn value(&mut self, kind: &Type, node: &Node, path: &str) {
        if let Value::Broken = node.value {
            return;
        }
        let mismatch = match kind {
            Type::Text => read::text(node).err(),
            Type::AnyText => read::any_text(node).err(),
            Type::Name { max } => read::name(node, *max).err(),
            Type::NameOrEmpty { max } => read::name_or_empty(node, *max).err(),
            Type::Integer { min, max } => read::integer(node, *min, *max).err(),
            Type::Number => read::number(node).err(),
            Type::Boolean => read::boolean(node).err(),
            Type::Duration { min, max } => read::duration(node, *min, *max).err(),
            Type::FineDuration => read::fine_duration(node).err(),
            Type::Size { min, max } => read::size(node, *min, *max).err(),
            Type::Address => read::address(node).err(),
            Type::Choice { here, later } => read::choice(node, here, later).err(),
            Type::SectionOrOff(_) if read::is_off(node) => None,
            Type::SectionOrOff(section) => self.section(section, node, path, " or `off`"),
            Type::Section(section) => self.section(section, node, path, ""),
            // As an empty section: all its rules are commented out.
            Type::List { item: Type::Section(_), min: 0, .. } if node.is_null() => None,
            Type::List { item, min, max } => self.list(item, *min, *max, node, path),
            Type::Map { item } => self.map(item, node, path),
            Type::Properties => self.properties(node, path),
            Type::Policy(within) => policy::check(self, node, path, *within),
        };
        if let Some(message) = mismatch {
            self.error(node.place, path, message);
        }
    }

    /// A mapping with known keys; one with all keys commented out is an empty one.
    pub(crate) fn section(
        &mut self,
        section: &'static Section,
        node: &Node,
        path: &str,
        or: &str,
    ) -> Option<String> {
        let entries: &[Entry] = match &node.value {
            Value::Null => &[],
            Value::Map(entries) => entries,
            Value::Broken => return None,
            Value::Scalar(_) | Value::List(_) => {
                let names = section.names().collect::<Vec<_>>().join(", ");
                let given = node.given();
                return Some(format!("expected a mapping with the keys {names}{or}, got {given}"));
            }
        };
        for entry in entries {
            let path = join(path, &entry.key);
            match section.key(&entry.key) {
                Some(key) => self.value(&key.kind, &entry.node, &path),
                None => self.error(entry.place, &path, not_known(section, &entry.key)),
            }
        }
        for key in section.keys {
            let given = |entry: &Entry| {
                entry.key == key.name || section.meant(&entry.key) == Some(key.name)
            };
            if !entries.iter().any(given) {
                self.missing(key, node.place, path);
            }
        }
        None
    }

    pub(crate) fn missing(&mut self, key: &Key, place: Place, path: &str) {
        let Presence::Required(example) = key.presence else { return };
        let place = if path.is_empty() { Place::Default } else { place };
        // A section that must be there for the sake of one key is asked for by that key.
        if let Type::Section(section) = &key.kind {
            for inner in section.keys {
                self.missing(inner, Place::Default, &join(path, key.name));
            }
            return;
        }
        let message = format!("is required, for example `{}: {example}`", key.name);
        self.error(place, &join(path, key.name), message);
    }

    fn list(
        &mut self,
        item: &Type,
        min: usize,
        max: usize,
        node: &Node,
        path: &str,
    ) -> Option<String> {
        let Value::List(items) = &node.value else {
            return Some(format!("expected a list, got {}", node.given()));
        };
        if items.len() < min {
            return Some(format!("expected a list of at least {min}, got {}", items.len()));
        }
        if items.len() > max {
            return Some(format!("expected a list of at most {max}, got {}", items.len()));
        }
        for (index, node) in items.iter().enumerate() {
            self.value(item, node, &format!("{path}[{index}]"));
        }
        None
    }

    fn map(&mut self, item: &Type, node: &Node, path: &str) -> Option<String> {
        match &node.value {
            Value::Null | Value::Broken => None,
            Value::Map(entries) => {
                for entry in entries {
                    self.value(item, &entry.node, &join(path, &entry.key));
                }
                None
            }
            Value::Scalar(_) | Value::List(_) => {
                Some(format!("expected a mapping, got {}", node.given()))
            }
        }
    }

    /// Any of them may be a secret: no value is ever shown.
    fn properties(&mut self, node: &Node, path: &str) -> Option<String> {
        let entries = match &node.value {
            Value::Null | Value::Broken => return None,
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::List(_) => {
                return Some("expected a mapping of librdkafka properties".into());
            }
        };
        for entry in entries {
            let path = join(path, &entry.key);
            if let Some(owned) = OWNED_PROPERTIES.iter().find(|owned| owned.name == entry.key) {
                self.error(entry.place, &path, format!("is set by tailsift: {}", owned.remedy));
            }
            match entry.node.value {
                Value::Scalar(_) | Value::Broken => {}
                Value::Null => self.error(entry.node.place, &path, "expected a value, got nothing"),
                Value::Map(_) | Value::List(_) => {
                    let message = "expected one value: a property's name is written with its dots, \
                                   as in `sasl.username: reader`";
                    self.error(entry.node.place, &path, message);
                }
            }
        }
        None
    }
}

/// Why a key does not do in a section.
fn not_known(section: &'static Section, key: &str) -> String {
    let refused = section.refused.iter().find(|refused| refused.name == key);
    refused.map_or_else(|| unknown(|| section.names(), key), |refused| refused.remedy.into())
}

/// Why a key is none of these names, and which one it could be.
pub(crate) fn unknown<N>(names: impl Fn() -> N, key: &str) -> String
where
    N: Iterator<Item = &'static str>,
{
    let known = names().collect::<Vec<_>>().join(", ");
    match nearest(key, names()).map(String::from).or_else(|| table::places_of(key)) {
        Some(meant) => format!("unknown key: did you mean {meant}? known here: {known}"),
        None => format!("unknown key: known here are {known}"),
    }
}

/// Checks a whole document.
pub(crate) fn document(root: &Node) -> Check {
    let mut check = Check::default();
    if let Some(message) = check.section(&ROOT, root, "", "") {
        check.error(root.place, "", message);
    }
    check
}

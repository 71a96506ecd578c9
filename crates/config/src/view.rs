//! A section's values, with the defaults of the table of keys.
//!
//! `None` means that an error has been reported for the value.

use std::net::SocketAddr;
use std::time::Duration;

use crate::key::{Choice, Key, Presence, Section, Type};
use crate::node::{Node, Place, Value};
use crate::{read, yaml};

/// A section of a checked document; without a node all its keys are at their defaults.
#[derive(Clone, Copy)]
pub(crate) struct View<'t> {
    section: &'static Section,
    node: Option<&'t Node>,
}

impl<'t> View<'t> {
    pub(crate) fn new(section: &'static Section, node: Option<&'t Node>) -> Self {
        Self { section, node }
    }

    /// A section within it; `None` if it is `off`.
    pub(crate) fn section(&self, name: &str) -> Option<View<'t>> {
        let node = self.own(name);
        let (Type::Section(section) | Type::SectionOrOff(section)) = &self.key(name).kind else {
            return None;
        };
        let is_off = match node {
            Some(node) => read::is_off(node),
            None => matches!(self.key(name).presence, Presence::Default("off")),
        };
        (!is_off).then(|| View::new(section, node))
    }

    /// What was written for a key.
    pub(crate) fn own(&self, name: &str) -> Option<&'t Node> {
        self.node?.get(name)
    }

    /// Where a key was written.
    pub(crate) fn place(&self, name: &str) -> Place {
        self.own(name).map_or(Place::Default, |node| node.place)
    }

    /// A key's value or default, fit to be shown.
    pub(crate) fn given(&self, name: &str) -> String {
        match (self.own(name), &self.key(name).presence) {
            (Some(node), _) => node.given(),
            (None, Presence::Default(text) | Presence::Optional(text)) => {
                format!("{text}, the default")
            }
            (None, Presence::Required(_)) => "nothing".into(),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.value(name, |_, node| read::any_text(node).ok().map(str::to_owned))
    }

    pub(crate) fn name(&self, name: &str) -> Option<String> {
        self.value(name, |kind, node| {
            let name = if let Type::NameOrEmpty { max } = kind {
                read::name_or_empty(node, *max)
            } else if let Type::Name { max } = kind {
                read::name(node, *max)
            } else {
                return None;
            };
            name.ok().map(str::to_owned)
        })
    }

    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        self.list(name, |node| read::any_text(node).ok().map(str::to_owned))
    }

    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        self.value(name, |_, node| read::boolean(node).ok())
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.value(name, |_, node| read::number(node).ok())
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.value(name, |kind, node| {
            let Type::Integer { min, max } = kind else { return None };
            read::integer(node, *min, *max).ok()
        })
    }

    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        self.value(name, |kind, node| {
            let Type::Duration { min, max } = kind else { return None };
            read::duration(node, *min, *max).ok()
        })
    }

    pub(crate) fn fine_duration(&self, name: &str) -> Option<Duration> {
        self.value(name, |_, node| read::fine_duration(node).ok())
    }

    pub(crate) fn address(&self, name: &str) -> Option<SocketAddr> {
        self.value(name, |_, node| read::address(node).ok())
    }

    pub(crate) fn size(&self, name: &str) -> Option<usize> {
        self.value(name, |kind, node| {
            let Type::Size { min, max } = kind else { return None };
            read::size(node, *min, *max).ok()
        })
        .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// The value that stands at the place of the chosen word.
    pub(crate) fn choice<T: Copy, const N: usize>(
        &self,
        name: &str,
        choices: &'static [Choice; N],
        values: [T; N],
    ) -> Option<T> {
        let place = self.value(name, |_, node| read::choice(node, choices, &[]).ok())?;
        values.get(place).copied()
    }

    pub(crate) fn list<T>(&self, name: &str, item: impl Fn(&Node) -> Option<T>) -> Option<Vec<T>> {
        self.value(name, |kind, node| match (kind, &node.value) {
            (Type::List { min, max, .. }, Value::List(items))
                if (*min..=*max).contains(&items.len()) =>
            {
                items.iter().map(&item).collect()
            }
            _ => None,
        })
    }

    /// The entries of a mapping with any keys.
    pub(crate) fn entries(&self, name: &str) -> Vec<(&'t str, &'t Node)> {
        match self.own(name).map(|node| &node.value) {
            Some(Value::Map(entries)) => {
                entries.iter().map(|entry| (entry.key.as_str(), &entry.node)).collect()
            }
            Some(Value::Null | Value::Scalar(_) | Value::List(_) | Value::Broken) | None => {
                Vec::new()
            }
        }
    }

    /// A value that may be left out: `Some(None)` if it is.
    pub(crate) fn optional<T>(
        &self,
        name: &str,
        read: impl Fn(&Self, &str) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.own(name).is_some() { read(self, name).map(Some) } else { Some(None) }
    }

    fn value<T>(&self, name: &str, read: impl Fn(&Type, &Node) -> Option<T>) -> Option<T> {
        let key = self.key(name);
        match (self.own(name), &key.presence) {
            (Some(node), _) => read(&key.kind, node),
            (None, Presence::Default(text)) => read(&key.kind, &yaml::parse(text).ok()?.root),
            (None, Presence::Required(_) | Presence::Optional(_)) => None,
        }
    }

    fn key(&self, name: &str) -> &'static Key {
        self.section.key(name).expect("the names that are read are in the table")
    }
}

//! How the table of keys describes a key: its type, its default, its meaning.

use std::time::Duration;

use crate::suggest::nearest;

/// A mapping with known keys.
pub(crate) struct Section {
    pub(crate) keys: &'static [Key],
    /// Keys that people write here and that do not do: each with what does.
    pub(crate) refused: &'static [Refused],
}

/// A key of a section.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    pub(crate) presence: Presence,
    /// One or more sentences, without the last full stop.
    pub(crate) doc: &'static str,
}

/// Whether a key must be there, in YAML as it would be written.
pub(crate) enum Presence {
    /// It must; this would do.
    Required(&'static str),
    /// Without it this holds.
    Default(&'static str),
    /// Without it, in words.
    Optional(&'static str),
}

/// A name that is not supported, with what is.
pub(crate) struct Refused {
    pub(crate) name: &'static str,
    pub(crate) remedy: &'static str,
}

/// One of the words that a key accepts.
pub(crate) struct Choice {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
}

/// What a key's value must be. All bounds are inclusive.
pub(crate) enum Type {
    /// Any text that is not empty.
    Text,
    /// Any text.
    AnyText,
    /// A name by Kafka's rules for topics, of at most so many characters.
    Name { max: usize },
    /// As `Name`, or "".
    NameOrEmpty { max: usize },
    /// A whole number.
    Integer { min: i64, max: i64 },
    /// A finite number; its bounds are the policy's business.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Whole milliseconds, written with units.
    Duration { min: Duration, max: Duration },
    /// Nanoseconds, written with units.
    FineDuration,
    /// Bytes, written with a unit.
    Size { min: u64, max: u64 },
    /// An IP address with a port.
    Address,
    /// One of some words.
    Choice { here: &'static [Choice], later: &'static [&'static str] },
    /// A mapping.
    Section(&'static Section),
    /// A mapping, or the word `off`.
    SectionOrOff(&'static Section),
    /// A list of so many items.
    List { item: &'static Type, min: usize, max: usize },
    /// Any keys, each with such a value.
    Map { item: &'static Type },
    /// Any keys but those that tailsift sets itself, with any scalar.
    Properties,
    /// A policy of a kind that may stand there.
    Policy(Within),
}

/// Where a policy stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Within {
    List,
    And,
    Not,
    Drop,
    Composite,
}

impl Within {
    /// True if a kind may stand there: as in the Collector.
    pub(crate) fn takes(self, kind: &str) -> bool {
        match kind {
            "and" => matches!(self, Self::List | Self::Composite),
            "not" => matches!(self, Self::List | Self::And | Self::Drop),
            "drop" | "composite" | "drift" => self == Self::List,
            "rate_per_key" => matches!(self, Self::List | Self::And),
            _ => true,
        }
    }

    /// Why a kind may not stand there, and what would do.
    pub(crate) fn refusal(self, kind: &str) -> String {
        let place = match self {
            Self::List => "the list",
            Self::And => "an and",
            Self::Not => "a not",
            Self::Drop => "a drop",
            Self::Composite => "a composite",
        };
        let remedy = match (self, kind) {
            (Self::And | Self::Drop, "and") => "list its policies here",
            (Self::Not, "and") => {
                "turn its policies round in policies of their own, any of which will do"
            }
            (Self::Not, "not") => "use the policy itself",
            (Self::Composite, "not") => "put it into an and",
            (_, "rate_per_key") => "put it into an and, or into the list",
            _ => "it stands in the list alone",
        };
        format!("cannot stand within {place}: {remedy}")
    }
}

impl Section {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The key that a misspelt one was meant to be.
    pub(crate) fn meant(&self, key: &str) -> Option<&'static str> {
        let unknown = self.key(key).is_none() && !self.refused.iter().any(|r| r.name == key);
        unknown.then(|| nearest(key, self.names())).flatten()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

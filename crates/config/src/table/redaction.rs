//! The rules of a redaction.

use super::{MIB, choice, key};
use crate::key::Presence::{Optional, Required};
use crate::key::{Choice, Section, Type};

/// The most rules; the redactor has as many.
pub(super) const RULES_MAX: usize = 64;

pub(crate) static ACTIONS: [Choice; 5] = [
    choice("delete", "the attribute goes, or the entry of a map; a name or message becomes empty"),
    choice("mask", "`with` stands in its place"),
    choice("replace", "the same, and `with` must be given"),
    choice(
        "hash",
        "its HMAC-SHA256 under `key` stands in its place, in 64 hexadecimal digits: equal values stay equal",
    ),
    choice("truncate", "texts that are longer than `above` are cut"),
];
pub(crate) static PRESETS: [Choice; 5] = [
    choice("email", "e-mail addresses"),
    choice("credit_card", "card numbers, by issuer and check digit"),
    choice("phone", "phone numbers with a + or North American separators"),
    choice("ip", "IPv4 and IPv6 addresses"),
    choice("bearer_token", "bearer tokens, JSON Web Tokens, API keys, passwords in assignments"),
];
pub(crate) static PLACES: [Choice; 5] = [
    choice("resource", "attributes of resources"),
    choice("scope", "attributes, name and version of scopes"),
    choice("span", "attributes, name and status message of spans"),
    choice("event", "attributes and name of events"),
    choice("link", "attributes of links"),
];

/// A rule.
pub(crate) static REDACTION_RULE: Section = Section {
    keys: &[
        key(
            "action",
            Type::Choice { here: &ACTIONS, later: &[] },
            Required("mask"),
            "What is done",
        ),
        key(
            "keys",
            Type::List { item: &Type::Text, min: 1, max: 1000 },
            Optional("any"),
            "For attributes with these keys, and entries of maps within attributes; without values, their whole value",
        ),
        key(
            "keys_matching",
            Type::Text,
            Optional("any"),
            "The same, for keys that match this regular expression as a whole",
        ),
        key(
            "values",
            Type::Section(&VALUES),
            Optional("any"),
            "Only for what matches within texts; without keys, in all attributes, names and status messages",
        ),
        key(
            "in",
            Type::List { item: &Type::Choice { here: &PLACES, later: &[] }, min: 1, max: 5 },
            Optional("everywhere"),
            "Only in these parts of a trace",
        ),
        key(
            "with",
            Type::AnyText,
            Optional("`****`"),
            "What mask and replace put in the place of a value, at most 256 bytes",
        ),
        key(
            "above",
            Type::Size { min: 1, max: 900 * MIB },
            Optional("none"),
            "The most that truncate leaves of a text",
        ),
        key(
            "key",
            Type::Text,
            Optional("none"),
            "The secret of hash, from ${env:NAME} or ${file:path}; it is never shown",
        ),
    ],
    refused: &[],
};

/// What a rule looks for within texts.
pub(crate) static VALUES: Section = Section {
    keys: &[
        key(
            "preset",
            Type::Choice { here: &PRESETS, later: &[] },
            Optional("none"),
            "A pattern that comes with tailsift",
        ),
        key(
            "regex",
            Type::Text,
            Optional("none"),
            "A regular expression, matched anywhere in a text",
        ),
    ],
    refused: &[],
};

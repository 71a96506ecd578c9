//! One rule: what it looks at and what it does to a text.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use thiserror::Error;

use super::matcher::{Matcher, Preset};

/// What is done where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionRule {
    /// What is done.
    pub action: RedactionAction,
    /// To which attributes and entries of maps, however deep. A rule by keys alone takes their
    /// whole value, lists and maps included.
    pub keys: RedactionKeys,
    /// To which parts of texts; `None` for all. Whole numbers are looked at in their decimal form,
    /// bytes as if they were text.
    pub values: Option<RedactionValues>,
    /// In which parts of a request; none means in all.
    pub places: Vec<RedactionPlace>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedactionAction {
    /// The attribute, or entry of a map, goes; a name or message becomes empty.
    Delete,
    /// A text stands in its place.
    Mask {
        /// That text, whatever the length of what it hides.
        with: String,
    },
    /// As `Mask`; metrics tell them apart.
    Replace {
        /// The text.
        with: String,
    },
    /// Its HMAC-SHA256 in 64 hexadecimal digits stands in its place: equal values stay equal.
    Hash {
        /// The key, not empty.
        key: HashKey,
    },
    /// Texts and bytes that are longer are cut, at the end of a character.
    Truncate {
        /// The most bytes that are left.
        above: usize,
    },
}

/// The key of a hash. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKey(pub Vec<u8>);

/// Which attributes a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedactionKeys {
    /// All, and texts that are in no attribute: names of spans, events and scopes, versions of
    /// scopes, messages of statuses.
    Any,
    /// Those with one of these keys.
    Listed(Vec<String>),
    /// Those whose whole key matches this regular expression.
    Matching(String),
}

/// Which parts of a text a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedactionValues {
    /// Patterns that come with the product.
    Preset(Preset),
    /// What this regular expression matches. Matches of nothing do not count.
    Regex(String),
}

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedactionPlace {
    /// Attributes of resources.
    Resource,
    /// Name, version and attributes of scopes.
    Scope,
    /// Name, attributes and status message of spans.
    Span,
    /// Name and attributes of events.
    Event,
    /// Attributes of links.
    Link,
}

impl RedactionPlace {
    pub(super) const COUNT: usize = 5;
    /// All of them.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Resource, Self::Scope, Self::Span, Self::Event, Self::Link];
}

/// A rule that does not do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("rule {rule}: {field}: {message}")]
pub struct RedactionError {
    /// Its place in the list, from 0.
    pub rule: usize,
    /// What of it, as in the configuration; empty if it is the rule as a whole.
    pub field: &'static str,
    /// What was expected and what came.
    pub message: String,
}

impl RedactionError {
    pub(super) fn too_many(rules: usize, max: usize) -> Self {
        let message = format!("expected at most {max} rules, got {rules}");
        Self { rule: max, field: "", message }
    }
}

/// A rule that has been checked.
pub(super) struct Rule {
    action: RedactionAction,
    by_key: bool,
    values: Option<Matcher>,
    places: Vec<RedactionPlace>,
    hmac: Option<Hmac<Sha256>>,
}

/// What is left of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Same,
    /// The attribute goes, or the text if it is in none.
    Goes,
    Text(Vec<u8>),
}

impl Rule {
    pub(super) fn compile(index: usize, rule: &RedactionRule) -> Result<Self, RedactionError> {
        let error = |field, message: &str| {
            Err(RedactionError { rule: index, field, message: message.to_owned() })
        };
        let RedactionRule { action, keys, values, places } = rule;
        let by_key = match keys {
            RedactionKeys::Any => false,
            RedactionKeys::Listed(names) if names.is_empty() => {
                return error("keys", "expected at least one key, got none");
            }
            RedactionKeys::Listed(_) | RedactionKeys::Matching(_) => true,
        };
        let mut hmac = None;
        match action {
            RedactionAction::Truncate { .. } if values.is_some() => {
                return error("values", "is not for truncate, which looks at lengths: remove it");
            }
            RedactionAction::Truncate { .. } => {}
            RedactionAction::Delete
            | RedactionAction::Mask { .. }
            | RedactionAction::Replace { .. }
            | RedactionAction::Hash { .. }
                if !by_key && values.is_none() =>
            {
                return error("", "expected keys, keys_matching or values, got none of them");
            }
            RedactionAction::Hash { key } if key.0.is_empty() => {
                return error(
                    "key",
                    "expected a secret, got an empty text: anyone could compute the hashes",
                );
            }
            RedactionAction::Hash { key } => hmac = Hmac::new_from_slice(&key.0).ok(),
            RedactionAction::Delete
            | RedactionAction::Mask { .. }
            | RedactionAction::Replace { .. } => {}
        }
        let matcher = values.as_ref().map(Matcher::compile).transpose();
        let values = match matcher {
            Ok(values) => values,
            Err(message) => return error("values.regex", &message),
        };
        Ok(Self { action: action.clone(), by_key, values, places: places.clone(), hmac })
    }

    pub(super) fn action(&self) -> &RedactionAction {
        &self.action
    }

    pub(super) fn is_at(&self, place: RedactionPlace) -> bool {
        self.places.is_empty() || self.places.contains(&place)
    }

    /// True if it looks at all texts.
    pub(super) fn is_plain(&self) -> bool {
        !self.by_key
    }

    /// True if it takes the whole value of an attribute.
    pub(super) fn is_whole(&self) -> bool {
        self.by_key && self.values.is_none() && self.limit().is_none()
    }

    pub(super) fn deletes(&self) -> bool {
        self.action == RedactionAction::Delete
    }

    /// The pattern of its values; it matches wherever they are found, and perhaps elsewhere.
    pub(super) fn pattern(&self) -> Option<&str> {
        self.values.as_ref().map(Matcher::pattern)
    }

    /// The length above which it truncates.
    pub(super) fn limit(&self) -> Option<usize> {
        match self.action {
            RedactionAction::Truncate { above } => Some(above),
            RedactionAction::Delete
            | RedactionAction::Mask { .. }
            | RedactionAction::Replace { .. }
            | RedactionAction::Hash { .. } => None,
        }
    }

    /// What it leaves of a text that it is for.
    pub(super) fn apply(&self, text: &[u8]) -> Change {
        if let Some(above) = self.limit() {
            return match truncated(text, above) {
                cut if cut.len() < text.len() => Change::Text(cut.to_vec()),
                _ => Change::Same,
            };
        }
        let changed = match &self.values {
            None if self.deletes() => return Change::Goes,
            None => self.instead_of(text).into_owned(),
            Some(matcher) => {
                let Some(first) = matcher.find(text, 0) else { return Change::Same };
                if self.deletes() {
                    return Change::Goes;
                }
                self.replace_all(text, matcher, first)
            }
        };
        if changed == text { Change::Same } else { Change::Text(changed) }
    }

    fn replace_all(&self, text: &[u8], matcher: &Matcher, first: Range<usize>) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut done = 0;
        let mut next = Some(first);
        while let Some(found) = next {
            out.extend_from_slice(&text[done..found.start]);
            out.extend_from_slice(&self.instead_of(&text[found.clone()]));
            done = found.end;
            next = matcher.find(text, done);
        }
        out.extend_from_slice(&text[done..]);
        out
    }

    fn instead_of(&self, secret: &[u8]) -> Cow<'_, [u8]> {
        match &self.action {
            RedactionAction::Mask { with } | RedactionAction::Replace { with } => {
                Cow::Borrowed(with.as_bytes())
            }
            RedactionAction::Hash { .. } => Cow::Owned(self.hash(secret)),
            RedactionAction::Delete | RedactionAction::Truncate { .. } => Cow::Borrowed(b""),
        }
    }

    fn hash(&self, secret: &[u8]) -> Vec<u8> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let Some(mut hmac) = self.hmac.clone() else { return Vec::new() };
        hmac.update(secret);
        let sum = hmac.finalize().into_bytes();
        let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
        sum.iter().flat_map(digits).collect()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

/// At most so many bytes of a text, cut between characters.
fn truncated(text: &[u8], above: usize) -> &[u8] {
    const CONTINUATIONS_MAX: usize = 3;
    if text.len() <= above {
        return text;
    }
    let least = above.saturating_sub(CONTINUATIONS_MAX);
    let is_edge = |place: &usize| text[*place] & 0xc0 != 0x80;
    let place = (least..=above).rev().find(is_edge).unwrap_or(above);
    &text[..place]
}

//! Redaction: what must not be seen leaves a request, everything else stays byte for byte.
//!
//! A [`Redactor`] is a list of [`RedactionRule`]s, compiled. It walks a request once and notes
//! edits; lengths of messages change only where something within them did.

mod keys;
mod matcher;
mod rule;
mod rule_set;
mod value;
mod walk;

use std::borrow::Cow;
use std::fmt;
use std::ops::AddAssign;

use regex::bytes::RegexSet;

use crate::ScanError;
use crate::wire::Cursor;
use keys::Keys;
use rule::Rule;
use rule_set::RuleSet;
use walk::Walk;

pub use matcher::Preset;
pub use rule::{
    HashKey, RedactionAction, RedactionError, RedactionKeys, RedactionPlace, RedactionRule,
    RedactionValues,
};

/// Rules that are applied to requests, each on what the one before has left.
pub struct Redactor {
    rules: Vec<Rule>,
    keys: Keys,
    /// Any of the patterns of values: most texts hold none. `None` if they are too large together.
    any_value: Option<RegexSet>,
    /// Rules by place.
    at: [RuleSet; RedactionPlace::COUNT],
    /// Rules that look at all texts.
    plain: RuleSet,
    /// Rules that take the whole value of an attribute.
    whole: RuleSet,
    /// Of those, the ones that delete it.
    deletes: RuleSet,
    /// Rules that search values.
    valued: RuleSet,
    /// No text is truncated that is not longer than this.
    truncate_above: usize,
}

/// A request after its redaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<'r> {
    /// The request; borrowed if no rule applied.
    pub request: Cow<'r, [u8]>,
    /// What was done.
    pub counts: RedactionCounts,
}

/// How often rules changed something: an attribute, a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RedactionCounts {
    /// By [`RedactionAction::Delete`].
    pub deleted: u64,
    /// By [`RedactionAction::Mask`].
    pub masked: u64,
    /// By [`RedactionAction::Replace`].
    pub replaced: u64,
    /// By [`RedactionAction::Hash`].
    pub hashed: u64,
    /// By [`RedactionAction::Truncate`].
    pub truncated: u64,
    /// Parts that could not be read, and so were left out.
    pub unreadable: u64,
}

impl Redactor {
    /// The most rules: sets of them are the bits of a word.
    pub const RULES_MAX: usize = 64;

    /// Compiles rules.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn new(rules: &[RedactionRule]) -> Result<Self, Vec<RedactionError>> {
        if rules.len() > Self::RULES_MAX {
            return Err(vec![RedactionError::too_many(rules.len(), Self::RULES_MAX)]);
        }
        let mut errors = Vec::new();
        let compiled = rules.iter().enumerate().map(|(index, rule)| {
            Rule::compile(index, rule).map_err(|error| errors.push(error)).ok()
        });
        let compiled: Vec<Option<Rule>> = compiled.collect();
        let keys = Keys::compile(rules.iter().map(|rule| &rule.keys), &mut errors);
        let (Some(keys), true) = (keys, errors.is_empty()) else { return Err(errors) };
        let compiled: Vec<Rule> = compiled.into_iter().flatten().collect();
        let set = |is: &dyn Fn(&Rule) -> bool| {
            let indices = compiled.iter().enumerate().filter(|(_, rule)| is(rule));
            indices.map(|(index, _)| index).collect::<RuleSet>()
        };
        let patterns = compiled.iter().filter_map(Rule::pattern);
        Ok(Self {
            keys,
            any_value: RegexSet::new(patterns).ok(),
            at: RedactionPlace::ALL.map(|place| set(&|rule| rule.is_at(place))),
            plain: set(&|rule| rule.is_plain()),
            whole: set(&|rule| rule.is_whole()),
            deletes: set(&|rule| rule.is_whole() && rule.deletes()),
            valued: set(&|rule| rule.pattern().is_some()),
            truncate_above: compiled.iter().filter_map(Rule::limit).min().unwrap_or(usize::MAX),
            rules: compiled,
        })
    }

    /// Applies the rules to an `ExportTraceServiceRequest`, in time linear in its length.
    ///
    /// A part that cannot be read cannot be redacted, so it is left out and counted: the smallest
    /// attribute, event, link, status, scope, resource or span that holds the breach, or lists and
    /// maps nested deeper than 64.
    ///
    /// # Errors
    /// If the outermost message cannot be read.
    pub fn rewrite<'r>(&self, request: &'r [u8]) -> Result<Redacted<'r>, ScanError> {
        let mut walk = Walk::new(self, request);
        walk.request(Cursor::new(request)?)?;
        let counts = walk.counts;
        Ok(Redacted { request: walk.finish(), counts })
    }

    /// Rules for all texts of a place.
    fn plain_at(&self, place: RedactionPlace) -> RuleSet {
        self.plain & self.at[place as usize]
    }

    /// Rules that a key is named by.
    fn keyed(&self, key: &[u8], place: RedactionPlace) -> RuleSet {
        self.keys.find(key) & self.at[place as usize]
    }

    /// Rules by key at a place.
    fn keyed_at(&self, place: RedactionPlace) -> RuleSet {
        self.keys.rules() & self.at[place as usize]
    }

    /// False only if none of these rules, none of which takes a whole value, would change the text.
    fn may_change(&self, text: &[u8], rules: RuleSet) -> bool {
        if text.len() > self.truncate_above {
            return true;
        }
        !(rules & self.valued).is_empty()
            && self.any_value.as_ref().is_none_or(|any_value| any_value.is_match(text))
    }
}

impl fmt::Debug for Redactor {
    /// Neither keys of hashes nor anything else that was configured.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

impl RedactionCounts {
    /// What rules did, by the action's name.
    pub fn by_action(&self) -> [(&'static str, u64); 5] {
        let Self { deleted, masked, replaced, hashed, truncated, unreadable: _ } = *self;
        [
            ("delete", deleted),
            ("mask", masked),
            ("replace", replaced),
            ("hash", hashed),
            ("truncate", truncated),
        ]
    }

    fn count(&mut self, action: &RedactionAction) {
        *match action {
            RedactionAction::Delete => &mut self.deleted,
            RedactionAction::Mask { .. } => &mut self.masked,
            RedactionAction::Replace { .. } => &mut self.replaced,
            RedactionAction::Hash { .. } => &mut self.hashed,
            RedactionAction::Truncate { .. } => &mut self.truncated,
        } += 1;
    }
}

impl AddAssign for RedactionCounts {
    fn add_assign(&mut self, other: Self) {
        self.deleted += other.deleted;
        self.masked += other.masked;
        self.replaced += other.replaced;
        self.hashed += other.hashed;
        self.truncated += other.truncated;
        self.unreadable += other.unreadable;
    }
}

#[cfg(test)]
mod tests;

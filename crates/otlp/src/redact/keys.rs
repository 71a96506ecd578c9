//! Which rules a key is named by.

use ahash::RandomState;
use hashbrown::HashMap;
use regex::bytes::RegexSet;

use super::matcher::no_regex;
use super::rule::{RedactionError, RedactionKeys};
use super::rule_set::RuleSet;

/// All keys of all rules.
pub(super) struct Keys {
    listed: HashMap<Box<[u8]>, RuleSet, RandomState>,
    patterns: RegexSet,
    /// The rules of the patterns, in their order.
    owners: Vec<usize>,
    rules: RuleSet,
}

impl Keys {
    /// `None` if there were errors.
    pub(super) fn compile<'k>(
        rules: impl Iterator<Item = &'k RedactionKeys>,
        errors: &mut Vec<RedactionError>,
    ) -> Option<Self> {
        // Seeds of its own would make no output differ, only running times.
        let hasher = RandomState::with_seeds(0x7461_696c, 0x7369_6674, 0x6f74_6c70, 0x0072_6564);
        let mut listed: HashMap<Box<[u8]>, RuleSet, RandomState> = HashMap::with_hasher(hasher);
        let mut patterns = Vec::new();
        let mut owners = Vec::new();
        let mut by_key = Vec::new();
        for (index, keys) in rules.enumerate() {
            match keys {
                RedactionKeys::Any => continue,
                RedactionKeys::Listed(names) => {
                    for name in names {
                        let set = listed.entry(name.as_bytes().into()).or_default();
                        *set = *set | RuleSet::from_iter([index]);
                    }
                }
                RedactionKeys::Matching(pattern) => match whole(pattern) {
                    Ok(pattern) => {
                        patterns.push(pattern);
                        owners.push(index);
                    }
                    Err(message) => {
                        errors.push(RedactionError {
                            rule: index,
                            field: "keys_matching",
                            message,
                        });
                    }
                },
            }
            by_key.push(index);
        }
        let patterns = RegexSet::new(patterns).map_err(|error| {
            let rule = owners.first().copied().unwrap_or_default();
            let message = error.to_string();
            errors.push(RedactionError { rule, field: "keys_matching", message });
        });
        let rules = by_key.into_iter().collect();
        Some(Self { listed, patterns: patterns.ok()?, owners, rules })
    }

    /// The rules that name this key.
    pub(super) fn find(&self, key: &[u8]) -> RuleSet {
        let listed = match self.listed.is_empty() {
            true => RuleSet::NONE,
            false => self.listed.get(key).copied().unwrap_or_default(),
        };
        if self.owners.is_empty() || !self.patterns.is_match(key) {
            return listed;
        }
        let matched = self.patterns.matches(key);
        listed | matched.iter().map(|pattern| self.owners[pattern]).collect()
    }

    /// All rules that name keys.
    pub(super) fn rules(&self) -> RuleSet {
        self.rules
    }
}

/// A pattern for the whole of a key. It must be one by itself, and still be when it is wrapped.
fn whole(pattern: &str) -> Result<String, String> {
    let wrapped = format!(r"\A(?:{pattern})\z");
    for whole in [pattern, &wrapped] {
        regex::Regex::new(whole).map_err(|error| no_regex(pattern, &error))?;
    }
    Ok(wrapped)
}

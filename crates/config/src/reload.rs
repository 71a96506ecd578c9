//! What of a configuration may be replaced at run time, and what may not.

use std::fmt;
use std::time::Duration;

use crate::settings::{
    Config, Decisions, Http, Input, Kafka, Output, Repartition, SecondChance, Window,
};

/// How rules are replaced at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// How often the file is looked at, at most once an hour; `None` = never.
    pub interval: Option<Duration>,
    /// What who asks for it over HTTP must bear; `None` = nobody may.
    pub token: Option<Token>,
}

/// A secret that callers must show. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A secret; it should not be empty.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// True if this is what was shown. How long it takes tells no more than the token's length.
    pub fn is(&self, shown: &str) -> bool {
        let (own, shown) = (self.0.as_bytes(), shown.as_bytes());
        let differing = own.iter().zip(shown).fold(0, |bits, (a, b)| bits | (a ^ b));
        differing == 0 && own.len() == shown.len()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Notes the keys of a section by which two differ. All fields are named, so that a new one is not
/// forgotten; behind `~` are those that are compared elsewhere, or not at all.
macro_rules! compare {
    ($names:ident, $prefix:literal, $type:ident, $one:expr, $other:expr, [$($field:ident),*] ~ [$($rest:ident),*]) => {{
        let $type { $($field: _,)* $($rest: _,)* } = $one;
        $(if $one.$field != $other.$field {
            $names.push(concat!($prefix, stringify!($field)));
        })*
    }};
}

impl Config {
    /// True if traces are judged alike: policies, and how they are understood, are the same.
    pub fn judges_like(&self, other: &Self) -> bool {
        self.policies == other.policies && self.semantics == other.semantics
    }

    /// True if exports are redacted alike.
    pub fn redacts_like(&self, other: &Self) -> bool {
        self.redaction == other.redaction
    }

    /// This configuration with the rules of another: policies, how they are understood, redaction.
    #[must_use]
    pub fn with_rules_of(&self, other: &Self) -> Self {
        Self {
            policies: other.policies.clone(),
            semantics: other.semantics.clone(),
            redaction: other.redaction.clone(),
            ..self.clone()
        }
    }

    /// The keys, beside those of rules, by which two configurations differ: no running process can
    /// take them up.
    pub fn fixed_differences(&self, other: &Self) -> Vec<&'static str> {
        let Self { kafka, input, repartition, output, decisions, window, reload, http, .. } = self;
        let mut names = Vec::new();
        compare!(names, "kafka.", Kafka, kafka, other.kafka, [bootstrap_servers, properties] ~ []);
        if self.reload_interval != other.reload_interval {
            names.push("kafka.reload_interval");
        }
        compare!(
            names, "", Config, self, other,
            [group, instance, workers, delivery, epoch, dead_letters]
            ~ [kafka, reload_interval, input, repartition, output, decisions, second_chance, window,
               reload, http, policies, semantics, redaction]
        );
        compare!(
            names, "input.", Input, input, other.input,
            [topics, encoding, parse_string_tags, keyed_by, start, idle_grace] ~ []
        );
        compare_repartition(repartition.as_ref(), other.repartition.as_ref(), &mut names);
        compare!(
            names, "output.", Output, output, other.output,
            [topic, max_message_bytes, buffer_limit, compression, partitioner, kafka] ~ []
        );
        compare!(names, "decisions.", Decisions, decisions, other.decisions, [topic, remember] ~ []);
        match (self.second_chance, other.second_chance) {
            (Some(one), Some(other)) => compare!(
                names, "second_chance.", SecondChance, one, other,
                [remember, timeout, traces_per_second, bytes_per_second] ~ []
            ),
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => names.push("second_chance.enabled"),
        }
        compare!(
            names, "window.", Window, window, other.window,
            [
                decision_wait,
                decision_wait_after_root_received,
                completion,
                memory_limit,
                spans_per_trace_limit,
                bytes_per_trace_limit
            ] ~ []
        );
        compare!(names, "reload.", Reload, reload, other.reload, [interval, token] ~ []);
        match (http, &other.http) {
            (Some(http), Some(other)) => compare!(
                names, "http.", Http, http, other,
                [listen, recent_traces, recent_bytes] ~ [explicit]
            ),
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => names.push("http"),
        }
        names
    }
}

fn compare_repartition(
    one: Option<&Repartition>,
    other: Option<&Repartition>,
    names: &mut Vec<&'static str>,
) {
    // That there is one follows from input.keyed_by.
    let (Some(one), Some(other)) = (one, other) else { return };
    compare!(
        names, "repartition.", Repartition, one, other,
        [topic, partitions, compression, flush, max_skew, read_ahead] ~ []
    );
}

#[cfg(test)]
mod tests;

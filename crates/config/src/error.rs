//! What is wrong with a configuration.

use std::fmt;

use thiserror::Error;

use crate::node::{Node, Place, Value};

/// One thing that is wrong, with its place, what was given and what would do.
///
/// It never holds a value that came from the environment, a file or `kafka.properties`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{}{}", lead(.origin), place(.path), .message)]
pub struct ConfigError {
    /// Where it was written.
    pub origin: Origin,
    /// The key, for example `policies[2].latency.threshold_ms`; empty for the document as a whole.
    pub path: String,
    /// What is wrong, what was given, and what would do.
    pub message: String,
    /// The line, unless it may hold a secret.
    excerpt: Option<String>,
}

/// Where a part of the configuration was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nowhere: something is missing, or the whole is meant.
    Nowhere,
    /// A line of the file, from 1.
    Line(u32),
    /// A `--set key.path=value`.
    Set,
}

/// A list of errors as text for a terminal: one a line, each followed by the line of the file that
/// it is about.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a>(
    /// The errors, as [`load`](crate::load) returned them.
    pub &'a [ConfigError],
);

/// Errors beyond this many are counted, not shown.
const SHOWN_MAX: usize = 100;

impl ConfigError {
    pub(crate) fn new(origin: Origin, path: impl Into<String>, message: impl Into<String>) -> Self {
        let (path, message) = (path.into(), message.into());
        Self { origin, path, message, excerpt: None }
    }
}

impl Origin {
    pub(crate) fn of(place: Place) -> Self {
        match place {
            Place::Lines { first, .. } => Self::Line(first),
            Place::Set => Self::Set,
            Place::Default => Self::Nowhere,
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in self.0.iter().take(SHOWN_MAX) {
            writeln!(f, "{error}")?;
            if let (Origin::Line(line), Some(excerpt)) = (error.origin, &error.excerpt) {
                writeln!(f, "{line:>5} | {excerpt}")?;
            }
        }
        match self.0.len().checked_sub(SHOWN_MAX) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(f, "and {more} more"),
        }
    }
}

fn lead(origin: &Origin) -> String {
    match origin {
        Origin::Nowhere => String::new(),
        Origin::Line(line) => format!("line {line}: "),
        Origin::Set => "--set ".into(),
    }
}

fn place(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

/// Sorts errors by place and gives each the line it is about, unless that may hold a secret: all of
/// `kafka.properties` may, keys of hashes, and lines that look so.
pub(crate) fn finish(errors: &mut [ConfigError], text: &str, tree: Option<&Node>) {
    errors.sort_by_key(|error| error.origin);
    let mut secret = Vec::new();
    if let Some(properties) = tree.and_then(|tree| tree.get("kafka")?.get("properties")) {
        secret_lines(properties, &mut secret);
    }
    let rules = tree.and_then(|tree| tree.get("redaction")).map_or_else(Vec::new, Node::children);
    for key in rules.iter().filter_map(|rule| rule.get("key")) {
        secret_lines(key, &mut secret);
    }
    for error in errors {
        let Origin::Line(line) = error.origin else { continue };
        let Some(source) = text.lines().nth(line as usize - 1) else { continue };
        let hidden = secret.iter().any(|(first, last)| (*first..=*last).contains(&line))
            || looks_secret(source)
            || tree.is_none() && follows_properties(text, line);
        error.excerpt = (!hidden).then(|| excerpt(source));
    }
}

/// The lines of a tree; those of an alias are its anchor's.
fn secret_lines(node: &Node, lines: &mut Vec<(u32, u32)>) {
    if let Place::Lines { first, last } = node.place {
        lines.push((first, last));
    }
    if let Value::Map(entries) = &node.value {
        for entry in entries {
            if let Place::Lines { first, last } = entry.place {
                lines.push((first, last));
            }
        }
    }
    for child in node.children() {
        secret_lines(child, lines);
    }
}

fn looks_secret(line: &str) -> bool {
    const MARKS: [&str; 9] = [
        "password",
        "passphrase",
        "passwd",
        "secret",
        "credential",
        "jaas",
        "sasl.",
        "ssl.",
        "token:",
    ];
    let line = line.to_lowercase();
    MARKS.iter().any(|mark| line.contains(mark))
}

/// Without a tree there is no telling where the properties end.
fn follows_properties(text: &str, line: u32) -> bool {
    text.lines().take(line as usize).any(|line| line.contains("properties"))
}

fn excerpt(line: &str) -> String {
    const CHARS_MAX: usize = 120;
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let shown: String = line.trim_end().chars().take(CHARS_MAX).map(shown).collect();
    if line.chars().nth(CHARS_MAX).is_some() { shown + "…" } else { shown }
}

//! A Collector's own configuration of tail sampling, as a configuration of ours.
//!
//! What is read becomes a tree of our keys, which goes through the same checks as a file of ours
//! and is what [`Import::text`] shows: what is printed is what runs.

mod expand;
mod go;
mod policies;
mod print;
mod reader;
mod settings;
mod table;
mod warn;
mod whole;

use std::path::Path;

use crate::advice::{self, Advice};
use crate::error::{ConfigError, Origin, finish};
use crate::load::{read_bounded, settle};
use crate::node::{Node, Place};
use crate::settings::Config;
use crate::yaml::{self, Document, TEXT_BYTES_MAX};
use reader::Reader;
use whole::Chosen;

/// A Collector's tail sampling as it would run here.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Import {
    /// The settings. Those that the Collector's file does not tell are our defaults, and the
    /// brokers, unless it names them, `localhost:9092`.
    pub config: Config,
    /// The same as a file of ours, which loads as it is.
    pub text: String,
    /// What is done otherwise, and what is probably not meant, in the order of the file.
    pub notes: Vec<Note>,
    /// When the Collector judges.
    pub strategy: SamplingStrategy,
}

impl Import {
    /// What is odd about [`config`](Self::config), beside what [`notes`](Self::notes) say of the
    /// same keys. The keys are those of [`text`](Self::text).
    pub fn advice(&self) -> Vec<Advice> {
        let is_known = |path: &str| {
            let warnings = self.notes.iter().filter(|note| note.matter == Matter::Warning);
            warnings.into_iter().any(|note| note.path.starts_with(path))
        };
        let mut advice = advice::of(&self.config);
        advice.retain(|advice| advice.path == "policies" || !is_known(&advice.path));
        advice
    }
}

/// When a Collector judges a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SamplingStrategy {
    /// Once its wait is over, on all of its spans. The only one that `run` knows.
    TraceComplete,
    /// As spans arrive: each `ResourceSpans` alone.
    SpanIngest,
}

/// Something about a Collector's file that its owner should know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Whether it is done otherwise here.
    pub matter: Matter,
    /// Where it was written.
    pub origin: Origin,
    /// The key, for example `policies[2].latency.threshold_ms`.
    pub path: String,
    /// What the Collector does, as the rest of a sentence.
    pub collector: String,
    /// What tailsift does, as the rest of a sentence.
    pub tailsift: String,
}

/// Whether something is done otherwise here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Matter {
    /// It is.
    Difference,
    /// It is not, but can hardly be meant.
    Warning,
}

/// Reads a Collector's configuration, YAML or JSON: the body of a `tail_sampling:` block, that
/// block, or a whole file, of which `processor` chooses one if there are several.
///
/// It is read as the Collector reads it: `${env:NAME}` and `${NAME}` from `environment` (empty if
/// unset), `$$` for `$`, one text with commas for a list, fractions cut. What the Collector refuses
/// is refused, and beyond that what it would take for something else: integers that wrap around,
/// bodies that are misspelt, and what makes it crash or fail on every span.
///
/// # Errors
/// All that is refused, each with its place and remedy.
///
/// ```
/// let text = "
/// tail_sampling:
///   decision_wait: 10s
///   policies:
///     - {name: slow, type: latency, latency: {threshold_ms: 500}}
/// ";
/// let import = tailsift_config::import_collector(text, None, &|_| None).unwrap();
/// assert_eq!(import.config.window.decision_wait.as_secs(), 10);
/// assert!(import.text.contains("compatibility: collector"));
/// ```
pub fn import_collector(
    text: &str,
    processor: Option<&str>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Import, Vec<ConfigError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let failed = |mut errors: Vec<ConfigError>, tree: Option<&Node>| {
        finish(&mut errors, text, tree);
        errors
    };
    let Document { root, errors } = yaml::parse(text).map_err(|errors| failed(errors, None))?;
    let mut reader = Reader { errors, ..Reader::default() };
    let chosen = whole::choose(&root, processor, environment, &mut reader);
    let Some(Chosen { body, streams }) = chosen else {
        return Err(failed(reader.errors, Some(&root)));
    };
    let read = settings::read(&mut reader, &body);
    let tree = settings::tree(&mut reader, &read, &streams);
    warn::look(&mut reader, &tree);
    let Reader { errors, mut notes } = reader;
    let config = match settle(&tree, Vec::new()) {
        Ok(config) if errors.is_empty() => config,
        Ok(_) => return Err(failed(errors, Some(&root))),
        Err(more) => {
            // The reader's word goes first: one thing is not refused twice.
            let known: Vec<_> = errors.iter().map(|error| error.path.clone()).collect();
            let new = |error: &ConfigError| !known.iter().any(|path| error.path.starts_with(path));
            let more = more.into_iter().filter(new);
            return Err(failed(errors.into_iter().chain(more).collect(), Some(&root)));
        }
    };
    notes.sort_by_key(|note| note.origin);
    let text = print::file(&tree, &notes, &streams);
    Ok(Import { config, text, notes, strategy: read.strategy })
}

/// Reads a Collector's file, as [`import_collector`] does, with the process's environment.
///
/// # Errors
/// As [`import_collector`]; or that the file cannot be read, is no UTF-8, or is larger than 1 MiB.
pub fn import_collector_file(
    path: &Path,
    processor: Option<&str>,
) -> Result<Import, Vec<ConfigError>> {
    let text = read_bounded(path, TEXT_BYTES_MAX).map_err(|error| {
        let message = format!("{} cannot be read: {error}", path.display());
        vec![ConfigError::new(Origin::of(Place::Default), "", message)]
    })?;
    import_collector(&text, processor, &|name| std::env::var(name).ok())
}

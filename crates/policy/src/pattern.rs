//! Regular expressions: the Collector's dialect (RE2, as Go reads it) on our engine.

mod class;
mod translate;

use regex::bytes::{Regex, RegexBuilder};

/// The most memory a compiled pattern may take.
pub(crate) const PATTERN_BYTES_MAX: usize = 4 << 20;

/// The same for one that is compiled anew for each span.
pub(crate) const DYNAMIC_BYTES_MAX: usize = 256 << 10;

/// The longest pattern in the Collector's dialect, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// A pattern in the Collector's dialect.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// Which groups have which names: names may repeat, and need not be ones of our engine.
    names: Vec<(usize, String)>,
}

/// Compiles a pattern in the Collector's dialect.
///
/// # Errors
/// What is wrong with it; also if it needs more than [`PATTERN_BYTES_MAX`].
pub(crate) fn of_collector(source: &str) -> Result<Pattern, String> {
    of_collector_within(source, PATTERN_BYTES_MAX)
}

/// Compiles a pattern in the Collector's dialect that takes at most so much memory.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn of_collector_within(source: &str, bytes_max: usize) -> Result<Pattern, String> {
    if source.len() > TEXT_BYTES_MAX {
        let len = source.len();
        return Err(format!("expected at most {TEXT_BYTES_MAX} bytes, got {len}: split it"));
    }
    let translated = translate::translate(source)?;
    let built = RegexBuilder::new(&translated.text).size_limit(bytes_max).build();
    let regex = built.map_err(|error| {
        if matches!(error, regex::Error::CompiledTooBig(_)) {
            return format!("it takes more than {bytes_max} bytes when compiled: repeat less");
        }
        error.to_string()
    })?;
    Ok(Pattern { regex, names: translated.names })
}

impl Pattern {
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }

    pub(crate) fn has_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// The named groups of the first match with what they match, empty if they have no part in it;
    /// of names that repeat the last. Nothing without a match.
    pub(crate) fn named_groups(&self, text: &[u8]) -> Vec<(String, Vec<u8>)> {
        let Some(captures) = self.regex.captures(text) else { return Vec::new() };
        let mut groups: Vec<(String, Vec<u8>)> = Vec::with_capacity(self.names.len());
        for (place, name) in &self.names {
            let matched = captures.get(*place).map_or(&b""[..], |found| found.as_bytes());
            match groups.iter_mut().find(|(known, _)| known == name) {
                Some((_, text)) => *text = matched.to_vec(),
                None => groups.push((name.clone(), matched.to_vec())),
            }
        }
        groups
    }

    pub(crate) fn into_regex(self) -> Regex {
        self.regex
    }
}

#[cfg(test)]
mod tests;

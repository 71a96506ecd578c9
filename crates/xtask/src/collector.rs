//! The Collector that commands run beside tailsift.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use tailsift_fixture::Collector;

/// The binary that was given, or else one that is built.
pub(crate) fn find(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let Some(given) = given else { return Collector::build() };
    let is_file = given.is_file();
    ensure!(is_file, "--collector {}: expected a program, got no file", given.display());
    Ok(given.to_owned())
}

/// A configuration with its `${…}` filled in.
pub(crate) fn configured(template: &str, values: &[(&str, &str)]) -> String {
    let fill =
        |text: String, (name, value): &(&str, &str)| text.replace(&format!("${{{name}}}"), value);
    values.iter().fold(template.to_owned(), fill)
}

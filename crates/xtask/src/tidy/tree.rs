//! The repository's text files.

use std::path::Path;

use crate::repository::root;

#[derive(Debug)]
pub(super) struct File {
    /// From the repository's root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    pub(super) fn has_extension(&self, extension: &str) -> bool {
        self.name().rsplit_once('.').is_some_and(|(_, found)| found == extension)
    }

    /// The crate that it belongs to, by its directory.
    pub(super) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// A test, a bench or a fixture: not shipped.
    pub(super) fn is_test(&self) -> bool {
        let directories = ["/tests/", "/benches/"];
        self.name() == "tests.rs"
            || self.path.starts_with("integration/")
            || directories.iter().any(|directory| self.path.contains(directory))
    }

    /// Its lines, counted from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// How many lines it has before the tests at its end.
    pub(super) fn shipped_lines(&self) -> usize {
        let tests = self.text.find("\n#[cfg(test)]\nmod tests {");
        self.text[..tests.map_or(self.text.len(), |at| at + 1)].lines().count()
    }
}

/// All text files but those that are built, fetched or binary.
pub(super) fn files() -> Vec<File> {
    let mut files = Vec::new();
    collect(root(), "", &mut files);
    assert!(files.len() > 100, "expected the repository at {}", root().display());
    files
}

fn collect(directory: &Path, prefix: &str, into: &mut Vec<File>) {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names {
        let (full, path) = (directory.join(&name), format!("{prefix}{name}"));
        if full.is_dir() {
            let hidden = name.starts_with('.') && ![".ci", ".cargo", ".github"].contains(&&*name);
            if !hidden && name != "target" {
                collect(&full, &format!("{path}/"), into);
            }
        } else if let Ok(text) = std::fs::read_to_string(&full) {
            into.push(File { path, text });
        }
    }
}

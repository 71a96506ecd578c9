//! From text to settings.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::advice::{self, Advice};
use crate::error::{ConfigError, Origin, finish};
use crate::fill::{FILLED_BYTES_MAX, Sources};
use crate::node::Node;
use crate::settings::Config;
use crate::yaml::{self, Document, TEXT_BYTES_MAX};
use crate::{assemble, check, overrides};

/// Reads a configuration: YAML `text`, with `overrides` of the form `key.path=value` over it, and
/// references filled in from `environment` and `read_file`.
///
/// # Errors
/// All that is wrong with it, in the order of the file. If it is not YAML, that alone.
///
/// ```
/// let text = "
/// kafka: {bootstrap_servers: '${env:BROKERS:-localhost:9092}'}
/// policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]
/// ";
/// let read_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
/// let config = tailsift_config::load(text, &["epoch=1s".into()], &|_| None, &read_file).unwrap();
/// assert_eq!(config.kafka.bootstrap_servers, "localhost:9092");
/// assert_eq!(config.epoch.as_secs(), 1);
/// ```
pub fn load(
    text: &str,
    overrides: &[String],
    environment: &dyn Fn(&str) -> Option<String>,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Config, Vec<ConfigError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Document { mut root, mut errors } = yaml::parse(text).map_err(|mut errors| {
        finish(&mut errors, text, None);
        errors
    })?;
    let as_written = root.clone();
    for text in overrides {
        if let Err(error) = overrides::apply(&mut root, text) {
            errors.push(error);
        }
    }
    Sources { environment, read_file }.fill(&mut root, "", &mut errors);
    settle(&root, errors).map_err(|mut errors| {
        finish(&mut errors, text, Some(&as_written));
        errors
    })
}

pub(crate) fn settle(root: &Node, errors: Vec<ConfigError>) -> Result<Config, Vec<ConfigError>> {
    let mut check = check::document(root);
    check.errors.extend(errors);
    match assemble::config(root, &mut check) {
        Some(config) if check.errors.is_empty() => Ok(config),
        Some(_) | None => Err(check.errors),
    }
}

/// A configuration file as it was when it was read. What it takes from other files may change.
#[derive(Clone)]
pub struct ConfigFile {
    path: PathBuf,
    text: String,
    directory: PathBuf,
    overrides: Vec<String>,
}

impl ConfigFile {
    /// Reads a file, over which `overrides` go.
    ///
    /// # Errors
    /// If it cannot be read, is no UTF-8, or is larger than 1 MiB.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self, Vec<ConfigError>> {
        let text = read_bounded(path, TEXT_BYTES_MAX).map_err(|error| {
            let message = format!("{} cannot be read: {error}", path.display());
            vec![ConfigError::new(Origin::Nowhere, "", message)]
        })?;
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { path: path.to_owned(), text, directory, overrides: overrides.to_vec() })
    }

    /// The same file as it is now, with the same overrides.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_again(&self) -> Result<Self, Vec<ConfigError>> {
        Self::read(&self.path, &self.overrides)
    }

    /// True if another reading of the file found the same text.
    pub fn has_text_of(&self, other: &Self) -> bool {
        self.text == other.text
    }

    /// What it means, as [`load`] does, with the process's environment, and other files as they
    /// are now; relative paths in `${file:path}` start at the file's own directory.
    ///
    /// # Errors
    /// As [`load`].
    pub fn load(&self) -> Result<Config, Vec<ConfigError>> {
        let environment = |name: &str| std::env::var(name).ok();
        load(&self.text, &self.overrides, &environment, &|path| {
            read_bounded(&self.directory.join(path), FILLED_BYTES_MAX)
        })
    }

    /// What is odd about a configuration that was loaded from it, in the order of its settings.
    pub fn advice(&self, config: &Config) -> Vec<Advice> {
        let mut advice = advice::of(config);
        if let Ok(Document { mut root, .. }) = yaml::parse(self.text.trim_start_matches('\u{feff}'))
        {
            // It was loaded with them before, so none of them fails.
            self.overrides.iter().for_each(|text| drop(overrides::apply(&mut root, text)));
            for advice in &mut advice {
                advice.origin = Origin::of(root.at(&advice.path).place);
            }
        }
        advice
    }

    /// True if it may take something from other files (`${file:path}`).
    pub fn has_file_references(&self) -> bool {
        let texts = self.overrides.iter().map(String::as_str);
        texts.chain([self.text.as_str()]).any(|text| text.contains("${file:"))
    }
}

pub(crate) fn read_bounded(path: &Path, bytes_max: usize) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(bytes_max as u64 + 1).read_to_string(&mut text)?;
    if length > bytes_max {
        return Err(io::Error::other(format!("it is larger than {bytes_max} bytes")));
    }
    Ok(text)
}

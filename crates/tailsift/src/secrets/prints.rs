//! Whether anything that clients are made with has been replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _};
use std::path::Path;

use tailsift_config::{Config, Kafka};

/// Properties whose values are paths of files that clients read when they are made.
const FILES: [&str; 5] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
];
/// Certificates of all authorities that a system knows are some 250 KB.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Files of a directory of authorities.
const FILES_MAX: usize = 10_000;

/// Numbers that stand for the properties of all clusters, their files included, by name. They
/// mean nothing outside of this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Prints(BTreeMap<String, u64>);

impl Prints {
    pub(super) fn of(config: &Config, hashes: &RandomState) -> Self {
        let mut prints = BTreeMap::new();
        for (section, kafka) in clusters(config) {
            for (key, value) in &kafka.properties {
                let content =
                    FILES.contains(&key.as_str()).then(|| content(Path::new(value), hashes));
                let print = hashes.hash_one((value, content));
                prints.insert(format!("{section}kafka.properties.{key}"), print);
            }
        }
        Self(prints)
    }

    /// The names of what is not the same.
    pub(super) fn changed_from(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let differs = |name: &&String| self.0.get(*name) != other.0.get(*name);
        names.into_iter().filter(differs).cloned().collect()
    }
}

/// The clusters of a configuration, with what their section begins with.
pub(super) fn clusters(config: &Config) -> impl Iterator<Item = (&'static str, &Kafka)> {
    let elsewhere = config.output.kafka.as_ref().map(|kafka| ("output.", kafka));
    std::iter::once(("", &config.kafka)).chain(elsewhere)
}

/// True if clients read files.
pub(super) fn reads_files(config: &Config) -> bool {
    clusters(config).any(|(_, kafka)| FILES.iter().any(|key| kafka.properties.contains_key(*key)))
}

/// A file's bytes, or names, sizes and times of a directory's files, or why there are none.
fn content(path: &Path, hashes: &RandomState) -> Result<u64, io::ErrorKind> {
    let read = || -> io::Result<u64> {
        if !path.is_dir() {
            let mut bytes = Vec::new();
            File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
            return Ok(hashes.hash_one(bytes));
        }
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(path)?.take(FILES_MAX) {
            let entry = entry?;
            // Behind links, as they are put there by `openssl rehash`.
            let metadata = fs::metadata(entry.path())?;
            files.insert(entry.file_name(), (metadata.len(), metadata.modified()?));
        }
        Ok(hashes.hash_one(files))
    };
    read().map_err(|error| error.kind())
}

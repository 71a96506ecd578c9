//! Recorded cases: a configuration, batches of spans, and what a Collector did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

/// Names by trace ID.
pub(crate) type Names = BTreeMap<String, String>;

/// One case; what else it holds (`tags`, `note`) is for readers.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The body of `tail_sampling:`.
    pub(crate) config: Value,
    /// In the order of their arrival, all before any decision.
    #[serde(default)]
    pub(crate) batches: Vec<Value>,
    pub(crate) expect: Expectation,
}

/// What the Collector did.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Recorded")]
pub(crate) enum Expectation {
    /// It refused the configuration.
    Refused,
    Judged(Judged),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    /// Traces that come out.
    pub(crate) kept: BTreeSet<String>,
    /// So many come out: those of `kept`, and any of these.
    pub(crate) others: Option<(usize, BTreeSet<String>)>,
    /// The deciding policy of those that may come out.
    pub(crate) policy: Names,
    /// The policy that dropped.
    pub(crate) dropped: Names,
    /// The last sub-policy that a composite marked.
    pub(crate) composite_policy: Option<Names>,
    /// How often policies failed.
    pub(crate) policy_errors: Option<u32>,
    /// How much of a trace comes out, where it is not all of it.
    pub(crate) kept_spans: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    error: Option<String>,
    #[serde(rename = "stage")]
    _stage: Option<String>,
    #[serde(default)]
    kept: BTreeSet<String>,
    kept_count: Option<usize>,
    #[serde(default)]
    kept_from: BTreeSet<String>,
    #[serde(default)]
    policy: Names,
    #[serde(default)]
    dropped: Names,
    composite_policy: Option<Names>,
    policy_errors: Option<u32>,
    #[serde(default)]
    kept_spans: BTreeMap<String, u32>,
}

impl From<Recorded> for Expectation {
    fn from(recorded: Recorded) -> Self {
        if recorded.error.is_some() {
            return Self::Refused;
        }
        Self::Judged(Judged {
            kept: recorded.kept,
            others: recorded.kept_count.map(|count| (count, recorded.kept_from)),
            policy: recorded.policy,
            dropped: recorded.dropped,
            composite_policy: recorded.composite_policy,
            policy_errors: recorded.policy_errors,
            kept_spans: recorded.kept_spans,
        })
    }
}

impl Case {
    pub(crate) fn family(&self) -> &str {
        self.name.split('/').next().unwrap_or(&self.name)
    }
}

/// The files of cases, one for each family, in the order of their names.
pub(crate) fn files() -> anyhow::Result<Vec<PathBuf>> {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integration/conformance/cases");
    let entries = std::fs::read_dir(&directory)
        .with_context(|| format!("{}: the recorded cases", directory.display()))?;
    let mut files =
        entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>()?;
    files.sort();
    Ok(files)
}

/// The cases of a file, one a line.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Case>> {
    let text = String::from_utf8(tailsift_fixture::read_decompressed(path)?)?;
    let case = |(number, line): (usize, &str)| {
        serde_json::from_str(line)
            .with_context(|| format!("{}, line {}", path.display(), number + 1))
    };
    text.lines().enumerate().map(case).collect()
}

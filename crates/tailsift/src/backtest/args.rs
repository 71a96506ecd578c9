//! Its command line.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::{ConfigArgs, past_time};

#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Try the policies and waits of a Collector's configuration, whole or the body of
    /// `tail_sampling:`, on the topic that the file names
    #[arg(long, value_name = "FILE")]
    pub(crate) tail_sampling: Option<PathBuf>,
    /// Which tail_sampling processor of a whole configuration, if there are several
    #[arg(long, value_name = "NAME", requires = "tail_sampling")]
    pub(crate) processor: Option<String>,
    /// Compare with another configuration's policies and windows, or with what was decided
    /// (`decisions`: the log of verdicts)
    #[arg(long, value_name = "FILE|decisions")]
    pub(crate) against: Option<Against>,
    /// Judge traces that began within this time, such as 1h or 7d [default: all that is there]
    #[arg(long, value_name = "TIME", value_parser = past_time)]
    pub(crate) since: Option<Duration>,
    /// How it is told
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: Format,
}

/// What verdicts are held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// The decision log.
    Decisions,
    /// Another configuration.
    File(PathBuf),
}

impl FromStr for Against {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "decisions" => Self::Decisions,
            path => Self::File(path.into()),
        })
    }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decisions => f.write_str("what was decided"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// One object
    Json,
}

//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::backtest::BacktestArgs;
use crate::demo::DemoArgs;
use crate::explain::ExplainArgs;
use crate::logging::LogFormat;
use crate::operations::{AuditArgs, DeadLettersArgs, LagArgs};

/// Tail sampling over Kafka: keeps every trace that matters, loses none of them.
///
/// Reads span batches from a Kafka topic, waits until a trace is complete, judges it by the
/// policies of one YAML file, and republishes kept traces whole and byte for byte.
#[derive(Debug, Parser)]
#[command(name = "tailsift", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How log lines are written to stderr; RUST_LOG sets levels, such as RUST_LOG=debug
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) log: LogFormat,
}

const EXAMPLES: &str = "\
Examples:
  tailsift demo                          everything at once, nothing to set up
  tailsift check config/inference.yaml   is this configuration right?
  tailsift topics -c tailsift.yaml       make its topics
  tailsift run -c tailsift.yaml          process
Exit codes: 0 fine, 1 failed while running, 2 usage or configuration";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything at once: an embedded broker, a live recommender, the processor
    #[command(after_help = "\
Examples:
  tailsift demo
  tailsift demo --duration 60s --rate 200
  tailsift demo --bootstrap localhost:9092 --duration 5m    only the load, to a real Kafka")]
    Demo(DemoArgs),
    /// Process: consume spans, judge traces, republish those to keep
    #[command(after_help = "\
Examples:
  tailsift run -c tailsift.yaml
  tailsift run -c tailsift.yaml --set workers=4 --set kafka.bootstrap_servers=kafka:9092
  tailsift run -c tailsift.yaml --exit-when-idle 5s         process what is there, then stop
  tailsift run -c tailsift.yaml --shadow                    decide only, beside what runs now
Start more instances of the same group to scale out. SIGTERM commits what is decided, leaves the
group and exits 0; undecided traces are read again by their next owner.")]
    Run(RunArgs),
    /// Re-key alone: the stage that `run` starts for `input.keyed_by: none`, in a process of its own
    #[command(after_help = "\
Examples:
  tailsift rekey -c tailsift.yaml                  brings spans to the partition of their trace
  tailsift run -c tailsift.yaml --without-rekey    processes what it writes
Start more instances to scale the stage by itself. SIGTERM commits what was read and exits 0.")]
    Rekey(RekeyArgs),
    /// Validate a configuration file; all that is wrong with it at once
    #[command(after_help = "\
Examples:
  tailsift check tailsift.yaml
  tailsift check tailsift.yaml --set group=canary
  tailsift check tailsift.yaml --live          does it fit what is in the input topics?
  tailsift check --tail-sampling collector.yaml > tailsift.yaml
A Collector's file is printed as a file of ours, headed by what is done otherwise.
Exit codes: 0 it is right, 1 it does not fit the topics, 2 it is not right")]
    Check(CheckArgs),
    /// Say why traces are or would be kept: those of a file, without Kafka, or one from the topics
    #[command(after_help = "\
Examples:
  tailsift explain -c tailsift.yaml --spans trace.json
  tailsift explain -c tailsift.yaml --trace-id 4bf92f3577b34da6a3ce929d0e0e4736 --since 1h
  tailsift explain --tail-sampling collector.yaml --spans batches.jsonl --format json
A Collector's file is judged as that Collector would. Budgets are full, and all traces are judged
at one moment, in the order of their first spans. With --trace-id that is what these policies say of
all spans that are there; beside it stands what was decided and what the output topic holds.
Exit codes: 0 fine, 1 there are no such spans or they cannot be read, 2 usage or configuration")]
    Explain(ExplainArgs),
    /// Try policies on what the topic still holds: what each would keep, and what would change
    #[command(after_help = "\
Examples:
  tailsift backtest -c candidate.yaml --since 1h
  tailsift backtest -c candidate.yaml --against tailsift.yaml
  tailsift backtest -c candidate.yaml --against decisions --since 1h --format json
Reads the topic that `run` judges, without the group, and writes nothing. Windows run in the stream's
time. What still waits at the end is judged on what is there. Spans and bytes are those that came.
Exit codes: 0 fine, 1 brokers do not answer or topics cannot be read, 2 usage or configuration")]
    Backtest(BacktestArgs),
    /// Make the topics of a configuration, or verify those that exist
    #[command(after_help = "\
Examples:
  tailsift topics -c tailsift.yaml
  tailsift topics -c tailsift.yaml --partitions 24 --replication-factor 3
  tailsift topics -c tailsift.yaml --acls          what has to be granted, as commands
Exit codes: 0 all topics are as they should be, 1 some are not, 2 usage or configuration")]
    Topics(TopicsArgs),
    /// Check what the brokers hold of a group: offsets, decision log and input must agree
    #[command(after_help = "\
Examples:
  tailsift audit -c tailsift.yaml
  tailsift audit -c tailsift.yaml --records 100000    only the newest of each partition
  tailsift audit -c tailsift.yaml --json
A group at work may be audited, too. What is read: the decisions topic, and the input below the
committed offsets.
Exit codes: 0 all right, 1 an invariant is violated or brokers do not answer, 2 usage or configuration")]
    Audit(AuditArgs),
    /// Say how far a group is behind, in records and in time
    #[command(after_help = "\
Examples:
  tailsift lag -c tailsift.yaml
  tailsift lag -c tailsift.yaml --json
Offsets are committed below the oldest undecided trace, so `lag` is as long as the window at least;
`unread` is what was not even read when that was committed.")]
    Lag(LagArgs),
    /// List, show and re-drive records that could not be read
    #[command(after_help = "\
Examples:
  tailsift dead-letters list -c tailsift.yaml --pending --since 2h
  tailsift dead-letters show -c tailsift.yaml 0:17
  tailsift dead-letters show -c tailsift.yaml 0:17 --raw > value.bin
  tailsift dead-letters redrive -c tailsift.yaml --reason protobuf --dry-run
  tailsift dead-letters redrive -c tailsift.yaml --reason protobuf
A record and the mark that it was re-driven are written in one transaction: however often redrive
is run, killed or started twice, each record goes back once.")]
    DeadLetters(DeadLettersArgs),
    /// Print the configuration's JSON Schema
    #[command(after_help = "\
Example:
  tailsift schema > tailsift.schema.json     for editors: # yaml-language-server: $schema=…")]
    Schema,
}

impl Command {
    /// What is logged unless `RUST_LOG` says: a demonstration draws a picture instead.
    pub(crate) fn log_level(&self) -> LevelFilter {
        match self {
            Self::Demo(_)
            | Self::Explain(_)
            | Self::Backtest(_)
            | Self::Audit(_)
            | Self::Lag(_)
            | Self::DeadLetters(_) => LevelFilter::WARN,
            Self::Run(_) | Self::Rekey(_) | Self::Check(_) | Self::Topics(_) | Self::Schema => {
                LevelFilter::INFO
            }
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file
    #[arg(short, long = "config", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Override a key of the file, such as --set window.decision_wait=10s
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    pub(crate) overrides: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Stop, with exit code 0, once all is read and decided and nothing came for this long, or as
    /// soon as the group has committed the end of every partition
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) exit_when_idle: Option<Duration>,
    /// Take up partitions whose decision log was deleted or cut off: what was exported since their
    /// committed offset may be exported again, and late spans are judged anew
    #[arg(long)]
    pub(crate) accept_lost_decisions: bool,
    /// Leave re-keying (`input.keyed_by: none`) to processes of `tailsift rekey`
    #[arg(long)]
    pub(crate) without_rekey: bool,
    /// Judge everything and export nothing: a group of its own, `<group>-shadow`, with topics of its
    /// own, so that nothing else is disturbed; verdicts, metrics and recent traces are as ever
    #[arg(long, conflicts_with = "without_rekey")]
    pub(crate) shadow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RekeyArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Stop, with exit code 0, once all that was written until so long after the start is re-keyed
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) exit_when_idle: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration file
    #[arg(value_name = "FILE")]
    #[arg(required_unless_present = "tail_sampling", conflicts_with = "tail_sampling")]
    pub(crate) config: Option<PathBuf>,
    /// Override a key of the file, such as --set window.decision_wait=10s
    #[arg(long = "set", value_name = "KEY.PATH=VALUE", conflicts_with = "tail_sampling")]
    pub(crate) overrides: Vec<String>,
    /// A Collector's configuration, whole or the body of `tail_sampling:`: print it as a file of
    /// ours, with each difference
    #[arg(long, value_name = "FILE")]
    pub(crate) tail_sampling: Option<PathBuf>,
    /// Which tail_sampling processor of a whole configuration, if there are several
    #[arg(long, value_name = "NAME", requires = "tail_sampling")]
    pub(crate) processor: Option<String>,
    /// Look at the newest records of the input topics, too: can they be read, have they keys, and
    /// of which kind
    #[arg(long, conflicts_with = "tail_sampling")]
    pub(crate) live: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TopicsArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Partitions of topics that are made, and that existing ones must have [default: 8, or what
    /// is there]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100_000))]
    pub(crate) partitions: Option<i32>,
    /// Replicas of topics that are made [default: 3, or all brokers where they are fewer]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100))]
    pub(crate) replication_factor: Option<i32>,
    /// Print the grants (ACLs) that the configuration needs, as commands of kafka-acls.sh; asks no
    /// broker and makes nothing
    #[arg(long, conflicts_with_all = ["partitions", "replication_factor"])]
    pub(crate) acls: bool,
}

/// A time above 0 with a unit, at most a day.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    const MAX: Duration = Duration::from_secs(24 * 3600);
    bounded_time(text, MAX).ok_or_else(|| {
        "expected a time above 0 and up to 24h, such as 500ms, 20s, 2m or 1h".to_owned()
    })
}

/// How far to look back: a time above 0 with a unit, at most a year.
pub(crate) fn past_time(text: &str) -> Result<Duration, String> {
    const MAX: Duration = Duration::from_secs(365 * 24 * 3600);
    bounded_time(text, MAX)
        .ok_or_else(|| "expected a time above 0 and up to 365d, such as 10m, 1h or 7d".to_owned())
}

fn bounded_time(text: &str, max: Duration) -> Option<Duration> {
    const UNITS: [(&str, u64); 5] =
        [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let parsed = UNITS.into_iter().find_map(|(unit, milliseconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_millis(number.checked_mul(milliseconds)?))
    });
    parsed.filter(|time| !time.is_zero() && *time <= max)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("tailsift "), "{} has no example", command.get_name());
        }
    }

    #[test]
    fn times_have_units() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("20s", 20_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("24h", 86_400_000),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "20", "s", "0s", "-1s", "1.5s", "25h", "18446744073709551615h", "ms"] {
            let error = time(text).unwrap_err();
            assert!(error.starts_with("expected a time above 0 and up to 24h"), "{text}: {error}");
        }
        assert_eq!(past_time("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for text in ["", "0d", "366d", "7", "1w", "213503982335d"] {
            assert!(past_time(text).is_err_and(|error| error.contains("365d")), "{text}");
        }
    }
}

//! Their command lines.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::{ConfigArgs, time};

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Look only at so many records of each partition, the newest that are committed [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) records: Option<u64>,
    /// The group did not begin at the input's start, or went on without its log: records that
    /// earlier batches covered are counted, not checked. Follows from `input.start: latest`
    #[arg(long)]
    pub(crate) began_late: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LagArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    pub(crate) command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List them, the newest first
    List(ListArgs),
    /// Show one: where it came from, why it is here, its key, headers and value
    Show(ShowArgs),
    /// Bring records back to the topic that they came from, each once
    Redrive(RedriveArgs),
}

/// Which letters are meant; all of these must hold.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Those whose reason holds this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Those from this topic
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// Those from this partition of their topic
    #[arg(long, value_name = "N")]
    pub(crate) partition: Option<i32>,
    /// Those whose record was written within this time, such as 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Leave out those that were re-driven
    #[arg(long)]
    pub(crate) pending: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Which: partition and offset in the topic of dead letters, as `list` prints them
    #[arg(value_name = "PARTITION:OFFSET", value_parser = place)]
    pub(crate) place: (i32, i64),
    /// Write the bytes of the value, and nothing else
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Only the one at this place; may be repeated
    #[arg(long, value_name = "PARTITION:OFFSET", value_parser = place)]
    pub(crate) at: Vec<(i32, i64)>,
    /// Bring them to this topic of the same cluster instead, by their keys
    #[arg(long, value_name = "TOPIC")]
    pub(crate) to: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A partition and an offset.
fn place(text: &str) -> Result<(i32, i64), String> {
    let parsed = text.split_once(':').and_then(|(partition, offset)| {
        let (partition, offset): (i32, i64) = (partition.parse().ok()?, offset.parse().ok()?);
        (partition >= 0 && offset >= 0).then_some((partition, offset))
    });
    parsed.ok_or_else(|| "expected a partition and an offset, such as 0:17".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_a_partition_and_an_offset() {
        assert_eq!(place("0:17"), Ok((0, 17)));
        for text in ["", "17", ":", "0:", ":1", "-1:0", "0:-1", "0:1:2", "2147483648:0"] {
            assert!(place(text).is_err_and(|error| error.contains("0:17")), "{text}");
        }
    }
}

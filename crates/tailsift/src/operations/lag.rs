//! `tailsift lag`.

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};
use tailsift_config::Config;
use tailsift_kafka::{Elapsed, PartitionLag, Table, group_lag};

use super::LagArgs;
use crate::app::client_settings;
use crate::command::load;

/// One group of a configuration, and how far it is behind.
pub(super) struct GroupLag {
    pub(super) role: &'static str,
    pub(super) group: String,
    pub(super) partitions: Vec<PartitionLag>,
}

/// Says how far the processor, and the re-key stage if there is one, are behind.
pub(crate) fn lag(args: &LagArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.file.config, &args.file.overrides)?;
    let mut groups: Vec<_> = stage(&config)?.into_iter().collect();
    let topics = [config.window_topic().to_owned()];
    let partitions = group_lag(&client_settings(&config), &config.group, &topics)?;
    groups.push(GroupLag { role: "processor", group: config.group.clone(), partitions });
    let mut out = std::io::stdout().lock();
    if args.json {
        let groups: Vec<_> = groups.iter().map(GroupLag::json).collect();
        writeln!(out, "{:#}", json!({ "groups": groups }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (number, group) in groups.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        group.write(&mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How far the re-key stage is behind, if the configuration has one.
pub(super) fn stage(config: &Config) -> anyhow::Result<Option<GroupLag>> {
    if config.repartition.is_none() {
        return Ok(None);
    }
    let group = config.rekey_group();
    let partitions = group_lag(&client_settings(config), &group, &config.input.topics)?;
    Ok(Some(GroupLag { role: "re-key stage", group, partitions }))
}

/// A sum, or nothing if a part is not known.
struct Total {
    records: i64,
    unread: Option<i64>,
    behind_ms: Option<i64>,
}

impl GroupLag {
    fn total(&self) -> Total {
        Total {
            records: self.partitions.iter().map(PartitionLag::records).sum(),
            unread: self.partitions.iter().map(PartitionLag::unread).sum(),
            behind_ms: self.partitions.iter().filter_map(PartitionLag::behind_ms).max(),
        }
    }

    /// A table for each topic, a line for all, and what is unusual.
    pub(super) fn write(&self, out: &mut impl Write) -> anyhow::Result<()> {
        writeln!(out, "{} (group {})", self.role, self.group)?;
        if self.partitions.is_empty() {
            writeln!(out, "no topic matches input.topics")?;
        }
        for of_topic in self.partitions.chunk_by(|a, b| a.topic == b.topic) {
            writeln!(out, "topic {}", of_topic[0].topic)?;
            write!(out, "{}", table(of_topic))?;
        }
        let Total { records, unread, behind_ms } = self.total();
        let unread = unread.map_or(String::new(), |unread| format!(", {unread} of them unread"));
        let behind = behind_ms.map_or(String::new(), |ms| format!(", {} behind", Elapsed(ms)));
        writeln!(out, "total: {records} records not committed{unread}{behind}")?;
        for lag in &self.partitions {
            let place = format!("note: {} partition {}", lag.topic, lag.partition);
            match lag.hidden() {
                0 => {}
                hidden => writeln!(out, "{place}: an open transaction hides {hidden} offsets")?,
            }
            match lag.deleted() {
                0 => {}
                deleted => writeln!(
                    out,
                    "{place}: {deleted} offsets were deleted before they were committed"
                )?,
            }
        }
        Ok(())
    }

    pub(super) fn json(&self) -> Value {
        let Total { records, unread, behind_ms } = self.total();
        let partitions: Vec<_> = self.partitions.iter().map(partition_json).collect();
        json!({
            "role": self.role,
            "group": self.group,
            "partitions": partitions,
            "total": { "records": records, "unread": unread, "behind_ms": behind_ms },
        })
    }
}

fn table(lags: &[PartitionLag]) -> Table {
    let mut table = Table::new(&[
        ("p", 5),
        ("log start", 12),
        ("committed", 13),
        ("end", 13),
        ("lag", 12),
        ("unread", 12),
        ("in time", 10),
    ]);
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for lag in lags {
        table.row([
            lag.partition.to_string(),
            lag.start.to_string(),
            or_dash(lag.committed.map(|offset| offset.to_string())),
            lag.end.to_string(),
            lag.records().to_string(),
            or_dash(lag.unread().map(|unread| unread.to_string())),
            or_dash(lag.behind_ms().map(|ms| Elapsed(ms).to_string())),
        ]);
    }
    table
}

pub(super) fn partition_json(lag: &PartitionLag) -> Value {
    json!({
        "topic": lag.topic,
        "partition": lag.partition,
        "log_start": lag.start,
        "committed": lag.committed,
        "position": lag.read_to,
        "end": lag.end,
        "log_end": lag.log_end,
        "records": lag.records(),
        "unread": lag.unread(),
        "behind_ms": lag.behind_ms(),
        "oldest_ms": lag.oldest_ms,
        "newest_ms": lag.newest_ms,
        "hidden": lag.hidden(),
        "deleted": lag.deleted(),
    })
}

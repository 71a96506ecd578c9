//! The cluster that a command works on, and how a load gets there.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::Args;
use tailsift_fixture::LoadRecord;
use tailsift_kafka::{Admin, ClientSettings, Outgoing, TopicPlan, Writer};

const FLUSH_PATIENCE: Duration = Duration::from_secs(120);

/// Where the cluster is.
#[derive(Debug, Args)]
pub(crate) struct Cluster {
    /// Comma-separated host:port of some brokers
    #[arg(long)]
    bootstrap: String,
    /// A librdkafka property, as KEY=VALUE; may be repeated
    #[arg(long = "property", value_name = "KEY=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
}

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    records: u64,
    spans: u64,
    bytes: u64,
    first_ms: Option<i64>,
    last_ms: i64,
    took: Duration,
}

impl Cluster {
    /// The one that this broker belongs to.
    pub(crate) fn at(bootstrap: &str) -> Self {
        Self { bootstrap: bootstrap.to_owned(), properties: Vec::new() }
    }

    pub(crate) fn settings(&self) -> ClientSettings {
        ClientSettings {
            bootstrap_servers: self.bootstrap.clone(),
            properties: self.properties.iter().cloned().collect(),
        }
    }

    /// Makes a topic, unless it is there, that takes records of 8 MB.
    pub(crate) fn make_topic_of_large_records(
        &self,
        name: &str,
        partitions: u32,
    ) -> anyhow::Result<()> {
        let plan = TopicPlan {
            name: name.to_owned(),
            partitions: i32::try_from(partitions)?,
            configs: BTreeMap::from([("max.message.bytes".to_owned(), "8100000".to_owned())]),
            ..TopicPlan::default()
        };
        Admin::new(&self.settings())?.ensure(&plan)?;
        Ok(())
    }

    /// Makes the topic unless it is there, and writes the records, each to its own partition.
    pub(crate) fn write(
        &self,
        topic: &str,
        partitions: u32,
        records: impl Iterator<Item = LoadRecord>,
    ) -> anyhow::Result<Written> {
        let settings = self.settings();
        make_topic(&settings, topic, partitions)?;
        let mut writer = Writer::new(&settings)?;
        let started = Instant::now();
        let mut written = Written::default();
        for record in records {
            let headers: Vec<_> =
                record.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            writer.send(Outgoing { headers: &headers, ..outgoing(topic, &record) })?;
            written.records += 1;
            written.spans += u64::from(record.spans);
            written.bytes += record.value.len() as u64;
            written.first_ms.get_or_insert(record.timestamp_ms);
            written.last_ms = record.timestamp_ms;
        }
        writer.flush(FLUSH_PATIENCE)?;
        written.took = started.elapsed();
        Ok(written)
    }
}

/// A record of a load as it is sent, but for its headers.
pub(crate) fn outgoing<'a>(topic: &'a str, record: &'a LoadRecord) -> Outgoing<'a> {
    Outgoing {
        topic,
        partition: Some(record.partition),
        key: record.key.as_deref(),
        value: Some(&record.value),
        headers: &[],
        timestamp_ms: Some(record.timestamp_ms),
    }
}

impl Written {
    pub(crate) fn spans(&self) -> u64 {
        self.spans
    }
}

fn make_topic(settings: &ClientSettings, topic: &str, partitions: u32) -> anyhow::Result<()> {
    let partitions = i32::try_from(partitions).context("--partitions")?;
    let admin = Admin::new(settings)?;
    match admin.partitions(topic)? {
        Some(found) if found == partitions => {}
        Some(found) => bail!(
            "topic {topic}: expected {partitions} partitions, got {found}; \
             give --partitions {found} or another --topic"
        ),
        None => {
            let name = topic.to_owned();
            let configs = BTreeMap::new();
            admin.ensure(&TopicPlan { name, partitions, configs, ..TopicPlan::default() })?;
        }
    }
    Ok(())
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64().max(1e-3);
        let stream_ms = self.last_ms.saturating_sub(self.first_ms.unwrap_or(self.last_ms));
        writeln!(
            f,
            "written  {} records, {} spans, {} bytes ({} a span)",
            self.records,
            self.spans,
            self.bytes,
            self.bytes / self.spans.max(1)
        )?;
        writeln!(
            f,
            "took     {seconds:.1} s: {:.0} spans/s, {:.1} MB/s",
            self.spans as f64 / seconds,
            self.bytes as f64 / seconds / 1e6
        )?;
        write!(f, "stamped  over {:.1} s, to {}", stream_ms as f64 / 1e3, self.last_ms)
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("expected KEY=VALUE, got {text:?}"))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// The present, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

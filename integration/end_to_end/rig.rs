//! What every test needs: topics and a group of its own, a configuration file, a `tailsift`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tailsift_fixture::{
    Comparison, CorpusRecord, LoadRecord, ReferenceTrace, SharedKafka, Tailsift, compare,
    eventually, fnv1a_partition, kafka_tool, last_balance, unique_name,
};
use tailsift_kafka::{
    Admin, ClientSettings, Isolation, Outgoing, PartitionOffset, Reader, StoredRecord, TopicPlan,
    Writer,
};
use tailsift_trace::TraceId;
use tempfile::TempDir;

use crate::policies::Policies;

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Makes a process stop once all it was given is exported.
pub(crate) const UNTIL_IDLE: &[&str] = &["--exit-when-idle", "500ms"];
/// Keeps a process from deciding what only the passing of time would decide: its newest traces
/// stay undecided, however long it runs.
pub(crate) const HOLDING: &[&str] = &["--set", "input.idle_grace=1h"];

/// How a test's topics and configuration differ from the others'.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Partitions of the input topic.
    pub(crate) partitions: u32,
    /// `window.decision_wait`.
    pub(crate) decision_wait: Duration,
    /// How long the group waits for a member that is gone.
    pub(crate) session_timeout: Duration,
    /// The policies.
    pub(crate) policies: Policies,
    /// Records have no keys: a re-key stage comes first.
    pub(crate) is_unkeyed: bool,
    /// Traces are judged once they are complete, and late spans may turn a verdict; else all wait
    /// for `decision_wait`, and late spans follow.
    pub(crate) judges_early: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            partitions: 8,
            decision_wait: Duration::from_secs(2),
            // The least that the broker takes: a killed dynamic member is waited for so long.
            session_timeout: Duration::from_secs(6),
            policies: Policies::Usual,
            is_unkeyed: false,
            judges_early: false,
        }
    }
}

/// Topics, a group and a configuration file that belong to one test.
pub(crate) struct Rig {
    pub(crate) plan: Plan,
    pub(crate) settings: ClientSettings,
    pub(crate) admin: Admin,
    pub(crate) group: String,
    pub(crate) input: String,
    pub(crate) export: String,
    pub(crate) dead_letters: String,
    directory: TempDir,
}

impl Rig {
    /// A rig on the shared Kafka, its topics made.
    pub(crate) fn new(plan: Plan) -> anyhow::Result<Self> {
        let rig = Self::without_topics(SharedKafka::require()?.client_settings(), plan)?;
        rig.make_topics()?;
        Ok(rig)
    }

    /// A rig whose topics do not exist.
    pub(crate) fn without_topics(settings: ClientSettings, plan: Plan) -> anyhow::Result<Self> {
        let rig = Self {
            plan,
            admin: Admin::new(&settings)?,
            group: unique_name("group"),
            input: unique_name("in"),
            export: unique_name("out"),
            dead_letters: unique_name("letters"),
            directory: tempfile::tempdir().context("making a directory for the configuration")?,
            settings,
        };
        std::fs::write(rig.config_path(), rig.config()).context("writing the configuration")?;
        Ok(rig)
    }

    pub(crate) fn make_topics(&self) -> anyhow::Result<()> {
        self.make_topic(&self.input, self.plan.partitions)?;
        self.make_topic(&self.export, 4)
    }

    pub(crate) fn make_topic(&self, name: &str, partitions: u32) -> anyhow::Result<()> {
        let partitions = i32::try_from(partitions)?;
        let configs = [("max.message.bytes".to_owned(), "2000000".to_owned())].into();
        let name = name.to_owned();
        self.admin.ensure(&TopicPlan { name, partitions, configs, ..TopicPlan::default() })?;
        Ok(())
    }

    /// Changes a topic's settings: `key=value`, separated by commas.
    pub(crate) fn alter_topic(&self, topic: &str, config: &str) -> anyhow::Result<()> {
        let arguments = ["--alter", "--entity-type", "topics", "--entity-name", topic];
        let arguments = [&arguments[..], &["--add-config", config]].concat();
        self.tool("kafka.admin.ConfigCommand", &arguments)
    }

    /// Runs one of Kafka's own tools.
    pub(crate) fn tool(&self, class: &str, arguments: &[&str]) -> anyhow::Result<()> {
        kafka_tool(&self.settings.bootstrap_servers, class, arguments).map(drop)
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.directory.path().join("tailsift.yaml")
    }

    fn config(&self) -> String {
        let Self { group, input, export, dead_letters, .. } = self;
        format!(
            "kafka:\n  bootstrap_servers: \"{}\"\n  properties: {{session.timeout.ms: \"{}\"}}\n\
             group: {group}\n\
             workers: 1\n\
             epoch: 200ms\n\
             input: {{topic: {input}, idle_grace: 0s{}}}\n\
             output: {{topic: {export}}}\n\
             dead_letters: {{topic: {dead_letters}}}\n\
             window: {{decision_wait: {}ms, completion: {}}}\n\
             second_chance: {{enabled: {}}}\n\
             http: off\n\
             policies:\n{}",
            self.settings.bootstrap_servers,
            self.plan.session_timeout.as_millis(),
            if self.plan.is_unkeyed { ", keyed_by: none" } else { "" },
            self.plan.decision_wait.as_millis(),
            if self.plan.judges_early { "structural" } else { "wait" },
            self.plan.judges_early,
            self.plan.policies.yaml(),
        )
    }

    /// The time at which the last record of a load has to pretend to have been written, so that
    /// an idle partition's clock may close the last traces at once.
    pub(crate) fn end_ms(&self) -> i64 {
        now_ms() - i64::try_from(self.plan.decision_wait.as_millis()).unwrap_or(i64::MAX)
    }

    /// Starts `tailsift run` on the rig's configuration with more arguments.
    pub(crate) fn run(&self, arguments: &[&[&str]]) -> anyhow::Result<Tailsift> {
        self.command("run", arguments)
    }

    /// Starts a command of `tailsift` that takes a configuration.
    pub(crate) fn command(&self, name: &str, arguments: &[&[&str]]) -> anyhow::Result<Tailsift> {
        self.command_of(&[name], arguments)
    }

    /// The same with a command of a command.
    pub(crate) fn command_of(
        &self,
        names: &[&str],
        arguments: &[&[&str]],
    ) -> anyhow::Result<Tailsift> {
        self.command_of_build(THIS_BUILD, names, arguments)
    }

    /// The same with some build of `tailsift`.
    pub(crate) fn command_of_build(
        &self,
        binary: &str,
        names: &[&str],
        arguments: &[&[&str]],
    ) -> anyhow::Result<Tailsift> {
        let path = self.config_path().to_string_lossy().into_owned();
        let mut all = [&["--log", "json"], names, &["-c", &path]].concat();
        all.extend(arguments.iter().copied().flatten());
        spawn(binary, &all)
    }

    /// Runs until all that is in the input is decided and exported; what it logged.
    pub(crate) fn run_until_idle(&self, arguments: &[&[&str]]) -> anyhow::Result<Logged> {
        finished(self.run(&[&[UNTIL_IDLE], arguments].concat())?)
    }

    /// Writes records to the input topic, and waits until they are there.
    pub(crate) fn produce(&self, records: &[Record]) -> anyhow::Result<()> {
        self.produce_to(&self.input, records)
    }

    /// Writes records to a topic, and waits until they are there.
    pub(crate) fn produce_to(&self, topic: &str, records: &[Record]) -> anyhow::Result<()> {
        let mut writer = Writer::new(&self.settings)?;
        for record in records {
            let headers: Vec<_> =
                record.headers.iter().map(|(name, value)| (name.as_str(), &**value)).collect();
            writer.send(Outgoing {
                topic,
                partition: Some(record.partition),
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &headers,
                timestamp_ms: Some(record.timestamp_ms),
            })?;
        }
        writer.flush(PATIENCE)?;
        Ok(())
    }

    /// What a reader of committed records sees in the export topic.
    pub(crate) fn exports(&self) -> anyhow::Result<Vec<StoredRecord>> {
        self.read(&self.export)
    }

    /// What a reader of committed records sees in a topic once no transaction is open there: a
    /// commit is answered before its last marker is written.
    pub(crate) fn read(&self, topic: &str) -> anyhow::Result<Vec<StoredRecord>> {
        let ends = |isolation| self.admin.end_offsets(topic, isolation);
        eventually("no transaction is open", PATIENCE, || {
            let stable = ends(Isolation::Committed)?;
            Ok((ends(Isolation::Uncommitted)? == stable).then_some(()))
        })?;
        Ok(Reader::open(&self.settings, topic, Isolation::Committed)?.read_all(PATIENCE)?)
    }

    /// Holds the export topic against what should be there.
    pub(crate) fn compare(
        &self,
        expected: &BTreeMap<TraceId, ReferenceTrace>,
    ) -> anyhow::Result<Comparison> {
        let exports = self.exports()?;
        Ok(compare(expected, exports.iter().map(key_and_value)))
    }

    /// How far the export topic is readable: grows with every epoch that exports something.
    pub(crate) fn visible(&self) -> anyhow::Result<i64> {
        self.export_end(Isolation::Committed)
    }

    /// Waits until more of the export topic is readable than was.
    pub(crate) fn wait_for_exports_beyond(
        &self,
        before: i64,
        child: &mut Tailsift,
    ) -> anyhow::Result<()> {
        let look = || {
            ensure!(child.try_wait()?.is_none(), "the process ended");
            Ok((self.visible()? > before).then_some(()))
        };
        let result = eventually("more exports are visible", PATIENCE, look);
        result.with_context(|| log_tail(&child.stderr()))
    }

    /// Waits for something while a process runs.
    pub(crate) fn wait_until(
        &self,
        what: &str,
        child: &mut Tailsift,
        mut is_so: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let look = || {
            ensure!(child.try_wait()?.is_none(), "the process ended");
            Ok(is_so()?.then_some(()))
        };
        let result = eventually(what, PATIENCE, look);
        result.with_context(|| log_tail(&child.stderr()))
    }

    /// Changes the configuration file.
    pub(crate) fn replace_in_config(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(self.config_path())?;
        ensure!(text.contains(from), "{from:?} is not in the configuration");
        Ok(std::fs::write(self.config_path(), text.replace(from, to))?)
    }

    /// Waits until a transaction with exports is open.
    pub(crate) fn wait_for_open_transaction(&self) -> anyhow::Result<()> {
        eventually("a transaction is open on the export topic", PATIENCE, || {
            Ok(self.is_transaction_open()?.then_some(()))
        })
    }

    /// True while a transaction with exports is open.
    pub(crate) fn is_transaction_open(&self) -> anyhow::Result<bool> {
        let stable = self.visible()?;
        Ok(self.export_end(Isolation::Uncommitted)? > stable)
    }

    /// Waits until all of the input is decided and exported.
    pub(crate) fn wait_until_all_is_committed(&self, child: &mut Tailsift) -> anyhow::Result<()> {
        let look = || {
            ensure!(child.try_wait()?.is_none(), "the process ended");
            Ok((self.committed()? == self.input_ends()?).then_some(()))
        };
        let result = eventually("the end of the input is committed", PATIENCE, look);
        result.with_context(|| log_tail(&child.stderr()))
    }

    fn export_end(&self, isolation: Isolation) -> anyhow::Result<i64> {
        let ends = self.admin.end_offsets(&self.export, isolation)?;
        Ok(ends.iter().map(|end| end.offset).sum())
    }

    /// What the group has committed, by partition; 0 where it has not.
    pub(crate) fn committed(&self) -> anyhow::Result<Vec<i64>> {
        let committed = self.admin.committed_offsets(&self.group, &self.window_topic())?;
        Ok(committed.iter().map(|committed| committed.offset.unwrap_or(0)).collect())
    }

    /// The topic that the processor reads.
    pub(crate) fn window_topic(&self) -> String {
        match self.plan.is_unkeyed {
            true => format!("{}.repartition", self.group),
            false => self.input.clone(),
        }
    }

    /// Ends of the input's partitions.
    pub(crate) fn input_ends(&self) -> anyhow::Result<Vec<i64>> {
        let ends = self.admin.end_offsets(&self.input, Isolation::Uncommitted)?;
        Ok(ends.into_iter().map(|PartitionOffset { offset, .. }| offset).collect())
    }
}

/// A record for the input topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) partition: i32,
    pub(crate) timestamp_ms: i64,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl From<LoadRecord> for Record {
    fn from(record: LoadRecord) -> Self {
        let LoadRecord { key, value, partition, timestamp_ms, headers, spans: _ } = record;
        Self { key, value: Some(value), partition, timestamp_ms, headers }
    }
}

impl Record {
    /// A recorded one for a topic of so many partitions, as the Collector would place it.
    pub(crate) fn recorded(record: CorpusRecord, partitions: u32) -> Self {
        let CorpusRecord { key, value, timestamp_ms, headers, partition: _, offset: _ } = record;
        let partition = key.as_ref().map_or(0, |key| fnv1a_partition(key, partitions));
        Self { key, value: Some(value), partition, timestamp_ms, headers }
    }
}

/// What a process wrote to standard error, by line.
pub(crate) struct Logged(pub(crate) String);

impl Logged {
    /// The last event of this message.
    pub(crate) fn event(&self, message: &str) -> anyhow::Result<Value> {
        let events = self.0.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        let mut matching = events.filter(|event: &Value| event["message"] == message);
        matching.next().with_context(|| format!("no event {message:?} in\n{}", log_tail(&self.0)))
    }

    /// A number in an event.
    pub(crate) fn number(&self, message: &str, field: &str) -> anyhow::Result<u64> {
        let event = self.event(message)?;
        event[field].as_u64().with_context(|| format!("no number {field} in {event}"))
    }
}

/// The binary that is under test.
pub(crate) const THIS_BUILD: &str = env!("CARGO_BIN_EXE_tailsift");

/// Starts `tailsift`.
pub(crate) fn tailsift(arguments: &[&str]) -> anyhow::Result<Tailsift> {
    spawn(THIS_BUILD, arguments)
}

fn spawn(binary: &str, arguments: &[&str]) -> anyhow::Result<Tailsift> {
    Tailsift::spawn(binary, arguments, &[("RUST_LOG", "info")])
}

/// Waits for a process to end well, with even figures in its last line; what it logged.
pub(crate) fn finished(mut child: Tailsift) -> anyhow::Result<Logged> {
    let status = child.wait(2 * PATIENCE)?;
    let logged = child.stderr();
    ensure!(status.success(), "expected exit code 0, got {status}\n{}", log_tail(&logged));
    if let Some(balance) = last_balance(&logged)? {
        ensure!(balance.is_even(), "{balance}\n{}", log_tail(&logged));
    }
    Ok(Logged(logged))
}

/// The end of a log, for error messages.
pub(crate) fn log_tail(log: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Refuses anything but: every expected trace is visible, each span once, and nothing else.
pub(crate) fn ensure_exact(comparison: Comparison, log: &str) -> anyhow::Result<()> {
    ensure!(comparison.expected > 0, "nothing was to be kept: the test proves nothing");
    ensure!(comparison.is_exact(), "{comparison:?}\n{}", log_tail(log));
    Ok(())
}

pub(crate) fn key_and_value(record: &StoredRecord) -> (Option<&[u8]>, &[u8]) {
    (record.key.as_deref(), record.value.as_deref().unwrap_or_default())
}

/// A header's value as text.
pub(crate) fn header<'r>(record: &'r StoredRecord, name: &str) -> Option<&'r str> {
    let (_, value) = record.headers.iter().find(|(found, _)| found == name)?;
    std::str::from_utf8(value.as_deref()?).ok()
}

/// The wall clock, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

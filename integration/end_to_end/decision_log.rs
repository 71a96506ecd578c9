//! The decisions topic: made and checked, shared, grown.

use anyhow::{Context as _, ensure};
use tailsift_fixture::{AuditTarget, IntegrationTest, LoadShape, audit, unique_name};

use crate::lifecycle::Load;
use crate::rig::{HOLDING, Logged, PATIENCE, Plan, Rig, UNTIL_IDLE, ensure_exact, finished};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("decision_log::it_is_made_and_checked", it_is_made_and_checked),
    ("decision_log::two_groups_may_share_it", two_groups_may_share_it),
    ("decision_log::more_partitions_change_nothing", more_partitions_change_nothing),
    ("decision_log::an_offset_that_was_set_by_hand_is_obeyed", an_offset_that_was_set_by_hand),
];

/// A group that keeps its verdicts in a log of this name.
struct Group {
    rig: Rig,
    log: String,
    set: String,
    load: Load,
}

impl Group {
    fn new(log: &str) -> anyhow::Result<Self> {
        let rig = Rig::new(Plan::default())?;
        let load = Load::new(&rig, LoadShape::Keyed, 2000)?;
        Ok(Self { rig, log: log.to_owned(), set: format!("decisions.topic={log}"), load })
    }

    fn arguments(&self) -> [&str; 4] {
        ["--set", &self.set, "--set", "instance=one"]
    }

    /// Runs on the first half of its load until it exports, and is killed there.
    fn run_half(&self) -> anyhow::Result<()> {
        let records = &self.load.records;
        self.rig.produce(&records[..records.len() / 2])?;
        let mut child = self.rig.run(&[HOLDING, &self.arguments()])?;
        self.rig.wait_for_exports_beyond(0, &mut child)?;
        child.kill9()?;
        self.rig.produce(&records[records.len() / 2..])
    }

    /// Finishes its load: all of it is exported, once, and the log agrees.
    fn finish(&self) -> anyhow::Result<()> {
        let logged = self.rig.run_until_idle(&[&self.arguments()])?;
        ensure_exact(self.rig.compare(&self.load.expected)?, &logged.0)?;
        let report = audit(AuditTarget {
            settings: &self.rig.settings,
            group: &self.rig.group,
            input: &self.rig.input,
            decisions: &self.log,
            began_late: false,
        })?;
        ensure!(report.is_right() && report.verdicts() > 0, "{report}");
        Ok(())
    }
}

/// Batches of another group lie between one's own, at offsets that both refer to.
fn two_groups_may_share_it() -> anyhow::Result<()> {
    let log = unique_name("log");
    let (one, other) = (Group::new(&log)?, Group::new(&log)?);
    one.run_half()?;
    other.run_half()?;
    one.finish()?;
    other.finish()
}

/// Each input partition keeps to the log partition that it began with.
fn more_partitions_change_nothing() -> anyhow::Result<()> {
    let group = Group::new(&unique_name("log"))?;
    group.run_half()?;
    let before = group.rig.admin.partitions(&group.log)?;
    group.rig.tool(
        "org.apache.kafka.tools.TopicCommand",
        &["--alter", "--topic", &group.log, "--partitions", "13"],
    )?;
    ensure!(before != Some(13), "nothing was added");
    group.finish()
}

/// Settings of the log, by the names that brokers have for them.
fn settings_of(rig: &Rig, topic: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    const NAMES: [&str; 6] = [
        "cleanup.policy",
        "message.timestamp.type",
        "min.insync.replicas",
        "retention.bytes",
        "retention.ms",
        "unclean.leader.election.enable",
    ];
    let description = rig.admin.describe(topic)?.context("the topic is not there")?;
    let configs = description.configs.map_err(|reason| anyhow::anyhow!("{reason}"))?;
    let value = |name| Some((name, configs.get(name)?.clone()));
    Ok(NAMES.into_iter().filter_map(value).collect())
}

/// Kept at least as long as the input, deleted and not compacted, stamped by the brokers; and what
/// is changed later is told, with the remedy, by `topics` and `run`.
fn it_is_made_and_checked() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    rig.alter_topic(&rig.input, "retention.ms=7200000")?;
    finished(rig.run(&[UNTIL_IDLE])?)?;
    let log = format!("{}.decisions", rig.group);
    let made: Vec<_> = settings_of(&rig, &log)?;
    let expected = ["delete", "LogAppendTime", "1", "-1", "7200000", "false"];
    ensure!(made.iter().map(|(_, value)| value.as_str()).eq(expected), "{made:?}");

    let told = |says: &[&str]| {
        let mut topics = rig.command("topics", &[])?;
        let status = topics.wait(PATIENCE)?;
        let told = format!("{}{}", topics.stdout(), topics.stderr());
        ensure!(says.is_empty() == status.success(), "{status}: {told}");
        let is_told = |says: &&str| told.contains(*says);
        ensure!(says.iter().all(is_told), "expected {says:?} in\n{told}");
        let warned = finished(rig.run(&[UNTIL_IDLE])?)?.0;
        let is_warned = |says: &&str| warned.contains(*says);
        ensure!(says.iter().all(is_warned), "expected {says:?} in\n{warned}");
        anyhow::Ok(())
    };
    told(&[])?;
    // The input is kept longer: so must the log be.
    rig.alter_topic(&rig.input, "retention.ms=86400000")?;
    told(&["retention.ms", "86400000", "7200000"])?;
    rig.alter_topic(&log, "retention.ms=-1")?;
    told(&[])?;
    rig.alter_topic(&log, "cleanup.policy=compact,unclean.leader.election.enable=true")?;
    told(&["cleanup.policy", "compact", "unclean.leader.election.enable"])
}

/// Whoever sets the group's offsets back gets the same verdicts once more, and a word about it.
fn an_offset_that_was_set_by_hand() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Keyed, 2000)?;
    rig.produce(&load.records)?;
    let logged = rig.run_until_idle(&[])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)?;
    let reset = ["--reset-offsets", "--to-earliest", "--execute", "--topic", &rig.input];
    rig.tool(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        &[&reset[..], &["--group", &rig.group]].concat(),
    )?;
    let Logged(log) = rig.run_until_idle(&[])?;
    let told = log.matches("the group's offset was set by hand").count();
    ensure!(told == rig.input_ends()?.len(), "{told} partitions told\n{log}");
    let again = rig.compare(&load.expected)?;
    let (lost, new) = (again.missing + again.partial, again.unexpected);
    ensure!(lost == 0 && new == 0 && again.repeated == again.expected, "{again:?}\n{log}");
    Ok(())
}

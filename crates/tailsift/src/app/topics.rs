//! The topics of a configuration: what they have to be, and that they are.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use tailsift_config::{Config, Kafka, Repartition};
use tailsift_kafka::{
    Admin, Ensured, Finding, GroupObserver, TopicDescription, TopicError, TopicPlan,
};
use tracing::{info, warn};

use super::Wishes;
use super::build::{cluster_settings, export_client_settings};
use super::client_settings;

/// The most partitions of a decisions topic that is made here: each epoch writes to as many.
const LOG_PARTITIONS_MAX: i32 = 8;
/// Room above a record limit for the protocol's framing: some 100 bytes.
const FRAMING_BYTES: usize = 1 << 10;
/// What brokers take as a record, unless told otherwise (`message.max.bytes`).
const BROKER_RECORD_BYTES: usize = 1_048_588;
/// How long it may take to list topics.
const PATIENCE: Duration = Duration::from_secs(30);
/// The key of the input, and what has to be granted there.
const INPUT: (&str, &str) = ("input.topic", "Read");
/// A batch of verdicts is cut into records below this.
const BATCH_BYTES: i64 = 1_000_000;

/// Asks the output topic's cluster; `None` if it is the input's.
///
/// # Errors
/// If librdkafka refuses the settings.
pub(crate) fn output_admin(config: &Config) -> anyhow::Result<Option<Admin>> {
    Ok(export_client_settings(config).map(|settings| Admin::new(&settings)).transpose()?)
}

/// Where unreadable records go.
pub(crate) fn dead_letters_plan(config: &Config, topic: &str) -> TopicPlan {
    TopicPlan {
        name: topic.to_owned(),
        partitions: 1,
        at_least: room(config),
        ..TopicPlan::default()
    }
}

/// Kept records may be as large as configured, before compression.
pub(crate) fn room(config: &Config) -> BTreeMap<String, i64> {
    let bytes = config.output.max_message_bytes + FRAMING_BYTES;
    [("max.message.bytes".to_owned(), i64::try_from(bytes).unwrap_or(i64::MAX))].into()
}

/// Where verdicts are logged, for an input of so many partitions.
///
/// The log must outlive the input: stream time may need what the wall clock would delete. Brokers
/// stamp its records, so that no producer's clock decides about them.
///
/// # Errors
/// If the brokers do not answer.
pub(crate) fn decisions_plan(
    config: &Config,
    admin: &Admin,
    input_partitions: i32,
    replication_factor: Option<i32>,
) -> anyhow::Result<TopicPlan> {
    let name = &config.decisions.topic;
    let existing = admin.partitions(name)?;
    let replicas = match replication_factor {
        Some(replicas) => i64::from(replicas),
        None => i64::try_from(admin.brokers()?.min(3)).unwrap_or(1),
    };
    let topics = input_topics(config)?;
    let input = match topics.first() {
        Some(topic) => admin.describe(topic)?.inspect(|input| warn_if_untold(topic, input)),
        None => None,
    };
    let input_retention = input.as_ref().and_then(|input| number(input, "retention.ms"));
    let is_untold = input.is_some_and(|input| input.configs.is_err());
    let text = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let lower = [
        ("max.message.bytes", BATCH_BYTES),
        ("min.insync.replicas", replicas.clamp(1, 2)),
        ("retention.bytes", -1),
        ("retention.ms", input_retention.unwrap_or(-1)),
    ];
    Ok(TopicPlan {
        name: name.clone(),
        // Each input partition keeps to the log partition that it began with: any number will do.
        partitions: existing.unwrap_or_else(|| input_partitions.clamp(1, LOG_PARTITIONS_MAX)),
        replication_factor,
        configs: text(&[
            ("cleanup.policy", "delete"),
            ("message.timestamp.type", "LogAppendTime"),
            ("unclean.leader.election.enable", "false"),
        ]),
        at_least: lower.map(|(key, value)| (key.to_owned(), value)).into(),
        unknown: is_untold.then(|| "retention.ms".to_owned()).into_iter().collect(),
    })
}

/// The topic between the re-key stage and the processor, as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repartitioned {
    /// How many partitions it has.
    pub(crate) partitions: i32,
    /// The most bytes of one of its records.
    pub(crate) record_limit: usize,
}

/// The topics there are of those that are to be read.
///
/// # Errors
/// If the brokers do not answer.
pub(crate) fn input_topics(config: &Config) -> anyhow::Result<Vec<String>> {
    let (group, topics) = (config.rekey_group(), &config.input.topics);
    Ok(GroupObserver::new(&client_settings(config), &group, topics)?.topics(PATIENCE)?)
}

/// Says that nothing is known of an input's settings.
fn warn_if_untold(topic: &str, input: &TopicDescription) {
    if let Err(reason) = &input.configs {
        warn!(
            topic,
            reason,
            remedy = "grant DescribeConfigs on the topic, or compare by hand",
            "its retention and record limit could not be read, so internal topics are not held \
             against them: they must keep records for as long as it does"
        );
    }
}

fn number<N: std::str::FromStr>(topic: &TopicDescription, key: &str) -> Option<N> {
    topic.configs.as_ref().ok()?.get(key)?.parse().ok()
}

/// Where the re-key stage writes: as many partitions as the input, records as large, kept as long.
///
/// # Errors
/// If the brokers do not answer, or there is no input topic to go by.
pub(crate) fn repartition_plan(
    config: &Config,
    repartition: &Repartition,
    admin: &Admin,
    replication_factor: Option<i32>,
) -> anyhow::Result<(TopicPlan, Repartitioned)> {
    let mut partitions = 0;
    let mut record_limit = config.output.max_message_bytes.max(BROKER_RECORD_BYTES);
    let mut retention: Option<i64> = None;
    let mut is_untold = false;
    for topic in input_topics(config)? {
        let Some(input) = admin.describe(&topic)? else { continue };
        partitions = partitions.max(input.partitions);
        warn_if_untold(&topic, &input);
        is_untold |= input.configs.is_err();
        record_limit = record_limit.max(number(&input, "max.message.bytes").unwrap_or(0));
        let keeps = number(&input, "retention.ms").unwrap_or(-1);
        retention = Some(if keeps < 0 { -1 } else { retention.map_or(keeps, |r| r.max(keeps)) });
    }
    let existing = admin.partitions(&repartition.topic)?;
    let wanted = existing.or(repartition.partitions).or((partitions > 0).then_some(partitions));
    let partitions = wanted.with_context(|| {
        format!(
            "repartition.partitions: no topic matches input.topics {:?}, so there is no telling how \
             many partitions {:?} should have; give their number",
            config.input.topics, repartition.topic
        )
    })?;
    let room = i64::try_from(record_limit + FRAMING_BYTES).unwrap_or(i64::MAX);
    let lower = [("max.message.bytes", room), ("retention.ms", retention.unwrap_or(-1))];
    let fixed = [("cleanup.policy", "delete"), ("message.timestamp.type", "CreateTime")];
    let plan = TopicPlan {
        name: repartition.topic.clone(),
        partitions,
        replication_factor,
        configs: fixed.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        unknown: lower.iter().filter(|_| is_untold).map(|(key, _)| (*key).to_owned()).collect(),
        at_least: lower.map(|(key, value)| (key.to_owned(), value)).into(),
    };
    Ok((plan, Repartitioned { partitions, record_limit }))
}

/// Sees that the input is there, and the topic that the re-key stage writes.
///
/// # Errors
/// If an input topic is missing, or the other one cannot be made.
pub(crate) fn prepare_stage(
    config: &Config,
    repartition: &Repartition,
) -> anyhow::Result<Repartitioned> {
    let admin = Admin::new(&client_settings(config))?;
    for topic in config.input.topics.iter().filter(|topic| !topic.starts_with('^')) {
        existing(&admin, &config.kafka, INPUT, topic)?;
    }
    let (plan, repartitioned) = repartition_plan(config, repartition, &admin, None)?;
    ensure(&admin, &plan, "repartition.topic", "")?;
    prepare_dead_letters(config, &admin)?;
    Ok(repartitioned)
}

/// Names the right that a question about a topic takes, where it is that which is missing.
fn refused(
    kafka: &Kafka,
    (key, operation): (&str, &str),
    topic: &str,
    error: TopicError,
) -> anyhow::Error {
    let context = if matches!(error, TopicError::Denied { .. }) {
        let principal = cluster_settings(kafka).principal();
        format!("{key}: {operation} on topic {topic:?} is not granted to {principal}")
    } else {
        format!("kafka.bootstrap_servers {:?}", kafka.bootstrap_servers)
    };
    anyhow::Error::new(error).context(context)
}

/// How many partitions a topic has, of which an operation must be granted.
fn partitions(
    admin: &Admin,
    kafka: &Kafka,
    right: (&str, &str),
    topic: &str,
) -> anyhow::Result<Option<i32>> {
    admin.partitions(topic).map_err(|error| refused(kafka, right, topic, error))
}

/// The same of a topic that must be there.
fn existing(admin: &Admin, kafka: &Kafka, right: (&str, &str), topic: &str) -> anyhow::Result<i32> {
    let found = match admin.existing_partitions(topic) {
        Err(TopicError::Missing { .. }) => None,
        found => Some(found.map_err(|error| refused(kafka, right, topic, error))?),
    };
    let (key, _) = right;
    found.with_context(|| {
        format!(
            "{key}: topic {topic:?} does not exist at {}; make it with `tailsift topics -c FILE`",
            kafka.bootstrap_servers
        )
    })
}

/// Sees that there is a topic for what cannot be read.
fn prepare_dead_letters(config: &Config, admin: &Admin) -> anyhow::Result<()> {
    let Some(topic) = &config.dead_letters else { return Ok(()) };
    let needs = ("dead_letters.topic", "Write");
    if partitions(admin, &config.kafka, needs, topic)?.is_none() {
        let plan = dead_letters_plan(config, topic);
        ensure(admin, &plan, needs.0, ", or set `dead_letters: off`")?;
    }
    Ok(())
}

/// Sees that the topics are there; makes the internal ones. The input's number of partitions, or
/// those of the topic that the re-key stage writes, which is there.
///
/// Internal topics that are there and as they should be are left alone: the embedded broker, which
/// makes them itself, does not answer questions about their settings. A shadow needs no export topic.
///
/// # Errors
/// If the input or export topic is missing, or an internal one cannot be made.
pub(crate) fn prepare(config: &Config, wishes: Wishes) -> anyhow::Result<i32> {
    let admin = Admin::new(&client_settings(config))?;
    let partitions = existing(&admin, &config.kafka, INPUT, config.window_topic())?;
    if !wishes.shadow {
        prepare_output(config, &admin, wishes.topics_are_made)?;
    }
    if wishes.topics_are_made {
        return Ok(partitions);
    }
    let log = decisions_plan(config, &admin, partitions, None)?;
    ensure(&admin, &log, "decisions.topic", "")?;
    prepare_dead_letters(config, &admin)?;
    Ok(partitions)
}

/// Sees that there is a topic for kept traces.
fn prepare_output(config: &Config, admin: &Admin, is_made: bool) -> anyhow::Result<()> {
    let elsewhere = output_admin(config)?;
    let output = elsewhere.as_ref().unwrap_or(admin);
    let kafka = config.output.kafka.as_ref().unwrap_or(&config.kafka);
    let partitions = existing(output, kafka, ("output.topic", "Write"), &config.output.topic)?;
    if is_made {
        return Ok(());
    }
    let kept = TopicPlan {
        name: config.output.topic.clone(),
        partitions,
        at_least: room(config),
        ..TopicPlan::default()
    };
    warn_of(output.verify(&kept)?);
    Ok(())
}

fn ensure(admin: &Admin, plan: &TopicPlan, key: &str, or_else: &str) -> anyhow::Result<()> {
    let topic = &plan.name;
    let ensured = admin.ensure(plan).with_context(|| {
        format!(
            "{key}: {topic:?} is missing and could not be made; make it with `tailsift topics -c FILE`{or_else}"
        )
    })?;
    match ensured {
        Ensured::Created => info!(topic, partitions = plan.partitions, "made an internal topic"),
        Ensured::Existed(findings) => warn_of(findings),
    }
    Ok(())
}

fn warn_of(findings: Vec<Finding>) {
    for Finding { topic, what, expected, got, remedy, is_told } in findings {
        if is_told {
            warn!(topic, what, expected, got, remedy, "a topic is not as it should be");
        } else {
            warn!(topic, expected, got, remedy, "a topic's settings could not be read");
        }
    }
}

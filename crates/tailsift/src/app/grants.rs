//! The grants that a configuration needs of Kafka's authorizer, and no more.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use tailsift_config::{Config, Delivery, Kafka};
use tailsift_kafka::Admin;
use tracing::{debug, warn};

use super::build::cluster_settings;
use super::{Role, Wishes};

/// One grant: an operation on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant<'a> {
    pub(crate) kafka: &'a Kafka,
    pub(crate) resource: Resource,
    /// Describe comes with any of these.
    pub(crate) operation: &'static str,
    /// What it is for; begins with `optional` where it goes on without.
    pub(crate) purpose: &'static str,
    needed_by: Part,
}

/// What part of a process needs a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Stage,
    Processor,
    Both,
}

impl Part {
    fn is_in(self, role: Role) -> bool {
        match self {
            Self::Stage => role != Role::Processor,
            Self::Processor => role != Role::Rekey,
            Self::Both => true,
        }
    }
}

impl Grant<'_> {
    /// What is granted, in words.
    pub(crate) fn what(&self) -> String {
        match &self.resource {
            Resource::Topic(name) => format!("{} on topic {name:?}", self.operation),
            Resource::Topics(_) | Resource::Group(_) | Resource::TransactionalIds(_) => {
                format!("{} on {}", self.operation, self.resource)
            }
        }
    }

    /// As whom it is needed.
    pub(crate) fn principal(&self) -> String {
        cluster_settings(self.kafka).principal()
    }

    fn is_optional(&self) -> bool {
        self.purpose.starts_with("optional")
    }
}

/// What is granted access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    Topic(String),
    /// All topics whose names begin so.
    Topics(String),
    Group(String),
    /// All transactional ids that begin so: each worker has its own.
    TransactionalIds(String),
}

impl fmt::Display for Resource {
    /// As arguments of `kafka-acls.sh`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixed = "--resource-pattern-type prefixed";
        match self {
            Self::Topic(name) => write!(f, "--topic {name}"),
            Self::Topics(prefix) if prefix.is_empty() => f.write_str("--topic '*'"),
            Self::Topics(prefix) => write!(f, "--topic {prefix} {prefixed}"),
            Self::Group(name) => write!(f, "--group {name}"),
            Self::TransactionalIds(prefix) => write!(f, "--transactional-id {prefix} {prefixed}"),
        }
    }
}

const CHECKED: &str = "optional: its settings are checked";
const MADE: &str = "optional: it is made if it does not exist";

/// All that `tailsift run` and `tailsift rekey` need with this configuration.
pub(crate) fn grants(config: &Config) -> Vec<Grant<'_>> {
    let mut list = List { kafka: &config.kafka, part: Part::Processor, grants: Vec::new() };
    if config.repartition.is_some() {
        list.part = Part::Stage;
    }
    for topic in &config.input.topics {
        let input = match topic.strip_prefix('^') {
            Some(pattern) => Resource::Topics(literal_prefix(pattern)),
            None => Resource::Topic(topic.clone()),
        };
        list.add(&input, &[("Read", "spans are read"), ("DescribeConfigs", CHECKED)]);
    }
    let transactional = config.delivery == Delivery::ExactlyOnce;
    let mut groups = vec![config.group.clone()];
    if let Some(repartition) = &config.repartition {
        groups.push(config.rekey_group());
        let topic = Resource::Topic(repartition.topic.clone());
        list.add(&topic, &[("Write", "the re-key stage writes it")]);
        list.part = Part::Processor;
        list.add(&topic, &[("Read", "the processor reads it")]);
        list.part = Part::Both;
        list.add(&topic, &[("Create", MADE), ("DescribeConfigs", CHECKED)]);
    }
    for group in groups {
        list.add(&Resource::Group(group.clone()), &[("Read", "membership and offsets")]);
        if transactional {
            let ids = Resource::TransactionalIds(format!("{group}-"));
            list.add(&ids, &[("Write", "exports and offsets commit together")]);
        }
    }
    list.part = Part::Processor;
    let mut log = vec![
        ("Write", "verdicts are logged"),
        ("Read", "verdicts are read back after a restart"),
        ("Create", MADE),
        ("DescribeConfigs", CHECKED),
    ];
    if config.has_log_of_its_own() {
        log.push(("Delete", "optional: what no restart can need is deleted early"));
    }
    list.add(&Resource::Topic(config.decisions.topic.clone()), &log);
    if let Some(topic) = &config.dead_letters {
        let letters = [("Write", "records that cannot be read"), ("Create", MADE)];
        list.part = Part::Both;
        list.add(&Resource::Topic(topic.clone()), &letters);
        list.part = Part::Processor;
    }
    list.kafka = config.output.kafka.as_ref().unwrap_or(&config.kafka);
    let output = Resource::Topic(config.output.topic.clone());
    list.add(&output, &[("Write", "kept traces are written"), ("DescribeConfigs", CHECKED)]);
    list.grants
}

/// What a process of this role needs of topics that exist and is not granted, as far as brokers
/// tell.
///
/// # Errors
/// If brokers do not answer.
pub(crate) fn missing(config: &Config, role: Role) -> anyhow::Result<Vec<Grant<'_>>> {
    let needed = grants(config).into_iter();
    let needed = needed.filter(|grant| !grant.is_optional() && grant.needed_by.is_in(role));
    let needed: Vec<_> = needed.collect();
    let mut missing = Vec::new();
    for kafka in [Some(&config.kafka), config.output.kafka.as_ref()].into_iter().flatten() {
        let here = needed.iter().filter(|grant| std::ptr::eq(grant.kafka, kafka));
        let here: Vec<_> =
            here.filter_map(|grant| Some((grant, grant.resource.topic()?))).collect();
        let topics: BTreeSet<_> = here.iter().map(|(_, topic)| *topic).collect();
        let topics: Vec<_> = topics.into_iter().collect();
        let admin = Admin::new(&cluster_settings(kafka))?.with_patience(PATIENCE);
        let allowed = admin.allowed(&topics)?;
        let lacks = |grant: &Grant<'_>, topic| {
            allowed.get(topic).is_some_and(|operations| {
                !operations.iter().any(|operation| operation.name() == grant.operation)
            })
        };
        let lacking = here.into_iter().filter(|(grant, topic)| lacks(grant, *topic));
        missing.extend(lacking.map(|(grant, _)| grant.clone()));
    }
    Ok(missing)
}

/// Says what is not granted: what needs it waits until it is.
pub(crate) fn warn_of_missing(config: &Config, wishes: Wishes) {
    let missing = match missing(config, wishes.role) {
        Ok(missing) => missing,
        // Whoever needs a grant says so when it is refused.
        Err(error) => return debug!(error = format!("{error:#}"), "grants are not known"),
    };
    // A shadow writes no kept traces.
    let is_unused =
        |grant: &Grant<'_>| wishes.shadow && grant.resource.topic() == Some(&config.output.topic);
    for grant in missing.into_iter().filter(|grant| !is_unused(grant)) {
        warn!(
            grant = grant.what(),
            principal = grant.principal(),
            purpose = grant.purpose,
            remedy = REMEDY,
            "a grant is missing"
        );
    }
}

/// How long brokers may take to tell what is granted.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to do about a missing grant.
pub(crate) const REMEDY: &str = "`tailsift topics --acls -c FILE` prints what is needed";

impl Resource {
    /// The topic, if it is one.
    fn topic(&self) -> Option<&str> {
        match self {
            Self::Topic(name) => Some(name),
            Self::Topics(_) | Self::Group(_) | Self::TransactionalIds(_) => None,
        }
    }
}

struct List<'a> {
    kafka: &'a Kafka,
    /// Who needs what is added.
    part: Part,
    grants: Vec<Grant<'a>>,
}

impl List<'_> {
    fn add(&mut self, resource: &Resource, operations: &[(&'static str, &'static str)]) {
        let (kafka, needed_by) = (self.kafka, self.part);
        let grant = |&(operation, purpose)| {
            let resource = resource.clone();
            Grant { kafka, resource, operation, purpose, needed_by }
        };
        self.grants.extend(operations.iter().map(grant));
    }
}

/// What every topic begins with that the pattern matches.
fn literal_prefix(pattern: &str) -> String {
    let end = pattern.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-'));
    let mut prefix = pattern[..end.unwrap_or(pattern.len())].to_owned();
    let next = end.and_then(|end| pattern[end..].chars().next());
    if pattern.contains('|') {
        prefix.clear();
    } else if matches!(next, Some('*' | '?' | '{')) {
        // The last letter may be missing.
        prefix.pop();
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(more: &[&str]) -> Vec<String> {
        let text = "kafka: {bootstrap_servers: 'k:9092'}\ngroup: g\n\
            policies: [{name: all, type: always_sample}]\n";
        let overrides: Vec<String> = more.iter().map(|text| (*text).to_owned()).collect();
        let read_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let config = tailsift_config::load(text, &overrides, &|_| None, &read_file).unwrap();
        let line = |grant: &Grant<'_>| format!("{} {}", grant.operation, grant.resource);
        grants(&config).iter().map(line).collect()
    }

    #[test]
    fn what_is_off_needs_no_grant() {
        let all = of(&[]);
        let ids = "Write --transactional-id g- --resource-pattern-type prefixed".to_owned();
        let create = "Create --topic g.dead_letters".to_owned();
        let delete = "Delete --topic g.decisions".to_owned();
        for grant in [&ids, &create, &delete] {
            assert!(all.contains(grant), "{grant} in {all:#?}");
        }
        assert!(!of(&["delivery=at_least_once"]).contains(&ids));
        assert!(!of(&["dead_letters=off"]).contains(&create));
        assert!(!of(&["decisions={topic: shared}"]).contains(&delete));
    }

    #[test]
    fn unkeyed_input_needs_the_stages_grants_too() {
        let topics = "input.topics=[\"a\", \"^traces-.*\"]";
        let all = of(&["input.keyed_by=none", topics]);
        for grant in [
            "Read --topic a",
            "Read --topic traces- --resource-pattern-type prefixed",
            "Write --topic g.repartition",
            "Read --group g.rekey",
            "Write --transactional-id g.rekey- --resource-pattern-type prefixed",
        ] {
            assert!(all.iter().any(|found| found == grant), "{grant} in {all:#?}");
        }
    }

    #[test]
    fn each_part_of_a_split_process_needs_its_own() {
        let text = "kafka: {bootstrap_servers: 'k:9092'}\ngroup: g\ninput: {keyed_by: none}\n\
            policies: [{name: all, type: always_sample}]\n";
        let read_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let config = tailsift_config::load(text, &[], &|_| None, &read_file).unwrap();
        let needs = |role, operation, topic: &str| {
            let topic = Resource::Topic(topic.to_owned());
            grants(&config).iter().any(|grant| {
                let is_it = grant.operation == operation && grant.resource == topic;
                is_it && grant.needed_by.is_in(role)
            })
        };
        for (operation, topic, rekey, processor) in [
            ("Read", "otlp_spans", true, false),
            ("Write", "g.repartition", true, false),
            ("Read", "g.repartition", false, true),
            ("Write", "g.decisions", false, true),
            ("Write", "g.dead_letters", true, true),
            ("Write", "otlp_spans_kept", false, true),
        ] {
            let needed = [Role::Rekey, Role::Processor, Role::Both]
                .map(|role| needs(role, operation, topic));
            assert_eq!(needed, [rekey, processor, true], "{operation} on {topic}");
        }
    }

    #[test]
    fn a_pattern_is_granted_by_what_all_its_matches_begin_with() {
        let cases = [
            ("traces-.*", "traces-"),
            ("tracess?", "traces"),
            ("ab*", "a"),
            (".*", ""),
            ("a|b", ""),
            ("plain", "plain"),
            ("a\\.b", "a"),
        ];
        for (pattern, prefix) in cases {
            assert_eq!(literal_prefix(pattern), prefix, "{pattern}");
        }
    }
}

//! The grants that a configuration needs of Kafka's authorizer, and no more.

use std::fmt;

use tailsift_config::{Config, Delivery, Kafka};

/// One grant: an operation on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant<'a> {
    pub(crate) kafka: &'a Kafka,
    pub(crate) resource: Resource,
    /// Describe comes with any of these.
    pub(crate) operation: &'static str,
    /// What it is for; begins with `optional` where it goes on without.
    pub(crate) purpose: &'static str,
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
    let mut list = List { kafka: &config.kafka, grants: Vec::new() };
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
        let operations = [
            ("Write", "the re-key stage writes it"),
            ("Read", "the processor reads it"),
            ("Create", MADE),
            ("DescribeConfigs", CHECKED),
        ];
        list.add(&Resource::Topic(repartition.topic.clone()), &operations);
    }
    for group in groups {
        list.add(&Resource::Group(group.clone()), &[("Read", "membership and offsets")]);
        if transactional {
            let ids = Resource::TransactionalIds(format!("{group}-"));
            list.add(&ids, &[("Write", "exports and offsets commit together")]);
        }
    }
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
        list.add(&Resource::Topic(topic.clone()), &letters);
    }
    list.kafka = config.output.kafka.as_ref().unwrap_or(&config.kafka);
    let output = Resource::Topic(config.output.topic.clone());
    list.add(&output, &[("Write", "kept traces are written"), ("DescribeConfigs", CHECKED)]);
    list.grants
}

struct List<'a> {
    kafka: &'a Kafka,
    grants: Vec<Grant<'a>>,
}

impl List<'_> {
    fn add(&mut self, resource: &Resource, operations: &[(&'static str, &'static str)]) {
        let kafka = self.kafka;
        let grant =
            |&(operation, purpose)| Grant { kafka, resource: resource.clone(), operation, purpose };
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

//! What a topic should be, held against what it is.

use std::collections::{BTreeMap, BTreeSet};

/// What a topic should be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicPlan {
    /// Its name.
    pub name: String,
    /// How many partitions, at least 1.
    pub partitions: i32,
    /// How many replicas of each; `None` takes 3, or all brokers where they are fewer, and is
    /// satisfied with whatever an existing topic has.
    pub replication_factor: Option<i32>,
    /// Settings of the topic (`cleanup.policy` …) by name.
    pub configs: BTreeMap<String, String>,
    /// Settings that may be higher (`retention.ms` …), by name; -1 stands for no bound.
    pub at_least: BTreeMap<String, i64>,
    /// Those of [`at_least`](Self::at_least) that the topic is made with but not held against: how
    /// high they have to be is not known.
    pub unknown: BTreeSet<String>,
}

/// What a topic is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// How many partitions.
    pub partitions: i32,
    /// The fewest replicas that a partition has.
    pub replication_factor: i32,
    /// Its settings by name, defaults included, or why the broker did not tell.
    pub configs: Result<BTreeMap<String, String>, String>,
}

/// A way in which a topic is not as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The topic.
    pub topic: String,
    /// What was looked at: `topic`, `partitions`, `replication factor`, `configuration` or a
    /// setting's name.
    pub what: String,
    /// What was planned.
    pub expected: String,
    /// What is there.
    pub got: String,
    /// What to do about it.
    pub remedy: String,
    /// False if the brokers do not tell how it is: nothing is known to be wrong.
    pub is_told: bool,
}

impl TopicPlan {
    /// What a topic is made with.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let lower_bounds =
            self.at_least.iter().map(|(key, value)| (key.clone(), value.to_string()));
        self.configs.clone().into_iter().chain(lower_bounds).collect()
    }

    /// Those that a topic is held against.
    fn lower_bounds(&self) -> impl Iterator<Item = (&String, &i64)> {
        self.at_least.iter().filter(|(key, _)| !self.unknown.contains(*key))
    }

    /// How a topic (`None`: it does not exist) differs from the plan.
    pub fn compare(&self, actual: Option<&TopicDescription>) -> Vec<Finding> {
        let finding = |what: &str, expected: String, got: String, remedy: String| Finding {
            topic: self.name.clone(),
            what: what.to_owned(),
            expected,
            got,
            remedy,
            is_told: true,
        };
        let Some(actual) = actual else {
            let remedy = "create it: `tailsift topics`".to_owned();
            return vec![finding("topic", "exists".into(), "missing".into(), remedy)];
        };
        let mut findings = Vec::new();
        if actual.partitions != self.partitions {
            let remedy = if actual.partitions < self.partitions {
                "add partitions while no trace is in flight (keys move), or plan fewer"
            } else {
                "plan as many (--partitions); a topic cannot shrink"
            };
            let (expected, got) = (self.partitions.to_string(), actual.partitions.to_string());
            findings.push(finding("partitions", expected, got, remedy.to_owned()));
        }
        if let Some(expected) = self.replication_factor
            && actual.replication_factor < expected
        {
            let got = actual.replication_factor.to_string();
            let remedy = "reassign its partitions to more replicas".to_owned();
            findings.push(finding("replication factor", expected.to_string(), got, remedy));
        }
        match &actual.configs {
            Err(reason) => {
                let keys = self.configs.keys().chain(self.lower_bounds().map(|(key, _)| key));
                let keys: Vec<_> = keys.map(String::as_str).collect();
                if !keys.is_empty() {
                    let remedy = "grant DescribeConfigs on the topic, or check by hand".to_owned();
                    let got = format!("not readable: {reason}");
                    let finding = finding("settings", keys.join(", "), got, remedy);
                    findings.push(Finding { is_told: false, ..finding });
                }
            }
            Ok(configs) => {
                for (key, expected) in &self.configs {
                    let got = configs.get(key);
                    if got != Some(expected) {
                        let remedy = format!("set {key}={expected} on the topic");
                        let got = got.map_or("unset", String::as_str).to_owned();
                        findings.push(finding(key, expected.clone(), got, remedy));
                    }
                }
                for (key, least) in self.lower_bounds() {
                    let got = configs.get(key).map_or("unset", String::as_str);
                    if !got.parse().is_ok_and(|got| is_enough(got, *least)) {
                        let (expected, remedy) = match least {
                            -1 => {
                                ("-1 (no bound)".to_owned(), format!("set {key}=-1 on the topic"))
                            }
                            _ => (
                                format!("at least {least}"),
                                format!("set {key}={least} or higher on the topic"),
                            ),
                        };
                        findings.push(finding(key, expected, got.to_owned(), remedy));
                    }
                }
            }
        }
        findings
    }
}

fn is_enough(got: i64, least: i64) -> bool {
    got == -1 || least != -1 && got >= least
}

//! The broker of these tests, ways to connect to it, and grants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use tailsift_fixture::{Listener, SecureKafka, Tailsift};

use crate::payload::{failed, record, request};
use crate::rig::{PATIENCE, Plan, Record, Rig, tailsift};

/// Users of PLAIN, and of SCRAM-SHA-512.
const PLAIN_USERS: &[(&str, &str)] = &[("plain", PLAIN_PASSWORD), ("canary", CANARY)];
const SCRAM_USERS: &[(&str, &str)] = &[("scram", SCRAM_PASSWORD), ("rotated", OLD_PASSWORD)];
pub(crate) const PLAIN_PASSWORD: &str = "plain-password-4711";
pub(crate) const SCRAM_PASSWORD: &str = "scram-password-4711";
/// Of `rotated`, until a test changes it.
pub(crate) const OLD_PASSWORD: &str = "old-password-4711";
/// What must not come out anywhere.
pub(crate) const CANARY: &str = "canary-0bserve-me-n0t";

/// Users of PLAIN that lack a single grant each, at most so many.
const SINGLES: usize = 40;

/// The name of one of them.
pub(crate) fn single(number: usize) -> String {
    format!("single-{number}")
}

static BROKER: Mutex<Option<Arc<SecureKafka>>> = Mutex::new(None);

/// The broker that the tests share.
pub(crate) fn broker() -> anyhow::Result<Arc<SecureKafka>> {
    let mut shared = BROKER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(broker) = &*shared {
        return Ok(Arc::clone(broker));
    }
    let names: Vec<String> = (0..SINGLES).map(single).collect();
    let singles = names.iter().map(|name| (name.as_str(), PLAIN_PASSWORD));
    let plain: Vec<_> = PLAIN_USERS.iter().copied().chain(singles).collect();
    let broker = Arc::new(SecureKafka::start("secure", &plain, SCRAM_USERS)?);
    *shared = Some(Arc::clone(&broker));
    Ok(broker)
}

/// Ends the broker.
pub(crate) fn stop() {
    *BROKER.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// A rig on the broker, its topics made; the rig itself acts as the administrator.
pub(crate) fn rig(broker: &SecureKafka, plan: Plan) -> anyhow::Result<Rig> {
    let rig = Rig::without_topics(broker.admin_settings(), plan)?;
    rig.make_topics()?;
    Ok(rig)
}

/// Where to connect, and with which properties.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    address: String,
    properties: BTreeMap<String, String>,
}

impl Connection {
    fn new(broker: &SecureKafka, listener: Listener, protocol: &str) -> Self {
        let new = Self { address: broker.address(listener), properties: BTreeMap::new() };
        new.with("session.timeout.ms", "6000").with("security.protocol", protocol).with_file(
            "ssl.ca.location",
            broker,
            "ca.pem",
        )
    }

    pub(crate) fn tls(broker: &SecureKafka) -> Self {
        Self::new(broker, Listener::Tls, "ssl")
    }

    pub(crate) fn mutual_tls(broker: &SecureKafka) -> Self {
        Self::new(broker, Listener::MutualTls, "ssl")
            .with_file("ssl.certificate.location", broker, "client.pem")
            .with_file("ssl.key.location", broker, "client.key")
            .with("ssl.key.password", SecureKafka::KEY_PASSWORD)
    }

    pub(crate) fn plain(broker: &SecureKafka, user: &str, password: &str) -> Self {
        Self::new(broker, Listener::Sasl, "sasl_ssl")
            .with("sasl.mechanism", "PLAIN")
            .with("sasl.username", user)
            .with("sasl.password", password)
    }

    pub(crate) fn scram(broker: &SecureKafka, user: &str, password: &str) -> Self {
        Self::plain(broker, user, password).with("sasl.mechanism", "SCRAM-SHA-512")
    }

    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.properties.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn with_file(self, key: &str, broker: &SecureKafka, name: &str) -> Self {
        self.with(key, &broker.file(name).to_string_lossy())
    }

    pub(crate) fn at(self, broker: &SecureKafka, listener: Listener) -> Self {
        Self { address: broker.address(listener), ..self }
    }

    /// As settings that override a rig's configuration.
    pub(crate) fn settings(&self) -> [String; 2] {
        let pairs = self.properties.iter().map(|(key, value)| format!("{key}: \"{value}\""));
        let properties = pairs.collect::<Vec<_>>().join(", ");
        let address = format!("kafka.bootstrap_servers={}", self.address);
        [address, format!("kafka.properties={{{properties}}}")]
    }

    /// The same as arguments.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.settings().into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect()
    }

    /// Starts a command on a rig's configuration over this connection.
    pub(crate) fn start(
        &self,
        rig: &Rig,
        command: &str,
        more: &[&str],
    ) -> anyhow::Result<Tailsift> {
        let path = rig.config_path().to_string_lossy().into_owned();
        let own = self.arguments();
        let mut all = vec!["--log", "json", command, "-c", &path];
        all.extend(own.iter().map(String::as_str));
        all.extend(more);
        tailsift(&all)
    }
}

/// A line that `tailsift topics --acls` printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Arguments of the tool: `--topic` and a name, perhaps more.
    pub(crate) resource: Vec<String>,
    pub(crate) operation: String,
    /// It goes on without.
    pub(crate) is_optional: bool,
}

/// What the configuration needs by its own words.
pub(crate) fn printed_grants(rig: &Rig, more: &[&str]) -> anyhow::Result<Vec<Grant>> {
    let path = rig.config_path().to_string_lossy().into_owned();
    let mut child = tailsift(&[&["topics", "--acls", "-c", &path], more].concat())?;
    let status = child.wait(PATIENCE)?;
    ensure!(status.success(), "{status}: {}", child.stderr());
    let mut grants = Vec::new();
    let text = child.stdout();
    let mut is_optional = false;
    for line in text.lines() {
        if let Some(purpose) = line.strip_prefix("# ") {
            is_optional = purpose.starts_with("optional");
        }
        let Some(command) = line.strip_prefix("kafka-acls.sh --bootstrap-server ") else {
            continue;
        };
        let (_, command) = command
            .split_once(" --add --allow-principal User:tailsift ")
            .context(line.to_owned())?;
        let command = command.strip_prefix("--operation ").context(line.to_owned())?;
        let (operation, resource) = command.split_once(' ').context(line.to_owned())?;
        grants.push(Grant {
            resource: resource.split(' ').map(str::to_owned).collect(),
            operation: operation.to_owned(),
            is_optional,
        });
    }
    ensure!(!grants.is_empty(), "nothing is printed: {text}");
    Ok(grants)
}

/// Grants to principals, all operations on a resource at once.
pub(crate) fn grant(
    broker: &SecureKafka,
    grants: &[Grant],
    principals: &[&str],
) -> anyhow::Result<()> {
    alter(broker, &["--add"], grants, principals)
}

/// Takes them back.
pub(crate) fn revoke(
    broker: &SecureKafka,
    grants: &[Grant],
    principals: &[&str],
) -> anyhow::Result<()> {
    alter(broker, &["--remove", "--force"], grants, principals)
}

fn alter(
    broker: &SecureKafka,
    how: &[&str],
    grants: &[Grant],
    principals: &[&str],
) -> anyhow::Result<()> {
    let mut done: Vec<&[String]> = Vec::new();
    for Grant { resource, .. } in grants {
        if done.contains(&resource.as_slice()) {
            continue;
        }
        done.push(resource);
        let mut arguments = how.to_vec();
        for principal in principals {
            arguments.extend(["--allow-principal", principal]);
        }
        for one in grants.iter().filter(|one| one.resource == *resource) {
            arguments.extend(["--operation", &one.operation]);
        }
        arguments.extend(resource.iter().map(String::as_str));
        broker.tool("org.apache.kafka.tools.AclCommand", &arguments)?;
    }
    Ok(())
}

/// Writes so many traces that fail, one span each; their IDs begin at `first`.
pub(crate) fn produce_failures(rig: &Rig, first: u8, count: u8) -> anyhow::Result<()> {
    let at = |trace: u8| Record {
        partition: i32::from(trace) % i32::try_from(rig.plan.partitions).unwrap_or(1),
        timestamp_ms: rig.end_ms(),
        ..record("", Some(request(vec![failed(trace, 1)])))
    };
    rig.produce(&(first..first + count).map(at).collect::<Vec<_>>())
}

/// The spans that are visible in the export topic.
pub(crate) fn exported_spans(rig: &Rig) -> anyhow::Result<usize> {
    let mut count = 0;
    for record in rig.exports()? {
        count += tailsift_fixture::spans(record.value.as_deref().unwrap_or_default())?.len();
    }
    Ok(count)
}

/// The line with which a process ended.
pub(crate) fn error_line(child: &Tailsift) -> String {
    let log = child.stderr();
    let line = log.lines().rev().find(|line| line.starts_with("error: "));
    line.map_or_else(|| format!("no error line in\n{log}"), str::to_owned)
}

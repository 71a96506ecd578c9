//! How to reach a cluster, and where its client's log lines go.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::statistics::Statistics;
use tracing::{Level, debug, enabled, info, warn};

use crate::error::{ClientError, describe};
use crate::ffi;

mod security;
#[cfg(test)]
mod tests;

/// How long a transaction may stay open, in milliseconds, unless `transaction.timeout.ms` is set.
pub(crate) const TRANSACTION_TIMEOUT_MS: u64 = 15_000;

/// How long a request may go unanswered before its connection is given up. A frozen broker answers
/// nothing; a crashed one's partitions have moved by then. librdkafka's own 60 s would outlive the
/// transaction and the membership.
const SOCKET_TIMEOUT_MS: &str = "10000";

/// Where a cluster is and how to talk to it.
///
/// The text form shows which properties are set, never their values: some are secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Comma-separated `host:port` of some brokers.
    pub bootstrap_servers: String,
    /// librdkafka properties as typed by the user: security, rack, tuning
    /// (see [`validate_properties`]).
    pub properties: BTreeMap<String, String>,
}

/// Who knows how the cluster is reached by now. A login may be replaced while a client that has an
/// older one is waited for, which then never gets in.
#[derive(Clone)]
pub struct LatestClient(Arc<dyn Fn() -> ClientSettings + Send + Sync>);

impl LatestClient {
    /// Asked from any thread, and not to wait for anything.
    pub fn new(latest: impl Fn() -> ClientSettings + Send + Sync + 'static) -> Self {
        Self(Arc::new(latest))
    }

    pub(crate) fn get(&self) -> ClientSettings {
        (self.0)()
    }
}

impl fmt::Debug for LatestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LatestClient")
    }
}

impl ClientSettings {
    /// Settings without properties.
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self { bootstrap_servers: bootstrap_servers.into(), properties: BTreeMap::new() }
    }

    /// As whom an authorizer sees us, as far as that is known here.
    pub fn principal(&self) -> String {
        let property = |key: &str| self.properties.get(key).map(String::as_str);
        let protocol = property("security.protocol").unwrap_or("plaintext").to_ascii_lowercase();
        let ours = ["ssl.certificate.location", "ssl.keystore.location", "ssl.certificate.pem"];
        if protocol.starts_with("sasl") {
            format!("User:{}", property("sasl.username").unwrap_or_default())
        } else if protocol == "ssl" && ours.iter().any(|key| property(key).is_some()) {
            "the subject of our certificate".to_owned()
        } else {
            "User:ANONYMOUS".to_owned()
        }
    }

    /// The configuration of any client of this cluster.
    pub(crate) fn config(&self) -> ClientConfig {
        self.config_with(&[], &[])
    }

    /// The same with `defaults`, which the user's properties override, and `owned`, which they
    /// do not.
    pub(crate) fn config_with(
        &self,
        defaults: &[(&str, &str)],
        owned: &[(&str, &str)],
    ) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "tailsift");
        config.set("socket.timeout.ms", SOCKET_TIMEOUT_MS);
        for (key, value) in defaults {
            config.set(*key, *value);
        }
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        for (key, value) in owned {
            config.set(*key, *value);
        }
        config.set("bootstrap.servers", &self.bootstrap_servers);
        config.set_log_level(log_level());
        config
    }

    /// A client of this cluster.
    pub(crate) fn client<C, T>(&self, config: &ClientConfig, context: C) -> Result<T, ClientError>
    where
        C: ClientContext,
        T: FromClientConfigAndContext<C>,
    {
        config.create_with_context(context).map_err(|error| ClientError {
            bootstrap_servers: self.bootstrap_servers.clone(),
            reason: self.with_files(describe(&error)),
        })
    }

    /// Has a client that runs log in as these settings say, the next time that it has to; nothing
    /// if nobody logs in.
    pub(crate) fn log_in<C: ClientContext>(&self, client: &Client<C>) -> Result<(), ClientError> {
        let property = |key| self.properties.get(key);
        let (Some(user), Some(password)) = (property(LOGIN[0]), property(LOGIN[1])) else {
            return Ok(());
        };
        ffi::set_login(client, user, password).map_err(|reason| ClientError {
            bootstrap_servers: self.bootstrap_servers.clone(),
            reason,
        })
    }

    /// Adds the files that a reason is about, of which librdkafka names the property alone.
    fn with_files(&self, mut reason: String) -> String {
        let about = |key: &str| key.ends_with(".location") && reason.contains(key);
        let files = self.properties.iter().filter(|(key, _)| about(key));
        let files: Vec<_> = files.map(|(key, file)| format!("; {key} is {file:?}")).collect();
        reason.extend(files);
        // OpenSSL says of a wrong password that a decryption went wrong, or that what came out of
        // it is no key.
        if reason.contains("ssl.key.") && self.properties.contains_key("ssl.key.password") {
            reason.push_str(", and ssl.key.password must be its password");
        }
        reason
    }
}

/// User and password.
const LOGIN: [&str; 2] = ["sasl.username", "sasl.password"];

/// True of properties that clients take up while they run: user and password.
pub fn is_login(key: &str) -> bool {
    LOGIN.contains(&key)
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

/// A property that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("kafka.properties.{key}: {reason}")]
pub struct PropertyError {
    /// Its name.
    pub key: String,
    /// What is wrong and what to do; holds no value of a property that may be a secret.
    pub reason: String,
}

/// Properties that the delivery guarantees rest on, and what to use instead.
const OWNED: &[(&str, &str)] = &[
    ("isolation.level", "the guarantees rest on it; remove it"),
    ("transactional.id", "it is made of group, instance and worker; set `instance` instead"),
    ("enable.idempotence", "the guarantees rest on it; remove it"),
    ("acks", "the guarantees rest on it; remove it"),
    ("request.required.acks", "the guarantees rest on it; remove it"),
    ("enable.auto.commit", "offsets commit with their verdicts; remove it"),
    ("auto.commit.enable", "offsets commit with their verdicts; remove it"),
    ("enable.auto.offset.store", "offsets commit with their verdicts; remove it"),
    ("auto.offset.reset", "it could skip records; set `input.start` instead"),
    ("group.id", "set `group` instead"),
    ("group.instance.id", "set `instance` instead"),
    ("bootstrap.servers", "set `kafka.bootstrap_servers` instead"),
    ("metadata.broker.list", "set `kafka.bootstrap_servers` instead"),
    ("enable.partition.eof", "the readers' ends rest on it; remove it"),
    ("test.mock.num.brokers", "it replaces the cluster by an empty one; remove it"),
];

/// Checks a user's properties: none that we own, no unknown name, no value that librdkafka
/// refuses, no login or encryption that would not take place. Files are only read when a client is
/// made.
///
/// # Errors
/// All that is wrong, in the order of the keys.
pub fn validate_properties(
    properties: &BTreeMap<String, String>,
) -> Result<(), Vec<PropertyError>> {
    let mut errors: Vec<_> = properties
        .iter()
        .filter_map(|(key, value)| {
            let reason = owned(key)
                .or_else(|| delivery_timeout(key, value, properties))
                .or_else(|| refused(key, value))?;
            Some(PropertyError { key: key.clone(), reason })
        })
        .collect();
    errors.extend(security::refused(properties));
    errors.sort_by(|one, other| one.key.cmp(&other.key));
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn owned(key: &str) -> Option<String> {
    let (_, remedy) = OWNED.iter().find(|(owned, _)| *owned == key)?;
    Some(format!("cannot be set: {remedy}"))
}

/// A record that may outlive its transaction would fail it.
fn delivery_timeout(
    key: &str,
    value: &str,
    properties: &BTreeMap<String, String>,
) -> Option<String> {
    if !matches!(key, "message.timeout.ms" | "delivery.timeout.ms") {
        return None;
    }
    let limit = properties
        .get("transaction.timeout.ms")
        .and_then(|limit| limit.trim().parse().ok())
        .unwrap_or(TRANSACTION_TIMEOUT_MS);
    let given: u64 = value.trim().parse().ok()?;
    (given == 0 || given > limit).then(|| {
        format!(
            "expected 1 to {limit} (transaction.timeout.ms), got {given}; \
             lower it or raise transaction.timeout.ms"
        )
    })
}

fn refused(key: &str, value: &str) -> Option<String> {
    if key.contains('\0') || value.contains('\0') {
        return Some("holds a zero byte; remove it".to_owned());
    }
    let error = ClientConfig::new().set(key, value).create_native_config().err()?;
    let reason = if let KafkaError::ClientConfig(_, reason, ..) = &error {
        if may_be_secret(key) { "the value (not shown) is refused" } else { reason }
    } else {
        &describe(&error)
    };
    Some(format!("{reason}; see librdkafka's CONFIGURATION.md"))
}

/// True if messages must not show the property's value.
pub(crate) fn may_be_secret(key: &str) -> bool {
    const PARTS: &[&str] =
        &["password", "passphrase", "secret", "pem", "token", "oauthbearer.config", "extensions"];
    PARTS.iter().any(|part| key.contains(part))
}

/// librdkafka's log level: what the subscriber would show.
fn log_level() -> RDKafkaLogLevel {
    if enabled!(target: "librdkafka", Level::DEBUG) {
        RDKafkaLogLevel::Debug
    } else if enabled!(target: "librdkafka", Level::INFO) {
        RDKafkaLogLevel::Info
    } else if enabled!(target: "librdkafka", Level::WARN) {
        RDKafkaLogLevel::Warning
    } else {
        RDKafkaLogLevel::Error
    }
}

/// Hands a log line of librdkafka on to `tracing`, target `librdkafka`.
pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    // Every client is given the user's whole list, so each is told which properties are not its.
    let level = if facility == "CONFWARN" { RDKafkaLogLevel::Debug } else { level };
    match level {
        // Whether anything is lost is for us to say: the client's errors are mended or reported.
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => warn!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// Logs an error that concerns a client as a whole; librdkafka goes on by itself.
pub(crate) fn log_error(error: &KafkaError, reason: &str) {
    // Readers ask to be told of ends.
    if matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
        return;
    }
    warn!(target: "librdkafka", error = %describe(error), "{reason}");
}

/// The context of clients that need no call-backs but logging.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LogBridge;

impl ClientContext for LogBridge {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // Clients that only read have to name a group, which they never join: it needs no grant.
        // Who asks for a group's offsets gets the error as the answer.
        if matches!(error, KafkaError::Global(RDKafkaErrorCode::GroupAuthorizationFailed)) {
            debug!(target: "librdkafka", "{reason}");
            return;
        }
        log_error(&error, reason);
    }
}

impl ConsumerContext for LogBridge {}

impl ProducerContext for LogBridge {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {}
}

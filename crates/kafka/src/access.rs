//! Whether the brokers let us in; if not, why, and what has to be changed.

mod explain;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::{debug, warn};

use crate::client::ClientSettings;
use crate::error::ClientError;
use crate::ffi;
use explain::{Explanation, explain};

/// The brokers do not let us in, and asking again would not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// No client: a file cannot be used, or properties do not go together.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A broker refused us, or we refused it.
    #[error("kafka {bootstrap_servers}: {cause}; {remedy} (the client says: {reason})")]
    Refused {
        /// The brokers that were asked.
        bootstrap_servers: String,
        /// What is wrong.
        cause: String,
        /// What to do about it.
        remedy: String,
        /// librdkafka's words.
        reason: String,
    },
}

/// How long a refusal has to last: a broker that has just started may not know all users yet.
const BELIEVED_AFTER: Duration = Duration::from_secs(2);
/// How long one question waits.
const ASK: Duration = Duration::from_millis(500);

/// Asks the brokers who they are. True if one answered, false if none did within `patience` but
/// that may pass by itself.
///
/// # Errors
/// If a certificate, a user or a password is not accepted, on either side.
pub fn check_access(settings: &ClientSettings, patience: Duration) -> Result<bool, AccessError> {
    let knock = Knock::default();
    // Without a pause a refused client would be heard twice a second at most.
    let config = settings.config_with(&[("reconnect.backoff.max.ms", "500")], &[]);
    let consumer: BaseConsumer<Knock> = settings.client(&config, knock.clone())?;
    let started = Instant::now();
    let mut refused: Option<(Instant, Trouble, Explanation)> = None;
    let mut last = None;
    while started.elapsed() < patience || refused.is_some() {
        if consumer.fetch_metadata(None, ASK).is_ok() {
            return Ok(true);
        }
        // Serves the call-back that notes why.
        while consumer.poll(Duration::from_millis(1)).is_some() {}
        for trouble in knock.take() {
            debug!(reason = trouble.reason, "no broker has answered yet");
            if let Some(explained) = explain(settings, trouble.code, &trouble.reason, None) {
                let since = refused.as_ref().map_or_else(Instant::now, |(since, ..)| *since);
                refused = Some((since, trouble.clone(), explained));
            }
            last = Some(trouble.reason);
        }
        // The client reports a refusal that repeats itself only once.
        if let Some((since, trouble, explained)) =
            refused.take_if(|(since, ..)| since.elapsed() >= BELIEVED_AFTER)
        {
            debug!(lasted = ?since.elapsed(), "refused");
            return Err(refusal(settings, trouble, explained));
        }
    }
    let reason = last.unwrap_or_else(|| "no connection was answered".to_owned());
    let bootstrap_servers = &settings.bootstrap_servers;
    warn!(bootstrap_servers, reason, "no broker answers yet; trying on");
    Ok(false)
}

fn refusal(settings: &ClientSettings, trouble: Trouble, explained: Explanation) -> AccessError {
    let Explanation { mut cause, mut remedy, .. } = explained;
    if explained.is_about_their_certificate
        && let Some(fault) = ffi::certificate_fault(&settings.config(), Duration::from_secs(5))
        && let Some(precise) = explain(settings, trouble.code, &trouble.reason, Some(fault))
    {
        (cause, remedy) = (precise.cause, precise.remedy);
    }
    let bootstrap_servers = settings.bootstrap_servers.clone();
    AccessError::Refused { bootstrap_servers, cause, remedy, reason: trouble.reason }
}

/// What a client reported of its connections last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    code: Option<RDKafkaErrorCode>,
    reason: String,
}

/// Notes troubles until they are taken, the first few at least.
#[derive(Debug, Clone, Default)]
struct Knock(Arc<Mutex<Vec<Trouble>>>);

const NOTED_MAX: usize = 64;

impl Knock {
    fn take(&self) -> Vec<Trouble> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Knock {
    /// What matters comes as an error, too, and is told once, in the end.
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(target: "librdkafka", facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // That all brokers are down follows from the others.
        if noted.len() < NOTED_MAX && code != Some(RDKafkaErrorCode::AllBrokersDown) {
            noted.push(Trouble { code, reason: reason.to_owned() });
        }
    }
}

impl ConsumerContext for Knock {}

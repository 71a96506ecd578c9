//! Bringing records back, each with its marker in one transaction.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext};

use super::letter::marker_headers;
use super::topic::StoredLetter;
use crate::client::{ClientSettings, log_error, log_line};
use crate::error::{ClientError, describe};
use crate::partitioner::Partitioner;
use crate::polled::Polled;
use crate::reader::StoredRecord;

/// How a [`Redriver`] writes.
#[derive(Debug, Clone)]
pub struct RedriveSettings {
    /// The cluster of input and dead letters.
    pub client: ClientSettings,
    /// The topic of the dead letters.
    pub letters: String,
    /// One for each topic of dead letters: whoever begins later fences whoever is at work.
    pub transactional_id: String,
    /// Where keyed records go that are sent elsewhere.
    pub partitioner: Partitioner,
    /// How records are compressed.
    pub compression: String,
}

/// A record that is to be written, and the letter that holds it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The letter.
    pub letter: StoredLetter,
    /// Key, value and headers.
    pub record: StoredRecord,
    /// The topic it goes to.
    pub topic: String,
    /// The partition it goes to; `None` leaves it to the key.
    pub partition: Option<i32>,
}

/// Why letters were not re-driven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedriveError {
    /// No producer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Transactions cannot be used.
    #[error(
        "transactional id {transactional_id:?}: transactions could not be initialised: {reason}; \
         check that the brokers answer and that Write on the transactional id is granted"
    )]
    Initialise {
        /// Whose.
        transactional_id: String,
        /// The broker's or the client's reason.
        reason: String,
    },
    /// Brokers refused a record: nothing of its transaction is visible.
    #[error("nothing was written: {reason}")]
    Aborted {
        /// The broker's or the client's reason.
        reason: String,
    },
    /// It cannot go on, and may have committed what it was at.
    #[error(
        "stopped: {reason}; run it again: what was committed is marked and not repeated. If another \
         redrive is running, let that finish"
    )]
    Fatal {
        /// The broker's or the client's reason.
        reason: String,
    },
}

/// Writes records back, and that it did.
pub struct Redriver {
    producer: Polled<Deliveries>,
    letters: String,
}

const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_secs(5);
/// A record that may outlive its transaction would fail it.
const TIMEOUTS: &[(&str, &str)] = &[
    ("transaction.timeout.ms", "60000"),
    ("message.timeout.ms", "30000"),
    ("linger.ms", "5"),
    ("batch.size", "1000000"),
];

impl Redriver {
    /// Fences whoever is at work under the same identity, and waits until its last transaction has
    /// ended: what was re-driven must be asked for after this.
    ///
    /// # Errors
    /// If no producer can be made, or transactions not be initialised.
    pub fn open(settings: &RedriveSettings) -> Result<Self, RedriveError> {
        let RedriveSettings { client, letters, transactional_id, partitioner, compression } =
            settings;
        let owned = [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            // Brokers hold records against their own limits.
            ("message.max.bytes", "1000000000"),
            ("transactional.id", transactional_id),
            ("partitioner", partitioner.property()),
            ("compression.type", compression),
        ];
        let config = client.config_with(TIMEOUTS, &owned);
        let producer = Polled::open(client, &config, Deliveries::default())?;
        let redriver = Self { producer, letters: letters.clone() };
        let result = retrying(|| redriver.producer.init_transactions(STEP));
        result.map_err(|error| RedriveError::Initialise {
            transactional_id: transactional_id.clone(),
            reason: describe(&error),
        })?;
        Ok(redriver)
    }

    /// Writes all of them and their markers, or nothing.
    ///
    /// # Errors
    /// [`RedriveError::Aborted`] if nothing was written and others may be; else it is over.
    pub fn send(&mut self, batch: &[Sent]) -> Result<(), RedriveError> {
        const ATTEMPTS: usize = 3;
        for _ in 1..ATTEMPTS {
            match self.transact(batch) {
                // No broker refused anything: the client gave up what the last abort left behind.
                Err(RedriveError::Aborted { .. }) if self.producer.context().first().is_none() => {}
                result => return result,
            }
        }
        self.transact(batch)
    }

    fn transact(&self, batch: &[Sent]) -> Result<(), RedriveError> {
        self.producer.context().forget();
        self.producer.begin_transaction().map_err(|error| fatal(&error))?;
        let written = batch.iter().try_for_each(|sent| self.write(sent));
        let committed = written
            .and_then(|()| self.await_acknowledged())
            .and_then(|()| retrying(|| self.producer.commit_transaction(STEP)));
        let Err(error) = committed else { return Ok(()) };
        if self.producer.client().fatal_error().is_some() || is_in_doubt(&error) {
            return Err(fatal(&error));
        }
        retrying(|| self.producer.abort_transaction(STEP)).map_err(|error| fatal(&error))?;
        // What was purged is reported before the next transaction begins.
        self.await_acknowledged().map_err(|error| fatal(&error))?;
        let first = self.producer.context().first();
        Err(RedriveError::Aborted { reason: first.unwrap_or_else(|| describe(&error)) })
    }

    fn write(&self, sent: &Sent) -> Result<(), KafkaError> {
        let Sent { letter, record, topic, partition } = sent;
        let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: value.as_deref() })
        });
        let mut outgoing: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
        outgoing.partition = *partition;
        outgoing.key = record.key.as_deref();
        outgoing.payload = record.value.as_deref();
        outgoing.headers = (!record.headers.is_empty()).then_some(headers);
        self.push(outgoing)?;

        let offset = letter.record.offset;
        let marks = marker_headers(offset, topic, &letter.letter.origin);
        let marks = marks.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value.as_bytes()) })
        });
        let mut marker: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.letters);
        marker.partition = Some(letter.record.partition);
        marker.headers = Some(marks);
        self.push(marker)
    }

    /// Waits while the client's queue is full.
    fn push(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<(), KafkaError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent))
                    if Instant::now() < deadline =>
                {
                    std::thread::sleep(Duration::from_millis(5));
                    record = unsent;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// The client's own flush waits in steps of 100 ms.
    fn await_acknowledged(&self) -> Result<(), KafkaError> {
        let deadline = Instant::now() + PATIENCE;
        while self.producer.in_flight_count() > 0 {
            if Instant::now() >= deadline {
                return Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Asks again as long as the client says that this may help.
fn retrying(mut ask: impl FnMut() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Err(KafkaError::Transaction(error))
                if error.is_retriable() && Instant::now() < deadline => {}
            result => return result,
        }
    }
}

/// True if a commit was asked for and never answered: it must not be aborted.
fn is_in_doubt(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(error)
        if error.is_fatal() || error.is_retriable() && !error.txn_requires_abort())
}

fn fatal(error: &KafkaError) -> RedriveError {
    RedriveError::Fatal { reason: describe(error) }
}

/// Notes the first record that was given up, unless that was because of another one.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Option<String>>>);

impl Deliveries {
    fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        const PURGED: [RDKafkaErrorCode; 2] =
            [RDKafkaErrorCode::PurgeQueue, RDKafkaErrorCode::PurgeInflight];
        if let Err((error, record)) = result
            && !error.rdkafka_error_code().is_some_and(|code| PURGED.contains(&code))
        {
            let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| format!("topic {}: {}", record.topic(), describe(error)));
        }
    }
}

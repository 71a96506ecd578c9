//! The producer under a sink.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::records::OutgoingRecord;
use super::{Delivery, SinkSettings};
use crate::client::{ClientSettings, TRANSACTION_TIMEOUT_MS, log_error, log_line};
use crate::error::{SinkError, describe};

/// A producer with a thread of its own that collects acknowledgements: without one, aborts hang
/// until their time-out.
pub(super) struct Transactional {
    producer: ThreadedProducer<Context>,
}

/// The producers under a sink.
pub(super) struct Producers {
    pub(super) own: Transactional,
    /// For exports, if they go to another cluster.
    elsewhere: Option<Transactional>,
}

impl Producers {
    pub(super) fn open(settings: &SinkSettings) -> Result<Self, SinkError> {
        let elsewhere = settings.export_client.as_ref();
        Ok(Self {
            own: Transactional::open(&settings.client, settings)?,
            elsewhere: elsewhere.map(|client| Transactional::open(client, settings)).transpose()?,
        })
    }

    /// The one for exports, or the one for the rest.
    pub(super) fn of(&self, is_export: bool) -> &Transactional {
        self.elsewhere.as_ref().filter(|_| is_export).unwrap_or(&self.own)
    }

    fn each(&self) -> impl Iterator<Item = &Transactional> {
        std::iter::once(&self.own).chain(&self.elsewhere)
    }

    pub(super) fn in_flight_count(&self) -> i32 {
        self.each().map(|producer| producer.handle().in_flight_count()).sum()
    }

    pub(super) fn first_failure(&self) -> Option<KafkaError> {
        self.each().find_map(Transactional::first_failure)
    }

    pub(super) fn forget_reports(&self) {
        self.each().for_each(Transactional::forget_reports);
    }

    /// True if one of them will never work again.
    pub(super) fn is_fatal(&self, error: &KafkaError) -> bool {
        self.each().any(|producer| producer.is_fatal(error))
    }
}

pub(super) enum TrySend {
    Sent,
    /// The client's queue is full.
    Full,
    Refused(KafkaError),
}

#[derive(Clone, Default)]
pub(super) struct Context(Arc<Mutex<Reports>>);

/// What was learned of records since the last start.
#[derive(Default)]
struct Reports {
    /// Why the first one was given up, if one was.
    failure: Option<KafkaError>,
    /// By input partition: where its batch of verdicts was written.
    batches: BTreeMap<i32, i64>,
}

impl Context {
    /// Holds plain data: a panic elsewhere leaves nothing half done.
    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The user's properties override these.
const DEFAULTS: &[(&str, &str)] = &[
    ("linger.ms", "5"),
    ("batch.size", "1000000"),
    ("queue.buffering.max.messages", "500000"),
    ("queue.buffering.max.kbytes", "131072"),
];

/// Room above our own record limit for the protocol's framing.
const FRAMING_BYTES: usize = 64 << 10;

impl Transactional {
    fn open(client: &ClientSettings, settings: &SinkSettings) -> Result<Self, SinkError> {
        let is_transactional = settings.delivery == Delivery::ExactlyOnce;
        let largest = settings.max_message_bytes.max(super::records::BATCH_BYTES_MAX);
        let max_bytes = (largest + FRAMING_BYTES).to_string();
        let transaction_timeout = TRANSACTION_TIMEOUT_MS.to_string();
        let mut defaults = DEFAULTS.to_vec();
        let mut owned = vec![
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("message.max.bytes", max_bytes.as_str()),
            ("compression.type", settings.compression.as_str()),
            ("partitioner", settings.partitioner.property()),
        ];
        if is_transactional {
            defaults.push(("transaction.timeout.ms", &transaction_timeout));
            owned.push(("transactional.id", &settings.transactional_id));
        }
        let config = client.config_with(&defaults, &owned);
        let producer: ThreadedProducer<Context> = client.client(&config, Context::default())?;
        let opened = Self { producer };
        if is_transactional {
            opened.initialise(&settings.transactional_id)?;
        }
        Ok(opened)
    }

    /// Ends what an earlier producer of this identity left open.
    fn initialise(&self, transactional_id: &str) -> Result<(), SinkError> {
        const PATIENCE: Duration = Duration::from_secs(60);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.producer.init_transactions(Duration::from_secs(5)) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && Instant::now() < deadline => {}
                Err(error) => {
                    return Err(SinkError::Initialise {
                        transactional_id: transactional_id.to_owned(),
                        waited: PATIENCE,
                        reason: describe(&error),
                    });
                }
            }
        }
    }

    pub(super) fn handle(&self) -> &ThreadedProducer<Context> {
        &self.producer
    }

    pub(super) fn try_send(&self, record: &OutgoingRecord<'_>) -> TrySend {
        let mut outgoing: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(record.topic, record.reports);
        if let Some(partition) = record.partition {
            outgoing = outgoing.partition(partition);
        }
        if let Some(key) = record.key {
            outgoing = outgoing.key(key);
        }
        if let Some(value) = record.value {
            outgoing = outgoing.payload(value);
        }
        if let Some(time) = record.time {
            outgoing = outgoing.timestamp(time.0);
        }
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: value.as_deref() });
        }
        match self.producer.send(outgoing.headers(headers)) {
            Ok(()) => TrySend::Sent,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => TrySend::Full,
            Err((error, _)) => TrySend::Refused(error),
        }
    }

    fn first_failure(&self) -> Option<KafkaError> {
        self.producer.context().reports().failure.clone()
    }

    /// Where the first record of an input partition's batch of verdicts was written.
    pub(super) fn batch_offset(&self, partition: i32) -> Option<i64> {
        self.producer.context().reports().batches.get(&partition).copied()
    }

    fn forget_reports(&self) {
        *self.producer.context().reports() = Reports::default();
    }

    /// True if this producer will never work again.
    fn is_fatal(&self, error: &KafkaError) -> bool {
        let says_so = matches!(error, KafkaError::Transaction(error) if error.is_fatal());
        says_so || self.producer.client().fatal_error().is_some()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext for Context {
    /// 0, or one more than the input partition whose batch begins with the record.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, reports: usize) {
        match result {
            Err((error, _)) => {
                self.reports().failure.get_or_insert_with(|| error.clone());
            }
            // A retry that the broker took for a repetition is written, but nobody says where. The
            // offset is needed, so the epoch is sent again.
            Ok(message) if reports > 0 && message.offset() < 0 => {
                let unknown =
                    KafkaError::MessageProduction(RDKafkaErrorCode::DuplicateSequenceNumber);
                self.reports().failure.get_or_insert(unknown);
            }
            Ok(message) if reports > 0 => {
                let partition = i32::try_from(reports - 1).unwrap_or(i32::MAX);
                self.reports().batches.insert(partition, message.offset());
            }
            Ok(_) => {}
        }
    }
}

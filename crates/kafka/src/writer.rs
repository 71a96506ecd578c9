//! Writing many records, plainly: for loads, the demonstration and tests.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::statistics::Statistics;

use crate::client::{ClientSettings, log_error, log_line};
use crate::error::{WriteError, describe};
use crate::partitioner::Partitioner;

#[cfg(test)]
mod tests;

/// A bulk producer: idempotent, all replicas acknowledge, batches are large.
///
/// What was sent is only known to be written when [`flush`](Self::flush) says so; dropping a
/// writer gives up what is still queued.
pub struct Writer {
    producer: BaseProducer<Deliveries>,
    send_patience: Duration,
    sent: u64,
    sent_since_poll: u32,
}

/// A record to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outgoing<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; without one, the key's by the writer's partitioner, or any.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// Headers, in order; names may repeat.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// CreateTime in milliseconds since the Unix epoch; without one (or 0) the present.
    pub timestamp_ms: Option<i64>,
}

/// What became of a writer's records so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriterReport {
    /// Records that were queued.
    pub sent: u64,
    /// Records that all in-sync replicas have.
    pub acked: u64,
    /// Records given up.
    pub failed: u64,
    /// Topic, partition and reason of the first that was given up.
    pub first_error: Option<String>,
}

/// A queue that stays full for this long fails the send.
const SEND_PATIENCE: Duration = Duration::from_secs(60);
/// Acknowledgements are collected every so many sends.
const SENDS_PER_POLL: u32 = 512;

/// The user's properties override these.
const DEFAULTS: &[(&str, &str)] = &[
    ("linger.ms", "20"),
    ("batch.size", "1000000"),
    ("batch.num.messages", "50000"),
    ("compression.type", "lz4"),
    ("queue.buffering.max.messages", "500000"),
    ("queue.buffering.max.kbytes", "131072"),
];

impl Writer {
    /// A writer that places keyed records as the Collector does.
    ///
    /// # Errors
    /// If librdkafka refuses the settings. That the brokers answer shows at the first flush.
    pub fn new(settings: &ClientSettings) -> Result<Self, WriteError> {
        Self::with_partitioner(settings, Partitioner::default())
    }

    /// A writer with a rule for keyed records.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_partitioner(
        settings: &ClientSettings,
        partitioner: Partitioner,
    ) -> Result<Self, WriteError> {
        let owned = [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("partitioner", partitioner.property()),
        ];
        let config = settings.config_with(DEFAULTS, &owned);
        let producer = settings.client(&config, Deliveries::default())?;
        Ok(Self { producer, send_patience: SEND_PATIENCE, sent: 0, sent_since_poll: 0 })
    }

    /// Sets how long [`send`](Self::send) waits for room in the queue (default 60 s).
    #[must_use]
    pub fn with_send_patience(mut self, patience: Duration) -> Self {
        self.send_patience = patience;
        self
    }

    /// Queues a record (the bytes are copied); waits while the queue is full.
    ///
    /// # Errors
    /// If the record cannot be sent at all, or there was no room in time.
    pub fn send(&mut self, record: Outgoing<'_>) -> Result<(), WriteError> {
        let mut pending = base_record(&record);
        let mut full_since = None;
        loop {
            match self.producer.send(pending) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    let since = *full_since.get_or_insert_with(Instant::now);
                    let waited = since.elapsed();
                    if waited >= self.send_patience {
                        return Err(WriteError::QueueFull { topic: record.topic.into(), waited });
                    }
                    self.producer.poll(Duration::from_millis(1));
                    pending = unsent;
                }
                Err((error, _)) => {
                    return Err(WriteError::Refused {
                        topic: record.topic.into(),
                        bytes: record.bytes(),
                        reason: self.fatal().unwrap_or_else(|| describe(&error)),
                    });
                }
            }
        }
        self.sent += 1;
        self.sent_since_poll += 1;
        if self.sent_since_poll >= SENDS_PER_POLL {
            self.sent_since_poll = 0;
            self.producer.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits until everything sent is acknowledged; counts are since the writer was made.
    ///
    /// # Errors
    /// If records were given up, now or before, or the rest was not acknowledged in time.
    pub fn flush(&mut self, timeout: Duration) -> Result<WriterReport, WriteError> {
        let started = Instant::now();
        loop {
            self.producer.poll(Duration::from_millis(1));
            let outstanding = u64::try_from(self.producer.in_flight_count()).unwrap_or(0);
            if outstanding == 0 {
                break;
            }
            let waited = started.elapsed();
            if waited >= timeout {
                return Err(WriteError::FlushTimeout { outstanding, waited });
            }
        }
        let report = self.report();
        match report.first_error {
            Some(first) => {
                Err(WriteError::Undelivered { failed: report.failed, total: report.sent, first })
            }
            None => Ok(report),
        }
    }

    /// What became of the records so far, as far as it was learned.
    pub fn report(&self) -> WriterReport {
        let deliveries = self.producer.context();
        WriterReport {
            sent: self.sent,
            acked: deliveries.acked.load(Ordering::Relaxed),
            failed: deliveries.failed.load(Ordering::Relaxed),
            first_error: deliveries.first_error.get().cloned(),
        }
    }

    fn fatal(&self) -> Option<String> {
        let (code, reason) = self.producer.client().fatal_error()?;
        Some(format!("{code}: {reason}; make a new writer"))
    }
}

impl Outgoing<'_> {
    /// Key, value and headers, uncompressed.
    fn bytes(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + headers
    }
}

fn base_record<'a>(record: &Outgoing<'a>) -> BaseRecord<'a, [u8], [u8]> {
    let mut base = BaseRecord::to(record.topic);
    base.partition = record.partition;
    base.key = record.key;
    base.payload = record.value;
    base.timestamp = record.timestamp_ms;
    if !record.headers.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        base.headers = Some(record.headers.iter().fold(headers, |headers, (key, value)| {
            headers.insert(Header { key, value: Some(*value) })
        }));
    }
    base
}

/// Counts acknowledgements, on the thread that polls.
#[derive(Debug, Default)]
struct Deliveries {
    acked: AtomicU64,
    failed: AtomicU64,
    first_error: OnceLock<String>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        match result {
            Ok(_) => {
                self.acked.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, record)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                self.first_error.get_or_init(|| {
                    let (topic, partition) = (record.topic(), record.partition());
                    format!("topic {topic} partition {partition}: {}", describe(error))
                });
            }
        }
    }
}

//! The producer under a sink.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext};

use super::pace::{Pace, Share};
use super::records::OutgoingRecord;
use super::{Delivery, SinkSettings};
use crate::client::{ClientSettings, TRANSACTION_TIMEOUT_MS, log_error, log_line};
use crate::error::{SinkError, describe};
use crate::partitioner::Partitioner;
use crate::polled::Polled;

/// A producer of transactions.
pub(super) struct Transactional {
    producer: Polled<Context>,
    /// Bytes that are sent together.
    batch_size: usize,
    partitioner: Partitioner,
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

    pub(super) fn log_in(
        &self,
        client: &ClientSettings,
        export_client: Option<&ClientSettings>,
    ) -> Result<(), SinkError> {
        client.log_in(self.own.producer.client())?;
        if let Some((client, elsewhere)) = export_client.zip(self.elsewhere.as_ref()) {
            client.log_in(elsewhere.producer.client())?;
        }
        Ok(())
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

    pub(super) fn first_failure(&self) -> Option<Failure> {
        self.each().find_map(Transactional::first_failure)
    }

    pub(super) fn forget_reports(&self) {
        self.each().for_each(Transactional::forget_reports);
    }

    /// True if one of them will never work again.
    pub(super) fn is_fatal(&self, error: &KafkaError) -> bool {
        self.each().any(|producer| producer.is_fatal(error))
    }

    /// True if records that were given up may still arrive: they would join the producer's next
    /// transaction.
    pub(super) fn may_arrive(&self) -> bool {
        self.each().any(|producer| producer.producer.context().reports().may_arrive)
    }

    /// True if another of its identity took the producer's place, or its transaction timed out.
    pub(super) fn is_fenced(&self, error: &KafkaError) -> bool {
        const FENCED: [RDKafkaErrorCode; 3] = [
            RDKafkaErrorCode::Fenced,
            RDKafkaErrorCode::ProducerFenced,
            RDKafkaErrorCode::InvalidProducerEpoch,
        ];
        let fatal = self.each().filter_map(|producer| producer.handle().client().fatal_error());
        let code = error.rdkafka_error_code();
        fatal.map(|(code, _)| code).chain(code).any(|code| FENCED.contains(&code))
    }
}

/// True of errors that are the client's, for want of an answer.
pub(super) fn is_without_answer(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::MessageTimedOut
                | Code::OperationTimedOut
                | Code::TimedOutQueue
                | Code::RequestTimedOut
                | Code::BrokerTransportFailure
                | Code::PurgeInflight
        )
    )
}

pub(super) enum TrySend {
    Sent,
    /// The client's queue is full, or it has enough for now.
    Full,
    Refused(KafkaError),
}

#[derive(Clone, Default)]
pub(super) struct Context {
    reports: Arc<Mutex<Reports>>,
    pace: Arc<Pace>,
}

/// What is remembered of a record until it is acknowledged.
pub(super) struct Handed {
    /// 0, or one more than the input partition whose batch begins with the record.
    reports: usize,
    share: Option<Share>,
}

/// What was learned of records since the last start.
#[derive(Default)]
struct Reports {
    /// The first one that was given up, if one was.
    failure: Option<Failure>,
    /// A record was given up without the broker's word on it: it may still be on its way there.
    may_arrive: bool,
    /// By input partition: where its batch of verdicts was written.
    batches: BTreeMap<i32, i64>,
}

/// A record that was given up.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) error: KafkaError,
    /// Where it should have gone, if that is at fault.
    pub(super) topic: Option<String>,
}

impl Failure {
    fn of(error: KafkaError, record: &BorrowedMessage<'_>) -> Self {
        Self { error, topic: Some(record.topic().to_owned()) }
    }
}

impl Context {
    /// Holds plain data: a panic elsewhere leaves nothing half done.
    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The user's properties override these.
const DEFAULTS: &[(&str, &str)] = &[
    // Longer than it takes to hand over an epoch, so that a partition's share is one batch.
    ("linger.ms", "20"),
    ("queue.buffering.max.messages", "500000"),
    ("queue.buffering.max.kbytes", "131072"),
];

/// Two thirds of what the transaction may take: what cannot be written must leave time for the
/// abort, or the producer is fenced.
fn message_timeout_ms(client: &ClientSettings) -> u64 {
    let transaction = client.properties.get("transaction.timeout.ms");
    let transaction = transaction.and_then(|text| text.trim().parse().ok());
    (transaction.unwrap_or(TRANSACTION_TIMEOUT_MS) * 2 / 3).max(1)
}

/// Records are sent together up to this many bytes.
const BATCH_SIZE_MAX: usize = 1_000_000;

/// Room above our own record limit for the protocol's framing.
const FRAMING_BYTES: usize = 64 << 10;

impl Transactional {
    fn open(client: &ClientSettings, settings: &SinkSettings) -> Result<Self, SinkError> {
        let is_transactional = settings.delivery == Delivery::ExactlyOnce;
        let largest = settings.max_message_bytes.max(super::records::BATCH_BYTES_MAX);
        let max_bytes = (largest + FRAMING_BYTES).to_string();
        let transaction_timeout = TRANSACTION_TIMEOUT_MS.to_string();
        let message_timeout = message_timeout_ms(client).to_string();
        // Brokers hold the record limit against whole batches.
        let batch_size = settings.max_message_bytes.min(BATCH_SIZE_MAX).to_string();
        let mut defaults = DEFAULTS.to_vec();
        defaults.push(("batch.size", &batch_size));
        let mut owned = vec![
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("message.max.bytes", max_bytes.as_str()),
            ("compression.type", settings.compression.as_str()),
            ("partitioner", settings.partitioner.property()),
        ];
        if is_transactional {
            defaults.push(("transaction.timeout.ms", &transaction_timeout));
            defaults.push(("message.timeout.ms", &message_timeout));
            owned.push(("transactional.id", &settings.transactional_id));
        }
        let config = client.config_with(&defaults, &owned);
        let batch_size = config.get("batch.size").and_then(|text| text.trim().parse().ok());
        let producer = Polled::open(client, &config, Context::default())?;
        let batch_size = batch_size.unwrap_or(BATCH_SIZE_MAX);
        let opened = Self { producer, batch_size, partitioner: settings.partitioner };
        if is_transactional {
            opened.initialise(settings, client)?;
        }
        Ok(opened)
    }

    /// Ends what an earlier producer of this identity left open.
    fn initialise(
        &self,
        settings: &SinkSettings,
        client: &ClientSettings,
    ) -> Result<(), SinkError> {
        const PATIENCE: Duration = Duration::from_secs(60);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.producer.init_transactions(Duration::from_secs(5)) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && Instant::now() < deadline =>
                {
                    if let Some(latest) = &settings.latest_client {
                        latest.get().log_in(self.producer.client())?;
                    }
                }
                Err(error) => {
                    let (transactional_id, reason) =
                        (settings.transactional_id.clone(), describe(&error));
                    return Err(match error.rdkafka_error_code() {
                        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => {
                            let principal = client.principal();
                            SinkError::Denied { transactional_id, principal, reason }
                        }
                        Some(_) | None => {
                            SinkError::Initialise { transactional_id, waited: PATIENCE, reason }
                        }
                    });
                }
            }
        }
    }

    pub(super) fn handle(&self) -> &Polled<Context> {
        &self.producer
    }

    pub(super) fn try_send(&self, record: &OutgoingRecord<'_>) -> TrySend {
        // The rest of an epoch is small; what a stage moves comes in few records.
        if !record.is_export || record.partition.is_some() {
            return self.hand_over(record, None);
        }
        let pace = &self.producer.context().pace;
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        let by_key = |key| self.partitioner.partition(key, pace.partitions());
        let partition = record.partition.or_else(|| record.key.map(by_key)).unwrap_or(0);
        let Some(share) = pace.take(partition, bytes, self.batch_size) else {
            return TrySend::Full;
        };
        let sent = self.hand_over(record, Some(share));
        if !matches!(sent, TrySend::Sent) {
            pace.give_back(share);
        }
        sent
    }

    fn hand_over(&self, record: &OutgoingRecord<'_>, share: Option<Share>) -> TrySend {
        let handed = Box::new(Handed { reports: record.reports, share });
        let mut outgoing: BaseRecord<'_, [u8], [u8], Box<Handed>> =
            BaseRecord::with_opaque_to(record.topic, handed);
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

    fn first_failure(&self) -> Option<Failure> {
        let failure = self.producer.context().reports().failure.clone()?;
        let is_purged = matches!(
            failure.error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)
        );
        if !is_purged {
            return Some(failure);
        }
        // It was given up because of another one.
        let error = self.transaction_error().unwrap_or(failure.error);
        Some(Failure { error, topic: None })
    }

    /// Why the open transaction cannot be committed. There is no question for that, but to begin
    /// another one is refused with the reason.
    fn transaction_error(&self) -> Option<KafkaError> {
        let refusal = self.producer.begin_transaction().err()?;
        let is_reason = |error: &RDKafkaError| error.txn_requires_abort() || error.is_fatal();
        matches!(&refusal, KafkaError::Transaction(error) if is_reason(error)).then_some(refusal)
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
    type DeliveryOpaque = Box<Handed>;

    fn delivery(&self, result: &DeliveryResult<'_>, handed: Box<Handed>) {
        let (Ok(record) | Err((_, record))) = result;
        if let Some(share) = handed.share {
            self.pace.settle(share, record.partition());
        }
        let reports = handed.reports;
        match result {
            Err((error, record)) => {
                let mut reports = self.reports();
                reports.may_arrive |= is_without_answer(error);
                reports.failure.get_or_insert_with(|| Failure::of(error.clone(), record));
            }
            // A retry that the broker took for a repetition is written, but nobody says where. The
            // offset is needed, so the epoch is sent again.
            Ok(message) if reports > 0 && message.offset() < 0 => {
                let unknown =
                    KafkaError::MessageProduction(RDKafkaErrorCode::DuplicateSequenceNumber);
                self.reports().failure.get_or_insert_with(|| Failure::of(unknown, message));
            }
            Ok(message) if reports > 0 => {
                let partition = i32::try_from(reports - 1).unwrap_or(i32::MAX);
                self.reports().batches.insert(partition, message.offset());
            }
            Ok(_) => {}
        }
    }
}

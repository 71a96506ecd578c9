//! A worker: a thread that is a member of the consumer group.
//!
//! It polls records, scans them and hands them to its shard, and between records drives the
//! commit of epochs. Nothing is shared with other workers; what the process wants to know of a
//! worker goes over the [`Board`].

mod core;
mod fit;
mod restoring;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tailsift_kafka::{Source, SourceEvent, SourceRecord};
use tailsift_otlp::{Scanner, json_to_protobuf};
use tailsift_sampler::{DeadLetter, RecordAt};
use tailsift_trace::Millis;
use tracing::{debug, info, warn};

use crate::app::board::Board;
use crate::metrics::PoisonReason;
use crate::shutdown::Stop;
pub(crate) use core::{Clocks, Handover, SharedCore, WorkerCore};
pub(crate) use fit::Fit;
pub(crate) use restoring::Restoring;

/// Records handled before the worker tends to its epochs.
const RECORDS_PER_TURN: usize = 256;
/// The longest sleep while there is nothing to read.
const IDLE_POLL: Duration = Duration::from_millis(20);
/// The same while an epoch is being committed.
const BUSY_POLL: Duration = Duration::from_millis(1);
/// How long a stopping worker tries to commit.
const FINISH_BUDGET: Duration = Duration::from_secs(10);

/// One worker.
pub(crate) struct Worker {
    pub(crate) source: Source,
    pub(crate) core: SharedCore,
    pub(crate) reader: RecordReader,
    pub(crate) board: Arc<Board>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) paused: bool,
}

impl Worker {
    /// Works until it is asked to stop or has drained its input, then leaves the group.
    ///
    /// # Errors
    /// If Kafka refuses something that trying again would not mend.
    pub(crate) fn run(mut self) -> anyhow::Result<()> {
        while !self.stop.is_set() && !self.core.lock().is_drained(&self.board) {
            self.turn()?;
        }
        info!("stopping: one last epoch");
        if self.core.lock().is_transactional() {
            self.core.lock().finish(&self.source.membership(), Instant::now() + FINISH_BUDGET)?;
        }
        // Leaving the group hands the partitions over through the core's `Handover`, with one
        // more epoch.
        drop(self.source);
        let mut core = self.core.lock();
        core.publish_last(&self.board);
        core.take_error()
    }

    fn turn(&mut self) -> anyhow::Result<()> {
        let mut patience = if self.core.lock().is_committing() { BUSY_POLL } else { IDLE_POLL };
        self.reader.wall_now = wall_now();
        for _ in 0..RECORDS_PER_TURN {
            match self.source.poll(patience)? {
                SourceEvent::Record(record) => {
                    let mut core = self.core.lock();
                    self.reader.handle(&record, &mut core);
                    if core.is_congested() {
                        break;
                    }
                }
                SourceEvent::Given => self.core.lock().make_ready()?,
                SourceEvent::Assigned(partitions) => {
                    self.core.lock().handle_assigned(partitions);
                    break;
                }
                SourceEvent::Idle => break,
            }
            patience = Duration::ZERO;
        }
        let mut core = self.core.lock();
        core.tend(&self.source.membership(), &self.board, self.source.has_joined())?;
        let congested = core.is_congested();
        let started = core.restore();
        drop(core);
        for one in started {
            self.source.start(one.partition, one.offset)?;
        }
        let hold = congested || !self.board.have_gathered();
        if hold != self.paused {
            debug!(congested, paused = hold, "reading");
            self.source.set_paused(hold)?;
            self.paused = hold;
        }
        Ok(())
    }
}

/// Turns records into what the shard takes.
pub(crate) struct RecordReader {
    scanner: Scanner,
    is_json: bool,
    keeps_dead_letters: bool,
    headers: Vec<u8>,
    wall_now: Millis,
    /// Records with something wrong: the first ten are logged, then ever fewer.
    faults: u64,
}

impl RecordReader {
    pub(crate) fn new(scanner: Scanner, is_json: bool, keeps_dead_letters: bool) -> Self {
        Self {
            scanner,
            is_json,
            keeps_dead_letters,
            headers: Vec::new(),
            wall_now: wall_now(),
            faults: 0,
        }
    }

    fn handle(&mut self, record: &SourceRecord<'_>, core: &mut WorkerCore) {
        let mut headers = std::mem::take(&mut self.headers);
        record.headers(&mut headers);
        let value = record.value();
        let at = RecordAt {
            partition: record.partition(),
            offset: record.offset(),
            time: record.timestamp_ms().map(Millis),
            wall_now: self.wall_now,
            headers: &headers,
            bytes: value.map_or(0, <[u8]>::len),
        };
        match value {
            None => {
                let reason = "expected a value, got none: a tombstone holds no span".to_owned();
                self.poison(record, &at, PoisonReason::NO_VALUE, reason, core);
            }
            Some(json) if self.is_json && !json.is_empty() => match json_to_protobuf(json) {
                Ok(protobuf) => self.scan(record, &at, &protobuf, core),
                Err(error) => {
                    self.poison(record, &at, PoisonReason::from(&error), error.to_string(), core);
                }
            },
            Some(protobuf) => self.scan(record, &at, protobuf, core),
        }
        core.show_judged();
        self.headers = headers;
    }

    fn scan(
        &mut self,
        record: &SourceRecord<'_>,
        at: &RecordAt<'_>,
        payload: &[u8],
        core: &mut WorkerCore,
    ) {
        match self.scanner.scan(payload) {
            Ok(batch) => {
                core.shard.handle_record(at, &batch);
                if batch.malformed > 0 {
                    let reason = format!(
                        "{} spans have no usable trace ID: expected 16 bytes of which one is not zero",
                        batch.malformed
                    );
                    self.warn(at, &reason, "a record has malformed spans");
                    if let Some(letter) = self.letter(record, at, reason) {
                        core.shard.handle_malformed(at.partition, letter);
                    }
                }
                self.scanner.recycle(batch);
            }
            Err(error) => {
                self.poison(record, at, PoisonReason::from(&error), error.to_string(), core)
            }
        }
    }

    /// Logs the first ten faults, then those numbered by powers of two: all are counted.
    fn warn(&mut self, at: &RecordAt<'_>, reason: &str, what: &str) {
        self.faults += 1;
        if self.faults <= 10 || self.faults.is_power_of_two() {
            let RecordAt { partition, offset, .. } = *at;
            warn!(partition, offset, reason, faults = self.faults, "{what}");
        }
    }

    fn poison(
        &mut self,
        record: &SourceRecord<'_>,
        at: &RecordAt<'_>,
        kind: PoisonReason,
        reason: String,
        core: &mut WorkerCore,
    ) {
        self.warn(at, &reason, "a record cannot be read");
        core.metrics.poison_record(kind);
        core.shard.handle_poison(at, self.letter(record, at, reason));
    }

    fn letter(
        &self,
        record: &SourceRecord<'_>,
        at: &RecordAt<'_>,
        reason: String,
    ) -> Option<DeadLetter> {
        self.keeps_dead_letters.then(|| DeadLetter {
            offset: at.offset,
            time: at.time,
            reason,
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers: at.headers.into(),
        })
    }
}

/// The wall clock.
pub(crate) fn wall_now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

//! What a re-key worker's loop and the group's callbacks share.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tailsift_kafka::{Assigned, Membership, Sink, SinkEvent};
use tailsift_otlp::split_to_size;
use tailsift_sampler::{DeadLetter, Epoch, LetterKind, Moved, RecordAt, Rekeyer};
use tailsift_trace::{Batch, Millis};
use tracing::error;

use super::pace::{HeldRecord, Pace};
use super::{Reached, RekeyBoard};
use crate::admin::Health;
use crate::handover::{HandsOver, RETRACT_BUDGET};
use crate::metrics::{PoisonReason, RekeyMetrics};
use crate::worker::{InputRecord as _, Intake};

/// How often counters are published.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);
/// How often workers compare how far they are.
const EXCHANGE_EVERY: Duration = Duration::from_millis(20);

/// Rekeyer and sink of one worker.
pub(crate) struct RekeyCore {
    /// Among the workers of the process.
    pub(crate) number: usize,
    pub(crate) rekeyer: Rekeyer,
    pub(crate) sink: Sink,
    pub(crate) flush: Duration,
    /// The most payload bytes of a record that is written.
    pub(crate) record_limit: usize,
    /// Nothing of a span may leave but for its trace's partition: it is not redacted yet.
    pub(crate) withholds: bool,
    pub(crate) metrics: RekeyMetrics,
    pub(crate) health: Arc<Health>,
    pub(crate) clocks: RekeyClocks,
    pub(crate) pace: Pace,
    /// What went wrong inside a callback, which cannot return it.
    pub(crate) error: Option<anyhow::Error>,
}

/// When things were last done.
pub(crate) struct RekeyClocks {
    cut: Instant,
    published: Instant,
    exchanged: Instant,
}

impl RekeyClocks {
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Self { cut: now, published: now, exchanged: now }
    }
}

impl RekeyCore {
    /// Connects what writes.
    pub(crate) fn make_ready(&mut self) -> anyhow::Result<()> {
        Ok(self.sink.make_ready()?)
    }

    /// A partition is ours, to be read from `offset` on.
    pub(crate) fn begin(&mut self, one: &Assigned, offset: i64) {
        let incarnation = RandomState::new().hash_one(one.partition);
        let is_new = one.is_new() || one.offset() != offset;
        self.pace.forget(&[one.partition]);
        self.rekeyer.handle_assigned(one.partition, offset, incarnation, is_new, one.reached());
    }

    /// Everything between records.
    pub(crate) fn tend(&mut self, membership: &Membership<'_>, joined: bool) -> anyhow::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.drive(membership)?;
        let now = Instant::now();
        let due = now.duration_since(self.clocks.cut) >= self.flush || self.rekeyer.wants_epoch();
        if due && self.sink.is_idle() {
            self.cut(now);
        }
        if now.duration_since(self.clocks.published) >= PUBLISH_EVERY {
            self.clocks.published = now;
            self.publish();
            let reason = "re-key stage: joining the consumer group";
            self.health.worker_ready(self.number, joined, reason);
        }
        Ok(())
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.sink.is_transactional()
    }

    pub(crate) fn is_committing(&self) -> bool {
        !self.sink.is_idle()
    }

    pub(crate) fn is_congested(&self) -> bool {
        self.rekeyer.is_congested()
    }

    /// True once after uncommitted work was thrown away.
    pub(crate) fn must_reread(&mut self) -> bool {
        let must = self.rekeyer.poll_reread();
        if must {
            self.pace.clear();
        }
        must
    }

    pub(crate) fn take_error(&mut self) -> anyhow::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    pub(crate) fn publish(&mut self) {
        self.metrics.publish(self.rekeyer.stats(), &self.sink.stats(), self.pace.bytes());
    }

    /// True if a record of this time may be read now. If not, it is to be [held](Self::hold).
    pub(crate) fn admits(&self, partition: i32, time: Millis) -> bool {
        self.pace.admits(partition, time)
    }

    /// Keeps a record until slower partitions have come as far.
    pub(crate) fn hold(&mut self, time: Millis, record: HeldRecord) {
        let partition = record.partition();
        if self.pace.hold(time, record) {
            self.rekeyer.handle_waiting(partition, time);
        }
    }

    /// Compares how far workers are, if it is time; the partitions that hold enough already.
    pub(crate) fn poll_full(&mut self, board: &RekeyBoard) -> &BTreeSet<i32> {
        let now = Instant::now();
        if self.is_holding() || now.duration_since(self.clocks.exchanged) >= EXCHANGE_EVERY {
            self.clocks.exchanged = now;
            self.exchange(board);
        }
        self.pace.full()
    }

    /// The next record of those that are held, if it may be read by now.
    pub(crate) fn poll_held(&mut self) -> Option<HeldRecord> {
        if self.is_congested() {
            return None;
        }
        let (record, next) = self.pace.poll_record()?;
        if let Some(next) = next {
            self.rekeyer.handle_waiting(record.partition(), next);
        }
        Some(record)
    }

    /// True if records wait for slower partitions.
    pub(crate) fn is_holding(&self) -> bool {
        self.pace.bytes() > 0
    }

    fn exchange(&mut self, board: &RekeyBoard) {
        let reached = self.rekeyer.progress().map(|progress| Reached {
            partition: progress.partition,
            next_offset: progress.next_offset,
            time: progress.reached,
            waits: self.pace.holds(progress.partition),
        });
        let limit = board.exchange(self.number, reached.collect());
        self.pace.set_limit(limit);
    }

    /// Takes the epoch under way further.
    fn drive(&mut self, membership: &Membership<'_>) -> anyhow::Result<()> {
        if self.sink.is_idle() {
            return Ok(());
        }
        let rekeyer = &self.rekeyer;
        let event = self
            .sink
            .poll(membership, |partition, assignment| rekeyer.holds(partition, assignment))?;
        match event {
            SinkEvent::Busy => {}
            SinkEvent::Committed(epoch) => {
                self.rekeyer.handle_committed(epoch);
                let took = Duration::from_micros(self.sink.stats().last_epoch_us);
                self.metrics.epoch_committed(took);
            }
            SinkEvent::Discarded => self.rekeyer.handle_discarded(),
        }
        Ok(())
    }

    fn cut(&mut self, now: Instant) -> bool {
        self.clocks.cut = now;
        let Some(mut epoch) = self.rekeyer.poll_epoch() else { return false };
        fit(&mut epoch, self.record_limit, self.withholds);
        self.sink.begin(epoch);
        true
    }
}

impl HandsOver for RekeyCore {
    const HELD: &'static str = "records";

    fn advance(&mut self, membership: &Membership<'_>) -> anyhow::Result<bool> {
        self.drive(membership)?;
        Ok(!self.sink.is_idle() || self.cut(Instant::now()))
    }

    fn sink(&mut self) -> &mut Sink {
        &mut self.sink
    }

    /// Partitions are not ours any more: what is open may hold spans of theirs.
    fn give_up(&mut self, partitions: &[i32]) {
        if !self.rekeyer.is_settled() {
            let retracted = self.sink.retract(RETRACT_BUDGET);
            self.note(retracted.map_err(Into::into));
        }
        self.rekeyer.handle_revoked(partitions);
        self.pace.forget(partitions);
    }

    fn note(&mut self, outcome: anyhow::Result<()>) {
        if let Err(error) = outcome {
            self.error.get_or_insert(error);
        }
    }
}

impl Intake for RekeyCore {
    fn handle_record(&mut self, at: &RecordAt<'_>, batch: &Batch<'_>) {
        self.rekeyer.handle_record(at, batch);
    }

    fn handle_poison(&mut self, at: &RecordAt<'_>, kind: PoisonReason, letter: Option<DeadLetter>) {
        self.metrics.poison_record(kind);
        self.rekeyer.handle_poison(at, letter);
    }

    fn handle_malformed(&mut self, partition: i32, letter: DeadLetter) {
        self.rekeyer.handle_malformed(partition, letter);
    }
}

/// Cuts what is larger than a record may be. The topic takes whatever the input's takes, so only
/// what grew on its way into protobuf gets here.
fn fit(epoch: &mut Epoch, limit: usize, withholds: bool) {
    let room = |moved: &Moved| limit.saturating_sub(moved.headers.len());
    if !epoch.moved.iter().any(|moved| moved.payload.len() > room(moved)) {
        return;
    }
    for moved in std::mem::take(&mut epoch.moved) {
        if moved.payload.len() <= room(&moved) {
            epoch.moved.push(moved);
            continue;
        }
        match split_to_size(&moved.payload, room(&moved)) {
            Ok(split) => {
                for record in split.records {
                    epoch.moved.push(Moved { payload: record.into_owned(), ..moved.clone() });
                }
                for oversize in split.oversize {
                    let bytes = oversize.request.len();
                    let reason = format!("a span of {bytes} bytes fits no record of {limit} bytes");
                    error!("{reason}");
                    letter(epoch, moved.time, reason, oversize.request, withholds);
                }
            }
            Err(failure) => {
                let reason = format!("spans that fit no record cannot be cut: {failure}");
                error!("{reason}");
                letter(epoch, moved.time, reason, moved.payload, withholds);
            }
        }
    }
}

/// The spans may come from any record of the epoch: the letter goes with the first part.
fn letter(
    epoch: &mut Epoch,
    time: Option<Millis>,
    reason: String,
    value: Vec<u8>,
    withholds: bool,
) {
    if let Some(part) = epoch.parts.first_mut() {
        part.dead_letters.push(DeadLetter {
            kind: LetterKind::Spans,
            offset: part.next_offset - 1,
            time,
            reason,
            key: None,
            withheld: withholds.then_some(value.len()),
            value: (!withholds).then_some(value),
            headers: Box::default(),
        });
    }
}

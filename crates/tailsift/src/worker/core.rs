//! What a worker's loop and the group's callbacks share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tailsift_kafka::{Assigned, ClientSettings, Membership, SharedPolicyNames, Sink, SinkEvent};
use tailsift_sampler::{DeadLetter, RecordAt, Shard};
use tailsift_trace::{Batch, Millis};
use tracing::warn;

use super::restoring::{Restoring, Started};
use super::threshold::write_thresholds;
use super::{Fit, Intake, Shadow};
use crate::admin::Health;
use crate::app::board::{Board, Ends, Standing};
use crate::handover::{HandsOver, RETRACT_BUDGET};
use crate::live::{LiveView, Names, RecentTrace};
use crate::metrics::{
    PartitionLag, PoisonReason, WorkerMetrics, forget_partition, publish_partition,
};
use crate::reread::RereadDesk;

/// How often the same trouble is told.
const SAY_EVERY: Duration = Duration::from_secs(60);
const COMPARE_EVERY: Duration = Duration::from_secs(10);
/// How often counters are published.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);

/// Shard and sink of one worker.
pub(crate) struct WorkerCore {
    pub(crate) number: usize,
    pub(crate) shard: Shard,
    pub(crate) sink: Sink,
    pub(crate) restoring: Restoring,
    pub(crate) fit: Fit,
    /// Where dropped traces are read again, if they have a second chance.
    pub(crate) rereads: Option<RereadDesk>,
    /// Set if nothing is to be exported.
    pub(crate) shadow: Option<Shadow>,
    pub(crate) epoch: Duration,
    pub(crate) live: Arc<LiveView>,
    /// What policies are called in records and in the log.
    pub(crate) shared_names: SharedPolicyNames,
    /// And on show.
    pub(crate) names: Names,
    /// Other rules wait for the epoch under way: no further one is cut.
    pub(crate) rules_wait: bool,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) health: Arc<Health>,
    pub(crate) clocks: Clocks,
    /// What went wrong inside a callback, which cannot return it.
    pub(crate) error: Option<anyhow::Error>,
}

/// When things were last done.
pub(crate) struct Clocks {
    cut: Instant,
    published: Instant,
    /// When something last came, or outputs were committed.
    busy: Instant,
    records: u64,
    ends_seen: u64,
    drained: bool,
    /// Traces that were seen on two partitions when that was last said, and when.
    astray: u64,
    astray_said: Option<Instant>,
    /// When workers last compared where they saw traces.
    compared: Instant,
}

impl Clocks {
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Self {
            cut: now,
            published: now,
            busy: now,
            records: 0,
            ends_seen: 0,
            drained: false,
            astray: 0,
            astray_said: None,
            compared: now,
        }
    }
}

impl WorkerCore {
    /// Connects what writes.
    pub(crate) fn make_ready(&mut self) -> anyhow::Result<()> {
        Ok(self.sink.make_ready()?)
    }

    /// Logs in as these settings say, the next time that a broker asks.
    pub(crate) fn log_in(
        &mut self,
        client: &ClientSettings,
        export_client: Option<&ClientSettings>,
    ) -> anyhow::Result<()> {
        self.restoring.connect_anew(client)?;
        Ok(self.sink.log_in(client, export_client)?)
    }

    pub(crate) fn handle_assigned(&mut self, partitions: Vec<Assigned>) {
        self.restoring.begin(partitions);
        self.clocks.busy = Instant::now();
    }

    /// Goes on restoring what was assigned; what is ready to be read.
    pub(crate) fn restore(&mut self) -> Vec<Started> {
        self.restoring.poll(&mut self.shard)
    }

    /// Everything between records: commits, idle proofs, news for the process.
    pub(crate) fn tend(
        &mut self,
        membership: &Membership<'_>,
        board: &Board,
        joined: bool,
    ) -> anyhow::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.drive(membership)?;
        self.exchange_rereads();
        let now = Instant::now();
        let due = now.duration_since(self.clocks.cut) >= self.epoch || self.shard.wants_epoch();
        if due && !self.rules_wait && self.sink.is_idle() {
            self.cut(now);
        }
        let ends = board.ends();
        if ends.version != self.clocks.ends_seen {
            self.clocks.ends_seen = ends.version;
            for end in &ends.offsets {
                self.shard.handle_idle(end.partition, ends.asked_at, end.offset);
            }
            self.show_judged();
            self.drain_at_end(board, &ends);
        }
        if now.duration_since(self.clocks.published) >= PUBLISH_EVERY
            && self.publish(board, &ends, joined)
        {
            self.clocks.published = now;
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
        self.shard.is_congested()
    }

    pub(crate) fn is_drained(&self, board: &Board) -> bool {
        board.drain_asked_at().is_some() && self.clocks.drained && self.shard.is_settled()
    }

    /// Tells what was done in all, the last epoch included.
    pub(crate) fn publish_last(&mut self, board: &Board) {
        let (stats, gauges, sink) =
            (self.shard.stats().clone(), self.shard.gauges(), self.sink.stats());
        self.metrics.publish(&stats, &gauges, &sink);
        if let Some(shadow) = &mut self.shadow {
            shadow.tell_now();
        }
        board.set(self.number, Standing { stats, gauges, sink, ..Standing::default() });
    }

    pub(crate) fn take_error(&mut self) -> anyhow::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Measures judged traces and puts them on show.
    pub(crate) fn show_judged(&mut self) {
        while let Some(judged) = self.shard.poll_judged() {
            self.metrics.trace_held(judged.decision.close_reason, judged.held);
            let redactor = self.fit.redactor.as_ref();
            self.live.record(RecentTrace::new(judged, &self.names, redactor));
        }
        while let Some(turned) = self.shard.poll_turned() {
            self.live.turn(turned, &self.names, self.fit.redactor.as_ref());
        }
    }

    /// Takes what was found of dropped traces, and asks for more.
    fn exchange_rereads(&mut self) {
        let Some(desk) = &mut self.rereads else { return };
        while let Some(answer) = desk.poll() {
            self.shard.handle_reread(answer);
        }
        while desk.has_room()
            && let Some(reread) = self.shard.poll_reread()
        {
            desk.ask(reread);
        }
        self.show_judged();
    }

    /// Takes the epoch under way further.
    fn drive(&mut self, membership: &Membership<'_>) -> anyhow::Result<()> {
        if self.sink.is_idle() {
            return Ok(());
        }
        let shard = &self.shard;
        let event = self
            .sink
            .poll(membership, |partition, assignment| shard.holds(partition, assignment))?;
        match event {
            SinkEvent::Busy => {}
            SinkEvent::Committed(epoch) => {
                self.shard.handle_committed(&epoch);
                if epoch.parts.iter().any(|part| part.has_batch) {
                    self.clocks.busy = Instant::now();
                }
                let took = Duration::from_micros(self.sink.stats().last_epoch_us);
                self.metrics.epoch_committed(took);
            }
            SinkEvent::Discarded => {
                self.shard.handle_discarded();
                self.metrics.epoch_discarded();
            }
        }
        Ok(())
    }

    pub(super) fn cut(&mut self, now: Instant) -> bool {
        self.clocks.cut = now;
        let Some(mut epoch) = self.shard.poll_epoch() else { return false };
        if let Some(shadow) = &mut self.shadow {
            shadow.count_traces(&epoch);
        }
        self.metrics.thresholds(&write_thresholds(&mut epoch));
        let redacted = self.fit.fit(&mut epoch);
        self.metrics.redacted(&redacted);
        if let Some(shadow) = &mut self.shadow {
            shadow.withhold(&mut epoch);
        }
        self.sink.begin(epoch);
        true
    }

    /// Once asked to drain, and everything written before that was read: judges what waits.
    fn drain_at_end(&mut self, board: &Board, ends: &Ends) {
        let asked = board.drain_asked_at();
        if self.clocks.drained
            || asked.is_none_or(|asked| ends.asked_at <= asked)
            || !self.is_at(ends)
        {
            return;
        }
        self.shard.handle_drain();
        self.show_judged();
        self.clocks.drained = true;
    }

    fn is_at(&mut self, ends: &Ends) -> bool {
        self.shard.progress().all(|progress| {
            ends.of(progress.partition).is_some_and(|end| progress.next_offset >= end)
        })
    }

    /// Compares now and then with other workers which partitions traces are on.
    fn compare_sightings(&mut self, board: &Board) {
        if self.clocks.compared.elapsed() < COMPARE_EVERY {
            return;
        }
        self.clocks.compared = Instant::now();
        let mine = self.shard.sightings().clone();
        board.exchange_sightings(self.number, mine, |others| self.shard.handle_sightings(others));
    }

    /// Says now and then that the input is not keyed by trace ID.
    fn warn_of_mixed_keys(&mut self) {
        let astray = self.shard.stats().traces_on_two_partitions;
        let said = self.clocks.astray_said;
        if astray == self.clocks.astray || said.is_some_and(|said| said.elapsed() < SAY_EVERY) {
            return;
        }
        warn!(
            traces = astray - self.clocks.astray,
            of_all = "1 in 64 is looked at",
            "traces have records on two partitions, so their parts are judged apart: have the \
             producers key records by trace ID, all with the same partitioner (the Collector's \
             Kafka exporter: partition_traces_by_id: true), or set input.keyed_by to none, so that \
             tailsift brings them together itself"
        );
        self.clocks.astray = astray;
        self.clocks.astray_said = Some(Instant::now());
    }

    /// Tells what was done and is held; false if that has to wait for a scrape.
    fn publish(&mut self, board: &Board, ends: &Ends, joined: bool) -> bool {
        let gauges = self.shard.gauges();
        let sink = self.sink.stats();
        if !self.metrics.try_publish(self.shard.stats(), &gauges, &sink) {
            return false;
        }
        self.compare_sightings(board);
        self.warn_of_mixed_keys();
        if let Some(shadow) = &mut self.shadow {
            shadow.tell();
        }
        self.metrics.publish_restoring(self.restoring.standing());
        let mut owned = 0;
        for progress in self.shard.progress() {
            owned += 1;
            let behind = |offset: i64| ends.of(progress.partition).map(|end| (end - offset).max(0));
            publish_partition(
                progress.partition,
                PartitionLag {
                    read: behind(progress.next_offset),
                    settled: progress.committed.and_then(behind),
                    replay: Some(progress.to_replay),
                    stream_time: progress.stream_time,
                },
            );
        }
        let reason = match joined {
            true => self.restoring.reason(self.shard.records_to_replay()),
            false => Some("joining the consumer group".to_owned()),
        };
        self.health.worker_ready(self.number, reason.is_none(), &reason.unwrap_or_default());
        let stats = self.shard.stats();
        if stats.records != self.clocks.records {
            self.clocks.records = stats.records;
            self.clocks.busy = Instant::now();
        }
        let stats = stats.clone();
        let quiet = self.restoring.is_done()
            && self.shard.is_settled()
            && self.is_at(ends)
            && ends.asked_at > Millis(0);
        let quiet_since = quiet.then_some(self.clocks.busy);
        board.set(self.number, Standing { stats, gauges, sink, joined, owned, quiet_since });
        true
    }
}

impl HandsOver for WorkerCore {
    const HELD: &'static str = "traces";

    fn advance(&mut self, membership: &Membership<'_>) -> anyhow::Result<bool> {
        self.drive(membership)?;
        Ok(!self.sink.is_idle() || self.cut(Instant::now()))
    }

    fn sink(&mut self) -> &mut Sink {
        &mut self.sink
    }

    /// Partitions are not ours any more: of the epoch under way only the rest may go on.
    fn give_up(&mut self, partitions: &[i32]) {
        let retracted = self.sink.retract(RETRACT_BUDGET);
        self.note(retracted.map_err(Into::into));
        self.restoring.forget(partitions);
        self.shard.handle_revoked(partitions);
        partitions.iter().for_each(|partition| forget_partition(*partition));
    }

    fn note(&mut self, outcome: anyhow::Result<()>) {
        if let Err(error) = outcome {
            self.error.get_or_insert(error);
        }
    }
}

impl Intake for WorkerCore {
    fn handle_record(&mut self, at: &RecordAt<'_>, batch: &Batch<'_>) {
        self.shard.handle_record(at, batch);
    }

    fn handle_poison(&mut self, at: &RecordAt<'_>, kind: PoisonReason, letter: Option<DeadLetter>) {
        self.metrics.poison_record(kind);
        self.shard.handle_poison(at, letter);
    }

    fn handle_malformed(&mut self, partition: i32, letter: DeadLetter) {
        self.shard.handle_malformed(partition, letter);
    }
}

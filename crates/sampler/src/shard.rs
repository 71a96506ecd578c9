//! The state of the partitions that one worker owns.

use std::collections::BTreeMap;
use std::sync::Arc;

use tailsift_policy::{CloseReason, PolicySet, Vote};
use tailsift_trace::{AttributeKey, Batch, Millis};

use crate::completion::SERVICE_NAME;
use crate::keying::Sightings;
use crate::partition::{Common, Partition};
use crate::{
    DeadLetter, Epoch, Gauges, Judged, Limits, Progress, Reread, RereadAnswer, Restored, Stats,
    TurnedTrace,
};

/// Where and when a record was read.
#[derive(Debug, Clone, Copy)]
pub struct RecordAt<'a> {
    /// Its partition, which must be assigned.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp; `None` if it has none.
    pub time: Option<Millis>,
    /// The wall clock as it was read.
    pub wall_now: Millis,
    /// Its headers, encoded ([`tailsift_trace::encode_headers`]).
    pub headers: &'a [u8],
    /// The length of its payload.
    pub bytes: usize,
}

/// Scans bytes that were held of a record before, for what the policies ask that take over, and
/// shows the batch. False if only IDs, times and status of the spans could be read.
pub type Rescan<'a> = &'a mut dyn FnMut(&[u8], &mut dyn FnMut(&Batch<'_>)) -> bool;

impl RecordAt<'_> {
    /// Its timestamp as far as the wall clock allows: nobody waits for a producer that is ahead.
    pub(crate) fn stamp(&self) -> Option<Millis> {
        self.time.map(|time| time.min(self.wall_now))
    }
}

/// The sampler of one worker. See the crate's page.
#[derive(Debug)]
pub struct Shard {
    policies: Arc<PolicySet>,
    /// Where their names stand among those that decisions name.
    places: Box<[Option<u16>]>,
    limits: Limits,
    partitions: BTreeMap<i32, Partition>,
    assignments: u64,
    /// Orders traces of all partitions by arrival.
    sequence: u64,
    sightings: Sightings,
    stats: Stats,
    /// Where batches have the services' names, if completion asks.
    service: Option<AttributeKey>,
    judged: Vec<Judged>,
    turned: Vec<TurnedTrace>,
    reports_judged: bool,
    votes: Vec<Option<Vote>>,
    /// Bytes of window and remembered verdicts, kept up to date as partitions change.
    memory: usize,
    /// Bytes of the epoch that is being committed; at most one is.
    in_flight: Option<usize>,
    pending: usize,
    /// Turns of partitions that are not replayed, kept up to date like memory.
    turns_waiting: usize,
}

impl Shard {
    /// A shard without partitions.
    pub fn new(policies: Arc<PolicySet>, limits: Limits) -> Self {
        let count = policies.names().len();
        let kept_by_policy = vec![0; count];
        Self {
            service: limits.interest(&policies).find(SERVICE_NAME),
            policies,
            places: (0..count).map(|place| u16::try_from(place).ok()).collect(),
            limits,
            partitions: BTreeMap::new(),
            assignments: 0,
            sequence: 0,
            sightings: Sightings::new(),
            stats: Stats { kept_by_policy, ..Stats::default() },
            judged: Vec::new(),
            turned: Vec::new(),
            reports_judged: false,
            votes: Vec::new(),
            memory: 0,
            in_flight: None,
            pending: 0,
            turns_waiting: 0,
        }
    }

    /// Other policies judge from now on: traces that wait as if these had been there when they
    /// came, but that to a condition which asks for the time (`Now()`) they came at this moment.
    /// Verdicts stay, and late spans follow them.
    ///
    /// A [`Decision`](crate::Decision) names a policy by its place in a list of names that outlasts
    /// policies: at first those of the first set, in its order. `places` says where those of the
    /// new set stand in it, in their order; `None` if there is no room for a name, and its policy's
    /// keeps name nobody.
    ///
    /// # Panics
    /// If `places` are not as many as the policies.
    pub fn handle_policies(
        &mut self,
        policies: Arc<PolicySet>,
        places: Vec<Option<u16>>,
        rescan: Rescan<'_>,
    ) {
        assert_eq!(policies.names().len(), places.len(), "each policy has a place");
        self.service = self.limits.interest(&policies).find(SERVICE_NAME);
        let before = std::mem::replace(&mut self.policies, policies);
        self.places = places.into();
        let names = self.places.iter().flatten().max().map_or(0, |last| usize::from(*last) + 1);
        let kept = &mut self.stats.kept_by_policy;
        kept.resize(kept.len().max(names), 0);
        self.stats.policy_swaps += 1;
        let ids: Vec<i32> = self.partitions.keys().copied().collect();
        for id in ids {
            self.change(id, |partition, common| {
                partition.handle_policies(&before, &mut *rescan, common);
            });
        }
    }

    /// Whether judged traces are reported by [`poll_judged`](Self::poll_judged), and turned ones by
    /// [`poll_turned`](Self::poll_turned), which must then be drained after every call.
    pub fn report_judged(&mut self, wanted: bool) {
        self.reports_judged = wanted;
    }

    /// A partition is ours, and all that is known of it is restored.
    ///
    /// # Panics
    /// If it is ours already.
    pub fn handle_assigned(&mut self, partition: i32, from: Restored) {
        self.assignments += 1;
        self.stats.decisions_restored += from.decisions.len() as u64;
        let state = Partition::new(partition, self.assignments, from, &self.limits, &self.policies);
        self.memory += memory(&state);
        let earlier = self.partitions.insert(partition, state);
        assert!(earlier.is_none(), "partition {partition} was assigned twice");
    }

    /// A record was read and scanned. Records of partitions that are not assigned are ignored.
    pub fn handle_record(&mut self, at: &RecordAt<'_>, batch: &Batch<'_>) {
        self.count_record(at);
        self.stats.spans += batch.spans.len() as u64;
        self.stats.malformed_spans += u64::from(batch.malformed);
        self.stats.empty_records += u64::from(batch.chunks.is_empty() && batch.malformed == 0);
        for chunk in &batch.chunks {
            let astray = self.sightings.is_astray(chunk.trace_id, at.partition);
            self.stats.traces_on_two_partitions += u64::from(astray);
        }
        self.change(at.partition, |partition, common| partition.handle_record(at, batch, common));
    }

    /// On which partitions traces were seen, for the shards of other workers.
    pub fn sightings(&self) -> &Sightings {
        &self.sightings
    }

    /// What another worker's shard saw: traces that were seen here on another partition count as
    /// being on two. Of two workers one is shown the other's.
    pub fn handle_sightings(&mut self, others: &Sightings) {
        self.stats.traces_on_two_partitions += self.sightings.astray_from(others);
    }

    /// A record could not be read. It moves the clock and the offset like any other.
    pub fn handle_poison(&mut self, at: &RecordAt<'_>, letter: Option<DeadLetter>) {
        self.count_record(at);
        self.stats.poison_records += 1;
        self.change(at.partition, |partition, common| partition.handle_poison(at, letter, common));
    }

    /// Some spans of the record just handled were malformed: the letter leaves with the next cut.
    pub fn handle_malformed(&mut self, partition: i32, letter: DeadLetter) {
        self.change(partition, |partition, _| partition.add_letter(Some(letter)));
    }

    /// An end-offset request for the partition, asked at `asked_at` (wall clock) and including
    /// records of open transactions, answered `end_offset`.
    ///
    /// Only this moves an idle partition's stream time: that no record came proves nothing.
    pub fn handle_idle(&mut self, partition: i32, asked_at: Millis, end_offset: i64) {
        let grace = self.limits.idle_grace;
        self.change(partition, |partition, common| {
            partition.handle_idle(asked_at, end_offset, grace, common);
        });
    }

    /// Partitions are someone else's now. Their state is dropped, nothing is judged early: the
    /// next owner reads again from what was committed.
    pub fn handle_revoked(&mut self, partitions: &[i32]) {
        for id in partitions {
            let Some(partition) = self.partitions.remove(id) else { continue };
            self.stats.spans_given_up += partition.window().spans_open();
            self.stats.spans_given_up += partition.turns().spans();
            self.pending -= partition.output_bytes();
            self.turns_waiting -= turns_waiting(&partition);
        }
        self.recount();
    }

    /// The input has ended for good: every waiting trace is judged on what is there.
    pub fn handle_drain(&mut self) {
        let ids: Vec<i32> = self.partitions.keys().copied().collect();
        for id in ids {
            self.change(
                id,
                |partition, common| {
                    while partition.judge_oldest(CloseReason::Drain, common) {}
                },
            );
        }
    }

    /// A trace that was judged, if [asked for](Self::report_judged), in no particular order.
    pub fn poll_judged(&mut self) -> Option<Judged> {
        self.judged.pop()
    }

    /// A verdict that was turned, if [asked for](Self::report_judged), in no particular order.
    pub fn poll_turned(&mut self) -> Option<TurnedTrace> {
        self.turned.pop()
    }

    /// A dropped trace whose records are to be read again, so that it is kept
    /// ([`SecondChance`](crate::SecondChance)). Each is asked for once; the answer goes to
    /// [`handle_reread`](Self::handle_reread).
    pub fn poll_reread(&mut self) -> Option<Reread> {
        self.partitions.values_mut().find_map(Partition::poll_reread)
    }

    /// What was found of a trace's records, between two records: it is kept, and exported with what
    /// is there. Ignored if the assignment that asked has ended, or the trace is kept already.
    pub fn handle_reread(&mut self, answer: RereadAnswer) {
        self.change(answer.asked.partition, |partition, common| {
            partition.handle_reread(answer, common);
        });
    }

    /// The cut: all that happened since the last one, to be committed as a whole. `None` if
    /// nothing did, or while an epoch is being committed.
    pub fn poll_epoch(&mut self) -> Option<Epoch> {
        if self.in_flight.is_some() {
            return None;
        }
        let stats = &mut self.stats;
        let parts: Vec<_> =
            self.partitions.values_mut().filter_map(|partition| partition.cut(stats)).collect();
        self.recount();
        if parts.is_empty() {
            return None;
        }
        // What a partition is to export that still replays stays with it.
        let left = self.partitions.values().map(Partition::output_bytes).sum();
        self.in_flight = Some(self.pending - left);
        self.pending = left;
        Some(Epoch { parts, ..Epoch::default() })
    }

    /// The epoch was committed, but for parts that were left out because their assignment had
    /// ended.
    pub fn handle_committed(&mut self, epoch: &Epoch) {
        self.in_flight = None;
        for part in &epoch.parts {
            self.change(part.partition, |partition, _| {
                if partition.assignment == part.assignment {
                    partition.handle_committed(part);
                }
            });
        }
    }

    /// The epoch will never be committed: all its assignments have ended.
    pub fn handle_discarded(&mut self) {
        self.in_flight = None;
    }

    /// True if a part's assignment is still held.
    pub fn holds(&self, partition: i32, assignment: u64) -> bool {
        self.partitions.get(&partition).is_some_and(|held| held.assignment == assignment)
    }

    /// True while outputs have piled up to their bound, or turns that wait for their records to
    /// theirs: hand in no more records until an epoch was committed, or an answer came.
    pub fn is_congested(&self) -> bool {
        self.pending + self.in_flight.unwrap_or(0) >= self.limits.epoch_bytes
            || self.limits.second_chance.as_ref().is_some_and(|of| self.turns_waiting >= of.pending)
    }

    /// True if half the bound on outputs is reached: time for a cut before its time.
    pub fn wants_epoch(&self) -> bool {
        self.in_flight.is_none() && self.pending * 2 >= self.limits.epoch_bytes
    }

    /// True if no trace waits and nothing is left to be committed.
    pub fn is_settled(&self) -> bool {
        let settled = |partition: &Partition| {
            partition.window().traces_open() == 0
                && partition.turns().len() == 0
                && partition.output_bytes() == 0
                && partition.is_live()
                && partition.committed() == Some(partition.next_offset())
        };
        self.in_flight.is_none() && self.partitions.values().all(settled)
    }

    /// Its bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counters since the shard's creation.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What is held now.
    pub fn gauges(&mut self) -> Gauges {
        let mut gauges =
            Gauges { epoch_bytes: self.pending + self.in_flight.unwrap_or(0), ..Gauges::default() };
        for partition in self.partitions.values_mut() {
            let window = partition.window();
            gauges.traces_open += window.traces_open();
            gauges.spans_open += window.spans_open();
            gauges.decisions += window.decisions();
            gauges.decision_bytes += window.decision_bytes();
            gauges.turns += partition.turns().len();
            gauges.turn_spans += partition.turns().spans();
            gauges.window_bytes += partition.window_bytes();
            gauges.edges += partition.edges();
            gauges.oldest_open = gauges.oldest_open.max(partition.oldest_open());
        }
        gauges
    }

    /// How far each partition has come.
    pub fn progress(&mut self) -> impl Iterator<Item = Progress> {
        self.partitions.values_mut().map(|partition| Progress {
            partition: partition.id,
            next_offset: partition.next_offset(),
            low_watermark: partition.low_watermark(),
            committed: partition.committed(),
            to_replay: partition.to_replay(),
            stream_time: partition.stream_time(),
        })
    }

    fn count_record(&mut self, at: &RecordAt<'_>) {
        self.stats.records += 1;
        self.stats.record_bytes += at.bytes as u64;
    }

    /// Records that were read before and are still to be read again, before anything of their
    /// partitions is judged.
    pub fn records_to_replay(&self) -> i64 {
        self.partitions.values().map(Partition::to_replay).sum()
    }

    /// True if one more partition may be restored now. While memory is short, one replays after
    /// the other: nothing of a partition can be judged, and so let go, before it has caught up.
    pub fn may_restore(&self) -> bool {
        self.memory <= self.limits.memory_bytes || self.records_to_replay() == 0
    }

    /// Changes a partition, then sees to the memory bound.
    fn change(&mut self, id: i32, change: impl FnOnce(&mut Partition, &mut Common<'_>)) {
        self.change_unbounded(id, change);
        if self.memory > self.limits.memory_bytes {
            self.relieve();
        }
    }

    /// Changes a partition and keeps the shard's sums.
    fn change_unbounded(&mut self, id: i32, change: impl FnOnce(&mut Partition, &mut Common<'_>)) {
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        let before = (memory(partition), partition.output_bytes(), turns_waiting(partition));
        let mut common = Common {
            policies: &self.policies,
            places: &self.places,
            stats: &mut self.stats,
            judged: self.reports_judged.then_some(&mut self.judged),
            turned: self.reports_judged.then_some(&mut self.turned),
            votes: &mut self.votes,
            service: self.service,
            sequence: &mut self.sequence,
        };
        change(partition, &mut common);
        self.memory = self.memory + memory(partition) - before.0;
        self.pending = self.pending + partition.output_bytes() - before.1;
        self.turns_waiting = self.turns_waiting + turns_waiting(partition) - before.2;
    }

    /// Back below the memory bound: verdicts that fill more than half of it are forgotten before
    /// their time, then the oldest traces are judged before theirs. Never a pause: a paused
    /// partition's clock would stop, and its window with it.
    fn relieve(&mut self) {
        self.recount();
        while self.decision_bytes() > self.limits.memory_bytes / 2 && self.forget_early() {}
        while self.memory > self.limits.memory_bytes {
            // What replays cannot be judged yet: traces of others make room for it.
            let oldest = |partition: &mut Partition| {
                let live = partition.is_live();
                partition.oldest().filter(|_| live).map(|arrival| (arrival.sequence, partition.id))
            };
            let Some((_, id)) = self.partitions.values_mut().filter_map(oldest).min() else {
                if self.give_up_turn() {
                    continue;
                }
                return;
            };
            self.change_unbounded(id, |partition, common| {
                partition.judge_oldest(CloseReason::MemoryLimit, common);
            });
        }
    }

    /// Keeps what there is of the trace whose records are waited for longest; false if none is.
    fn give_up_turn(&mut self) -> bool {
        let oldest = |partition: &mut Partition| {
            partition.oldest_turn().map(|arrival| (arrival.sequence, partition.id))
        };
        let Some((_, id)) = self.partitions.values_mut().filter_map(oldest).min() else {
            return false;
        };
        self.change_unbounded(id, |partition, common| partition.give_up_oldest_turn(common));
        true
    }

    /// Looking for a partition's oldest trace tidies its ledger: what that frees is seen here.
    fn recount(&mut self) {
        self.memory = self.partitions.values().map(memory).sum();
    }

    fn decision_bytes(&self) -> usize {
        self.partitions.values().map(|partition| partition.window().decision_bytes()).sum()
    }

    fn forget_early(&mut self) -> bool {
        let mut forgot = false;
        for partition in self.partitions.values_mut() {
            let before = memory(partition);
            if partition.forget_early() {
                self.stats.decisions_forgotten_early += 1;
                forgot = true;
            }
            self.memory = self.memory + memory(partition) - before;
        }
        forgot
    }
}

/// Turns that somebody may answer. Those of a partition that is replayed are not asked for before
/// that is read to its end: to wait for them would be to wait for ever.
fn turns_waiting(partition: &Partition) -> usize {
    if partition.is_live() { partition.turns().len() } else { 0 }
}

fn memory(partition: &Partition) -> usize {
    partition.window_bytes() + partition.window().decision_bytes()
}

#[cfg(test)]
mod tests;

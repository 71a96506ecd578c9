//! What kind of world a seed makes.

use tailsift_policy::{
    DropIf, Kind, Latency, LowConfidence, NameMatch, Policy, Scale, SpanLatency, StatusCodes,
};
use tailsift_sampler::{Limits, RemoteParents, SecondChance, Structural};
use tailsift_trace::{Millis, StatusCode};

use crate::random::Random;

/// The traces are judged slow above this.
pub(crate) const SLOW_ABOVE_MS: i64 = 500;
/// Traces with a span of this name are dropped.
pub(crate) const WARM_UP: &str = "warm-up";
/// Predictions are judged unsure below this.
pub(crate) const UNSURE_BELOW: f64 = 0.5;

/// When exports and offsets count as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Exports, verdicts and offsets are committed in one transaction.
    ExactlyOnce,
    /// Exports are acknowledged, then verdicts, then offsets are committed.
    AtLeastOnce,
}

/// The constants of one world.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What everything is drawn from.
    pub seed: u64,
    /// How epochs are committed.
    pub delivery: Delivery,
    /// Partitions of the input topic.
    pub partitions: i32,
    /// Members of the consumer group.
    pub workers: usize,
    /// The shards' limits.
    pub limits: Limits,
    /// Time between cuts, ms.
    pub epoch: Millis,
    /// Exports are split into records of at most so many bytes.
    pub message_bytes_max: usize,
    /// Traces in the input.
    pub traces: usize,
    /// The input is produced over so long, ms.
    pub horizon: Millis,
    /// Bytes of attribute that a span carries at most beside what matters.
    pub padding_max: usize,
    /// How soon workers get round to things.
    pub pace: Pace,
    /// What may go wrong.
    pub faults: Faults,
    /// How often a call to the broker fails.
    pub calls: Calls,
    /// Partitions of the decisions topic.
    pub decision_partitions: i32,
    /// A decision batch is split into slices of at most so many entries.
    pub slice_entries: usize,
    /// Members keep their name and their transactional id when they start again.
    pub static_members: bool,
    /// The broker gives up a transaction after so long, ms.
    pub transaction_timeout: Millis,
    /// Some traces have a span for whose sake they are dropped, whatever else they have.
    pub vetoes: bool,
    /// Workers may start again with another wait and other policies.
    pub reconfigures: bool,
}

/// How often a call of the transaction's fails, per mille.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calls {
    /// Without effect: the same call may be made again.
    pub retriable: u64,
    /// Without effect, and the transaction must be aborted.
    pub abortable: u64,
    /// It takes effect, and its reply is lost.
    pub reply_lost: u64,
}

/// How soon workers get round to things, per mille of their steps.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// To what the group has to say.
    pub serve: u64,
    /// To the next move of a commit.
    pub commit: u64,
    /// To asking whether a partition has ended.
    pub ask: u64,
    /// The broker to writing a marker.
    pub markers: u64,
    /// To what is read again for a second chance.
    pub reread: u64,
}

/// How often what goes wrong does: per mille, of scheduler steps or of records.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Workers die and start again.
    pub crash: u64,
    /// Workers stand still for a while, and may lose their partitions meanwhile.
    pub stall: u64,
    /// Partitions are asked back to move to another worker.
    pub rebalance: u64,
    /// Members are put out of the group, without being asked.
    pub kick: u64,
    /// A second process is started with the name of a first that goes on for a while; per 100 000.
    pub replace: u64,
    /// The group's offsets are lost, when nobody is left; per million.
    pub lose_offsets: u64,
    /// The decisions topic gets more partitions; per million.
    pub grow: u64,
    /// What is no longer needed of the decision log is deleted.
    pub trim: u64,
    /// What is needed is deleted too: owners must refuse.
    pub hasty_trim: u64,
    /// Records that nobody can read.
    pub poison: u64,
    /// Records that a producer wrote twice.
    pub duplicate: u64,
    /// Spans that come after their trace's deadline.
    pub late: u64,
    /// Records without a timestamp.
    pub unstamped: u64,
    /// Records stamped far in the future.
    pub future: u64,
    /// Offsets that hold no record for a reader (markers, compaction).
    pub gap: u64,
    /// Records below what is committed are deleted.
    pub retention: u64,
    /// Records that are read again for a second chance do not come in time.
    pub slow_reader: u64,
}

impl Faults {
    /// True if nothing makes a partition be read twice.
    pub fn spare_workers(&self) -> bool {
        self.crash + self.stall + self.rebalance + self.kick + self.replace + self.lose_offsets == 0
    }
}

impl Plan {
    /// The world of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let small_memory = random.chance(200);
        let small_traces = random.chance(150);
        let decision_wait = Millis::from_secs(random.pick(&[8, 15, 30]));
        let limits = Limits {
            decision_wait,
            decision_wait_after_root: random.chance(200).then_some(Millis(7000)),
            structural: structural_of(seed),
            remember: random.pick(&[decision_wait, Millis::from_secs(600)]),
            second_chance: None,
            idle_grace: Millis::from_secs(2),
            memory_bytes: if small_memory { 160 << 10 } else { 64 << 20 },
            spans_per_trace: if small_traces { 5 } else { 100_000 },
            bytes_per_trace: if small_traces { 1500 } else { 64 << 20 },
            input_partitions: 1,
            epoch_bytes: random.pick(&[8 << 10, 64 << 20]),
        };
        Self {
            seed,
            delivery: Delivery::of(seed),
            partitions: random.pick(&[1, 1, 2, 3, 4]),
            workers: random.pick(&[1, 1, 2, 3]),
            limits,
            epoch: Millis(500),
            message_bytes_max: random.pick(&[400, 4000, 1_000_000]),
            traces: random.between(10, 60) as usize,
            horizon: Millis::from_secs(random.pick(&[20, 60, 120])),
            padding_max: if small_memory { 6000 } else { random.pick(&[0, 200]) },
            pace: Pace {
                serve: random.pick(&[500, 100, 20]),
                commit: random.pick(&[600, 300, 100]),
                ask: random.pick(&[100, 30]),
                markers: random.pick(&[500, 200, 50]),
                reread: 0,
            },
            faults: Faults::draw(random),
            calls: Calls::draw(random),
            decision_partitions: random.pick(&[1, 2, 4]),
            slice_entries: random.pick(&[1, 3, 1000]),
            static_members: random.chance(400),
            transaction_timeout: Millis::from_secs(random.pick(&[3, 15])),
            vetoes: false,
            reconfigures: false,
        }
        .reconfigured(random)
        .chanced()
    }

    /// Half of the worlds give dropped traces a second chance. Drawn by itself: a seed's world is
    /// the same in either case, but that more spans are late.
    fn chanced(mut self) -> Self {
        let random = &mut Random::new(self.seed ^ 0x0063_6861_6e63_6500);
        if !random.chance(500) {
            return self;
        }
        let remember = self.limits.remember;
        let is_short_of = random.chance(200);
        self.limits.second_chance = Some(SecondChance {
            remember: random.pick(&[remember, remember, Millis(remember.0.min(10_000))]),
            traces_per_second: if is_short_of { random.pick(&[0, 1]) } else { 1_000_000 },
            bytes_per_second: if is_short_of { 50 } else { 1 << 40 },
            pending: random.pick(&[1, 3, 1000]),
        });
        self.vetoes = random.chance(300);
        self.pace.reread = random.pick(&[300, 30, 5]);
        self.faults.late = random.pick(&[100, 300, 600]);
        self.faults.slow_reader = random.pick(&[0, 0, 0, 100]);
        let may_expire = self.faults.lose_offsets == 0;
        self.faults.retention = if may_expire { random.pick(&[0, 0, 0, 100]) } else { 0 };
        self
    }

    /// The same world without a second chance for anything.
    pub fn without_second_chance(mut self) -> Self {
        self.limits.second_chance = None;
        self.vetoes = false;
        self.faults = Faults { retention: 0, slow_reader: 0, ..self.faults };
        self
    }

    /// True if what is visible follows from the input alone, whatever breaks: nothing is forgotten
    /// or left out for want of time, room or budget, so a trace is visible whole if and only if all
    /// its spans together want it.
    pub fn is_confluent(&self) -> bool {
        let Faults { retention, slow_reader, hasty_trim, future, .. } = self.faults;
        let is_generous = |chance: &SecondChance| {
            chance.remember >= Millis::from_secs(600) && chance.traces_per_second > 1000
        };
        self.delivery == Delivery::ExactlyOnce
            && self.limits.second_chance.as_ref().is_some_and(is_generous)
            && retention + slow_reader + hasty_trim + future == 0
            && !self.has_tight_memory()
            && !self.reconfigures
            && !self.vetoes
    }

    /// Every so many worlds the configuration changes as workers start again.
    fn reconfigured(mut self, random: &mut Random) -> Self {
        self.reconfigures = random.chance(150);
        if self.reconfigures {
            self.limits.remember = Millis::from_secs(random.pick(&[30, 600]));
        }
        self
    }

    /// The same world without anything that makes a partition be read twice.
    pub fn without_crashes(mut self) -> Self {
        self.faults = Faults {
            crash: 0,
            stall: 0,
            rebalance: 0,
            kick: 0,
            replace: 0,
            lose_offsets: 0,
            ..self.faults
        };
        self
    }

    /// The same world with a broker whose calls fail as often as this.
    pub fn with_calls(mut self, calls: Calls) -> Self {
        self.calls = calls;
        self
    }

    /// The same world whose epochs are committed in this way.
    pub fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// True if traces may be judged before their time for want of room.
    pub fn has_tight_limits(&self) -> bool {
        let roomy = Limits::default();
        self.has_tight_memory() || self.limits.spans_per_trace < roomy.spans_per_trace
    }

    /// True if verdicts may be forgotten before their time for want of room.
    pub fn has_tight_memory(&self) -> bool {
        self.limits.memory_bytes < 1 << 20
    }

    /// The waits and policies that a worker may start with; the first is the usual one.
    pub(crate) fn configurations(&self) -> Vec<(Millis, bool)> {
        let usual = (self.limits.decision_wait, true);
        if !self.reconfigures {
            return vec![usual];
        }
        [8, 15, 30].into_iter().flat_map(|wait| [true, false].map(|all| (wait, all))).fold(
            vec![usual],
            |mut list, (wait, all)| {
                list.push((Millis::from_secs(wait), all));
                list
            },
        )
    }

    /// The policies of every world. But for the first, which few worlds have spans for, they only
    /// ever find more reason to keep a trace as its spans come, so that the whole input says what
    /// must be visible.
    pub fn policies() -> Vec<Policy> {
        let slow = Latency { threshold_ms: SLOW_ABOVE_MS, upper_threshold_ms: 0 };
        let unsure = LowConfidence {
            below: UNSURE_BELOW,
            per_model_version: Default::default(),
            scale: Scale::Unit,
            of_arrays: None,
        };
        let warm_up = SpanLatency {
            span_name: WARM_UP.to_owned(),
            name_match: NameMatch::Exact,
            service: None,
            above_ns: 0,
        };
        let warm_up = vec![Policy::new("warm-up", Kind::SpanLatency(warm_up))];
        vec![
            Policy::new("not at work", Kind::Drop(DropIf(warm_up))),
            Policy::new("errors", Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]))),
            Policy::new("slow", Kind::Latency(slow)),
            Policy::new("unsure", Kind::LowConfidence(unsure)),
        ]
    }
}

/// Drawn by itself: the rest of a seed's world is the same with it and without.
fn structural_of(seed: u64) -> Option<Structural> {
    let mut random = Random::new(seed ^ 0x7768_6f6c_6500);
    random.chance(300).then(|| Structural {
        settle: random.pick(&[Millis(500), Millis(1000), Millis(3000)]),
        remote_parents: random.pick(&[RemoteParents::Ignored, RemoteParents::Learned]),
        edges_max: random.pick(&[0, 2, 1000]),
    })
}

impl Delivery {
    /// Both.
    pub const ALL: [Self; 2] = [Self::ExactlyOnce, Self::AtLeastOnce];

    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExactlyOnce => "exactly-once",
            Self::AtLeastOnce => "at-least-once",
        }
    }

    /// Drawn by itself: a seed's world is the same in either, but for this.
    fn of(seed: u64) -> Self {
        match Random::new(seed ^ 0x6f72_6465_7200).chance(200) {
            true => Self::AtLeastOnce,
            false => Self::ExactlyOnce,
        }
    }
}

impl Faults {
    fn draw(random: &mut Random) -> Self {
        let calm = random.chance(350);
        let mut of_workers = |choices: &[u64]| if calm { 0 } else { random.pick(choices) };
        let (crash, stall) = (of_workers(&[0, 1, 4]), of_workers(&[0, 0, 2]));
        let rebalance = of_workers(&[0, 1, 4]);
        let (kick, replace) = (of_workers(&[0, 0, 1, 3]), of_workers(&[0, 0, 30]));
        let hasty_trim = if random.chance(60) { 20 } else { 0 };
        // Where the log's beginning is missing and the offsets too, nothing tells.
        let loses = hasty_trim == 0 && random.chance(200);
        Self {
            crash,
            stall,
            rebalance,
            kick,
            replace,
            lose_offsets: if loses && !calm { 400 } else { 0 },
            grow: random.pick(&[0, 0, 0, 300]),
            trim: random.pick(&[0, 0, 15, 60]),
            hasty_trim,
            poison: random.pick(&[0, 20]),
            duplicate: random.pick(&[0, 50, 200]),
            late: random.pick(&[0, 50, 200]),
            unstamped: random.pick(&[0, 0, 30]),
            future: random.pick(&[0, 0, 20]),
            gap: random.pick(&[0, 100]),
            retention: 0,
            slow_reader: 0,
        }
    }
}

impl Calls {
    fn draw(random: &mut Random) -> Self {
        match random.below(4) {
            0 => Self::default(),
            1 => Self { retriable: 200, abortable: 300, reply_lost: 30 },
            _ => Self { retriable: 40, abortable: 20, reply_lost: 30 },
        }
    }
}

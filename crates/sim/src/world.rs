//! A world: input, broker, workers, what goes wrong, and in which order.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tailsift_policy::{Kind, Policy, PolicySet, Semantics};
use tailsift_sampler::Limits;
use tailsift_trace::Millis;

use crate::broker::{Broker, Topic};
use crate::event::{Event, Violation, What};
use crate::fault::Mutation;
use crate::input::{BEGIN, Input};
use crate::plan::{Calls, Plan};
use crate::random::Random;
use crate::witness::Witness;
use crate::worker::{Worker, WorkerSettings, config_of};

/// How a world went.
#[derive(Debug)]
pub struct Outcome {
    /// Its constants.
    pub plan: Plan,
    /// All that happened.
    pub events: Vec<Event>,
    /// What a checker found, if one did: the world ends there.
    pub violation: Option<Violation>,
    /// How many steps it took.
    pub steps: usize,
    /// How many records the input had.
    pub records: usize,
    /// By trace: whether it must be visible whole.
    pub must_show: Vec<bool>,
    /// By span: how often it is visible in the end.
    pub visible: Vec<usize>,
    /// By span: its trace.
    traces: Vec<usize>,
}

impl Outcome {
    /// How many verdicts there were, those included that came to nothing.
    pub fn traces_judged(&self) -> usize {
        self.events.iter().filter(|event| matches!(event.what, What::Judged(_))).count()
    }

    /// The trace of a span.
    pub fn trace_of(&self, span: usize) -> Option<usize> {
        self.traces.get(span).copied()
    }

    /// One number for all that happened, to compare two runs by.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for event in &self.events {
            format!("{event:?}").hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// Runs the world of a plan until it is at rest or a checker objects.
pub fn run(plan: &Plan) -> Outcome {
    run_mutated(plan, None)
}

/// Runs a world that is broken on purpose.
pub fn run_mutated(plan: &Plan, mutation: Option<Mutation>) -> Outcome {
    let mut random = Random::new(plan.seed ^ 0x0077_6f72_6c64);
    let input = Input::new(plan, &mut random.fork());
    let mut witness = Witness::new(plan.clone(), &input, mutation);
    let broker = Broker::new(input, BEGIN, plan, mutation);
    let mut world = World {
        random,
        broker,
        workers: Vec::new(),
        twins: Vec::new(),
        processes: vec![0; plan.workers],
        settings: settings(plan, mutation),
        trim: None,
        steps: 0,
    };
    // A core that panics has broken its own word: that is a finding like any other.
    let end = catch_unwind(AssertUnwindSafe(|| world.run(&mut witness)));
    let violation = end.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))).err();
    let truth = &witness.checkers.truth;
    let in_time = truth.keep.iter().zip(&truth.punctual);
    Outcome {
        plan: plan.clone(),
        violation,
        steps: world.steps,
        records: world.broker.input.logs.iter().map(Vec::len).sum(),
        must_show: in_time.map(|(keep, in_time)| *keep && *in_time).collect(),
        visible: witness.checkers.visible.clone(),
        traces: world.broker.input.spans.iter().map(|span| span.trace).collect(),
        events: witness.events,
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Violation {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    Violation { invariant: "no panic", text: text.to_owned() }
}

struct World {
    random: Random,
    broker: Broker,
    /// One for each place in the group.
    workers: Vec<Worker>,
    /// Processes whose name another has taken; they know nothing of it.
    twins: Vec<Worker>,
    /// How many processes each place has seen.
    processes: Vec<usize>,
    /// What a process may be started with.
    settings: Vec<WorkerSettings>,
    /// Somebody is about to shorten the decision log.
    trim: Option<Trim>,
    steps: usize,
}

/// How far the shortening of the decision log has come: anything may happen in between.
enum Trim {
    /// Its ends are known.
    Ends(BTreeMap<i32, i64>),
    /// Below these offsets it may be deleted.
    Below(BTreeMap<i32, i64>),
}

/// Steps without faults after which a world must be at rest.
const PATIENCE: usize = 200_000;
/// Worlds have fewer workers.
pub(crate) const WORKERS_MAX: usize = 16;

impl World {
    fn run(&mut self, witness: &mut Witness) -> Result<(), Violation> {
        for slot in 0..self.processes.len() {
            let worker = self.start(slot, witness);
            self.workers.push(worker);
        }
        let ends = self.broker.input.ends();
        while self.broker.wall < ends {
            self.break_something(witness);
            self.step(witness)?;
        }
        self.heal();
        for count in 0..PATIENCE {
            self.step(witness)?;
            if count % 50 == 0 {
                self.broker.settle();
                witness.hear(&self.broker)?;
                self.keep_members();
                if self.is_at_rest() {
                    return witness.checkers.finish(&witness.plan, &self.broker);
                }
            }
        }
        let text = format!("not at rest after {PATIENCE} steps without faults");
        Err(Violation { invariant: "liveness", text })
    }

    /// Starts another process in a place.
    fn start(&mut self, slot: usize, witness: &mut Witness) -> Worker {
        let which = self.random.below(self.settings.len());
        let settings = self.settings[which].clone();
        let id = self.processes[slot] * WORKERS_MAX + slot;
        self.processes[slot] += 1;
        let (wait, all_policies) = (settings.told.decision_wait, settings.all_policies);
        if self.settings.len() > 1 {
            witness.note(id, What::Started { wait, all_policies }, &self.broker);
        }
        Worker::new(id, slot, settings, self.broker.wall)
    }

    /// Time passes, and somebody does something.
    fn step(&mut self, witness: &mut Witness) -> Result<(), Violation> {
        self.steps += 1;
        if self.random.chance(250) {
            self.broker.wall = self.broker.wall + Millis(self.random.between(1, 120));
        }
        if self.random.chance(300) {
            self.broker.step(&mut self.random);
            witness.hear(&self.broker)?;
        }
        let some = self.random.below(self.workers.len() + self.twins.len());
        let place = some.checked_sub(self.workers.len());
        let worker = match place {
            Some(twin) => &mut self.twins[twin],
            None => &mut self.workers[some],
        };
        if worker.stalled_until > self.broker.wall {
            return Ok(());
        }
        if worker.client.fenced {
            // It exits, and says why; one that should run is started again.
            self.crash(some, witness);
            return Ok(());
        }
        worker.step(&mut self.random, &mut self.broker, witness)
    }

    fn crash(&mut self, some: usize, witness: &mut Witness) {
        if let Some(twin) = some.checked_sub(self.workers.len()) {
            let mut twin = self.twins.remove(twin);
            twin.die(&mut self.random, &mut self.broker);
            witness.note(twin.id, What::Crashed, &self.broker);
            return;
        }
        self.workers[some].die(&mut self.random, &mut self.broker);
        witness.note(self.workers[some].id, What::Crashed, &self.broker);
        self.workers[some] = self.start(some, witness);
    }

    fn break_something(&mut self, witness: &mut Witness) {
        let faults = witness.plan.faults;
        let some = self.random.below(self.workers.len());
        if self.random.chance(faults.crash) {
            self.crash(some, witness);
        }
        let wall = self.broker.wall;
        if self.random.chance(faults.stall) && self.workers[some].stalled_until <= wall {
            witness.note(self.workers[some].id, What::Stalled, &self.broker);
            self.workers[some].stalled_until = wall + Millis(self.random.between(500, 20_000));
        }
        if self.random.rarely(faults.replace * 10) {
            witness.note(self.workers[some].id, What::Replaced, &self.broker);
            let newer = self.start(some, witness);
            self.twins.push(std::mem::replace(&mut self.workers[some], newer));
        }
        if !self.twins.is_empty() && self.random.chance(5) {
            self.crash(self.workers.len(), witness);
        }
        self.disturb_group(some, witness);
        self.disturb_log(witness);
    }

    fn disturb_group(&mut self, some: usize, witness: &mut Witness) {
        let faults = witness.plan.faults;
        if self.random.chance(faults.rebalance) {
            witness.note(self.workers[some].id, What::Stirred, &self.broker);
            self.broker.group.stir();
        }
        if self.random.chance(faults.kick)
            && let Some(member) = self.workers[some].client.membership().member
        {
            witness.note(self.workers[some].id, What::Kicked, &self.broker);
            self.broker.group.kick(member);
        }
        let wall = self.broker.wall;
        let all = || self.workers.iter().chain(&self.twins);
        let awake = all().filter(|worker| worker.stalled_until <= wall);
        let awake: Vec<u64> = awake.filter_map(|w| w.client.membership().member).collect();
        let group = &mut self.broker.group;
        for member in group.members.keys().copied().collect::<Vec<_>>() {
            // The session ends of one that is gone or stands still, or that does not join in time.
            let is_gone = !awake.contains(&member) && self.random.chance(10);
            let is_late = group.is_preparing && !group.joined.contains(&member);
            if is_gone || is_late && self.random.chance(2) {
                group.kick(member);
            }
        }
        if self.random.rarely(faults.lose_offsets) {
            for one in (0..self.workers.len() + self.twins.len()).rev() {
                self.crash(one, witness);
            }
            self.broker.lose_offsets();
            // Whoever was shortening the log was of the group, too.
            self.trim = None;
            witness.checkers.offsets_lost();
            witness.note(0, What::OffsetsLost, &self.broker);
        }
    }

    fn disturb_log(&mut self, witness: &mut Witness) {
        let faults = witness.plan.faults;
        if self.random.rarely(faults.grow) {
            self.broker.grow_decisions();
            let what = What::Grown(self.broker.decision_partitions());
            witness.note(0, what, &self.broker);
        }
        if self.random.chance(faults.trim) {
            self.trim = match self.trim.take() {
                None => Some(Trim::Ends(self.broker.decision_ends())),
                Some(Trim::Ends(ends)) => self.broker.log_needed_from(&ends).map(Trim::Below),
                Some(Trim::Below(needed)) => {
                    for (log_partition, from) in needed {
                        self.delete(log_partition, from, witness);
                    }
                    None
                }
            };
        }
        if faults.retention > 0 && self.random.chance(faults.retention) {
            let partition = self.random.below(self.broker.input.logs.len()) as i32;
            let behind = self.random.below(12);
            if let Some(start) = self.broker.expire_input(partition, behind) {
                witness.note(0, What::Expired { partition, start }, &self.broker);
            }
        }
        if self.random.chance(faults.hasty_trim) {
            let some = self.random.below(self.broker.decision_partitions() as usize) as i32;
            let (_, stable, _) = self.broker.bounds(Topic::Decisions(some));
            let upto = stable - self.random.between(0, 6);
            self.delete(some, upto, witness);
        }
    }

    fn delete(&mut self, log_partition: i32, below: i64, witness: &mut Witness) {
        let topic = Topic::Decisions(log_partition);
        let (before, ..) = self.broker.bounds(topic);
        let start = self.broker.delete_below(topic, below);
        if start > before {
            witness.note(0, What::Trimmed { log_partition, start }, &self.broker);
        }
    }

    fn heal(&mut self) {
        self.twins.clear();
        self.broker.calls = Calls::default();
        for worker in &mut self.workers {
            worker.stalled_until = self.broker.wall;
        }
    }

    /// Members that are gone lose their place.
    fn keep_members(&mut self) {
        let ours = self.workers.iter().filter_map(|worker| worker.client.membership().member);
        let ours: Vec<u64> = ours.collect();
        let group = &mut self.broker.group;
        for member in group.members.keys().copied().collect::<Vec<_>>() {
            if !ours.contains(&member) {
                group.kick(member);
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        let settled = |worker: &Worker| worker.is_settled(&self.broker);
        let is_assigned =
            |partition| self.workers.iter().filter(|worker| worker.holds(partition)).count() == 1;
        self.broker.is_settled()
            && !self.broker.group.is_preparing
            && self.workers.iter().all(settled)
            && self.broker.partitions().all(is_assigned)
    }
}

fn settings(plan: &Plan, mutation: Option<Mutation>) -> Vec<WorkerSettings> {
    let of = |(wait, all_policies): (Millis, bool)| {
        let mut told = plan.limits.clone();
        told.decision_wait = wait;
        if mutation == Some(Mutation::NeverTurn) {
            told.second_chance = None;
        }
        let mut limits = told.clone();
        match mutation {
            Some(Mutation::HalfTheWait) => limits.decision_wait.0 /= 2,
            Some(Mutation::TwiceTheWait) => limits.decision_wait.0 *= 2,
            Some(Mutation::HalfTheSettle) => settle(&mut limits, |settle| settle / 2),
            Some(Mutation::TwiceTheSettle) => settle(&mut limits, |settle| settle * 2),
            Some(Mutation::ChanceForEver) => {
                if let Some(chance) = &mut limits.second_chance {
                    chance.remember = limits.remember;
                }
            }
            Some(Mutation::MemoryUnbounded) => limits.memory_bytes *= 4,
            Some(_) | None => {}
        }
        WorkerSettings {
            policies: Arc::new(policies(all_policies, mutation)),
            limits,
            told,
            all_policies,
            delivery: plan.delivery,
            epoch: plan.epoch,
            pace: plan.pace,
            slice_entries: plan.slice_entries,
            message_bytes_max: plan.message_bytes_max,
            slow_reader: plan.faults.slow_reader,
            static_members: plan.static_members,
            config: config_of(all_policies),
            swaps: plan.reconfigures.then_some(plan.seed ^ 0x7377_6170),
            mutation,
        }
    };
    plan.configurations().into_iter().map(of).collect()
}

fn settle(limits: &mut Limits, change: impl Fn(i64) -> i64) {
    if let Some(structural) = &mut limits.structural {
        structural.settle.0 = change(structural.settle.0);
    }
}

/// All policies, or all but the last.
pub(crate) fn policies(all: bool, mutation: Option<Mutation>) -> PolicySet {
    let set = match mutation {
        Some(Mutation::KeepAll) => vec![Policy::new("all", Kind::AlwaysSample)],
        Some(Mutation::ForgetPolicy) => Plan::policies().drain(..3).collect(),
        Some(_) | None if all => Plan::policies(),
        Some(_) | None => Plan::policies().drain(..3).collect(),
    };
    PolicySet::compile(set, Semantics::default()).expect("the plan's policies are valid")
}

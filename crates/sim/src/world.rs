//! A world: input, broker, workers, what goes wrong, and in which order.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tailsift_policy::{Kind, Policy, PolicySet, Semantics};
use tailsift_trace::Millis;

use crate::broker::Broker;
use crate::event::{Event, Violation, What};
use crate::fault::Mutation;
use crate::input::{BEGIN, Input};
use crate::plan::Plan;
use crate::random::Random;
use crate::witness::Witness;
use crate::worker::{Worker, WorkerSettings};

/// How a world went.
#[derive(Debug)]
pub struct Outcome {
    /// Its constants.
    pub plan: Plan,
    /// All that happened.
    pub events: Vec<Event>,
    /// What a checker found, if one did: the world ends there.
    pub violation: Option<Violation>,
    /// How many records the input had.
    pub records: usize,
    /// By trace: whether it must be visible whole.
    pub must_show: Vec<bool>,
    /// By span: its trace.
    traces: Vec<usize>,
}

impl Outcome {
    /// How many verdicts there were, replays included.
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
    let mut witness = Witness::new(plan.clone(), &input);
    let broker = Broker::new(input, BEGIN, plan.message_bytes_max, mutation);
    let settings = WorkerSettings {
        policies: Arc::new(policies(mutation)),
        limits: limits(plan, mutation),
        epoch: plan.epoch,
        pace: plan.pace,
        mutation,
    };
    let workers = (0..plan.workers).map(|id| Worker::new(id, &settings, BEGIN)).collect();
    let mut world = World { random, broker, workers, settings };
    let violation = world.run(&mut witness).err();
    let truth = &witness.checkers.truth;
    Outcome {
        plan: plan.clone(),
        violation,
        records: world.broker.input.logs.iter().map(Vec::len).sum(),
        must_show: truth
            .keep
            .iter()
            .zip(&truth.punctual)
            .map(|(keep, in_time)| *keep && *in_time)
            .collect(),
        traces: world.broker.input.spans.iter().map(|span| span.trace).collect(),
        events: witness.events,
    }
}

struct World {
    random: Random,
    broker: Broker,
    workers: Vec<Worker>,
    settings: WorkerSettings,
}

/// Steps without faults after which a world must be at rest.
const PATIENCE: usize = 200_000;

impl World {
    fn run(&mut self, witness: &mut Witness) -> Result<(), Violation> {
        for partition in self.broker.partitions() {
            let worker = self.random.below(self.workers.len());
            self.broker.assign(partition, worker);
        }
        let ends = self.broker.input.ends();
        while self.broker.wall < ends {
            self.break_something(witness);
            self.step(witness)?;
        }
        for worker in &mut self.workers {
            worker.stalled_until = self.broker.wall;
        }
        for _ in 0..PATIENCE {
            self.step(witness)?;
            if self.is_at_rest() {
                return witness.checkers.finish(&witness.plan, &self.broker);
            }
        }
        let text = format!("not at rest after {PATIENCE} steps without faults");
        Err(Violation { invariant: "liveness", text })
    }

    /// Time passes, or a worker does something.
    fn step(&mut self, witness: &mut Witness) -> Result<(), Violation> {
        if self.random.chance(250) {
            self.broker.wall = self.broker.wall + Millis(self.random.between(1, 120));
        }
        let worker = self.random.below(self.workers.len());
        let worker = &mut self.workers[worker];
        if worker.stalled_until > self.broker.wall {
            return Ok(());
        }
        worker.step(&mut self.random, &mut self.broker, witness)
    }

    fn break_something(&mut self, witness: &mut Witness) {
        let faults = witness.plan.faults;
        let some = self.random.below(self.workers.len());
        if self.random.chance(faults.crash) {
            witness.note(some, What::Crashed, &self.broker);
            self.workers[some] = Worker::new(some, &self.settings, self.broker.wall);
            for partition in self.broker.partitions() {
                if self.broker.owner(partition).is_some_and(|owner| owner.worker == some) {
                    let to = self.random.below(self.workers.len());
                    self.broker.assign(partition, to);
                }
            }
        }
        let wall = self.broker.wall;
        if self.random.chance(faults.stall) && self.workers[some].stalled_until <= wall {
            witness.note(some, What::Stalled, &self.broker);
            self.workers[some].stalled_until = wall + Millis(self.random.between(500, 20_000));
        }
        if self.random.chance(faults.rebalance) {
            let partition = self.random.below(self.broker.input.logs.len()) as i32;
            let owner = self.broker.owner(partition).map(|owner| owner.worker);
            let stalled = owner.is_some_and(|id| self.workers[id].stalled_until > wall);
            let kicked = stalled || owner == Some(some) || self.random.chance(300);
            let what = What::Moving { partition, to: some, kicked };
            witness.note(owner.unwrap_or(some), what, &self.broker);
            if kicked {
                self.broker.assign(partition, some);
            } else {
                self.broker.ask_to_move(partition, some);
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        let settled = |worker: &Worker| worker.is_settled(&self.broker);
        let assigned = |partition: i32| {
            let owner = self.broker.owner(partition);
            owner.is_some_and(|owner| self.workers[owner.worker].holds(partition))
        };
        self.workers.iter().all(settled) && self.broker.partitions().all(assigned)
    }
}

fn limits(plan: &Plan, mutation: Option<Mutation>) -> tailsift_sampler::Limits {
    let mut limits = plan.limits.clone();
    match mutation {
        Some(Mutation::HalfTheWait) => limits.decision_wait.0 /= 2,
        Some(Mutation::TwiceTheWait) => limits.decision_wait.0 *= 2,
        Some(Mutation::MemoryUnbounded) => limits.memory_bytes *= 4,
        Some(_) | None => {}
    }
    limits
}

fn policies(mutation: Option<Mutation>) -> PolicySet {
    let broken = match mutation {
        Some(Mutation::KeepAll) => vec![Policy::new("all", Kind::AlwaysSample)],
        Some(Mutation::ForgetPolicy) => Plan::policies().drain(..2).collect(),
        Some(_) | None => Plan::policies(),
    };
    PolicySet::compile(broken, Semantics::default()).expect("the plan's policies are valid")
}

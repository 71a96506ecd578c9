//! Seeded worlds, whole and broken.

use std::collections::{BTreeMap, BTreeSet};

use tailsift_policy::{CloseReason, Verdict};
use tailsift_sampler::{EntryKind, Limits, Partial};
use tailsift_sim::{
    Call, Calls, CutPart, Delivery, Drain, INVARIANTS, Mutation, Outcome, Plan, Reply, Taken,
    Timeline, What, drain, run, run_mutated,
};

/// Worlds that are worth a look at every change. In 1, 3 and 22 a wait begins while the clock is in
/// doubt and is replayed; in 240 and 609 a worker looks up an epoch in doubt that another owner has
/// numbered alike; in 267 and 5896 what is needed of the decision log is all but deleted; in 60 a
/// shorter wait finds traces due in a replay; in 140, 744 and 6395 memory is short in a replay and
/// at a cut; in 748 a turn is asked for by policies that mean nothing to the next owner; in 8037 and 10 355 the clock leaps by more than a minute; in 3 942 180 544 a
/// worker is fenced when part of an epoch is written, and another owner has numbered that part alike.
///
/// At least once: in 5 the log is shortened while a first batch is in it that no offset speaks of;
/// in 504, 2966 and 2973 slices are left of a batch whose number the same process uses again; in 482
/// an owner goes back to a stray batch; in 100 640 and 100 885 one batch has another's number; in
/// 310 139 and 331 206 a partition that replays has something to export.
const REGRESSIONS: [u64; 32] = [
    1,
    3,
    5,
    7,
    11,
    22,
    54,
    60,
    120,
    140,
    240,
    267,
    482,
    504,
    609,
    744,
    748,
    2966,
    2973,
    5896,
    6395,
    8037,
    10_355,
    51_729,
    100_640,
    100_885,
    210_957,
    310_139,
    331_206,
    913_010,
    3_416_688_609,
    3_942_180_544,
];
/// Each of these many worlds is run by two tests, one with seeds that are new in every run.
const WORLDS: u64 = 2000;

fn assert_sound(outcome: &Outcome) {
    if let Some(violation) = &outcome.violation {
        let seed = outcome.plan.seed;
        let delivery = outcome.plan.delivery.name();
        panic!("{violation}\nshow it: cargo xtask sim --seed {seed} --delivery {delivery}");
    }
}

/// Each in both deliveries, with a second chance and without: they were found in one of these.
fn regressions() -> impl Iterator<Item = Plan> {
    let both = |plan: Plan| Delivery::ALL.map(|delivery| plan.clone().with_delivery(delivery));
    let plans = |seed| [Plan::new(seed), Plan::new(seed).without_second_chance()];
    REGRESSIONS.into_iter().flat_map(plans).flat_map(both)
}

/// Seeds of their own for every run; they are printed if something breaks.
fn fresh_seeds() -> impl Iterator<Item = u64> {
    let drawn = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), WORLDS);
    let first = drawn >> 32;
    first..first + WORLDS
}

#[expect(clippy::print_stdout, reason = "a reader of the log wants to know how much was run")]
fn run_all(plans: impl Iterator<Item = Plan>, mut look_at: impl FnMut(&Outcome)) {
    let (mut worlds, mut steps, mut events) = (0, 0, 0);
    for plan in plans {
        let outcome = run(&plan);
        assert_sound(&outcome);
        look_at(&outcome);
        (worlds, steps, events) =
            (worlds + 1, steps + outcome.steps, events + outcome.events.len());
    }
    println!("{worlds} worlds, {steps} steps, {events} events: all invariants held");
}

/// And worlds come by what they are for, or they prove nothing.
#[test]
fn no_invariant_breaks() {
    let mut reached = Reached::default();
    run_all(regressions().chain((1..=WORLDS).map(Plan::new)), |outcome| reached.enter(outcome));
    let times = reached.times;
    println!("{times:#?}");
    for name in WANTED {
        assert!(times.get(*name).is_some_and(|times| *times >= 5), "{name}: {times:#?}");
    }
}

#[test]
fn no_invariant_breaks_in_fresh_worlds() {
    run_all(fresh_seeds().map(Plan::new), |_| ());
}

#[test]
fn no_invariant_breaks_without_crashes() {
    for plan in regressions().chain(fresh_seeds().take(100).map(Plan::new)) {
        assert_sound(&run(&plan.without_crashes()));
    }
}

#[test]
fn one_seed_makes_one_world() {
    let fingerprints: BTreeSet<u64> = (1..40)
        .map(|seed| {
            let plan = Plan::new(seed);
            let fingerprint = run(&plan).fingerprint();
            assert_eq!(fingerprint, run(&plan).fingerprint(), "seed {seed}");
            fingerprint
        })
        .collect();
    assert_eq!(fingerprints.len(), 39, "different seeds make different worlds");
}

/// Every mutation breaks all the invariants that it is said to, each in some world.
#[test]
fn every_mutation_is_seen() {
    for mutation in Mutation::ALL {
        let mut missing: BTreeSet<&str> = mutation.seen_by().iter().copied().collect();
        for seed in 1..=4000 {
            if missing.is_empty() {
                break;
            }
            let plan = Plan::new(seed);
            let delivery = mutation.only_in().unwrap_or(plan.delivery);
            let outcome = run_mutated(&plan.with_delivery(delivery), Some(mutation));
            if let Some(violation) = outcome.violation
                && missing.remove(violation.invariant)
            {
                println!("{mutation:?}: {} in {seed}", violation.invariant);
            }
        }
        assert!(missing.is_empty(), "{mutation:?} does not break {missing:?}");
    }
}

/// A checker that no mutation breaks may be blind.
#[test]
fn every_invariant_can_break() {
    let broken: BTreeSet<&str> =
        Mutation::ALL.into_iter().flat_map(|mutation| mutation.seen_by()).copied().collect();
    for (invariant, _) in INVARIANTS {
        assert!(broken.contains(invariant), "{invariant}");
    }
    assert_eq!(broken.len(), INVARIANTS.len());
}

/// However often transactions are aborted, what becomes visible is the same in the end.
#[test]
fn aborts_change_nothing_visible() {
    let plan = |seed: u64, calls: Calls| {
        let mut plan = Plan::new(seed).without_crashes().with_calls(calls);
        plan.delivery = Delivery::ExactlyOnce;
        plan.reconfigures = false;
        plan.workers = 1;
        plan.limits = Limits { decision_wait: plan.limits.decision_wait, ..Limits::default() };
        // Where a verdict hangs on when idle proofs are asked for, two runs may differ.
        (plan.faults.future, plan.faults.late, plan.faults.unstamped) = (0, 0, 0);
        plan.faults.hasty_trim = 0;
        plan
    };
    let storm = Calls { retriable: 200, abortable: 400, reply_lost: 100 };
    let (mut aborts, mut seen) = (0, 0);
    for seed in fresh_seeds().take(60) {
        let calm = run(&plan(seed, Calls::default()));
        let stormy = run(&plan(seed, storm));
        assert_sound(&calm);
        assert_sound(&stormy);
        assert_eq!(calm.visible, stormy.visible, "seed {seed}");
        let is_abort = |what: &What| matches!(what, What::Aborted { .. });
        aborts += stormy.events.iter().filter(|event| is_abort(&event.what)).count();
        let shown = run_mutated(&plan(seed, storm), Some(Mutation::ShowAborted));
        seen += usize::from(shown.visible != calm.visible);
    }
    assert!(aborts > 1000 && seen > 10, "{aborts} aborts, {seen} seen");
}

/// What worlds must come by, each some times.
const WANTED: &[&str] = &[
    "must be visible whole",
    "poison",
    "unstamped",
    "idle proof",
    "dead letter",
    "late export",
    "whole export",
    "batch in slices",
    "late spans logged",
    "late spans of a restored verdict",
    "given up after being asked",
    "lost",
    "taken up with a past",
    "taken up with verdicts",
    "taken up to replay",
    "taken up from the log alone",
    "restore refused",
    "epoch discarded",
    "transaction timed out",
    "in doubt: committed",
    "in doubt: sent again",
    "in doubt: nobody can tell",
    "stall",
    "kicked",
    "replaced",
    "another configuration",
    "other policies take over",
    "offsets lost",
    "decisions topic grown",
    "decision log trimmed",
    "crash after given",
    "crash after fetched",
    "crash after taken up",
    "crash after cut",
    "crash after begin",
    "crash after send",
    "crash after offsets",
    "crash after commit, reply lost",
    "crash after exports sent",
    "crash after exports acknowledged",
    "crash after batch sent",
    "crash after batches acknowledged",
    "taken up where the log is ahead",
    "committed plainly, reply lost",
    "crash after abort",
    "crash after a retriable failure",
    "crash after an abortable failure",
    "crash after being fenced",
    "crash after ack",
    "decision_wait Keep",
    "decision_wait Drop",
    "root_wait Keep",
    "root_wait Drop",
    "complete Keep",
    "complete Drop",
    "span_limit Keep",
    "byte_limit Keep",
    "memory_limit Keep",
    "memory_limit Drop",
    "asked to read again",
    "read again",
    "turned: whole",
    "turned: budget",
    "turned: gone",
    "turned: timeout",
    "turned: forgotten",
    "turn logged",
    "logged while it is being turned",
    "input expired",
    "crash after asked to read again",
    "crash after read again",
];

#[derive(Default)]
struct Reached {
    times: BTreeMap<String, usize>,
    /// What each worker did last.
    last: BTreeMap<usize, &'static str>,
    /// By worker and partition: the checkpoint that the committed offset speaks of.
    fetched: BTreeMap<(usize, i32), u64>,
    /// Verdicts that each worker knows from the log.
    known: BTreeSet<(usize, usize)>,
}

impl Reached {
    fn enter(&mut self, outcome: &Outcome) {
        let must_show = outcome.must_show.iter().filter(|must| **must).count();
        *self.times.entry("must be visible whole".to_owned()).or_default() += must_show;
        self.last.clear();
        self.fetched.clear();
        self.known.clear();
        for event in &outcome.events {
            for name in self.names(event.worker, &event.what, &outcome.plan) {
                *self.times.entry(name).or_default() += 1;
            }
            if let Some(step) = step(&event.what) {
                self.last.insert(event.worker, step);
            }
        }
    }

    fn names(&mut self, worker: usize, what: &What, plan: &Plan) -> Vec<String> {
        let owned = |name: &str| vec![name.to_owned()];
        match what {
            What::Record { spans: None, .. } => owned("poison"),
            What::Record { stamp: None, .. } => owned("unstamped"),
            What::Idle { .. } => owned("idle proof"),
            What::Judged(one) => vec![format!("{} {:?}", one.reason.name(), one.verdict)],
            What::Asked { .. } => owned("asked to read again"),
            What::Answered { .. } => owned("read again"),
            What::Turned(turning) => {
                vec![format!("turned: {}", turning.partial.map_or("whole", Partial::name))]
            }
            What::Expired { .. } => owned("input expired"),
            What::Cut(parts) => self.cut(worker, parts, plan),
            What::Assigned(taken) => self.taken_up(worker, taken),
            What::RestoreRefused { .. } => owned("restore refused"),
            What::Revoked { lost: true, .. } => owned("lost"),
            What::Revoked { lost: false, .. } => owned("given up after being asked"),
            What::Aborted { timed_out: true } => owned("transaction timed out"),
            What::Resolved { asked: None, .. } => owned("in doubt: nobody can tell"),
            What::Resolved { committed: true, .. } => owned("in doubt: committed"),
            What::Resolved { committed: false, .. } => owned("in doubt: sent again"),
            What::Discarded => owned("epoch discarded"),
            What::Crashed => {
                vec![format!("crash after {}", self.last.get(&worker).unwrap_or(&"nothing"))]
            }
            What::Stalled => owned("stall"),
            What::Kicked => owned("kicked"),
            What::Replaced => owned("replaced"),
            What::Started { .. } => owned("another configuration"),
            What::Swapped { .. } => owned("other policies take over"),
            What::OffsetsLost => owned("offsets lost"),
            What::Grown(_) => owned("decisions topic grown"),
            What::Trimmed { .. } => owned("decision log trimmed"),
            What::Fetched { partition, committed } => {
                if let Some((_, _, sequence)) = committed {
                    self.fetched.insert((worker, *partition), *sequence);
                }
                Vec::new()
            }
            What::Call { call: Call::CommitPlainly, reply: Reply::Lost } => {
                owned("committed plainly, reply lost")
            }
            What::Record { .. }
            | What::Given { .. }
            | What::Call { .. }
            | What::Committed(_)
            | What::Aborted { timed_out: false }
            | What::Marked(_)
            | What::Written(..)
            | What::Acknowledged
            | What::Stirred => Vec::new(),
        }
    }
}

impl Reached {
    fn cut(&self, worker: usize, parts: &[CutPart], plan: &Plan) -> Vec<String> {
        let exports = parts.iter().flat_map(|part| &part.exports);
        let exports =
            exports.map(|(_, _, late)| if *late { "late export" } else { "whole export" });
        let letters = parts.iter().flat_map(|part| &part.dead_letters).map(|_| "dead letter");
        let slices = parts.iter().filter(|part| part.entries.len() > plan.slice_entries);
        let slices = slices.map(|_| "batch in slices");
        let entries = || parts.iter().flat_map(|part| &part.entries);
        let turned = entries().filter(|one| one.kind == EntryKind::Turn).map(|_| "turn logged");
        let pinned = parts.iter().flat_map(|part| {
            part.entries.iter().filter(|one| one.known.through < part.next_offset)
        });
        let pinned = pinned.map(|_| "logged while it is being turned");
        let late = entries().filter(|one| one.kind == EntryKind::Late);
        let late = late.map(|one| {
            let is_restored = self.known.contains(&(worker, one.known.trace));
            if is_restored { "late spans of a restored verdict" } else { "late spans logged" }
        });
        let all = exports.chain(letters).chain(slices).chain(late).chain(turned).chain(pinned);
        all.map(str::to_owned).collect()
    }

    fn taken_up(&mut self, worker: usize, taken: &Taken) -> Vec<String> {
        self.known.extend(taken.known.iter().map(|known| (worker, known.trace)));
        let fetched = self.fetched.get(&(worker, taken.partition));
        let is = [
            ("taken up with a past", taken.sequence > 0),
            ("taken up with verdicts", !taken.known.is_empty()),
            ("taken up to replay", taken.read_to > taken.offset),
            ("taken up from the log alone", taken.from_log),
            ("taken up where the log is ahead", fetched.is_some_and(|last| taken.sequence > *last)),
        ];
        is.iter().filter(|(_, is)| *is).map(|(name, _)| (*name).to_owned()).collect()
    }
}

/// A step between which and the next a worker may crash.
fn step(what: &What) -> Option<&'static str> {
    match what {
        What::Given { .. } => Some("given"),
        What::Fetched { .. } => Some("fetched"),
        What::Assigned(_) => Some("taken up"),
        What::Cut(_) => Some("cut"),
        What::Acknowledged => Some("ack"),
        What::Asked { .. } => Some("asked to read again"),
        What::Answered { .. } => Some("read again"),
        What::Call { call, reply } => match (reply, call) {
            (Reply::Retriable, _) => Some("a retriable failure"),
            (Reply::Abortable, _) => Some("an abortable failure"),
            (Reply::Fenced, _) => Some("being fenced"),
            (Reply::Lost, _) => Some("commit, reply lost"),
            (Reply::Done, Call::Begin) => Some("begin"),
            (Reply::Done, Call::Send(_)) => Some("send"),
            (Reply::Done, Call::Offsets) => Some("offsets"),
            (Reply::Done, Call::Abort) => Some("abort"),
            (Reply::Done, Call::Export(_)) => Some("exports sent"),
            (Reply::Done, Call::AwaitExports) => Some("exports acknowledged"),
            (Reply::Done, Call::Log(_)) => Some("batch sent"),
            (Reply::Done, Call::AwaitBatches) => Some("batches acknowledged"),
            (Reply::Done, Call::Init | Call::Commit | Call::LookUp | Call::CommitPlainly) => None,
        },
        What::Record { .. }
        | What::Idle { .. }
        | What::Judged(_)
        | What::Turned(_)
        | What::Expired { .. }
        | What::RestoreRefused { .. }
        | What::Revoked { .. }
        | What::Resolved { .. }
        | What::Committed(_)
        | What::Aborted { .. }
        | What::Marked(_)
        | What::Written(..)
        | What::Discarded
        | What::Crashed
        | What::Stalled
        | What::Replaced
        | What::Kicked
        | What::Stirred
        | What::Started { .. }
        | What::Swapped { .. }
        | What::OffsetsLost
        | What::Grown(_)
        | What::Trimmed { .. } => None,
    }
}

#[test]
fn drain_speed_changes_no_verdict() {
    let (mut kept, mut dropped, mut complete) = (0, 0, 0);
    for seed in fresh_seeds().take(60) {
        let mut plan = Plan::new(seed).without_crashes();
        plan.faults.future = 0;
        let Limits { decision_wait, structural, .. } = plan.limits;
        plan.limits = Limits { decision_wait, structural, ..Limits::default() };
        let live = drain(&plan, Drain { burst: 1, cut_every: 1, behind: false });
        for (burst, cut_every) in [(1, 1000), (7, 3), (1000, 1), (1000, 1000)] {
            let behind = drain(&plan, Drain { burst, cut_every, behind: true });
            assert_eq!(live, behind, "seed {seed}, bursts of {burst}, a cut every {cut_every}");
        }
        for (verdict, reason, ..) in live.values().flatten() {
            let is_whole = structural.is_some() && *reason == CloseReason::Complete;
            assert!(is_whole || *reason == CloseReason::DecisionWait, "{reason:?}");
            complete += usize::from(is_whole);
            match verdict {
                Verdict::Keep => kept += 1,
                Verdict::Drop => dropped += 1,
            }
        }
    }
    assert!(kept > 100 && dropped > 100, "{kept} kept, {dropped} dropped");
    assert!(complete > 100, "{complete} complete");
}

/// A clock that the wall has a say in does depend on when records are read.
#[test]
fn drain_speed_is_seen_where_it_matters() {
    let differs = (1..50).any(|seed| {
        let mut plan = Plan::new(seed).without_crashes();
        plan.limits.remember = plan.limits.decision_wait;
        plan.limits.memory_bytes = 40 << 10;
        let live = drain(&plan, Drain { burst: 1, cut_every: 1, behind: false });
        live != drain(&plan, Drain { burst: 1000, cut_every: 1000, behind: true })
    });
    assert!(differs);
}

#[test]
fn a_timeline_names_what_happened() {
    let outcome = run(&Plan::new(7));
    let plain = Timeline::new(&outcome, false).to_string();
    for text in [
        "legend",
        "taken up at",
        "read",
        "keep",
        "COMMITTED",
        "marker: offsets",
        "all invariants held",
    ] {
        assert!(plain.contains(text), "{text}");
    }
    assert!(!plain.contains('\x1b'));
    assert!(Timeline::new(&outcome, true).to_string().contains('\x1b'));
}

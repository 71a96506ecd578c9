//! Seeded worlds, whole and broken.

use std::collections::{BTreeMap, BTreeSet};

use tailsift_policy::{CloseReason, Verdict};
use tailsift_sampler::Limits;
use tailsift_sim::{Drain, Mutation, Outcome, Plan, Timeline, What, drain, run, run_mutated};

/// Worlds that are worth a look at every change. In 11, 54 and 120 a clock that starts anew after a
/// crash starts far behind the records that made it start; in 51 729 outputs pile up while survivors
/// keep the window's segments; in 210 957 a trace begins without a timestamp on a clock that stands;
/// in 913 010 a clock starts more than a minute behind most of the records that make it start.
const REGRESSIONS: [u64; 7] = [7, 11, 54, 120, 51_729, 210_957, 913_010];
const FRESH: u64 = 200;

fn assert_sound(outcome: &Outcome) {
    if let Some(violation) = &outcome.violation {
        let seed = outcome.plan.seed;
        panic!("{violation}\nshow it: cargo xtask sim --seed {seed}");
    }
}

/// Seeds of their own for every run; they are printed if something breaks.
fn fresh_seeds() -> impl Iterator<Item = u64> {
    let drawn = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), FRESH);
    let first = drawn >> 32;
    first..first + FRESH
}

#[test]
fn no_invariant_breaks() {
    for seed in REGRESSIONS.into_iter().chain(1..=FRESH).chain(fresh_seeds()) {
        assert_sound(&run(&Plan::new(seed)));
    }
}

#[test]
fn no_invariant_breaks_and_nothing_repeats_without_crashes() {
    for seed in REGRESSIONS.into_iter().chain(fresh_seeds().take(100)) {
        assert_sound(&run(&Plan::new(seed).without_crashes()));
    }
}

#[test]
fn one_seed_makes_one_world() {
    let fingerprints: BTreeSet<u64> = (1..20)
        .map(|seed| {
            let plan = Plan::new(seed);
            let fingerprint = run(&plan).fingerprint();
            assert_eq!(fingerprint, run(&plan).fingerprint(), "seed {seed}");
            fingerprint
        })
        .collect();
    assert_eq!(fingerprints.len(), 19, "different seeds make different worlds");
}

#[test]
fn every_mutation_is_seen() {
    for mutation in Mutation::ALL {
        let seen = (1..=300).find_map(|seed| {
            let outcome = run_mutated(&Plan::new(seed), Some(mutation));
            outcome.violation.map(|violation| violation.invariant)
        });
        let expected = mutation.seen_by();
        assert!(seen.is_some_and(|seen| expected.contains(&seen)), "{mutation:?}: {seen:?}");
    }
}

/// What worlds must come by, or they prove nothing.
#[test]
fn worlds_reach_what_they_are_for() {
    let mut reached: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 1..=FRESH {
        let outcome = run(&Plan::new(seed));
        let must_show = outcome.must_show.iter().filter(|must| **must).count();
        *reached.entry("must be visible whole".to_owned()).or_default() += must_show;
        for name in outcome.events.iter().flat_map(|event| names(&event.what)) {
            *reached.entry(name).or_default() += 1;
        }
    }
    for name in [
        "must be visible whole",
        "poison",
        "unstamped",
        "idle proof",
        "dead letter",
        "late export",
        "whole export",
        "given up after being asked",
        "clock handed over",
        "lost",
        "commit refused",
        "epoch discarded",
        "crash",
        "stall",
        "decision_wait Keep",
        "decision_wait Drop",
        "root_wait Keep",
        "root_wait Drop",
        "span_limit Keep",
        "byte_limit Keep",
        "memory_limit Keep",
        "memory_limit Drop",
    ] {
        assert!(reached.get(name).is_some_and(|times| *times > 10), "{name}: {reached:#?}");
    }
}

fn names(what: &What) -> Vec<String> {
    let owned = |name: &str| vec![name.to_owned()];
    match what {
        What::Record { spans: None, .. } => owned("poison"),
        What::Record { stamp: None, .. } => owned("unstamped"),
        What::Record { .. } => Vec::new(),
        What::Idle { .. } => owned("idle proof"),
        What::Judged(one) => vec![format!("{} {:?}", one.reason.name(), one.verdict)],
        What::Cut(parts) => {
            let exports = parts.iter().flat_map(|part| &part.exports);
            let exports =
                exports.map(|(_, _, late)| if *late { "late export" } else { "whole export" });
            let letters = parts.iter().flat_map(|part| &part.dead_letters).map(|_| "dead letter");
            exports.chain(letters).map(str::to_owned).collect()
        }
        What::Revoked { lost: true, .. } => owned("lost"),
        What::Revoked { lost: false, .. } => owned("given up after being asked"),
        What::Refused(_) => owned("commit refused"),
        What::Discarded => owned("epoch discarded"),
        What::Crashed => owned("crash"),
        What::Stalled => owned("stall"),
        What::Assigned { stream_time: Some(_), .. } => owned("clock handed over"),
        What::Assigned { .. } | What::Committed(_) | What::Acknowledged | What::Moving { .. } => {
            Vec::new()
        }
    }
}

#[test]
fn drain_speed_changes_no_verdict() {
    let (mut kept, mut dropped) = (0, 0);
    for seed in fresh_seeds().take(60) {
        let mut plan = Plan::new(seed).without_crashes();
        plan.faults.future = 0;
        plan.limits = Limits { decision_wait: plan.limits.decision_wait, ..Limits::default() };
        let live = drain(&plan, Drain { burst: 1, cut_every: 1, behind: false });
        for (burst, cut_every) in [(1, 1000), (7, 3), (1000, 1), (1000, 1000)] {
            let behind = drain(&plan, Drain { burst, cut_every, behind: true });
            assert_eq!(live, behind, "seed {seed}, bursts of {burst}, a cut every {cut_every}");
        }
        for (verdict, reason, ..) in live.values().flatten() {
            assert_eq!(*reason, CloseReason::DecisionWait);
            match verdict {
                Verdict::Keep => kept += 1,
                Verdict::Drop => dropped += 1,
            }
        }
    }
    assert!(kept > 100 && dropped > 100, "{kept} kept, {dropped} dropped");
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
    for text in ["legend", "clock at", "read", "keep", "commit", "all invariants held"] {
        assert!(plain.contains(text), "{text}");
    }
    assert!(!plain.contains('\x1b'));
    assert!(Timeline::new(&outcome, true).to_string().contains('\x1b'));
}

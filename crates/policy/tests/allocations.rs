//! Folding a span allocates nothing, whatever the policies; judging a trace next to nothing.

#[path = "../benches/policies/load.rs"]
mod load;

use tailsift_policy::{Facts, PolicySet, Tally};
use tailsift_trace::{Batch, Millis};

/// Records of [`load::SPANS`] spans of a trace after the first one.
const RECORDS: u32 = 8;

fn fold(set: &PolicySet, facts: &mut Facts, batch: &Batch<'_>) {
    set.fold_at(Some(Millis(0)), facts, batch, &batch.chunks[1], &mut Tally::default());
}

/// Allocations of a trace's first record, and of all its later ones together.
fn while_folding(set: &PolicySet) -> (u64, u64) {
    let batch = load::batch(set.interest());
    // What patterns keep for a thread is made when they are first used.
    fold(set, &mut Facts::default(), &batch);
    let mut facts = Facts::default();
    let first = allocation_counter::measure(|| fold(set, &mut facts, &batch));
    let later =
        allocation_counter::measure(|| (0..RECORDS).for_each(|_| fold(set, &mut facts, &batch)));
    assert_eq!(facts.spans, (RECORDS + 1) * load::SPANS);
    (first.count_total, later.count_total)
}

/// What its first record may cost a trace, and all its later ones: numbers have a place of their
/// own, and kin lie in lists that double.
fn allowed(name: &str) -> (u64, u64) {
    match name {
        "trace_condition" | "trace_condition count" | "drift" | "rate_per_key" => (2, 0),
        // The place, and two lists: from 4 IDs to 128, then to 1024.
        "fragmented" => (3 + 2 * 6, 2 * 3),
        // The place, and a list of 25 parents and two names under each; they come again.
        "failure" => (3 + 5, 0),
        _ => (0, 0),
    }
}

#[test]
fn spans_are_folded_without_an_allocation() {
    for (name, kind) in load::kinds() {
        let (first, later) = while_folding(&load::set(vec![kind]));
        let (first_max, later_max) = allowed(name);
        assert!(first <= first_max, "{name}: {first} in a trace's first record");
        assert!(later <= later_max, "{name}: {later} in its later ones");
    }
}

#[test]
fn sets_of_any_size_fold_without_an_allocation() {
    for policies in [1, 5, 50] {
        assert_eq!(while_folding(&load::set(load::mix(policies))), (0, 0), "{policies} policies");
    }
}

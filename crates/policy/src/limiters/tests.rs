//! Budgets as data: when traces come, what they cost, which pass.

use super::*;

/// Traces as (milliseconds, cost, passes).
#[track_caller]
fn bucket(partitions: u32, (rate, burst): (i64, i64), traces: &[(i64, u64, bool)]) {
    let mut budgets = Budgets::default();
    let bucket = budgets.bucket(rate, burst);
    let mut limiters = budgets.full(partitions);
    for (index, (at, cost, passes)) in traces.iter().enumerate() {
        let took = bucket.take(*cost, &mut limiters, Millis(*at));
        assert_eq!(took, *passes, "trace {index}: {cost} at {at} ms");
    }
}

#[test]
fn a_bucket_starts_full_and_flows_back_by_time() {
    let (yes, no) = (true, false);
    bucket(1, (10, 20), &[(0, 20, yes), (0, 1, no), (99, 1, no), (100, 1, yes), (100, 1, no)]);
    // Twice the rate where no burst is given; never more than that.
    bucket(1, (3, 0), &[(0, 7, no), (0, 6, yes), (60_000, 7, no), (60_000, 6, yes)]);
    bucket(1, (3, -9), &[(0, 7, no), (0, 6, yes)]);
    // What is refused takes nothing.
    bucket(1, (1, 4), &[(0, 5, no), (0, 3, yes), (0, 2, no), (0, 1, yes)]);
    bucket(1, (0, 3), &[(0, 2, yes), (0, 2, no), (1 << 40, 2, no), (1 << 40, 1, yes)]);
    bucket(1, (0, 0), &[(0, 1, no), (0, 0, yes)]);
    bucket(1, (-5, 0), &[(0, 1, no)]);
}

#[test]
fn a_bucket_takes_extremes() {
    let (yes, no) = (true, false);
    let most = i64::MAX;
    bucket(u32::MAX, (most, most), &[(i64::MIN, u64::MAX, no), (most, 1 << 62, yes)]);
    bucket(1, (most, 0), &[(i64::MIN, u64::from(u32::MAX), yes), (most, u64::MAX, no)]);
}

/// A clock that goes back gives nothing twice.
#[test]
fn a_bucket_counts_time_once() {
    let (yes, no) = (true, false);
    bucket(1, (1, 1), &[(0, 1, yes), (1000, 1, yes), (0, 1, no), (1000, 1, no), (2000, 1, yes)]);
}

#[test]
fn partitions_share_a_rate() {
    let (yes, no) = (true, false);
    // A tenth of 10 a second: one a second, two at once.
    bucket(10, (10, 20), &[(0, 2, yes), (0, 1, no), (999, 1, no), (1000, 1, yes)]);
    // Larger than the share of the burst: it passes while the share is full, and is paid for.
    bucket(10, (10, 20), &[(0, 12, yes), (11_000, 2, no), (12_000, 2, yes)]);
    bucket(10, (10, 20), &[(0, 1, yes), (0, 12, no), (1000, 12, yes)]);
    bucket(10, (10, 20), &[(0, 21, no), (0, 20, yes)]);
}

/// However often a bucket is asked, in the long run it gives its rate.
#[test]
fn a_bucket_does_not_drift() {
    for (partitions, rate, step) in [(1, 7, 1), (3, 10, 7), (64, 1000, 13), (1000, 3, 1)] {
        let mut budgets = Budgets::default();
        let bucket = budgets.bucket(rate, 1);
        let mut limiters = budgets.full(partitions);
        let seconds = 3000;
        let moments = (0..seconds * 1000).step_by(step);
        let passed = moments.filter(|at| bucket.take(1, &mut limiters, Millis(*at))).count() as i64;
        let expected = rate * seconds / i64::from(partitions);
        // One trace is in the bucket at first; a step may find it full and spill.
        assert!(
            (expected - expected / 50..=expected + 1).contains(&passed),
            "{rate} over {partitions} in steps of {step} ms: {passed} for {expected}"
        );
    }
}

/// Traces as (milliseconds, child, spans, passes).
#[track_caller]
fn composite(
    partitions: u32,
    shares: &[Share],
    total: Option<Share>,
    traces: &[(i64, usize, u32, bool)],
) {
    let mut budgets = Budgets::default();
    let place = budgets.composite(shares.len());
    let mut limiters = budgets.full(partitions);
    for (index, (at, child, spans, passes)) in traces.iter().enumerate() {
        let spent = limiters.spend((place, *child), *spans, shares, total, Millis(*at));
        assert_eq!(spent, *passes, "trace {index}: {spans} spans of child {child} at {at} ms");
    }
}

#[test]
fn a_composite_counts_each_second() {
    let (yes, no) = (true, false);
    let shares = [Share { limit: 5, per_span: 1 }, Share { limit: 10, per_span: 1 }];
    composite(
        1,
        &shares,
        None,
        &[
            (0, 0, 6, no),
            (0, 0, 5, yes),
            (999, 0, 1, no),
            (999, 1, 10, yes),
            (1000, 0, 5, yes),
            (5000, 0, 4, yes),
            // A clock that goes back starts no second anew.
            (4000, 0, 5, no),
            (5000, 0, 1, yes),
        ],
    );
    let total = Some(Share { limit: 10, per_span: 1 });
    composite(1, &shares, total, &[(0, 0, 5, yes), (0, 1, 6, no), (0, 1, 5, yes), (0, 0, 0, yes)]);
    composite(1, &[Share { limit: 0, per_span: 1 }], None, &[(0, 0, 1, no), (9000, 0, 1, no)]);
}

#[test]
fn a_composites_shares_are_exact() {
    let (yes, no) = (true, false);
    // A third of 10 spans, where the other two thirds went elsewhere: 3 fit, 4 do not.
    let third = [Share { limit: 1000, per_span: 300 }];
    composite(1, &third, None, &[(0, 0, 4, no), (0, 0, 3, yes), (0, 0, 1, no)]);
}

#[test]
fn partitions_share_a_composite() {
    let (yes, no) = (true, false);
    let shares = [Share { limit: 10, per_span: 1 }];
    // Two partitions, five spans a second each; a larger trace is paid for by later seconds.
    composite(2, &shares, None, &[(0, 0, 3, yes), (0, 0, 3, no), (0, 0, 2, yes), (0, 0, 1, no)]);
    composite(2, &shares, None, &[(0, 0, 9, yes), (1000, 0, 2, no), (1000, 0, 1, yes)]);
    composite(2, &shares, None, &[(0, 0, 11, no), (0, 0, 10, yes), (2000, 0, 10, yes)]);
}

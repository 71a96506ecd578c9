//! Budgets by key as data: how often keys come, and what is kept of them.

use super::*;

const MINUTE: Millis = Millis(60_000);

fn goal(traces_per_second: u32, keys_max: usize) -> Goal {
    Goal { traces_per_second, interval: MINUTE, keys_max }
}

/// Accepted of a million.
fn accepted(threshold: Threshold) -> u64 {
    let accepted = Threshold::RANGE - threshold.0;
    (u128::from(accepted) * 1_000_000 / u128::from(Threshold::RANGE)) as u64
}

/// Lets keys come so many times in each of some intervals, in turns, and says how each is sampled
/// in the end.
fn settled(goal: &Goal, partitions: u32, intervals: i64, keys: &[u64]) -> (Rates, Vec<u64>) {
    let mut rates = Rates::default();
    for interval in 0..intervals {
        let most = keys.iter().max().copied().unwrap_or(0);
        for turn in 0..most {
            let at = Millis(interval * MINUTE.0 + (turn * 59_999 / most) as i64);
            for (key, _) in keys.iter().enumerate().filter(|(_, times)| turn < **times) {
                rates.ask(goal, key as u64, SCALE, at, partitions);
            }
        }
    }
    let at = Millis(intervals * MINUTE.0);
    let ask = |key| accepted(rates.clone().ask(goal, key as u64, SCALE, at, partitions));
    let answers = (0..keys.len()).map(ask).collect();
    (rates, answers)
}

#[test]
fn rare_keys_are_kept_and_frequent_ones_thinned_out() {
    // 60 traces a minute.
    for (keys, partitions, expect) in [
        (&[30, 20][..], 1, &[1_000_000, 1_000_000][..]),
        (&[6000], 1, &[9_999]),
        (&[6000, 6000], 1, &[4_999, 4_999]),
        (&[6000, 600, 6], 1, &[5_185, 38_141, 1_000_000]),
        (&[6000, 600, 6], 10, &[510, 3_753, 114_095]),
    ] {
        let (_, answers) = settled(&goal(1, 100), partitions, 8, keys);
        assert_eq!(answers, expect, "{keys:?} on {partitions}");
    }
}

#[test]
fn a_budget_is_divided_and_used_up() {
    for keys in [&[5000, 5000, 5000][..], &[9000, 700, 50, 3, 2, 1], &[400; 20]] {
        let (rates, _) = settled(&goal(1, 100), 1, 8, keys);
        let kept: f64 = rates
            .keys
            .values()
            .map(|rate| {
                let accepted = (Threshold::RANGE - rate.threshold().0) as f64;
                rate.usual as f64 / SCALE as f64 * accepted / Threshold::RANGE as f64
            })
            .sum();
        // What is set aside for new keys is the rest.
        assert!((54.0..=60.0).contains(&kept), "{kept} of {keys:?}");
    }
}

/// What the threshold lets pass, in expectation, of traces at these times.
fn expected(rates: &mut Rates, goal: &Goal, keys: impl Iterator<Item = (i64, u64)>) -> f64 {
    let accepted = |(at, key)| {
        let threshold = rates.ask(goal, key, SCALE, Millis(at), 1);
        (Threshold::RANGE - threshold.0) as f64 / Threshold::RANGE as f64
    };
    keys.map(accepted).sum()
}

#[test]
fn bursts_and_floods_of_keys_do_not_wait_for_the_interval() {
    let goal = goal(1, 100);
    // The first interval of a partition, when nothing is known: some times the budget of 60.
    let first = expected(&mut Rates::default(), &goal, (0..6000).map(|at| (at, 1)));
    assert!((200.0..350.0).contains(&first), "{first}");
    // A key that comes a thousand times as often from now on.
    let (mut rates, _) = settled(&goal, 1, 8, &[100, 10]);
    let at = 8 * MINUTE.0;
    let burst = expected(&mut rates, &goal, (0..10_000).map(|_| (at, 1)));
    assert!((20.0..350.0).contains(&burst), "{burst}");
    // And so many new keys that there is no room for them.
    let (mut rates, _) = settled(&goal, 1, 8, &[100, 10]);
    let flood = expected(&mut rates, &goal, (0..10_000).map(|key| (at, 100 + key)));
    assert!((5.0..350.0).contains(&flood), "{flood}");
    assert_eq!((rates.keys.len(), rates.take_crowded()), (100, 10_000 - 98));
    assert_eq!(rates.take_crowded(), 0);
    // Once they have gone there is room again.
    expected(&mut rates, &goal, [(at + 20 * MINUTE.0, 1)].into_iter());
    assert_eq!(rates.keys.len(), 1);
}

#[test]
fn time_goes_on_without_traces_and_never_back() {
    let goal = goal(1, 100);
    let (rates, _) = settled(&goal, 1, 8, &[6000]);
    for (pause, expect) in [(1, 19_000), (6, 639_000), (30, 1_000_000)] {
        let mut rates = rates.clone();
        let at = Millis((8 + pause) * MINUTE.0);
        let answer = accepted(rates.ask(&goal, 0, SCALE, at, 1));
        assert!(answer >= expect && answer < expect + 2_000, "{answer} after {pause}");
    }
    let mut back = rates.clone();
    back.ask(&goal, 0, SCALE, Millis(i64::MIN), 1);
    back.ask(&goal, 0, u64::MAX, Millis(i64::MAX), u32::MAX);
    back.ask(&goal, 0, u64::MAX, Millis(0), 0);
    back.ask(&goal, 0, u64::MAX, Millis(i64::MAX), 1);
}

#[test]
fn logarithms_are_whole_numbers() {
    for (x, expect) in [
        (1, 0),
        (2, 1 << 16),
        (1024, 10 << 16),
        (1025, 655_452),
        (3, 103_872),
        (10, 217_705),
        (u64::MAX, (64 << 16) - 1),
    ] {
        assert_eq!(log2(x), expect, "{x}");
        assert!((log2(x) as f64 / 65536.0 - (x as f64).log2()).abs() < 2e-5, "{x}");
    }
    assert_eq!(log2(0), 0);
}

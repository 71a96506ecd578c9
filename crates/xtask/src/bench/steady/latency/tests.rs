use super::*;

#[test]
fn the_least_value_that_enough_are_not_above() {
    let percentiles = |values: Vec<i64>| Percentiles::of(values);
    let of = |p50, p99, most| Percentiles { p50, p99, most };
    assert_eq!(percentiles(vec![]), of(0, 0, 0));
    assert_eq!(percentiles(vec![7]), of(7, 7, 7));
    assert_eq!(percentiles((1..=1000).rev().collect()), of(500, 990, 1000));
}

#[test]
fn traces_that_are_due_and_not_visible_are_missed() {
    let load = Load::prepare(1200, 2000, 4).unwrap();
    let first = load.worthy().values().map(|times| times.first_ms).min().unwrap();
    let last = load.worthy().values().map(|times| times.first_ms).max().unwrap();
    let seen_after = |ms: i64| -> Visible {
        let each = load.worthy().iter().map(|(key, times)| (key.clone(), times.first_ms + ms));
        each.collect()
    };
    let (uncommitted, mut committed) = (seen_after(1300), seen_after(1400));
    committed.pop_first();
    let all = Latencies::of(&load, 1000, 0..i64::MAX, &uncommitted, &committed);
    assert_eq!((all.due, all.seen), (12, 11));
    let of = |ms| Percentiles { p50: ms, p99: ms, most: ms };
    assert_eq!((all.beyond_wait, all.written, all.committed), (of(400), of(300), of(100)));
    assert!(all.since_last.p50 < 1400, "{all:?}");
    let some = Latencies::of(&load, 1000, first + 1001..last + 1000, &uncommitted, &committed);
    assert!(some.due < 12, "{some:?}");
}

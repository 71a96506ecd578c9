//! What becomes of dropped traces that late spans want kept.

use expect_test::expect;
use tailsift_sampler::SecondChance;
use tailsift_trace::Millis;

use crate::{BASE, check_keys, loaded};

fn limits(keys: &str) -> Option<SecondChance> {
    loaded(&format!("{BASE}{keys}\n")).limits(1).second_chance
}

#[test]
fn it_is_on_but_for_a_collectors_policies() {
    assert_eq!(limits(""), Some(SecondChance::default()));
    assert_eq!(limits("second_chance: {enabled: true}"), Some(SecondChance::default()));
    assert_eq!(limits("second_chance: {enabled: false}"), None);
    assert_eq!(limits("compatibility: collector"), None);
    assert_eq!(limits("second_chance: {enabled: false}\ncompatibility: collector"), None);
}

#[test]
fn it_ends_with_the_verdict_at_the_latest() {
    let remember = |keys: &str| limits(keys).unwrap().remember;
    let enabled = "second_chance: {enabled: true}\n";
    assert_eq!(remember(&format!("{enabled}decisions: {{remember: 45s}}")), Millis(45_000));
    let own = "second_chance: {enabled: true, remember: 10m}";
    assert_eq!(remember(own), Millis(600_000));
}

#[test]
fn budgets_are_the_shards() {
    let keys =
        "second_chance: {enabled: true, traces_per_second: 7, bytes_per_second: 1MB, timeout: 3s}";
    let chance = limits(keys).unwrap();
    assert_eq!((chance.traces_per_second, chance.bytes_per_second), (7, 1_000_000));
    let config = loaded(&format!("{BASE}{keys}\n"));
    assert_eq!(config.second_chance.unwrap().timeout.as_secs(), 3);
}

#[test]
fn what_cannot_be_is_refused() {
    let cases = [
        "second_chance: {enabled: true, remember: 11m}",
        "decisions: {remember: 1m}\nsecond_chance: {remember: 61s}",
        "compatibility: collector\nsecond_chance: {enabled: true}",
        "second_chance: {timeout: 1ms, traces_per_second: -1, bytes_per_second: many}",
    ];
    check_keys(
        &cases,
        &expect![[r#"
        second_chance: {enabled: true, remember: 11m}
            line 3: second_chance.remember: must be at most decisions.remember (10m, the default), got 11m: a verdict that is forgotten cannot be turned
        decisions: {remember: 1m}
        second_chance: {remember: 61s}
            line 4: second_chance.remember: must be at most decisions.remember (1m), got 61s: a verdict that is forgotten cannot be turned
        compatibility: collector
        second_chance: {enabled: true}
            line 4: second_chance.enabled: must be false or left out with `compatibility: collector`: a Collector never keeps a trace that it has dropped; got true
        second_chance: {timeout: 1ms, traces_per_second: -1, bytes_per_second: many}
            line 3: second_chance.timeout: expected a duration between 100ms and 10m, got 1ms
            line 3: second_chance.traces_per_second: expected a whole number between 0 and 1000000, got -1
            line 3: second_chance.bytes_per_second: expected a size with a unit (B, KB, MB, GB, KiB, MiB, GiB) such as 64MiB, got many
    "#]],
    );
}

#[test]
fn no_running_process_takes_it_up() {
    let config = |keys: &str| loaded(&format!("{BASE}{keys}\n"));
    let on = config("second_chance: {enabled: true}");
    assert_eq!(config("").fixed_differences(&on), [""; 0]);
    let off = config("second_chance: {enabled: false}");
    assert_eq!(off.fixed_differences(&on), ["second_chance.enabled"]);
    let other = config("second_chance: {enabled: true, timeout: 3s}");
    assert_eq!(on.fixed_differences(&other), ["second_chance.timeout"]);
    assert_eq!(on.fixed_differences(&on), [""; 0]);
}

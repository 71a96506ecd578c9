use super::*;

const MINUTE: i64 = 60_000;

fn watch(floor_per_minute: u32) -> Watch {
    Watch { floor_per_minute, rise: 2.0, baseline: Millis(60 * MINUTE) }
}

/// So many traces a minute of a key from one minute to another, every `low_in`th of them low; how
/// many are kept.
fn run(
    baselines: &mut Baselines,
    watch: &Watch,
    key: u64,
    minutes: std::ops::Range<i64>,
    (per_minute, low_in): (i64, i64),
) -> usize {
    let mut kept = 0;
    for trace in minutes.start * per_minute..minutes.end * per_minute {
        let now = Millis(trace * MINUTE / per_minute);
        let low = low_in > 0 && trace % low_in == 0;
        kept += usize::from(baselines.ask(watch, key, Some(low), now, 1));
    }
    kept
}

#[test]
fn the_floor_is_met_by_every_key_and_not_exceeded() {
    for (floor, per_minute, kept) in [(1, 30, 60), (3, 30, 180), (0, 30, 0), (5, 2, 120)] {
        let mut baselines = Baselines::default();
        let watch = watch(floor);
        for key in [1, 2] {
            let found = run(&mut baselines, &watch, key, 0..60, (per_minute, 0));
            assert!(found.abs_diff(kept) <= floor as usize, "{floor}: {found} not {kept}");
        }
    }
}

#[test]
fn partitions_share_the_floor() {
    let mut baselines = vec![Baselines::default(); 4];
    let mut kept = 0;
    for now in 0..20 * 60 * 4 {
        let (partition, now) = (now % 4, Millis(now as i64 * 250));
        kept += usize::from(baselines[partition].ask(&watch(2), 7, None, now, 4));
    }
    // One each at first sight, and then the floor.
    assert!((40..=44).contains(&kept), "{kept}");
}

#[test]
fn a_rise_keeps_all_until_it_has_become_usual() {
    let mut baselines = Baselines::default();
    let watch = watch(0);
    assert_eq!(run(&mut baselines, &watch, 1, 0..120, (60, 20)), 0, "5 percent are usual");
    let risen = run(&mut baselines, &watch, 1, 120..150, (60, 5));
    assert!(risen > 60 * 20, "{risen}");
    let other = run(&mut baselines, &watch, 2, 0..150, (60, 5));
    assert_eq!(other, 0, "for another key that is usual");
    run(&mut baselines, &watch, 1, 150..300, (60, 5));
    assert_eq!(run(&mut baselines, &watch, 1, 300..320, (60, 5)), 0);
}

#[test]
fn what_chance_explains_is_no_rise() {
    for (what, usual_in, now_in, per_minute, risen) in [
        ("as usual", 20, 20, 60, false),
        ("not twice", 20, 14, 60, false),
        ("thrice", 20, 6, 60, true),
        ("too few to say", 20, 6, 1, false),
        ("never before, and once", 0, 290, 60, false),
        ("one of few", 0, 370, 3, false),
        ("never before, and many", 0, 10, 60, true),
    ] {
        let mut baselines = Baselines::default();
        let watch = watch(0);
        run(&mut baselines, &watch, 1, 0..120, (per_minute, usual_in));
        let kept = run(&mut baselines, &watch, 1, 120..129, (per_minute, now_in));
        assert_eq!(kept > 0, risen, "{what}: {kept}");
    }
}

#[test]
fn a_key_without_a_past_has_no_rise() {
    let mut baselines = Baselines::default();
    assert_eq!(run(&mut baselines, &watch(0), 1, 0..9, (60, 1)), 0);
}

#[test]
fn traces_without_a_confidence_count_for_the_floor_alone() {
    let mut baselines = Baselines::default();
    let watch = watch(1);
    assert!(baselines.ask(&watch, 1, None, Millis(0), 1));
    assert!(!baselines.ask(&watch, 1, None, Millis(1), 1));
    assert_eq!(baselines.keys[&1].present, Counts::default());
}

#[test]
fn keys_are_bounded_and_the_oldest_goes() {
    let mut baselines = Baselines::default();
    let watch = watch(1);
    for key in 0..1024 {
        assert!(baselines.ask(&watch, key, None, Millis(key as i64), 1));
    }
    assert!(!baselines.ask(&watch, 0, None, Millis(2000), 1), "known");
    assert_eq!(baselines.take_forgotten(), 0);
    assert!(baselines.ask(&watch, 9999, None, Millis(2001), 1));
    assert_eq!((baselines.take_forgotten(), baselines.take_forgotten()), (1, 0));
    assert_eq!(baselines.keys.len(), 1024);
    assert!(baselines.keys.contains_key(&0) && !baselines.keys.contains_key(&1));
}

#[test]
fn time_may_stand_jump_and_seem_to_go_back() {
    let mut baselines = Baselines::default();
    let watch = Watch { floor_per_minute: u32::MAX, rise: 2.0, baseline: Millis(1) };
    for now in [i64::MIN, 0, i64::MAX, -1, 5] {
        baselines.ask(&watch, 1, Some(true), Millis(now), u32::MAX);
    }
}

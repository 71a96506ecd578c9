use tailsift_policy::{Chance, CloseReason, Facts, Verdict};

use super::*;

fn drop_of(trace: u8, through: i64, expiry: i64) -> Decided {
    Decided {
        trace_id: TraceId([trace; 16]),
        decision: Decision {
            verdict: Verdict::Drop,
            policy: None,
            close_reason: CloseReason::DecisionWait,
            chance: Chance::None,
        },
        through,
        expiry: Millis(expiry),
        known: None,
        may_turn: false,
        turn: None,
        turned: None,
        would_have_kept: false,
        unlogged: None,
        logged: 0,
    }
}

fn pop(cache: &mut DecisionCache, now: i64, committed: i64) -> Option<u8> {
    cache.pop_expired(Millis(now), committed).map(|trace| trace.0[0])
}

#[test]
fn a_verdict_that_is_not_covered_yet_keeps_its_place() {
    let mut cache = DecisionCache::default();
    for (trace, through) in [(1, 10), (2, 20), (3, 30)] {
        cache.insert(drop_of(trace, through, 100));
    }
    assert_eq!(pop(&mut cache, i64::MAX, 5), None);
    assert_eq!(pop(&mut cache, i64::MAX, 5), None);
    assert_eq!(pop(&mut cache, i64::MAX, 10), Some(1));
    assert_eq!(pop(&mut cache, i64::MAX, 10), None);
    assert_eq!(
        [30, 30, 30].map(|committed| pop(&mut cache, 100, committed)),
        [Some(2), Some(3), None]
    );
}

#[test]
fn a_verdict_that_was_put_off_is_forgotten_last_and_once() {
    let mut cache = DecisionCache::default();
    let first = cache.insert(drop_of(1, 10, 100));
    cache.insert(drop_of(2, 20, 110));
    cache.get_mut(first).unwrap().expiry = Millis(150);
    assert_eq!(pop(&mut cache, 99, 50), None);
    assert_eq!(pop(&mut cache, 149, 50), Some(2));
    assert_eq!(pop(&mut cache, 149, 50), None);
    assert_eq!(pop(&mut cache, 150, 50), Some(1));
    assert_eq!((pop(&mut cache, 150, 50), cache.len(), cache.bytes()), (None, 0, 0));
}

#[test]
fn what_is_not_written_down_is_not_forgotten() {
    let mut cache = DecisionCache::default();
    let key = cache.insert(Decided { unlogged: Some(EntryKind::Decide), ..drop_of(1, 10, 100) });
    assert_eq!(pop(&mut cache, 200, 50), None);
    assert!(!cache.note(key, EntryKind::Late), "it is written down anyway");
    let kinds =
        |entries: Vec<Entry>| entries.iter().map(|e| (e.kind, e.through)).collect::<Vec<_>>();
    assert_eq!(kinds(cache.cut(1, |_| 40)), [(EntryKind::Decide, 40)]);
    assert_eq!(cache.live_from(), LiveFrom::Batch);
    cache.batch_committed(1, 7);
    assert_eq!(cache.live_from(), LiveFrom::Offset(7));
    assert!(cache.note(key, EntryKind::Late) && cache.has_unlogged());
    assert_eq!(pop(&mut cache, 200, 50), None);
    assert_eq!(kinds(cache.cut(2, |_| 45)), [(EntryKind::Late, 45)]);
    assert_eq!((pop(&mut cache, 200, 44), pop(&mut cache, 200, 45)), (None, Some(1)));
    assert_eq!(cache.live_from(), LiveFrom::Nothing);
}

fn known(words: &[u64], offsets: std::ops::Range<i64>) -> Option<Known> {
    let mut sources = Sources::default();
    offsets.for_each(|offset| sources.push(offset));
    let facts = Facts::default().with_words(words);
    Some(Known::new(&Read { facts, sources, source_bytes: 0 }))
}

#[test]
fn what_is_known_is_counted_as_it_changes_and_given_back() {
    let mut cache = DecisionCache::default();
    let keys = [1, 2, 3]
        .map(|trace| cache.insert(Decided { known: known(&[], 0..1), ..drop_of(trace, 10, 100) }));
    let before = cache.bytes();
    cache.get_mut(keys[2]).unwrap().known = known(&[1 << 63], 0..9);
    assert_eq!(cache.bytes(), before + 18, "ten bytes of a word, and eight of offsets");
    assert!(cache.get_mut(keys[2]).is_some());
    assert_eq!(cache.bytes(), before + 18, "counted once");
    cache.get_mut(keys[1]).unwrap().known = None;
    assert!(cache.bytes() < before + 18);
    cache.get_mut(keys[0]).unwrap().turned = Some(Box::new((
        Turned { by: None, partial: None, missing_below: None },
        Sources::default(),
    )));
    assert_eq!([(); 4].map(|()| pop(&mut cache, 100, 10)), [Some(1), Some(2), Some(3), None]);
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn what_is_known_is_let_go_in_time_but_not_while_it_is_needed() {
    let mut cache = DecisionCache::default();
    let of = |trace, expiry| Decided { known: known(&[], 0..1), ..drop_of(trace, 10, expiry) };
    let keys = [
        cache.insert(of(1, 100)),
        cache.insert(Decided { unlogged: Some(EntryKind::Late), ..of(2, 101) }),
        cache.insert(of(3, 102)),
        cache.insert(of(4, 103)),
    ];
    cache.get_mut(keys[2]).unwrap().expiry = Millis(150);
    for (now, left) in [(39, "1234"), (40, "234"), (42, "234"), (43, "23"), (102, "23")] {
        cache.let_go(Millis(now), Millis(60));
        let is_known = |place: &usize| cache.slab.get(keys[*place]).unwrap().known.is_some();
        let known: String = (0..4).filter(is_known).map(|place| format!("{}", place + 1)).collect();
        assert_eq!(known, left, "at {now}");
    }
    assert_eq!(pop(&mut cache, 102, 50), Some(1));
    cache.let_go(Millis(102), Millis(60));
    assert!(cache.slab.get(keys[2]).unwrap().known.is_some(), "2 is not written yet");
    cache.cut(1, |_| 10);
    assert_eq!([(); 2].map(|()| pop(&mut cache, 102, 50)), [Some(2), None]);
    cache.let_go(Millis(102), Millis(60));
    assert!(cache.slab.get(keys[2]).unwrap().known.is_none(), "it was filed again");
}

#[test]
fn a_remembered_verdict_is_small() {
    assert!(size_of::<Decided>() <= 112, "{}", size_of::<Decided>());
}

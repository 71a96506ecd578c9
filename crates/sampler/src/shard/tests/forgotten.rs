//! Late spans of dropped traces of which nothing is known any more: they are judged alone.

use tailsift_policy::{DropIf, Not, SpanCount};

use super::restore::{Topic, entries};
use super::*;
use crate::{Partial, SecondChance, Turned};

/// What is known is let go 2 s before the verdict is.
fn chance() -> Limits {
    let second_chance = Some(SecondChance { remember: Millis(3000), ..SecondChance::default() });
    Limits { second_chance, ..limits() }
}

/// `a` is dropped at 1200, with records at 0 and 1. Its second chance is over at 4200.
const DROPPED: &[(i64, i64, &[S])] = &[(0, 100, &[PLAIN]), (1, 900, &[PLAIN]), (2, 1200, &[])];
const PLAIN: S = S { trace: b'a', error: false, root: false, bytes: b"+" };
const FAILED: S = S { trace: b'a', error: true, root: false, bytes: b"!" };

fn payload(part: &Part) -> String {
    let one = |export: &Export| String::from_utf8_lossy(&export.payload).into_owned();
    part.exports.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// A shard of these policies whose trace `a` was dropped on two spans, and that.
fn dropped_by(policies: Vec<Kind>) -> Shard {
    let named = policies.into_iter().enumerate();
    let named = named.map(|(name, kind)| Policy::new(name.to_string(), kind)).collect();
    let set = PolicySet::compile(named, Semantics::default()).unwrap();
    let mut shard = Shard::new(Arc::new(set), chance());
    shard.handle_assigned(0, Restored::default());
    start(&mut shard);
    feed(&mut shard, DROPPED);
    assert_eq!(entries(&commit(&mut shard).unwrap()), "a drop <3");
    shard
}

fn errors() -> Kind {
    Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]))
}

fn count(min_spans: i32, max_spans: i32) -> Kind {
    Kind::SpanCount(SpanCount { min_spans, max_spans })
}

/// A topic, and its owner, by whom `a` was dropped and then forgotten.
fn forgotten() -> (Topic, Shard) {
    let mut topic = Topic::default();
    let mut first = shard(chance());
    feed(&mut first, DROPPED);
    topic.commit(&mut first);
    feed(&mut first, &[(3, 4200, &[PLAIN])]);
    topic.commit(&mut first);
    (topic, first)
}

#[test]
fn a_late_failure_is_kept_alone_and_what_is_missing_is_told() {
    let mut shard = dropped_by(vec![errors()]);
    feed(&mut shard, &[(3, 4200, &[FAILED, PLAIN])]);
    assert_eq!(shard.poll_reread(), None, "nobody knows where its records are");
    assert_eq!(shard.gauges().turns, 0, "nor is anything waited for");
    let part = commit(&mut shard).unwrap();
    assert_eq!((entries(&part).as_str(), payload(&part).as_str()), ("a^ keep <4", "!+"));
    let partial = Some(Partial::Forgotten);
    let turned = Turned { by: Some(SpanId([1; 8])), partial, missing_below: Some(3) };
    assert_eq!((part.entries[0].turned, part.exports[0].turned), (Some(turned), Some(turned)));
    assert_eq!(part.entries[0].missing, None);
    feed(&mut shard, &[(4, 4300, &[PLAIN]), (5, 4400, &[FAILED])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!((exported(&part).as_str(), payload(&part).as_str()), ("a+1 a+1", "+ !"));
    assert_eq!(part.entries[0].turned, Some(turned), "later entries say it too");
    let stats = shard.stats();
    assert_eq!((stats.turns_asked, stats.turns_partial), (1, [0, 0, 0, 0, 0, 1]));
    assert_eq!((stats.late_spans_kept, stats.late_spans_unjudged), (4, 0));
    assert_eq!((stats.kept_spans, stats.dropped_spans), (4, 2));
}

#[test]
fn before_the_chance_is_over_the_trace_is_read_again() {
    let mut shard = dropped_by(vec![errors()]);
    feed(&mut shard, &[(3, 4199, &[FAILED])]);
    assert_eq!(shard.poll_reread().unwrap().sources, [0, 1]);
}

#[test]
fn late_spans_that_change_nothing_are_missing_too() {
    let mut shard = dropped_by(vec![errors()]);
    feed(&mut shard, &[(3, 4200, &[PLAIN]), (4, 4300, &[PLAIN, FAILED])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!((entries(&part).as_str(), payload(&part).as_str()), ("a^ keep <5", "+!"));
    assert_eq!(part.entries[0].turned.unwrap().missing_below, Some(4));
    assert_eq!(shard.stats().late_spans_unjudged, 1);
}

#[test]
fn the_next_owner_knows_that_a_drop_may_be_turned() {
    let (topic, mut first) = forgotten();
    let entry = &topic.last().entries[0];
    assert_eq!((entry.facts.as_ref(), entry.sources.as_ref(), entry.may_turn), (None, None, true));
    // Who dies before the cut leaves the late spans to the next one, who does the same.
    feed(&mut first, &[(4, 4300, &[FAILED])]);
    let lost = first.poll_epoch().unwrap();
    let mut next = topic.next_owner(chance());
    feed(&mut next, &[(4, 4300, &[FAILED])]);
    let part = commit(&mut next).unwrap();
    assert_eq!((entries(&part).as_str(), payload(&part).as_str()), ("a^ keep <5", "!"));
    assert_eq!(lost.parts[0].entries, part.entries);
    assert_eq!(payload(&lost.parts[0]), payload(&part));
}

#[test]
fn who_gives_no_second_chance_passes_on_that_there_was_one() {
    let (mut topic, _) = forgotten();
    let mut without = topic.next_owner(limits());
    feed(&mut without, &[(4, 4300, &[FAILED])]);
    topic.commit(&mut without);
    assert_eq!((entries(topic.last()).as_str(), topic.last().exports.len()), ("a+ drop <5", 0));
    assert!(topic.last().entries[0].may_turn);
    assert_eq!(without.stats().late_spans_unjudged, 1);
    let mut next = topic.next_owner(chance());
    feed(&mut next, &[(5, 4400, &[FAILED])]);
    assert_eq!(payload(&commit(&mut next).unwrap()), "!");
}

/// What other spans may take back is no reason: nobody knows them any more.
#[test]
fn only_what_the_rest_cannot_take_back_turns() {
    let not = |kind| Kind::Not(Not(Box::new(Policy::new("inner", kind))));
    let drops = |kind| Kind::Drop(DropIf(vec![Policy::new("sub", kind)]));
    for (kinds, turns) in [
        (vec![errors()], true),
        (vec![count(3, 0)], false),
        (vec![count(3, 0), errors()], true),
        (vec![count(0, 1)], false),
        (vec![not(count(2, 0))], false),
        (vec![drops(count(3, 0)), errors()], true),
        (vec![drops(errors()), errors()], false),
    ] {
        let text = format!("{kinds:?}");
        let mut shard = dropped_by(kinds);
        feed(&mut shard, &[(3, 4200, &[FAILED])]);
        let part = commit(&mut shard).unwrap();
        let told = if turns { "a^ keep <4" } else { "a+ drop <4" };
        assert_eq!(entries(&part), told, "{text}");
        assert_eq!(shard.stats().late_spans_unjudged, u64::from(!turns), "{text}");
    }
}

#[test]
fn what_a_drop_policy_wanted_dropped_when_it_was_known_stays_dropped() {
    let drops = |kind| Kind::Drop(DropIf(vec![Policy::new("sub", kind)]));
    for (third, may_turn) in [(&[PLAIN][..], false), (&[], true)] {
        let mut shard = dropped_by(vec![drops(count(3, 0)), errors()]);
        feed(&mut shard, &[(3, 1300, third), (4, 4300, &[FAILED])]);
        let part = commit(&mut shard).unwrap();
        assert_eq!(part.exports.len(), usize::from(may_turn), "{third:?}");
    }
    // And alone likewise.
    let mut shard = dropped_by(vec![drops(count(3, 0)), errors()]);
    feed(&mut shard, &[(3, 4200, &[PLAIN, PLAIN, PLAIN]), (4, 4300, &[FAILED])]);
    assert_eq!(entries(&commit(&mut shard).unwrap()), "a+ drop <5");
}

#[test]
fn other_policies_turn_nothing() {
    let mut topic = Topic::default();
    let mut shard = shard(chance());
    feed(&mut shard, DROPPED);
    topic.commit(&mut shard);
    let all = Policy::new("all", Kind::AlwaysSample);
    let set = PolicySet::compile(vec![all], Semantics::default()).unwrap();
    shard.handle_policies(Arc::new(set), vec![Some(1)], &mut |_, _| true);
    feed(&mut shard, &[(3, 4200, &[FAILED])]);
    topic.commit(&mut shard);
    assert_eq!(entries(topic.last()), "a+ drop <4");
    assert!(!topic.last().entries[0].may_turn);
    assert_eq!(shard.stats().late_spans_unjudged, 1);
}

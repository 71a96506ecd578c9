//! The second chance: what late spans do to a trace that was dropped.

use tailsift_policy::{DropIf, Failure, Fragmented, Not, Probabilistic, SpanCount, Verdict};

use super::restore::{Topic, entries};
use super::*;
use crate::{Missing, Partial, Reread, RereadAnswer, RereadSource, SecondChance, SourceSpans};

pub(super) fn chance() -> Limits {
    let remember = Millis(3000);
    let second_chance = Some(SecondChance { remember, ..SecondChance::default() });
    Limits { second_chance, ..limits() }
}

/// What the reader finds: everything but what is missing.
pub(super) fn answer(asked: &Reread, missing: &[(i64, Missing)]) -> RereadAnswer {
    let found = |offset: &i64| {
        let why = missing.iter().find(|(at, _)| at == offset).map(|(_, why)| *why);
        let payload = format!("<{offset}>").into_bytes();
        let spans = SourceSpans { spans: 1, headers: Box::default(), payload };
        RereadSource { offset: *offset, found: why.map_or(Ok(spans), Err) }
    };
    let sources = asked.sources.iter().rev().map(found).collect();
    RereadAnswer { asked: asked.clone(), sources }
}

/// Answers all that is asked.
fn answer_all(shard: &mut Shard) -> Vec<(char, Vec<i64>, i64)> {
    let mut asked = Vec::new();
    while let Some(one) = shard.poll_reread() {
        shard.handle_reread(answer(&one, &[]));
        asked.push((one.trace_id.0[0] as char, one.sources, one.trigger));
    }
    asked
}

fn payload(part: &Part) -> String {
    let one = |export: &Export| String::from_utf8_lossy(&export.payload).into_owned();
    part.exports.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// `a` is dropped at 1100, with records at 0 and 1.
const DROPPED: &[(i64, i64, &[S])] = &[(0, 100, &[PLAIN]), (1, 900, &[PLAIN]), (2, 1200, &[])];
const PLAIN: S = S { trace: b'a', error: false, root: false, bytes: b"+" };
const FAILED: S = S { trace: b'a', error: true, root: false, bytes: b"!" };

#[test]
fn a_late_failure_brings_the_whole_trace_back() {
    let mut shard = shard(chance());
    feed(&mut shard, DROPPED);
    assert_eq!(entries(&commit(&mut shard).unwrap()), "a drop <3");
    feed(&mut shard, &[(3, 1300, &[FAILED]), (4, 1400, &[PLAIN])]);
    assert!(shard.poll_epoch().is_none(), "nothing is decided, and 3 is still needed");
    let asked = shard.poll_reread().unwrap();
    assert_eq!((&asked.sources[..], asked.trigger, asked.bytes), (&[0, 1][..], 3, 20));
    assert!(shard.poll_reread().is_none(), "it is asked for once");
    feed(&mut shard, &[(5, 1500, &[PLAIN])]);
    assert_eq!((shard.gauges().turns, shard.gauges().turn_spans), (1, 3));
    assert!(!shard.is_settled());
    shard.handle_reread(answer(&asked, &[]));
    let part = commit(&mut shard).unwrap();
    assert_eq!((exported(&part).as_str(), payload(&part).as_str()), ("a5", "<0><1>!++"));
    assert_eq!((entries(&part).as_str(), part.commit_offset), ("a^ keep <6", 6));
    let turned = part.exports[0].turned.unwrap();
    assert_eq!((turned.by, turned.partial), (Some(SpanId([1; 8])), None));
    assert_eq!(part.entries[0].turned, Some(turned));
    assert_eq!(part.entries[0].decision.policy, Some(0));
    feed(&mut shard, &[(6, 1600, &[FAILED])]);
    assert_eq!(answer_all(&mut shard), [], "a verdict is turned once");
    let part = commit(&mut shard).unwrap();
    assert_eq!((exported(&part).as_str(), entries(&part).as_str()), ("a+1", "a+ keep <7"));
    let stats = shard.stats();
    assert_eq!((stats.turns_asked, stats.turns_whole, stats.turned_spans), (1, 1, 2));
    assert_eq!((stats.kept_spans, stats.dropped_spans, stats.late_spans_kept), (4, 2, 4));
    assert_eq!(stats.turned_bytes, 6);
}

#[test]
fn a_drop_that_was_never_written_down_is_written_down_as_a_keep() {
    let mut shard = shard(chance());
    feed(&mut shard, DROPPED);
    feed(&mut shard, &[(3, 1300, &[FAILED])]);
    assert_eq!(answer_all(&mut shard), [('a', vec![0, 1], 3)]);
    assert_eq!(entries(&commit(&mut shard).unwrap()), "a keep <4");
}

#[test]
fn what_is_written_of_it_meanwhile_covers_nothing_from_the_trigger_on() {
    let mut shard = shard(chance());
    feed(&mut shard, DROPPED);
    commit(&mut shard);
    feed(&mut shard, &[(3, 1300, &[PLAIN]), (4, 1400, &[FAILED]), (5, 1500, &[FAILED])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!((entries(&part).as_str(), part.commit_offset), ("a+ drop <4", 4));
    assert_eq!(part.commit_stream_time, Some(Millis(1300)));
    let known = &part.entries[0];
    assert_eq!(known.facts.as_ref().unwrap().spans, 3, "the trigger is not among them");
    assert_eq!(known.sources.as_ref().unwrap().offsets().collect::<Vec<_>>(), [0, 1, 3]);
    assert_eq!(answer_all(&mut shard), [('a', vec![0, 1, 3], 4)]);
    assert_eq!(entries(&commit(&mut shard).unwrap()), "a^ keep <6");
}

#[test]
fn a_next_owner_asks_again_once_it_has_read_as_far_as_the_last_one() {
    let mut topic = Topic::default();
    let mut first = shard(chance());
    feed(&mut first, DROPPED);
    topic.commit(&mut first);
    feed(
        &mut first,
        &[(3, 1300, &[FAILED]), (4, 1400, &[PLAIN]), (5, 1500, &[S { trace: b'b', ..PLAIN }])],
    );
    first.handle_idle(0, Millis(2700), 6);
    topic.commit(&mut first);
    assert_eq!((topic.last().commit_offset, topic.last().next_offset), (3, 6));
    let asked = first.poll_reread().unwrap();
    let mut next = topic.next_owner(chance());
    feed(&mut next, &[(3, 1300, &[FAILED]), (4, 1400, &[PLAIN])]);
    assert_eq!(next.poll_reread(), None, "5 was read before");
    next.handle_reread(answer(&asked, &[]));
    feed(&mut next, &[(5, 1500, &[S { trace: b'b', ..PLAIN }])]);
    next.handle_reread(answer(&asked, &[]));
    assert_eq!(next.gauges().turns, 1, "an answer to an earlier assignment changes nothing");
    assert_eq!(answer_all(&mut next), [('a', vec![0, 1], 3)]);
    assert_eq!(exported(&commit(&mut next).unwrap()), "a4");
}

#[test]
fn a_verdict_that_is_being_turned_does_not_expire() {
    let mut topic = Topic::default();
    let mut shard = shard(chance());
    feed(&mut shard, DROPPED);
    topic.commit(&mut shard);
    feed(&mut shard, &[(3, 1300, &[FAILED])]);
    let asked = shard.poll_reread().unwrap();
    for (clock, written) in [(6000, ""), (6300, "a+ drop <3"), (11_000, ""), (12_000, "a+ drop <3")]
    {
        shard.handle_idle(0, Millis(clock + 100), 4);
        let part = shard.poll_epoch().map(|mut epoch| {
            write(&mut epoch);
            shard.handle_committed(&epoch);
            epoch.parts.remove(0)
        });
        assert_eq!(part.as_ref().map_or(String::new(), entries), written, "at {clock}");
    }
    shard.handle_reread(answer(&asked, &[]));
    assert_eq!(exported(&commit(&mut shard).unwrap()), "a3");
}

#[test]
fn what_is_missing_is_told_and_the_rest_is_kept() {
    use Missing::{Gone, Timeout};
    for (missing, left, partial) in [
        (&[][..], "<0><1>!", None),
        (&[(0, Gone)], "<1>!", Some(Partial::Gone)),
        (&[(1, Timeout)], "<0>!", Some(Partial::Timeout)),
        (&[(0, Timeout), (1, Gone)], "!", Some(Partial::Gone)),
    ] {
        let mut shard = shard(chance());
        feed(&mut shard, DROPPED);
        feed(&mut shard, &[(3, 1300, &[FAILED])]);
        let asked = shard.poll_reread().unwrap();
        shard.handle_reread(answer(&asked, missing));
        let part = commit(&mut shard).unwrap();
        assert_eq!(payload(&part), left);
        let turned = part.entries[0].turned.unwrap();
        assert_eq!((turned.partial, part.exports[0].turned), (partial, Some(turned)));
        let told = part.entries[0].missing.as_ref().map(|of| of.offsets().collect::<Vec<_>>());
        let mut gone: Vec<i64> = missing.iter().map(|(offset, _)| *offset).collect();
        gone.sort_unstable();
        assert_eq!(told.unwrap_or_default(), gone);
    }
}

#[test]
fn sources_that_nobody_answers_for_did_not_come_in_time() {
    let mut shard = shard(chance());
    feed(&mut shard, DROPPED);
    feed(&mut shard, &[(3, 1300, &[FAILED])]);
    let asked = shard.poll_reread().unwrap();
    shard.handle_reread(RereadAnswer { asked, sources: Vec::new() });
    let part = commit(&mut shard).unwrap();
    assert_eq!(part.entries[0].turned.unwrap().partial, Some(Partial::Timeout));
}

#[test]
fn over_the_budget_the_late_spans_go_alone() {
    let second_chance =
        chance().second_chance.map(|one| SecondChance { bytes_per_second: 1, ..one });
    let mut shard = shard(Limits { second_chance, ..chance() });
    feed(&mut shard, DROPPED);
    feed(&mut shard, &[(3, 1300, &[FAILED])]);
    assert_eq!(shard.poll_reread(), None);
    let part = commit(&mut shard).unwrap();
    assert_eq!((payload(&part).as_str(), entries(&part).as_str()), ("!", "a keep <4"));
    assert_eq!(part.entries[0].turned.unwrap().partial, Some(Partial::Budget));
    assert_eq!(shard.stats().turns_partial, [1, 0, 0, 0, 0, 0]);
}

#[test]
fn the_chance_ends_and_what_was_known_is_let_go() {
    let mut shard = shard(chance());
    feed(&mut shard, DROPPED);
    commit(&mut shard);
    let before = shard.gauges().decision_bytes;
    feed(&mut shard, &[(3, 4099, &[PLAIN]), (4, 7098, &[PLAIN])]);
    commit(&mut shard);
    feed(&mut shard, &[(5, 10_099, &[PLAIN])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!((entries(&part).as_str(), part.exports.len()), ("a+ drop <6", 0));
    assert_eq!((part.entries[0].facts.as_ref(), part.entries[0].may_turn), (None, true));
    assert_eq!(shard.stats().late_spans_unjudged, 1);
    assert!(shard.gauges().decision_bytes < before);
}

#[test]
fn drops_that_nobody_touches_let_go_in_time() {
    let mut shard = shard(chance());
    let spans: Vec<S> = (b'a'..=b'z').map(|trace| S { trace, ..PLAIN }).collect();
    shard.handle_record(&at(0, 100), &batch(&spans));
    feed(&mut shard, &[(1, 1200, &[])]);
    commit(&mut shard);
    let known = shard.gauges().decision_bytes;
    feed(&mut shard, &[(2, 4099, &[])]);
    assert_eq!(shard.gauges().decision_bytes, known);
    feed(&mut shard, &[(3, 4200, &[])]);
    let left = shard.gauges().decision_bytes;
    assert!(left + 26 * 15 < known, "{known} bytes, then {left}");
    assert_eq!(shard.gauges().decisions, 26);
}

/// A shard of these policies whose trace `a` was judged on two spans.
fn judged_by(policies: Vec<Policy>) -> Shard {
    let set = PolicySet::compile(policies, Semantics::default()).unwrap();
    let mut shard = Shard::new(Arc::new(set), chance());
    shard.handle_assigned(0, Restored::default());
    start(&mut shard);
    feed(&mut shard, DROPPED);
    commit(&mut shard);
    shard
}

#[test]
fn only_what_policies_are_certain_of_turns() {
    let errors = || Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]));
    let count = |min_spans| Kind::SpanCount(SpanCount { min_spans, max_spans: 0 });
    let never = || Probabilistic { sampling_percentage: 0.0, hash_salt: String::new() };
    let fine = Kind::Not(Not(Box::new(Policy::new("errors", errors()))));
    let drops = |kind| Kind::Drop(DropIf(vec![Policy::new("sub", kind)]));
    for (kinds, turns) in [
        (vec![errors()], true),
        (vec![count(3)], true),
        (vec![count(4)], false),
        (vec![Kind::Failure(Failure { keep_recovered: false })], true),
        (vec![Kind::Fragmented(Fragmented { missing_parents_above: 1 })], false),
        (vec![Kind::Probabilistic(never())], false),
        (vec![drops(fine), errors()], false),
        (vec![drops(errors()), count(3)], false),
        (vec![drops(count(9)), errors()], true),
    ] {
        let text = format!("{kinds:?}");
        let named = kinds.into_iter().enumerate();
        let policies = named.map(|(name, kind)| Policy::new(name.to_string(), kind)).collect();
        let mut shard = judged_by(policies);
        feed(&mut shard, &[(3, 1300, &[FAILED])]);
        assert_eq!(shard.poll_reread().is_some(), turns, "{text}");
    }
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    let mut shard = shard(chance());
    feed(&mut shard, DROPPED);
    feed(&mut shard, &[(3, 1300, &[FAILED])]);
    let asked = shard.poll_reread().unwrap();
    for other in [
        Reread { assignment: asked.assignment + 9, ..asked.clone() },
        Reread { trigger: 2, ..asked.clone() },
        Reread { trace_id: TraceId([b'b'; 16]), ..asked.clone() },
        Reread { partition: 7, ..asked.clone() },
    ] {
        shard.handle_reread(answer(&other, &[]));
        assert_eq!(shard.gauges().turns, 1, "{other:?}");
    }
    shard.handle_reread(answer(&asked, &[]));
    shard.handle_reread(answer(&asked, &[]));
    assert_eq!(exported(&commit(&mut shard).unwrap()), "a3");
}

#[test]
fn turns_pile_up_to_a_bound_but_none_that_nobody_can_answer() {
    let second_chance = chance().second_chance.map(|one| SecondChance { pending: 1, ..one });
    let limits = Limits { second_chance, ..chance() };
    let mut topic = Topic::default();
    let mut first = shard(limits.clone());
    feed(&mut first, DROPPED);
    topic.commit(&mut first);
    assert!(!first.is_congested());
    feed(&mut first, &[(3, 1300, &[FAILED]), (4, 1300, &[PLAIN])]);
    assert!(first.is_congested());
    first.handle_idle(0, Millis(6500), 5);
    topic.commit(&mut first);
    let mut next = topic.next_owner(limits);
    feed(&mut next, &[(3, 1300, &[FAILED])]);
    assert!(next.gauges().turns == 1 && !next.is_congested(), "4 has to be read yet");
    feed(&mut next, &[(4, 1300, &[PLAIN])]);
    assert!(next.is_congested());
    answer_all(&mut next);
    assert!(!next.is_congested());
}

#[test]
fn turns_go_last_when_memory_is_short() {
    let mut shard = shard(Limits { memory_bytes: 48 << 10, remember: Millis(100_000), ..chance() });
    feed(&mut shard, DROPPED);
    commit(&mut shard);
    let large = S { bytes: &[b'!'; 16 << 10], ..FAILED };
    shard.handle_record(&at(3, 1300), &batch(&[large]));
    assert_eq!(shard.gauges().turns, 1);
    shard.handle_record(&at(4, 1400), &batch(&[large]));
    assert_eq!((shard.gauges().turns, shard.stats().turns_partial), (0, [0, 1, 0, 0, 0, 0]));
    let part = commit(&mut shard).unwrap();
    assert_eq!((exported(&part).as_str(), payload(&part).len()), ("a2", 32 << 10));
}

#[test]
fn what_was_asked_for_stands_when_policies_are_replaced_and_nothing_else_turns() {
    let mut shard = shard(chance());
    feed(&mut shard, &[(0, 100, &[PLAIN, S { trace: b'b', ..PLAIN }]), (1, 1200, &[])]);
    commit(&mut shard);
    feed(&mut shard, &[(2, 1300, &[FAILED])]);
    let all = Policy::new("all", Kind::AlwaysSample);
    let set = PolicySet::compile(vec![all], Semantics::default()).unwrap();
    shard.handle_policies(Arc::new(set), vec![Some(1)], &mut |_, _| true);
    feed(&mut shard, &[(3, 1400, &[S { trace: b'b', ..FAILED }])]);
    assert_eq!(answer_all(&mut shard), [('a', vec![0], 2)]);
    let part = commit(&mut shard).unwrap();
    assert_eq!((exported(&part).as_str(), part.exports[0].decision.policy), ("a2", Some(0)));
    assert_eq!(entries(&part), "b+ drop <4, a^ keep <4");
    assert_eq!(part.entries[0].decision.verdict, Verdict::Drop);
    assert_eq!(shard.stats().late_spans_unjudged, 1);
}

#[test]
fn spans_of_turns_are_given_up_with_their_partition() {
    let mut shard = shard(chance());
    feed(&mut shard, DROPPED);
    feed(&mut shard, &[(3, 1300, &[FAILED, FAILED])]);
    shard.handle_revoked(&[0]);
    assert_eq!((shard.stats().spans_given_up, shard.gauges().turns), (2, 0));
    assert_eq!(shard.poll_reread(), None);
}

#[test]
fn turned_verdicts_are_reported() {
    let mut shard = shard(chance());
    shard.report_judged(true);
    feed(&mut shard, DROPPED);
    feed(&mut shard, &[(3, 1300, &[FAILED])]);
    assert!(shard.poll_turned().is_none());
    answer_all(&mut shard);
    let turned = shard.poll_turned().unwrap();
    assert_eq!((turned.trigger, turned.spans, turned.missing.len()), (3, 3, 0));
    assert_eq!((&turned.payload[..], turned.decision.verdict), (&b"<0><1>!"[..], Verdict::Keep));
}

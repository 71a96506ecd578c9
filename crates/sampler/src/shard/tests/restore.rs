//! A partition changes hands: what the next owner is told, and what it makes of it.

use tailsift_policy::{Chance, Decision, Verdict};

use super::*;
use crate::{Checkpoint, Entry, EntryKind, Logged};

/// What the decision log and the group hold of partition 0.
#[derive(Default)]
pub(super) struct Topic {
    log: Vec<Logged>,
    last: Option<Part>,
}

impl Topic {
    /// Commits what there is.
    pub(super) fn commit(&mut self, shard: &mut Shard) {
        if let Some(part) = commit(shard) {
            self.committed(part);
        }
    }

    /// Writes down what was committed.
    pub(super) fn committed(&mut self, part: Part) {
        let (sequence, offset) = (part.checkpoint.sequence, part.batch_offset.unwrap_or(-1));
        let logged = |entry: &Entry| Logged { entry: entry.clone(), sequence, offset };
        self.log.extend(part.entries.iter().map(logged));
        self.last = Some(part);
    }

    /// What was committed last.
    pub(super) fn last(&self) -> &Part {
        self.last.as_ref().unwrap()
    }

    /// What a new owner is told.
    pub(super) fn restored(&self) -> Restored {
        let Some(part) = &self.last else { return Restored::default() };
        let needed = match part.committed_live_from() {
            LiveFrom::Nothing => i64::MAX,
            LiveFrom::Offset(offset) => offset,
            LiveFrom::Batch => panic!("a committed batch has an offset"),
        };
        Restored {
            offset: part.commit_offset,
            stream_time: part.commit_stream_time,
            read_to: part.next_offset,
            read_stream_time: part.next_stream_time,
            checkpoint: part.checkpoint,
            kept_from: part.committed_kept_from(),
            decisions: self.log.iter().filter(|one| one.offset >= needed).cloned().collect(),
        }
    }

    /// A shard that takes over.
    pub(super) fn next_owner(&self, limits: Limits) -> Shard {
        let mut shard = super::shard(limits);
        shard.handle_revoked(&[0]);
        shard.handle_assigned(0, self.restored());
        shard
    }
}

type Story = &'static [(i64, i64, &'static [S])];

const A: S = S { trace: b'a', error: true, root: false, bytes: b"span" };
const B: S = S { trace: b'b', error: false, root: false, bytes: b"span" };
const C: S = S { trace: b'c', error: true, root: false, bytes: b"span" };

/// At 2 a has been judged and kept, b waits. Then b is judged too.
const STORY: Story = &[
    (0, 100, &[A]),
    (1, 900, &[B]),
    (2, 1100, &[A]),
    (3, 1500, &[B]),
    (4, 1950, &[C]),
    (5, 2000, &[A]),
    (6, 2100, &[B]),
];

pub(super) fn entries(part: &Part) -> String {
    let one = |entry: &Entry| {
        let kind = match entry.kind {
            EntryKind::Decide => "",
            EntryKind::Late => "+",
            EntryKind::Turn => "^",
        };
        let verdict = match entry.decision.verdict {
            Verdict::Keep => "keep",
            Verdict::Drop => "drop",
        };
        format!("{}{kind} {verdict} <{}", entry.trace_id.0[0] as char, entry.through)
    };
    part.entries.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn verdicts_and_late_spans_are_written_down_once_each_cut() {
    let mut shard = shard(limits());
    feed(&mut shard, &STORY[..3]);
    let part = commit(&mut shard).unwrap();
    assert_eq!((entries(&part).as_str(), part.checkpoint.sequence), ("a keep <3", 1));
    feed(&mut shard, &STORY[3..6]);
    assert_eq!(entries(&commit(&mut shard).unwrap()), "b drop <6, a+ keep <6");
    feed(&mut shard, &[(6, 2100, &[B]), (7, 2100, &[B, A])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!(entries(&part), "b+ drop <8, a+ keep <8");
    let sources = part.entries[0].sources.as_ref().unwrap();
    assert_eq!(sources.offsets().collect::<Vec<_>>(), [1, 3, 6, 7]);
    assert_eq!(part.entries[0].facts.as_ref().unwrap().spans, 4);
    feed(&mut shard, &[(8, 2100, &[C])]);
    assert!(shard.poll_epoch().is_none(), "nothing was decided and no offset is settled");
}

#[test]
fn a_part_without_outputs_has_no_batch_and_keeps_its_number() {
    let mut shard = shard(limits());
    feed(&mut shard, &STORY[..3]);
    commit(&mut shard);
    let part = shard.poll_epoch();
    assert!(part.is_none());
    feed(&mut shard, &[(3, 1150, &[])]);
    assert!(shard.poll_epoch().is_none(), "b still waits at offset 1");
    shard.handle_idle(0, Millis(7000), 4);
    let part = commit(&mut shard).unwrap();
    assert_eq!((part.has_batch, part.checkpoint.sequence, part.commit_offset), (true, 2, 4));
    let part = commit(&mut shard).unwrap();
    assert_eq!((part.has_batch, part.checkpoint.sequence), (false, 2));
}

/// Wherever the first owner commits and then dies, both together export what one would have.
#[test]
fn a_crash_after_any_commit_changes_nothing() {
    let after = |shard: &mut Shard, topic: &mut Topic, from: usize, out: &mut Vec<String>| {
        for record in &STORY[from..] {
            feed(shard, &[*record]);
        }
        shard.handle_idle(0, Millis(4000), STORY.len() as i64);
        topic.commit(shard);
        out.extend(topic.last.iter().map(exported));
    };
    let mut whole = Vec::new();
    after(&mut shard(limits()), &mut Topic::default(), 0, &mut whole);
    assert_eq!(whole, ["a2 a+1 c1"]);
    for committed in 0..=STORY.len() {
        for lost in committed..=STORY.len() {
            let (mut topic, mut out) = (Topic::default(), Vec::new());
            let mut first = shard(limits());
            feed(&mut first, &STORY[..committed]);
            topic.commit(&mut first);
            out.extend(topic.last.iter().map(exported).filter(|text| !text.is_empty()));
            feed(&mut first, &STORY[committed..lost]);
            let mut second = topic.next_owner(limits());
            let from = topic.restored().offset as usize;
            after(&mut second, &mut topic, from, &mut out);
            assert_eq!(out.join(" "), "a2 a+1 c1", "committed {committed}, lost at {lost}");
        }
    }
}

#[test]
fn nothing_is_judged_or_committed_before_the_last_owners_position() {
    let mut first = shard(Limits { spans_per_trace: 3, ..limits() });
    feed(&mut first, &[(0, 100, &[A]), (1, 100, &[B]), (2, 900, &[A])]);
    let mut topic = Topic::default();
    topic.commit(&mut first);
    let mut second = topic.next_owner(Limits { decision_wait: Millis(300), ..limits() });
    assert_eq!(second.records_to_replay(), 3);
    feed(&mut second, &[(0, 100, &[A]), (1, 100, &[B])]);
    second.handle_idle(0, FAR, 2);
    assert!(second.poll_epoch().is_none_or(|epoch| epoch.parts.iter().all(|p| p.partition != 0)));
    assert_eq!(second.stats().closed.iter().sum::<u64>(), 0);
    second.handle_discarded();
    feed(&mut second, &[(2, 900, &[A])]);
    assert_eq!(second.records_to_replay(), 0);
    assert_eq!(second.stats().records_replayed, 3);
    assert_eq!(exported(&commit(&mut second).unwrap()), "a2", "with a shorter wait it was due");
}

#[test]
fn limits_act_once_the_replay_is_over() {
    let mut first = shard(limits());
    feed(&mut first, &[(0, 100, &[A, A]), (1, 150, &[B])]);
    let mut topic = Topic::default();
    topic.commit(&mut first);
    let mut second = topic.next_owner(Limits { spans_per_trace: 2, ..limits() });
    feed(&mut second, &[(0, 100, &[A, A])]);
    assert_eq!(second.stats().closed.iter().sum::<u64>(), 0);
    feed(&mut second, &[(1, 150, &[B])]);
    assert_eq!(second.stats().closed[CloseReason::SpanLimit as usize], 1);
}

#[test]
fn letters_of_replayed_records_are_not_written_again() {
    let letter = |offset| DeadLetter {
        kind: crate::LetterKind::Record,
        offset,
        time: None,
        reason: String::new(),
        key: None,
        value: None,
        withheld: None,
        headers: Box::default(),
    };
    let mut first = shard(limits());
    feed(&mut first, &[(0, 100, &[A])]);
    first.handle_poison(&at(1, 200), Some(letter(1)));
    let mut topic = Topic::default();
    topic.commit(&mut first);
    assert_eq!(topic.last.as_ref().unwrap().dead_letters.len(), 1);
    let mut second = topic.next_owner(limits());
    feed(&mut second, &[(0, 100, &[A])]);
    second.handle_poison(&at(1, 200), Some(letter(1)));
    second.handle_poison(&at(2, 300), Some(letter(2)));
    let part = commit(&mut second).unwrap();
    assert_eq!(part.dead_letters.iter().map(|letter| letter.offset).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_stamp_from_the_future_is_clamped_in_a_replay_as_it_was_at_first() {
    let mut first = shard(limits());
    let clamped = RecordAt { wall_now: Millis(900), ..at(1, 5000) };
    feed(&mut first, &[(0, 100, &[A])]);
    first.handle_record(&clamped, &batch(&[B]));
    let mut topic = Topic::default();
    topic.commit(&mut first);
    let mut second = topic.next_owner(limits());
    feed(&mut second, &[(0, 100, &[A])]);
    second.handle_record(&at(1, 5000), &batch(&[B]));
    assert_eq!(second.progress().next().unwrap().stream_time, Some(Millis(900)));
}

#[test]
fn a_verdict_is_restored_as_long_as_its_records_or_late_spans_may_come() {
    let decision = Decision {
        verdict: Verdict::Drop,
        policy: None,
        close_reason: CloseReason::DecisionWait,
        chance: Chance::None,
    };
    let logged = |trace: u8, through, expiry, sequence| Logged {
        entry: Entry {
            trace_id: TraceId([trace; 16]),
            kind: EntryKind::Decide,
            decision,
            through,
            expiry: Millis(expiry),
            facts: None,
            sources: None,
            source_bytes: 0,
            may_turn: false,
            turned: None,
            missing: None,
        },
        sequence,
        offset: sequence as i64 * 10,
    };
    let mut shard = super::shard(limits());
    shard.handle_revoked(&[0]);
    shard.handle_assigned(
        0,
        Restored {
            offset: 50,
            stream_time: Some(Millis(900)),
            read_to: 60,
            read_stream_time: Some(Millis(1000)),
            checkpoint: Checkpoint { incarnation: 7, sequence: 4, log_partition: 3 },
            kept_from: Some(20),
            decisions: vec![
                logged(1, 40, 1000, 1), // nobody needs it any more
                logged(2, 51, 1000, 2), // its records are read again
                logged(3, 40, 1001, 2), // late spans may come
                logged(2, 55, 1500, 4), // the last word on 2
            ],
        },
    );
    assert_eq!(shard.gauges().decisions, 2);
    feed(&mut shard, &[(59, 1000, &[])]);
    let part = commit(&mut shard).unwrap();
    assert_eq!((part.checkpoint.incarnation, part.checkpoint.log_partition), (7, 3));
    assert_eq!((part.live_from, part.committed_kept_from()), (LiveFrom::Offset(20), Some(20)));
    feed(&mut shard, &[(60, 1001, &[])]);
    commit(&mut shard);
    assert_eq!(shard.gauges().decisions, 1, "3 is forgotten");
    feed(&mut shard, &[(61, 1001, &[])]);
    let part = commit(&mut shard).unwrap();
    let kept = part.committed_kept_from();
    assert_eq!((part.live_from, kept), (LiveFrom::Offset(40), Some(20)), "no batch, no change");
}

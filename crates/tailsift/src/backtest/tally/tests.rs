use tailsift_policy::{Chance, Decision};
use tailsift_trace::Millis;

use super::*;

const WANTED: Option<Vote> = Some(Vote::Sampled);
const NOT: Option<Vote> = Some(Vote::NotSampled);

fn judged(trace: u8, verdict: Verdict, policy: Option<u16>, votes: &[Option<Vote>]) -> Judged {
    Judged {
        trace_id: TraceId([trace; 16]),
        partition: 0,
        decision: Decision {
            verdict,
            policy,
            close_reason: CloseReason::DecisionWait,
            chance: Chance::None,
        },
        votes: votes.into(),
        composite: None,
        spans: 2,
        bytes: 100,
        duration_ns: 0,
        time: Millis(1),
        held: Millis(1),
        payload: None,
    }
}

fn of(judged: &[Judged]) -> Tally {
    let mut tally = Tally::new(3);
    judged.iter().for_each(|judged| tally.note(judged));
    tally
}

#[test]
fn what_only_one_wants_is_its_own() {
    let tally = of(&[
        judged(1, Verdict::Keep, Some(0), &[WANTED, WANTED, NOT]),
        judged(2, Verdict::Keep, Some(1), &[NOT, WANTED, NOT]),
        judged(3, Verdict::Drop, None, &[NOT, NOT, NOT]),
        judged(4, Verdict::Drop, Some(2), &[None, None, Some(Vote::Dropped)]),
    ]);
    let traces = |sum: Sum| sum.traces;
    let rows: Vec<_> = tally.policies.iter().collect();
    assert_eq!(rows.iter().map(|row| traces(row.sampled)).collect::<Vec<_>>(), [1, 2, 0]);
    assert_eq!(rows.iter().map(|row| traces(row.only)).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(rows.iter().map(|row| traces(row.dropped)).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(rows[1].only_examples.0, [TraceId([2; 16])].into());
    assert_eq!(rows[2].examples.0, [TraceId([4; 16])].into());
    assert_eq!(tally.kept, Sum { traces: 2, spans: 4, bytes: 200 });
    assert_eq!(tally.all, Sum { traces: 4, spans: 8, bytes: 400 });
    assert_eq!(tally.closed[CloseReason::DecisionWait as usize], 4);
}

#[test]
fn shares_add_up_to_the_whole_in_any_order() {
    let all: Vec<_> = (1..=9)
        .map(|trace| match trace % 3 {
            0 => judged(trace, Verdict::Drop, None, &[NOT, NOT, NOT]),
            1 => judged(trace, Verdict::Keep, Some(0), &[WANTED, NOT, NOT]),
            _ => judged(trace, Verdict::Keep, Some(0), &[WANTED, NOT, WANTED]),
        })
        .collect();
    let whole = of(&all);
    assert_eq!(whole.policies[0].examples.0.len(), EXAMPLES);
    for cut in 0..all.len() {
        let (mut one, other) = (of(&all[..cut]), of(&all[cut..]));
        one.add(&other);
        assert_eq!(one, whole, "cut at {cut}");
        let (one, mut other) = (of(&all[..cut]), of(&all[cut..]));
        other.add(&one);
        assert_eq!(other, whole, "cut at {cut}");
    }
}

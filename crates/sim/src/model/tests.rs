use tailsift_fixture::{NamedPolicy, ReferencePolicy, reference};

use super::*;
use crate::random::Random;

/// Another reader of the bytes, another judge of the spans, and the same answer.
#[test]
fn the_truth_is_what_the_bytes_say() {
    let policies = [
        NamedPolicy::new("errors", ReferencePolicy::Error),
        NamedPolicy::new("slow", "latency=500".parse::<NamedPolicy>().unwrap().policy),
        NamedPolicy::new("unsure", "confidence=0.5".parse::<NamedPolicy>().unwrap().policy),
    ];
    let (mut kept, mut dropped) = (0, 0);
    for seed in 0..20 {
        let plan = Plan::new(seed);
        let input = Input::new(&plan, &mut Random::new(seed));
        let truth = Truth::new(&plan, &input);
        let readable = input.logs.iter().flatten().filter(|record| record.spans.is_some());
        let values: Vec<&[u8]> = readable.map(|record| &*record.value).collect();
        let judged = reference(&policies, values).unwrap();
        assert_eq!(judged.len(), input.traces.len());
        for (place, trace) in input.traces.iter().enumerate() {
            let reference = &judged[&trace.id];
            assert_eq!(
                truth.wanted[place],
                !reference.keep.is_empty(),
                "seed {seed}, trace {place}"
            );
            let copies = trace.spans.iter().map(|span| truth.copies[*span] as u64).sum::<u64>();
            assert_eq!(copies, reference.span_count(), "seed {seed}, trace {place}");
        }
        kept += truth.keep.iter().filter(|keep| **keep).count();
        dropped += truth.keep.iter().filter(|keep| !**keep).count();
    }
    assert!(kept > 100 && dropped > 100, "{kept} kept, {dropped} dropped");
}

#[test]
fn a_trace_is_punctual_only_if_no_clock_could_close_it_early() {
    let mut plan = Plan::new(1).without_crashes();
    plan.faults = crate::Faults::default();
    plan.limits = tailsift_sampler::Limits::default();
    let input = Input::new(&plan, &mut Random::new(1));
    let punctual = |plan: &Plan| Truth::new(plan, &input).punctual.iter().filter(|p| **p).count();
    assert_eq!(punctual(&plan), input.traces.len());
    plan.limits.decision_wait = tailsift_trace::Millis(1);
    let (few, all) = (punctual(&plan), input.traces.len());
    assert!(few < all / 2, "{few} of {all} traces came within a millisecond");
}

//! Traces as JSON: the words are a contract.

use serde_json::{Value, json};
use tailsift_policy::Vote;
use tailsift_sampler::Tried;

use super::Names;
use super::text::verdict_word;

/// One array, an object for each trace.
pub(super) fn array(traces: &[Tried], names: &Names) -> Value {
    traces.iter().map(|tried| object(tried, names)).collect()
}

/// What is said of one trace.
pub(super) fn object(tried: &Tried, names: &Names) -> Value {
    let asked = |(policy, vote): (&String, &Option<Vote>)| {
        vote.map(|vote| json!({ "policy": policy, "vote": word(vote) }))
    };
    let votes: Vec<Value> = names.all().iter().zip(&tried.votes).filter_map(asked).collect();
    let mut object = json!({
        "trace_id": tried.trace_id.to_string(),
        "verdict": verdict_word(tried.outcome.verdict),
        "policy": names.decider(tried),
        "votes": votes,
        "close_reason": tried.close_reason.name(),
        "spans": tried.exported(),
    });
    // Only where chance decided: the Collector's semantics know of none.
    if let Some(threshold) = tried.outcome.chance.threshold() {
        object["threshold"] = threshold.to_string().into();
    }
    object
}

/// The Collector's words.
pub(super) fn word(vote: Vote) -> &'static str {
    match vote {
        Vote::Sampled => "sampled",
        Vote::NotSampled => "not_sampled",
        Vote::Dropped => "dropped",
        Vote::Error => "error",
    }
}

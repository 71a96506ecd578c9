//! Policies, compiled: what to read of a span, how to fold it, how to judge.

use tailsift_trace::{Batch, Chunk, Interest, Span, TraceId, UnixNano};

use crate::compile::{Compiler, SpanContext};
use crate::kind::{Policy, Rule};
use crate::randomness::explicit_randomness;
use crate::{Compatibility, Facts, Outcome, PolicyError, Semantics, Tally, Verdict, Vote};

/// Compiled policies.
#[derive(Debug)]
pub struct PolicySet {
    names: Vec<String>,
    rules: Vec<Rule>,
    interest: Interest,
    semantics: Semantics,
    reads_randomness: bool,
}

impl PolicySet {
    /// The most policies a set holds, sub-policies included.
    pub const POLICIES_MAX: usize = 4096;

    /// Compiles a list of policies.
    ///
    /// # Errors
    /// All that is wrong with them, each with its place: empty and repeated names, bounds that
    /// can never hold, patterns that do not parse, more than [`Self::POLICIES_MAX`] policies.
    pub fn compile(policies: Vec<Policy>, semantics: Semantics) -> Result<Self, Vec<PolicyError>> {
        let count: usize = policies.iter().map(|policy| policy.kind.count()).sum();
        if count > Self::POLICIES_MAX {
            let message = format!("at most {} policies, got {count}", Self::POLICIES_MAX);
            return Err(vec![PolicyError::new("policies", message)]);
        }
        let mut compiler = Compiler::new(&semantics);
        check_names(&policies, &mut compiler.errors);
        let mut names = Vec::with_capacity(policies.len());
        let mut rules = Vec::with_capacity(policies.len());
        for (index, policy) in policies.into_iter().enumerate() {
            names.push(policy.name);
            rules.push(policy.kind.compile(&format!("policies[{index}]"), &mut compiler));
        }
        let Compiler { errors, interest, reads_randomness, .. } = compiler;
        if errors.is_empty() {
            Ok(Self { names, rules, interest, semantics, reads_randomness })
        } else {
            Err(errors)
        }
    }

    /// The attributes to read of each span and resource.
    pub fn interest(&self) -> &Interest {
        &self.interest
    }

    /// The policies' names, in configured order; a [`Decision`](crate::Decision)'s `policy` is a
    /// place in it.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of a deciding policy.
    pub fn name(&self, policy: u16) -> &str {
        self.names.get(usize::from(policy)).map_or("", String::as_str)
    }

    /// Folds a record's spans of one trace into its facts.
    pub fn fold(&self, facts: &mut Facts, batch: &Batch<'_>, chunk: &Chunk, tally: &mut Tally) {
        for span in batch.spans_of(chunk) {
            self.fold_times(facts, span);
            facts.spans = facts.spans.saturating_add(1);
            facts.root_seen |= span.parent_span_id.is_none();
            if self.reads_randomness && facts.randomness.is_none() {
                facts.randomness = explicit_randomness(span.trace_state);
            }
            let context = SpanContext {
                span,
                attributes: batch.attributes_of(span),
                resource: batch.resource_attributes_of(span),
            };
            for rule in &self.rules {
                rule.fold(facts, &context, tally);
            }
        }
    }

    fn fold_times(&self, facts: &mut Facts, span: &Span<'_>) {
        let collector = self.semantics.compatibility == Compatibility::Collector;
        // The Collector forgets a leading zero but takes a later one; natively zero is "unknown".
        if facts.start == UnixNano(0)
            || facts.start > span.start && (collector || span.start.0 != 0)
        {
            facts.start = span.start;
        }
        if facts.end == UnixNano(0) || facts.end < span.end {
            facts.end = span.end;
        }
    }

    /// Judges a trace by its facts. `votes` receives the vote of each policy that was asked, in
    /// configured order.
    ///
    /// Dropped outweighs Sampled, Sampled outweighs NotSampled.
    pub fn judge(&self, trace_id: TraceId, facts: &Facts, votes: &mut Vec<Vote>) -> Outcome {
        votes.clear();
        for rule in &self.rules {
            let vote = rule.vote(trace_id, facts);
            votes.push(vote);
            if vote == Vote::Sampled && self.semantics.sample_on_first_match {
                break;
            }
        }
        let first = |wanted| votes.iter().position(|vote| *vote == wanted);
        let (verdict, decider) = match (first(Vote::Dropped), first(Vote::Sampled)) {
            (Some(dropper), _) => (Verdict::Drop, Some(dropper)),
            (None, Some(sampler)) => (Verdict::Keep, Some(sampler)),
            (None, None) => (Verdict::Drop, None),
        };
        let sampled = |vote: &Vote| *vote == Vote::Sampled;
        // A certain keep is no matter of chance, whoever is named as the decider.
        let certain =
            votes.iter().zip(&self.rules).any(|(vote, rule)| sampled(vote) && rule.is_certain());
        let threshold = match (verdict, decider) {
            (Verdict::Keep, Some(place)) if !certain => self.rules[place].threshold(),
            (Verdict::Keep | Verdict::Drop, _) => None,
        };
        Outcome { verdict, policy: decider.map(|place| place as u16), threshold }
    }

    /// The first policy that wants these facts kept without any chance or budget in it: what a
    /// late span may still say of a dropped trace. `None` if a policy says Dropped.
    pub fn certain_keep(&self, trace_id: TraceId, facts: &Facts) -> Option<u16> {
        let mut keeper = None;
        for (place, rule) in self.rules.iter().enumerate() {
            match rule.vote(trace_id, facts) {
                Vote::Dropped => return None,
                Vote::Sampled if rule.is_certain() && keeper.is_none() => {
                    keeper = Some(place as u16)
                }
                Vote::Sampled | Vote::NotSampled => {}
            }
        }
        keeper
    }
}

fn check_names(policies: &[Policy], errors: &mut Vec<PolicyError>) {
    for (index, policy) in policies.iter().enumerate() {
        let path = || format!("policies[{index}].name");
        if policy.name.is_empty() {
            errors.push(PolicyError::new(
                path(),
                "must not be empty: headers and metrics name the policy",
            ));
        } else if let Some(first) = policies[..index].iter().position(|p| p.name == policy.name) {
            let message =
                format!("{:?} is taken by policies[{first}]: names must differ", policy.name);
            errors.push(PolicyError::new(path(), message));
        }
    }
}

#[cfg(test)]
mod tests;

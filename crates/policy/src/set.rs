//! Policies, compiled: what to read of a span, how to fold it, how to judge.

mod late;

use tailsift_trace::{Batch, Chunk, Interest, Millis, Span, TraceId, UnixNano};

use crate::compile::{Compiler, SpanContext, Within};
use crate::kin::Wanted;
use crate::kind::{Case, Policy, Rule};
use crate::limiters::{Budgets, Limiters, Places};
use crate::randomness::explicit_randomness;
use crate::{
    Chance, Compatibility, Facts, Outcome, PolicyError, Semantics, SubPolicy, Tally, Verdict, Vote,
    size,
};

/// Compiled policies.
#[derive(Debug)]
pub struct PolicySet {
    /// As they were configured.
    policies: Vec<Policy>,
    names: Vec<String>,
    rules: Vec<Rule>,
    /// The rules' places in the order of asking: those that drop come first.
    order: Vec<usize>,
    budgets: Budgets,
    /// Which budgets are whose, in configured order.
    budget_places: Vec<Places>,
    interest: Interest,
    semantics: Semantics,
    reads_randomness: bool,
    /// Words with numbers to make room for in each trace's facts.
    words: usize,
    kin: Wanted,
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
        compiler.check_derive();
        let configured = policies.clone();
        let mut names = Vec::with_capacity(policies.len());
        let mut rules = Vec::with_capacity(policies.len());
        let mut budget_places: Vec<Places> = Vec::with_capacity(policies.len());
        for (index, policy) in policies.into_iter().enumerate() {
            names.push(policy.name);
            let path = format!("policies[{index}]");
            rules.push(policy.kind.compile(&path, Within::Set, &mut compiler));
            let before = budget_places.last().cloned().unwrap_or_default();
            budget_places.push(compiler.budgets.since(&before));
        }
        if semantics.maximum_trace_size_bytes > 0 {
            compiler.interest.ask_for_sizes();
        }
        let words = compiler.words();
        let Compiler { errors, interest, reads_randomness, budgets, kin, .. } = compiler;
        if !errors.is_empty() {
            return Err(errors);
        }
        let drops = |place: &usize| matches!(rules[*place], Rule::Drop(_));
        let (mut order, rest): (Vec<usize>, Vec<usize>) = (0..rules.len()).partition(drops);
        order.extend(rest);
        Ok(Self {
            policies: configured,
            names,
            rules,
            order,
            budgets,
            budget_places,
            interest,
            semantics,
            reads_randomness,
            words,
            kin,
        })
    }

    /// What budgets have on one of so many partitions of the input: all of their share.
    pub fn limiters(&self, partitions: u32) -> Limiters {
        self.budgets.full(partitions)
    }

    /// What budgets have on a partition where these policies take the place of those that
    /// `limiters` were made for: a policy of the same name and body goes on with what it had, and
    /// with what is usual to it, unless `compatibility` or `derive` differ, by which they are
    /// understood. All others begin with all of their share.
    pub fn limiters_after(&self, before: &Self, limiters: &Limiters) -> Limiters {
        let mut after = self.budgets.full(limiters.partitions());
        let understood = |set: &Self| (set.semantics.compatibility, set.semantics.derive.clone());
        if understood(self) != understood(before) {
            return after;
        }
        for (policy, to) in self.policies.iter().zip(&self.budget_places) {
            let earlier = before.policies.iter().position(|other| other == policy);
            if let Some(place) = earlier {
                after.take_over(to, limiters, &before.budget_places[place]);
            }
        }
        after
    }

    /// How the policies are understood.
    pub fn semantics(&self) -> &Semantics {
        &self.semantics
    }

    /// What to read of each span and resource.
    pub fn interest(&self) -> &Interest {
        &self.interest
    }

    /// True if a policy may say dropped.
    pub fn has_drops(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule, Rule::Drop(_)))
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

    /// The name of a composite's sub-policy; empty if it has none.
    pub fn sub_name(&self, SubPolicy { policy, child }: SubPolicy) -> &str {
        match self.rules.get(usize::from(policy)) {
            Some(Rule::Composite(rule)) => {
                rule.names.get(usize::from(child)).map_or("", String::as_str)
            }
            Some(_) | None => "",
        }
    }

    /// Folds a record's spans of one trace into its facts, at no known time: conditions that ask
    /// for it (`Now()`) fail.
    pub fn fold(&self, facts: &mut Facts, batch: &Batch<'_>, chunk: &Chunk, tally: &mut Tally) {
        self.fold_at(None, facts, batch, chunk, tally);
    }

    /// Folds a record's spans of one trace into its facts, at a moment of its partition's stream
    /// time.
    pub fn fold_at(
        &self,
        now: Option<Millis>,
        facts: &mut Facts,
        batch: &Batch<'_>,
        chunk: &Chunk,
        tally: &mut Tally,
    ) {
        // The one place where stream time meets the clocks of spans: a condition compares them.
        let now = now.map(|now| UnixNano((now.0.max(0) as u64).saturating_mul(1_000_000)));
        if self.interest.wants_sizes() {
            size::fold(facts, batch.sizes_of(chunk));
        }
        facts.bits.reserve(self.words);
        for span in batch.spans_of(chunk) {
            self.fold_times(facts, span);
            facts.spans = facts.spans.saturating_add(1);
            facts.root_seen |= span.parent_span_id.is_none();
            if self.reads_randomness && !span.trace_state.is_empty() {
                let found = explicit_randomness(span.trace_state);
                // All spans of a trace should say the same; if not, the order must not matter.
                facts.randomness = facts.randomness.into_iter().chain(found).min();
            }
            if self.kin.anything() {
                facts.bits.kin_mut().fold(self.kin, span, tally);
            }
            let context = SpanContext {
                span,
                attributes: batch.attributes_of(span),
                resource: batch.resource_attributes_of(span),
                batch,
                now,
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

    /// True if the trace exceeds the Collector's `maximum_trace_size_bytes`.
    fn is_too_large(&self, facts: &Facts) -> bool {
        let max = self.semantics.maximum_trace_size_bytes;
        max > 0 && u64::from(facts.bytes) > max
    }

    /// Judges a trace by its facts, at a moment of its partition's stream time. `limiters` are
    /// those of that partition, made by [`limiters`](Self::limiters); what they let pass they are
    /// charged for. `votes` receives the vote of each policy, in configured order; `None` of those
    /// that were not asked.
    ///
    /// Dropped outweighs Sampled, Sampled outweighs NotSampled, a policy that fails has no vote.
    /// Policies that drop are asked first, and the first that does ends the matter. All others are
    /// asked, so that budgets do not depend on which policy is named, unless
    /// [`sample_on_first_match`](Semantics) is set.
    pub fn judge(
        &self,
        trace_id: TraceId,
        facts: &Facts,
        limiters: &mut Limiters,
        now: Millis,
        votes: &mut Vec<Option<Vote>>,
    ) -> Outcome {
        votes.clear();
        votes.resize(self.rules.len(), None);
        let mut composite = None;
        let mut case = Case { trace_id, facts, now, limiters, marked: None };
        if !self.is_too_large(facts) {
            for &place in &self.order {
                let vote = self.rules[place].vote(&mut case);
                votes[place] = Some(vote);
                if let Some(child) = case.marked.take() {
                    composite = Some(SubPolicy { policy: place as u16, child });
                }
                let first_match = vote == Vote::Sampled && self.semantics.sample_on_first_match;
                if vote == Vote::Dropped || first_match {
                    break;
                }
            }
        }
        let (verdict, decider) = decide(votes);
        let chance = match verdict {
            Verdict::Keep => self.chance(votes, &mut case),
            Verdict::Drop => Chance::None,
        };
        Outcome { verdict, policy: decider.map(|place| place as u16), chance, composite }
    }

    /// How likely a kept trace was to be kept, whoever is named as the decider: as the most likely
    /// of the policies that want it. A certain keep is no matter of chance, and what a budget has a
    /// part in has no known probability.
    fn chance(&self, votes: &[Option<Vote>], case: &mut Case<'_>) -> Chance {
        if self.semantics.compatibility == Compatibility::Collector {
            return Chance::None;
        }
        let mut chance = None;
        for (vote, rule) in votes.iter().zip(&self.rules) {
            let wants = match (vote, rule) {
                // It would have dropped the trace, had chance not spared it.
                (_, Rule::Drop(rules)) if !rule.is_certain() => {
                    let mut certain = rules.iter().filter(|rule| rule.is_certain());
                    if certain.all(|rule| rule.vote(case) == Vote::Sampled) {
                        return Chance::Unknown;
                    }
                    continue;
                }
                (Some(Vote::Sampled), _) => rule.chance(case.limiters),
                // Another was the first match, perhaps by chance: then this one would have been asked.
                (None, _) if rule.has_budget() => Chance::Unknown,
                (None, _) if rule.vote(case) == Vote::Sampled => rule.chance(case.limiters),
                (None | Some(Vote::NotSampled | Vote::Dropped | Vote::Error), _) => continue,
            };
            chance = Some(chance.map_or(wants, |chance: Chance| chance.or(wants)));
        }
        chance.unwrap_or_default()
    }
}

/// Who wins: the first that dropped, else the first that sampled.
fn decide(votes: &[Option<Vote>]) -> (Verdict, Option<usize>) {
    let first = |wanted| votes.iter().position(|vote| *vote == Some(wanted));
    match (first(Vote::Dropped), first(Vote::Sampled)) {
        (Some(dropper), _) => (Verdict::Drop, Some(dropper)),
        (None, Some(sampler)) => (Verdict::Keep, Some(sampler)),
        (None, None) => (Verdict::Drop, None),
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

//! `composite`: policies that share a budget of spans.

use crate::Vote;
use crate::compile::{Compiler, Within};
use crate::kind::{Case, Policy, Rule};
use crate::limiters::Share;

/// The first sub-policy that says sampled decides, within its share of a budget of spans for each
/// second of stream time. A trace that its share cannot pay for is not offered to the next.
///
/// Natively they are asked in `policy_order`, shares are exact, and the total holds for all of
/// them together. Under `compatibility: collector` they are asked as listed, shares are cut to
/// whole spans, and each is held against the total alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// Spans a second for all sub-policies.
    pub max_total_spans_per_second: i64,
    /// The sub-policies' names in the order of asking; natively each once, or none: as listed.
    pub policy_order: Vec<String>,
    /// The sub-policies, of simple kinds or `and`.
    pub sub_policies: Vec<Policy>,
    /// The sub-policies' shares. Natively those that are not listed divide the rest equally; under
    /// `compatibility: collector` they have nothing.
    pub rate_allocation: Vec<RateAllocation>,
}

/// A sub-policy's share of a [`Composite`]'s budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateAllocation {
    /// The sub-policy's name.
    pub policy: String,
    /// Its share in percent; under `compatibility: collector` 0 or less = an equal one.
    pub percent: i64,
}

#[derive(Debug)]
pub(crate) struct Compiled {
    /// The sub-policies' names, as listed.
    pub(crate) names: Vec<String>,
    /// The sub-policies, as listed.
    pub(crate) rules: Vec<Rule>,
    /// Their shares, as listed.
    shares: Vec<Share>,
    /// Their places, in the order of asking.
    order: Vec<usize>,
    /// A bound for all of them together; the Collector has none.
    total: Option<Share>,
    /// The composite's place among the set's budgets.
    place: usize,
}

impl Composite {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Compiled {
        let path = format!("{path}.composite");
        let names: Vec<String> = self.sub_policies.iter().map(|sub| sub.name.clone()).collect();
        let (shares, order, total) = if compiler.collector() {
            (self.collector_shares(&names), (0..names.len()).collect(), None)
        } else {
            let named = self.check(&path, &names, compiler);
            let limit = u128::try_from(self.max_total_spans_per_second).unwrap_or(0);
            let total = Some(Share { limit, per_span: 1 });
            // Where names are wrong, so is what goes by them.
            let mut by_name = || {
                (self.exact_shares(&path, &names, compiler), self.order(&path, &names, compiler))
            };
            let (shares, order) = if named { by_name() } else { (Vec::new(), Vec::new()) };
            (shares, order, total)
        };
        let place = compiler.budgets.composite(names.len());
        let path = format!("{path}.composite_sub_policy");
        let rules = compiler.sub_policies(&path, Within::Composite, self.sub_policies);
        Compiled { names, rules, shares, order, total, place }
    }

    /// True if every sub-policy has a name of its own.
    fn check(&self, path: &str, names: &[String], compiler: &mut Compiler<'_>) -> bool {
        if self.max_total_spans_per_second < 1 {
            let message = format!("must be at least 1, got {}", self.max_total_spans_per_second);
            compiler.refuse(format!("{path}.max_total_spans_per_second"), message);
        }
        if names.is_empty() {
            let message = "must list at least one sub-policy: without one nothing is ever kept";
            compiler.refuse(format!("{path}.composite_sub_policy"), message);
        }
        let mut named = true;
        for (index, name) in names.iter().enumerate() {
            let path = format!("{path}.composite_sub_policy[{index}].name");
            if name.is_empty() {
                compiler.refuse(path, "must not be empty: shares and order go by name");
                named = false;
            } else if let Some(first) = names[..index].iter().position(|other| other == name) {
                let message =
                    format!("{name:?} is taken by sub-policy {first}: shares and order go by name");
                compiler.refuse(path, message);
                named = false;
            }
        }
        named
    }

    /// Whole spans, by the Collector's arithmetic: a double, cut. A child's own counter is held
    /// against its share and against the total, so the lesser of them is its limit.
    fn collector_shares(&self, names: &[String]) -> Vec<Share> {
        let total = self.max_total_spans_per_second;
        let share = |name: &String| {
            // The last entry counts.
            let entry = self.rate_allocation.iter().rev().find(|entry| entry.policy == *name);
            let spans = match entry {
                Some(RateAllocation { percent, .. }) if *percent > 0 => {
                    (*percent as f64 / 100.0 * total as f64) as i64
                }
                Some(_) => total / names.len().max(1) as i64,
                None => 0,
            };
            Share { limit: u128::try_from(spans.min(total)).unwrap_or(0), per_span: 1 }
        };
        names.iter().map(share).collect()
    }

    /// Fractions: so many parts in a hundred, or of what a hundred leave, for so many children.
    fn exact_shares(
        &self,
        path: &str,
        names: &[String],
        compiler: &mut Compiler<'_>,
    ) -> Vec<Share> {
        let path = format!("{path}.rate_allocation");
        let mut given: Vec<Option<u128>> = vec![None; names.len()];
        for (index, RateAllocation { policy, percent }) in self.rate_allocation.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if !(1..=100).contains(percent) {
                let message = format!("must lie between 1 and 100, got {percent}");
                compiler.refuse(format!("{path}.percent"), message);
            }
            let Some(place) = names.iter().position(|name| name == policy) else {
                compiler.refuse(format!("{path}.policy"), unknown(policy, names));
                continue;
            };
            if given[place].replace(u128::try_from(*percent).unwrap_or(0)).is_some() {
                compiler
                    .refuse(format!("{path}.policy"), format!("{policy:?} has a share already"));
            }
        }
        let sum: u128 = given.iter().flatten().sum();
        let rest = 100_u128.saturating_sub(sum);
        let others = given.iter().filter(|percent| percent.is_none()).count() as u128;
        if sum > 100 {
            let message = format!("must give away 100 percent at most, got {sum}");
            compiler.refuse(path, message);
        } else if rest == 0 && others > 0 {
            let message =
                format!("leaves nothing for {others} sub-policies that are not listed: list them");
            compiler.refuse(path, message);
        }
        let total = u128::try_from(self.max_total_spans_per_second).unwrap_or(0);
        let share = |percent: &Option<u128>| match percent {
            Some(percent) => Share { limit: total * percent, per_span: 100 },
            None => Share { limit: total * rest, per_span: 100 * others },
        };
        given.iter().map(share).collect()
    }

    fn order(&self, path: &str, names: &[String], compiler: &mut Compiler<'_>) -> Vec<usize> {
        if self.policy_order.is_empty() {
            return (0..names.len()).collect();
        }
        let path = format!("{path}.policy_order");
        let mut order: Vec<usize> = Vec::with_capacity(names.len());
        for (index, name) in self.policy_order.iter().enumerate() {
            match names.iter().position(|other| other == name) {
                None => compiler.refuse(format!("{path}[{index}]"), unknown(name, names)),
                Some(place) if order.contains(&place) => {
                    compiler
                        .refuse(format!("{path}[{index}]"), format!("{name:?} is listed twice"));
                }
                Some(place) => order.push(place),
            }
        }
        let missing = |place: &usize| !order.contains(place);
        if let Some(place) = (0..names.len()).find(missing) {
            let message = format!(
                "must list every sub-policy, or be left out for the order of composite_sub_policy: \
                 {:?} is missing",
                names[place]
            );
            compiler.refuse(path, message);
        }
        order
    }
}

fn unknown(name: &str, names: &[String]) -> String {
    format!("{name:?} is no sub-policy: there are {}", names.join(", "))
}

impl Compiled {
    pub(crate) fn vote(&self, case: &mut Case<'_>) -> Vote {
        for &child in &self.order {
            match self.rules[child].vote(case) {
                Vote::Sampled => {
                    let place = (self.place, child);
                    let spans = case.facts.spans;
                    let (shares, total) = (&self.shares, self.total);
                    if !case.limiters.spend(place, spans, shares, total, case.now) {
                        return Vote::NotSampled;
                    }
                    case.marked = Some(child as u16);
                    return Vote::Sampled;
                }
                vote @ Vote::Error => return vote,
                Vote::NotSampled | Vote::Dropped => {}
            }
        }
        Vote::NotSampled
    }
}

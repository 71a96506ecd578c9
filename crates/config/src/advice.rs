//! What a file may say and its owner can hardly mean: nothing that is refused, all that is told.

mod certainty;
mod implied;
mod ordinary;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use tailsift_policy::{Kind, Measure, Policy, SpanCount};

use crate::error::Origin;
use crate::settings::Config;
use certainty::{Answer, Judge};

/// Something that is allowed and can hardly be meant, or that its owner should know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advice {
    /// How much it matters.
    pub weight: Weight,
    /// Where it was written.
    pub origin: Origin,
    /// The key, for example `policies[2].latency.threshold_ms`.
    pub path: String,
    /// What is odd about it, and what to do.
    pub message: String,
}

/// How much an [`Advice`] matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// It can hardly be meant.
    Warning,
    /// It may well be meant; whoever did not mean it should know.
    Note,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Warning => "warning",
            Weight::Note => "note",
        };
        write!(f, "{weight}: ")?;
        match self.origin {
            Origin::Line(line) => write!(f, "line {line}: ")?,
            Origin::Set => f.write_str("--set ")?,
            Origin::Nowhere => {}
        }
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// How long SDKs hold ended spans back by default (`OTEL_BSP_SCHEDULE_DELAY`).
const SDK_DELAY: Duration = Duration::from_secs(5);

/// So many policies are named in one message.
const NAMED_MAX: usize = 5;

/// All there is to say of a configuration that is right; where it was written is not known here.
pub(crate) fn of(config: &Config) -> Vec<Advice> {
    let mut adviser = Adviser { config, judge: Judge::of(config), advice: Vec::new() };
    adviser.waits();
    for (index, policy) in config.policies().iter().enumerate() {
        adviser.bounds(&policy.kind, &format!("policies[{index}]"));
    }
    adviser.policies();
    adviser.advice
}

struct Adviser<'c> {
    config: &'c Config,
    judge: Judge,
    advice: Vec<Advice>,
}

impl Adviser<'_> {
    fn say(&mut self, weight: Weight, path: impl Into<String>, message: impl Into<String>) {
        let (path, message) = (path.into(), message.into());
        self.advice.push(Advice { weight, origin: Origin::Nowhere, path, message });
    }

    fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.say(Weight::Warning, path, message);
    }

    /// Waits that are shorter than spans take to come.
    fn waits(&mut self) {
        let window = &self.config.window;
        let waits = [
            ("decision_wait", Some(window.decision_wait)),
            ("decision_wait_after_root_received", window.decision_wait_after_root_received),
        ];
        for (key, wait) in waits {
            if let Some(wait) = wait.filter(|wait| *wait < SDK_DELAY) {
                let message = format!(
                    "{wait:?} is less than the {SDK_DELAY:?} that SDKs hold spans back by default: \
                     spans of one trace come so far apart, and those that come after its verdict \
                     have no part in it. Wait for 10s or more, or lower OTEL_BSP_SCHEDULE_DELAY in \
                     every service"
                );
                self.warn(format!("window.{key}"), message);
            }
        }
    }

    /// Bounds that a trace seldom meets before it is judged.
    fn bounds(&mut self, kind: &Kind, path: &str) {
        let window = &self.config.window;
        let (wait, spans) = (window.decision_wait, window.spans_per_trace_limit);
        let late = |what: &str| {
            format!(
                "window.decision_wait is {wait:?}: {what} is judged before its last spans come, and \
                 looks shorter. Lower the bound, or wait for longer"
            )
        };
        let many = "a trace of window.spans_per_trace_limit spans is judged at once, so more are \
                    hardly ever counted: lower the bound, or raise that limit";
        let mut found = None;
        if let Kind::Latency(latency) = kind
            && u128::try_from(latency.threshold_ms).is_ok_and(|ms| ms >= wait.as_millis())
        {
            found = Some(("latency.threshold_ms", late("a trace that takes so long")));
        } else if let Kind::SpanLatency(latency) = kind
            && u128::from(latency.above_ns) >= wait.as_nanos()
        {
            found = Some(("span_latency.above", late("a trace with a span that takes so long")));
        } else if let Kind::SpanCount(SpanCount { min_spans, .. }) = kind
            && i64::from(*min_spans) > i64::from(spans)
        {
            found = Some(("span_count.min_spans", many.to_owned()));
        } else if let Kind::TraceCondition(condition) = kind
            && condition.all.iter().chain(&condition.any).any(|test| {
                matches!(test.measures[..], [Measure::Count(_)])
                    && test.above.is_some_and(|above| above >= f64::from(spans))
            })
        {
            found = Some(("trace_condition", many.to_owned()));
        }
        if let Some((key, message)) = found {
            self.warn(format!("{path}.{key}"), message);
        }
        for (place, child) in children(kind) {
            self.bounds(&child.kind, &format!("{path}.{place}"));
        }
    }

    fn policies(&mut self) {
        let config = self.config;
        let policies = config.policies();
        let answers: Vec<_> =
            policies.iter().map(|policy| self.judge.answer(&policy.kind)).collect();
        for (index, (policy, answer)) in policies.iter().zip(&answers).enumerate() {
            let path = format!("policies[{index}]");
            let is_drop = is_drop(policy);
            match answer {
                Answer::Never(why) if is_drop => {
                    self.warn(path, format!("never drops a trace: {why}. Mend or remove it"));
                }
                Answer::Never(why) => {
                    self.warn(path, format!("never keeps a trace: {why}. Mend or remove it"));
                }
                Answer::Always if is_drop => {
                    let message = "drops every trace, so that nothing is ever kept: remove it, or \
                                   say in it what is to be dropped";
                    self.warn(path, message);
                }
                Answer::Always => self.behind_all(index),
                Answer::Depends => self.one_of_many(index, &answers),
            }
            self.spread(&policy.kind, &format!("policies[{index}]"));
        }
        self.drops_behind();
        let drops_all = |(policy, answer): (&Policy, &Answer)| {
            is_drop(policy) && matches!(answer, Answer::Always)
        };
        if !policies.iter().zip(&answers).any(drops_all) {
            self.ordinary();
        }
    }

    /// What stands behind a policy that wants every trace.
    fn behind_all(&mut self, index: usize) {
        let config = self.config;
        let policies = config.policies();
        let behind = policies.iter().enumerate().skip(index + 1);
        let behind: Vec<_> = behind.filter(|(_, policy)| !is_drop(policy)).collect();
        if behind.is_empty() {
            return;
        }
        let others = named(behind.into_iter());
        let message = if config.semantics().sample_on_first_match {
            format!(
                "wants every trace, and sample_on_first_match ends there: {others} behind it are \
                 never asked. Put it last"
            )
        } else {
            format!(
                "wants every trace: {others} behind it change nothing, and are never named. Put it \
                 last to see them named, or narrow it to keep fewer traces"
            )
        };
        self.warn(format!("policies[{index}]"), message);
    }

    /// A policy that wants nothing which another does not decide before.
    fn one_of_many(&mut self, index: usize, answers: &[Answer]) {
        let config = self.config;
        let policies = config.policies();
        let policy = &policies[index];
        let decides = |other: usize| matches!(answers[other], Answer::Depends);
        let wider = |other: usize| {
            decides(other) && self.judge.implied(&policy.kind, &policies[other].kind)
        };
        let dropped = (0..policies.len())
            .find(|other| !is_drop(policy) && is_drop(&policies[*other]) && wider(*other));
        let before =
            (0..index).find(|other| is_drop(policy) == is_drop(&policies[*other]) && wider(*other));
        let path = format!("policies[{index}]");
        if let Some(other) = dropped {
            let other = named([(other, &policies[other])].into_iter());
            let message = format!(
                "never keeps a trace: {other} drops every trace that it wants, and a drop wins over \
                 all others. Narrow the drop, or remove one of them"
            );
            self.warn(path, message);
        } else if let Some(other) = before {
            let other = named([(other, &policies[other])].into_iter());
            let remedy = if is_drop(policy) { "Remove it" } else { "Put it first, or remove it" };
            let message = format!(
                "changes nothing, and is never named: {other} before it wants every trace that it \
                 wants. {remedy}"
            );
            self.warn(path, message);
        }
    }

    /// Policies that must agree and that no span satisfies alone.
    fn spread(&mut self, kind: &Kind, path: &str) {
        let listed: Vec<_> = children(kind);
        if matches!(kind, Kind::And(_) | Kind::Drop(_)) {
            for (second, (place, b)) in listed.iter().enumerate() {
                let apart = |(_, a): &&(String, &Policy)| implied::apart(&a.kind, &b.kind);
                let Some((first, _)) = listed[..second].iter().find(apart) else { continue };
                let message = format!(
                    "no span is as this and as {first} say: both hold only for traces with one span \
                     of each. If either will do, make them one policy that lists both, or two \
                     policies of the list"
                );
                self.warn(format!("{path}.{place}"), message);
            }
        }
        for (place, child) in listed {
            self.spread(&child.kind, &format!("{path}.{place}"));
        }
    }

    /// Drops are asked first, wherever they stand.
    fn drops_behind(&mut self) {
        let config = self.config;
        let policies = config.policies();
        for (index, _) in policies.iter().enumerate().filter(|(_, policy)| is_drop(policy)) {
            let before = policies.iter().enumerate().take(index);
            let before: Vec<_> = before.filter(|(_, policy)| !is_drop(policy)).collect();
            if !before.is_empty() {
                let message = format!(
                    "wins over {}, though it stands behind: drops are asked first, and what they \
                     drop nothing keeps. Put it first, so that the file reads as it works",
                    named(before.into_iter())
                );
                self.say(Weight::Note, format!("policies[{index}]"), message);
            }
        }
    }

    /// Whether anything is kept of traffic that nothing is wrong with.
    fn ordinary(&mut self) {
        if !ordinary::is_ever_kept(self.config) {
            let message = "nothing keeps an ordinary trace (one quick span without error or \
                           attributes), so the share of healthy traffic is 0, and what is kept says \
                           nothing of it. If that is not meant, add a share of all: {name: \
                           baseline, type: probabilistic, probabilistic: {sampling_percentage: 1}}";
            self.say(Weight::Note, "policies", message);
        }
    }
}

fn is_drop(policy: &Policy) -> bool {
    matches!(policy.kind, Kind::Drop(_))
}

/// The policies within a kind, with their places in its body.
fn children(kind: &Kind) -> Vec<(String, &Policy)> {
    let (place, policies) = if let Kind::And(kind) = kind {
        ("and.and_sub_policy", &kind.policies)
    } else if let Kind::Drop(kind) = kind {
        ("drop.drop_sub_policy", &kind.0)
    } else if let Kind::Composite(kind) = kind {
        ("composite.composite_sub_policy", &kind.sub_policies)
    } else if let Kind::Not(kind) = kind {
        return vec![("not.not_sub_policy".to_owned(), &*kind.0)];
    } else {
        return Vec::new();
    };
    let children = policies.iter().enumerate();
    children.map(|(index, policy)| (format!("{place}[{index}]"), policy)).collect()
}

/// `policies[0] (errors) and policies[3] (slow)`.
fn named<'p>(policies: impl ExactSizeIterator<Item = (usize, &'p Policy)>) -> String {
    let count = policies.len();
    let shown = policies.take(NAMED_MAX);
    let mut names: Vec<_> =
        shown.map(|(index, policy)| format!("policies[{index}] ({})", policy.name)).collect();
    if count > NAMED_MAX {
        names.push(format!("{} more", count - NAMED_MAX));
    }
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
}

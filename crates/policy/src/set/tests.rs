//! Policies as data: a list of policies, a trace, the names of those that want it kept.

use tailsift_trace::{
    Attribute, Batch, Chunk, Node, Resource, Span, SpanId, SpanSize, StatusCode, Tree, Value,
};

use super::*;
use crate::{
    And, Kind, Latency, NameMatch, NumericAttribute, Probabilistic, SpanLatency, StatusCodes,
    StringAttribute, Threshold,
};

mod composites;
mod conditions;
mod differences;
mod inference;
mod kinds;
mod late;
mod rates;
mod replaced;
mod votes;

const ID: TraceId = TraceId([7; 16]);

/// A span in milliseconds, with attributes of its own and of its resource.
#[derive(Clone, Default)]
struct S {
    name: &'static str,
    at: (u64, u64),
    status: i32,
    attributes: Vec<(&'static str, Value<'static>)>,
    resource: Vec<(&'static str, Value<'static>)>,
    /// Attributes that are lists.
    lists: Vec<(&'static str, Vec<Value<'static>>)>,
    trace_state: &'static str,
    flags: u32,
    kind: i32,
    /// Its ID, and its parent's; a root without.
    id: u8,
    parent: Option<u8>,
}

fn span(name: &'static str, start: u64, end: u64) -> S {
    S { name, at: (start, end), ..S::default() }
}

impl S {
    fn with(mut self, key: &'static str, value: Value<'static>) -> Self {
        self.attributes.push((key, value));
        self
    }

    fn on_resource(mut self, key: &'static str, value: Value<'static>) -> Self {
        self.resource.push((key, value));
        self
    }

    fn error(mut self) -> Self {
        self.status = 2;
        self
    }

    fn list(mut self, key: &'static str, items: &[Value<'static>]) -> Self {
        self.lists.push((key, items.to_vec()));
        self
    }

    fn of_kind(mut self, kind: i32) -> Self {
        self.kind = kind;
        self
    }

    fn root(mut self, id: u8) -> Self {
        self.id = id;
        self
    }

    fn child(mut self, id: u8, parent: u8) -> Self {
        (self.id, self.parent) = (id, Some(parent));
        self
    }
}

fn fold(set: &PolicySet, spans: &[S]) -> (Facts, Tally) {
    let mut facts = Facts::default();
    let tally = fold_into(set, &mut facts, spans);
    (facts, tally)
}

/// Folds spans of one more record.
fn fold_into(set: &PolicySet, facts: &mut Facts, spans: &[S]) -> Tally {
    let mut batch = Batch::default();
    for span in spans {
        let mut add = |attributes: &[(&'static str, Value<'static>)]| {
            let start = batch.attributes.len() as u32;
            let known = attributes.iter().filter_map(|(key, value)| {
                let key = set.interest().find(key.as_bytes())?;
                Some(Attribute { key, value: *value })
            });
            batch.attributes.extend(known);
            start..batch.attributes.len() as u32
        };
        let (mut attributes, resource) = (add(&span.attributes), add(&span.resource));
        if !span.lists.is_empty() {
            assert!(span.attributes.is_empty(), "lists stand alone");
            attributes = add_lists(set.interest(), &span.lists, &mut batch);
        }
        batch.resources.push(Resource { attributes: resource });
        batch.sizes.push(SpanSize {
            resource: batch.resources.len() as u32,
            scope: batch.resources.len() as u32,
            span_bytes: 50,
            ..SpanSize::default()
        });
        batch.spans.push(Span {
            trace_id: ID,
            span_id: Some(SpanId([span.id.max(1); 8])),
            parent_span_id: span.parent.map(|parent| SpanId([parent; 8])),
            start: UnixNano(span.at.0 * 1_000_000),
            end: UnixNano(span.at.1 * 1_000_000),
            name: span.name.as_bytes(),
            trace_state: span.trace_state.as_bytes(),
            flags: span.flags,
            kind: span.kind,
            status: StatusCode(span.status),
            resource: batch.resources.len() as u32 - 1,
            attributes,
            detail: 0,
        });
    }
    let chunk = Chunk { trace_id: ID, spans: 0..batch.spans.len() as u32, pieces: 0..0 };
    let mut tally = Tally::default();
    set.fold(facts, &batch, &chunk, &mut tally);
    tally
}

fn add_lists(
    interest: &Interest,
    lists: &[(&'static str, Vec<Value<'static>>)],
    batch: &mut Batch<'static>,
) -> std::ops::Range<u32> {
    let start = batch.attributes.len() as u32;
    for (key, items) in lists {
        let Some(key) = interest.find(key.as_bytes()) else { continue };
        let value = Value::Array(b"");
        let (attribute, node) = (batch.attributes.len() as u32, batch.detailed.nodes.len() as u32);
        batch.attributes.push(Attribute { key, value });
        if interest.wants_tree(key) {
            let of = |value, len| Node { key: b"", value, len, is_cut: false };
            batch.detailed.nodes.push(of(value, items.len() as u32));
            batch.detailed.nodes.extend(items.iter().map(|item| of(*item, 0)));
            batch.detailed.trees.push(Tree { attribute, node });
        }
    }
    start..batch.attributes.len() as u32
}

fn set(kind: Kind, compatibility: Compatibility) -> PolicySet {
    let semantics = Semantics { compatibility, ..Semantics::default() };
    PolicySet::compile(vec![Policy::new("p", kind)], semantics).unwrap()
}

/// The verdict on the first trace of a set's life.
fn judge(set: &PolicySet, spans: &[S]) -> Outcome {
    judge_facts(set, &fold(set, spans).0, &mut Vec::new())
}

fn judge_facts(set: &PolicySet, facts: &Facts, votes: &mut Vec<Option<Vote>>) -> Outcome {
    set.judge(ID, facts, &mut set.limiters(1), Millis(0), votes)
}

#[track_caller]
fn check_as(compatibility: Compatibility, kind: &Kind, spans: &[S], keep: bool) {
    let set = set(kind.clone(), compatibility);
    let outcome = judge(&set, spans);
    assert_eq!(outcome.verdict == Verdict::Keep, keep, "{kind:?}");
    assert_eq!(outcome.policy, keep.then_some(0));
}

#[track_caller]
fn check(kind: &Kind, spans: &[S], keep: bool) {
    check_as(Compatibility::Tailsift, kind, spans, keep);
}

#[track_caller]
fn check_collector(kind: &Kind, spans: &[S], keep: bool) {
    check_as(Compatibility::Collector, kind, spans, keep);
}

#[track_caller]
fn refused(kind: Kind, expect: &str) {
    let errors = PolicySet::compile(vec![Policy::new("p", kind)], Semantics::default());
    let errors: Vec<_> = errors.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(errors.join("\n"), expect);
}

#[test]
fn status_code() {
    let kind = Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]));
    check(&kind, &[span("a", 1, 2), span("b", 1, 2).error()], true);
    check(&kind, &[span("a", 1, 2)], false);
    check(&Kind::StatusCode(StatusCodes(vec![StatusCode::UNSET])), &[span("a", 1, 2)], true);
    refused(
        Kind::StatusCode(StatusCodes(vec![])),
        "policies[0].status_code.status_codes: must list at least one of ERROR, OK, UNSET",
    );
}

#[test]
fn latency_is_the_whole_traces() {
    let kind = Kind::Latency(Latency { threshold_ms: 500, upper_threshold_ms: 0 });
    check(&kind, &[span("a", 1000, 1400), span("b", 1100, 1501)], true);
    check(&kind, &[span("a", 1000, 1400), span("b", 1100, 1500)], false);
    check(&kind, &[], false);
}

#[test]
fn latency_ignores_zero_times_natively_only() {
    let kind = Kind::Latency(Latency { threshold_ms: 500, upper_threshold_ms: 0 });
    let trace = [span("a", 1000, 1400), span("b", 0, 0)];
    check(&kind, &trace, false);
    check_collector(&kind, &trace, true);
    check_collector(&kind, &[span("b", 0, 0), span("a", 1000, 1400)], false);
    let no_start = [span("a", 0, 1400)];
    check(&kind, &no_start, false);
    check_collector(&kind, &no_start, true);
    check(&kind, &[span("a", 0, 1400), span("b", 1000, 1600)], true);
}

#[test]
fn upper_latency_depends_on_order_in_the_collector_only() {
    let kind = Kind::Latency(Latency { threshold_ms: 100, upper_threshold_ms: 300 });
    let (short, long) = (span("a", 1000, 1200), span("b", 1000, 1900));
    check(&kind, &[short.clone(), long.clone()], false);
    check(&kind, &[long.clone(), short.clone()], false);
    check(&kind, std::slice::from_ref(&short), true);
    check_collector(&kind, &[short.clone(), long.clone()], true);
    check_collector(&kind, &[long, short], false);
}

#[test]
fn span_latency() {
    let slow = |span_name: &str, name_match, service: Option<&str>| {
        Kind::SpanLatency(SpanLatency {
            span_name: span_name.into(),
            name_match,
            service: service.map(Into::into),
            above_ns: 500_000_000,
        })
    };
    let features =
        span("Feature Extraction", 1000, 1501).on_resource("service.name", Value::Text(b"store"));
    let trace = [span("root", 1000, 9000), features];
    check(&slow("Feature Extraction", NameMatch::Exact, None), &trace, true);
    check(&slow("Feature", NameMatch::Exact, None), &trace, false);
    check(&slow("Feature", NameMatch::Prefix, None), &trace, true);
    check(&slow("^F.*tion$", NameMatch::Regex, None), &trace, true);
    check(&slow("Feature Extraction", NameMatch::Exact, Some("store")), &trace, true);
    check(&slow("Feature Extraction", NameMatch::Exact, Some("other")), &trace, false);
    check(&slow("exact", NameMatch::Exact, None), &[span("exact", 1000, 1500)], false);
    check(&slow("none", NameMatch::Exact, None), &[span("none", 0, 9000)], false);
    let set = PolicySet::compile(
        vec![Policy::new("p", slow("(", NameMatch::Regex, None))],
        Semantics::default(),
    );
    assert!(
        set.unwrap_err()[0]
            .to_string()
            .starts_with("policies[0].span_latency.span_name: \"(\" is no")
    );
}

#[test]
fn string_attribute() {
    let kind = |values: &[&str], enabled_regex_matching, invert_match| {
        Kind::StringAttribute(StringAttribute {
            key: "tier".into(),
            values: values.iter().copied().map(Into::into).collect(),
            enabled_regex_matching,
            invert_match,
        })
    };
    let gold = [span("a", 1, 2), span("b", 1, 2).with("tier", Value::Text(b"gold"))];
    let number = [span("a", 1, 2).on_resource("tier", Value::Int(1))];
    check(&kind(&["gold"], false, false), &gold, true);
    check(&kind(&["gol"], false, false), &gold, false);
    check(&kind(&["gold"], false, true), &gold, false);
    check(&kind(&["gold"], false, true), &number, true);
    check(&kind(&["^g"], true, false), &gold, true);
    check(&kind(&[".*"], true, false), &number, false);
    check_collector(&kind(&[".*"], true, false), &number, true);
    check(
        &kind(&["gold"], false, false),
        &[span("a", 1, 2).on_resource("tier", Value::Text(b"gold"))],
        true,
    );
}

#[test]
fn numeric_attribute() {
    let kind = |min_value, max_value, invert_match| {
        Kind::NumericAttribute(NumericAttribute {
            key: "n".into(),
            min_value,
            max_value,
            invert_match,
        })
    };
    let of = |value| [span("a", 1, 2).with("n", value)];
    check(&kind(Some(5), Some(9), false), &of(Value::Int(9)), true);
    check(&kind(Some(5), Some(9), false), &of(Value::Int(10)), false);
    check(&kind(Some(5), Some(9), true), &of(Value::Int(10)), true);
    check(&kind(Some(5), None, true), &[span("a", 1, 2)], true);
    check(&kind(Some(5), None, false), &of(Value::Double(5.5)), true);
    check(&kind(Some(5), None, false), &of(Value::Double(f64::INFINITY)), true);
    check(&kind(Some(5), None, false), &of(Value::Double(f64::NAN)), false);
    check(&kind(None, Some(0), false), &of(Value::Int(1)), false);
    check_collector(&kind(Some(5), None, false), &of(Value::Double(5.5)), false);
    check_collector(&kind(Some(-5), Some(5), false), &of(Value::Text(b"x")), true);
    check_collector(&kind(Some(0), Some(9), false), &of(Value::Int(-7)), true);
    refused(kind(None, None, false), "policies[0].numeric_attribute: needs min_value or max_value");
    refused(
        kind(Some(9), Some(5), false),
        "policies[0].numeric_attribute.min_value: must be at most max_value (5), got 9",
    );
}

#[test]
fn probabilistic_follows_the_traces_randomness() {
    let kind = |sampling_percentage| {
        Kind::Probabilistic(Probabilistic { sampling_percentage, hash_salt: String::new() })
    };
    // The ID's low 56 bits are 0x07070707070707: about 2.7 % of the range, rejected below 97.3 %.
    check(&kind(98.0), &[span("a", 1, 2)], true);
    check(&kind(97.0), &[span("a", 1, 2)], false);
    check(&kind(0.0), &[span("a", 1, 2)], false);
    let with_rv = S { trace_state: "ot=rv:ffffffffffffff", ..span("a", 1, 2) };
    check(&kind(1.0), std::slice::from_ref(&with_rv), true);
    check(&kind(0.0), std::slice::from_ref(&with_rv), false);

    let set = set(kind(25.0), Compatibility::Tailsift);
    let outcome = judge(&set, &[with_rv]);
    assert_eq!(outcome.chance, Chance::Threshold(Threshold(3 << 54)));
}

#[test]
fn and_may_match_on_different_spans() {
    let error = Policy::new("e", Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR])));
    let slow =
        Policy::new("s", Kind::Latency(Latency { threshold_ms: 500, upper_threshold_ms: 0 }));
    let kind = Kind::And(And { policies: vec![error, slow] });
    check(&kind, &[span("a", 1000, 2000), span("b", 1000, 1001).error()], true);
    check(&kind, &[span("a", 1000, 2000)], false);
    check_collector(&Kind::And(And { policies: vec![] }), &[span("a", 1, 2)], true);
    refused(
        Kind::And(And { policies: vec![] }),
        "policies[0].and.and_sub_policy: must list at least one sub-policy: an empty one would keep every trace",
    );
}

#[test]
fn the_first_policy_in_order_is_named_and_a_certain_keep_is_not_chance() {
    let chance =
        Kind::Probabilistic(Probabilistic { sampling_percentage: 100.0, hash_salt: String::new() });
    let errors = Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]));
    let policies = vec![Policy::new("chance", chance), Policy::new("errors", errors)];
    let compile = |sample_on_first_match| {
        let semantics = Semantics { sample_on_first_match, ..Semantics::default() };
        PolicySet::compile(policies.clone(), semantics).unwrap()
    };
    let mut votes = Vec::new();
    let set = compile(false);
    let (failed, fine) =
        (fold(&set, &[span("a", 1, 2).error()]).0, fold(&set, &[span("a", 1, 2)]).0);
    let outcome = judge_facts(&set, &failed, &mut votes);
    assert_eq!((outcome.policy, outcome.chance), (Some(0), Chance::None));
    assert_eq!(votes, [Some(Vote::Sampled), Some(Vote::Sampled)]);
    assert_eq!(judge_facts(&set, &fine, &mut votes).chance, Chance::Threshold(Threshold(0)));
    assert_eq!(set.certain_keep(ID, &failed), Some(1));
    assert_eq!(set.certain_keep(ID, &fine), None);
    // The first match was chance, but the policy that nobody asked then would have kept it anyway.
    let outcome = judge_facts(&compile(true), &failed, &mut votes);
    assert_eq!(outcome.chance, Chance::None);
    assert_eq!(votes, [Some(Vote::Sampled), None]);
}

#[test]
fn names_are_needed_and_differ() {
    let policies = ["a", "", "a"].map(|name| Policy::new(name, Kind::AlwaysSample)).to_vec();
    let errors = PolicySet::compile(policies, Semantics::default()).unwrap_err();
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "policies[1].name: must not be empty: headers and metrics name the policy",
            "policies[2].name: \"a\" is taken by policies[0]: names must differ",
        ]
    );
}

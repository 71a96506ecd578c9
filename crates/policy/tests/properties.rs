//! What spans come with, and in which order, changes no verdict that looks at spans alone.

use proptest::prelude::*;
use proptest::sample::select;
use tailsift_policy::{
    And, BooleanAttribute, Compatibility, DropIf, Facts, Failure, Fragmented, Kind, Latency,
    LowConfidence, Measure, NameMatch, Not, NumericAttribute, OttlCondition, Policy, PolicySet,
    Probabilistic, RateLimiting, Scale, Semantics, SpanCount, SpanLatency, SpanMatch, StatusCodes,
    StringAttribute, Tally, TraceCondition, TraceState, TraceTest, Verdict, Vote,
};
use tailsift_trace::{
    Attribute, Batch, Chunk, Interest, Millis, Resource, Span, SpanId, StatusCode, TraceId,
    UnixNano, Value,
};

const ID: TraceId = TraceId([7; 16]);
const KEY: &str = "k";

/// A span, as much of it as policies look at.
#[derive(Clone, Debug)]
struct Seen {
    times: (u64, u64),
    status: i32,
    flags: u32,
    trace_state: &'static str,
    /// Its ID, its parent's, and which of two names it has.
    kin: (u8, Option<u8>, bool),
    own: Option<Value<'static>>,
    resource: Option<Value<'static>>,
}

fn value() -> impl Strategy<Value = Option<Value<'static>>> {
    select(vec![
        None,
        Some(Value::Empty),
        Some(Value::Bool(true)),
        Some(Value::Bool(false)),
        Some(Value::Int(0)),
        Some(Value::Int(7)),
        Some(Value::Double(6.5)),
        Some(Value::Text(b"gold")),
        Some(Value::Text(b"")),
    ])
}

fn seen() -> impl Strategy<Value = Seen> {
    let times = (0..6_u64, 0..6_u64);
    let trace_state =
        select(vec!["", "v=x", "v=y,ot=rv:00000000000001", "ot=rv:f0000000000000", "v=x,v=x"]);
    let kin = (1..6_u8, prop::option::of(1..6_u8), any::<bool>());
    (times, 0..3, 0..4_u32, trace_state, kin, value(), value()).prop_map(
        |(times, status, flags, trace_state, kin, own, resource)| Seen {
            times,
            status,
            flags,
            trace_state,
            kin,
            own,
            resource,
        },
    )
}

fn simple() -> impl Strategy<Value = Kind> + Clone {
    let text = |value: &str| StringAttribute {
        key: KEY.into(),
        values: vec![value.into()],
        enabled_regex_matching: value.contains('.'),
        invert_match: value == "gold",
    };
    let number = |min_value, max_value| NumericAttribute {
        key: KEY.into(),
        min_value,
        max_value,
        invert_match: max_value.is_none(),
    };
    let truth = |value, invert_match| BooleanAttribute { key: KEY.into(), value, invert_match };
    let state = TraceState { key: "v".into(), values: vec!["x".into()] };
    let latency = |threshold_ms, upper_threshold_ms| Latency { threshold_ms, upper_threshold_ms };
    let chance = Probabilistic { sampling_percentage: 90.0, hash_salt: String::new() };
    let confidence = LowConfidence {
        below: 0.5,
        per_model_version: [("7".to_owned(), 1.0)].into(),
        scale: Scale::Percent,
        of_arrays: None,
    };
    let step = SpanLatency {
        span_name: "a".into(),
        name_match: NameMatch::Exact,
        service: None,
        above_ns: 2_000_000,
    };
    let ottl =
        |condition: &str| OttlCondition { span: vec![condition.into()], ..Default::default() };
    let ratio = Measure::Ratio { of: KEY.into(), to: KEY.into() };
    let root = Measure::Root(SpanMatch { attribute: Some(KEY.into()), ..SpanMatch::default() });
    let rooted = TraceTest { measures: vec![root], ..TraceTest::default() };
    select(vec![
        Kind::AlwaysSample,
        Kind::LowConfidence(confidence),
        Kind::SpanLatency(step),
        Kind::OttlCondition(ottl(r#"attributes["k"] == "gold" and kind == 0"#)),
        Kind::OttlCondition(ottl(r#"attributes["k"] / 0 == 1 or resource.attributes["k"] > 6"#)),
        Kind::TraceCondition(condition(ratio, 0.5)),
        Kind::TraceCondition(TraceCondition { all: vec![], any: vec![rooted] }),
        Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR])),
        Kind::Latency(latency(2, 0)),
        Kind::Latency(latency(1, 3)),
        Kind::StringAttribute(text("gold")),
        Kind::StringAttribute(text(".*")),
        Kind::NumericAttribute(number(Some(-1), Some(5))),
        Kind::NumericAttribute(number(Some(7), None)),
        Kind::BooleanAttribute(truth(true, false)),
        Kind::BooleanAttribute(truth(false, true)),
        Kind::TraceState(state),
        Kind::TraceFlags,
        Kind::SpanCount(SpanCount { min_spans: 2, max_spans: 4 }),
        Kind::Probabilistic(chance),
        Kind::TraceCondition(condition(Measure::Sum(KEY.into()), 6.5)),
        Kind::TraceCondition(condition(Measure::Min(KEY.into()), 0.0)),
        Kind::TraceCondition(condition(Measure::Max(KEY.into()), 6.5)),
        Kind::TraceCondition(condition(Measure::Count(failed()), 1.0)),
        Kind::TraceCondition(TraceCondition { all: vec![lacks()], any: vec![] }),
        Kind::Failure(Failure { keep_recovered: false }),
        Kind::Failure(Failure { keep_recovered: true }),
        Kind::Fragmented(Fragmented { missing_parents_above: 0 }),
        Kind::Fragmented(Fragmented { missing_parents_above: 1 }),
    ])
}

fn failed() -> SpanMatch {
    SpanMatch { status: Some(StatusCode::ERROR), ..SpanMatch::default() }
}

fn lacks() -> TraceTest {
    let absent = Measure::Absent(SpanMatch { attribute: Some(KEY.into()), ..failed() });
    TraceTest { measures: vec![absent], ..TraceTest::default() }
}

fn condition(measure: Measure, above: f64) -> TraceCondition {
    let test = TraceTest { measures: vec![measure], above: Some(above), below: None };
    TraceCondition { all: vec![], any: vec![test] }
}

fn policies() -> impl Strategy<Value = Vec<Policy>> {
    let listed = prop::collection::vec(simple(), 1..3);
    let named = |kinds: Vec<Kind>| -> Vec<Policy> {
        let name = |(place, kind)| Policy::new(format!("p{place}"), kind);
        kinds.into_iter().enumerate().map(name).collect()
    };
    let negated = simple().prop_map(|kind| Kind::Not(Not(Box::new(Policy::new("n", kind)))));
    let any = prop_oneof![
        4 => simple(),
        1 => negated,
        1 => listed.clone().prop_map(move |kinds| Kind::And(And { policies: named(kinds) })),
        1 => listed.prop_map(move |kinds| Kind::Drop(DropIf(named(kinds)))),
    ];
    prop::collection::vec(any, 1..5).prop_map(named)
}

/// The facts of spans that come in records of these lengths; what is left over comes in one.
fn facts(set: &PolicySet, spans: &[Seen], records: &[usize]) -> Facts {
    let mut facts = Facts::default();
    let mut rest = spans;
    for length in records.iter().copied().chain([spans.len()]) {
        let (record, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        let batch = batch(set.interest(), record);
        let chunk = Chunk { trace_id: ID, spans: 0..record.len() as u32, pieces: 0..0 };
        set.fold(&mut facts, &batch, &chunk, &mut Tally::default());
    }
    facts
}

fn batch(interest: &Interest, spans: &[Seen]) -> Batch<'static> {
    let mut batch = Batch::default();
    for (place, span) in spans.iter().enumerate() {
        let mut add = |value: Option<Value<'static>>| {
            let start = batch.attributes.len() as u32;
            let key = interest.find(KEY.as_bytes());
            let attribute = key.zip(value).map(|(key, value)| Attribute { key, value });
            batch.attributes.extend(attribute);
            start..batch.attributes.len() as u32
        };
        let (attributes, resource) = (add(span.own), add(span.resource));
        batch.resources.push(Resource { attributes: resource });
        batch.spans.push(Span {
            trace_id: ID,
            span_id: Some(SpanId([span.kin.0; 8])),
            parent_span_id: span.kin.1.map(|parent| SpanId([parent; 8])),
            start: UnixNano(span.times.0 * 1_000_000),
            end: UnixNano(span.times.1 * 1_000_000),
            name: if span.kin.2 { b"a" } else { b"b" },
            trace_state: span.trace_state.as_bytes(),
            flags: span.flags,
            kind: 0,
            status: StatusCode(span.status),
            resource: place as u32,
            attributes,
            detail: 0,
        });
    }
    batch
}

type Said = (Verdict, Option<u16>, Vec<Option<Vote>>);

fn judge(set: &PolicySet, facts: &Facts) -> Said {
    let mut votes = Vec::new();
    let outcome = set.judge(ID, facts, &mut set.limiters(1), Millis(0), &mut votes);
    (outcome.verdict, outcome.policy, votes)
}

fn compile(policies: Vec<Policy>, compatibility: Compatibility) -> PolicySet {
    let mut semantics = Semantics { compatibility, ..Semantics::default() };
    semantics.derive.confidence.attributes = vec![KEY.into()];
    semantics.derive.model_version.attributes = vec![KEY.into()];
    PolicySet::compile(policies, semantics).expect("the kinds that are drawn are valid")
}

/// True if some policy, or one within it, is of such a kind.
fn any_is(policies: &[Policy], is: &impl Fn(&Kind) -> bool) -> bool {
    policies.iter().any(|Policy { kind, .. }| {
        if let Kind::And(And { policies }) | Kind::Drop(DropIf(policies)) = kind {
            any_is(policies, is)
        } else if let Kind::Not(Not(policy)) = kind {
            is(&policy.kind)
        } else {
            is(kind)
        }
    })
}

/// The kinds that spans which come twice change: what they count, they count again. A ratio of
/// sums counts both.
fn counts(kind: &Kind) -> bool {
    let is_count = |test: &TraceTest| {
        matches!(test.measures[..], [Measure::Count(_) | Measure::Sum(_) | Measure::Ratio { .. }])
    };
    if let Kind::TraceCondition(kind) = kind {
        kind.all.iter().chain(&kind.any).any(is_count)
    } else {
        matches!(kind, Kind::SpanCount(_))
    }
}

/// The kinds that ask how spans hang together, of which the log of verdicts says nothing.
fn asks_kin(kind: &Kind) -> bool {
    matches!(kind, Kind::Failure(_) | Kind::Fragmented(_))
}

proptest! {
    #[test]
    fn records_and_order_change_nothing(
        policies in policies(),
        spans in prop::collection::vec(seen(), 0..6),
        shuffled in any::<prop::sample::Index>(),
        records in prop::collection::vec(0..4_usize, 0..4),
    ) {
        let set = compile(policies, Compatibility::Tailsift);
        let expect = judge(&set, &facts(&set, &spans, &[]));
        prop_assert_eq!(&judge(&set, &facts(&set, &spans, &records)), &expect);
        let mut other = spans.clone();
        other.reverse();
        other.rotate_left(shuffled.index(spans.len().max(1)));
        prop_assert_eq!(&judge(&set, &facts(&set, &other, &records)), &expect);
    }

    #[test]
    fn repeats_change_nothing_but_counts(
        policies in policies(),
        spans in prop::collection::vec(seen(), 1..6),
        repeated in any::<prop::sample::Index>(),
    ) {
        if any_is(&policies, &counts) {
            return Ok(());
        }
        let set = compile(policies, Compatibility::Tailsift);
        let twice: Vec<Seen> =
            spans.iter().cloned().chain([spans[repeated.index(spans.len())].clone()]).collect();
        let expect = judge(&set, &facts(&set, &spans, &[]));
        prop_assert_eq!(judge(&set, &facts(&set, &twice, &[])), expect);
    }

    /// As after a crash or a producer's retry: whole records again, here and there, at any time.
    #[test]
    fn records_that_come_again_change_nothing_but_counts(
        policies in policies(),
        records in prop::collection::vec(prop::collection::vec(seen(), 1..4), 1..4),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        if any_is(&policies, &counts) {
            return Ok(());
        }
        let set = compile(policies, Compatibility::Tailsift);
        let all = |records: &[Vec<Seen>]| {
            let lengths: Vec<_> = records.iter().map(Vec::len).collect();
            judge(&set, &facts(&set, &records.concat(), &lengths))
        };
        let mut repeated = records.clone();
        for place in again {
            let record = records[place.index(records.len())].clone();
            repeated.insert(place.index(repeated.len() + 1), record);
        }
        prop_assert_eq!(all(&repeated), all(&records));
    }

    /// Whoever owns the partition, however many there are, whatever else was judged before, and
    /// whenever: a policy without a budget says the same.
    #[test]
    fn owners_time_and_other_traces_change_nothing(
        policies in policies(),
        spans in prop::collection::vec(seen(), 1..6),
        others in prop::collection::vec(prop::collection::vec(seen(), 1..4), 0..4),
        partitions in 1..1000_u32,
        now in any::<i64>(),
    ) {
        let set = compile(policies, Compatibility::Tailsift);
        let trace = facts(&set, &spans, &[]);
        let expect = judge(&set, &trace);
        let (mut limiters, mut votes) = (set.limiters(partitions), Vec::new());
        for other in others {
            let id = TraceId([9; 16]);
            set.judge(id, &facts(&set, &other, &[]), &mut limiters, Millis(now), &mut votes);
        }
        let outcome = set.judge(ID, &trace, &mut limiters, Millis(now), &mut votes);
        prop_assert_eq!((outcome.verdict, outcome.policy, votes), expect);
    }

    /// What the log of verdicts says of a trace is all that its late spans are judged by.
    #[test]
    fn facts_from_the_log_say_the_same(
        policies in policies(),
        spans in prop::collection::vec(seen(), 1..6),
        late in prop::collection::vec(seen(), 0..3),
    ) {
        if any_is(&policies, &asks_kin) {
            return Ok(());
        }
        let set = compile(policies, Compatibility::Tailsift);
        let known = facts(&set, &spans, &[]);
        let logged = known.clone().with_words(known.words());
        let all = [spans, late.clone()].concat();
        let mut restored = logged;
        if !late.is_empty() {
            let batch = batch(set.interest(), &late);
            let chunk = Chunk { trace_id: ID, spans: 0..late.len() as u32, pieces: 0..0 };
            set.fold(&mut restored, &batch, &chunk, &mut Tally::default());
        }
        prop_assert_eq!(judge(&set, &restored), judge(&set, &facts(&set, &all, &[])));
    }

    /// In the Collector the order counts for an upper bound on the latency and for zero times.
    #[test]
    fn order_matters_in_the_collector_only_where_it_says(
        policies in policies(),
        spans in prop::collection::vec(seen(), 0..6),
        records in prop::collection::vec(0..4_usize, 0..4),
    ) {
        let set = compile(policies.clone(), Compatibility::Collector);
        let expect = judge(&set, &facts(&set, &spans, &[]));
        prop_assert_eq!(&judge(&set, &facts(&set, &spans, &records)), &expect);
        let bounded = |kind: &Kind| matches!(kind, Kind::Latency(kind) if kind.upper_threshold_ms != 0);
        if any_is(&policies, &bounded) {
            return Ok(());
        }
        let mut timed = spans;
        timed.iter_mut().for_each(|Seen { times, .. }| *times = (times.0 + 1, times.1 + 1));
        let expect = judge(&set, &facts(&set, &timed, &[]));
        timed.reverse();
        prop_assert_eq!(&judge(&set, &facts(&set, &timed, &records)), &expect);
    }

    /// Between any two moments no more passes than the burst and what flowed in.
    #[test]
    fn a_rate_is_never_exceeded(
        rate in 1..20_i64,
        burst in 1..20_i64,
        steps in prop::collection::vec((0..700_i64, 1..6_usize), 1..40),
    ) {
        let limit = RateLimiting { spans_per_second: rate, burst_capacity: burst };
        let policy = Policy::new("rate", Kind::RateLimiting(limit));
        let set = compile(vec![policy], Compatibility::Tailsift);
        let (mut limiters, mut now, mut passed) = (set.limiters(1), 0, Vec::new());
        for (step, spans) in steps {
            now += step;
            let mut facts = Facts::default();
            facts.spans = spans as u32;
            let outcome = set.judge(ID, &facts, &mut limiters, Millis(now), &mut Vec::new());
            if outcome.verdict == Verdict::Keep {
                passed.push((now, spans as i64));
            }
        }
        for (first, (from, _)) in passed.iter().enumerate() {
            let mut sum = 0;
            for (to, spans) in &passed[first..] {
                sum += spans;
                prop_assert!(sum * 1000 <= burst * 1000 + rate * (to - from), "{passed:?}");
            }
        }
    }
}

/// The other side of `repeats_change_nothing_but_counts`: what counts does count repeats.
#[test]
fn repeats_are_counted_by_what_counts() {
    let once = Seen {
        times: (1, 2),
        status: 2,
        flags: 0,
        trace_state: "",
        kin: (1, None, true),
        own: Some(Value::Int(7)),
        resource: None,
    };
    for kind in [
        Kind::SpanCount(SpanCount { min_spans: 2, max_spans: 0 }),
        Kind::TraceCondition(condition(Measure::Count(failed()), 1.0)),
        Kind::TraceCondition(condition(Measure::Sum(KEY.into()), 7.0)),
    ] {
        let policies = vec![Policy::new("counts", kind)];
        assert!(any_is(&policies, &counts));
        let set = compile(policies, Compatibility::Tailsift);
        let verdicts =
            [1, 2].map(|times| judge(&set, &facts(&set, &vec![once.clone(); times], &[])).0);
        assert_eq!(verdicts, [Verdict::Drop, Verdict::Keep], "{:?}", set.names());
    }
}

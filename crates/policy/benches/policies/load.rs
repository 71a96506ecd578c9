//! Spans of a web shop that asks a model, and every kind of policy: what benches and the test of
//! allocations fold.

use std::collections::BTreeMap;
use std::ops::Range;

use tailsift_policy::{
    And, BooleanAttribute, BytesLimiting, Composite, DerivedName, Drift, DropIf, ErrorMode,
    Failure, Forced, Fragmented, KeyPart, Kind, Latency, LowConfidence, Measure, NameMatch, Not,
    NumericAttribute, OfArrays, OttlCondition, Policy, PolicySet, Probabilistic, RateAllocation,
    RateLimiting, RatePerKey, Scale, Semantics, SpanCount, SpanLatency, SpanMatch, StatusCodes,
    StringAttribute, TraceCondition, TraceState, TraceTest,
};
use tailsift_trace::{
    Attribute, Batch, Chunk, Event, Interest, Millis, Node, Resource, Span, SpanDetail, SpanId,
    SpanSize, StatusCode, TraceId, Tree, UnixNano, Value,
};

/// Traces of a record.
pub(crate) const TRACES: u32 = 10;
/// Spans of each of them.
pub(crate) const SPANS: u32 = 100;

/// Attributes of a span, beside a confidence in one of ten.
const OWN: [(&str, Value<'static>); 10] = [
    ("http.request.method", Value::Text(b"GET")),
    ("http.route", Value::Text(b"/recommendations/{user}")),
    ("url.path", Value::Text(b"/v2/models/ranker/versions/7/infer")),
    ("server.address", Value::Text(b"recommendation.shop.svc")),
    ("http.response.status_code", Value::Int(200)),
    ("gen_ai.usage.input_tokens", Value::Int(312)),
    ("gen_ai.usage.output_tokens", Value::Double(48.0)),
    ("cache.hit", Value::Bool(true)),
    ("preprocessing_version", Value::Int(20_260_301)),
    ("user.tier", Value::Text(b"silver")),
];

const OF_RESOURCE: [(&str, Value<'static>); 3] = [
    ("service.name", Value::Text(b"recommender")),
    ("service.version", Value::Text(b"1.31.0")),
    ("deployment.environment.name", Value::Text(b"production")),
];

/// A record of [`TRACES`] traces of [`SPANS`] spans each, as a set's interest reads it. Few of them
/// are what a policy looks for, so that each span is looked at to the end.
pub(crate) fn batch(interest: &Interest) -> Batch<'static> {
    let mut batch = Batch::default();
    let resource = attributes(&OF_RESOURCE, interest, &mut batch);
    batch.resources.push(Resource { attributes: resource });
    for trace in 0..TRACES {
        let start = batch.spans.len() as u32;
        (0..SPANS).for_each(|span| push(trace, span, interest, &mut batch));
        let spans = start..batch.spans.len() as u32;
        batch.chunks.push(Chunk { trace_id: trace_id(trace), spans, pieces: 0..0 });
    }
    batch
}

/// The ID of a record's trace, which chance keeps in one of ten.
pub(crate) fn trace_id(trace: u32) -> TraceId {
    let mut bytes = [0x5a; 16];
    bytes[9..].fill((trace * 25) as u8);
    TraceId(bytes)
}

fn push(trace: u32, number: u32, interest: &Interest, batch: &mut Batch<'static>) {
    let attributes = own(number, interest, batch);
    let mut id = [1; 8];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let mut parent = [1; 8];
    parent[..4].copy_from_slice(&(number / 4).to_be_bytes());
    if interest.wants_sizes() {
        let span_bytes = 400 + number;
        let size =
            SpanSize { resource_bytes: 90, scope_bytes: 30, span_bytes, ..Default::default() };
        batch.sizes.push(size);
    }
    let detail = batch.detailed.spans.len() as u32;
    if interest.details().of_spans() {
        let events = batch.detailed.events.len() as u32;
        let (time, name) = (UnixNano(1_760_000_000_000_000_000), &b"cache.miss"[..]);
        batch.detailed.events.push(Event { time, name, ..Event::default() });
        batch.detailed.spans.push(SpanDetail { events: events..events + 1, ..Default::default() });
    }
    let start = 1_760_000_000_000_000_000 + u64::from(number) * 1_000_000;
    batch.spans.push(Span {
        trace_id: trace_id(trace),
        span_id: Some(SpanId(id)),
        parent_span_id: (number > 0).then_some(SpanId(parent)),
        start: UnixNano(start),
        end: UnixNano(start + 40_000_000),
        name: if number.is_multiple_of(2) { b"GET /recommendations/{user}" } else { b"db.query" },
        trace_state: b"shop=a,vendor=b",
        flags: 0x100,
        kind: 2 + (number % 2) as i32,
        status: StatusCode::UNSET,
        resource: 0,
        attributes,
        detail,
    });
}

fn own(number: u32, interest: &Interest, batch: &mut Batch<'static>) -> Range<u32> {
    let mut range = attributes(&OWN, interest, batch);
    if number % 10 == 1 {
        let sure = ("prediction_confidence", Value::Double(0.83));
        range.end = attributes(&[sure], interest, batch).end;
        range.end = list("model.confidence", &[0.9, 0.7], interest, batch).unwrap_or(range.end);
    }
    range
}

fn attributes(
    named: &[(&str, Value<'static>)],
    interest: &Interest,
    batch: &mut Batch<'static>,
) -> Range<u32> {
    let start = batch.attributes.len() as u32;
    for (name, value) in named {
        let key = interest.find(name.as_bytes());
        batch.attributes.extend(key.map(|key| Attribute { key, value: *value }));
    }
    start..batch.attributes.len() as u32
}

/// Adds a list of numbers, if it is asked for with its items; where the attributes end then.
fn list(name: &str, items: &[f64], interest: &Interest, batch: &mut Batch<'static>) -> Option<u32> {
    let key = interest.find(name.as_bytes()).filter(|key| interest.wants_tree(*key))?;
    let (attribute, node) = (batch.attributes.len() as u32, batch.detailed.nodes.len() as u32);
    let whole = Value::Array(b"");
    batch.attributes.push(Attribute { key, value: whole });
    batch.detailed.trees.push(Tree { attribute, node });
    let node = |value, len| Node { key: &b""[..], value, len, is_cut: false };
    batch.detailed.nodes.push(node(whole, items.len() as u32));
    batch.detailed.nodes.extend(items.iter().map(|item| node(Value::Double(*item), 0)));
    Some(attribute + 1)
}

/// A set of policies of these kinds.
pub(crate) fn set(kinds: Vec<Kind>) -> PolicySet {
    let kinds = kinds.into_iter().enumerate();
    let policies = kinds.map(|(place, kind)| Policy::new(format!("p{place}"), kind)).collect();
    PolicySet::compile(policies, Semantics::default()).expect("the policies are right")
}

/// Every kind under the name that benches and failures show; some in several ways, since they take
/// different paths.
pub(crate) fn kinds() -> Vec<(&'static str, Kind)> {
    let mut kinds = collectors();
    kinds.extend(conditions());
    kinds.extend(for_models());
    kinds.extend(composed());
    kinds
}

fn collectors() -> Vec<(&'static str, Kind)> {
    let state = TraceState { key: "vendor".into(), values: vec!["debug".into()] };
    let chance = Probabilistic { sampling_percentage: 10.0, hash_salt: String::new() };
    let truth = BooleanAttribute { key: "cache.hit".into(), value: false, invert_match: false };
    let rate = RateLimiting { spans_per_second: 1000, burst_capacity: 0 };
    let bytes = BytesLimiting { bytes_per_second: 1_000_000, burst_capacity: 0 };
    vec![
        ("always_sample", Kind::AlwaysSample),
        ("status_code", Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]))),
        ("latency", latency(5000)),
        ("numeric_attribute", at_least("http.response.status_code", 500)),
        ("string_attribute", text("user.tier", &["gold", "platinum"], false)),
        ("string_attribute regex", text("url.path", &["^/admin/", r"\.php$"], true)),
        ("boolean_attribute", Kind::BooleanAttribute(truth)),
        ("trace_state", Kind::TraceState(state)),
        ("trace_flags", Kind::TraceFlags),
        ("span_count", Kind::SpanCount(SpanCount { min_spans: 1000, max_spans: 0 })),
        ("probabilistic", Kind::Probabilistic(chance)),
        ("rate_limiting", Kind::RateLimiting(rate)),
        ("bytes_limiting", Kind::BytesLimiting(bytes)),
    ]
}

/// Conditions in OTTL.
pub(crate) fn conditions() -> Vec<(&'static str, Kind)> {
    let failed = r#"kind == SPAN_KIND_SERVER and attributes["http.response.status_code"] >= 500"#;
    let matching = r#"IsMatch(attributes["url.path"], "^/api/v[0-9]+/(cart|checkout)/")"#;
    let many: Vec<_> =
        (0..20).map(|n| format!(r#"attributes["user.tier"] == "tier-{n}""#)).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    vec![
        ("ottl_condition", ottl(&[failed], &[])),
        ("ottl_condition regex", ottl(&[matching], &[])),
        ("ottl_condition of 20", ottl(&many, &[])),
        ("ottl_condition on events", ottl(&[], &[r#"name == "exception""#])),
    ]
}

fn for_models() -> Vec<(&'static str, Kind)> {
    let unsure = |of_arrays| LowConfidence {
        below: 0.5,
        per_model_version: BTreeMap::from([("1.30.0".to_owned(), 0.6)]),
        scale: Scale::Unit,
        of_arrays,
    };
    let step = SpanLatency {
        span_name: "Feature Extraction".into(),
        name_match: NameMatch::Exact,
        service: None,
        above_ns: 500_000_000,
    };
    let forced = Forced {
        attribute: Some("trace.force".into()),
        trace_state: None,
        value: None,
        traces_per_second: 10,
    };
    let per_key = RatePerKey {
        by: vec![
            KeyPart::Attribute("http.route".into()),
            KeyPart::Derived(DerivedName::ModelVersion),
        ],
        traces_per_second: 50,
        keys_max: 1000,
        interval: Millis(15_000),
    };
    let sum = Measure::Sum("gen_ai.usage.input_tokens".into());
    let count = Measure::Count(SpanMatch {
        derived: vec![(DerivedName::PreprocessingVersion, "7".into())],
        ..SpanMatch::default()
    });
    let drift = Drift {
        by: vec![DerivedName::ModelVersion, DerivedName::PreprocessingVersion],
        floor_per_minute: 1,
        low_confidence_below: 0.5,
        scale: Scale::Unit,
        of_arrays: None,
        rise: 2.0,
        baseline: Millis(3_600_000),
    };
    vec![
        ("low_confidence", Kind::LowConfidence(unsure(None))),
        ("low_confidence of lists", Kind::LowConfidence(unsure(Some(OfArrays::Mean)))),
        ("span_latency", Kind::SpanLatency(step)),
        ("trace_condition", trace_condition(sum, 1e9)),
        ("trace_condition count", trace_condition(count, 1e9)),
        ("failure", Kind::Failure(Failure { keep_recovered: false })),
        ("fragmented", Kind::Fragmented(Fragmented { missing_parents_above: 2 })),
        ("forced", Kind::Forced(forced)),
        ("drift", Kind::Drift(drift)),
        ("rate_per_key", Kind::RatePerKey(per_key)),
    ]
}

fn composed() -> Vec<(&'static str, Kind)> {
    let errors = || Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR]));
    let policy = |name: &str, kind| Policy::new(name, kind);
    let both = || vec![policy("errors", errors()), policy("slow", latency(5000))];
    let composite = Composite {
        max_total_spans_per_second: 1000,
        policy_order: vec![],
        sub_policies: both(),
        rate_allocation: vec![RateAllocation { policy: "errors".into(), percent: 80 }],
    };
    vec![
        ("and", Kind::And(And { policies: both() })),
        ("not", Kind::Not(Not(Box::new(policy("errors", errors()))))),
        ("drop", Kind::Drop(DropIf(both()))),
        ("composite", Kind::Composite(composite)),
    ]
}

/// One policy, five as many sets have, and fifty as that of a company with many teams.
pub(crate) fn mix(policies: usize) -> Vec<Kind> {
    let unsure = LowConfidence {
        below: 0.5,
        per_model_version: BTreeMap::new(),
        scale: Scale::Unit,
        of_arrays: None,
    };
    let chance = Probabilistic { sampling_percentage: 1.0, hash_salt: String::new() };
    let mut kinds = vec![
        Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR])),
        latency(500_000),
        text("url.path", &["/checkout", "/cart", "/pay"], false),
        Kind::LowConfidence(unsure),
        Kind::Probabilistic(chance),
    ];
    for team in 0..9 {
        let service = text("service.name", &[&format!("service-{team}")], false);
        let slow_there = [("team", service), ("slow", latency(200_000))];
        let slow_there = slow_there.map(|(name, kind)| Policy::new(name, kind));
        let step = SpanLatency {
            span_name: format!("step {team}"),
            name_match: NameMatch::Exact,
            service: None,
            above_ns: 100_000_000,
        };
        let condition = format!(r#"attributes["user.tier"] == "{team}" and status.code == 2"#);
        kinds.extend([
            Kind::And(And { policies: slow_there.into() }),
            Kind::SpanLatency(step),
            at_least("http.response.status_code", 500 + team),
            text("http.route", &[&format!("/team-{team}/{{id}}")], false),
            ottl(&[&condition], &[]),
        ]);
    }
    kinds.truncate(policies);
    assert_eq!(kinds.len(), policies);
    kinds
}

fn latency(threshold_ms: i64) -> Kind {
    Kind::Latency(Latency { threshold_ms, upper_threshold_ms: 0 })
}

fn text(key: &str, values: &[&str], patterns: bool) -> Kind {
    Kind::StringAttribute(StringAttribute {
        key: key.into(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        enabled_regex_matching: patterns,
        invert_match: false,
    })
}

fn at_least(key: &str, least: i64) -> Kind {
    Kind::NumericAttribute(NumericAttribute {
        key: key.into(),
        min_value: Some(least),
        max_value: None,
        invert_match: false,
    })
}

fn ottl(span: &[&str], span_event: &[&str]) -> Kind {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let (span, span_event) = (texts(span), texts(span_event));
    Kind::OttlCondition(OttlCondition { error_mode: ErrorMode::Silent, span, span_event })
}

fn trace_condition(measure: Measure, above: f64) -> Kind {
    let test = TraceTest { measures: vec![measure], above: Some(above), below: None };
    Kind::TraceCondition(TraceCondition { all: vec![test], any: vec![] })
}

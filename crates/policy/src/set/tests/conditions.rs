//! Conditions on the whole trace.

use super::*;
use crate::{DerivedName, Measure, SpanMatch, TraceCondition, TraceTest};

const TOKENS: &str = "gen_ai.usage.input_tokens";
const CLIENT: i32 = 3;
const SERVER: i32 = 2;

fn text(text: &'static str) -> Value<'static> {
    Value::Text(text.as_bytes())
}

fn test(measure: Measure, above: Option<f64>, below: Option<f64>) -> TraceTest {
    TraceTest { measures: vec![measure], above, below }
}

fn all(tests: Vec<TraceTest>) -> Kind {
    Kind::TraceCondition(TraceCondition { all: tests, any: Vec::new() })
}

fn any(tests: Vec<TraceTest>) -> Kind {
    Kind::TraceCondition(TraceCondition { all: Vec::new(), any: tests })
}

fn named(name: &str) -> SpanMatch {
    SpanMatch { span_name: Some(name.into()), ..SpanMatch::default() }
}

fn with(attribute: &str, values: &[&str]) -> SpanMatch {
    let values = values.iter().copied().map(Into::into).collect();
    SpanMatch { attribute: Some(attribute.into()), values, ..SpanMatch::default() }
}

fn tokens(values: &[Value<'static>]) -> Vec<S> {
    values.iter().map(|value| span("chat", 1, 2).with(TOKENS, *value)).collect()
}

#[test]
fn counts_of_spans_that_match() {
    let of_kind = |kind| SpanMatch { kind: Some(kind), ..SpanMatch::default() };
    let failed = SpanMatch { status: Some(StatusCode::ERROR), ..SpanMatch::default() };
    let prefix = SpanMatch { name_match: NameMatch::Prefix, ..named("ret") };
    let pattern = SpanMatch { name_match: NameMatch::Regex, ..named("^re.ry$") };
    let service = SpanMatch { service: Some("store".into()), ..SpanMatch::default() };
    let both = SpanMatch { kind: Some(CLIENT), ..named("retry") };
    let model = vec![(DerivedName::Model, "m1".to_owned())];
    let derived = SpanMatch { derived: model, ..SpanMatch::default() };
    let trace = [
        span("retry", 1, 2).of_kind(CLIENT).error(),
        span("retry", 1, 2).of_kind(SERVER).on_resource("service.name", text("store")),
        span("chat", 1, 2).with("gen_ai.response.model", text("m1")),
        span("infer", 1, 2).with("url.path", text("/v1/models/m1:predict")),
    ];
    for (spans, count) in [
        (SpanMatch::default(), 4.0),
        (named("retry"), 2.0),
        (named("retr"), 0.0),
        (prefix, 2.0),
        (pattern, 2.0),
        (of_kind(CLIENT), 1.0),
        (failed, 1.0),
        (service, 1.0),
        (both, 1.0),
        (derived, 2.0),
    ] {
        let bounds = |above, below| all(vec![test(Measure::Count(spans.clone()), above, below)]);
        check(&bounds(Some(count), None), &trace, false);
        check(&bounds(Some(count - 1.0), None), &trace, true);
        check(&bounds(None, Some(count + 1.0)), &trace, true);
        if count > 0.0 {
            check(&bounds(None, Some(count)), &trace, false);
        }
        check(&bounds(Some(count - 0.5), Some(count + 0.5)), &trace, true);
    }
}

#[test]
fn attributes_match_by_presence_or_value() {
    let reasons = "gen_ai.response.finish_reasons";
    let found = |spans| any(vec![test(Measure::Count(spans), Some(0.0), None)]);
    let list = |items: &[&'static str]| {
        let items: Vec<_> = items.iter().map(|item| text(item)).collect();
        [span("chat", 1, 2).list(reasons, &items)]
    };
    check(&found(with(reasons, &[])), &list(&["stop"]), true);
    check(&found(with(reasons, &["length", "content_filter"])), &list(&["stop", "length"]), true);
    check(&found(with(reasons, &["length"])), &list(&["stop"]), false);
    check(&found(with(reasons, &["length"])), &list(&[]), false);
    for (value, wanted, keep) in [
        (text("length"), "length", true),
        (text("length!"), "length", false),
        (Value::Int(-3), "-3", true),
        (Value::Bool(true), "true", true),
        (Value::Bool(false), "true", false),
        (Value::Double(1.0), "1", false),
        (Value::Empty, "", false),
    ] {
        check(&found(with("a", &[wanted])), &[span("chat", 1, 2).with("a", value)], keep);
        let on_resource = [span("chat", 1, 2).on_resource("a", value)];
        check(&found(with("a", &[wanted])), &on_resource, false);
    }
}

#[test]
fn sums_are_exact_whatever_the_order() {
    let above = |bound| all(vec![test(Measure::Sum(TOKENS.into()), Some(bound), None)]);
    let below = |bound| all(vec![test(Measure::Sum(TOKENS.into()), None, Some(bound))]);
    let (int, double) = (Value::Int, Value::Double);
    check(&above(8000.0), &tokens(&[int(5000), int(3000)]), false);
    check(&above(8000.0), &tokens(&[int(5000), int(3000), double(0.5)]), true);
    check(&below(8000.0), &tokens(&[int(5000), int(-3000)]), true);
    // No span has it: it is neither above nor below.
    check(&below(8000.0), &[span("chat", 1, 2)], false);
    check(&above(-1.0), &[span("chat", 1, 2)], false);
    // Ten tenths are one, and what is huge does not swallow what is small.
    check(&above(1.0), &tokens(&[double(0.1); 10]), false);
    check(&below(1.0), &tokens(&[double(0.1); 10]), false);
    for order in [[1e16, 1.0, -1e16], [1.0, 1e16, -1e16], [1e16, -1e16, 1.0]] {
        check(&above(0.5), &tokens(&order.map(double)), true);
    }
    let infinite = [double(f64::INFINITY), double(f64::NEG_INFINITY), int(2)];
    check(&above(1.0), &tokens(&infinite), true);

    let set = set(above(1.0), Compatibility::Tailsift);
    let odd = tokens(&[double(f64::NAN), text("9"), int(1)]);
    assert_eq!(fold(&set, &odd).1.numbers_unreadable, 2);
    assert_eq!(judge(&set, &odd).verdict, Verdict::Drop);
}

#[test]
fn least_and_greatest() {
    let values =
        |items: &[f64]| tokens(&items.iter().copied().map(Value::Double).collect::<Vec<_>>());
    for (greatest, above, below, items, keep) in [
        (true, Some(2.0), None, &[1.0, 2.5][..], true),
        (true, Some(2.0), None, &[1.0, 2.0], false),
        (true, None, Some(2.0), &[1.0, 1.5], true),
        (true, None, Some(2.0), &[1.0, 2.0], false),
        (true, Some(1.0), Some(2.0), &[0.0, 1.5], true),
        (true, Some(1.0), Some(2.0), &[1.5, 3.0], false),
        (false, None, Some(1.0), &[5.0, 0.5], true),
        (false, None, Some(1.0), &[5.0, 1.0], false),
        (false, Some(1.0), None, &[5.0, 2.0], true),
        (false, Some(1.0), None, &[5.0, 1.0], false),
        (false, Some(1.0), Some(2.0), &[1.5, 9.0], true),
        (true, None, Some(2.0), &[], false),
        (false, Some(1.0), None, &[f64::NAN], false),
    ] {
        let measure = if greatest { Measure::Max } else { Measure::Min };
        let kind = all(vec![test(measure(TOKENS.into()), above, below)]);
        let mut trace = vec![span("root", 1, 2)];
        trace.extend(values(items));
        check(&kind, &trace, keep);
        trace.reverse();
        check(&kind, &trace, keep);
    }
}

#[test]
fn ratios_of_sums() {
    let ratio = || Measure::Ratio { of: "out".into(), to: "in".into() };
    let kind = |above, below| all(vec![test(ratio(), above, below)]);
    let of =
        |out, to| [span("a", 1, 2).with("out", Value::Int(out)), span("b", 1, 2).with("in", to)];
    check(&kind(Some(2.0), None), &of(5, Value::Int(2)), true);
    check(&kind(Some(2.5), None), &of(5, Value::Int(2)), false);
    check(&kind(None, Some(0.1)), &of(0, Value::Int(2)), true);
    check(&kind(Some(2.0), None), &of(5, Value::Int(0)), false);
    check(&kind(None, Some(2.0)), &of(5, Value::Int(-1)), false);
    check(&kind(None, Some(2.0)), &[span("b", 1, 2).with("in", Value::Int(1))], false);
}

#[test]
fn what_is_absent_and_what_the_root_has() {
    let client = SpanMatch { kind: Some(CLIENT), ..named("GET features") };
    let server = SpanMatch {
        kind: Some(SERVER),
        service: Some("feature-store".into()),
        ..SpanMatch::default()
    };
    // The call was made and never arrived.
    let unanswered = all(vec![
        test(Measure::Count(client), Some(0.0), None),
        test(Measure::Absent(server), None, None),
    ]);
    let call = span("GET features", 1, 2).of_kind(CLIENT).child(2, 1);
    let answer =
        span("GET", 1, 2).of_kind(SERVER).on_resource("service.name", text("feature-store"));
    check(&unanswered, &[span("root", 1, 2), call.clone()], true);
    check(&unanswered, &[span("root", 1, 2), call.clone(), answer.clone()], false);
    check(&unanswered, &[answer, span("root", 1, 2), call], false);
    check(&unanswered, &[span("root", 1, 2)], false);
    check(&all(vec![test(Measure::Absent(named("x")), None, None)]), &[], false);

    let premium = all(vec![test(Measure::Root(with("tier", &["premium"])), None, None)]);
    let tier = |span: S| span.with("tier", text("premium"));
    check(&premium, &[tier(span("root", 1, 2)), span("a", 1, 2).child(2, 1)], true);
    check(&premium, &[span("root", 1, 2), tier(span("a", 1, 2).child(2, 1))], false);
}

#[test]
fn all_of_them_or_any() {
    let of = |name: &str| test(Measure::Count(named(name)), Some(0.0), None);
    let trace = [span("a", 1, 2), span("b", 1, 2)];
    for (names, every, one) in
        [(["a", "b"], true, true), (["a", "x"], false, true), (["x", "y"], false, false)]
    {
        check(&all(names.map(of).to_vec()), &trace, every);
        check(&any(names.map(of).to_vec()), &trace, one);
    }
}

/// Many numbers and many bits keep out of each other's way, and survive being written down.
#[test]
fn many_numbers_lie_side_by_side() {
    let names: Vec<String> = (0..60).map(|name| name.to_string()).collect();
    let mut policies = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let count = test(Measure::Count(named(name)), Some(place as f64 - 0.5), None);
        let sum = test(Measure::Sum(name.clone()), None, Some(0.0));
        let least = test(Measure::Min(name.clone()), Some(0.0), None);
        policies.push(Policy::new(name.clone(), any(vec![count, sum, least])));
    }
    let set = PolicySet::compile(policies, Semantics::default()).unwrap();
    let trace = vec![span("3", 1, 2); 3];
    let (facts, _) = fold(&set, &trace);
    let mut votes = Vec::new();
    let written = Facts::default().with_words(facts.words());
    for facts in [&facts, &Facts { spans: 3, ..written }] {
        judge_facts(&set, facts, &mut votes);
        let sampled: Vec<_> =
            (0..60).filter(|place| votes[*place] == Some(Vote::Sampled)).collect();
        assert_eq!(sampled, [0, 3]);
    }
    assert!(facts.heap_bytes() <= 8 * 250, "{}", facts.heap_bytes());
}

#[test]
fn a_set_notes_no_more_than_fits() {
    let tests = |key: usize| -> Vec<TraceTest> {
        (0..64).map(|n| test(Measure::Sum(format!("{key}.{n}")), Some(1.0), None)).collect()
    };
    let policies = (0..8).map(|key| Policy::new(key.to_string(), all(tests(key)))).collect();
    let errors = PolicySet::compile(policies, Semantics::default()).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(
        errors[0].to_string(),
        "policies: note more than 1024 words of a trace: have fewer counts, sums and policies"
    );
}

#[test]
fn wrong_conditions_are_refused() {
    let place = "policies[0].trace_condition";
    let count = || Measure::Count(SpanMatch::default());
    let one = || test(count(), Some(1.0), None);
    let both = Kind::TraceCondition(TraceCondition { all: vec![one()], any: vec![one()] });
    let two = TraceTest { measures: vec![count(), count()], above: Some(1.0), below: None };
    let kinds = "needs just one of count, sum, min, max, ratio, absent and root";
    let unnamed = SpanMatch { values: vec!["a".into()], ..SpanMatch::default() };
    let prefix = SpanMatch { name_match: NameMatch::Prefix, ..SpanMatch::default() };
    for (kind, expect) in [
        (all(vec![]), format!("{place}: needs tests under just one of `all` and `any`")),
        (both, format!("{place}: needs tests under just one of `all` and `any`")),
        (all(vec![two]), format!("{place}.all[0]: {kinds}, got 2")),
        (any(vec![TraceTest::default()]), format!("{place}.any[0]: {kinds}, got 0")),
        (
            all(vec![one(), test(count(), None, None)]),
            format!("{place}.all[1]: count needs above, below or both"),
        ),
        (
            all(vec![test(count(), Some(3.0), Some(3.0))]),
            format!("{place}.all[0]: nothing is above 3 and below 3: above must be the lesser"),
        ),
        (
            all(vec![test(count(), None, Some(0.0))]),
            format!("{place}.all[0].below: no count is below 0: must be above 0"),
        ),
        (
            all(vec![test(Measure::Absent(named("a")), None, Some(1.0))]),
            format!("{place}.all[0]: absent has no bounds: remove above and below"),
        ),
        (
            all(vec![test(Measure::Root(unnamed), None, None)]),
            format!("{place}.all[0].root.values: are of an attribute: name one"),
        ),
        (
            all(vec![test(Measure::Count(prefix), Some(1.0), None)]),
            format!("{place}.all[0].count.match: says how span_name is compared: give one"),
        ),
        (
            all(vec![test(Measure::Count(named("")), Some(1.0), None)]),
            format!("{place}.all[0].count.span_name: must not be empty"),
        ),
    ] {
        refused(kind, &expect);
    }
}

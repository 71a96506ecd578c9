//! The bodies of the kinds that are made for services that call models.

use std::collections::BTreeMap;

use tailsift_policy::{
    DerivedName, Drift, Failure, Forced, Fragmented, KeyPart, LowConfidence, Measure, NameMatch,
    OfArrays, RatePerKey, Scale, SpanLatency, SpanMatch, TraceCondition, TraceTest,
};
use tailsift_trace::{Millis, StatusCode};

use crate::node::Node;
use crate::read;
use crate::table::{
    DERIVED_NAMES, MATCHES, OF_ARRAYS, RATIO, RECOVERED, SCALES, SPAN_KINDS, SPAN_MATCH,
    STATUS_CODES, TRACE_TEST,
};
use crate::view::View;

const NAME_MATCHES: [NameMatch; 3] = [NameMatch::Exact, NameMatch::Prefix, NameMatch::Regex];

pub(super) fn low_confidence(body: &View<'_>) -> Option<LowConfidence> {
    let mut per_model_version = BTreeMap::new();
    for (version, bound) in body.entries("per_model_version") {
        per_model_version.insert(version.to_owned(), read::number(bound).ok()?);
    }
    Some(LowConfidence {
        below: body.number("below")?,
        per_model_version,
        scale: scale(body)?,
        of_arrays: of_arrays(body)?,
    })
}

pub(super) fn span_latency(body: &View<'_>) -> Option<SpanLatency> {
    Some(SpanLatency {
        span_name: body.text("span_name")?,
        name_match: body.choice("match", &MATCHES, NAME_MATCHES)?,
        service: body.optional("service", View::text)?,
        above_ns: u64::try_from(body.fine_duration("above")?.as_nanos()).ok()?,
    })
}

pub(super) fn trace_condition(body: &View<'_>) -> Option<TraceCondition> {
    let tests = |name| {
        let tests = body.optional(name, |body, name| body.list(name, test))?;
        Some(tests.unwrap_or_default())
    };
    Some(TraceCondition { all: tests("all")?, any: tests("any")? })
}

fn test(node: &Node) -> Option<TraceTest> {
    let test = View::new(&TRACE_TEST, Some(node));
    let spans = |name| span_match(&View::new(&SPAN_MATCH, test.own(name)));
    let mut measures = Vec::new();
    for name in ["count", "sum", "min", "max", "ratio", "absent", "root"] {
        if test.own(name).is_none() {
            continue;
        }
        measures.push(match name {
            "count" => Measure::Count(spans(name)?),
            "sum" => Measure::Sum(test.text(name)?),
            "min" => Measure::Min(test.text(name)?),
            "max" => Measure::Max(test.text(name)?),
            "ratio" => {
                let ratio = View::new(&RATIO, test.own(name));
                Measure::Ratio { of: ratio.text("of")?, to: ratio.text("to")? }
            }
            "absent" => Measure::Absent(spans(name)?),
            _ => Measure::Root(spans(name)?),
        });
    }
    Some(TraceTest {
        measures,
        above: test.optional("above", View::number)?,
        below: test.optional("below", View::number)?,
    })
}

fn span_match(spans: &View<'_>) -> Option<SpanMatch> {
    let text = |name| spans.optional(name, View::text);
    let mut derived = Vec::new();
    for name in [DerivedName::Model, DerivedName::ModelVersion, DerivedName::PreprocessingVersion] {
        derived.extend(text(name.name())?.map(|value| (name, value)));
    }
    Some(SpanMatch {
        span_name: text("span_name")?,
        name_match: spans.choice("match", &MATCHES, NAME_MATCHES)?,
        service: text("service")?,
        kind: spans
            .optional("kind", |view, name| view.choice(name, &SPAN_KINDS, [1, 2, 3, 4, 5]))?,
        status: spans.optional("status", |view, name| {
            let codes = [StatusCode::ERROR, StatusCode::OK, StatusCode::UNSET];
            view.choice(name, &STATUS_CODES, codes)
        })?,
        attribute: text("attribute")?,
        values: spans.optional("values", View::texts)?.unwrap_or_default(),
        derived,
    })
}

pub(super) fn failure(body: &View<'_>) -> Option<Failure> {
    Some(Failure { keep_recovered: body.choice("recovered", &RECOVERED, [false, true])? })
}

pub(super) fn fragmented(body: &View<'_>) -> Option<Fragmented> {
    let above = u32::try_from(body.integer("missing_parents_above")?).ok()?;
    Some(Fragmented { missing_parents_above: above })
}

pub(super) fn forced(body: &View<'_>) -> Option<Forced> {
    Some(Forced {
        attribute: body.optional("attribute", View::text)?,
        trace_state: body.optional("trace_state", View::text)?,
        value: body.optional("value", View::text)?,
        traces_per_second: body.integer("traces_per_second")?,
    })
}

fn scale(body: &View<'_>) -> Option<Scale> {
    body.choice("scale", &SCALES, [Scale::Unit, Scale::Percent])
}

fn of_arrays(body: &View<'_>) -> Option<Option<OfArrays>> {
    body.optional("of_arrays", |body, name| {
        body.choice(name, &OF_ARRAYS, [OfArrays::Min, OfArrays::Max, OfArrays::Mean])
    })
}

const DERIVED: [DerivedName; 3] =
    [DerivedName::Model, DerivedName::ModelVersion, DerivedName::PreprocessingVersion];

pub(super) fn rate_per_key(body: &View<'_>) -> Option<RatePerKey> {
    let part = |key: String| match DERIVED.into_iter().find(|name| name.name() == key) {
        Some(name) => KeyPart::Derived(name),
        None => KeyPart::Attribute(key),
    };
    Some(RatePerKey {
        by: body.texts("by")?.into_iter().map(part).collect(),
        traces_per_second: u32::try_from(body.integer("traces_per_second")?).ok()?,
        keys_max: u32::try_from(body.integer("keys_max")?).ok()?,
        interval: Millis(i64::try_from(body.duration("interval")?.as_millis()).ok()?),
    })
}

pub(super) fn drift(body: &View<'_>) -> Option<Drift> {
    let name = |node: &Node| Some(DERIVED[read::choice(node, &DERIVED_NAMES, &[]).ok()?]);
    Some(Drift {
        by: body.list("by", name)?,
        floor_per_minute: u32::try_from(body.integer("floor_per_minute")?).ok()?,
        low_confidence_below: body.number("low_confidence_below")?,
        scale: scale(body)?,
        of_arrays: of_arrays(body)?,
        rise: body.number("rise")?,
        baseline: Millis(i64::try_from(body.duration("baseline")?.as_millis()).ok()?),
    })
}

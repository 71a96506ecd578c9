//! Policies: the Collector's YAML, ours beside it, as the core's kinds.

mod inference;

use tailsift_policy::{
    And, BooleanAttribute, BytesLimiting, Composite, DropIf, ErrorMode, Kind, Latency, Not,
    NumericAttribute, OttlCondition, Policy, Probabilistic, RateAllocation, RateLimiting,
    SpanCount, StatusCodes, StringAttribute, TraceState,
};
use tailsift_trace::StatusCode;

use crate::check::{Check, unknown};
use crate::key::{Section, Within};
use crate::node::{Node, Value, join};
use crate::read;
use crate::suggest::nearest;
use crate::table::{
    AND, BOOLEAN_ATTRIBUTE, BYTES_LIMITING, COMPOSITE, DRIFT, DROP, ERROR_MODES, FAILURE, FORCED,
    FRAGMENTED, KINDS, KindEntry, LATENCY, LOW_CONFIDENCE, NOT, NUMERIC_ATTRIBUTE, OTTL_CONDITION,
    POLICY, PROBABILISTIC, RATE_ALLOCATION, RATE_LIMITING, RATE_PER_KEY, SPAN_COUNT, SPAN_LATENCY,
    STATUS_CODE, STATUS_CODES, STRING_ATTRIBUTE, SUB_POLICY, TRACE_CONDITION, TRACE_STATE,
};
use crate::view::View;

/// Checks one policy: its own keys, its kind, and that it has its kind's body and no other.
pub(crate) fn check(check: &mut Check, node: &Node, path: &str, within: Within) -> Option<String> {
    let Value::Map(entries) = &node.value else {
        let given = node.given();
        return Some(format!("expected a mapping with a name and a type, got {given}"));
    };
    let section = if within == Within::List { &POLICY } else { &SUB_POLICY };
    for key in section.keys {
        match node.get(key.name) {
            Some(value) => check.value(&key.kind, value, &join(path, key.name)),
            None if entries.iter().any(|entry| section.meant(&entry.key) == Some(key.name)) => {}
            None => check.missing(key, node.place, path),
        }
    }
    let kind = node.get("type").filter(|node| read::text(node).is_ok()).and_then(|node| {
        let kind = kind_of(node, within);
        kind.map_err(|message| check.error(node.place, &join(path, "type"), message)).ok()
    });
    let mut body_missing = kind.filter(|kind| kind.body.is_some());
    for entry in entries.iter().filter(|entry| section.key(&entry.key).is_none()) {
        let path = join(path, &entry.key);
        let own = kind.filter(|kind| kind.name == entry.key);
        match own.and_then(|kind| kind.body.as_ref()) {
            Some(body) => {
                body_missing = None;
                check.value(body, &entry.node, &path);
            }
            None => {
                let Some(message) = stray(section, kind, &entry.key, node) else { continue };
                if kind.is_some_and(|kind| nearest(&entry.key, [kind.name]).is_some()) {
                    body_missing = None;
                }
                check.error(entry.place, &path, message);
            }
        }
    }
    if let Some(KindEntry { name, example, .. }) = body_missing {
        let message = format!("is required by `type: {name}`, for example `{name}: {example}`");
        check.error(node.place, &join(path, name), message);
    }
    None
}

fn kind_of(node: &Node, within: Within) -> Result<&'static KindEntry, String> {
    let kinds = || KINDS.iter().filter(|kind| within.takes(kind.name));
    let name = read::scalar(node).map_or("", |scalar| scalar.text.as_str());
    if let Some(kind) = kinds().find(|kind| kind.name == name) {
        return Ok(kind);
    }
    let names = kinds().map(|kind| kind.name);
    let given = node.given();
    let list = names.clone().collect::<Vec<_>>().join(", ");
    if KINDS.iter().any(|kind| kind.name == name) {
        return Err(format!("{given} {}", within.refusal(name)));
    }
    let meant = nearest(name, names).map(|name| format!(" did you mean {name}?"));
    Err(format!("{given} is no kind of policy:{} there are: {list}", meant.unwrap_or_default()))
}

/// Why a key that is not of the policy's own kind does not do; `None` if its kind, which does not
/// do either, says enough.
fn stray(
    section: &'static Section,
    kind: Option<&KindEntry>,
    key: &str,
    node: &Node,
) -> Option<String> {
    let given = node.get("type").and_then(read::scalar).map(|scalar| scalar.text.as_str());
    if kind.is_none() && (given.is_some() || KINDS.iter().any(|kind| kind.name == key)) {
        return None;
    }
    if let Some(other) = KINDS.iter().map(|kind| kind.name).find(|name| *name == key) {
        return Some(match kind {
            Some(kind) if kind.name == other => format!("{other} has no settings: remove it"),
            _ => format!(
                "is for `type: {other}`, and this policy has `type: {}`: change one",
                kind.map_or("", |kind| kind.name)
            ),
        });
    }
    let names = || section.names().chain(kind.map(|kind| kind.name));
    Some(unknown(names, key))
}

/// A policy as the core knows it. Where an error has been reported, a place holder stands for what
/// could not be read, so that places in lists stay true and the rest can still be judged.
pub(crate) fn build(node: &Node, path: &str, within: Within) -> Policy {
    let name = node.get("name").and_then(|name| read::text(name).ok());
    let name = match name {
        Some(name) => name.to_owned(),
        None if within == Within::List => path.to_owned(),
        None => String::new(),
    };
    Policy::new(name, build_kind(node, path, within).unwrap_or(Kind::AlwaysSample))
}

fn build_kind(node: &Node, path: &str, within: Within) -> Option<Kind> {
    let kind = read::text(node.get("type")?).ok().filter(|kind| within.takes(kind))?;
    let body = |section| View::new(section, node.get(kind));
    Some(match kind {
        "always_sample" => Kind::AlwaysSample,
        "status_code" => Kind::StatusCode(status_code(&body(&STATUS_CODE))?),
        "latency" => Kind::Latency(latency(&body(&LATENCY))?),
        "numeric_attribute" => Kind::NumericAttribute(numeric(&body(&NUMERIC_ATTRIBUTE))?),
        "string_attribute" => Kind::StringAttribute(string(&body(&STRING_ATTRIBUTE))?),
        "probabilistic" => Kind::Probabilistic(probabilistic(&body(&PROBABILISTIC))?),
        "low_confidence" => Kind::LowConfidence(inference::low_confidence(&body(&LOW_CONFIDENCE))?),
        "span_latency" => Kind::SpanLatency(inference::span_latency(&body(&SPAN_LATENCY))?),
        "trace_condition" => {
            Kind::TraceCondition(inference::trace_condition(&body(&TRACE_CONDITION))?)
        }
        "drift" => Kind::Drift(inference::drift(&body(&DRIFT))?),
        "rate_per_key" => Kind::RatePerKey(inference::rate_per_key(&body(&RATE_PER_KEY))?),
        "failure" => Kind::Failure(inference::failure(&body(&FAILURE))?),
        "fragmented" => Kind::Fragmented(inference::fragmented(&body(&FRAGMENTED))?),
        "forced" => Kind::Forced(inference::forced(&body(&FORCED))?),
        "boolean_attribute" => Kind::BooleanAttribute(boolean(&body(&BOOLEAN_ATTRIBUTE))?),
        "trace_state" => Kind::TraceState(trace_state(&body(&TRACE_STATE))?),
        "trace_flags" => Kind::TraceFlags,
        // An empty body says something else than a missing one.
        "ottl_condition" if node.get(kind).is_some() => {
            Kind::OttlCondition(ottl_condition(&body(&OTTL_CONDITION))?)
        }
        "span_count" => Kind::SpanCount(span_count(&body(&SPAN_COUNT))?),
        "rate_limiting" => Kind::RateLimiting(rate_limiting(&body(&RATE_LIMITING))?),
        "bytes_limiting" => Kind::BytesLimiting(bytes_limiting(&body(&BYTES_LIMITING))?),
        "and" => Kind::And(and(&body(&AND), path)?),
        "not" => Kind::Not(not(&body(&NOT), path)?),
        "drop" => Kind::Drop(drop_if(&body(&DROP), path)?),
        "composite" => Kind::Composite(composite(&body(&COMPOSITE), path)?),
        _ => return None,
    })
}

fn status_code(body: &View<'_>) -> Option<StatusCodes> {
    let codes = [StatusCode::ERROR, StatusCode::OK, StatusCode::UNSET];
    let code = |node: &Node| Some(codes[read::choice(node, &STATUS_CODES, &[]).ok()?]);
    body.list("status_codes", code).map(StatusCodes)
}

fn latency(body: &View<'_>) -> Option<Latency> {
    Some(Latency {
        threshold_ms: body.integer("threshold_ms")?,
        upper_threshold_ms: body.integer("upper_threshold_ms")?,
    })
}

fn numeric(body: &View<'_>) -> Option<NumericAttribute> {
    Some(NumericAttribute {
        key: body.text("key")?,
        min_value: body.optional("min_value", View::integer)?,
        max_value: body.optional("max_value", View::integer)?,
        invert_match: body.boolean("invert_match")?,
    })
}

fn string(body: &View<'_>) -> Option<StringAttribute> {
    Some(StringAttribute {
        key: body.text("key")?,
        values: body.texts("values")?,
        enabled_regex_matching: body.boolean("enabled_regex_matching")?,
        invert_match: body.boolean("invert_match")?,
    })
}

fn probabilistic(body: &View<'_>) -> Option<Probabilistic> {
    Some(Probabilistic {
        sampling_percentage: body.number("sampling_percentage")?,
        hash_salt: body.text("hash_salt")?,
    })
}

fn boolean(body: &View<'_>) -> Option<BooleanAttribute> {
    Some(BooleanAttribute {
        key: body.text("key")?,
        value: body.boolean("value")?,
        invert_match: body.boolean("invert_match")?,
    })
}

fn trace_state(body: &View<'_>) -> Option<TraceState> {
    Some(TraceState { key: body.text("key")?, values: body.texts("values")? })
}

fn span_count(body: &View<'_>) -> Option<SpanCount> {
    Some(SpanCount {
        min_spans: i32::try_from(body.integer("min_spans")?).ok()?,
        max_spans: i32::try_from(body.integer("max_spans")?).ok()?,
    })
}

fn rate_limiting(body: &View<'_>) -> Option<RateLimiting> {
    Some(RateLimiting {
        spans_per_second: body.integer("spans_per_second")?,
        burst_capacity: body.integer("burst_capacity")?,
    })
}

fn bytes_limiting(body: &View<'_>) -> Option<BytesLimiting> {
    Some(BytesLimiting {
        bytes_per_second: body.integer("bytes_per_second")?,
        burst_capacity: body.integer("burst_capacity")?,
    })
}

fn and(body: &View<'_>, path: &str) -> Option<And> {
    let policies = sub_policies(body, "and_sub_policy", path, Within::And)?;
    Some(And { policies })
}

fn not(body: &View<'_>, path: &str) -> Option<Not> {
    let path = format!("{path}.not.not_sub_policy");
    Some(Not(Box::new(build(body.own("not_sub_policy")?, &path, Within::Not))))
}

fn drop_if(body: &View<'_>, path: &str) -> Option<DropIf> {
    sub_policies(body, "drop_sub_policy", path, Within::Drop).map(DropIf)
}

fn composite(body: &View<'_>, path: &str) -> Option<Composite> {
    let share = |node: &Node| {
        let view = View::new(&RATE_ALLOCATION, Some(node));
        Some(RateAllocation { policy: view.text("policy")?, percent: view.integer("percent")? })
    };
    Some(Composite {
        max_total_spans_per_second: body.integer("max_total_spans_per_second")?,
        policy_order: body.texts("policy_order")?,
        sub_policies: sub_policies(body, "composite_sub_policy", path, Within::Composite)?,
        rate_allocation: body.list("rate_allocation", share)?,
    })
}

fn sub_policies(body: &View<'_>, key: &str, path: &str, within: Within) -> Option<Vec<Policy>> {
    body.list(key, |node| Some(build(node, path, within)))
}

fn ottl_condition(body: &View<'_>) -> Option<OttlCondition> {
    let modes = [ErrorMode::Silent, ErrorMode::Ignore, ErrorMode::Propagate];
    Some(OttlCondition {
        error_mode: body.choice("error_mode", &ERROR_MODES, modes)?,
        span: body.texts("span")?,
        span_event: body.texts("spanevent")?,
    })
}

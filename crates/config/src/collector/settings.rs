//! What stands beside the policies, and all of it as a file of ours.

use std::time::Duration;

use super::SamplingStrategy;
use super::go::{Typed, typed};
use super::policies::{self, entry, field, text_of};
use super::reader::{Reader, number_node, text_node, unknown};
use super::table::Level;
use super::whole::Streams;
use crate::node::{Form, Node, Place, Scalar, Value};
use crate::quantity::ShowDuration;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// The longest that a window of ours waits.
const WAIT_SECONDS_MAX: i64 = 7 * 24 * 3600;

/// What a `tail_sampling` body says.
pub(super) struct Settings {
    pub(super) strategy: SamplingStrategy,
    maximum_trace_size_bytes: Option<Node>,
    decision_wait: Option<Node>,
    after_root: Option<Node>,
    sample_on_first_match: Option<Node>,
    policies: Node,
    place: Place,
}

const KEYS: [&str; 12] = [
    "policies",
    "decision_wait",
    "decision_wait_after_root_received",
    "num_traces",
    "expected_new_traces_per_sec",
    "decision_cache",
    "sample_on_first_match",
    "drop_pending_traces_on_shutdown",
    "maximum_trace_size_bytes",
    "sampling_strategy",
    "block_on_overflow",
    "tail_storage",
];

/// Reads a body.
pub(super) fn read(reader: &mut Reader, body: &Node) -> Settings {
    let nothing = |place| Node { value: Value::List(Vec::new()), place };
    let mut settings = Settings {
        strategy: SamplingStrategy::TraceComplete,
        maximum_trace_size_bytes: None,
        decision_wait: None,
        after_root: None,
        sample_on_first_match: None,
        policies: nothing(body.place),
        place: body.place,
    };
    let mut waits = (None, None);
    for given in reader.map(body, "").unwrap_or_default() {
        let (node, key) = (&given.node, given.key.as_str());
        match key {
            // Nothing leaves the default.
            _ if typed(node) == Typed::Null && KEYS.contains(&key) => {}
            "policies" => {
                let list = policies::list(reader, node, key, Level::Top);
                settings.policies = list.unwrap_or_else(|| nothing(node.place));
            }
            "decision_wait" => waits.0 = reader.duration(node, key).map(|nanos| (nanos, node)),
            "decision_wait_after_root_received" => {
                waits.1 = reader.duration(node, key).map(|nanos| (nanos, node));
            }
            "sample_on_first_match" => settings.sample_on_first_match = reader.boolean(node, key),
            "maximum_trace_size_bytes" => {
                settings.maximum_trace_size_bytes = trace_size(reader, node, key);
            }
            "sampling_strategy" => settings.strategy = strategy(reader, node, key),
            "tail_storage" => {
                let message = "needs a feature gate of the Collector and is not imported: remove \
                               it; tailsift leaves waiting spans in their topic";
                reader.refuse(given.place, key, message);
            }
            "num_shards" => {
                let message =
                    "is of a later Collector than v0.158: remove it; tailsift has workers";
                reader.refuse(given.place, key, message);
            }
            _ if KEYS.contains(&key) => engine(reader, key, node),
            _ => {
                let message = unknown(key, KEYS.into_iter());
                reader.refuse(given.place, key, message);
            }
        }
    }
    wait(reader, &mut settings, waits.0);
    wait_after_root(reader, &mut settings, waits.1, waits.0);
    if settings.strategy == SamplingStrategy::SpanIngest {
        span_ingest(reader, &settings.policies);
    }
    settings
}

/// Settings of an engine that is not ours: read for what is wrong in them.
fn engine(reader: &mut Reader, key: &str, node: &Node) {
    let unsigned = |reader: &mut Reader| reader.integer(node, key, 0, u64::MAX.into());
    let is_true = |reader: &mut Reader| {
        reader.boolean(node, key).filter(|given| text_of(given) == Some("true"))
    };
    let told = match key {
        "num_traces" => unsigned(reader).map(|most| {
            let collector = format!("holds {most} traces and evicts the oldest without a verdict");
            (collector, "is bounded by window.memory_limit, and judges before it lets go")
        }),
        "expected_new_traces_per_sec" => {
            unsigned(reader).map(|_| ("sizes its tables by it".to_owned(), "needs no such number"))
        }
        "decision_cache" => {
            decision_cache(reader, key, node);
            let collector = "remembers a number of verdicts, by half of the trace ID".to_owned();
            Some((collector, "remembers each for decisions.remember, by the whole trace ID"))
        }
        "block_on_overflow" => is_true(reader).map(|_| {
            let collector = "stops receiving when num_traces are held".to_owned();
            (collector, "never stops for that; what waits is in Kafka")
        }),
        "drop_pending_traces_on_shutdown" => is_true(reader).map(|_| {
            let collector = "drops undecided traces when it stops".to_owned();
            (collector, "leaves them in the topic, for its next start or owner")
        }),
        _ => None,
    };
    if let Some((collector, tailsift)) = told {
        reader.differs(node.place, key, collector, tailsift);
    }
}

fn decision_cache(reader: &mut Reader, key: &str, node: &Node) {
    const CACHES: [&str; 2] = ["sampled_cache_size", "non_sampled_cache_size"];
    for cache in reader.map(node, key).unwrap_or_default() {
        let path = format!("{key}.{}", cache.key);
        if CACHES.contains(&cache.key.as_str()) {
            reader.integer(&cache.node, &path, i64::MIN.into(), i64::MAX.into());
        } else {
            reader.refuse(cache.place, &path, unknown(&cache.key, CACHES.into_iter()));
        }
    }
}

/// A size that no trace can have bounds nothing.
fn trace_size(reader: &mut Reader, node: &Node, key: &str) -> Option<Node> {
    let most = reader.integer(node, key, 0, u64::MAX.into())?;
    let bounds = most > 0 && most <= i64::MAX.into();
    bounds.then(|| number_node(most.to_string(), node))
}

fn strategy(reader: &mut Reader, node: &Node, key: &str) -> SamplingStrategy {
    let complete = SamplingStrategy::TraceComplete;
    let Some(given) = reader.text(node, key) else { return complete };
    match text_of(&given) {
        Some("trace-complete") => complete,
        Some("span-ingest") => {
            let collector = "judges each ResourceSpans as it arrives, alone";
            let tailsift = "run judges whole traces when their wait is over; explain does as the \
                            Collector";
            reader.differs(node.place, key, collector, tailsift);
            SamplingStrategy::SpanIngest
        }
        Some(_) | None => {
            let message = format!("expected trace-complete or span-ingest, got {}", node.given());
            reader.refuse(node.place, key, message);
            complete
        }
    }
}

/// The Collector counts whole seconds, at least one.
fn wait(reader: &mut Reader, settings: &mut Settings, given: Option<(i64, &Node)>) {
    let Some((nanos, node)) = given else { return };
    let seconds = (nanos / NANOS_PER_SECOND).clamp(1, WAIT_SECONDS_MAX);
    if seconds * NANOS_PER_SECOND != nanos {
        let whole = (nanos / NANOS_PER_SECOND).max(1);
        let collector = format!("waits {whole} to {} s", whole.saturating_add(1));
        reader.differs(node.place, "decision_wait", collector, format!("waits {seconds} s"));
    }
    settings.decision_wait = Some(seconds_node(seconds, node));
}

fn wait_after_root(
    reader: &mut Reader,
    settings: &mut Settings,
    given: Option<(i64, &Node)>,
    wait: Option<(i64, &Node)>,
) {
    const DEFAULT_WAIT_SECONDS: i64 = 30;
    let Some((nanos, node)) = given.filter(|(nanos, _)| *nanos > 0) else { return };
    let path = "decision_wait_after_root_received";
    let longest = wait.map_or(DEFAULT_WAIT_SECONDS, |(nanos, _)| nanos / NANOS_PER_SECOND).max(1);
    let seconds = (nanos / NANOS_PER_SECOND).max(1);
    if seconds >= longest {
        let collector = "waits no longer for it than decision_wait";
        reader.differs(node.place, path, collector, "is not given it, to the same effect");
        return;
    }
    if seconds * NANOS_PER_SECOND != nanos {
        let collector = "counts whole seconds, and less than one as its next tick";
        reader.differs(node.place, path, collector, format!("waits {seconds} s"));
    }
    settings.after_root = Some(seconds_node(seconds, node));
}

fn seconds_node(seconds: i64, from: &Node) -> Node {
    let shown = ShowDuration(Duration::from_secs(seconds.unsigned_abs())).to_string();
    Node { value: Value::Scalar(Scalar { text: shown, form: Form::Plain }), place: from.place }
}

/// What the Collector refuses under `span-ingest`: policies whose answer may change back.
fn span_ingest(reader: &mut Reader, policies: &Node) {
    for (index, policy) in policies.children().into_iter().enumerate() {
        let path = format!("policies[{index}]");
        if let Some((why, place)) = stateful(policy) {
            let message = format!(
                "sampling_strategy: span-ingest allows no {why}: remove it, or use trace-complete"
            );
            reader.refuse(place, &path, message);
        }
        if policy.get("type").and_then(text_of) == Some("drop") {
            let collector =
                "decides no trace under span-ingest that this does not drop: none is kept";
            reader.warn(policy.place, &path, collector);
        }
    }
}

fn stateful(policy: &Node) -> Option<(&'static str, Place)> {
    let kind = policy.get("type").and_then(text_of)?;
    let body = policy.get(kind);
    let set = |key: &str| {
        let value = body.and_then(|body| body.get(key)).and_then(text_of);
        value.is_some_and(|value| value != "0")
    };
    match kind {
        "rate_limiting" => Some(("rate_limiting", policy.place)),
        "bytes_limiting" => Some(("bytes_limiting", policy.place)),
        "latency" if set("upper_threshold_ms") => {
            Some(("latency with upper_threshold_ms", policy.place))
        }
        "span_count" if set("max_spans") => Some(("span_count with max_spans", policy.place)),
        _ => {
            let lists = ["and_sub_policy", "drop_sub_policy", "composite_sub_policy"];
            let listed = lists.iter().filter_map(|key| body?.get(key));
            let children = listed.flat_map(Node::children);
            children.chain(body.and_then(|body| body.get("not_sub_policy"))).find_map(stateful)
        }
    }
}

/// All of it as a file of ours.
pub(super) fn tree(reader: &mut Reader, settings: &Settings, streams: &Streams) -> Node {
    let place = settings.place;
    let map = |entries| Node { value: Value::Map(entries), place };
    let plain = |text: &str| {
        let nothing = Node { value: Value::Null, place };
        number_node(text.to_owned(), &nothing)
    };
    let mut root = streams.entries(reader);
    let waits = [
        ("decision_wait", &settings.decision_wait),
        ("decision_wait_after_root_received", &settings.after_root),
    ];
    let given = waits.into_iter().filter_map(|(key, node)| Some(entry(key, node.clone()?)));
    let window: Vec<_> = given.collect();
    if !window.is_empty() {
        root.push(entry("window", map(window)));
    }
    root.push(entry("compatibility", text_node("collector", &plain(""))));
    let given = [
        ("sample_on_first_match", &settings.sample_on_first_match),
        ("maximum_trace_size_bytes", &settings.maximum_trace_size_bytes),
    ];
    root.extend(given.into_iter().filter_map(|(key, node)| Some(entry(key, node.clone()?))));
    root.push(entry("policies", settings.policies.clone()));
    if settings.policies.children().is_empty() {
        reader.warn(settings.policies.place, "policies", "keeps no trace without policies");
    }
    map(root)
}

/// A key of a checked body.
pub(super) fn of<'n>(policy: &'n Node, key: &str) -> Option<&'n Node> {
    let kind = policy.get("type").and_then(text_of)?;
    field(super::go::entries(policy.get(kind)?), key)
}

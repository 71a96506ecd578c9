//! A checked document as settings, and what no single key can tell.

mod completion;
mod derive;
mod input;
mod redaction;
mod reload;
mod second_chance;

use std::collections::BTreeMap;
use std::time::Duration;

use tailsift_policy::{Compatibility, Policy, PolicyError, PolicySet, Semantics};

use crate::check::Check;
use crate::key::Within;
use crate::node::{Form, Node, Value};
use crate::settings::{
    Compression, Config, Decisions, Delivery, Http, Kafka, Output, Partitioner, Window,
    default_decisions_topic,
};
use crate::table::{COMPATIBILITY, COMPRESSION, DELIVERY, PARTITIONER, ROOT};
use crate::view::View;
use crate::{policy, read};

/// The settings; `None` if an error has been reported, by `check` before or here.
pub(crate) fn config(root: &Node, check: &mut Check) -> Option<Config> {
    let view = View::new(&ROOT, Some(root));
    let group = view.name("group");
    let input = input::input(&view, check);
    let output = output(&view);
    check_clusters(&view, output.as_ref(), check);
    check_servers(&view, check);
    let dead_letters = dead_letters(&view, group.as_deref());
    let window = window(&view, check);
    let repartition = input::repartition(&view, group.as_deref(), window.as_ref(), check);
    let decisions = decisions(&view, group.as_deref(), window.as_ref(), check);
    let second_chance = second_chance::second_chance(&view, decisions.as_ref(), check);
    check_topics(&view, group.as_deref(), check);
    let policies = policies(root, &view, check);
    let http = http(&view);
    let reload = reload::reload(&view, check);
    let redaction = redaction::rules(root, &view, check);
    let config = Config {
        kafka: kafka(&view.section("kafka")?)?,
        reload_interval: Some(view.section("kafka")?.duration("reload_interval")?)
            .filter(|interval| !interval.is_zero()),
        group: group?,
        instance: view.name("instance").map(|name| Some(name).filter(|name| !name.is_empty()))?,
        workers: usize::try_from(view.integer("workers")?).ok()?,
        delivery: view.choice(
            "delivery",
            &DELIVERY,
            [Delivery::ExactlyOnce, Delivery::AtLeastOnce],
        )?,
        epoch: view.duration("epoch")?,
        input: input?,
        repartition: repartition?,
        output: output?,
        decisions: decisions?,
        second_chance: second_chance?,
        dead_letters: dead_letters?,
        window: window?,
        reload: reload?,
        http: http?,
        policies: policies.0,
        semantics: policies.1?,
        redaction: redaction?,
    };
    check.errors.is_empty().then_some(config)
}

/// No transaction spans two clusters.
fn check_clusters(root: &View<'_>, output: Option<&Output>, check: &mut Check) {
    let deliveries = [Delivery::ExactlyOnce, Delivery::AtLeastOnce];
    let delivery = root.choice("delivery", &DELIVERY, deliveries);
    if delivery == Some(Delivery::ExactlyOnce)
        && output.is_some_and(|output| output.kafka.is_some())
        && let Some(view) = root.section("output")
    {
        let message = format!(
            "needs delivery: at_least_once, got {}: no transaction spans two clusters",
            root.given("delivery"),
        );
        check.error(view.place("kafka"), "output.kafka", message);
    }
}

/// The client would take anything and find out later, broker by broker.
fn check_servers(root: &View<'_>, check: &mut Check) {
    let clusters = [
        (root.section("kafka"), "kafka.bootstrap_servers"),
        (
            root.section("output").and_then(|view| view.section("kafka")),
            "output.kafka.bootstrap_servers",
        ),
    ];
    for (section, path) in clusters {
        let Some(view) = section else { continue };
        let Some(servers) = view.own("bootstrap_servers").and(view.text("bootstrap_servers"))
        else {
            continue;
        };
        if !servers.split(',').all(|server| is_server(server.trim())) {
            let message = format!(
                "expected host:port, separated by commas, such as kafka-1:9092,kafka-2:9092, got {}",
                view.given("bootstrap_servers"),
            );
            check.error(view.place("bootstrap_servers"), path, message);
        }
    }
}

/// `host`, `host:port` or `protocol://host:port`; the host may be an IPv6 address in brackets.
fn is_server(text: &str) -> bool {
    let server = text.split_once("://").map_or(text, |(_, server)| server);
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (server, None),
    };
    let is_host = |c: char| !c.is_whitespace() && !"/@?#".contains(c);
    !host.is_empty()
        && host.chars().all(is_host)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn kafka(view: &View<'_>) -> Option<Kafka> {
    let mut properties = BTreeMap::new();
    for (name, value) in view.entries("properties") {
        properties.insert(name.to_owned(), read::scalar(value)?.text.clone());
    }
    Some(Kafka { bootstrap_servers: view.text("bootstrap_servers")?, properties })
}

/// In the order of the table.
const COMPRESSIONS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

fn output(view: &View<'_>) -> Option<Output> {
    let view = view.section("output")?;
    let partitioners = [Partitioner::Fnv1a, Partitioner::Murmur2];
    Some(Output {
        topic: view.name("topic")?,
        max_message_bytes: view.size("max_message_bytes")?,
        buffer_limit: view.size("buffer_limit")?,
        compression: view.choice("compression", &COMPRESSION, COMPRESSIONS)?,
        partitioner: view.choice("partitioner", &PARTITIONER, partitioners)?,
        kafka: match view.section("kafka") {
            Some(section) => Some(kafka(&section)?),
            None => None,
        },
    })
}

fn dead_letters(view: &View<'_>, group: Option<&str>) -> Option<Option<String>> {
    let Some(view) = view.section("dead_letters") else { return Some(None) };
    match view.optional("topic", View::name)? {
        Some(topic) => Some(Some(topic)),
        None => Some(Some(format!("{}.dead_letters", group?))),
    }
}

/// True if traces are judged as a Collector would.
fn is_collectors(root: &View<'_>) -> bool {
    let whose = [Compatibility::Tailsift, Compatibility::Collector];
    root.choice("compatibility", &COMPATIBILITY, whose) == Some(Compatibility::Collector)
}

fn window(view: &View<'_>, check: &mut Check) -> Option<Window> {
    let is_collectors = is_collectors(view);
    let view = view.section("window")?;
    let decision_wait = view.duration("decision_wait");
    let after_root = view.duration("decision_wait_after_root_received");
    if let (Some(wait), Some(after_root)) = (decision_wait, after_root)
        && after_root > wait
    {
        let message = format!(
            "must be at most window.decision_wait ({}), got {}: traces would be judged before it",
            view.given("decision_wait"),
            view.given("decision_wait_after_root_received"),
        );
        let place = view.place("decision_wait_after_root_received");
        check.error(place, "window.decision_wait_after_root_received", message);
    }
    Some(Window {
        decision_wait: decision_wait?,
        decision_wait_after_root_received: after_root
            .map(|wait| (!wait.is_zero()).then_some(wait))?,
        completion: completion::completion(&view, decision_wait, is_collectors, check)?,
        memory_limit: view.size("memory_limit")?,
        spans_per_trace_limit: u32::try_from(view.integer("spans_per_trace_limit")?).ok()?,
        bytes_per_trace_limit: view.size("bytes_per_trace_limit")?,
    })
}

fn decisions(
    root: &View<'_>,
    group: Option<&str>,
    window: Option<&Window>,
    check: &mut Check,
) -> Option<Decisions> {
    let view = root.section("decisions")?;
    let mut remember = view.duration("remember")?;
    let longest: Duration = window?.decision_wait;
    if remember < longest {
        if view.own("remember").is_some() {
            let message = format!(
                "must be at least window.decision_wait ({}), got {}",
                root.section("window")?.given("decision_wait"),
                view.given("remember"),
            );
            check.error(view.place("remember"), "decisions.remember", message);
        }
        remember = longest;
    }
    let topic = match view.own("topic") {
        Some(_) => view.name("topic")?,
        None => default_decisions_topic(group?),
    };
    Some(Decisions { topic, remember })
}

/// No topic may be read and written, or written as two things.
fn check_topics(root: &View<'_>, group: Option<&str>, check: &mut Check) {
    let mut known: Vec<(&str, String)> = Vec::new();
    if let Some(group) = group {
        let rekeys = input::is_unkeyed(root);
        for (section, default, topic) in [
            ("decisions", "the default of decisions.topic", default_decisions_topic(group)),
            ("dead_letters", "the default of dead_letters.topic", format!("{group}.dead_letters")),
            ("repartition", "the default of repartition.topic", format!("{group}.repartition")),
        ] {
            if section == "repartition" && !rekeys {
                continue;
            }
            if root.section(section).is_some_and(|view| view.own("topic").is_none()) {
                known.push((default, topic));
            }
        }
    }
    for (section, path) in [
        ("input", "input.topic"),
        ("output", "output.topic"),
        ("decisions", "decisions.topic"),
        ("dead_letters", "dead_letters.topic"),
        ("repartition", "repartition.topic"),
    ] {
        let Some(view) = root.section(section) else { continue };
        // On another cluster any name is free.
        if section == "output" && view.section("kafka").is_some() {
            continue;
        }
        let Some(Some(topic)) = (match view.own("topic") {
            None if matches!(section, "decisions" | "dead_letters" | "repartition") => None,
            // The list is read in its place.
            None if section == "input" && view.own("topics").is_some() => None,
            Some(_) | None => Some(view.name("topic")),
        }) else {
            continue;
        };
        if let Some((other, _)) = known.iter().find(|(_, taken)| *taken == topic) {
            let message = format!("must differ from {other}, got {}", view.given("topic"));
            check.error(view.place("topic"), path, message);
        }
        known.push((path, topic));
    }
    input::check_list(root, &known, check);
}

fn http(view: &View<'_>) -> Option<Option<Http>> {
    let Some(view) = view.section("http") else { return Some(None) };
    Some(Some(Http {
        listen: view.address("listen")?,
        explicit: view.own("listen").is_some(),
        recent_traces: usize::try_from(view.integer("recent_traces")?).ok()?,
        recent_bytes: view.size("recent_bytes")?,
    }))
}

/// The policies, compiled on trial: what the core refuses is reported.
fn policies(root: &Node, view: &View<'_>, check: &mut Check) -> (Vec<Policy>, Option<Semantics>) {
    let semantics = semantics(view);
    if let Some(semantics) = &semantics
        && semantics.maximum_trace_size_bytes > 0
        && semantics.compatibility == Compatibility::Tailsift
    {
        let message = format!(
            "has no effect here: use window.bytes_per_trace_limit, at which a trace is judged and \
             not dropped unseen, or set `compatibility: collector`; got {}",
            view.given("maximum_trace_size_bytes")
        );
        let place = view.place("maximum_trace_size_bytes");
        check.error(place, "maximum_trace_size_bytes", message);
    }
    let Some(Value::List(items)) = root.get("policies").map(|node| &node.value) else {
        return (Vec::new(), semantics);
    };
    let Some(semantics) = semantics else { return (Vec::new(), None) };
    if items.is_empty() && semantics.compatibility == Compatibility::Tailsift {
        let message = "must list at least one policy, or no trace would ever be kept, \
                       for example [{name: all, type: always_sample}]";
        check.error(view.place("policies"), "policies", message);
    }
    let read = |(index, node)| policy::build(node, &format!("policies[{index}]"), Within::List);
    let policies: Vec<Policy> = items.iter().enumerate().map(read).collect();
    if let Err(errors) = PolicySet::compile(policies.clone(), semantics.clone()) {
        for error in errors {
            refuse(root, &error, check);
        }
    }
    (policies, Some(semantics))
}

/// What could not be read has been reported and may be anything: policies are compiled all the same.
fn semantics(view: &View<'_>) -> Option<Semantics> {
    let whose = [Compatibility::Tailsift, Compatibility::Collector];
    Some(Semantics {
        compatibility: view.choice("compatibility", &COMPATIBILITY, whose)?,
        sample_on_first_match: view.boolean("sample_on_first_match").unwrap_or_default(),
        maximum_trace_size_bytes: view
            .integer("maximum_trace_size_bytes")
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or_default(),
        derive: derive::read(&view.section("derive")?)?,
    })
}

/// Reports what the core refused, without values that must not be shown.
fn refuse(root: &Node, error: &PolicyError, check: &mut Check) {
    let place = root.at(&error.path).place;
    let whole = if error.path.starts_with("derive") { "derive" } else { "policies" };
    let policy = error.path.find(']').map_or(whole, |end| &error.path[..=end]);
    let mut told = without_secrets(&on_one_line(&error.message), root.at(policy));
    // Conditions and patterns are quoted in pieces, which no replacement finds.
    root.at(&error.path).scalars(&mut |scalar| {
        if let Form::Filled(references) = &scalar.form
            && shows_a_piece(&told, &scalar.text)
        {
            told = not_shown(&format!("(from {})", references.join(" and ")));
        }
    });
    check.error(place, &error.path, told);
}

/// True if any four characters of a value stand in a message.
fn shows_a_piece(message: &str, value: &str) -> bool {
    let ends = value.char_indices().map(|(place, char)| place + char.len_utf8()).skip(3);
    let starts = value.char_indices().map(|(place, _)| place);
    starts.zip(ends).any(|(start, end)| message.contains(&value[start..end]))
}

fn not_shown(reference: &str) -> String {
    format!("does not do, and why is not shown: it would show a value {reference}")
}

/// A message about a policy, with references in place of what was filled in from them.
fn without_secrets(message: &str, policy: &Node) -> String {
    /// Shorter values are all over any message: the whole message goes.
    const REPLACED_MIN: usize = 3;
    let mut hidden: Vec<(String, String)> = Vec::new();
    policy.scalars(&mut |scalar| {
        let (Form::Filled(references) | Form::FilledText(references)) = &scalar.form else {
            return;
        };
        let reference = format!("(from {})", references.join(" and "));
        hidden.extend(shapes(&scalar.text).into_iter().map(|shape| (shape, reference.clone())));
    });
    hidden.retain(|(shape, _)| message.contains(shape.as_str()));
    // One value may be a part of another.
    hidden.sort_by_key(|(shape, _)| std::cmp::Reverse(shape.len()));
    match hidden.last() {
        Some((shape, reference)) if shape.len() < REPLACED_MIN => not_shown(reference),
        Some(_) | None => {
            let replace = |told: String, (shape, reference): &(String, String)| {
                told.replace(shape.as_str(), reference)
            };
            hidden.iter().fold(message.to_owned(), replace)
        }
    }
}

/// How a text can occur in a message: as it is, escaped, or as a number.
fn shapes(text: &str) -> Vec<String> {
    let escaped = format!("{text:?}");
    let mut shapes = vec![escaped, text.to_owned()];
    shapes.extend(text.parse::<f64>().map(|number| number.to_string()));
    shapes.extend(text.parse::<i64>().map(|number| number.to_string()));
    shapes.retain(|shape| !shape.is_empty());
    shapes
}

/// The regex crate draws a picture; its last line says what is wrong.
fn on_one_line(message: &str) -> String {
    let Some((first, rest)) = message.split_once('\n') else { return message.to_owned() };
    let first = first.trim_end_matches("regex parse error:").trim_end();
    let last = rest.lines().last().unwrap_or("").trim();
    format!("{first} {}", last.strip_prefix("error: ").unwrap_or(last))
}

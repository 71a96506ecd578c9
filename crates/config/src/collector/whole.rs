//! Where in a Collector's file tail sampling stands, and what its pipeline reads and writes.

use super::expand::expand;
use super::go::{self, Typed, typed};
use super::policies::{entry, field, text_of};
use super::reader::{Reader, text_node};
use crate::error::{ConfigError, Origin};
use crate::node::{Entry, Form, Node, Scalar, Value, join};
use crate::read::one_of;

const NAME: &str = "tail_sampling";
/// Any of them makes a file a whole configuration.
const SECTIONS: [&str; 6] =
    ["receivers", "processors", "exporters", "connectors", "extensions", "service"];
/// What stands for brokers that the file does not tell.
const BROKERS: &str = "localhost:9092";
/// The encodings that are read, by the same name in both.
const ENCODINGS: [&str; 4] = ["otlp_proto", "otlp_json", "jaeger_proto", "zipkin_json"];

/// What is imported.
pub(super) struct Chosen {
    pub(super) body: Node,
    pub(super) streams: Streams,
}

/// What the pipeline reads and writes, as far as it is Kafka.
#[derive(Default)]
pub(super) struct Streams {
    /// The processor's name in a whole file.
    pub(super) processor: Option<String>,
    input: Option<Stream>,
    output: Option<Stream>,
}

struct Stream {
    path: String,
    brokers: Option<Node>,
    topic: Option<Node>,
    encoding: Option<Node>,
    secured: bool,
}

impl Streams {
    /// True if the brokers stand for others that are not known.
    pub(super) fn brokers_are_unknown(&self) -> bool {
        self.input.as_ref().is_none_or(|stream| stream.brokers.is_none())
    }

    /// True if it is known what is read.
    pub(super) fn tells_input(&self) -> bool {
        self.input.is_some()
    }

    /// Our sections for it.
    pub(super) fn entries(&self, reader: &mut Reader) -> Vec<Entry> {
        let place = crate::node::Place::Default;
        let map = |entries| Node { value: Value::Map(entries), place };
        let text = |text: &str| text_node(text, &Node { value: Value::Null, place });
        let brokers = |stream: Option<&Stream>| stream.and_then(|stream| stream.brokers.clone());
        let read_from = brokers(self.input.as_ref());
        let servers = read_from.clone().unwrap_or_else(|| text(BROKERS));
        let mut root = vec![entry("kafka", map(vec![entry("bootstrap_servers", servers.clone())]))];
        for (key, stream) in [("input", &self.input), ("output", &self.output)] {
            let Some(stream) = stream else { continue };
            let mut section = Vec::new();
            section.extend(stream.topic.clone().map(|topic| entry("topic", topic)));
            if key == "input" {
                section.extend(stream.encoding.clone().map(|node| entry("encoding", node)));
            } else if let Some(written_to) = brokers(Some(stream))
                && text_of(&written_to) != text_of(&servers)
            {
                // No transaction spans two clusters.
                section.push(entry("kafka", map(vec![entry("bootstrap_servers", written_to)])));
                root.push(entry("delivery", text("at_least_once")));
            }
            if stream.secured {
                let collector = "takes its credentials from here";
                let tailsift = "needs them as librdkafka properties in kafka.properties";
                reader.differs(place, &stream.path, collector, tailsift);
            }
            if !section.is_empty() {
                root.push(entry(key, map(section)));
            }
        }
        root
    }
}

/// Finds the body; `None` if that has failed.
pub(super) fn choose(
    root: &Node,
    processor: Option<&str>,
    environment: &dyn Fn(&str) -> Option<String>,
    reader: &mut Reader,
) -> Option<Chosen> {
    let is_whole = SECTIONS.iter().any(|key| root.get(key).is_some());
    let holder = if is_whole { root.get("processors") } else { Some(root) };
    let found: Vec<&Entry> = holder.map_or(&[][..], go::entries).iter().filter(is_ours).collect();
    let mut streams = Streams::default();
    let node = if !is_whole && found.is_empty() && processor.is_none() {
        root
    } else {
        let one = select(&found, processor, holder, reader)?;
        streams.processor = Some(one.key.clone());
        if is_whole {
            streams_of(root, &one.key, environment, reader, &mut streams);
        }
        &one.node
    };
    let mut body = node.clone();
    expand(&mut body, "", environment, &mut reader.errors);
    Some(Chosen { body, streams })
}

fn is_ours(entry: &&Entry) -> bool {
    is_named(&entry.key, NAME)
}

/// `kind` or `kind/name`.
fn is_named(key: &str, kind: &str) -> bool {
    key.split('/').next().map(str::trim) == Some(kind)
}

fn select<'n>(
    found: &[&'n Entry],
    processor: Option<&str>,
    holder: Option<&Node>,
    reader: &mut Reader,
) -> Option<&'n Entry> {
    let names: Vec<_> = found.iter().map(|entry| entry.key.as_str()).collect();
    let fail = |message: String| ConfigError::new(Origin::Nowhere, "processors", message);
    let error = match (processor, found) {
        (None, [one]) => return Some(one),
        (Some(wanted), _) => match found.iter().find(|entry| entry.key == wanted) {
            Some(one) => return Some(one),
            None if found.is_empty() => fail(format!("holds no {wanted}: there is no {NAME}")),
            None => fail(format!("holds no {wanted}: choose {}", one_of(&names))),
        },
        (None, []) => {
            let others: Vec<_> = holder
                .map_or(&[][..], go::entries)
                .iter()
                .map(|entry| entry.key.as_str())
                .take(20)
                .collect();
            let there = if others.is_empty() { "nothing".to_owned() } else { others.join(", ") };
            fail(format!("expected a {NAME} processor, got {there}: is this the right file?"))
        }
        (None, _) => fail(format!(
            "holds {} of them: choose one with --processor {}",
            found.len(),
            one_of(&names)
        )),
    };
    reader.errors.push(error);
    None
}

/// Looks at the pipeline of the processor for its Kafka receiver and exporter.
fn streams_of(
    root: &Node,
    processor: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    reader: &mut Reader,
    streams: &mut Streams,
) {
    let pipelines = root.get("service").and_then(|service| service.get("pipelines"));
    let uses = |pipeline: &&Entry| {
        is_named(&pipeline.key, "traces")
            && names(&pipeline.node, "processors").any(|p| p == processor)
    };
    let pipelines: Vec<&Entry> =
        pipelines.map_or(&[][..], go::entries).iter().filter(uses).collect();
    for (section, listed) in [("receivers", "receivers"), ("exporters", "exporters")] {
        let mut kafka: Vec<&str> = pipelines
            .iter()
            .flat_map(|pipeline| names(&pipeline.node, listed))
            .filter(|name| is_named(name, "kafka"))
            .collect();
        kafka.dedup();
        let path = |name: &str| join(section, name);
        let slot = match kafka.as_slice() {
            [] => None,
            [one] => {
                let node = root.get(section).and_then(|section| section.get(one));
                node.map(|node| stream(node, &path(one), section, environment, reader))
            }
            several => {
                let collector =
                    format!("uses {} of kafka here: {}", several.len(), one_of(several));
                let tailsift = "is told of none: set its input and output by hand";
                reader.differs(crate::node::Place::Default, section, collector, tailsift);
                None
            }
        };
        if section == "receivers" {
            streams.input = slot;
        } else {
            streams.output = slot;
        }
    }
    same_topic(streams, reader);
}

fn names<'n>(pipeline: &'n Node, key: &str) -> impl Iterator<Item = &'n str> {
    pipeline.get(key).map_or(&[][..], go::items).iter().filter_map(text_of)
}

/// The brokers, topic and encoding of a receiver or exporter.
fn stream(
    node: &Node,
    path: &str,
    section: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    reader: &mut Reader,
) -> Stream {
    let mut node = node.clone();
    // Credentials are not read, so they are not filled in either.
    if let Value::Map(entries) = &mut node.value {
        entries.retain(|entry| {
            matches!(
                entry.key.as_str(),
                "brokers" | "topic" | "encoding" | "traces" | "auth" | "tls"
            )
        });
        for secret in entries.iter_mut().filter(|e| matches!(e.key.as_str(), "auth" | "tls")) {
            secret.node.value = Value::Null;
        }
    }
    expand(&mut node, path, environment, &mut reader.errors);
    let entries = go::entries(&node);
    let traces = field(entries, "traces").map_or(&[][..], go::entries);
    let of = |key: &str| field(traces, key).or_else(|| field(entries, key));
    let topics = field(traces, "topics").map_or(&[][..], go::items);
    let topic = match (of("topic"), topics) {
        (Some(topic), _) => Some(topic),
        (None, [one]) => Some(one),
        (None, []) => None,
        (None, [..]) => {
            let collector = "reads several topics";
            let tailsift = "is told of none: set input.topics, and input.keyed_by: none";
            reader.differs(node.place, path, collector, tailsift);
            None
        }
    };
    let topic = topic.filter(|topic| typed(topic) != Typed::Null).cloned();
    let encoding = of("encoding").filter(|node| typed(node) != Typed::Null).cloned();
    let known = |node: &Node| text_of(node).is_some_and(|name| ENCODINGS.contains(&name));
    let encoding = encoding.filter(|node| {
        let collector = format!("uses the encoding {}", node.given());
        if !known(node) && section == "receivers" {
            let tailsift = format!("reads {}: change the producer's", one_of(&ENCODINGS));
            reader.differs(node.place, path, collector, tailsift);
        } else if section == "exporters" && text_of(node) != Some("otlp_proto") {
            reader.differs(node.place, path, collector, "writes otlp_proto");
        }
        known(node)
    });
    Stream {
        path: path.to_owned(),
        brokers: field(entries, "brokers").and_then(brokers),
        topic,
        encoding,
        secured: field(entries, "auth").is_some() || field(entries, "tls").is_some(),
    }
}

/// A list of brokers, or one text with commas, as one text.
fn brokers(node: &Node) -> Option<Node> {
    match typed(node) {
        Typed::Text(_) => Some(node.clone()),
        Typed::List => {
            let all: Vec<&str> = go::items(node).iter().filter_map(text_of).collect();
            let mut references = Vec::new();
            node.scalars(&mut |scalar| match &scalar.form {
                Form::Filled(from) | Form::FilledText(from) => references.extend(from.clone()),
                Form::Plain | Form::Quoted | Form::Untyped => {}
            });
            let form = if references.is_empty() {
                Form::Quoted
            } else {
                references.push(super::expand::ITEMS.to_owned());
                Form::FilledText(references)
            };
            let single = go::items(node).first().filter(|_| all.len() == 1).cloned();
            let value = Value::Scalar(Scalar { text: all.join(","), form });
            (!all.is_empty()).then(|| single.unwrap_or(Node { value, place: node.place }))
        }
        Typed::Null
        | Typed::Boolean(_)
        | Typed::Integer(_)
        | Typed::Float(_)
        | Typed::Map
        | Typed::Broken => None,
    }
}

/// A Collector may write what it reads; a topic of ours is one thing.
fn same_topic(streams: &mut Streams, reader: &mut Reader) {
    const DEFAULT: &str = "otlp_spans";
    let name =
        |stream: &Stream| stream.topic.as_ref().and_then(text_of).unwrap_or(DEFAULT).to_owned();
    let read = streams.input.as_ref().map_or_else(|| DEFAULT.to_owned(), name);
    let Some(output) = &mut streams.output else { return };
    let written = name(output);
    if output.topic.is_some() && written == read {
        let collector = format!("writes to {written}");
        let tailsift = "reads that topic, so it writes to another: see output.topic";
        reader.differs(crate::node::Place::Default, &output.path, collector, tailsift);
        output.topic = None;
    }
}

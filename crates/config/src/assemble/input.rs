//! Where spans come from, and the stage that brings them together.

use super::COMPRESSIONS;
use crate::check::Check;
use crate::settings::{Encoding, Input, KeyedBy, Repartition, Start, Window};
use crate::table::{COMPRESSION, ENCODING, KEYED_BY, START};
use crate::view::View;

/// Kafka's bound for topic names.
const TOPIC_MAX: usize = 249;

/// True if a re-key stage is there.
pub(super) fn is_unkeyed(root: &View<'_>) -> bool {
    root.section("input").and_then(|view| keyed_by(&view)) == Some(KeyedBy::None)
}

fn keyed_by(view: &View<'_>) -> Option<KeyedBy> {
    view.choice("keyed_by", &KEYED_BY, [KeyedBy::TraceId, KeyedBy::None])
}

pub(super) fn input(root: &View<'_>, check: &mut Check) -> Option<Input> {
    let view = root.section("input")?;
    let encoding = view.choice(
        "encoding",
        &ENCODING,
        [Encoding::OtlpProto, Encoding::OtlpJson, Encoding::JaegerProto, Encoding::ZipkinJson],
    )?;
    let parse_string_tags = view.boolean("parse_string_tags")?;
    if parse_string_tags && encoding != Encoding::ZipkinJson {
        let message = "belongs to `encoding: zipkin_json`, whose tags are all texts".to_owned();
        check.error(view.place("parse_string_tags"), "input.parse_string_tags", message);
    }
    Some(Input {
        topics: topics(&view, check)?,
        encoding,
        parse_string_tags,
        keyed_by: keyed_by(&view)?,
        start: view.choice("start", &START, [Start::Earliest, Start::Latest])?,
        idle_grace: view.duration("idle_grace")?,
    })
}

/// What is read, by whichever of the two keys.
fn topics(view: &View<'_>, check: &mut Check) -> Option<Vec<String>> {
    if view.own("topics").is_none() {
        return Some(vec![view.name("topic")?]);
    }
    let mut refuse = |message: String| check.error(view.place("topics"), "input.topics", message);
    if view.own("topic").is_some() {
        refuse("takes the place of input.topic: give one of the two".into());
    }
    let topics = view.texts("topics")?;
    for topic in &topics {
        if let Some(reason) = why_not(topic) {
            refuse(format!("{topic:?} {reason}"));
        }
    }
    let is_one = matches!(&topics[..], [topic] if !topic.starts_with('^'));
    if !is_one && keyed_by(view) == Some(KeyedBy::TraceId) {
        refuse(
            "more than one topic needs `keyed_by: none`: parts of one trace may be in each".into(),
        );
    }
    Some(topics)
}

/// Why an entry is neither a topic nor a pattern.
fn why_not(topic: &str) -> Option<String> {
    if topic.starts_with('^') {
        let error = regex::Regex::new(topic).err()?.to_string();
        let last = error.lines().last().unwrap_or_default();
        return Some(format!("is no regular expression: {}", last.trim_start_matches("error: ")));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_name = (1..=TOPIC_MAX).contains(&topic.len())
        && topic.chars().all(allowed)
        && !matches!(topic, "." | "..");
    (!is_name).then(|| {
        format!(
            "is no topic: expected 1 to {TOPIC_MAX} of the characters a-z A-Z 0-9 . _ -, or a \
             regular expression that begins with ^"
        )
    })
}

/// No listed topic, and no pattern, may take in what is written.
pub(super) fn check_list(root: &View<'_>, known: &[(&str, String)], check: &mut Check) {
    let Some(view) = root.section("input").filter(|view| view.own("topics").is_some()) else {
        return;
    };
    let mut seen: Vec<&str> = Vec::new();
    let topics = view.texts("topics").unwrap_or_default();
    for topic in &topics {
        let takes_in = |name: &str| match topic.starts_with('^') {
            true => regex::Regex::new(topic).is_ok_and(|pattern| pattern.is_match(name)),
            false => topic == name,
        };
        let written = known.iter().filter(|(path, _)| *path != "input.topic");
        for (path, name) in written.filter(|(_, name)| takes_in(name)) {
            let message = format!("{topic:?} must not take in {path}, {name:?}");
            check.error(view.place("topics"), "input.topics", message);
        }
        if seen.contains(&topic.as_str()) {
            let message = format!("has {topic:?} twice");
            check.error(view.place("topics"), "input.topics", message);
        }
        seen.push(topic);
    }
}

pub(super) fn repartition(
    root: &View<'_>,
    group: Option<&str>,
    window: Option<&Window>,
    check: &mut Check,
) -> Option<Option<Repartition>> {
    let view = root.section("repartition")?;
    if !is_unkeyed(root) {
        return Some(None);
    }
    let wait = window?.decision_wait;
    let max_skew = view.optional("max_skew", View::duration)?.unwrap_or(wait / 3);
    if max_skew >= wait {
        let message = format!(
            "must be below window.decision_wait ({}), got {}",
            root.section("window")?.given("decision_wait"),
            view.given("max_skew"),
        );
        check.error(view.place("max_skew"), "repartition.max_skew", message);
    }
    let partitions = i32::try_from(view.integer("partitions")?).ok()?;
    Some(Some(Repartition {
        topic: match view.optional("topic", View::name)? {
            Some(topic) => topic,
            None => format!("{}.repartition", group?),
        },
        partitions: Some(partitions).filter(|partitions| *partitions > 0),
        compression: view.choice("compression", &COMPRESSION, COMPRESSIONS)?,
        flush: view.duration("flush")?,
        max_skew,
        read_ahead: view.size("read_ahead")?,
    }))
}

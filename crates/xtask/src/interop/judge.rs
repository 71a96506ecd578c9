//! What is in a topic or a file, held against what should be.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tailsift_fixture::{Comparer, Comparison, ReferenceTrace, canonical, eventually};
use tailsift_kafka::{Admin, ClientSettings, Isolation, Reader};
use tailsift_otlp::json_to_protobuf;
use tailsift_trace::TraceId;

use super::form::Form;

/// For anything that should take a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many records or lines there were, and how they differ from what should have been there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) records: u64,
    pub(super) comparison: Comparison,
}

type Expected = BTreeMap<TraceId, ReferenceTrace>;

/// What the Collector has written in a form.
pub(super) fn written(
    form: Form,
    settings: &ClientSettings,
    expected: &Expected,
) -> anyhow::Result<Judged> {
    let mut comparer = Comparer::new(expected);
    if !form.is_keyed() {
        comparer = comparer.without_keys();
    }
    let convert = if form.is_json() { from_json } else { as_it_is };
    topic(&form.written(), settings, comparer, convert)
}

/// What tailsift has exported.
pub(super) fn exported(
    form: Form,
    settings: &ClientSettings,
    expected: &Expected,
) -> anyhow::Result<Judged> {
    topic(&form.kept(), settings, Comparer::new(expected), as_it_is)
}

/// What a Collector has written to a file, a request in JSON on each line.
pub(super) fn filed(path: &Path, expected: &Expected) -> anyhow::Result<Judged> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(lines(&text, expected))
}

/// How many whole lines a file has; none if it is not there yet.
pub(super) fn lines_in(path: &Path) -> u64 {
    let text = fs::read(path).unwrap_or_default();
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn lines(text: &[u8], expected: &Expected) -> Judged {
    let mut comparer = Comparer::new(expected).without_keys();
    let mut records = 0;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        records += 1;
        take(&mut comparer, None, line, from_json);
    }
    Judged { records, comparison: comparer.finish() }
}

fn topic(
    name: &str,
    settings: &ClientSettings,
    mut comparer: Comparer<'_>,
    convert: Convert,
) -> anyhow::Result<Judged> {
    // A commit is answered before its last marker is written.
    let admin = Admin::new(settings)?;
    let what = format!("no transaction is open on {name}");
    eventually(&what, PATIENCE, || {
        let ends = |isolation| admin.end_offsets(name, isolation);
        Ok((ends(Isolation::Committed)? == ends(Isolation::Uncommitted)?).then_some(()))
    })?;
    let mut reader = Reader::open(settings, name, Isolation::Committed)?;
    let records = reader.for_each(PATIENCE, |record| {
        take(&mut comparer, record.key(), record.value().unwrap_or_default(), convert);
        ControlFlow::Continue(())
    })?;
    Ok(Judged { records, comparison: comparer.finish() })
}

/// To protobuf; `None` if it cannot be read.
type Convert = fn(&[u8]) -> Option<Vec<u8>>;

fn as_it_is(payload: &[u8]) -> Option<Vec<u8>> {
    Some(payload.to_owned())
}

fn from_json(payload: &[u8]) -> Option<Vec<u8>> {
    json_to_protobuf(payload).ok()
}

/// No protobuf begins so.
const UNREADABLE: &[u8] = &[0xff];

fn take(comparer: &mut Comparer<'_>, key: Option<&[u8]>, payload: &[u8], convert: Convert) {
    let readable = convert(payload).and_then(|protobuf| canonical(&protobuf).ok());
    comparer.record(key, readable.as_deref().unwrap_or(UNREADABLE));
}

#[cfg(test)]
mod tests {
    use tailsift_fixture::{NamedPolicy, reference};

    use super::*;

    /// A line as the file exporter writes it.
    fn line(trace: char, name: &str, resource: &str) -> String {
        let id: String = std::iter::repeat_n(trace, 32).collect();
        format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{resource}"}}}}]}},"scopeSpans":[{{"scope":{{}},"spans":[{{"traceId":"{id}","spanId":"0101010101010101","parentSpanId":"","name":"{name}","status":{{}}}}]}}]}}]}}"#
        )
    }

    #[test]
    fn lines_of_a_file_are_judged() {
        let requests: Vec<_> = [line('a', "one", "shop"), line('b', "two", "shop")]
            .iter()
            .map(|line| canonical(&from_json(line.as_bytes()).unwrap()).unwrap())
            .collect();
        let all: NamedPolicy = "always".parse().unwrap();
        let expected = reference(&[all], requests.iter().map(Vec::as_slice)).unwrap();
        let whole = Comparison { expected: 2, complete: 2, ..Comparison::default() };
        let one = Comparison { complete: 1, ..whole };
        let (a, b) = (line('a', "one", "shop"), line('b', "two", "shop"));
        for (name, text, records, comparison) in [
            ("whole", vec![&*a, &b], 2, whole),
            ("missing", vec![&*a], 1, Comparison { missing: 1, ..one }),
            ("cut", vec![&*a, &b[..40]], 2, Comparison { missing: 1, undecodable: 1, ..one }),
            ("twice", vec![&*a, &b, &b], 3, Comparison { repeated: 1, repeated_spans: 1, ..one }),
            (
                "unexpected",
                vec![&*a, &b, &line('c', "two", "shop")],
                3,
                Comparison { unexpected: 1, ..whole },
            ),
            (
                "another span",
                vec![&*a, &line('b', "TWO", "shop")],
                2,
                Comparison { partial: 1, foreign_spans: 1, ..one },
            ),
            (
                "another resource",
                vec![&*a, &line('b', "two", "till")],
                2,
                Comparison { partial: 1, foreign_spans: 1, ..one },
            ),
        ] {
            let text = text.join("\n") + "\n";
            let judged = lines(text.as_bytes(), &expected);
            assert_eq!(judged, Judged { records, comparison }, "{name}");
        }
    }
}

//! `tailsift check --live`: what the input topics hold, held against the configuration.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Context as _;
use tailsift_config::{Config, Encoding, KeyedBy};
use tailsift_kafka::{Admin, Isolation, Partitioner, ReadRange, Reader};
use tailsift_otlp::Scanner;
use tailsift_trace::{Interest, TraceId};

use crate::app::grants::{REMEDY, missing};
use crate::app::topics::input_topics;
use crate::app::{Role, client_settings, format_of, knock};
use crate::worker::Format;

/// So many of a partition's newest records are looked at, fewer where there are many partitions.
const NEWEST: i64 = 100;
const RECORDS_MAX: i64 = 4000;
const PATIENCE: Duration = Duration::from_secs(30);
const PARTITIONERS: [(&str, Partitioner); 2] = [
    ("fnv1a, as the Collector's Kafka exporter and Sarama", Partitioner::Fnv1a),
    ("murmur2, as Java clients", Partitioner::Murmur2),
];

/// Every encoding, and how it is read.
type Formats = [(Encoding, Format); ENCODINGS.len()];

const ENCODINGS: [Encoding; 4] =
    [Encoding::OtlpProto, Encoding::OtlpJson, Encoding::JaegerProto, Encoding::ZipkinJson];

/// Tells what is in each input topic; true if the configuration fits.
pub(super) fn look(config: &Config, out: &mut impl Write) -> anyhow::Result<bool> {
    knock(config)?;
    let mut fits = true;
    for grant in missing(config, Role::Both)? {
        let (what, principal, purpose) = (grant.what(), grant.principal(), grant.purpose);
        writeln!(out, "{what} is not granted to {principal}: {purpose}; {REMEDY}")?;
        fits = false;
    }
    let topics = input_topics(config)?;
    fits &= !topics.is_empty();
    if topics.is_empty() {
        writeln!(out, "no topic matches input.topics {:?}", config.input.topics)?;
    }
    for topic in topics {
        let sample = take(config, &topic)?;
        writeln!(out, "{topic}: {}", sample.size())?;
        for (name, value) in sample.lines() {
            writeln!(out, "  {name:<12} {value}")?;
        }
        for Finding { fits: one_fits, text } in sample.judged(&config.input.keyed_by) {
            fits &= one_fits;
            writeln!(out, "  {:<12} {text}", if one_fits { "fits" } else { "DOES NOT FIT" })?;
        }
    }
    Ok(fits)
}

fn take(config: &Config, topic: &str) -> anyhow::Result<Sample> {
    let settings = client_settings(config);
    let ends = Admin::new(&settings)?.end_offsets(topic, Isolation::Committed)?;
    let partitions = i32::try_from(ends.len()).context("counting partitions")?;
    let each = (RECORDS_MAX / i64::from(partitions.max(1))).clamp(1, NEWEST);
    let ranges: Vec<_> = ends
        .iter()
        .map(|end| ReadRange {
            partition: end.partition,
            start: (end.offset - each).max(0),
            end: Some(end.offset),
        })
        .collect();
    let formats = ENCODINGS.map(|encoding| (encoding, format_of(config, encoding)));
    let mut sample = Sample::new(partitions, config.input.encoding, formats);
    let mut scanner = Scanner::new(Interest::default());
    let mut reader = Reader::open_ranges(&settings, topic, Isolation::Committed, &ranges)?;
    reader.for_each(PATIENCE, |record| {
        let at = (record.partition(), record.offset());
        sample.add(at, record.key(), record.value(), &mut scanner);
        ControlFlow::Continue(())
    })?;
    Ok(sample)
}

/// What was seen of a topic's newest records.
struct Sample {
    partitions: i32,
    encoding: Encoding,
    formats: Formats,
    records: usize,
    unkeyed: usize,
    /// Keys that are the trace ID of all spans of their record: as 32 digits, as 16 bytes.
    hex: usize,
    raw: usize,
    /// Other keys, and one of them.
    other: usize,
    example: Option<String>,
    several_traces: usize,
    spans: usize,
    unreadable: usize,
    /// Where and why the first could not be read, and as what it could.
    first_unreadable: Option<String>,
    traces: HashMap<TraceId, BTreeSet<i32>>,
    /// By partitioner: records with a key that lie where it puts them.
    placed: [usize; PARTITIONERS.len()],
}

/// Whether something fits, and why.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    fits: bool,
    text: String,
}

impl Sample {
    fn new(partitions: i32, encoding: Encoding, formats: Formats) -> Self {
        Self {
            partitions,
            encoding,
            formats,
            records: 0,
            unkeyed: 0,
            hex: 0,
            raw: 0,
            other: 0,
            example: None,
            several_traces: 0,
            spans: 0,
            unreadable: 0,
            first_unreadable: None,
            traces: HashMap::new(),
            placed: [0; PARTITIONERS.len()],
        }
    }

    fn add(
        &mut self,
        (partition, offset): (i32, i64),
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        scanner: &mut Scanner,
    ) {
        self.records += 1;
        let format = self.formats.iter().find(|(encoding, _)| *encoding == self.encoding);
        let format = format.map_or(Format::OtlpProto, |(_, format)| *format);
        let traces = match read(format, value, scanner) {
            Ok((traces, spans)) => {
                self.spans += spans;
                traces
            }
            Err(reason) => {
                self.unreadable += 1;
                let hint = self.formats.iter().find_map(|(encoding, format)| {
                    let spans = read(*format, value, scanner).map_or(0, |(_, spans)| spans);
                    (spans > 0).then(|| encoding.name())
                });
                let hint = hint.map(|name| format!("; as {name} it can: set input.encoding"));
                let hint = hint.unwrap_or_default();
                self.first_unreadable.get_or_insert_with(|| {
                    format!("partition {partition}, offset {offset}: {reason}{hint}")
                });
                Vec::new()
            }
        };
        self.several_traces += usize::from(traces.len() > 1);
        self.note_key(partition, key, &traces);
        for trace in traces {
            self.traces.entry(trace).or_default().insert(partition);
        }
    }

    fn note_key(&mut self, partition: i32, key: Option<&[u8]>, traces: &[TraceId]) {
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            self.unkeyed += 1;
            return;
        };
        for (count, (_, partitioner)) in self.placed.iter_mut().zip(PARTITIONERS) {
            *count += usize::from(partitioner.partition(key, self.partitions) == partition);
        }
        match traces {
            [trace] if key == trace.hex() => self.hex += 1,
            [trace] if *key == trace.0 => self.raw += 1,
            _ => {
                self.other += 1;
                let shown: String = String::from_utf8_lossy(key).chars().take(40).collect();
                self.example.get_or_insert(shown);
            }
        }
    }

    fn astray(&self) -> usize {
        self.traces.values().filter(|partitions| partitions.len() > 1).count()
    }

    fn size(&self) -> String {
        match self.records {
            0 => format!("{} partitions, no record to look at", self.partitions),
            records => format!("{} partitions, the newest {records} records:", self.partitions),
        }
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        if self.records == 0 {
            return Vec::new();
        }
        let kinds = [
            (self.unkeyed, "without a key".to_owned()),
            (self.hex, "the trace ID as 32 digits".to_owned()),
            (self.raw, "the trace ID as 16 bytes".to_owned()),
            (self.other, format!("other, such as {:?}", self.example.as_deref().unwrap_or(""))),
        ];
        let kinds = kinds.iter().filter(|(count, _)| *count > 0);
        let kinds: Vec<_> = kinds.map(|(count, kind)| format!("{count} {kind}")).collect();
        let mut lines = vec![
            ("keys", kinds.join(", ")),
            (
                "traces",
                format!(
                    "{} with {} spans; {} records hold several, {} traces are on several partitions",
                    self.traces.len(),
                    self.spans,
                    self.several_traces,
                    self.astray()
                ),
            ),
        ];
        let keyed = self.records - self.unkeyed;
        let fitting = self.placed.iter().zip(PARTITIONERS).filter(|(count, _)| **count == keyed);
        let fitting: Vec<_> = fitting.map(|(_, (name, _))| name).collect();
        if keyed > 0 {
            let none = "by none that is known, or by hand";
            lines.push((
                "partitioner",
                if fitting.is_empty() { none.to_owned() } else { fitting.join("; or ") },
            ));
        }
        lines
    }

    /// What of it fits how the configuration says that records are keyed.
    fn judged(&self, keyed_by: &KeyedBy) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |fits, text: String| findings.push(Finding { fits, text });
        if let Some(first) = &self.first_unreadable {
            let (count, encoding) = (self.unreadable, self.encoding.name());
            find(false, format!("{count} records cannot be read as {encoding}; {first}"));
        }
        let is_scattered = self.astray() > 0;
        match keyed_by {
            _ if self.traces.is_empty() => {}
            KeyedBy::TraceId if is_scattered => find(
                false,
                "input.keyed_by: trace_id, but traces are on several partitions; set it to none, or have \
                 producers key records by trace ID (the Collector: partition_traces_by_id: true)"
                    .to_owned(),
            ),
            KeyedBy::TraceId if self.hex + self.raw < self.records - self.unreadable => find(
                false,
                "input.keyed_by: trace_id, but not all keys are trace IDs; set it to none unless something \
                 else brings all spans of a trace to one partition"
                    .to_owned(),
            ),
            KeyedBy::TraceId => find(true, "input.keyed_by: trace_id".to_owned()),
            KeyedBy::None if self.hex + self.raw == self.records && !is_scattered => find(
                true,
                "input.keyed_by: none; records are keyed by trace ID, so trace_id would do, without the \
                 cost of the re-key stage"
                    .to_owned(),
            ),
            KeyedBy::None => find(true, "input.keyed_by: none".to_owned()),
        }
        findings
    }
}

/// The traces of a record, and how many spans it has.
fn read(
    format: Format,
    value: Option<&[u8]>,
    scanner: &mut Scanner,
) -> Result<(Vec<TraceId>, usize), String> {
    let value = value.ok_or("it has no value")?;
    let protobuf = format.convert(value).map_err(|(_, reason)| reason)?;
    let batch = scanner.scan(&protobuf).map_err(|error| error.to_string())?;
    let traces = batch.chunks.iter().map(|chunk| chunk.trace_id).collect();
    Ok((traces, batch.spans.len()))
}

#[cfg(test)]
mod tests {
    use tailsift_otlp::TagValues;

    use super::*;

    /// A request with a span of each of these traces: resource_spans, scope_spans, span, trace_id.
    fn request(traces: &[u8]) -> Vec<u8> {
        let nest =
            |field: u8, body: Vec<u8>| [vec![field << 3 | 2, body.len() as u8], body].concat();
        let span = |trace: &u8| nest(2, nest(1, vec![*trace; 16]));
        nest(1, nest(2, traces.iter().flat_map(span).collect()))
    }

    fn key(trace: u8) -> Vec<u8> {
        TraceId([trace; 16]).hex().to_vec()
    }

    /// Partition, key, value.
    type Written = (i32, Option<Vec<u8>>, Vec<u8>);

    fn sample(records: &[Written]) -> Sample {
        let formats = [
            (Encoding::OtlpProto, Format::OtlpProto),
            (Encoding::OtlpJson, Format::OtlpJson),
            (Encoding::JaegerProto, Format::JaegerProto),
            (Encoding::ZipkinJson, Format::ZipkinJson(TagValues::Texts)),
        ];
        let mut sample = Sample::new(8, Encoding::OtlpProto, formats);
        let mut scanner = Scanner::new(Interest::default());
        for (offset, (partition, key, value)) in records.iter().enumerate() {
            sample.add((*partition, offset as i64), key.as_deref(), Some(value), &mut scanner);
        }
        sample
    }

    fn check(sample: &Sample, keyed_by: &KeyedBy, fits: bool, says: &str) {
        let findings = sample.judged(keyed_by);
        assert_eq!(findings.iter().all(|finding| finding.fits), fits, "{findings:?}");
        let texts: Vec<_> = findings.iter().map(|finding| finding.text.as_str()).collect();
        assert!(texts.join(" ").contains(says), "{texts:?}");
    }

    #[test]
    fn records_keyed_by_trace_id_are_told_with_their_partitioner() {
        let at = |trace| Partitioner::Fnv1a.partition(&key(trace), 8);
        let records: Vec<_> =
            (1..9).map(|trace| (at(trace), Some(key(trace)), request(&[trace, trace]))).collect();
        let sample = sample(&records);
        check(&sample, &KeyedBy::TraceId, true, "input.keyed_by: trace_id");
        check(&sample, &KeyedBy::None, true, "trace_id would do");
        let lines = sample.lines();
        assert_eq!(lines[0].1, "8 the trace ID as 32 digits");
        assert!(lines[2].1.starts_with("fnv1a") && !lines[2].1.contains("murmur2"), "{lines:?}");
    }

    #[test]
    fn scattered_traces_need_re_keying() {
        let sample = sample(&[(0, None, request(&[1, 2])), (1, None, request(&[2]))]);
        check(&sample, &KeyedBy::TraceId, false, "set it to none");
        check(&sample, &KeyedBy::None, true, "input.keyed_by: none");
        assert_eq!(sample.lines()[0].1, "2 without a key");
    }

    #[test]
    fn other_keys_prove_nothing() {
        let sample = sample(&[(0, Some(b"cart".to_vec()), request(&[1]))]);
        check(&sample, &KeyedBy::TraceId, false, "not all keys are trace IDs");
        assert_eq!(sample.lines()[0].1, "1 other, such as \"cart\"");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_place_and_remedy() {
        let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01010101010101010101010101010101","spanId":"0101010101010101"}]}]}]}"#;
        let sample = sample(&[(3, None, json.to_vec())]);
        check(&sample, &KeyedBy::TraceId, false, "partition 3, offset 0");
        check(&sample, &KeyedBy::TraceId, false, "as otlp_json it can: set input.encoding");
    }

    #[test]
    fn an_empty_topic_proves_nothing() {
        let sample = sample(&[]);
        assert_eq!(sample.judged(&KeyedBy::TraceId), []);
        assert_eq!(sample.size(), "8 partitions, no record to look at");
    }
}

//! The settings that run, validated.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tailsift_otlp::{RedactionRule, Redactor};
use tailsift_policy::{Policy, PolicySet, Semantics};
use tailsift_sampler::{Limits, RemoteParents, Structural};
use tailsift_trace::Millis;

use crate::fingerprint;
use crate::reload::Reload;

/// A whole configuration, validated.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How to reach Kafka.
    pub kafka: Kafka,
    /// How often files with certificates and passwords are looked at; `None` = at the start only.
    pub reload_interval: Option<Duration>,
    /// The consumer group, 1 to 200 characters that topics may have.
    pub group: String,
    /// The name for static membership and stable transactional ids, 1 to 200 characters that topics
    /// may have; `None` = dynamic membership.
    pub instance: Option<String>,
    /// Threads; 0 = one per core. At most 1024.
    pub workers: usize,
    /// What a crash may repeat.
    pub delivery: Delivery,
    /// How often exports, verdicts and offsets are committed together: 200 ms to 60 s.
    pub epoch: Duration,
    /// Where spans come from.
    pub input: Input,
    /// The re-key stage; `None` if the input is keyed by trace ID.
    pub repartition: Option<Repartition>,
    /// Where kept traces go.
    pub output: Output,
    /// Verdicts, logged and remembered.
    pub decisions: Decisions,
    /// What becomes of dropped traces that late spans want kept; `None` = they stay dropped.
    pub second_chance: Option<SecondChance>,
    /// The topic for records that cannot be read; `None` = they are counted and logged only.
    pub dead_letters: Option<String>,
    /// How long traces wait, and how much is held.
    pub window: Window,
    /// How rules are replaced at run time.
    pub reload: Reload,
    /// Console, metrics and probes; `None` = off.
    pub http: Option<Http>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) semantics: Semantics,
    pub(crate) redaction: Vec<RedactionRule>,
}

/// How to reach Kafka.
#[derive(Clone, PartialEq, Eq)]
pub struct Kafka {
    /// host:port, separated by commas.
    pub bootstrap_servers: String,
    /// librdkafka's own properties, none of which follows from another setting. They may hold
    /// secrets: `Debug` shows their names only.
    pub properties: BTreeMap<String, String>,
}

/// What a crash may repeat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// Exports and offsets commit in one transaction. Readers of committed records see each kept
    /// span once, and after a crash or rebalance perhaps again.
    ExactlyOnce,
    /// Kept spans may be seen again.
    AtLeastOnce,
}

impl Delivery {
    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExactlyOnce => "exactly_once",
            Self::AtLeastOnce => "at_least_once",
        }
    }
}

/// Where spans come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// What to read, at least one: topics, or regular expressions over their names, which begin
    /// with `^`. One topic if it is keyed by trace ID.
    pub topics: Vec<String>,
    /// How its records are written.
    pub encoding: Encoding,
    /// Whether texts of Zipkin's tags become the numbers and booleans they look like.
    pub parse_string_tags: bool,
    /// What decides a record's partition.
    pub keyed_by: KeyedBy,
    /// Where a new group begins.
    pub start: Start,
    /// How far behind the wall clock an idle partition's stream time stays: 0 to 1 h.
    pub idle_grace: Duration,
}

/// How records are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// ExportTraceServiceRequest, protobuf.
    OtlpProto,
    /// ExportTraceServiceRequest, JSON.
    OtlpJson,
    /// One Jaeger span with its process, protobuf.
    JaegerProto,
    /// An array of Zipkin v2 spans, JSON.
    ZipkinJson,
}

impl Encoding {
    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::OtlpProto => "otlp_proto",
            Self::OtlpJson => "otlp_json",
            Self::JaegerProto => "jaeger_proto",
            Self::ZipkinJson => "zipkin_json",
        }
    }
}

/// What decides a record's partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyedBy {
    /// The trace ID: all records of a trace are on one partition.
    TraceId,
    /// Nothing that tells of traces.
    None,
}

/// The re-key stage: what brings traces together whose records are on several partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repartition {
    /// The topic that it writes, and the processor reads.
    pub topic: String,
    /// How many partitions that is made with; `None` = as many as the input has.
    pub partitions: Option<i32>,
    /// How its records are compressed.
    pub compression: Compression,
    /// How often records and offsets are committed: 50 ms to 10 s.
    pub flush: Duration,
    /// How far, in record time, an input partition may be ahead of the slowest; below
    /// `window.decision_wait`.
    pub max_skew: Duration,
    /// Bytes that each worker may hold of partitions that wait for slower ones.
    pub read_ahead: usize,
}

/// Where a new group begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// At the oldest record.
    Earliest,
    /// At records that arrive from now on.
    Latest,
}

/// Where kept traces go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    /// The topic to write.
    pub topic: String,
    /// The largest record in bytes, uncompressed, key and headers included: 1 KiB to 900 MB.
    pub max_message_bytes: usize,
    /// Bytes of output that one worker may hold uncommitted, and one record: 1 MiB to 1 TiB.
    pub buffer_limit: usize,
    /// How records are compressed.
    pub compression: Compression,
    /// Which partition a trace ID goes to.
    pub partitioner: Partitioner,
    /// The cluster of the topic; `None` = the input's. At least once only.
    pub kafka: Option<Kafka>,
}

/// How records are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// They are not.
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Which partition a key goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Partitioner {
    /// As the OpenTelemetry Collector's exporter.
    Fnv1a,
    /// As Kafka's Java clients.
    Murmur2,
}

/// What becomes of dropped traces that late spans want kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecondChance {
    /// How long (stream time) after its verdict or last late span a trace may be turned: 1 ms to
    /// `decisions.remember`.
    pub remember: Duration,
    /// How long records are waited for: 100 ms to 10 min.
    pub timeout: Duration,
    /// Traces a second that are read again: 0 to a million.
    pub traces_per_second: u64,
    /// Bytes a second of their records: 0 to 1 TiB.
    pub bytes_per_second: u64,
}

/// Verdicts, logged and remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decisions {
    /// The topic that verdicts are logged to.
    pub topic: String,
    /// How long late spans follow their trace's verdict, in stream time; at least the longest wait,
    /// at most 7 days.
    pub remember: Duration,
}

/// How long traces wait, and how much is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// From a trace's first record to its verdict, in stream time: 1 ms to 7 days.
    pub decision_wait: Duration,
    /// From its root span to its verdict, at most `decision_wait`; `None` = the root changes nothing.
    pub decision_wait_after_root_received: Option<Duration>,
    /// What may end a trace's wait before.
    pub completion: Completion,
    /// Bytes for window and remembered verdicts of the whole process, at least 1 MiB.
    pub memory_limit: usize,
    /// A trace with this many spans is judged at once; at least 1.
    pub spans_per_trace_limit: u32,
    /// A trace with this many bytes is judged at once; at least 1 KiB.
    pub bytes_per_trace_limit: usize,
}

/// When a trace counts as complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completion {
    /// When its wait is over.
    Wait,
    /// When its structure is whole and it has been quiet.
    Structural {
        /// For so long, in stream time; at most `decision_wait`.
        settle: Duration,
        /// What is asked of parents in other processes.
        remote_parents: RemoteParents,
        /// What is learned of calls is kept of so many on each partition; at most 1 000 000.
        edges_max: usize,
    },
}

/// Console, metrics and probes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Http {
    /// Address and port.
    pub listen: SocketAddr,
    /// The address was configured: if it is busy that is an error. A default moves to the next
    /// free port.
    pub explicit: bool,
    /// How many decided traces the console can show, at most 1 000 000.
    pub recent_traces: usize,
    /// How much memory they may take, in bytes.
    pub recent_bytes: usize,
}

impl Config {
    /// The policies, in configured order.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// How the policies are to be understood.
    pub fn semantics(&self) -> &Semantics {
        &self.semantics
    }

    /// The policies, compiled.
    pub fn policy_set(&self) -> PolicySet {
        PolicySet::compile(self.policies.clone(), self.semantics.clone())
            .expect("these policies were compiled when the configuration was loaded")
    }

    /// True if there are rules of redaction.
    pub fn has_redaction(&self) -> bool {
        !self.redaction.is_empty()
    }

    /// What takes out of exports what must not be seen; `None` if nothing does.
    pub fn redactor(&self) -> Option<Redactor> {
        let redactor = Redactor::new(&self.redaction)
            .expect("these rules were compiled when the configuration was loaded");
        self.has_redaction().then_some(redactor)
    }

    /// The bounds of one of so many workers; `memory_limit` is divided among them. The input is
    /// taken for one partition, since no file knows how many it has.
    pub fn limits(&self, workers: usize) -> Limits {
        let window = &self.window;
        Limits {
            decision_wait: millis(window.decision_wait),
            decision_wait_after_root: window.decision_wait_after_root_received.map(millis),
            structural: match window.completion {
                Completion::Wait => None,
                Completion::Structural { settle, remote_parents, edges_max } => {
                    Some(Structural { settle: millis(settle), remote_parents, edges_max })
                }
            },
            remember: millis(self.decisions.remember),
            second_chance: self.second_chance.map(|chance| tailsift_sampler::SecondChance {
                remember: millis(chance.remember),
                traces_per_second: chance.traces_per_second,
                bytes_per_second: chance.bytes_per_second,
                ..tailsift_sampler::SecondChance::default()
            }),
            idle_grace: millis(self.input.idle_grace),
            memory_bytes: window.memory_limit / workers.max(1),
            spans_per_trace: window.spans_per_trace_limit,
            bytes_per_trace: window.bytes_per_trace_limit,
            input_partitions: 1,
            epoch_bytes: self.output.buffer_limit,
        }
    }

    /// The topic that traces are gathered from: the input's, or the one that the re-key stage writes.
    pub fn window_topic(&self) -> &str {
        match &self.repartition {
            Some(repartition) => &repartition.topic,
            None => &self.input.topics[0],
        }
    }

    /// The consumer group of the re-key stage.
    pub fn rekey_group(&self) -> String {
        format!("{}.rekey", self.group)
    }

    /// True if the decisions topic has the group's own name. One of another name may be shared by
    /// groups that need it from different offsets on.
    pub fn has_log_of_its_own(&self) -> bool {
        self.decisions.topic == default_decisions_topic(&self.group)
    }

    /// 16 hexadecimal digits that stand for everything a verdict depends on, policies and their
    /// semantics with all defaults: the same for every way to write the same settings.
    pub fn verdict_fingerprint(&self) -> String {
        fingerprint::of(&self.policies, &self.semantics, &[])
    }

    /// The same for everything an export depends on: verdicts and redaction, but for the secrets of
    /// hashes, about which nothing that is written may tell anything.
    pub fn fingerprint(&self) -> String {
        fingerprint::of(&self.policies, &self.semantics, &self.redaction)
    }
}

impl Compression {
    /// The value of librdkafka's `compression.codec`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.properties.keys().collect();
        f.debug_struct("Kafka")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("properties", &names)
            .finish()
    }
}

/// The decisions topic of a group that names none.
pub(crate) fn default_decisions_topic(group: &str) -> String {
    format!("{group}.decisions")
}

fn millis(duration: Duration) -> Millis {
    Millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

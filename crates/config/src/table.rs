//! The keys of the configuration file: the one source of what is read, checked, and documented.

mod derive;
mod guide;
mod inference;
mod ottl;
mod policies;
mod redaction;
mod streams;
mod window;

use std::time::Duration;

pub(crate) use guide::{Guide, MEASURED, guide};
pub(crate) use inference::{
    DERIVED_NAMES, DRIFT, FAILURE, FORCED, FRAGMENTED, LOW_CONFIDENCE, MATCHES, OF_ARRAYS, RATIO,
    RECOVERED, SCALES, SPAN_KINDS, SPAN_LATENCY, SPAN_MATCH, TRACE_CONDITION, TRACE_TEST,
};
pub(crate) use ottl::{ERROR_MODES, OTTL_CONDITION};
pub(crate) use policies::{
    AND, BOOLEAN_ATTRIBUTE, BYTES_LIMITING, COMPOSITE, DROP, KINDS, KindEntry, LATENCY, NOT,
    NUMERIC_ATTRIBUTE, POLICY, PROBABILISTIC, RATE_ALLOCATION, RATE_LIMITING, RATE_PER_KEY,
    SPAN_COUNT, STATUS_CODE, STATUS_CODES, STRING_ATTRIBUTE, SUB_POLICY, TRACE_STATE,
};

pub(crate) use redaction::{ACTIONS, PLACES, PRESETS, REDACTION_RULE};
pub(crate) use window::{COMPLETION, REMOTE_PARENTS};

use derive::DERIVE;
use streams::{INPUT, OUTPUT, REPARTITION};
use window::WINDOW;

use crate::key::{Choice, Key, Presence, Refused, Section, Type, Within};
use Presence::{Default, Optional, Required};

const fn key(name: &'static str, kind: Type, presence: Presence, doc: &'static str) -> Key {
    Key { name, kind, presence, doc }
}

const fn choice(name: &'static str, doc: &'static str) -> Choice {
    Choice { name, doc }
}

const fn refused(name: &'static str, remedy: &'static str) -> Refused {
    Refused { name, remedy }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Windows and memories of verdicts are bounded by this.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Kafka's bound for topic names.
const TOPIC_MAX: usize = 249;
/// Leaves room for what is appended to a group and an instance: topics' suffixes, worker numbers.
const PREFIX_MAX: usize = 200;
const TOPIC: Type = Type::Name { max: TOPIC_MAX };
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

pub(crate) static DELIVERY: [Choice; 2] = [
    choice(
        "exactly_once",
        "a transaction per epoch: readers of committed records see each kept span once, and after a crash or rebalance perhaps again",
    ),
    choice("at_least_once", "no transactions: after a crash kept spans may be repeated"),
];
pub(crate) static ENCODING: [Choice; 4] = [
    choice("otlp_proto", "ExportTraceServiceRequest, protobuf"),
    choice("otlp_json", "ExportTraceServiceRequest, JSON"),
    choice("jaeger_proto", "one Jaeger span with its process, protobuf"),
    choice("zipkin_json", "an array of Zipkin v2 spans, JSON"),
];
pub(crate) static KEYED_BY: [Choice; 2] = [
    choice("trace_id", "all records of a trace are on one partition"),
    choice(
        "none",
        "records of a trace may be anywhere: a re-key stage brings them together in the topic of repartition",
    ),
];
pub(crate) static START: [Choice; 2] = [
    choice("earliest", "at the oldest record"),
    choice("latest", "at records that arrive from now on"),
];
pub(crate) static COMPRESSION: [Choice; 5] = [
    choice("none", "not compressed"),
    choice("gzip", "gzip"),
    choice("snappy", "Snappy"),
    choice("lz4", "LZ4"),
    choice("zstd", "Zstandard"),
];
pub(crate) static PARTITIONER: [Choice; 2] = [
    choice("fnv1a", "as the OpenTelemetry Collector's exporter"),
    choice("murmur2", "as Kafka's Java clients"),
];
pub(crate) static COMPATIBILITY: [Choice; 2] = [
    choice(
        "tailsift",
        "numeric attributes accept doubles, 0 is a bound, probability follows the trace's own randomness; docs/policies.md lists the differences",
    ),
    choice("collector", "as the tail_sampling processor of the OpenTelemetry Collector v0.158"),
];

pub(crate) static ROOT: Section = Section {
    keys: &[
        key(
            "kafka",
            Type::Section(&KAFKA),
            Required("{bootstrap_servers: \"localhost:9092\"}"),
            "How to reach Kafka",
        ),
        key(
            "group",
            Type::Name { max: PREFIX_MAX },
            Default("tailsift"),
            "The consumer group; it also begins the names of internal topics and transactional ids",
        ),
        key(
            "instance",
            Type::NameOrEmpty { max: PREFIX_MAX },
            Default("\"\""),
            "Set: static membership of the group and stable transactional ids under this name, which no other process may use. Empty: dynamic membership",
        ),
        key(
            "workers",
            Type::Integer { min: 0, max: 1024 },
            Default("0"),
            "Threads, each a member of the group; 0 means one per core. Where one process re-keys and processes, that many of each kind; 0 then means that both kinds share the cores",
        ),
        key(
            "delivery",
            Type::Choice { here: &DELIVERY, later: &[] },
            Default("exactly_once"),
            "What a crash may repeat",
        ),
        key(
            "epoch",
            Type::Duration { min: ms(200), max: ms(60_000) },
            Default("500ms"),
            "Exports, verdicts and offsets are committed together this often",
        ),
        key("input", Type::Section(&INPUT), Optional("all defaults"), "Where spans come from"),
        key(
            "repartition",
            Type::Section(&REPARTITION),
            Optional("all defaults"),
            "The re-key stage, which is there if input.keyed_by is none: it reads the input in a group of its own, <group>.rekey",
        ),
        key("output", Type::Section(&OUTPUT), Optional("all defaults"), "Where kept traces go"),
        key(
            "decisions",
            Type::Section(&DECISIONS),
            Optional("all defaults"),
            "Verdicts: where they are logged, and how long late spans follow them",
        ),
        key(
            "second_chance",
            Type::Section(&SECOND_CHANCE),
            Optional("all defaults"),
            "Dropped traces that late spans want kept: their records are read again from the input topic",
        ),
        key(
            "dead_letters",
            Type::SectionOrOff(&DEAD_LETTERS),
            Optional("all defaults"),
            "Where records go that cannot be read; `off` counts and logs them only",
        ),
        key(
            "window",
            Type::Section(&WINDOW),
            Optional("all defaults"),
            "How long traces wait, and how much is held",
        ),
        key(
            "policies",
            Type::List { item: &Type::Policy(Within::List), min: 0, max: 4096 },
            Required("[{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]"),
            "Which traces are kept: those that any policy wants",
        ),
        key(
            "sample_on_first_match",
            Type::Boolean,
            Default("false"),
            "Policies after the first that says \"sampled\" are not asked",
        ),
        key(
            "maximum_trace_size_bytes",
            Type::Integer { min: 0, max: i64::MAX },
            Default("0"),
            "The Collector's, for `compatibility: collector` only: a larger trace is dropped without asking a policy. 0 means no bound",
        ),
        key(
            "compatibility",
            Type::Choice { here: &COMPATIBILITY, later: &[] },
            Default("tailsift"),
            "Whose answers policies give where tailsift and the Collector differ",
        ),
        key(
            "derive",
            Type::Section(&DERIVE),
            Optional("all defaults"),
            "From which attributes policies read what has no standard name",
        ),
        key(
            "redaction",
            Type::List { item: &Type::Section(&REDACTION_RULE), min: 0, max: redaction::RULES_MAX },
            Default("[]"),
            "Rules that remove personal data from what is exported and shown (docs/redaction.md); each works on what the one before has left",
        ),
        key(
            "reload",
            Type::Section(&RELOAD),
            Optional("all defaults"),
            "How policies, what decides how they are understood, and redaction are replaced while `run` and `rekey` work (docs/reloading.md)",
        ),
        key(
            "http",
            Type::SectionOrOff(&HTTP),
            Optional("all defaults"),
            "Console, /metrics, /healthz, /readyz; `off` serves none of them",
        ),
    ],
    refused: &[
        refused("num_traces", "is the Collector's: tailsift is bounded by window.memory_limit"),
        refused("expected_new_traces_per_sec", "is the Collector's and not needed here: remove it"),
        refused(
            "decision_cache",
            "is the Collector's: verdicts are remembered for decisions.remember",
        ),
        refused(
            "sampling_strategy",
            "is the Collector's: traces are always judged as a whole, remove it",
        ),
        refused(
            "maximum_trace_size_bytes",
            "is the Collector's: use window.bytes_per_trace_limit, which judges a large trace early",
        ),
        refused("block_on_overflow", "is the Collector's and not needed here: remove it"),
        refused(
            "tail_sampling",
            "is the Collector's: write its policies under policies, its decision_wait under window",
        ),
    ],
};

const BOOTSTRAP_SERVERS: Key = key(
    "bootstrap_servers",
    Type::Text,
    Required("\"localhost:9092\""),
    "Brokers to ask first: host:port, separated by commas",
);
const PROPERTIES: Key = key(
    "properties",
    Type::Properties,
    Default("{}"),
    "Any librdkafka property: security, rack, tuning. Take secrets from ${env:NAME} or ${file:path}; they are never shown",
);
const ELSEWHERE: &[Refused] = &[
    refused("brokers", "unknown key, did you mean bootstrap_servers?"),
    refused("topic", "unknown key, did you mean input.topic or output.topic?"),
    refused("group_id", "unknown key, did you mean group?"),
];

static KAFKA: Section = Section {
    keys: &[
        BOOTSTRAP_SERVERS,
        PROPERTIES,
        key(
            "reload_interval",
            Type::Duration { min: ms(0), max: ms(3_600_000) },
            Default("10s"),
            "How often ${file:path} and the files of ssl.*.location are looked at, here and in output.kafka: what was replaced is taken up while `run` and `rekey` work, once a broker accepts it; 0s turns it off",
        ),
    ],
    refused: ELSEWHERE,
};

/// Of the output's cluster; files are looked at together with those of the input's.
static OUTPUT_KAFKA: Section =
    Section { keys: &[BOOTSTRAP_SERVERS, PROPERTIES], refused: ELSEWHERE };

static DECISIONS: Section = Section {
    keys: &[
        key(
            "topic",
            TOPIC,
            Optional("<group>.decisions"),
            "The log of verdicts: what makes restarts and rebalances repeat nothing. It is created if it is missing. One of another name may be shared by groups: what nobody needs any more is then left to its retention",
        ),
        key(
            "remember",
            Type::Duration { min: ms(1), max: LONGEST },
            Default("10m"),
            "How long late spans follow their trace's verdict; at least window.decision_wait, which is the default if it is longer",
        ),
    ],
    refused: &[],
};

static SECOND_CHANCE: Section = Section {
    keys: &[
        key(
            "enabled",
            Type::Boolean,
            Default("true"),
            "A late span of a dropped trace that a policy is certain to keep has the whole trace read again and kept, once; never one that a `drop` policy dropped, and never for the sake of chance or a rate. Off with `compatibility: collector`",
        ),
        key(
            "remember",
            Type::Duration { min: ms(1), max: LONGEST },
            Default("2m"),
            "How long after its verdict, or its last late span, a trace has this chance; at most decisions.remember, which is the default if it is shorter. Late spans that come later, to a verdict that is remembered, are judged and kept alone, marked `tailsift.partial: forgotten`. The input topic has to hold records for as long as that and the longest wait together, and what it lags behind",
        ),
        key(
            "timeout",
            Type::Duration { min: ms(100), max: ms(600_000) },
            Default("10s"),
            "How long records are waited for; what is there by then is kept, marked `tailsift.partial: timeout`. Offsets are not committed beyond a trace that waits",
        ),
        key(
            "traces_per_second",
            Type::Integer { min: 0, max: 1_000_000 },
            Default("100"),
            "So many traces a second are read again, on the stream's clock and all partitions together; 10 s of it may come at once. Of traces beyond that the late spans alone are kept, marked `tailsift.partial: budget`",
        ),
        key(
            "bytes_per_second",
            Type::Size { min: 0, max: 1 << 40 },
            Default("20MB"),
            "The same in bytes of the records that hold them",
        ),
    ],
    refused: &[],
};

static DEAD_LETTERS: Section = Section {
    keys: &[key(
        "topic",
        TOPIC,
        Optional("<group>.dead_letters"),
        "The topic to write; it is created if it is missing",
    )],
    refused: &[],
};

static RELOAD: Section = Section {
    keys: &[
        key(
            "interval",
            Type::Duration { min: ms(0), max: ms(3_600_000) },
            Default("10s"),
            "How often this file is looked at: what changed in its rules is taken up if all of the file is right; 0s leaves it to SIGHUP and POST /api/v1/reload",
        ),
        key(
            "token",
            Type::AnyText,
            Default("\"\""),
            "What POST /api/v1/reload must bear (Authorization: Bearer TOKEN); without one it is refused. It must be a reference, ${env:NAME} or ${file:path}, and is read at the start",
        ),
    ],
    refused: &[],
};

static HTTP: Section = Section {
    keys: &[
        key(
            "listen",
            Type::Address,
            Default("\"127.0.0.1:8080\""),
            "Address and port. Without the key, a busy port moves to the next free one; with it, that is an error",
        ),
        key(
            "recent_traces",
            Type::Integer { min: 0, max: 1_000_000 },
            Default("1000"),
            "How many decided traces the console can show",
        ),
        key(
            "recent_bytes",
            Type::Size { min: 0, max: 1 << 40 },
            Default("64MiB"),
            "How much memory they may take",
        ),
    ],
    refused: &[],
};

/// Properties that follow from other keys.
pub(crate) static OWNED_PROPERTIES: [Refused; 17] = [
    refused("acks", "use delivery"),
    refused("request.required.acks", "use delivery"),
    refused("auto.offset.reset", "use input.start"),
    refused("bootstrap.servers", "use kafka.bootstrap_servers"),
    refused("metadata.broker.list", "use kafka.bootstrap_servers"),
    refused("compression.codec", "use output.compression"),
    refused("compression.type", "use output.compression"),
    refused("enable.auto.commit", "offsets are committed with each epoch, remove it"),
    refused("enable.auto.offset.store", "offsets are committed with each epoch, remove it"),
    refused("enable.idempotence", "use delivery"),
    refused("group.id", "use group"),
    refused("group.instance.id", "use instance"),
    refused("isolation.level", "committed records are read, remove it"),
    refused("message.max.bytes", "use output.max_message_bytes"),
    refused("partitioner", "use output.partitioner"),
    refused("transaction.timeout.ms", "it follows from epoch, remove it"),
    refused("transactional.id", "use group and instance"),
];

/// The full path of a key that exists in another section.
pub(crate) fn places_of(name: &str) -> Option<String> {
    for key in ROOT.keys {
        if key.name == name {
            return Some(format!("{name} at the top level"));
        }
        let (Type::Section(section) | Type::SectionOrOff(section)) = &key.kind else { continue };
        if section.key(name).is_some() {
            return Some(format!("{}.{name}", key.name));
        }
    }
    None
}

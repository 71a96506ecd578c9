//! Where spans come from, how they are brought together, and where kept traces go.

use super::{
    COMPRESSION, ENCODING, KEYED_BY, KIB, LONGEST, MIB, OUTPUT_KAFKA, PARTITIONER, START, TOPIC,
    key, ms,
};
use crate::key::{Presence, Section, Type};
use Presence::{Default, Optional};

pub(super) static INPUT: Section = Section {
    keys: &[
        key("topic", TOPIC, Default("otlp_spans"), "The topic to read, which must exist"),
        key(
            "topics",
            Type::List { item: &Type::Text, min: 1, max: 1000 },
            Optional("[input.topic]"),
            "Several topics, in place of topic; what begins with ^ is a regular expression over the names of topics. More than one needs keyed_by: none, since parts of one trace may be in each",
        ),
        key(
            "encoding",
            Type::Choice {
                here: &ENCODING,
                later: &["jaeger_json", "zipkin_proto", "zipkin_thrift"],
            },
            Default("otlp_proto"),
            "How its records are written; all but otlp_proto are converted, and the last two do not hold all that OTLP does (docs/formats.md)",
        ),
        key(
            "parse_string_tags",
            Type::Boolean,
            Default("false"),
            "Whether the values of Zipkin's tags, all of which are texts, become the numbers and booleans they look like; policies that compare numbers need it",
        ),
        key(
            "keyed_by",
            Type::Choice { here: &KEYED_BY, later: &[] },
            Default("trace_id"),
            "What decides a record's partition",
        ),
        key(
            "start",
            Type::Choice { here: &START, later: &[] },
            Default("earliest"),
            "Where a new group begins; a group that has committed goes on from there",
        ),
        key(
            "idle_grace",
            Type::Duration { min: ms(0), max: ms(3_600_000) },
            Default("2s"),
            "How far behind the wall clock an idle partition's time stays: what producers' batching and retries may take",
        ),
    ],
    refused: &[],
};

pub(super) static REPARTITION: Section = Section {
    keys: &[
        key(
            "topic",
            TOPIC,
            Optional("<group>.repartition"),
            "The topic between the re-key stage and the processor; it is created if it is missing",
        ),
        key(
            "partitions",
            Type::Integer { min: 0, max: 100_000 },
            Default("0"),
            "How many partitions it is created with; 0 means as many as the input topic has, of several the largest",
        ),
        key(
            "compression",
            Type::Choice { here: &COMPRESSION, later: &[] },
            Default("lz4"),
            "How its records are compressed",
        ),
        key(
            "flush",
            Type::Duration { min: ms(50), max: ms(10_000) },
            Default("200ms"),
            "Records and the input's offsets are committed together this often; it is what a span waits in the stage",
        ),
        key(
            "read_ahead",
            Type::Size { min: MIB, max: 1 << 40 },
            Default("32MiB"),
            "For what each worker has fetched of partitions that wait for slower ones; full, they are not fetched",
        ),
        key(
            "max_skew",
            Type::Duration { min: ms(100), max: LONGEST },
            Optional("a third of window.decision_wait"),
            "While a backlog is read, no input partition gets further ahead of the slowest one, in record time; below window.decision_wait, and to that extent shortening it",
        ),
    ],
    refused: &[],
};

pub(super) static OUTPUT: Section = Section {
    keys: &[
        key("topic", TOPIC, Default("otlp_spans_kept"), "The topic to write, which must exist"),
        key(
            "max_message_bytes",
            Type::Size { min: KIB, max: 900_000_000 },
            Default("1MB"),
            "The largest record, uncompressed, key and headers included; larger traces take several",
        ),
        key(
            "buffer_limit",
            Type::Size { min: MIB, max: 1 << 40 },
            Default("64MiB"),
            "For what each worker has not committed yet: kept traces, verdicts, dead letters. Half full it commits early; full, it reads no further",
        ),
        key(
            "compression",
            Type::Choice { here: &COMPRESSION, later: &[] },
            Default("zstd"),
            "How records are compressed",
        ),
        key(
            "partitioner",
            Type::Choice { here: &PARTITIONER, later: &[] },
            Default("fnv1a"),
            "Which partition a trace ID goes to",
        ),
        key(
            "kafka",
            Type::SectionOrOff(&OUTPUT_KAFKA),
            Default("off"),
            "Another cluster for kept traces, with a connection of its own; needs delivery: at_least_once, since no transaction spans two clusters. `off`: the input's cluster",
        ),
    ],
    refused: &[],
};

//! What a scan and a redaction cost a span, beside a full decode by prost.
//!
//! `cargo bench -p tailsift-otlp`: divide "items" for spans/s; the allocation columns of `scan`
//! stay empty.

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use mimalloc::MiMalloc;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use tailsift_fixture::{bench_main, recorded_values};
use tailsift_otlp::{
    Preset, RedactionAction, RedactionKeys, RedactionRule, RedactionValues, Redactor, Scanner,
    TagValues, jaeger_to_protobuf, json_to_protobuf, zipkin_to_protobuf,
};
use tailsift_trace::Interest;

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

fn main() {
    bench_main();
}

/// Records as they come.
#[derive(Debug, Clone, Copy)]
enum Load {
    /// A Collector's, keyed by trace: one trace, mostly one or two spans.
    RecordedKeyed,
    /// A Collector's, of many traces.
    RecordedUnkeyed,
    /// 200 spans of 20 traces in 2 resources of 2 scopes, 10 attributes a span.
    Bulk,
}

const LOADS: [Load; 3] = [Load::RecordedKeyed, Load::RecordedUnkeyed, Load::Bulk];

struct Records {
    payloads: Vec<Vec<u8>>,
    spans: usize,
    bytes: usize,
}

impl Load {
    fn records(self) -> Records {
        let payloads = match self {
            Self::RecordedKeyed => recorded_values("otlp_proto_keyed.bin"),
            Self::RecordedUnkeyed => recorded_values("otlp_proto_unkeyed.bin"),
            Self::Bulk => (0..64).map(|seed| bulk(seed).encode_to_vec()).collect(),
        };
        let mut scanner = scanner();
        let spans = payloads.iter().map(|payload| {
            let batch = scanner.scan(payload).expect("the load is OTLP");
            let spans = batch.spans.len();
            scanner.recycle(batch);
            spans
        });
        let spans = spans.sum();
        let bytes = payloads.iter().map(Vec::len).sum();
        Records { payloads, spans, bytes }
    }
}

#[divan::bench(args = LOADS)]
fn scan(bencher: Bencher<'_, '_>, load: Load) {
    let records = load.records();
    let mut scanner = scanner();
    bencher
        .counter(ItemsCount::new(records.spans))
        .counter(BytesCount::new(records.bytes))
        .bench_local(|| {
            for payload in &records.payloads {
                let batch = scanner.scan(black_box(payload)).expect("the load is OTLP");
                black_box(&batch);
                scanner.recycle(batch);
            }
        });
}

#[divan::bench(args = LOADS)]
fn prost_decode(bencher: Bencher<'_, '_>, load: Load) {
    let records = load.records();
    bencher
        .counter(ItemsCount::new(records.spans))
        .counter(BytesCount::new(records.bytes))
        .bench_local(|| {
            for payload in &records.payloads {
                let request = ExportTraceServiceRequest::decode(black_box(&**payload));
                black_box(request.expect("the load is OTLP"));
            }
        });
}

/// Rules of a redaction.
#[derive(Debug, Clone, Copy)]
enum Rules {
    /// Three keys, which no span has.
    KeysAbsent,
    /// One key that spans have, masked.
    KeyMasked,
    /// A pattern of keys, deleted.
    KeysMatching,
    /// E-mail addresses and card numbers, which no span has.
    TwoPresets,
    /// All patterns that come with the product.
    AllPresets,
}

const RULES: [Rules; 5] = [
    Rules::KeysAbsent,
    Rules::KeyMasked,
    Rules::KeysMatching,
    Rules::TwoPresets,
    Rules::AllPresets,
];

impl Rules {
    fn redactor(self) -> Redactor {
        let rule = |action, keys, preset: Option<Preset>| RedactionRule {
            action,
            keys,
            values: preset.map(RedactionValues::Preset),
            places: Vec::new(),
        };
        let mask = || RedactionAction::Mask { with: "****".into() };
        let listed = |keys: &[&str]| {
            RedactionKeys::Listed(keys.iter().map(|key| (*key).to_owned()).collect())
        };
        let presets = |presets: &[Preset]| {
            let rules =
                presets.iter().map(|preset| rule(mask(), RedactionKeys::Any, Some(*preset)));
            rules.collect()
        };
        let rules: Vec<RedactionRule> = match self {
            Self::KeysAbsent => vec![rule(mask(), listed(&["user.email", "a", "b"]), None)],
            Self::KeyMasked => vec![rule(mask(), listed(&["url.path"]), None)],
            Self::KeysMatching => {
                let keys = RedactionKeys::Matching(r"server\..*".into());
                vec![rule(RedactionAction::Delete, keys, None)]
            }
            Self::TwoPresets => presets(&[Preset::Email, Preset::CreditCard]),
            Self::AllPresets => presets(&Preset::ALL),
        };
        Redactor::new(&rules).expect("the rules do")
    }
}

#[divan::bench(args = RULES)]
fn redact(bencher: Bencher<'_, '_>, rules: Rules) {
    let records = Load::Bulk.records();
    let redactor = rules.redactor();
    bencher
        .counter(ItemsCount::new(records.spans))
        .counter(BytesCount::new(records.bytes))
        .bench_local(|| {
            for payload in &records.payloads {
                black_box(redactor.rewrite(black_box(payload)).expect("the load is OTLP"));
            }
        });
}

/// Formats that are converted before they are scanned; the same 907 spans each.
#[derive(Debug, Clone, Copy)]
enum Foreign {
    OtlpJson,
    JaegerProto,
    ZipkinJson,
}

type Convert = fn(&[u8]) -> Option<Vec<u8>>;

#[divan::bench(args = [Foreign::OtlpJson, Foreign::JaegerProto, Foreign::ZipkinJson])]
fn convert(bencher: Bencher<'_, '_>, format: Foreign) {
    let (file, convert): (_, Convert) = match format {
        Foreign::OtlpJson => ("otlp_json_unkeyed.bin", |value| json_to_protobuf(value).ok()),
        Foreign::JaegerProto => ("jaeger_proto.bin", |value| jaeger_to_protobuf(value).ok()),
        Foreign::ZipkinJson => {
            ("zipkin_json.bin", |value| zipkin_to_protobuf(value, TagValues::Texts).ok())
        }
    };
    let payloads = recorded_values(file);
    bencher
        .counter(ItemsCount::new(907usize))
        .counter(BytesCount::new(payloads.iter().map(Vec::len).sum::<usize>()))
        .bench_local(|| {
            for payload in &payloads {
                black_box(convert(black_box(payload)).expect("the corpus is of its format"));
            }
        });
}

fn scanner() -> Scanner {
    Scanner::new(Interest::new(["prediction_confidence", "model_version", "http.route"]))
}

fn bulk(seed: u64) -> ExportTraceServiceRequest {
    let mut next = 0;
    let resource_spans = (0..2).map(|resource| ResourceSpans {
        resource: Some(Resource {
            attributes: (0..8).map(|n| text(&format!("resource.key.{n}"), "some value")).collect(),
            ..Resource::default()
        }),
        scope_spans: (0..2)
            .map(|scope| ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: format!("library-{resource}-{scope}"),
                    ..InstrumentationScope::default()
                }),
                spans: (0..50)
                    .map(|_| {
                        next += 1;
                        span(seed * 1000 + next)
                    })
                    .collect(),
                schema_url: String::new(),
            })
            .collect(),
        schema_url: String::new(),
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

fn span(number: u64) -> Span {
    let id = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let trace = (number % 20 + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let start = 1_760_000_000_000_000_000 + number * 1_000_000;
    Span {
        trace_id: [trace.to_be_bytes(), id.rotate_left(7).to_be_bytes().map(|_| 7)].concat(),
        span_id: id.to_be_bytes().into(),
        parent_span_id: (id ^ 1).to_be_bytes().into(),
        flags: 0x101,
        name: "GET /recommendations/{user}".into(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 40_000_000,
        attributes: vec![
            text("http.request.method", "GET"),
            text("http.route", "/recommendations/{user}"),
            text("url.path", "/recommendations/4711"),
            text("url.scheme", "https"),
            text("network.protocol.version", "1.1"),
            text("server.address", "recommendation.shop.svc"),
            value("http.response.status_code", Value::IntValue(200)),
            text("model_version", "recsys-v3"),
            value("prediction_confidence", Value::DoubleValue(0.83)),
            value("input_token_count", Value::IntValue(312)),
        ],
        events: number
            .is_multiple_of(5)
            .then(|| Event {
                time_unix_nano: start,
                name: "cache.miss".into(),
                attributes: vec![text("cache", "features")],
                ..Event::default()
            })
            .into_iter()
            .collect(),
        status: Some(Status::default()),
        ..Span::default()
    }
}

fn text(key: &str, text: &str) -> KeyValue {
    value(key, Value::StringValue(text.into()))
}

fn value(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

//! Secrets that are planted wherever OTLP has text come out nowhere: not in kept traces, dead
//! letters, pages, metrics or logs.

use anyhow::{Context as _, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use tailsift_fixture::{IntegrationTest, Tailsift, eventually};
use tailsift_kafka::StoredRecord;

use crate::http::Surface;
use crate::operations::told;
use crate::payload::{record, span};
use crate::policies::Policies;
use crate::rig::{PATIENCE, Plan, Rig, THIS_BUILD, header, log_tail};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("redaction::planted_secrets_come_out_nowhere", planted_secrets_come_out_nowhere),
    ("redaction::unreadable_json_is_not_quoted", unreadable_json_is_not_quoted),
];

/// In every secret. The key of the hash holds it too.
const CANARY: &str = "c4n4ry";
/// The same as pages show bytes.
const CANARY_IN_HEX: &str = "63346e347279";
/// Over `output.max_message_bytes`, which is 500 KB here.
const PROMPT_BYTES: usize = 600_000;

const RULES: &str = "redaction:
  - {action: truncate, keys: [gen_ai.prompt], above: 4KB}
  - {action: delete, keys: [password]}
  - {action: hash, keys: [user.id], key: '${env:TAILSIFT_NO_SUCH_VARIABLE:-c4n4ry of the hash}'}
  - {action: replace, values: {preset: credit_card}, with: '[card]'}
  - {action: mask, keys_matching: 'api\\..*'}
  - {action: replace, values: {preset: email}, with: '[email]'}
";

fn email(place: &str) -> String {
    format!("{CANARY}-{place}@secret.example")
}

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
}

fn text(key: &str, text: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(text.into()))
}

/// One of each kind of value, each with a secret.
fn planted(place: &str) -> Vec<KeyValue> {
    let secret = |kind: &str| Value::StringValue(email(&format!("{place}-{kind}")));
    let inner = vec![attribute("inner", secret("map")), text("password", CANARY)];
    let map = Value::KvlistValue(KeyValueList { values: inner });
    let values = vec![any(secret("list")), any(map.clone())];
    let list = Value::ArrayValue(ArrayValue { values });
    vec![
        attribute("user.email", secret("text")),
        attribute("bytes", Value::BytesValue(email("bytes").into_bytes())),
        attribute("list", list.clone()),
        attribute("map", map),
        attribute("api.everything", list),
        attribute("card", Value::IntValue(4_111_111_111_111_111)),
        text("user.id", format!("user {CANARY}")),
        text("password", format!("password {CANARY}")),
    ]
}

fn planted_span(trace: u8) -> Span {
    let event =
        Event { name: email("event-name"), attributes: planted("event"), ..Event::default() };
    let link = Link { trace_id: vec![9; 16], attributes: planted("link"), ..Link::default() };
    let status = Status { message: format!("no user {}", email("status")), code: 2 };
    Span {
        name: format!("mail to {}", email("span-name")),
        attributes: planted("span"),
        events: vec![event],
        links: vec![link],
        status: Some(status),
        ..span(trace, 1)
    }
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let scope = InstrumentationScope {
        name: email("scope-name"),
        version: email("scope-version"),
        attributes: planted("scope"),
        ..InstrumentationScope::default()
    };
    let resource = Resource { attributes: planted("resource"), ..Resource::default() };
    let scope_spans = ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() };
    let resource_spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

/// A request with a span whose event is broken, which a scan does not look into.
fn with_broken_event(trace: u8) -> Vec<u8> {
    let framed = |key: u8, content: Vec<u8>| {
        let mut bytes = vec![key];
        prost::encoding::encode_varint(content.len() as u64, &mut bytes);
        [bytes, content].concat()
    };
    let event = [&[0x12, 0x7f][..], email("broken-event").as_bytes()].concat();
    let span = [span(trace, 1).encode_to_vec(), framed(0x5a, event)].concat();
    framed(0x0a, framed(0x12, framed(0x12, span)))
}

/// Everything that came out of a run, by where.
struct Outputs {
    exports: Vec<StoredRecord>,
    letters: Vec<StoredRecord>,
    decisions: Vec<StoredRecord>,
    pages: Vec<String>,
    logs: String,
    metrics: std::collections::BTreeMap<String, f64>,
}

fn run(rig: &Rig) -> anyhow::Result<Outputs> {
    let prompt = text("gen_ai.prompt", "p".repeat(PROMPT_BYTES));
    let long = Span { attributes: vec![prompt], ..planted_span(2) };
    let no_trace = Span { trace_id: Vec::new(), ..planted_span(3) };
    let broken = [&request(vec![planted_span(4)])[..], &[0x0a, 0x7f], CANARY.as_bytes()].concat();
    rig.produce(&[
        record("one", Some(request(vec![planted_span(1)]))),
        record("two", Some(request(vec![long]))),
        record("three", Some(request(vec![planted_span(3), no_trace]))),
        record("four", Some(broken)),
        record("five", Some(with_broken_event(5))),
    ])?;
    let path = rig.config_path().to_string_lossy().into_owned();
    let arguments = ["--log", "json", "run", "-c", &path];
    let mut child = Tailsift::spawn(THIS_BUILD, arguments, &[("RUST_LOG", "debug")])?;
    let told = ask(rig, &mut child).with_context(|| log_tail(&child.stderr()));
    child.sigterm()?;
    child.wait(PATIENCE)?;
    let (pages, metrics) = told?;
    Ok(Outputs {
        exports: rig.exports()?,
        letters: rig.read(&rig.dead_letters)?,
        decisions: rig.read(&format!("{}.decisions", rig.group))?,
        pages,
        logs: child.stdout() + &child.stderr(),
        metrics,
    })
}

type Pages = (Vec<String>, std::collections::BTreeMap<String, f64>);

fn ask(rig: &Rig, child: &mut Tailsift) -> anyhow::Result<Pages> {
    let surface = Surface::of(child)?;
    rig.wait_until_all_is_committed(child)?;
    let list = eventually("four traces are shown", PATIENCE, || {
        let (_, list) = surface.json("/api/v1/traces")?;
        Ok((list["traces"].as_array().is_some_and(|traces| traces.len() == 4)).then_some(list))
    })?;
    let mut pages = vec![list.to_string()];
    for trace in list["traces"].as_array().into_iter().flatten() {
        let id = trace["trace_id"].as_str().context("no trace ID")?;
        let (status, page) = surface.get(&format!("/api/v1/traces/{id}"))?;
        ensure!(status == 200, "{id}: {status} {page}");
        pages.push(page);
    }
    for path in ["/", "/metrics", "/healthz", "/readyz"] {
        pages.push(surface.get(path)?.1);
    }
    Ok((pages, surface.metrics()?))
}

fn rig(rules: &str) -> anyhow::Result<Rig> {
    let rig = Rig::new(Plan { partitions: 1, policies: Policies::Everything, ..Plan::default() })?;
    let by_secret = format!(
        "policies:\n  - {{name: by-secret, type: string_attribute, \
         string_attribute: {{key: password, values: [\"password {CANARY}\"]}}}}\n"
    );
    rig.replace_in_config("policies:\n", &by_secret)?;
    let output = format!("output: {{topic: {}", rig.export);
    rig.replace_in_config(&output, &format!("{output}, max_message_bytes: 500KB"))?;
    rig.replace_in_config("http: off\n", &format!("http: {{listen: \"127.0.0.1:0\"}}\n{rules}"))?;
    Ok(rig)
}

fn has_secret(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    // The number as a varint, as text, and as pages show it.
    let card = [0xc7, 0xe3, 0xa3, 0xab, 0x8a, 0xe1, 0xa6, 0x07];
    text.contains(CANARY)
        || text.contains(CANARY_IN_HEX)
        || text.contains("4111111111111111")
        || bytes.windows(card.len()).any(|window| window == card)
}

fn leaks(records: &[StoredRecord]) -> usize {
    let has = |bytes: &Option<Vec<u8>>| bytes.as_deref().is_some_and(has_secret);
    let leaks = records.iter().filter(|record| {
        let headers =
            record.headers.iter().any(|(name, value)| has_secret(name.as_bytes()) || has(value));
        has(&record.key) || has(&record.value) || headers
    });
    leaks.count()
}

fn planted_secrets_come_out_nowhere() -> anyhow::Result<()> {
    // What shows that the secrets would be found.
    let bare = run(&rig("")?)?;
    ensure!(leaks(&bare.exports) >= 3, "{} of {}", leaks(&bare.exports), bare.exports.len());
    ensure!(leaks(&bare.letters) >= 2, "{} of {}", leaks(&bare.letters), bare.letters.len());
    ensure!(bare.pages.iter().any(|page| has_secret(page.as_bytes())));
    ensure!(
        bare.exports.iter().all(|record| record.value.as_ref().is_some_and(|v| v.len() < 100_000))
    );

    let rig = rig(RULES)?;
    let run = run(&rig)?;
    ensure!(leaks(&run.exports) == 0, "{} exports hold secrets", leaks(&run.exports));
    ensure!(leaks(&run.letters) == 0, "{} dead letters hold secrets", leaks(&run.letters));
    ensure!(leaks(&run.decisions) == 0, "the decision log holds secrets");
    for page in &run.pages {
        ensure!(!has_secret(page.as_bytes()), "a page holds a secret");
    }
    ensure!(!has_secret(run.logs.as_bytes()), "the log holds a secret");
    ensure!(run.logs.contains("\"DEBUG\""), "it was not told to say all");

    let waterfalls = run.pages.iter().filter(|page| page.contains("\"waterfall\":[{"));
    ensure!(waterfalls.count() == 4, "a trace is not shown");
    ensure_exports_are_whole(&run)?;
    ensure_letters_say_why(&rig, &run)?;
    let of = |name: &str| run.metrics.get(name).copied().unwrap_or_default();
    ensure!(of("tailsift_redactions_total") > 50.0, "{:?}", run.metrics);
    ensure!(of("tailsift_redaction_unreadable_total") == 1.0, "{:?}", run.metrics);
    Ok(())
}

/// All four traces, the one with the long prompt too, judged by what they held.
fn ensure_exports_are_whole(run: &Outputs) -> anyhow::Result<()> {
    ensure!(run.exports.len() == 4, "{} exports", run.exports.len());
    let mut spans = Vec::new();
    for record in &run.exports {
        let value = record.value.as_deref().context("an export without a value")?;
        let request = ExportTraceServiceRequest::decode(value).context("an export is OTLP")?;
        let all = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let of_record: Vec<Span> = all.flat_map(|scope| scope.spans).collect();
        let trace = of_record.first().and_then(|span| span.trace_id.first()).copied();
        let policy = header(record, "tailsift.policy");
        let expected = if trace == Some(5) { "everything" } else { "by-secret" };
        ensure!(policy == Some(expected), "{trace:?}: {policy:?}");
        spans.extend(of_record);
    }
    let of = |trace: u8| spans.iter().find(|span| span.trace_id == [trace; 16]).context("no span");
    let one = of(1)?;
    ensure!(one.name == "mail to [email]" && one.events.len() == 1 && one.links.len() == 1);
    let keys: Vec<&str> = one.attributes.iter().map(|pair| pair.key.as_str()).collect();
    ensure!(keys == ["user.email", "bytes", "list", "map", "api.everything", "card", "user.id"]);
    ensure!(one.attributes[4] == text("api.everything", "****"), "{:?}", one.attributes[4]);
    ensure!(one.attributes[5] == text("card", "[card]"), "{:?}", one.attributes[5]);
    ensure!(of(2)?.attributes == [text("gen_ai.prompt", "p".repeat(4000))]);
    ensure!(of(5)?.events.is_empty() && of(5)?.name == "step 1");
    Ok(())
}

/// Values are left out and still where they were: the tool brings them back from there.
fn ensure_letters_say_why(rig: &Rig, run: &Outputs) -> anyhow::Result<()> {
    ensure!(run.letters.len() == 2, "{} letters", run.letters.len());
    for letter in &run.letters {
        let left_out = header(letter, "tailsift.left_out").unwrap_or_default();
        ensure!(
            letter.value.is_none() && left_out.ends_with(" bytes, for redaction"),
            "{left_out}"
        );
    }
    let said = told(rig, &["dead-letters", "redrive"], &[&["--dry-run"]], 0)?;
    ensure!(said.contains("1 would be re-driven, 1 refused"), "{said}");
    Ok(())
}

/// Errors about JSON quote what came instead.
fn unreadable_json_is_not_quoted() -> anyhow::Result<()> {
    for (rules, is_quoted) in [("", true), (RULES, false)] {
        let rig = rig(rules)?;
        let json = format!("{{\"resourceSpans\": [{{\"scopeSpans\": \"{CANARY}\"}}]}}");
        rig.produce(&[record("json", Some(json.into_bytes()))])?;
        let logged = rig.run_until_idle(&[&["--set", "input.encoding=otlp_json"]])?;
        let letters = rig.read(&rig.dead_letters)?;
        ensure!(letters.len() == 1, "{} letters", letters.len());
        let reason = header(&letters[0], "tailsift.reason").context("no reason")?;
        ensure!(has_secret(reason.as_bytes()) == is_quoted, "{reason}");
        ensure!(has_secret(logged.0.as_bytes()) == is_quoted, "the log of {rules:?}");
        ensure!((leaks(&letters) > 0) == is_quoted, "the letter of {rules:?}");
        ensure!(reason.contains(if is_quoted { "scopeSpans" } else { "json_shape" }), "{reason}");
    }
    Ok(())
}

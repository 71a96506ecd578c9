use std::collections::BTreeSet;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tailsift_config::ConfigFile;
use tailsift_kafka::{EmbeddedBroker, Outgoing, Writer};
use tailsift_sampler::{RereadSource, SourceSpans};
use tailsift_trace::TraceId;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn trace(number: u8) -> TraceId {
    TraceId([number; 16])
}

/// A request with spans of these traces, in this order.
fn request(traces: &[u8]) -> Vec<u8> {
    let span = |number: &u8| opentelemetry_proto::tonic::trace::v1::Span {
        trace_id: vec![*number; 16],
        span_id: vec![*number; 8],
        ..Default::default()
    };
    let scope = opentelemetry_proto::tonic::trace::v1::ScopeSpans {
        spans: traces.iter().map(span).collect(),
        ..Default::default()
    };
    let resource = opentelemetry_proto::tonic::trace::v1::ResourceSpans {
        scope_spans: vec![scope],
        ..Default::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
}

fn rereader(broker: &EmbeddedBroker, timeout: Duration) -> Rereader {
    let servers = broker.bootstrap_servers();
    let yaml = format!(
        "kafka: {{bootstrap_servers: \"{servers}\"}}\n\
         input: {{topic: t}}\n\
         policies: [{{name: all, type: always_sample}}]\n"
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tailsift.yaml");
    std::fs::write(&path, yaml).unwrap();
    let Ok(file) = ConfigFile::read(&path, &[]) else { panic!("it was just written") };
    Rereader::start(Arc::new(Secrets::new(file.load().unwrap())), timeout, 2).unwrap()
}

fn reread(number: u8, sources: &[i64]) -> Reread {
    Reread {
        partition: 0,
        assignment: 1,
        trace_id: trace(number),
        trigger: 99,
        sources: sources.to_vec(),
        bytes: 0,
    }
}

fn answer(desk: &mut RereadDesk) -> RereadAnswer {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(answer) = desk.poll() {
            return answer;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("nobody answered");
}

fn broker(values: &[Vec<u8>]) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start(1, &[("t", 1)]).unwrap();
    let mut writer = Writer::new(&broker.client_settings()).unwrap();
    for value in values {
        let record = Outgoing {
            topic: "t",
            partition: Some(0),
            value: Some(value),
            headers: &[("h", b"1")],
            ..Outgoing::default()
        };
        writer.send(record).unwrap();
    }
    writer.flush(PATIENCE).unwrap();
    broker
}

#[test]
fn a_traces_share_of_its_records_comes_back() {
    let broker = broker(&[request(&[1, 2, 1]), request(&[2]), b"junk".to_vec(), request(&[1])]);
    let rereader = rereader(&broker, PATIENCE);
    let (mut desk, mut other) = (rereader.desk(), rereader.desk());
    desk.ask(reread(1, &[0, 1, 2, 3, 70]));
    other.ask(reread(2, &[0, 1]));

    let found = answer(&mut desk);
    assert_eq!(found.asked, reread(1, &[0, 1, 2, 3, 70]));
    let spans = |source: &RereadSource| source.found.as_ref().map(|found| found.spans).ok();
    let shares: Vec<_> = found.sources.iter().map(spans).collect();
    assert_eq!(shares, [Some(2), None, None, Some(1), None]);
    let gone = |source: &RereadSource| source.found == Err(Missing::Gone);
    assert_eq!(
        found.sources.iter().map(gone).collect::<Vec<_>>(),
        [false, true, true, false, true]
    );
    let SourceSpans { headers, payload, .. } = found.sources[0].found.as_ref().unwrap();
    let decoded: Vec<_> = tailsift_trace::decode_headers(headers).collect();
    assert_eq!(decoded, [(b"h".as_slice(), Some(b"1".as_slice()))]);
    assert_eq!(*payload, request(&[1, 1]));

    let found = answer(&mut other);
    let shares: Vec<_> = found.sources.iter().map(spans).collect();
    assert_eq!(shares, [Some(1), Some(1)], "what one asks for is read for all");
    assert!(desk.poll().is_none() && other.poll().is_none());
}

#[test]
fn many_that_ask_are_all_answered() {
    let broker = broker(&vec![request(&[1, 2, 3]); 500]);
    let rereader = rereader(&broker, PATIENCE);
    let mut desk = rereader.desk();
    let asked: Vec<_> = (0..1500).map(|n| reread(n as u8 % 3 + 1, &[n / 3, 499])).collect();
    let mut left: BTreeSet<_> =
        asked.iter().map(|asked| (asked.trace_id, asked.sources[0])).collect();
    let mut unasked = asked.iter();
    for _ in 0..asked.len() {
        while desk.has_room()
            && let Some(reread) = unasked.next()
        {
            desk.ask(reread.clone());
        }
        let found = answer(&mut desk);
        assert!(found.sources.iter().all(|source| source.found.is_ok()), "{found:?}");
        left.remove(&(found.asked.trace_id, found.asked.sources[0]));
    }
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn brokers_that_are_away_are_waited_for_so_long_and_no_longer() {
    let broker = broker(&[]);
    let rereader = rereader(&broker, Duration::from_millis(300));
    drop(broker);
    let mut desk = rereader.desk();
    desk.ask(reread(1, &[4, 5]));
    let late = answer(&mut desk).sources;
    let expect = |offset| RereadSource { offset, found: Err(Missing::Timeout) };
    assert_eq!(late, [expect(4), expect(5)]);
}

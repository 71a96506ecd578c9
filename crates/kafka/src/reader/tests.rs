use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::{EmbeddedBroker, Outgoing, TopicError, Writer};

fn write(settings: &ClientSettings, records: &[Outgoing<'_>]) {
    let mut writer = Writer::new(settings).unwrap();
    for record in records {
        writer.send(*record).unwrap();
    }
    writer.flush(PATIENCE).unwrap();
}

fn numbered(topic: &str, partition: i32, numbers: std::ops::Range<u8>, settings: &ClientSettings) {
    let values: Vec<_> = numbers.map(|number| [number]).collect();
    let record =
        |value| Outgoing { topic, partition: Some(partition), value, ..Outgoing::default() };
    let records: Vec<_> = values.iter().map(|value| record(Some(value.as_slice()))).collect();
    write(settings, &records);
}

#[test]
fn a_record_comes_back_as_it_was() {
    let broker = EmbeddedBroker::start(1, &[("t", 2)]).unwrap();
    let settings = broker.client_settings();
    let record = Outgoing {
        topic: "t",
        partition: Some(1),
        key: Some(b"key"),
        value: None,
        headers: &[("a", b"1"), ("a", b""), ("b", b"\xff\0")],
        timestamp_ms: Some(1_234),
    };
    write(&settings, &[record, Outgoing { key: None, value: Some(b""), headers: &[], ..record }]);
    let mut reader = Reader::open(&settings, "t", Isolation::Committed).unwrap();
    assert_eq!(
        reader.next(PATIENCE).unwrap().unwrap(),
        StoredRecord {
            partition: 1,
            offset: 0,
            timestamp_ms: Some(1_234),
            key: Some(b"key".to_vec()),
            value: None,
            headers: vec![
                ("a".to_owned(), Some(b"1".to_vec())),
                ("a".to_owned(), Some(Vec::new())),
                ("b".to_owned(), Some(b"\xff\0".to_vec())),
            ],
        }
    );
    let second = reader.next(PATIENCE).unwrap().unwrap();
    assert_eq!((second.key, second.value, second.headers), (None, Some(Vec::new()), Vec::new()));
    assert!(reader.at_end());
    assert_eq!(reader.next(PATIENCE).unwrap(), None);
}

#[test]
fn the_end_is_the_one_of_the_opening() {
    let broker = EmbeddedBroker::start(1, &[("t", 2)]).unwrap();
    let settings = broker.client_settings();
    numbered("t", 0, 0..5, &settings);
    numbered("t", 1, 0..3, &settings);
    let mut reader = Reader::open(&settings, "t", Isolation::Uncommitted).unwrap();
    numbered("t", 0, 5..9, &settings);
    let records = reader.read_all(PATIENCE).unwrap();
    assert_eq!(records.len(), 8);
    assert!(reader.at_end());
    let positions: Vec<_> = reader.positions().iter().map(|p| p.offset).collect();
    assert_eq!(positions, [5, 3]);
}

#[test]
fn an_empty_topic_is_at_its_end_at_once() {
    let broker = EmbeddedBroker::start(1, &[("t", 2)]).unwrap();
    let settings = broker.client_settings();
    let mut reader = Reader::open(&settings, "t", Isolation::Committed).unwrap();
    assert!(reader.at_end());
    assert_eq!(reader.read_all(Duration::ZERO).unwrap(), []);
}

#[test]
fn ranges_are_read_exactly() {
    let broker = EmbeddedBroker::start(1, &[("t", 3)]).unwrap();
    let settings = broker.client_settings();
    for partition in 0..3 {
        numbered("t", partition, 0..10, &settings);
    }
    let ranges = [
        ReadRange { partition: 0, start: 2, end: Some(5) },
        ReadRange { partition: 2, start: 8, end: Some(100) },
    ];
    let open =
        |ranges: &[ReadRange]| Reader::open_ranges(&settings, "t", Isolation::Uncommitted, ranges);
    let mut found: Vec<_> = open(&ranges)
        .unwrap()
        .read_all(PATIENCE)
        .unwrap()
        .iter()
        .map(|record| (record.partition, record.offset, record.value.clone().unwrap()[0]))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [(0, 2, 2), (0, 3, 3), (0, 4, 4), (2, 8, 8), (2, 9, 9)]);

    let error = open(&[ReadRange { partition: 3, start: 0, end: None }]).err().unwrap();
    assert!(error.to_string().contains("partition 3 of 3"), "{error}");
}

#[test]
fn visiting_can_stop_and_go_on() {
    let broker = EmbeddedBroker::start(1, &[("t", 1)]).unwrap();
    let settings = broker.client_settings();
    numbered("t", 0, 0..10, &settings);
    let mut reader = Reader::open(&settings, "t", Isolation::Uncommitted).unwrap();
    let mut seen = Vec::new();
    let visited = reader.for_each(PATIENCE, |record| {
        seen.push(record.value().unwrap()[0]);
        if seen.len() == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(visited.unwrap(), 4);
    assert!(!reader.at_end());
    assert_eq!(reader.read_all(PATIENCE).unwrap().len(), 6);
    assert_eq!(seen, [0, 1, 2, 3]);
}

#[test]
fn a_follower_sees_what_comes_later() {
    let broker = EmbeddedBroker::start(1, &[("t", 1)]).unwrap();
    let settings = broker.client_settings();
    let mut reader = Reader::follow(&settings, "t", Isolation::Committed).unwrap();
    assert_eq!(reader.next(Duration::from_millis(10)).unwrap(), None);
    assert!(!reader.at_end());
    numbered("t", 0, 0..1, &settings);
    assert_eq!(reader.next(PATIENCE).unwrap().unwrap().value.unwrap(), [0]);
    assert!(!reader.at_end());
}

#[test]
fn silence_before_the_end_is_an_error() {
    let broker = EmbeddedBroker::start(1, &[("t", 1)]).unwrap();
    let settings = broker.client_settings();
    numbered("t", 0, 0..3, &settings);
    let cut = RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT;
    broker.with(move |cluster| cluster.request_errors(RDKafkaApiKey::Fetch, &[cut; 1000])).unwrap();
    let mut reader = Reader::open(&settings, "t", Isolation::Uncommitted).unwrap();
    let error = reader.read_all(Duration::from_millis(300)).unwrap_err();
    let ReadError::Stalled { partition, position, end, .. } = &error else {
        panic!("expected a stall, got {error}");
    };
    assert_eq!((*partition, *position, *end), (0, 0, 3));

    broker.with(|cluster| cluster.clear_request_errors(RDKafkaApiKey::Fetch)).unwrap();
    assert_eq!(reader.read_all(PATIENCE).unwrap().len(), 3);
}

#[test]
fn a_missing_topic_says_so() {
    let broker = EmbeddedBroker::start(1, &[]).unwrap();
    let settings = broker.client_settings();
    let open = |topic| Reader::open(&settings, topic, Isolation::Committed).err().unwrap();
    assert!(matches!(open("nowhere"), ReadError::Topic(TopicError::Missing { .. })));
    assert!(matches!(open("no where"), ReadError::Topic(TopicError::Name { .. })));
}

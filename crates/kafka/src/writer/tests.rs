use super::*;
use crate::{EmbeddedBroker, Isolation, Reader, partition_fnv1a, partition_murmur2};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn keyed_records_go_where_the_partitioner_says() {
    let broker = EmbeddedBroker::start(1, &[("fnv", 5), ("murmur", 5)]).unwrap();
    let settings = broker.client_settings();
    for (topic, partitioner) in [("fnv", Partitioner::Fnv1a), ("murmur", Partitioner::Murmur2)] {
        let mut writer = Writer::with_partitioner(&settings, partitioner).unwrap();
        for number in 0..200 {
            let key = format!("key-{number}");
            let key = Some(key.as_bytes());
            writer.send(Outgoing { topic, key, value: Some(b"v"), ..Outgoing::default() }).unwrap();
        }
        assert_eq!(writer.flush(PATIENCE).unwrap().acked, 200);
        let mut reader = Reader::open(&settings, topic, Isolation::Uncommitted).unwrap();
        let records = reader.read_all(PATIENCE).unwrap();
        assert_eq!(records.len(), 200);
        for record in records {
            let key = record.key.unwrap();
            assert_eq!(record.partition, partitioner.partition(&key, 5));
            let other = match partitioner {
                Partitioner::Fnv1a => partition_fnv1a(&key, 5),
                Partitioner::Murmur2 => partition_murmur2(&key, 5),
            };
            assert_eq!(record.partition, other);
        }
    }
}

#[test]
fn a_full_queue_waits_and_then_fails() {
    let broker = EmbeddedBroker::start(1, &[("t", 1)]).unwrap();
    broker.set_broker_up(1, false).unwrap();
    let mut settings = broker.client_settings();
    settings.properties.insert("queue.buffering.max.messages".into(), "10".into());
    let patience = Duration::from_millis(50);
    let mut writer = Writer::new(&settings).unwrap().with_send_patience(patience);
    let record = Outgoing { topic: "t", value: Some(b"v"), ..Outgoing::default() };
    for _ in 0..10 {
        writer.send(record).unwrap();
    }
    let error = writer.send(record).unwrap_err();
    assert!(matches!(&error, WriteError::QueueFull { waited, .. } if *waited >= patience));
    let error = writer.flush(patience).unwrap_err();
    assert!(matches!(error, WriteError::FlushTimeout { outstanding: 10, .. }), "{error}");

    broker.set_broker_up(1, true).unwrap();
    writer = writer.with_send_patience(PATIENCE);
    for _ in 0..30 {
        writer.send(record).unwrap();
    }
    let report = writer.flush(PATIENCE).unwrap();
    assert_eq!((report.sent, report.acked, report.failed), (40, 40, 0));
}

#[test]
fn records_given_up_are_counted_and_explained() {
    let broker = EmbeddedBroker::start(1, &[("t", 1)]).unwrap();
    broker.set_broker_up(1, false).unwrap();
    let mut settings = broker.client_settings();
    settings.properties.insert("message.timeout.ms".into(), "100".into());
    let mut writer = Writer::new(&settings).unwrap();
    for _ in 0..3 {
        let record = Outgoing { topic: "t", value: Some(b"v"), ..Outgoing::default() };
        writer.send(record).unwrap();
    }
    let error = writer.flush(PATIENCE).unwrap_err();
    let WriteError::Undelivered { failed, total, first } = &error else {
        panic!("expected undelivered records, got {error}");
    };
    assert_eq!((*failed, *total), (3, 3));
    assert!(first.starts_with("topic t partition "), "{first}");
    assert_eq!(writer.report().first_error.as_ref(), Some(first));
}

#[test]
fn a_record_too_large_is_refused_at_once() {
    let broker = EmbeddedBroker::start(1, &[("t", 1)]).unwrap();
    let mut settings = broker.client_settings();
    settings.properties.insert("message.max.bytes".into(), "2000".into());
    settings.properties.insert("batch.size".into(), "2000".into());
    let mut writer = Writer::new(&settings).unwrap();
    let value = vec![0; 3000];
    let record = Outgoing { topic: "t", value: Some(&value), ..Outgoing::default() };
    let error = writer.send(record).unwrap_err();
    assert!(matches!(error, WriteError::Refused { bytes: 3000, .. }), "{error}");
    let record = Outgoing { topic: "a\0b", ..Outgoing::default() };
    assert!(matches!(writer.send(record), Err(WriteError::Refused { .. })));
}

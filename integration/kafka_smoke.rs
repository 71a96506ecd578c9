//! The Kafka crate against a real broker.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use tailsift_fixture::{KafkaBroker, SharedKafka, integration_main, unique_name};
use tailsift_kafka::{
    Admin, Ensured, Isolation, Membership, Outgoing, PartitionOffset, Partitioner, ReadRange,
    Reader, RevokeHandler, Source, SourceEvent, SourceSettings, Start, TopicPlan, Topics, Writer,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    integration_main(vec![
        ("topics_are_made_and_verified", topics_are_made_and_verified),
        ("records_come_back_as_they_were", records_come_back_as_they_were),
        ("keys_go_where_the_partitioner_says", keys_go_where_the_partitioner_says),
        ("deleted_records_are_passed_over", deleted_records_are_passed_over),
        ("a_bulk_load_is_written_and_read", a_bulk_load_is_written_and_read),
        ("a_member_is_given_each_record_once", a_member_is_given_each_record_once),
        ("a_broker_outlives_stalls_and_crashes", a_broker_outlives_stalls_and_crashes),
    ])
}

fn plan(name: &str, partitions: i32) -> TopicPlan {
    TopicPlan {
        name: name.to_owned(),
        partitions,
        replication_factor: None,
        configs: [("retention.ms".to_owned(), "3600000".to_owned())].into(),
        ..TopicPlan::default()
    }
}

fn topics_are_made_and_verified() -> anyhow::Result<()> {
    let kafka = SharedKafka::require()?;
    let admin = Admin::new(&kafka.client_settings())?;
    let topic = unique_name("made");
    ensure!(admin.partitions(&topic)?.is_none());
    let missing = admin.verify(&plan(&topic, 3))?;
    ensure!(missing.len() == 1 && missing[0].what == "topic", "{missing:?}");

    ensure!(admin.ensure(&plan(&topic, 3))? == Ensured::Created);
    ensure!(admin.partitions(&topic)? == Some(3));
    ensure!(admin.ensure(&plan(&topic, 3))? == Ensured::Existed(Vec::new()));
    let configs =
        admin.describe(&topic)?.context("missing")?.configs.map_err(anyhow::Error::msg)?;
    ensure!(configs.get("retention.ms").is_some_and(|value| value == "3600000"));

    let mut other = plan(&topic, 4);
    other.configs.insert("cleanup.policy".to_owned(), "compact".to_owned());
    let Ensured::Existed(findings) = admin.ensure(&other)? else {
        anyhow::bail!("the topic was made twice");
    };
    let what: Vec<_> = findings.iter().map(|finding| finding.what.as_str()).collect();
    ensure!(what == ["partitions", "cleanup.policy"], "{findings:?}");

    let mut impossible = plan(&unique_name("impossible"), 1);
    impossible.configs.insert("retention.ms".to_owned(), "soon".to_owned());
    let error = admin.ensure(&impossible).err().context("a nonsensical setting was taken")?;
    ensure!(error.to_string().contains("creating it failed"), "{error}");

    let committed = admin.committed_offsets(&unique_name("group"), &topic)?;
    ensure!(committed.len() == 3 && committed.iter().all(|c| c.offset.is_none()));
    Ok(())
}

fn records_come_back_as_they_were() -> anyhow::Result<()> {
    let kafka = SharedKafka::require()?;
    let settings = kafka.client_settings();
    let topic = unique_name("round-trip");
    let admin = Admin::new(&settings)?;
    admin.ensure(&plan(&topic, 2))?;

    let headers: &[(&str, &[u8])] = &[("a", b"1"), ("b", b""), ("a", b"\xff\0")];
    // The broker refuses stamps far ahead of its clock, and retention deletes old ones.
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let record = Outgoing {
        topic: &topic,
        partition: Some(1),
        key: Some(b"key"),
        value: Some(b"value"),
        headers,
        timestamp_ms: Some(now_ms),
    };
    let mut writer = Writer::new(&settings)?;
    writer.send(record)?;
    writer.send(Outgoing { value: None, timestamp_ms: Some(now_ms + 5), ..record })?;
    writer.send(Outgoing { key: None, headers: &[], timestamp_ms: Some(now_ms + 9), ..record })?;
    ensure!(writer.flush(PATIENCE)?.acked == 3);

    for isolation in [Isolation::Committed, Isolation::Uncommitted] {
        let records = Reader::open(&settings, &topic, isolation)?.read_all(PATIENCE)?;
        ensure!(records.len() == 3, "{records:?}");
        ensure!(records.iter().all(|record| record.partition == 1));
        let values: Vec<_> = records.iter().map(|record| record.value.as_deref()).collect();
        ensure!(values == [Some(&b"value"[..]), None, Some(b"value")]);
        let keys: Vec<_> = records.iter().map(|record| record.key.as_deref()).collect();
        ensure!(keys == [Some(&b"key"[..]), Some(b"key"), None]);
        let times: Vec<_> = records.iter().filter_map(|record| record.timestamp_ms).collect();
        ensure!(times == [now_ms, now_ms + 5, now_ms + 9]);
        let found: Vec<_> =
            records[0].headers.iter().map(|(n, v)| (n.as_str(), v.as_deref())).collect();
        let sent: Vec<_> = headers.iter().map(|(name, value)| (*name, Some(*value))).collect();
        ensure!(found == sent, "{found:?}");
        ensure!(records[2].headers.is_empty());
    }

    let at = admin.offsets_at(&topic, now_ms + 5)?;
    ensure!(at == [None, Some(PartitionOffset { partition: 1, offset: 1 })], "{at:?}");
    Ok(())
}

fn keys_go_where_the_partitioner_says() -> anyhow::Result<()> {
    let kafka = SharedKafka::require()?;
    let settings = kafka.client_settings();
    for partitioner in [Partitioner::Fnv1a, Partitioner::Murmur2] {
        let topic = unique_name("keyed");
        Admin::new(&settings)?.ensure(&plan(&topic, 5))?;
        let mut writer = Writer::with_partitioner(&settings, partitioner)?;
        for number in 0..500 {
            let key = format!("{number:032x}");
            let key = Some(key.as_bytes());
            writer.send(Outgoing { topic: &topic, key, ..Outgoing::default() })?;
        }
        writer.flush(PATIENCE)?;
        let mut reader = Reader::open(&settings, &topic, Isolation::Committed)?;
        let records = reader.read_all(PATIENCE)?;
        ensure!(records.len() == 500);
        for record in records {
            let key = record.key.context("a record without a key")?;
            ensure!(record.partition == partitioner.partition(&key, 5), "{partitioner:?} {key:?}");
        }
    }
    Ok(())
}

fn deleted_records_are_passed_over() -> anyhow::Result<()> {
    let kafka = SharedKafka::require()?;
    let settings = kafka.client_settings();
    let topic = unique_name("deleted");
    let admin = Admin::new(&settings)?;
    admin.ensure(&plan(&topic, 1))?;
    let mut writer = Writer::new(&settings)?;
    for number in 0..10u8 {
        writer.send(Outgoing { topic: &topic, value: Some(&[number]), ..Outgoing::default() })?;
    }
    writer.flush(PATIENCE)?;
    let start = PartitionOffset { partition: 0, offset: 4 };
    admin.delete_records_below(&topic, &[start])?;
    ensure!(admin.log_starts(&topic)? == [start]);
    let end = PartitionOffset { partition: 0, offset: 10 };
    ensure!(admin.end_offsets(&topic, Isolation::Committed)? == [end]);

    let ranges = [ReadRange { partition: 0, start: 0, end: Some(7) }];
    let mut reader = Reader::open_ranges(&settings, &topic, Isolation::Committed, &ranges)?;
    let offsets: Vec<_> = reader.read_all(PATIENCE)?.iter().map(|record| record.offset).collect();
    ensure!(offsets == [4, 5, 6], "{offsets:?}");
    Ok(())
}

fn a_bulk_load_is_written_and_read() -> anyhow::Result<()> {
    const RECORDS: u32 = 200_000;
    let kafka = SharedKafka::require()?;
    let settings = kafka.client_settings();
    let topic = unique_name("bulk");
    Admin::new(&settings)?.ensure(&plan(&topic, 8))?;

    let mut writer = Writer::new(&settings)?;
    let mut value = [7; 1000];
    for number in 0..RECORDS {
        value[..4].copy_from_slice(&number.to_le_bytes());
        let key = Some(&value[..4]);
        writer.send(Outgoing { topic: &topic, key, value: Some(&value), ..Outgoing::default() })?;
    }
    ensure!(writer.flush(PATIENCE)?.acked == u64::from(RECORDS));

    let mut reader = Reader::open(&settings, &topic, Isolation::Committed)?;
    let (mut sum, mut bytes) = (0, 0);
    let visited = reader.for_each(PATIENCE, |record| {
        let value = record.value().unwrap_or_default();
        let number = value.first_chunk().map_or(u32::MAX, |number| u32::from_le_bytes(*number));
        sum += u64::from(number);
        bytes += value.len();
        ControlFlow::Continue(())
    })?;
    ensure!(visited == u64::from(RECORDS) && bytes == RECORDS as usize * 1000);
    ensure!(sum == u64::from(RECORDS) * u64::from(RECORDS - 1) / 2);
    Ok(())
}

struct Careless;

impl RevokeHandler for Careless {
    fn handle_revoked(&self, _: &Membership<'_>, _: &[i32]) {}

    fn handle_lost(&self, _: &[i32]) {}
}

/// Through pauses at any record, from wherever it starts, and once more when it reads again.
fn a_member_is_given_each_record_once() -> anyhow::Result<()> {
    const RECORDS: i64 = 600;
    let kafka = SharedKafka::require()?;
    let topic = unique_name("member");
    Admin::new(&kafka.client_settings())?.ensure(&plan(&topic, 3))?;
    let mut writer = Writer::new(&kafka.client_settings())?;
    for number in 0..RECORDS {
        let value = number.to_string();
        for partition in 0..3 {
            let (partition, value) = (Some(partition), Some(value.as_bytes()));
            writer.send(Outgoing { topic: &topic, partition, value, ..Outgoing::default() })?;
        }
    }
    writer.flush(PATIENCE)?;
    let settings = SourceSettings {
        client: kafka.client_settings(),
        group: unique_name("members"),
        instance: None,
        subscription: vec![topic.clone()],
        topics: Topics::new(&topic),
        start: Start::Earliest,
        scope: 1,
    };
    let source = Source::join(settings, Box::new(Careless))?;
    for starts in [[0, 250, RECORDS - 1], [RECORDS - 1, 0, 77]] {
        let mut next: BTreeMap<i32, i64> = (0..3).zip(starts).collect();
        let mut left: i64 = starts.iter().map(|start| RECORDS - start).sum();
        let until = Instant::now() + PATIENCE;
        while left > 0 {
            ensure!(Instant::now() < until, "{left} are missing: {next:?}");
            match source.poll(Duration::from_millis(20))? {
                SourceEvent::Record(record) => {
                    let next = next.get_mut(&record.partition()).context("a strange partition")?;
                    ensure!(record.offset() == *next, "{record:?} in place of {next}");
                    ensure!(record.value() == Some(next.to_string().as_bytes()), "{record:?}");
                    *next += 1;
                    left -= 1;
                }
                SourceEvent::Assigned(partitions) => {
                    for one in partitions {
                        source.start(one.partition, next[&one.partition])?;
                    }
                }
                SourceEvent::Given | SourceEvent::Idle => continue,
            }
            if left % 37 == 0 {
                source.set_paused(true)?;
                let event = source.poll(Duration::from_millis(5))?;
                ensure!(!matches!(event, SourceEvent::Record(_)), "{event:?} while paused");
                source.set_paused(false)?;
            }
        }
        let event = source.poll(Duration::from_millis(200))?;
        ensure!(!matches!(event, SourceEvent::Record(_)), "{event:?} is more than there was");
        source.reread()?;
    }
    Ok(())
}

fn a_broker_outlives_stalls_and_crashes() -> anyhow::Result<()> {
    let mut broker = KafkaBroker::start("crash")?;
    let settings = broker.client_settings();
    let topic = unique_name("crash");
    Admin::new(&settings)?.ensure(&plan(&topic, 1))?;
    let mut writer = Writer::new(&settings)?;
    let mut send = |number: u8| {
        writer.send(Outgoing { topic: &topic, value: Some(&[number]), ..Outgoing::default() })?;
        anyhow::Ok(writer.report().sent)
    };
    send(0)?;
    broker.sigstop()?;
    send(1)?;
    broker.sigcont()?;
    broker.kill9()?;
    let sent = send(2)?;
    broker.restart()?;
    let report = writer.flush(PATIENCE)?;
    ensure!(report.acked == sent, "{report:?}");
    let records = Reader::open(&settings, &topic, Isolation::Committed)?.read_all(PATIENCE)?;
    let values: Vec<_> = records.iter().filter_map(|record| record.value.as_deref()).collect();
    ensure!(values == [&[0][..], &[1], &[2]], "{values:?}");
    Ok(())
}

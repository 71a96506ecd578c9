use super::*;
use crate::{EmbeddedBroker, Outgoing, Writer};

fn plan(partitions: i32, configs: &[(&str, &str)]) -> TopicPlan {
    TopicPlan {
        name: "t".into(),
        partitions,
        replication_factor: Some(2),
        configs: configs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        ..TopicPlan::default()
    }
}

fn description(configs: Result<&[(&str, &str)], &str>) -> TopicDescription {
    TopicDescription {
        partitions: 4,
        replication_factor: 2,
        configs: configs
            .map(|configs| configs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
            .map_err(str::to_owned),
    }
}

fn found(plan: &TopicPlan, actual: Option<&TopicDescription>) -> Vec<String> {
    let text = |f: &Finding| format!("{}: expected {}, got {}", f.what, f.expected, f.got);
    plan.compare(actual).iter().map(text).collect()
}

#[test]
fn differences_from_the_plan_are_found() {
    let is = description(Ok(&[("retention.ms", "1000"), ("cleanup.policy", "compact")]));
    let none: [&str; 0] = [];
    assert_eq!(found(&plan(4, &[("retention.ms", "1000")]), Some(&is)), none);
    assert_eq!(found(&plan(4, &[]), None), ["topic: expected exists, got missing"]);
    let wanted = plan(8, &[("cleanup.policy", "delete"), ("x", "1"), ("retention.ms", "1000")]);
    assert_eq!(
        found(&wanted, Some(&is)),
        [
            "partitions: expected 8, got 4",
            "cleanup.policy: expected delete, got compact",
            "x: expected 1, got unset",
        ]
    );
    assert!(wanted.compare(Some(&is))[0].remedy.contains("plan fewer"));
    assert!(plan(2, &[]).compare(Some(&is))[0].remedy.contains("cannot shrink"));
    let more = TopicPlan { replication_factor: Some(3), ..plan(4, &[]) };
    assert_eq!(found(&more, Some(&is)), ["replication factor: expected 3, got 2"]);
    let any = TopicPlan { replication_factor: None, ..plan(4, &[]) };
    assert_eq!(found(&any, Some(&is)), none);
}

#[test]
fn lower_bounds_are_met_by_more_and_by_no_bound() {
    let of = |least: i64, got: &'static str| {
        let at_least = [("retention.ms".to_owned(), least)].into();
        let is = description(Ok(&[("retention.ms", got)]));
        found(&TopicPlan { at_least, ..plan(4, &[]) }, Some(&is))
    };
    let none: [&str; 0] = [];
    for (least, got) in [(5, "5"), (5, "6"), (5, "-1"), (-1, "-1")] {
        assert_eq!(of(least, got), none, "{least}, {got}");
    }
    assert_eq!(of(5, "4"), ["retention.ms: expected at least 5, got 4"]);
    assert_eq!(of(-1, "4"), ["retention.ms: expected -1 (no bound), got 4"]);
    assert_eq!(of(5, "soon"), ["retention.ms: expected at least 5, got soon"]);
}

#[test]
fn settings_that_cannot_be_read_matter_only_if_planned() {
    let is = description(Err("denied"));
    assert!(plan(4, &[]).compare(Some(&is)).is_empty());
    let planned = plan(4, &[("retention.ms", "1")]);
    assert_eq!(
        found(&planned, Some(&is)),
        ["settings: expected retention.ms, got not readable: denied"]
    );
    assert!(!planned.compare(Some(&is))[0].is_told, "nothing is known to be wrong");
}

#[test]
fn a_bound_that_is_not_known_is_held_against_nothing() {
    let unknown = TopicPlan {
        at_least: [("retention.ms".to_owned(), -1)].into(),
        unknown: ["retention.ms".to_owned()].into(),
        ..plan(4, &[])
    };
    let none: [&str; 0] = [];
    assert_eq!(found(&unknown, Some(&description(Ok(&[("retention.ms", "4")])))), none);
    assert_eq!(found(&unknown, Some(&description(Err("denied")))), none);
    assert_eq!(unknown.settings()["retention.ms"], "-1", "made, it keeps all");
}

#[test]
fn offsets_are_told_per_partition() {
    let broker = EmbeddedBroker::start(1, &[("t", 3)]).unwrap();
    let settings = broker.client_settings();
    let mut writer = Writer::new(&settings).unwrap();
    for (partition, timestamp_ms) in [(0, 1_000), (2, 1_000), (2, 2_000)] {
        let record = Outgoing {
            topic: "t",
            partition: Some(partition),
            timestamp_ms: Some(timestamp_ms),
            ..Outgoing::default()
        };
        writer.send(record).unwrap();
    }
    writer.flush(PATIENCE).unwrap();
    let admin = Admin::new(&settings).unwrap();
    let numbers = |offsets: Vec<PartitionOffset>| -> Vec<_> {
        offsets.iter().map(|o| (o.partition, o.offset)).collect()
    };
    for isolation in [Isolation::Committed, Isolation::Uncommitted] {
        let ends = admin.end_offsets("t", isolation).unwrap();
        assert_eq!(numbers(ends), [(0, 1), (1, 0), (2, 2)]);
    }
    assert_eq!(numbers(admin.log_starts("t").unwrap()), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(admin.partitions("t").unwrap(), Some(3));
    assert_eq!(admin.partitions("nowhere").unwrap(), None);
    assert!(matches!(admin.log_starts("nowhere"), Err(TopicError::Missing { .. })));
    assert!(matches!(admin.partitions(""), Err(TopicError::Name { .. })));
    assert_eq!(admin.brokers().unwrap(), 1);
    let committed = admin.committed_offsets("g", "t").unwrap();
    assert_eq!(committed.len(), 3);
    assert!(committed.iter().all(|c| c.offset.is_none() && c.metadata.is_empty()));
}

#[test]
fn a_broker_without_administration_is_told_apart() {
    let broker = EmbeddedBroker::start(3, &[("t", 4)]).unwrap();
    let admin = Admin::new(&broker.client_settings()).unwrap();
    // librdkafka waits as long as it may for a broker that knows the request.
    let admin = admin.with_patience(Duration::from_millis(500));
    let described = admin.describe("t").unwrap().unwrap();
    assert_eq!((described.partitions, described.replication_factor), (4, 3));
    assert!(described.configs.is_err());
    assert!(matches!(admin.allowed(&["t"]), Err(TopicError::Request { .. })));
    assert!(matches!(admin.allowed(&["no/name"]), Err(TopicError::Name { .. })));
    assert_eq!(admin.ensure(&plan(4, &[])).unwrap(), Ensured::Existed(Vec::new()));
    let missing = TopicPlan { name: "other".into(), ..plan(1, &[]) };
    let error = admin.ensure(&missing).unwrap_err();
    assert!(error.to_string().starts_with("topic other: creating it failed: "), "{error}");
    let error = admin.await_leaders("other", 1).unwrap_err();
    assert!(matches!(error, TopicError::NotVisible { partitions: 1, .. }), "{error}");
}

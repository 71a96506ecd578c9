//! `--set key.path=value`.

use expect_test::expect;
use tailsift_config::{Config, Report, load};

use crate::{BASE, no_file};

fn set(overrides: &[&str]) -> Result<Config, String> {
    let overrides: Vec<_> = overrides.iter().map(|text| (*text).to_owned()).collect();
    load(BASE, &overrides, &|_| None, &no_file).map_err(|errors| Report(&errors).to_string())
}

#[test]
fn values_are_taken_as_they_are() {
    let config = set(&[
        "group=5",
        "workers=4",
        "epoch=1s",
        "instance=",
        "dead_letters=off",
        "input.topic=a",
        "output={topic: b}",
        "kafka.bootstrap_servers=x:1,y:2",
        "kafka.properties.sasl.password=it's: {a= [secret #1",
        "window.memory_limit=2MiB",
        "http={listen: '0.0.0.0:1'}",
        "derive.confidence.attributes=[mine]",
    ])
    .unwrap();
    assert_eq!((config.group.as_str(), config.workers, config.epoch.as_secs()), ("5", 4, 1));
    assert_eq!((config.instance, config.dead_letters), (None, None));
    assert_eq!((config.input.topics[0].as_str(), config.output.topic.as_str()), ("a", "b"));
    assert_eq!(config.kafka.bootstrap_servers, "x:1,y:2");
    assert_eq!(config.kafka.properties["sasl.password"], "it's: {a= [secret #1");
    assert_eq!(config.window.memory_limit, 2 << 20);
    assert_eq!(config.http.unwrap().listen.port(), 1);
}

#[test]
fn the_last_one_counts() {
    assert_eq!(set(&["group=a", "group=b"]).unwrap().group, "b");
}

#[test]
fn policies_are_reached_by_index() {
    let config = set(&[
        "policies=[{name: a, type: latency, latency: {threshold_ms: 5}}]",
        "policies[0].latency.threshold_ms=7",
        "policies[0].name=slow",
    ])
    .unwrap();
    let [policy] = config.policies() else { panic!("one policy") };
    expect![[r#"
        Policy {
            name: "slow",
            kind: Latency(
                Latency {
                    threshold_ms: 7,
                    upper_threshold_ms: 0,
                },
            ),
        }
    "#]]
    .assert_debug_eq(policy);
    let config = set(&[
        "policies=[{name: a, type: low_confidence, low_confidence: {below: 0.5}}]",
        "policies[0].low_confidence.per_model_version.v1.2=0.75",
    ])
    .unwrap();
    assert!(format!("{:?}", config.policies()).contains("{\"v1.2\": 0.75}"));
}

#[test]
fn values_may_hold_references() {
    let overrides = ["group=${env:TEAM:-blue}-tail".to_owned()];
    let config = load(BASE, &overrides, &|_| None, &no_file).unwrap();
    assert_eq!(config.group, "blue-tail");
}

#[test]
fn what_does_not_do() {
    let (deep, long) = ("a.".repeat(1000), format!("{}b=1", "a.".repeat(1000)));
    let cases = [
        "group",
        "=x",
        "a..b=x",
        "policies[x].name=y",
        "policies[7].name=y",
        "group[0]=y",
        "gruop=x",
        "window.decision_wait=30",
        "window=30s",
        "policies=[{name: a",
        "kafka.properties.group.id=x",
        &deep,
        &long,
    ];
    let told = |case: &&str| match set(&[case]) {
        Ok(_) => panic!("{case} loads"),
        Err(report) => report,
    };
    expect![[r#"
        --set expected key.path=value, for example window.decision_wait=10s
        --set expected key.path=value, for example window.decision_wait=10s
        --set "a..b" has an empty step: expected key.path=value, for example window.decision_wait=10s
        --set "policies[x].name" has a bad index: expected key.path=value, for example window.decision_wait=10s
        --set policies[7].name: policies has 1 items, counted from 0
        --set group[0]: group is no list that could be indexed
        --set gruop: unknown key: did you mean group? known here: kafka, group, instance, workers, delivery, epoch, input, repartition, output, decisions, second_chance, dead_letters, window, policies, sample_on_first_match, maximum_trace_size_bytes, compatibility, derive, redaction, reload, http
        --set window.decision_wait: expected a duration with a unit (ms, s, m, h) such as 30s, got 30
        --set window: expected a mapping with the keys decision_wait, decision_wait_after_root_received, completion, settle, remote_parents, edges_max, memory_limit, spans_per_trace_limit, bytes_per_trace_limit, got 30s
        --set policies: is not YAML: unclosed bracket '{'
        --set kafka.properties.group.id: is set by tailsift: use group
        --set expected key.path=value, for example window.decision_wait=10s
        --set "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.…" has more than 16 steps
    "#]].assert_eq(&cases.iter().map(told).collect::<String>());
}

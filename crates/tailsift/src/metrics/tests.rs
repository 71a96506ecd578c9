use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use expect_test::expect_file;
use tailsift_otlp::JsonError;
use tailsift_policy::Tally;

use super::*;

#[test]
fn the_reference_is_fresh() {
    expect_file!["../../../../schemas/metrics.md"].assert_eq(&markdown());
}

fn markdown() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         What `/metrics` shows, in Prometheus' text format. Generated from the table in \
         `crates/tailsift/src/metrics/table.rs`; `UPDATE_EXPECT=1 cargo test -p tailsift` \
         writes it anew.\n\n\
         Counters never start over while the process lives. `worker` is the number of the \
         worker in its process, `partition` one of the input topic; a partition that was given \
         up is not shown.\n\n\
         Of each worker, at every scrape, no span is missing and none is in two places:\n\n\
         ```promql\n\
         tailsift_spans_total == tailsift_spans_kept_total + tailsift_spans_dropped_total\n\
         \x20 + tailsift_spans_open + tailsift_second_chance_spans_waiting\n\
         \x20 + tailsift_spans_given_up_total + tailsift_spans_covered_total \
         + tailsift_spans_repeated_total\n\
         ```\n\n\
         Spans without a usable trace ID, and those of records that cannot be read, are counted \
         apart: `tailsift_malformed_spans_total`, `tailsift_poison_records_total`.\n\n\
         | metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n",
    );
    for metric in TABLE {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            metric.name,
            kind(metric),
            labels.join(", "),
            metric.help
        );
    }
    for metric in TABLE {
        if let Source::Histogram(bounds) = metric.source {
            let bounds: Vec<_> = bounds.iter().map(f64::to_string).collect();
            let _ = write!(text, "\nBuckets of `{}`: {}.\n", metric.name, bounds.join(", "));
        }
    }
    text
}

fn kind(metric: &Metric) -> &'static str {
    match metric.source {
        Source::Stats(_) | Source::Rekey(_) | Source::Sink(_) | Source::Counter => "counter",
        Source::Gauges(_) | Source::Gauge => "gauge",
        Source::Histogram(_) => "histogram",
    }
}

#[test]
fn names_follow_the_conventions() {
    let mut names = BTreeSet::new();
    for metric in TABLE {
        assert!(names.insert(metric.name), "{} is there twice", metric.name);
        assert!(metric.name.starts_with("tailsift_"), "{}", metric.name);
        assert!(metric.name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'));
        assert_eq!(metric.name.ends_with("_total"), kind(metric) == "counter", "{}", metric.name);
        assert!(metric.help.ends_with('.') && !metric.help.contains('|'), "{}", metric.help);
    }
}

/// An exposition of an exporter of its own.
pub(crate) fn exposition() -> Exposition {
    build().unwrap().1
}

/// Runs `body` with an exporter of its own and returns what it shows after.
fn rendered(body: impl FnOnce()) -> String {
    let (recorder, exposition) = build().unwrap();
    metrics::with_local_recorder(&recorder, body);
    exposition.render()
}

/// Metric names (of histograms without suffix) with their samples' labels and values.
fn samples(text: &str) -> BTreeMap<&str, Vec<(&str, f64)>> {
    let mut samples: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let name = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        samples.entry(name).or_default().push((labels, value.parse().unwrap()));
    }
    samples
}

/// Statistics in which every number is another one: a new field has to be named here.
fn distinct_stats() -> Stats {
    Stats {
        records: 1001,
        record_bytes: 1002,
        spans: 1003,
        malformed_spans: 1004,
        poison_records: 1,
        empty_records: 1006,
        repeated_records: 1019,
        spans_repeated: 1035,
        spans_covered: 1036,
        traces_opened: 1007,
        closed: [1101, 1102, 1103, 1104, 1105, 1106, 1107, 1108],
        kept_by_policy: vec![1201, 1202],
        kept_traces: 2403,
        dropped_traces: 1009,
        kept_spans: 1010,
        dropped_spans: 1011,
        late_spans_kept: 1012,
        late_spans_dropped: 1013,
        late_would_have_kept: 1014,
        late_spans_unjudged: 1030,
        turns_asked: 1031,
        turns_whole: 1032,
        turns_partial: [1041, 1042, 1043, 1044, 1045, 1046],
        turned_spans: 1033,
        turned_bytes: 1034,
        decisions_forgotten_early: 1015,
        headers_differed: 1016,
        traces_on_two_partitions: 1017,
        spans_given_up: 1018,
        decisions_logged: 1020,
        decisions_restored: 1021,
        records_replayed: 1022,
        structures_too_large: 1030,
        edges_forgotten: 1031,
        policy_swaps: 1027,
        traces_refolded: 1028,
        refold_failures: 1029,
        tally: Tally {
            confidence_unreadable: 1019,
            ottl_failures: 1023,
            numbers_unreadable: 1024,
            kin_too_many: 1025,
            drift_keys_forgotten: 1026,
            rate_keys_crowded: 1027,
        },
    }
}

fn distinct_gauges() -> Gauges {
    Gauges {
        traces_open: 1301,
        spans_open: 1302,
        window_bytes: 1303,
        edges: 1308,
        decisions: 1304,
        decision_bytes: 1305,
        epoch_bytes: 1306,
        turns: 1308,
        turn_spans: 1309,
        oldest_open: Millis(1_307_000),
    }
}

fn distinct_sink() -> SinkStats {
    SinkStats {
        committed: 1401,
        aborted: 1402,
        rebuilt: 1403,
        records: 1404,
        dead_letters: 1405,
        decision_bytes: 1406,
        // Measured by `epoch_committed`.
        last_epoch_us: 0,
    }
}

fn policies() -> Vec<String> {
    vec!["errors".to_owned(), "a \"quoted\" one".to_owned()]
}

fn publish_everything() {
    let mut worker = WorkerMetrics::new(3, &policies());
    worker.publish(&distinct_stats(), &distinct_gauges(), &distinct_sink());
    let broken = JsonError::Syntax { format: "OTLP/JSON", error: String::new() };
    worker.poison_record(PoisonReason::from(&broken));
    worker.epoch_committed(Duration::from_millis(20));
    worker.epoch_discarded();
    worker.trace_held(CloseReason::Complete, Millis(3_600));
    worker.redacted(&RedactionCounts {
        deleted: 1701,
        masked: 1702,
        replaced: 1703,
        hashed: 1704,
        truncated: 1705,
        unreadable: 1706,
    });
    worker.thresholds(&ThresholdCounts {
        written: 1711,
        kept: 1712,
        erased: 1713,
        unreadable: 1714,
        no_room: 1715,
    });
    let (pending, refused, records_missing) = (1501, 1503, 1504);
    worker.publish_restoring(RestoreStanding { pending, refused, records_missing });
    let mut stage = RekeyMetrics::new(4);
    let stats = RekeyStats {
        records: 1601,
        record_bytes: 1602,
        spans: 1603,
        malformed_spans: 1604,
        poison_records: 0,
        repeated_records: 0,
        moved_records: 1605,
        moved_bytes: 1606,
        restarts: 1607,
    };
    stage.publish(&stats, &SinkStats::default(), 1609);
    stage.poison_record(PoisonReason::NO_VALUE);
    stage.epoch_committed(Duration::from_millis(20));
    publish_rekey_lag("otlp_spans", 5, 1608);
    count_reload("taken");
    reread_bytes(1610);
    count_reconnect(3);
    count_rules_reload("refused");
    publish_config(None, "0123456789abcdef");
    publish_partition(
        5,
        PartitionLag {
            read: Some(10),
            settled: Some(12),
            replay: Some(1502),
            stream_time: Some(Millis(1500)),
        },
    );
}

#[test]
fn what_is_shown_is_the_table() {
    let text = rendered(publish_everything);
    let samples = samples(&text);
    let mut expected: BTreeSet<&str> = TABLE.iter().map(|metric| metric.name).collect();
    if resident_bytes().is_none() {
        expected.remove(table::RESIDENT_MEMORY.name);
    }
    assert_eq!(samples.keys().copied().collect::<BTreeSet<_>>(), expected);
    for metric in TABLE {
        assert!(text.contains(&format!("# TYPE {} {}\n", metric.name, kind(metric))), "{text}");
        assert!(text.contains(&format!("# HELP {} ", metric.name)), "{}", metric.name);
        for (labels, _) in samples.get(metric.name).into_iter().flatten() {
            for label in metric.labels {
                assert!(labels.contains(&format!("{label}=\"")), "{}: {labels}", metric.name);
            }
        }
    }
}

#[test]
fn every_number_is_shown() {
    let text = rendered(publish_everything);
    let values: BTreeSet<u64> =
        samples(&text).values().flatten().map(|(_, value)| *value as u64).collect();
    let stats = (1001..=1036).filter(|value| ![1005, 1008].contains(value));
    for value in stats
        .chain(1101..=1108)
        .chain(1201..=1202)
        .chain(1041..=1046)
        .chain(1301..=1309)
        .chain(1401..=1406)
        .chain(1501..=1504)
        .chain(1701..=1706)
    {
        assert!(values.contains(&value), "{value} is missing in\n{text}");
    }
}

#[test]
fn labels_say_which() {
    let text = rendered(publish_everything);
    for line in [
        r#"tailsift_records_total{worker="3"} 1001"#,
        r#"tailsift_traces_closed_total{worker="3",reason="decision_wait"} 1103"#,
        r#"tailsift_verdicts_total{worker="3",verdict="keep",policy="errors"} 1201"#,
        r#"tailsift_verdicts_total{worker="3",verdict="keep",policy="a \"quoted\" one"} 1202"#,
        r#"tailsift_verdicts_total{worker="3",verdict="drop",policy="none"} 1009"#,
        r#"tailsift_poison_records_total{worker="3",reason="json_syntax"} 1"#,
        r#"tailsift_redactions_total{worker="3",action="mask"} 1702"#,
        r#"tailsift_redactions_total{worker="3",action="truncate"} 1705"#,
        r#"tailsift_span_thresholds_total{worker="3",outcome="written"} 1711"#,
        r#"tailsift_span_thresholds_total{worker="3",outcome="erased"} 1713"#,
        r#"tailsift_span_thresholds_total{worker="3",outcome="no_room"} 1715"#,
        r#"tailsift_epoch_failures_total{worker="3",kind="aborted"} 1402"#,
        r#"tailsift_epoch_failures_total{worker="3",kind="producer_replaced"} 1403"#,
        r#"tailsift_epoch_failures_total{worker="3",kind="discarded"} 1"#,
        r#"tailsift_epoch_commit_seconds_bucket{worker="3",le="0.01"} 0"#,
        r#"tailsift_epoch_commit_seconds_bucket{worker="3",le="0.025"} 1"#,
        r#"tailsift_oldest_open_seconds{worker="3"} 1307"#,
        r#"tailsift_partition_settled_lag_records{partition="5"} 12"#,
        r#"tailsift_partition_stream_time_seconds{partition="5"} 1.5"#,
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn policies_that_take_over_are_counted_by_name() {
    let text = rendered(|| {
        let mut worker = WorkerMetrics::new(0, &policies());
        worker.name_policies(
            &["new".to_owned(), "errors".to_owned(), "full".to_owned()],
            &[Some(3), Some(0), None],
        );
        let stats = Stats { kept_by_policy: vec![7, 0, 5, 9], ..Stats::default() };
        worker.publish(&stats, &Gauges::default(), &SinkStats::default());
    });
    let kept: Vec<_> = text.lines().filter(|line| line.contains("verdict=\"keep\"")).collect();
    let all = kept.join("\n");
    assert!(
        kept.len() == 3 && all.contains("\"errors\"} 7") && all.contains("\"new\"} 9"),
        "{all}"
    );
}

#[test]
fn the_configuration_that_is_in_force_is_the_only_one_shown() {
    let text = rendered(|| {
        publish_config(None, "one");
        publish_config(Some("one"), "two");
        publish_config(Some("two"), "two");
    });
    let shown: Vec<_> =
        text.lines().filter(|line| line.starts_with("tailsift_config_info{")).collect();
    assert_eq!(shown, ["tailsift_config_info{fingerprint=\"two\"} 1"]);
}

#[test]
fn counters_go_on_when_a_shard_starts_over() {
    let text = rendered(|| {
        let mut worker = WorkerMetrics::new(0, &policies());
        for records in [10, 25, 4, 6] {
            let stats = Stats { records, ..Stats::default() };
            worker.publish(&stats, &Gauges::default(), &SinkStats::default());
        }
    });
    assert_eq!(samples(&text)["tailsift_records_total"], [("worker=\"0\"}", 31.0)]);
}

#[test]
fn a_partition_given_up_is_not_shown_until_it_comes_back() {
    let lag = PartitionLag { read: Some(1), settled: Some(2), replay: Some(0), stream_time: None };
    let names = |text: &str| {
        let shown = samples(text).into_keys().filter(|name| name.contains("partition_"));
        shown.map(str::to_owned).collect::<Vec<_>>()
    };
    let text = rendered(|| {
        publish_partition(5, lag);
        forget_partition(5);
    });
    assert_eq!(names(&text), [] as [&str; 0]);
    let text = rendered(|| {
        publish_partition(5, lag);
        forget_partition(5);
        publish_partition(5, lag);
    });
    let expected = [table::READ_LAG.name, table::REPLAY.name, table::SETTLED_LAG.name];
    assert_eq!(names(&text), expected);
}

#[test]
fn a_name_that_looks_like_no_number_is_still_shown() {
    let text = rendered(|| {
        let mut worker = WorkerMetrics::new(0, &["is NaN".to_owned()]);
        let stats = Stats { kept_by_policy: vec![2], ..Stats::default() };
        worker.publish(&stats, &Gauges::default(), &SinkStats::default());
    });
    assert!(text.contains("policy=\"is NaN\"} 2\n"), "{text}");
}

#[test]
fn upkeep_keeps_samples() {
    let (recorder, exposition) = build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        let worker = WorkerMetrics::new(0, &[]);
        for _ in 0..3 {
            worker.epoch_committed(Duration::from_secs(100));
            exposition.upkeep();
        }
    });
    let text = exposition.render();
    assert!(text.contains("tailsift_epoch_commit_seconds_count{worker=\"0\"} 3\n"), "{text}");
    assert!(text.contains("le=\"30\"} 0\n"), "{text}");
}

/// One span more is read, and waits; what waited before is kept. The exporter holds each number for
/// itself, so that a scrape could come by in the middle.
#[test]
fn a_scrape_shows_one_moment() {
    let (recorder, exposition) = build().unwrap();
    let mut worker = metrics::with_local_recorder(&recorder, || WorkerMetrics::new(0, &[]));
    let is_over = AtomicBool::new(false);
    let uneven = std::thread::scope(|scope| {
        scope.spawn(|| {
            let gauges = Gauges { spans_open: 1, ..Gauges::default() };
            for spans in 1.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let stats = Stats { spans, kept_spans: spans - 1, ..Stats::default() };
                worker.publish(&stats, &gauges, &SinkStats::default());
            }
        });
        let looks = (0..500).map(|_| {
            let text = exposition.render();
            let samples = samples(&text);
            let of = |name: &str| samples[name][0].1;
            (of("tailsift_spans_total"), of("tailsift_spans_kept_total"), of("tailsift_spans_open"))
        });
        let uneven = looks.filter(|(read, kept, open)| *read != kept + open).collect::<Vec<_>>();
        is_over.store(true, Ordering::Relaxed);
        uneven
    });
    assert_eq!(uneven, []);
}

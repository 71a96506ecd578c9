//! Files of a Collector, as their owners bring them.

use expect_test::{Expect, expect};
use tailsift_config::{Import, Matter, Report, import_collector};

use crate::load_plain;

fn environment(name: &str) -> Option<String> {
    match name {
        "SLOW_MS" => Some("750".into()),
        "BROKERS" => Some("kafka-1:9092".into()),
        "SECRET" => Some("hunter2hunter2".into()),
        "CODES" => Some("[OK, ERROR]".into()),
        _ => None,
    }
}

fn import(text: &str) -> Import {
    import_collector(text, None, &environment)
        .unwrap_or_else(|errors| panic!("{text}\n{}", Report(&errors)))
}

/// The file that is printed; it loads, and means the same.
#[track_caller]
fn check(text: &str, expect: &Expect) {
    let import = import(text);
    let loaded = load_printed(&import.text);
    assert_eq!(loaded.fingerprint(), import.config.fingerprint(), "{}", import.text);
    assert_eq!(loaded.window, import.config.window);
    assert_eq!(loaded.input, import.config.input);
    assert_eq!(loaded.output, import.config.output);
    expect.assert_eq(&import.text);
}

fn load_printed(text: &str) -> tailsift_config::Config {
    tailsift_config::load(text, &[], &environment, &crate::no_file)
        .unwrap_or_else(|errors| panic!("{text}\n{}", Report(&errors)))
}

/// What is said of texts that are refused.
#[track_caller]
fn refused(cases: &[&str], expect: &Expect) {
    let mut told = String::new();
    for case in cases {
        let Err(errors) = import_collector(case, None, &environment) else {
            panic!("this is accepted:\n{case}")
        };
        told.push_str(&format!("{case}\n"));
        for line in Report(&errors).to_string().lines() {
            told.push_str(&format!("    {line}\n"));
        }
    }
    expect.assert_eq(&told);
}

/// Warnings and differences, a line each.
#[track_caller]
fn notes(cases: &[&str], matter: Matter, expect: &Expect) {
    let mut told = String::new();
    for case in cases {
        told.push_str(&format!("{case}\n"));
        for note in import(case).notes.iter().filter(|note| note.matter == matter) {
            told.push_str(&format!("    {}: {} | {}\n", note.path, note.collector, note.tailsift));
        }
    }
    expect.assert_eq(&told);
}

#[test]
fn a_body_becomes_a_file_of_ours() {
    let text = r#"
decision_wait: 10s
num_traces: 100
policies:
  - name: errors
    type: status_code
    status_code: {status_codes: [ERROR]}
  - {name: slow, type: latency, latency: {threshold_ms: "${env:SLOW_MS}"}}
  - {name: "odd name", type: string_attribute, string_attribute: {key: k, values: ["^a$", "$${b}", "x: y", "${env:UNSET:-d}"]}}
"#;
    check(
        text,
        &expect![[r##"
        # What tailsift runs in place of a Collector's tail_sampling.
        # The Collector's file does not tell the brokers: set kafka.bootstrap_servers.
        # Nor the topics: input.topic and output.topic are otlp_spans and otlp_spans_kept.
        # Records that are not keyed by trace ID need input.keyed_by: none.
        #
        # Differences:
        #   num_traces (line 3)
        #     the Collector holds 100 traces and evicts the oldest without a verdict
        #     tailsift is bounded by window.memory_limit, and judges before it lets go

        kafka: {bootstrap_servers: localhost:9092}
        window: {decision_wait: 10s}
        compatibility: collector
        policies:
          - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
          - {name: slow, type: latency, latency: {threshold_ms: "${env:SLOW_MS:-}"}}
          - name: "odd name"
            type: string_attribute
            string_attribute: {key: k, values: ["^a$", "$${b}", "x: y", "${env:UNSET:-d}"]}
    "##]],
    );
}

#[test]
fn a_whole_file_tells_kafka_too() {
    let text = r#"
receivers:
  otlp: {}
  kafka:
    brokers: ["${env:BROKERS}", "kafka-2:9092"]
    auth: {sasl: {username: u, password: "${env:SECRET}"}}
    traces: {topic: spans, encoding: otlp_json}
processors:
  batch: {}
  tail_sampling/strict:
    policies: [{name: all, type: always_sample}]
exporters:
  kafka/out: {brokers: "kafka-3:9092", traces: {topic: kept}}
service:
  pipelines:
    traces: {receivers: [otlp, kafka], processors: [batch, tail_sampling/strict], exporters: [kafka/out]}
"#;
    check(
        text,
        &expect![[r##"
        # What tailsift runs in place of a Collector's tail_sampling/strict.
        # Records that are not keyed by trace ID need input.keyed_by: none.
        #
        # Differences:
        #   receivers.kafka
        #     the Collector takes its credentials from here
        #     tailsift needs them as librdkafka properties in kafka.properties

        kafka: {bootstrap_servers: "kafka-1:9092,kafka-2:9092"}
        input: {topic: spans, encoding: otlp_json}
        delivery: at_least_once
        output: {topic: kept, kafka: {bootstrap_servers: kafka-3:9092}}
        compatibility: collector
        policies:
          - {name: all, type: always_sample}
    "##]],
    );
}

#[test]
fn several_processors_are_a_choice() {
    let text = "processors: {tail_sampling: {policies: []}, tail_sampling/b: {policies: []}}";
    let error =
        |processor| import_collector(text, processor, &environment).unwrap_err()[0].to_string();
    assert_eq!(
        error(None),
        "processors: holds 2 of them: choose one with --processor tail_sampling or tail_sampling/b"
    );
    assert_eq!(
        error(Some("tail_sampling/c")),
        "processors: holds no tail_sampling/c: choose tail_sampling or tail_sampling/b"
    );
    assert!(import_collector(text, Some("tail_sampling/b"), &environment).is_ok());
}

#[test]
fn policies_that_the_collector_refuses() {
    refused(
        &[
            "policies: [{name: x, type: latncy, latncy: {threshold_ms: 1}}]",
            "policies: [{name: x, type: latency, latncy: {threshold_ms: 1}}]",
            "policies: [{name: x, type: latency, latency: {treshold_ms: 1}}]",
            "policies: [{name: x, type: latency, latency: {threshold_ms: \"5\"}}]",
            "policies: [{name: x, type: latency, latency: 5, enabled: true}]",
            "policies: [{name: x, type: always_sample, always_sample: {a: 1}}]",
            "policies: [{name: x, type: low_confidence}]",
            "policies: [{type: always_sample}, {name: x}, {name: x, type: always_sample}]",
            "policies: [{name: a, type: and, and: {and_sub_policy: [{type: drop}]}}]",
            "policies: [{name: x, type: span_count, span_count: {min_spans: 2147483648}}]",
            "policies: [{name: x, type: status_code, latency: {threshold_ms: x}}]",
        ],
        &expect![[r#"
            policies: [{name: x, type: latncy, latncy: {threshold_ms: 1}}]
                line 1: policies[0].type: the Collector knows no type "latncy": did you mean latency? It knows always_sample, trace_flags, latency, numeric_attribute, probabilistic, status_code, string_attribute, rate_limiting, bytes_limiting, span_count, trace_state, boolean_attribute, ottl_condition, composite, and, not, drop
                    1 | policies: [{name: x, type: latncy, latncy: {threshold_ms: 1}}]
                line 1: policies[0].latncy: names no settings that are read here, and the Collector would ignore it silently: did you mean latency? correct or remove it
                    1 | policies: [{name: x, type: latncy, latncy: {threshold_ms: 1}}]
            policies: [{name: x, type: latency, latncy: {threshold_ms: 1}}]
                line 1: policies[0].latncy: names no settings that are read here, and the Collector would ignore it silently: did you mean latency? correct or remove it
                    1 | policies: [{name: x, type: latency, latncy: {threshold_ms: 1}}]
            policies: [{name: x, type: latency, latency: {treshold_ms: 1}}]
                line 1: policies[0].latency.treshold_ms: the Collector knows no such key here: did you mean threshold_ms? It knows threshold_ms, upper_threshold_ms
                    1 | policies: [{name: x, type: latency, latency: {treshold_ms: 1}}]
            policies: [{name: x, type: latency, latency: {threshold_ms: "5"}}]
                line 1: policies[0].latency.threshold_ms: expected a whole number without quotes or unit, got "5"
                    1 | policies: [{name: x, type: latency, latency: {threshold_ms: "5"}}]
            policies: [{name: x, type: latency, latency: 5, enabled: true}]
                line 1: policies[0].latency: expected a mapping, got 5
                    1 | policies: [{name: x, type: latency, latency: 5, enabled: true}]
                line 1: policies[0].enabled: the Collector knows no such key here: it knows name, type, latency, numeric_attribute, probabilistic, status_code, string_attribute, rate_limiting, bytes_limiting, span_count, trace_state, boolean_attribute, ottl_condition, composite, and, not, drop
                    1 | policies: [{name: x, type: latency, latency: 5, enabled: true}]
            policies: [{name: x, type: always_sample, always_sample: {a: 1}}]
                line 1: policies[0].always_sample: always_sample has no settings: remove them
                    1 | policies: [{name: x, type: always_sample, always_sample: {a: 1}}]
            policies: [{name: x, type: low_confidence}]
                line 1: policies[0].type: low_confidence is tailsift's own: write it in tailsift's configuration, beside the policies that come from the Collector
                    1 | policies: [{name: x, type: low_confidence}]
            policies: [{type: always_sample}, {name: x}, {name: x, type: always_sample}]
                line 1: policies[1].type: is required: the Collector knows always_sample, trace_flags, latency, numeric_attribute, probabilistic, status_code, string_attribute, rate_limiting, bytes_limiting, span_count, trace_state, boolean_attribute, ottl_condition, composite, and, not, drop here
                    1 | policies: [{type: always_sample}, {name: x}, {name: x, type: always_sample}]
                line 1: policies[0].name: is required, for example `name: errors`
                    1 | policies: [{type: always_sample}, {name: x}, {name: x, type: always_sample}]
                line 1: policies[2].name: "x" is taken by policies[1]: names must differ
                    1 | policies: [{type: always_sample}, {name: x}, {name: x, type: always_sample}]
            policies: [{name: a, type: and, and: {and_sub_policy: [{type: drop}]}}]
                line 1: policies[0].and.and_sub_policy[0].type: drop cannot stand within an and or a drop: the Collector allows always_sample, trace_flags, latency, numeric_attribute, probabilistic, status_code, string_attribute, rate_limiting, bytes_limiting, span_count, trace_state, boolean_attribute, ottl_condition, not
                    1 | policies: [{name: a, type: and, and: {and_sub_policy: [{type: drop}]}}]
            policies: [{name: x, type: span_count, span_count: {min_spans: 2147483648}}]
                line 1: policies[0].span_count.min_spans: expected a whole number from -2147483648 to 2147483647 (the Collector would wrap it around), got 2147483648
                    1 | policies: [{name: x, type: span_count, span_count: {min_spans: 2147483648}}]
            policies: [{name: x, type: status_code, latency: {threshold_ms: x}}]
                line 1: policies[0].latency.threshold_ms: expected a whole number without quotes or unit, got x
                    1 | policies: [{name: x, type: status_code, latency: {threshold_ms: x}}]
        "#]],
    );
}

#[test]
fn files_that_the_collector_refuses() {
    refused(
        &[
            "policies: always_sample",
            "{policies: [], Decision_wait: 5s, decision_wait: soon}",
            "{policies: [], num_traces: -1, decision_cache: {size: 1}}",
            "{policies: [], sampling_strategy: Span-Ingest, tail_storage: pebble}",
            "{policies: [{name: x, type: latency, latency: {upper_threshold_ms: 1}}], sampling_strategy: span-ingest}",
            "policies: [{name: x, type: latency, latency: {threshold_ms: '${file:x}'}}]",
            "policies: [{name: x, type: latency, latency: {threshold_ms: '${env:SECRET}'}}]",
            "{receivers: {}}",
            "a: [",
        ],
        &expect![[r#"
            policies: always_sample
                line 1: policies: expected a list, got always_sample
                    1 | policies: always_sample
            {policies: [], Decision_wait: 5s, decision_wait: soon}
                line 1: Decision_wait: the Collector knows no such key here: did you mean decision_wait? It knows policies, decision_wait, decision_wait_after_root_received, num_traces, expected_new_traces_per_sec, decision_cache, sample_on_first_match, drop_pending_traces_on_shutdown, maximum_trace_size_bytes, sampling_strategy, block_on_overflow, tail_storage
                    1 | {policies: [], Decision_wait: 5s, decision_wait: soon}
                line 1: decision_wait: expected a duration with units (ns, us, ms, s, m, h) such as 30s or 1m30s, got soon
                    1 | {policies: [], Decision_wait: 5s, decision_wait: soon}
            {policies: [], num_traces: -1, decision_cache: {size: 1}}
                line 1: num_traces: expected a whole number from 0 to 18446744073709551615, got -1
                    1 | {policies: [], num_traces: -1, decision_cache: {size: 1}}
                line 1: decision_cache.size: the Collector knows no such key here: it knows sampled_cache_size, non_sampled_cache_size
                    1 | {policies: [], num_traces: -1, decision_cache: {size: 1}}
            {policies: [], sampling_strategy: Span-Ingest, tail_storage: pebble}
                line 1: sampling_strategy: expected trace-complete or span-ingest, got Span-Ingest
                    1 | {policies: [], sampling_strategy: Span-Ingest, tail_storage: pebble}
                line 1: tail_storage: needs a feature gate of the Collector and is not imported: remove it; tailsift leaves waiting spans in their topic
                    1 | {policies: [], sampling_strategy: Span-Ingest, tail_storage: pebble}
            {policies: [{name: x, type: latency, latency: {upper_threshold_ms: 1}}], sampling_strategy: span-ingest}
                line 1: policies[0]: sampling_strategy: span-ingest allows no latency with upper_threshold_ms: remove it, or use trace-complete
                    1 | {policies: [{name: x, type: latency, latency: {upper_threshold_ms: 1}}], sampling_strategy: span-ingest}
            policies: [{name: x, type: latency, latency: {threshold_ms: '${file:x}'}}]
                line 1: policies[0].latency.threshold_ms: "${file:x}" is not read from a file here: write ${env:NAME} or ${env:NAME:-default}
                    1 | policies: [{name: x, type: latency, latency: {threshold_ms: '${file:x}'}}]
            policies: [{name: x, type: latency, latency: {threshold_ms: '${env:SECRET}'}}]
                line 1: policies[0].latency.threshold_ms: expected a whole number without quotes or unit, got (from ${env:SECRET})
            {receivers: {}}
                processors: expected a tail_sampling processor, got nothing: is this the right file?
            a: [
                line 1: is not YAML: unclosed bracket '['
                    1 | a: [
        "#]],
    );
}

#[test]
fn what_is_read_otherwise_is_told() {
    notes(
        &[
            "{policies: [], decision_wait: 2.5s, decision_wait_after_root_received: 500ms}",
            "{policies: [], decision_wait: 5000000000, decision_cache: {sampled_cache_size: 5}}",
            "{policies: [], block_on_overflow: true, maximum_trace_size_bytes: 10}",
            "{policies: [], sampling_strategy: span-ingest, drop_pending_traces_on_shutdown: true}",
            "policies: [{name: x, type: latency, latency: {threshold_ms: 5.9}, probabilistic: {}}]",
            "policies: [{name: x, type: status_code, status_code: {status_codes: 'OK,ERROR'}}]",
            "policies: [{name: x, type: rate_limiting, rate_limiting: {spans_per_second: -5}}]",
            "policies: [{name: x, type: status_code, status_code: {status_codes: '${env:CODES}'}}]",
        ],
        Matter::Difference,
        &expect![[r#"
            {policies: [], decision_wait: 2.5s, decision_wait_after_root_received: 500ms}
                decision_wait: waits 2 to 3 s | waits 2 s
                decision_wait_after_root_received: counts whole seconds, and less than one as its next tick | waits 1 s
            {policies: [], decision_wait: 5000000000, decision_cache: {sampled_cache_size: 5}}
                decision_cache: remembers a number of verdicts, by half of the trace ID | remembers each for decisions.remember, by the whole trace ID
            {policies: [], block_on_overflow: true, maximum_trace_size_bytes: 10}
                block_on_overflow: stops receiving when num_traces are held | never stops for that; what waits is in Kafka
            {policies: [], sampling_strategy: span-ingest, drop_pending_traces_on_shutdown: true}
                sampling_strategy: judges each ResourceSpans as it arrives, alone | run judges whole traces when their wait is over; explain does as the Collector
                drop_pending_traces_on_shutdown: drops undecided traces when it stops | leaves them in the topic, for its next start or owner
            policies: [{name: x, type: latency, latency: {threshold_ms: 5.9}, probabilistic: {}}]
                policies[0].latency.threshold_ms: cuts 5.9 to 5 | reads 5
                policies[0].probabilistic: reads no probabilistic of a latency policy | is not given it
            policies: [{name: x, type: status_code, status_code: {status_codes: 'OK,ERROR'}}]
                policies[0].status_code.status_codes: splits a text that stands for a list at its commas, here into 2 | is given the list itself
            policies: [{name: x, type: rate_limiting, rate_limiting: {spans_per_second: -5}}]
                policies[0].rate_limiting.spans_per_second: takes -5 for none | reads 0
            policies: [{name: x, type: status_code, status_code: {status_codes: '${env:CODES}'}}]
        "#]],
    );
}

#[test]
fn what_cannot_be_meant_is_told() {
    notes(
        &[
            "",
            "policies: [{name: x, type: latency}]",
            "policies: [{name: x, type: and, and: {}}]",
            "policies: [{name: x, type: latency, latency: {threshold_ms: 9, upper_threshold_ms: 5}}]",
            "policies: [{name: x, type: probabilistic, probabilistic: {sampling_percentage: -1}}]",
            "policies: [{name: d, type: drop}, {name: e, type: drop, drop: {drop_sub_policy: [{type: always_sample}]}}]",
            "policies: [{name: n, type: numeric_attribute, numeric_attribute: {key: k, min_value: 9, max_value: 5, invert_match: true}}]",
            "policies: [{name: c, type: composite, composite: {max_total_spans_per_second: 9, policy_order: [b, a], composite_sub_policy: [{name: a, type: always_sample}, {name: b, type: always_sample}], rate_allocation: [{policy: a, percent: 50}, {policy: z}]}}]",
            "{sample_on_first_match: true, policies: [{name: a, type: always_sample}, {name: b, type: trace_flags}]}",
            "{sampling_strategy: span-ingest, policies: [{name: d, type: drop, drop: {drop_sub_policy: [{type: trace_flags}]}}]}",
            "{decision_wait: 30, policies: [{name: t, type: trace_state, trace_state: {key: k, values: ['']}}]}",
        ],
        Matter::Warning,
        &expect![[r#"

                policies: keeps no trace without policies | does the same
            policies: [{name: x, type: latency}]
                policies[0]: takes a missing latency for one with zeros | does the same
            policies: [{name: x, type: and, and: {}}]
                policies[0].and.and_sub_policy: keeps every trace if it is empty | does the same
            policies: [{name: x, type: latency, latency: {threshold_ms: 9, upper_threshold_ms: 5}}]
                policies[0]: never samples a trace by it | does the same
            policies: [{name: x, type: probabilistic, probabilistic: {sampling_percentage: -1}}]
                policies[0]: never samples a trace by it | does the same
            policies: [{name: d, type: drop}, {name: e, type: drop, drop: {drop_sub_policy: [{type: always_sample}]}}]
                policies[0].drop.drop_sub_policy: drops every trace if it is empty | does the same
                policies[0]: drops every trace: nothing is ever kept | does the same
                policies[1]: never asks it: policies[0] drops every trace before | does the same
                policies[1]: drops every trace: nothing is ever kept | does the same
            policies: [{name: n, type: numeric_attribute, numeric_attribute: {key: k, min_value: 9, max_value: 5, invert_match: true}}]
                policies[0].numeric_attribute: finds no value between 9 and 5 | does the same
            policies: [{name: c, type: composite, composite: {max_total_spans_per_second: 9, policy_order: [b, a], composite_sub_policy: [{name: a, type: always_sample}, {name: b, type: always_sample}], rate_allocation: [{policy: a, percent: 50}, {policy: z}]}}]
                policies[0].composite.policy_order: ignores this order and asks in that of composite_sub_policy | does the same
                policies[0].composite.composite_sub_policy[1]: gives it no span, since rate_allocation does not name it | does the same
                policies[0].composite.rate_allocation: ignores a share of a name that no sub-policy has | does the same
            {sample_on_first_match: true, policies: [{name: a, type: always_sample}, {name: b, type: trace_flags}]}
                policies[1]: never asks it: policies[0] samples every trace, and sample_on_first_match ends there | does the same
            {sampling_strategy: span-ingest, policies: [{name: d, type: drop, drop: {drop_sub_policy: [{type: trace_flags}]}}]}
                policies[0]: decides no trace under span-ingest that this does not drop: none is kept | does the same
            {decision_wait: 30, policies: [{name: t, type: trace_state, trace_state: {key: k, values: ['']}}]}
                decision_wait: takes a number without a unit, 30, for nanoseconds | does the same
                policies[0]: never samples a trace by it | does the same
        "#]],
    );
}

#[test]
fn secrets_are_not_shown() {
    let text = "policies: [{name: x, type: string_attribute, string_attribute: {key: k, values: ['${env:SECRET}']}}]";
    let import = import(text);
    assert!(!import.text.contains("hunter2"), "{}", import.text);
    assert!(import.text.contains("${env:SECRET:-}"), "{}", import.text);
    assert!(load_plain(&import.text).is_ok());
}

/// What is odd about a file of ours is odd about a Collector's, and is said once.
#[test]
fn advice_is_given_beside_the_notes() {
    let text = "
decision_wait: 2s
policies:
  - {name: none, type: latency, latency: {threshold_ms: 9, upper_threshold_ms: 5}}
  - {name: errors, type: status_code, status_code: {status_codes: [ERROR, OK]}}
  - {name: failed, type: status_code, status_code: {status_codes: [ERROR]}}
";
    let import = import(text);
    assert_eq!(import.notes.iter().filter(|note| note.matter == Matter::Warning).count(), 1);
    let told: String = import.advice().iter().map(|advice| format!("{advice}\n")).collect();
    expect![[r#"
        warning: window.decision_wait: 2s is less than the 5s that SDKs hold spans back by default: spans of one trace come so far apart, and those that come after its verdict have no part in it. Wait for 10s or more, or lower OTEL_BSP_SCHEDULE_DELAY in every service
        warning: policies[2]: changes nothing, and is never named: policies[1] (errors) before it wants every trace that it wants. Put it first, or remove it
        note: policies: nothing keeps an ordinary trace (one quick span without error or attributes), so the share of healthy traffic is 0, and what is kept says nothing of it. If that is not meant, add a share of all: {name: baseline, type: probabilistic, probabilistic: {sampling_percentage: 1}}
    "#]]
    .assert_eq(&told);
}

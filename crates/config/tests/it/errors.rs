//! Messages: each names the place, what was expected, what came, and what would do.

use expect_test::expect;

use crate::{check, check_each, check_keys};

#[test]
fn what_is_missing() {
    let cases = ["", "kafka:\npolicies:\n", "{}"];
    check_each(
        &cases,
        &expect![[r#"
        ""
            kafka.bootstrap_servers: is required, for example `bootstrap_servers: "localhost:9092"`
            policies: is required, for example `policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]`
        "kafka:\npolicies:\n"
            line 1: kafka.bootstrap_servers: is required, for example `bootstrap_servers: "localhost:9092"`
                1 | kafka:
            line 2: policies: expected a list, got nothing
                2 | policies:
        "{}"
            kafka.bootstrap_servers: is required, for example `bootstrap_servers: "localhost:9092"`
            policies: is required, for example `policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]`
    "#]],
    );
}

#[test]
fn what_is_no_configuration() {
    let cases = [
        "hello",
        "- a\n- b\n",
        "a: 1\n---\nb: 2\n",
        "kafka: [\n",
        "kafka:\n\tbootstrap_servers: x\n",
        "kafka: {bootstrap_servers: ${env:B}}\n",
        "a: *b\n",
        "a: &a [*a]\n",
        "group: !mine x\n",
        "%YAML 1.2\n---\na: b\n",
        "? [a]\n: b\n",
        "base: &b {x: 1}\nkafka:\n  <<: *b\n",
    ];
    check_each(
        &cases,
        &expect![[r#"
            "hello"
                line 1: expected a mapping with the keys kafka, group, instance, workers, delivery, epoch, input, repartition, output, decisions, second_chance, dead_letters, window, policies, sample_on_first_match, maximum_trace_size_bytes, compatibility, derive, redaction, reload, http, got hello
                    1 | hello
            "- a\n- b\n"
                line 1: expected a mapping with the keys kafka, group, instance, workers, delivery, epoch, input, repartition, output, decisions, second_chance, dead_letters, window, policies, sample_on_first_match, maximum_trace_size_bytes, compatibility, derive, redaction, reload, http, got a list
                    1 | - a
            "a: 1\n---\nb: 2\n"
                line 2: a second document starts here: write one document
                    2 | ---
            "kafka: [\n"
                line 1: is not YAML: unclosed bracket '['
                    1 | kafka: [
            "kafka:\n\tbootstrap_servers: x\n"
                line 2: is not YAML: tabs disallowed within this context (block indentation); indent with spaces, not tabs
                    2 |  bootstrap_servers: x
            "kafka: {bootstrap_servers: ${env:B}}\n"
                line 1: is not YAML: while parsing a flow mapping, did not find expected ',' or '}'; within { } and [ ] put references such as "${env:NAME}" in quotes
                    1 | kafka: {bootstrap_servers: ${env:B}}
            "a: *b\n"
                line 1: is not YAML: while parsing node, found unknown anchor
                    1 | a: *b
            "a: &a [*a]\n"
                line 1: this alias stands within its own anchor
                    1 | a: &a [*a]
            "group: !mine x\n"
                line 1: tags (!…) are not supported: remove it
                    1 | group: !mine x
            "%YAML 1.2\n---\na: b\n"
                line 1: is not YAML: YAML directives are disallowed
                    1 | %YAML 1.2
            "? [a]\n: b\n"
                line 1: a key must be text, got a list
                    1 | ? [a]
            "base: &b {x: 1}\nkafka:\n  <<: *b\n"
                line 3: merge keys (<<) are not supported: repeat the keys
                    3 |   <<: *b
        "#]],
    );
}

#[test]
fn all_at_once() {
    check(
        "\
kafka:
  bootstrap_severs: localhost:9092
workers: many
window:
  decision_wait: 30
  memory_limit: 1G
policies:
  - {name: slow, type: latency, latency: {treshold_ms: 500}}
  - {name: slow, type: probabilistic, probabilistic: {sampling_percentage: 150}}
",
        &expect![[r#"
            line 2: kafka.bootstrap_severs: unknown key: did you mean bootstrap_servers? known here: bootstrap_servers, properties, reload_interval
                2 |   bootstrap_severs: localhost:9092
            line 3: workers: expected a whole number, got many
                3 | workers: many
            line 5: window.decision_wait: expected a duration with a unit (ms, s, m, h) such as 30s, got 30
                5 |   decision_wait: 30
            line 6: window.memory_limit: expected a size with a unit (B, KB, MB, GB, KiB, MiB, GiB) such as 64MiB, got 1G
                6 |   memory_limit: 1G
            line 8: policies[0].latency.treshold_ms: unknown key: did you mean threshold_ms? known here: threshold_ms, upper_threshold_ms
                8 |   - {name: slow, type: latency, latency: {treshold_ms: 500}}
            line 9: policies[1].name: "slow" is taken by policies[0]: names must differ
                9 |   - {name: slow, type: probabilistic, probabilistic: {sampling_percentage: 150}}
            line 9: policies[1].probabilistic.sampling_percentage: must lie between 0 and 100, got 150
                9 |   - {name: slow, type: probabilistic, probabilistic: {sampling_percentage: 150}}
        "#]],
    );
}

#[test]
fn repeated_keys() {
    let cases = [
        "group: a\ngroup: b\nwindow: {decision_wait: 1s, decision_wait: 2s}\n",
        "policies:\n  - {name: a, type: b}\n  - {name: a, name: b}\n",
    ];
    check_each(
        &cases,
        &expect![[r#"
            "group: a\ngroup: b\nwindow: {decision_wait: 1s, decision_wait: 2s}\n"
                kafka.bootstrap_servers: is required, for example `bootstrap_servers: "localhost:9092"`
                policies: is required, for example `policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]`
                line 2: group: is given twice, first on line 1: remove one
                    2 | group: b
                line 3: window.decision_wait: is given twice, first on line 3: remove one
                    3 | window: {decision_wait: 1s, decision_wait: 2s}
            "policies:\n  - {name: a, type: b}\n  - {name: a, name: b}\n"
                kafka.bootstrap_servers: is required, for example `bootstrap_servers: "localhost:9092"`
                line 2: policies[0].type: b is no kind of policy: there are: status_code, latency, numeric_attribute, string_attribute, boolean_attribute, trace_state, trace_flags, span_count, rate_limiting, bytes_limiting, probabilistic, always_sample, and, not, drop, composite, low_confidence, span_latency, trace_condition, failure, fragmented, forced, drift, rate_per_key, ottl_condition
                    2 |   - {name: a, type: b}
                line 3: policies[1].type: is required, for example `type: status_code`
                    3 |   - {name: a, name: b}
                line 3: policies[1].name: is given twice, first on line 3: remove one
                    3 |   - {name: a, name: b}
                line 3: policies[1].name: "a" is taken by policies[0]: names must differ
                    3 |   - {name: a, name: b}
        "#]],
    );
}

#[test]
fn unknown_keys() {
    let cases = [
        "gruop: x",
        "completely_else: x",
        "decision_wait: 10s",
        "window: {decisionWait: 10s}",
        "input: {group: x}",
        "output: {max_mesage_bytes: 1MB}",
        "\"a b\\n\": x",
        "num_traces: 50000",
        "decision_cache: {sampled_cache_size: 1}",
    ];
    check_keys(
        &cases,
        &expect![[r#"
            gruop: x
                line 3: gruop: unknown key: did you mean group? known here: kafka, group, instance, workers, delivery, epoch, input, repartition, output, decisions, second_chance, dead_letters, window, policies, sample_on_first_match, maximum_trace_size_bytes, compatibility, derive, redaction, reload, http
            completely_else: x
                line 3: completely_else: unknown key: known here are kafka, group, instance, workers, delivery, epoch, input, repartition, output, decisions, second_chance, dead_letters, window, policies, sample_on_first_match, maximum_trace_size_bytes, compatibility, derive, redaction, reload, http
            decision_wait: 10s
                line 3: decision_wait: unknown key: did you mean window.decision_wait? known here: kafka, group, instance, workers, delivery, epoch, input, repartition, output, decisions, second_chance, dead_letters, window, policies, sample_on_first_match, maximum_trace_size_bytes, compatibility, derive, redaction, reload, http
            window: {decisionWait: 10s}
                line 3: window.decisionWait: unknown key: did you mean decision_wait? known here: decision_wait, decision_wait_after_root_received, completion, settle, remote_parents, edges_max, memory_limit, spans_per_trace_limit, bytes_per_trace_limit
            input: {group: x}
                line 3: input.group: unknown key: did you mean group at the top level? known here: topic, topics, encoding, parse_string_tags, keyed_by, start, idle_grace
            output: {max_mesage_bytes: 1MB}
                line 3: output.max_mesage_bytes: unknown key: did you mean max_message_bytes? known here: topic, max_message_bytes, buffer_limit, compression, partitioner, kafka
            "a b\n": x
                line 3: "a b\n": unknown key: known here are kafka, group, instance, workers, delivery, epoch, input, repartition, output, decisions, second_chance, dead_letters, window, policies, sample_on_first_match, maximum_trace_size_bytes, compatibility, derive, redaction, reload, http
            num_traces: 50000
                line 3: num_traces: is the Collector's: tailsift is bounded by window.memory_limit
            decision_cache: {sampled_cache_size: 1}
                line 3: decision_cache: is the Collector's: verdicts are remembered for decisions.remember
        "#]],
    );
}

#[test]
fn units() {
    let cases = [
        "window: {decision_wait: 30}",
        "window: {decision_wait: 30 seconds}",
        "window: {decision_wait: -5s}",
        "window: {decision_wait: 1.5ms}",
        "window: {decision_wait: 0s}",
        "window: {decision_wait: 1000h}",
        "window: {memory_limit: 1000000000}",
        "window: {memory_limit: 512Mi}",
        "window: {memory_limit: 1KiB}",
        "output: {max_message_bytes: 2GB}",
        "epoch: 100ms",
        "epoch: 2m",
        "epoch:",
        "epoch: [500ms]",
    ];
    check_keys(
        &cases,
        &expect![[r#"
        window: {decision_wait: 30}
            line 3: window.decision_wait: expected a duration with a unit (ms, s, m, h) such as 30s, got 30
        window: {decision_wait: 30 seconds}
            line 3: window.decision_wait: expected a duration with a unit (ms, s, m, h) such as 30s, got 30 seconds
        window: {decision_wait: -5s}
            line 3: window.decision_wait: expected a duration with a unit (ms, s, m, h) such as 30s, got -5s
        window: {decision_wait: 1.5ms}
            line 3: window.decision_wait: expected a duration of whole milliseconds, got 1.5ms
        window: {decision_wait: 0s}
            line 3: window.decision_wait: expected a duration between 1ms and 168h, got 0s
        window: {decision_wait: 1000h}
            line 3: window.decision_wait: expected a duration between 1ms and 168h, got 1000h
        window: {memory_limit: 1000000000}
            line 3: window.memory_limit: expected a size with a unit (B, KB, MB, GB, KiB, MiB, GiB) such as 64MiB, got 1000000000
        window: {memory_limit: 512Mi}
            line 3: window.memory_limit: expected a size with a unit (B, KB, MB, GB, KiB, MiB, GiB) such as 64MiB, got 512Mi
        window: {memory_limit: 1KiB}
            line 3: window.memory_limit: expected a size between 1MiB and 1048576GiB, got 1KiB
        output: {max_message_bytes: 2GB}
            line 3: output.max_message_bytes: expected a size between 1KiB and 900MB, got 2GB
        epoch: 100ms
            line 3: epoch: expected a duration between 200ms and 1m, got 100ms
        epoch: 2m
            line 3: epoch: expected a duration between 200ms and 1m, got 2m
        epoch:
            line 3: epoch: expected a duration with a unit (ms, s, m, h) such as 30s, got nothing
        epoch: [500ms]
            line 3: epoch: expected a duration with a unit (ms, s, m, h) such as 30s, got a list
    "#]],
    );
}

#[test]
fn numbers_and_words() {
    let cases = [
        "workers: -1",
        "workers: 1.5",
        "workers: \"4\"",
        "workers: 99999999999999999999",
        "window: {spans_per_trace_limit: 0}",
        "delivery: exactly-once",
        "delivery: {a: b}",
        "sample_on_first_match: yes",
        "output: {compression: zstandard}",
        "http: {listen: localhost:8080}",
        "http: {listen: 8080}",
        "http: on",
    ];
    check_keys(
        &cases,
        &expect![[r#"
        workers: -1
            line 3: workers: expected a whole number between 0 and 1024, got -1
        workers: 1.5
            line 3: workers: expected a whole number, got 1.5
        workers: "4"
            line 3: workers: expected a whole number, got "4"
        workers: 99999999999999999999
            line 3: workers: expected a whole number, got 99999999999999999999
        window: {spans_per_trace_limit: 0}
            line 3: window.spans_per_trace_limit: expected a whole number between 1 and 4294967295, got 0
        delivery: exactly-once
            line 3: delivery: expected exactly_once or at_least_once, got exactly-once
        delivery: {a: b}
            line 3: delivery: expected exactly_once or at_least_once, got a mapping
        sample_on_first_match: yes
            line 3: sample_on_first_match: expected true or false, got yes
        output: {compression: zstandard}
            line 3: output.compression: expected none, gzip, snappy, lz4 or zstd, got zstandard
        http: {listen: localhost:8080}
            line 3: http.listen: expected an IP address and a port such as 127.0.0.1:8080 or 0.0.0.0:8080, got localhost:8080
        http: {listen: 8080}
            line 3: http.listen: expected an IP address and a port such as 127.0.0.1:8080 or 0.0.0.0:8080, got 8080
        http: on
            line 3: http: expected a mapping with the keys listen, recent_traces, recent_bytes or `off`, got on
    "#]],
    );
}

#[test]
fn names() {
    let cases = [
        "input: {topic: my topic}",
        "input: {topic: ..}",
        "group: \"\"",
        &format!("group: {}", "g".repeat(201)),
        "instance: a/b",
        "dead_letters: {topic: }",
    ];
    check_keys(
        &cases,
        &expect![[r#"
        input: {topic: my topic}
            line 3: input.topic: expected 1 to 249 of the characters a-z A-Z 0-9 . _ -, got my topic
        input: {topic: ..}
            line 3: input.topic: expected a name other than . and .., got ..
        group: ""
            line 3: group: expected 1 to 200 of the characters a-z A-Z 0-9 . _ -, got ""
        group: ggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg
            line 3: group: expected 1 to 200 of the characters a-z A-Z 0-9 . _ -, got gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg…
        instance: a/b
            line 3: instance: expected 1 to 200 of the characters a-z A-Z 0-9 . _ -, got a/b
        dead_letters: {topic: }
            line 3: dead_letters.topic: expected text, got nothing
    "#]],
    );
}

#[test]
fn topics_differ() {
    let cases = [
        "input: {topic: spans}\noutput: {topic: spans}",
        "dead_letters: {topic: otlp_spans}",
        "dead_letters: {topic: otlp_spans_kept}",
        "output: {topic: tailsift.decisions}",
        "group: x\ninput: {topic: x.dead_letters}",
    ];
    check_keys(
        &cases,
        &expect![[r#"
            input: {topic: spans}
            output: {topic: spans}
                line 4: output.topic: must differ from input.topic, got spans
            dead_letters: {topic: otlp_spans}
                line 3: dead_letters.topic: must differ from input.topic, got otlp_spans
            dead_letters: {topic: otlp_spans_kept}
                line 3: dead_letters.topic: must differ from output.topic, got otlp_spans_kept
            output: {topic: tailsift.decisions}
                line 3: output.topic: must differ from the default of decisions.topic, got tailsift.decisions
            group: x
            input: {topic: x.dead_letters}
                line 4: input.topic: must differ from the default of dead_letters.topic, got x.dead_letters
        "#]],
    );
}

#[test]
fn waits_fit_each_other() {
    let cases = [
        "decisions: {remember: 10s}",
        "window: {decision_wait: 20m}\ndecisions: {remember: 10m}",
        "window: {decision_wait_after_root_received: 31s}",
        "window: {completion: structural, settle: 31s}",
        "window: {completion: complete, remote_parents: yes, edges_max: 1000001}",
    ];
    check_keys(
        &cases,
        &expect![[r#"
            decisions: {remember: 10s}
                line 3: decisions.remember: must be at least window.decision_wait (30s, the default), got 10s
            window: {decision_wait: 20m}
            decisions: {remember: 10m}
                line 4: decisions.remember: must be at least window.decision_wait (20m), got 10m
            window: {decision_wait_after_root_received: 31s}
                line 3: window.decision_wait_after_root_received: must be at most window.decision_wait (30s, the default), got 31s: traces would be judged before it
            window: {completion: structural, settle: 31s}
                line 3: window.settle: must be at most window.decision_wait (30s, the default), got 31s: no trace would be judged before it
            window: {completion: complete, remote_parents: yes, edges_max: 1000001}
                line 3: window.completion: expected wait or structural, got complete
                line 3: window.remote_parents: expected ignored or learned, got yes
                line 3: window.edges_max: expected a whole number between 0 and 1000000, got 1000001
        "#]],
    );
}

#[test]
fn properties_of_librdkafka() {
    let keys = "\
policies: [{name: all, type: always_sample}]
kafka:
  bootstrap_servers: b:9092
  properties:
    acks: all
    group.id: x
    isolation.level: read_uncommitted
    transactional.id: x
    enable.auto.commit: true
    compression.type: lz4
    security.protocol:
    sasl: {username: x}
";
    check(
        keys,
        &expect![[r#"
        line 5: kafka.properties.acks: is set by tailsift: use delivery
        line 6: kafka.properties.group.id: is set by tailsift: use group
        line 7: kafka.properties.isolation.level: is set by tailsift: committed records are read, remove it
        line 8: kafka.properties.transactional.id: is set by tailsift: use group and instance
        line 9: kafka.properties.enable.auto.commit: is set by tailsift: offsets are committed with each epoch, remove it
        line 10: kafka.properties.compression.type: is set by tailsift: use output.compression
        line 11: kafka.properties.security.protocol: expected a value, got nothing
        line 12: kafka.properties.sasl: expected one value: a property's name is written with its dots, as in `sasl.username: reader`
    "#]],
    );
}

#[test]
fn brokers_are_hosts_with_ports() {
    crate::loaded(&format!(
        "{}output: {{kafka: {{bootstrap_servers: 'a:9092, b:9093,[::1]:9094,SSL://c:9095,d'}}}}\n\
         delivery: at_least_once",
        crate::BASE
    ));
    let cases = [
        "output: {kafka: {bootstrap_servers: 'localhost:99999'}}\ndelivery: at_least_once",
        "output: {kafka: {bootstrap_servers: 'a:9092,,b:9092'}}\ndelivery: at_least_once",
        "output: {kafka: {bootstrap_servers: 'foo bar'}}\ndelivery: at_least_once",
    ];
    check_keys(
        &cases,
        &expect![[r#"
        output: {kafka: {bootstrap_servers: 'localhost:99999'}}
        delivery: at_least_once
            line 3: output.kafka.bootstrap_servers: expected host:port, separated by commas, such as kafka-1:9092,kafka-2:9092, got "localhost:99999"
        output: {kafka: {bootstrap_servers: 'a:9092,,b:9092'}}
        delivery: at_least_once
            line 3: output.kafka.bootstrap_servers: expected host:port, separated by commas, such as kafka-1:9092,kafka-2:9092, got "a:9092,,b:9092"
        output: {kafka: {bootstrap_servers: 'foo bar'}}
        delivery: at_least_once
            line 3: output.kafka.bootstrap_servers: expected host:port, separated by commas, such as kafka-1:9092,kafka-2:9092, got "foo bar"
    "#]],
    );
}

#[test]
fn another_cluster_has_no_transactions_in_common() {
    let cases = [
        "output: {kafka: {bootstrap_servers: x}}",
        "output: {kafka: {properties: {a: b}}}\ndelivery: at_least_once",
        "output: {kafka: here}",
    ];
    check_keys(
        &cases,
        &expect![[r#"
        output: {kafka: {bootstrap_servers: x}}
            line 3: output.kafka: needs delivery: at_least_once, got exactly_once, the default: no transaction spans two clusters
        output: {kafka: {properties: {a: b}}}
        delivery: at_least_once
            line 3: output.kafka.bootstrap_servers: is required, for example `bootstrap_servers: "localhost:9092"`
        output: {kafka: here}
            line 3: output.kafka: expected a mapping with the keys bootstrap_servers, properties or `off`, got here
    "#]],
    );
}

#[test]
fn inputs_that_cannot_be() {
    let cases = [
        "input: {parse_string_tags: true}",
        "input: {topics: [a, b]}",
        "input: {topics: [a], topic: b}",
        "input: {topics: [a, a, \"^a(\", \"b c\"], keyed_by: none}",
        "input: {topics: [\"^otlp_.*\"], keyed_by: none}",
        "input: {topics: []}",
        "input: {keyed_by: none, topic: tailsift.repartition}",
        "input: {keyed_by: none}\nrepartition: {max_skew: 30s, flush: 1ms}",
    ];
    check_keys(
        &cases,
        &expect![[r#"
            input: {parse_string_tags: true}
                line 3: input.parse_string_tags: belongs to `encoding: zipkin_json`, whose tags are all texts
            input: {topics: [a, b]}
                line 3: input.topics: more than one topic needs `keyed_by: none`: parts of one trace may be in each
            input: {topics: [a], topic: b}
                line 3: input.topics: takes the place of input.topic: give one of the two
            input: {topics: [a, a, "^a(", "b c"], keyed_by: none}
                line 3: input.topics: "^a(" is no regular expression: unclosed group
                line 3: input.topics: "b c" is no topic: expected 1 to 249 of the characters a-z A-Z 0-9 . _ -, or a regular expression that begins with ^
                line 3: input.topics: has "a" twice
            input: {topics: ["^otlp_.*"], keyed_by: none}
                line 3: input.topics: "^otlp_.*" must not take in output.topic, "otlp_spans_kept"
            input: {topics: []}
                line 3: input.topics: expected a list of at least 1, got 0
            input: {keyed_by: none, topic: tailsift.repartition}
                line 3: input.topic: must differ from the default of repartition.topic, got tailsift.repartition
            input: {keyed_by: none}
            repartition: {max_skew: 30s, flush: 1ms}
                line 4: repartition.flush: expected a duration between 50ms and 10s, got 1ms
                line 4: repartition.max_skew: must be below window.decision_wait (30s, the default), got 30s
        "#]],
    );
}

#[test]
fn what_later_versions_have() {
    let cases = [
        "window: {compression: lz4}",
        "input: {encoding: jaeger_json}",
        "input: {encoding: zipkin_thrift}",
        "derive: {model_version: {pattern: {from: url.path, regex: '/v([0-9]+'}}}",
        "derive: {model: {pattern: {from: url.path}}, preprocessing_version: {pattern: url.path}}",
        "derive: {confidense: {attributes: [a]}, tenant: {}}",
        "derive: {confidence: {attributes: []}}",
    ];
    check_keys(
        &cases,
        &expect![[r#"
            window: {compression: lz4}
                line 3: window.compression: is not supported by this version: the window is held as it came, within window.memory_limit
            input: {encoding: jaeger_json}
                line 3: input.encoding: jaeger_json is not supported by this version: use otlp_proto, otlp_json, jaeger_proto or zipkin_json
            input: {encoding: zipkin_thrift}
                line 3: input.encoding: zipkin_thrift is not supported by this version: use otlp_proto, otlp_json, jaeger_proto or zipkin_json
            derive: {model_version: {pattern: {from: url.path, regex: '/v([0-9]+'}}}
                line 3: derive.model_version.pattern.regex: "/v([0-9]+" is no regular expression: unclosed group
            derive: {model: {pattern: {from: url.path}}, preprocessing_version: {pattern: url.path}}
                line 3: derive.model.pattern.regex: is required, for example `regex: "/v2/models/[^/]+/versions/([^/]+)"`
                line 3: derive.preprocessing_version.pattern: expected a mapping with the keys from, regex, got url.path
            derive: {confidense: {attributes: [a]}, tenant: {}}
                line 3: derive.confidense: unknown key: did you mean confidence? known here: confidence, model, model_version, preprocessing_version
                line 3: derive.tenant: unknown key: known here are confidence, model, model_version, preprocessing_version
            derive: {confidence: {attributes: []}}
                line 3: derive.confidence.attributes: expected a list of at least 1, got 0
        "#]],
    );
}

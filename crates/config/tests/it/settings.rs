//! What a good file means.

use expect_test::expect;
use tailsift_config::{Compression, Config, Delivery, Encoding, Partitioner, Start};
use tailsift_policy::{Compatibility, Derive, DerivePattern, Derived, Kind};
use tailsift_sampler::{Limits, RemoteParents, SecondChance, Structural};
use tailsift_trace::Millis;

use crate::{BASE, loaded};

#[test]
fn defaults() {
    let Config { kafka, input, output, decisions, window, http, .. } = &loaded(BASE);
    expect![[r#"
        Kafka { bootstrap_servers: "localhost:9092", properties: [] }
        Input { topics: ["otlp_spans"], encoding: OtlpProto, parse_string_tags: false, keyed_by: TraceId, start: Earliest, idle_grace: 2s }
        Output { topic: "otlp_spans_kept", max_message_bytes: 1000000, buffer_limit: 67108864, compression: Zstd, partitioner: Fnv1a, kafka: None }
        Decisions { topic: "tailsift.decisions", remember: 600s }
        Window { decision_wait: 30s, decision_wait_after_root_received: None, completion: Structural { settle: 1s, remote_parents: Ignored, edges_max: 10000 }, memory_limit: 1073741824, spans_per_trace_limit: 100000, bytes_per_trace_limit: 67108864 }
        Some(Http { listen: 127.0.0.1:8080, explicit: false, recent_traces: 1000, recent_bytes: 67108864 })
    "#]].assert_eq(&format!(
        "{kafka:?}\n{input:?}\n{output:?}\n{decisions:?}\n{window:?}\n{http:?}\n"
    ));
    let Config { group, instance, workers, delivery, epoch, dead_letters, .. } = &loaded(BASE);
    expect![[r#"tailsift None 0 ExactlyOnce 500ms Some("tailsift.dead_letters")"#]].assert_eq(
        &format!("{group} {instance:?} {workers} {delivery:?} {epoch:?} {dead_letters:?}"),
    );
}

#[test]
fn everything_else() {
    let config = loaded(
        "
kafka:
  bootstrap_servers: a:1,b:2
  properties: {session.timeout.ms: 6000, sasl.password: hunter2, check.crcs: true}
group: g
instance: blue
workers: 4
delivery: at_least_once
epoch: 1m
input: {topic: in, encoding: otlp_json, keyed_by: trace_id, start: latest, idle_grace: 0s}
output: {topic: out, max_message_bytes: 512KiB, compression: none, partitioner: murmur2, kafka: {bootstrap_servers: 'c:3', properties: {sasl.password: swordfish}}}
decisions: {topic: verdicts, remember: 1h}
dead_letters: off
window:
  decision_wait: 1m30s
  decision_wait_after_root_received: 5s
  completion: structural
  settle: 250ms
  remote_parents: learned
  edges_max: 7
  memory_limit: 1GiB
  spans_per_trace_limit: 5
  bytes_per_trace_limit: 1MB
policies: []
sample_on_first_match: true
compatibility: collector
derive: {confidence: {attributes: [c]}, model_version: {attributes: [m, n]}}
redaction: []
http: off
",
    );
    assert_eq!(config.kafka.bootstrap_servers, "a:1,b:2");
    assert_eq!(config.kafka.properties["session.timeout.ms"], "6000");
    assert_eq!(config.kafka.properties["sasl.password"], "hunter2");
    assert_eq!(config.kafka.properties["check.crcs"], "true");
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("swordfish"));
    let elsewhere = config.output.kafka.as_ref().unwrap();
    assert_eq!(elsewhere.bootstrap_servers, "c:3");
    assert_eq!(elsewhere.properties["sasl.password"], "swordfish");
    assert_eq!((config.instance.as_deref(), config.workers), (Some("blue"), 4));
    assert_eq!((config.delivery, config.epoch.as_secs()), (Delivery::AtLeastOnce, 60));
    assert_eq!((config.input.encoding, config.input.start), (Encoding::OtlpJson, Start::Latest));
    assert_eq!(config.output.max_message_bytes, 512 << 10);
    assert_eq!(config.output.compression, Compression::None);
    assert_eq!(config.output.partitioner, Partitioner::Murmur2);
    assert_eq!((config.dead_letters.as_deref(), config.http), (None, None));
    assert_eq!(config.decisions.topic, "verdicts");
    assert_eq!(config.semantics().compatibility, Compatibility::Collector);
    assert!(config.semantics().sample_on_first_match);
    assert_eq!(config.semantics().derive.model_version.attributes, ["m", "n"]);
    assert_eq!(
        config.limits(4),
        Limits {
            decision_wait: Millis(90_000),
            decision_wait_after_root: Some(Millis(5_000)),
            structural: Some(Structural {
                settle: Millis(250),
                remote_parents: RemoteParents::Learned,
                edges_max: 7,
            }),
            remember: Millis::from_secs(3600),
            idle_grace: Millis(0),
            memory_bytes: 1 << 28,
            spans_per_trace: 5,
            bytes_per_trace: 1_000_000,
            ..Limits::default()
        }
    );
}

#[test]
fn other_encodings() {
    let input = |keys: &str| loaded(&format!("{BASE}input: {{{keys}}}\n")).input;
    for name in ["otlp_proto", "otlp_json", "jaeger_proto", "zipkin_json"] {
        let input = input(&format!("encoding: {name}"));
        assert_eq!((input.encoding.name(), input.parse_string_tags), (name, false));
    }
    assert!(input("encoding: zipkin_json, parse_string_tags: true").parse_string_tags);
}

#[test]
fn every_word_means_its_own() {
    let words = |section: &str, key: &str, words: &[&str]| -> Vec<String> {
        let text = |word| format!("{BASE}{section}: {{{key}: {word}}}\n");
        words.iter().map(|word| format!("{:?}", loaded(&text(word)).output)).collect()
    };
    let names = ["none", "gzip", "snappy", "lz4", "zstd"];
    for (name, output) in names.iter().zip(words("output", "compression", &names)) {
        let name = format!("compression: {name}");
        assert!(output.to_lowercase().contains(&name), "{name}: {output}");
    }
    let compression = |name| loaded(&format!("{BASE}output: {{compression: {name}}}\n")).output;
    for name in names {
        assert_eq!(compression(name).compression.name(), name);
    }
}

#[test]
fn the_defaults_are_the_samplers() {
    let file = Limits {
        structural: Some(Structural {
            settle: Millis::from_secs(1),
            remote_parents: RemoteParents::Ignored,
            edges_max: 10_000,
        }),
        second_chance: Some(SecondChance::default()),
        ..Limits::default()
    };
    assert_eq!(loaded(BASE).limits(1), file);
    assert_eq!(loaded(BASE).limits(0), file);
    let collectors = loaded(&format!("{BASE}compatibility: collector\n"));
    assert_eq!(collectors.limits(1), Limits::default(), "a Collector waits, and never turns");
    assert_eq!(*loaded(BASE).semantics(), tailsift_policy::Semantics::default());
}

#[test]
fn empty_sections_are_defaults() {
    let empty = "input:\noutput:\ndecisions:\ndead_letters:\nwindow:\nderive:\nhttp:\nredaction:\n";
    let (plain, empty) = (loaded(BASE), loaded(&format!("{BASE}{empty}")));
    assert_eq!(format!("{plain:?}"), format!("{empty:?}"));
}

#[test]
fn verdicts_are_remembered_as_long_as_traces_wait() {
    let config = loaded(&format!("{BASE}window: {{decision_wait: 20m}}\n"));
    assert_eq!(config.decisions.remember.as_secs(), 1200);
}

#[test]
fn a_log_of_another_name_may_be_shared() {
    let is_own = |text: &str| loaded(&format!("{BASE}{text}")).has_log_of_its_own();
    assert!(is_own(""));
    assert!(is_own("group: g\ndecisions: {topic: g.decisions}\n"));
    assert!(!is_own("decisions: {topic: verdicts}\n"));
}

#[test]
fn a_busy_port_is_an_error_only_where_it_was_asked_for() {
    assert!(!loaded(BASE).http.unwrap().explicit);
    let config = loaded(&format!("{BASE}http: {{recent_traces: 5, recent_bytes: 1KiB}}\n"));
    let http = config.http.unwrap();
    assert_eq!((http.explicit, http.recent_traces, http.recent_bytes), (false, 5, 1024));
    let http = loaded(&format!("{BASE}http: {{listen: '[::1]:0'}}\n")).http.unwrap();
    assert_eq!((http.explicit, http.listen.to_string().as_str()), (true, "[::1]:0"));
}

#[test]
fn policies() {
    let config = loaded(
        "
kafka: {bootstrap_servers: b}
policies:
  - {name: a, type: status_code, status_code: {status_codes: [ERROR, OK, UNSET]}}
  - {name: b, type: latency, latency: {threshold_ms: 100.0, upper_threshold_ms: 0x3e8}}
  - {name: c, type: numeric_attribute, numeric_attribute: {key: n, min_value: -5, invert_match: true}}
  - {name: d, type: numeric_attribute, numeric_attribute: {key: n, max_value: 0}}
  - {name: e, type: string_attribute, string_attribute: {key: s, values: [no, \"5\"], cache_max_size: 10}}
  - {name: f, type: string_attribute, string_attribute: {key: s, values: ['^a$'], enabled_regex_matching: true, invert_match: true}}
  - {name: g, type: probabilistic, probabilistic: {sampling_percentage: 0.5}}
  - {name: h, type: always_sample}
  - {name: i, type: and, and: {and_sub_policy: [{name: x, type: always_sample}, {type: latency, latency: {threshold_ms: 1}}]}}
  - {name: j, type: low_confidence, low_confidence: {below: 0.5, per_model_version: {v1.2: 0.6, 3: 1}, scale: percent}}
  - {name: k, type: span_latency, span_latency: {span_name: Feature Extraction, above: 500us}}
  - {name: l, type: span_latency, span_latency: {span_name: Feat, match: prefix, above: 1.5s, service: features}}
  - {name: m, type: span_latency, span_latency: {span_name: '^F.*n$', match: regex, above: 0s}}
  - {name: n, type: low_confidence, low_confidence: {below: 0.5, of_arrays: mean}}
  - name: o
    type: trace_condition
    trace_condition:
      any:
        - {count: {span_name: retry, match: prefix, service: s, kind: client, status: ERROR, attribute: a, values: ['1'], model: m, preprocessing_version: p}, above: 3}
        - {sum: t, above: 8000, below: 1e4}
        - {ratio: {of: o, to: i}, below: 0.5}
        - {absent: {model_version: '7'}}
        - {root:}
  - {name: p, type: trace_condition, trace_condition: {all: [{min: a, below: 1}, {max: b, above: -2.5}]}}
  - {name: q, type: failure, failure: {}}
  - {name: r, type: failure, failure: {recovered: keep}}
  - {name: s, type: fragmented, fragmented: {missing_parents_above: 2}}
  - {name: t, type: forced, forced: {attribute: trace.force}}
  - {name: u, type: forced, forced: {trace_state: force, value: '1', traces_per_second: 3}}
  - {name: v, type: drift, drift: {by: [model_version, preprocessing_version], rise: 1.5, of_arrays: min}}
  - {name: w, type: rate_per_key, rate_per_key: {by: [service.name, model_version], traces_per_second: 50, interval: 30s}}
",
    );
    let lines: Vec<_> = config.policies().iter().map(|policy| format!("{policy:?}")).collect();
    expect![[r#"
        Policy { name: "a", kind: StatusCode(StatusCodes([StatusCode(2), StatusCode(1), StatusCode(0)])) }
        Policy { name: "b", kind: Latency(Latency { threshold_ms: 100, upper_threshold_ms: 1000 }) }
        Policy { name: "c", kind: NumericAttribute(NumericAttribute { key: "n", min_value: Some(-5), max_value: None, invert_match: true }) }
        Policy { name: "d", kind: NumericAttribute(NumericAttribute { key: "n", min_value: None, max_value: Some(0), invert_match: false }) }
        Policy { name: "e", kind: StringAttribute(StringAttribute { key: "s", values: ["no", "5"], enabled_regex_matching: false, invert_match: false }) }
        Policy { name: "f", kind: StringAttribute(StringAttribute { key: "s", values: ["^a$"], enabled_regex_matching: true, invert_match: true }) }
        Policy { name: "g", kind: Probabilistic(Probabilistic { sampling_percentage: 0.5, hash_salt: "" }) }
        Policy { name: "h", kind: AlwaysSample }
        Policy { name: "i", kind: And(And { policies: [Policy { name: "x", kind: AlwaysSample }, Policy { name: "", kind: Latency(Latency { threshold_ms: 1, upper_threshold_ms: 0 }) }] }) }
        Policy { name: "j", kind: LowConfidence(LowConfidence { below: 0.5, per_model_version: {"3": 1.0, "v1.2": 0.6}, scale: Percent, of_arrays: None }) }
        Policy { name: "k", kind: SpanLatency(SpanLatency { span_name: "Feature Extraction", name_match: Exact, service: None, above_ns: 500000 }) }
        Policy { name: "l", kind: SpanLatency(SpanLatency { span_name: "Feat", name_match: Prefix, service: Some("features"), above_ns: 1500000000 }) }
        Policy { name: "m", kind: SpanLatency(SpanLatency { span_name: "^F.*n$", name_match: Regex, service: None, above_ns: 0 }) }
        Policy { name: "n", kind: LowConfidence(LowConfidence { below: 0.5, per_model_version: {}, scale: Unit, of_arrays: Some(Mean) }) }
        Policy { name: "o", kind: TraceCondition(TraceCondition { all: [], any: [TraceTest { measures: [Count(SpanMatch { span_name: Some("retry"), name_match: Prefix, service: Some("s"), kind: Some(3), status: Some(StatusCode(2)), attribute: Some("a"), values: ["1"], derived: [(Model, "m"), (PreprocessingVersion, "p")] })], above: Some(3.0), below: None }, TraceTest { measures: [Sum("t")], above: Some(8000.0), below: Some(10000.0) }, TraceTest { measures: [Ratio { of: "o", to: "i" }], above: None, below: Some(0.5) }, TraceTest { measures: [Absent(SpanMatch { span_name: None, name_match: Exact, service: None, kind: None, status: None, attribute: None, values: [], derived: [(ModelVersion, "7")] })], above: None, below: None }, TraceTest { measures: [Root(SpanMatch { span_name: None, name_match: Exact, service: None, kind: None, status: None, attribute: None, values: [], derived: [] })], above: None, below: None }] }) }
        Policy { name: "p", kind: TraceCondition(TraceCondition { all: [TraceTest { measures: [Min("a")], above: None, below: Some(1.0) }, TraceTest { measures: [Max("b")], above: Some(-2.5), below: None }], any: [] }) }
        Policy { name: "q", kind: Failure(Failure { keep_recovered: false }) }
        Policy { name: "r", kind: Failure(Failure { keep_recovered: true }) }
        Policy { name: "s", kind: Fragmented(Fragmented { missing_parents_above: 2 }) }
        Policy { name: "t", kind: Forced(Forced { attribute: Some("trace.force"), trace_state: None, value: None, traces_per_second: 10 }) }
        Policy { name: "u", kind: Forced(Forced { attribute: None, trace_state: Some("force"), value: Some("1"), traces_per_second: 3 }) }
        Policy { name: "v", kind: Drift(Drift { by: [ModelVersion, PreprocessingVersion], floor_per_minute: 1, low_confidence_below: 0.5, scale: Unit, of_arrays: Some(Min), rise: 1.5, baseline: Millis(3600000) }) }
        Policy { name: "w", kind: RatePerKey(RatePerKey { by: [Attribute("service.name"), Derived(ModelVersion)], traces_per_second: 50, keys_max: 1000, interval: Millis(30000) }) }"#]].assert_eq(&lines.join("\n"));
    let set = config.policy_set();
    assert_eq!(set.names().len(), 23);
}

#[test]
fn derived_attributes() {
    let derive = |text: &str| loaded(&format!("{BASE}derive: {text}\n")).semantics().derive.clone();
    let defaults = derive("{}");
    assert_eq!(defaults, Derive::default());
    assert_eq!(derive("{model:, confidence: {}}"), defaults);
    let pattern = "pattern: {from: url.path, regex: '/m/([^/]+)'}";
    let own = Some(DerivePattern { from: "url.path".into(), regex: "/m/([^/]+)".into() });
    // What is listed replaces the default pattern too.
    for (text, attributes, pattern) in [
        ("{model: {attributes: [a]}}".to_owned(), vec!["a".to_owned()], None),
        (format!("{{model: {{attributes: [a], {pattern}}}}}"), vec!["a".to_owned()], own.clone()),
        (format!("{{model: {{{pattern}}}}}"), defaults.model.attributes.clone(), own),
    ] {
        let derived = derive(&text);
        assert_eq!(derived.model, Derived { attributes, pattern }, "{text}");
        assert_eq!(derived.model_version, defaults.model_version, "{text}");
    }
}

#[test]
fn policies_by_anchor() {
    let config = loaded(
        "
kafka: {bootstrap_servers: b}
policies:
  - {name: a, type: latency, latency: &slow {threshold_ms: 7}}
  - {name: b, type: latency, latency: *slow}
",
    );
    let [a, b] = config.policies() else { panic!("two policies, got {config:?}") };
    assert_eq!(a.kind, b.kind);
    assert!(matches!(&a.kind, Kind::Latency(latency) if latency.threshold_ms == 7));
}

#[test]
fn fingerprints_are_of_meaning() {
    let of = |text: &str| loaded(&format!("kafka: {{bootstrap_servers: b}}\n{text}")).fingerprint();
    let plain = of("policies: [{name: a, type: latency, latency: {threshold_ms: 5}}]");
    expect!["9a3f3c2c1534c980"].assert_eq(&plain);
    for same in [
        "policies:\n- type: latency\n  name: \"a\"\n  latency:\n    upper_threshold_ms: 0\n    threshold_ms: 0x5\n",
        "window: {decision_wait: 1s}\npolicies: [{name: a, type: latency, latency: {threshold_ms: 5}}]",
        "compatibility: tailsift\nsample_on_first_match: false\npolicies: [{name: a, type: latency, latency: {threshold_ms: 5}}]",
    ] {
        assert_eq!(of(same), plain, "{same}");
    }
    let mut seen = vec![plain];
    for other in [
        "policies: [{name: b, type: latency, latency: {threshold_ms: 5}}]",
        "policies: [{name: a, type: latency, latency: {threshold_ms: 6}}]",
        "policies: [{name: a, type: latency, latency: {threshold_ms: 5, upper_threshold_ms: 6}}]",
        "policies: [{name: a, type: always_sample}]",
        "policies: [{name: a, type: latency, latency: {threshold_ms: 5}}, {name: b, type: always_sample}]",
        "compatibility: collector\npolicies: [{name: a, type: latency, latency: {threshold_ms: 5}}]",
        "sample_on_first_match: true\npolicies: [{name: a, type: latency, latency: {threshold_ms: 5}}]",
        "derive: {confidence: {attributes: [c]}}\npolicies: [{name: a, type: latency, latency: {threshold_ms: 5}}]",
        "derive: {model: {pattern: {from: a, regex: b}}}\npolicies: [{name: a, type: latency, latency: {threshold_ms: 5}}]",
        "policies: [{name: a, type: low_confidence, low_confidence: {below: 0.5, of_arrays: min}}]",
        "policies: [{name: a, type: low_confidence, low_confidence: {below: 0.5, of_arrays: max}}]",
        "policies: [{name: a, type: trace_condition, trace_condition: {all: [{sum: a, above: 1}]}}]",
        "policies: [{name: a, type: trace_condition, trace_condition: {any: [{sum: a, above: 1}]}}]",
        "policies: [{name: a, type: trace_condition, trace_condition: {any: [{min: a, above: 1}]}}]",
        "policies: [{name: a, type: trace_condition, trace_condition: {any: [{sum: a, below: 1}]}}]",
        "policies: [{name: a, type: trace_condition, trace_condition: {any: [{count: {}, above: 1}]}}]",
        "policies: [{name: a, type: trace_condition, trace_condition: {any: [{count: {kind: client}, above: 1}]}}]",
        "policies: [{name: a, type: trace_condition, trace_condition: {any: [{absent: {kind: client}}]}}]",
        "policies: [{name: a, type: failure, failure: {}}]",
        "policies: [{name: a, type: failure, failure: {recovered: keep}}]",
        "policies: [{name: a, type: fragmented, fragmented: {}}]",
        "policies: [{name: a, type: fragmented, fragmented: {missing_parents_above: 1}}]",
        "policies: [{name: a, type: forced, forced: {attribute: a}}]",
        "policies: [{name: a, type: forced, forced: {trace_state: a}}]",
        "policies: [{name: a, type: forced, forced: {attribute: a, value: b}}]",
        "policies: [{name: a, type: forced, forced: {attribute: a, traces_per_second: 1}}]",
        "policies: [{name: a, type: drift, drift: {by: [model]}}]",
        "policies: [{name: a, type: drift, drift: {by: [model_version]}}]",
        "policies: [{name: a, type: drift, drift: {by: [model], floor_per_minute: 2}}]",
        "policies: [{name: a, type: drift, drift: {by: [model], rise: 3}}]",
        "policies: [{name: a, type: drift, drift: {by: [model], baseline: 2h}}]",
        "policies: [{name: a, type: drift, drift: {by: [model], scale: percent}}]",
        "policies: [{name: a, type: rate_per_key, rate_per_key: {by: [model], traces_per_second: 5}}]",
        "policies: [{name: a, type: rate_per_key, rate_per_key: {by: [a.model], traces_per_second: 5}}]",
        "policies: [{name: a, type: rate_per_key, rate_per_key: {by: [model, a], traces_per_second: 5}}]",
        "policies: [{name: a, type: rate_per_key, rate_per_key: {by: [model], traces_per_second: 6}}]",
        "policies: [{name: a, type: rate_per_key, rate_per_key: {by: [model], traces_per_second: 5, keys_max: 5}}]",
        "policies: [{name: a, type: rate_per_key, rate_per_key: {by: [model], traces_per_second: 5, interval: 5s}}]",
        "policies: [{name: a, type: and, and: {and_sub_policy: [{type: latency, latency: {threshold_ms: 5}}]}}]",
        "policies: [{name: a, type: numeric_attribute, numeric_attribute: {key: k, min_value: 0}}]",
        "policies: [{name: a, type: numeric_attribute, numeric_attribute: {key: k, max_value: 0}}]",
        "policies: [{name: a, type: low_confidence, low_confidence: {below: 0.5}}]",
        "policies: [{name: a, type: low_confidence, low_confidence: {below: 0.5, scale: percent}}]",
        "policies: [{name: a, type: low_confidence, low_confidence: {below: 0.5, per_model_version: {v: 0.5}}}]",
        "policies: [{name: a, type: span_latency, span_latency: {span_name: s, above: 1ms}}]",
        "policies: [{name: a, type: span_latency, span_latency: {span_name: s, above: 1ms, match: prefix}}]",
        "policies: [{name: a, type: span_latency, span_latency: {span_name: s, above: 1ms, service: s}}]",
        "policies: [{name: a, type: string_attribute, string_attribute: {key: k, values: [ab]}}]",
        "policies: [{name: a, type: string_attribute, string_attribute: {key: k, values: [a, b]}}]",
        "policies: [{name: a, type: status_code, status_code: {status_codes: [OK]}}]",
        "policies: [{name: a, type: probabilistic, probabilistic: {sampling_percentage: 5}}]",
    ] {
        let other_print = of(other);
        assert_eq!(other_print.len(), 16);
        assert!(!seen.contains(&other_print), "{other}");
        seen.push(other_print);
    }
}

//! `${env:NAME}`, `${env:NAME:-default}`, `${file:path}`, `$$`; and that their values stay secret.

use std::path::Path;

use expect_test::{Expect, expect};
use tailsift_config::{Config, ConfigError, ConfigFile, Report, load};

use crate::{BASE, no_file};

const CANARY: &str = "canary-4711";

fn environment(name: &str) -> Option<String> {
    match name {
        "NAME" => Some("value".into()),
        "NUMBER" => Some("7".into()),
        "EMPTY" => Some(String::new()),
        "CANARY" => Some(CANARY.into()),
        "BAD_PATTERN" => Some(format!("({CANARY}")),
        "TWO_LINES" => Some(format!("({CANARY}\nsecond")),
        "PERCENT" => Some("4711.0".into()),
        _ => None,
    }
}

fn read_file(path: &Path) -> std::io::Result<String> {
    match path.to_str() {
        Some("secret") => Ok(format!("{CANARY}\n")),
        Some("large") => Ok("x".repeat(100_000)),
        _ => no_file(path),
    }
}

fn load_filled(text: &str) -> Result<Config, Vec<ConfigError>> {
    load(text, &[], &environment, &read_file)
}

fn group(text: &str) -> String {
    match load_filled(&format!("{BASE}group: {text}\n")) {
        Ok(config) => config.group,
        Err(errors) => errors[0].to_string(),
    }
}

#[test]
fn texts_are_filled_in() {
    for (text, expect) in [
        ("${env:NAME}", "value"),
        ("'${env:NAME}'", "value"),
        ("a-${env:NAME}-${env:NUMBER}", "a-value-7"),
        ("${env:UNSET:-other}", "other"),
        ("${env:EMPTY:-other}", "other"),
        ("${env:NAME:-other}", "value"),
        ("${env:UNSET:-a-b}", "a-b"),
        ("${file:secret}", CANARY),
    ] {
        assert_eq!(group(text), expect, "{text}");
    }
}

#[test]
fn what_was_filled_in_has_no_type_of_its_own() {
    let text = format!("{BASE}workers: ${{env:NUMBER}}\ninstance: ${{env:NUMBER}}\n");
    let config = load_filled(&text).unwrap();
    assert_eq!((config.workers, config.instance.as_deref()), (7, Some("7")));
}

#[test]
fn dollars() {
    let text = "
kafka: {bootstrap_servers: b}
policies:
  - {name: 'a$b', type: string_attribute, string_attribute: {key: k, values: ['^a$', '$$', '$${x}', $1]}}
";
    let config = load_filled(text).unwrap();
    expect![[r#"
        Policy {
            name: "a$b",
            kind: StringAttribute(
                StringAttribute {
                    key: "k",
                    values: [
                        "^a$",
                        "$",
                        "${x}",
                        "$1",
                    ],
                    enabled_regex_matching: false,
                    invert_match: false,
                },
            ),
        }
    "#]]
    .assert_debug_eq(&config.policies()[0]);
}

#[test]
fn broken_references() {
    let check = |text: &str, expect: &Expect| expect.assert_eq(&group(text));
    check(
        "${env:UNSET}",
        &expect![
            "line 3: group: ${env:UNSET} is not set: set it, or give a default as in ${env:UNSET:-default}"
        ],
    );
    check(
        "${env:UNSET",
        &expect![
            "line 3: group: a reference has no closing }: write ${env:NAME}, ${env:NAME:-default} or ${file:path}, or $${ for a plain ${"
        ],
    );
    check(
        "${env:}",
        &expect![[
            r#"line 3: group: "" names no environment variable: write ${env:NAME}, ${env:NAME:-default} or ${file:path}, or $${ for a plain ${"#
        ]],
    );
    check(
        "${env:a b}",
        &expect![[
            r#"line 3: group: "a b" names no environment variable: write ${env:NAME}, ${env:NAME:-default} or ${file:path}, or $${ for a plain ${"#
        ]],
    );
    check(
        "${NAME}",
        &expect![[
            r#"line 3: group: "${NAME}" is no reference: write ${env:NAME}, ${env:NAME:-default} or ${file:path}, or $${ for a plain ${"#
        ]],
    );
    check(
        "${env:UNSET:-${env:NAME}}",
        &expect![[r#"line 3: group: the default of "UNSET" holds a reference: they do not nest"#]],
    );
    check("${file:missing}", &expect!["line 3: group: ${file:missing} cannot be read: no missing"]);
    check("${file:large}", &expect!["line 3: group: ${file:large} is larger than 65536 bytes"]);
    check(
        "${env:EMPTY}",
        &expect![
            "line 3: group: expected 1 to 200 of the characters a-z A-Z 0-9 . _ -, got (from ${env:EMPTY})"
        ],
    );
}

const SECRETS: &str = "
kafka:
  bootstrap_servers: 'b'
  properties:
    group.id: ${env:CANARY}
    sasl.password: canary-4711
    sasl.oauth: {secret: canary-4711}
group: a/${env:CANARY}
workers: ${env:CANARY}
delivery: ${env:CANARY}
epoch: ${file:secret}
input: ${env:CANARY}
output: {topic: '${env:CANARY}', max_message_bytes: '${env:CANARY}'}
dead_letters: {topic: '${file:secret}'}
sample_on_first_match: ${env:CANARY}
derive: {confidence: {attributes: '${env:CANARY}'}}
http: {listen: '${env:CANARY}'}
redaction: ${env:CANARY}
policies:
  - {name: '${env:CANARY}', type: always_sample}
  - {name: '${env:CANARY}', type: always_sample}
  - {name: c, type: '${env:CANARY}'}
  - {name: d, type: string_attribute, string_attribute: {key: k, values: ['${env:BAD_PATTERN}'], enabled_regex_matching: true}}
  - {name: e, type: string_attribute, string_attribute: {key: k, values: [\"${env:TWO_LINES}\"], enabled_regex_matching: true}}
  - {name: f, type: probabilistic, probabilistic: {sampling_percentage: '${env:PERCENT}'}}
  - {name: g, type: latency, latency: {threshold_ms: 9999, upper_threshold_ms: '${env:PERCENT}'}}
  - {name: h, type: status_code, status_code: {status_codes: ['${env:CANARY}']}}
  - {name: i, type: span_latency, span_latency: {span_name: '${env:BAD_PATTERN}', match: regex, above: 1s}}
  - {name: j, type: ottl_condition, ottl_condition: {span: ['true', 'name == ${env:CANARY}']}}
  - {name: k, type: ottl_condition, ottl_condition: {span: ['IsMatch(name, \"${env:BAD_PATTERN}\")']}}
";

/// Wherever a value from the environment or a file is put, no message holds it.
#[test]
fn values_are_never_shown() {
    let errors = load_filled(SECRETS).unwrap_err();
    let report = Report(&errors).to_string();
    for shown in [&report, &format!("{errors:?}")] {
        assert!(!shown.contains("4711"), "{shown}");
    }
    expect![[r#"
        line 5: kafka.properties.group.id: is set by tailsift: use group
        line 7: kafka.properties.sasl.oauth: expected one value: a property's name is written with its dots, as in `sasl.username: reader`
        line 8: group: expected 1 to 200 of the characters a-z A-Z 0-9 . _ -, got (from ${env:CANARY})
        line 9: workers: expected a whole number, got (from ${env:CANARY})
            9 | workers: ${env:CANARY}
        line 10: delivery: expected exactly_once or at_least_once, got (from ${env:CANARY})
           10 | delivery: ${env:CANARY}
        line 11: epoch: expected a duration with a unit (ms, s, m, h) such as 30s, got (from ${file:secret})
        line 12: input: expected a mapping with the keys topic, topics, encoding, parse_string_tags, keyed_by, start, idle_grace, got (from ${env:CANARY})
           12 | input: ${env:CANARY}
        line 13: output.max_message_bytes: expected a size with a unit (B, KB, MB, GB, KiB, MiB, GiB) such as 64MiB, got (from ${env:CANARY})
           13 | output: {topic: '${env:CANARY}', max_message_bytes: '${env:CANARY}'}
        line 14: dead_letters.topic: must differ from output.topic, got (from ${file:secret})
        line 15: sample_on_first_match: expected true or false, got (from ${env:CANARY})
           15 | sample_on_first_match: ${env:CANARY}
        line 16: derive.confidence.attributes: expected a list, got (from ${env:CANARY})
           16 | derive: {confidence: {attributes: '${env:CANARY}'}}
        line 17: http.listen: expected an IP address and a port such as 127.0.0.1:8080 or 0.0.0.0:8080, got (from ${env:CANARY})
           17 | http: {listen: '${env:CANARY}'}
        line 18: redaction: expected a list, got (from ${env:CANARY})
           18 | redaction: ${env:CANARY}
        line 21: policies[1].name: (from ${env:CANARY}) is taken by policies[0]: names must differ
           21 |   - {name: '${env:CANARY}', type: always_sample}
        line 22: policies[2].type: (from ${env:CANARY}) is no kind of policy: there are: status_code, latency, numeric_attribute, string_attribute, boolean_attribute, trace_state, trace_flags, span_count, rate_limiting, bytes_limiting, probabilistic, always_sample, and, not, drop, composite, low_confidence, span_latency, trace_condition, failure, fragmented, forced, drift, rate_per_key, ottl_condition
           22 |   - {name: c, type: '${env:CANARY}'}
        line 23: policies[3].string_attribute.values[0]: (from ${env:BAD_PATTERN}) is no regular expression: unclosed group
           23 |   - {name: d, type: string_attribute, string_attribute: {key: k, values: ['${env:BAD_PATTERN}'], enabled_regex_matching:…
        line 24: policies[4].string_attribute.values[0]: (from ${env:TWO_LINES}) is no regular expression: unclosed group
           24 |   - {name: e, type: string_attribute, string_attribute: {key: k, values: ["${env:TWO_LINES}"], enabled_regex_matching: t…
        line 25: policies[5].probabilistic.sampling_percentage: must lie between 0 and 100, got (from ${env:PERCENT})
           25 |   - {name: f, type: probabilistic, probabilistic: {sampling_percentage: '${env:PERCENT}'}}
        line 26: policies[6].latency.upper_threshold_ms: must be above threshold_ms (9999) or 0 for no bound, got (from ${env:PERCENT})
           26 |   - {name: g, type: latency, latency: {threshold_ms: 9999, upper_threshold_ms: '${env:PERCENT}'}}
        line 27: policies[7].status_code.status_codes[0]: expected ERROR, OK or UNSET, got (from ${env:CANARY})
           27 |   - {name: h, type: status_code, status_code: {status_codes: ['${env:CANARY}']}}
        line 28: policies[8].span_latency.span_name: (from ${env:BAD_PATTERN}) is no regular expression: unclosed group
           28 |   - {name: i, type: span_latency, span_latency: {span_name: '${env:BAD_PATTERN}', match: regex, above: 1s}}
        line 29: policies[9].ottl_condition.span[1]: does not do, and why is not shown: it would show a value (from ${env:CANARY})
           29 |   - {name: j, type: ottl_condition, ottl_condition: {span: ['true', 'name == ${env:CANARY}']}}
        line 30: policies[10].ottl_condition.span[0]: line 1, column 15, in `(from ${env:BAD_PATTERN})`: no pattern: at its end: a group is not closed: ) is missing
           30 |   - {name: k, type: ottl_condition, ottl_condition: {span: ['IsMatch(name, "${env:BAD_PATTERN}")']}}
    "#]].assert_eq(&report);
}

#[test]
fn inline_secrets_are_not_quoted_either() {
    let texts = [
        "kafka: {bootstrap_servers: 5, properties: {sasl.password: canary-4711}}\n",
        "kafka: {bootstrap_servers: 'x', sasl.password: canary-4711}\n",
        "kafka:\n  properties:\n    sasl.password: \"canary-4711\n",
        "kafka:\n  properties:\n    sasl.password: *canary-4711\n",
        "kafka: {properties: *canary-4711 }\n",
        "kafka:\n  properties:\n    ssl.key: |\n      canary-4711\n    acks: \"a\n      canary-4711\"\n  x: y\n",
        "x: &p canary-4711\nkafka: {properties: {foo.bar: *p}}\n",
        "kafka: {properties: canary-4711}\n",
        "kafka: {properties: {foo: bar, foo: canary-4711}}\n",
    ];
    for text in texts {
        let errors = load_filled(text).unwrap_err();
        let report = Report(&errors).to_string();
        assert!(!report.contains("4711"), "{text}\n{report}");
    }
}

#[test]
fn files_are_read_beside_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tailsift.yaml");
    std::fs::write(directory.path().join("group.txt"), "blue\r\n").unwrap();
    std::fs::write(&path, format!("{BASE}group: ${{file:group.txt}}\n")).unwrap();
    let file = ConfigFile::read(&path, &[]).unwrap();
    assert_eq!(file.load().unwrap().group, "blue");
    let green = ConfigFile::read(&path, &["group=green".into()]).unwrap();
    assert_eq!(green.load().unwrap().group, "green");
    // The file itself stays as it was read; what it refers to does not.
    std::fs::write(&path, "nothing").unwrap();
    std::fs::write(directory.path().join("group.txt"), "red").unwrap();
    assert_eq!(file.load().unwrap().group, "red");
    assert!(file.has_file_references());
    let plain = ConfigFile::read(&path, &[]).unwrap();
    assert!(!plain.has_file_references());

    let told = |path: &Path| {
        let Err(errors) = ConfigFile::read(path, &[]) else { panic!("{path:?} was read") };
        let report = Report(&errors).to_string();
        report.replace(directory.path().to_str().unwrap(), "DIR")
    };
    std::fs::write(directory.path().join("binary"), [0xff, 0xfe, 0, 1]).unwrap();
    std::fs::write(directory.path().join("huge"), vec![b'#'; (1 << 20) + 1]).unwrap();
    expect![[r#"
        DIR/binary cannot be read: stream did not contain valid UTF-8
    "#]]
    .assert_eq(&told(&directory.path().join("binary")));
    expect![[r#"
        DIR/huge cannot be read: it is larger than 1048576 bytes
    "#]]
    .assert_eq(&told(&directory.path().join("huge")));
    expect![[r#"
        DIR/missing cannot be read: No such file or directory (os error 2)
    "#]]
    .assert_eq(&told(&directory.path().join("missing")));
}

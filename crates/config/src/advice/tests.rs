//! What is said of files that load, and that nothing is said of ordinary ones.

use std::io::ErrorKind;

use super::{Weight, of};
use crate::error::Report;
use crate::load;

/// What is said, a line each: weight, path, and the start of the message.
fn advice(text: &str) -> Vec<String> {
    let config = load(text, &[], &|_| None, &|_| Err(ErrorKind::NotFound.into()));
    let config = config.unwrap_or_else(|errors| panic!("{text}\n{}", Report(&errors)));
    of(&config).iter().map(ToString::to_string).collect()
}

const ERRORS: &str = "{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}";
const SHARE: &str =
    "{name: share, type: probabilistic, probabilistic: {sampling_percentage: 0.0001}}";

/// A file with these policies, and a share of all beside them.
fn of_policies(policies: &[&str], keys: &str) -> Vec<String> {
    let policies = policies.iter().chain(&[SHARE]);
    let policies: String = policies.map(|policy| format!("  - {policy}\n")).collect();
    advice(&format!("kafka: {{bootstrap_servers: b}}\n{keys}\npolicies:\n{policies}"))
}

#[track_caller]
fn check(policies: &[&str], keys: &str, expect: &[&str]) {
    let said = of_policies(policies, keys);
    let fits = |(said, expect): (&String, &&str)| said.starts_with(expect);
    assert!(
        said.len() == expect.len() && said.iter().zip(expect).all(fits),
        "{policies:?} {keys}: expected {expect:#?}, got {said:#?}"
    );
}

#[test]
fn nothing_is_said_of_ordinary_policies() {
    check(&[ERRORS], "", &[]);
    for policy in [
        "{name: a, type: latency, latency: {threshold_ms: 500}}",
        "{name: a, type: latency, latency: {threshold_ms: 500, upper_threshold_ms: 900}}",
        "{name: a, type: string_attribute, string_attribute: {key: k, values: [v], invert_match: true}}",
        "{name: a, type: span_count, span_count: {min_spans: 100}}",
        "{name: a, type: low_confidence, low_confidence: {below: 0.5}}",
        "{name: a, type: drop, drop: {drop_sub_policy: [{type: string_attribute, string_attribute: {key: url.path, values: [/healthz]}}]}}",
    ] {
        check(&[policy, ERRORS], "", &[]);
    }
    let slow_errors = format!(
        "{{name: a, type: and, and: {{and_sub_policy: [{ERRORS}, \
         {{type: latency, latency: {{threshold_ms: 500}}}}]}}}}"
    );
    // The narrower one first is how policies get their names.
    check(&[&slow_errors, ERRORS], "", &[]);
}

#[test]
fn policies_that_never_match_are_told() {
    for (policy, why) in [
        (
            "{name: a, type: ottl_condition, ottl_condition: {span: ['1 == 2']}}",
            "never keeps a trace: its conditions look at nothing, and are false. Mend or remove it",
        ),
        (
            "{name: a, type: probabilistic, probabilistic: {sampling_percentage: 0}}",
            "never keeps a trace: its share is 0 percent",
        ),
        (
            "{name: a, type: fragmented, fragmented: {missing_parents_above: 4096}}",
            "never keeps a trace: no more than 4096 parents are told apart",
        ),
        (
            "{name: a, type: trace_condition, trace_condition: {all: [{absent: {span_name: x}}, {count: {span_name: x}, above: 0}]}}",
            "never keeps a trace: it wants the same spans to be there and to be absent",
        ),
        (
            "{name: a, type: not, not: {not_sub_policy: {type: always_sample}}}",
            "never keeps a trace: what it excludes is every trace",
        ),
        (
            "{name: a, type: not, not: {not_sub_policy: {type: status_code, status_code: {status_codes: [ERROR, OK, UNSET]}}}}",
            "never keeps a trace: what it excludes is every trace",
        ),
    ] {
        check(&[ERRORS, policy], "", &[&format!("warning: policies[1]: {why}")]);
    }
}

#[test]
fn policies_that_exclude_each_other_are_told() {
    for (a, b) in [
        (
            "{type: latency, latency: {threshold_ms: 5, upper_threshold_ms: 9}}",
            "{type: latency, latency: {threshold_ms: 9}}",
        ),
        (
            "{type: span_count, span_count: {min_spans: 5, max_spans: 9}}",
            "{type: span_count, span_count: {min_spans: 10}}",
        ),
        (
            "{type: latency, latency: {threshold_ms: 900}}",
            "{type: not, not: {not_sub_policy: {type: latency, latency: {threshold_ms: 500}}}}",
        ),
        (
            "{type: failure, failure: {}}",
            "{type: not, not: {not_sub_policy: {type: status_code, status_code: {status_codes: [ERROR]}}}}",
        ),
        (
            "{type: string_attribute, string_attribute: {key: k, values: [v]}}",
            "{type: string_attribute, string_attribute: {key: k, values: [v, w], invert_match: true}}",
        ),
        (
            "{type: numeric_attribute, numeric_attribute: {key: k, min_value: 5}}",
            "{type: numeric_attribute, numeric_attribute: {key: k, min_value: 4, invert_match: true}}",
        ),
        (
            "{type: boolean_attribute, boolean_attribute: {key: k, value: true}}",
            "{type: boolean_attribute, boolean_attribute: {key: k, value: true, invert_match: true}}",
        ),
    ] {
        for (a, b) in [(a, b), (b, a)] {
            let both = format!("{{name: both, type: and, and: {{and_sub_policy: [{a}, {b}]}}}}");
            let said = of_policies(&[&both], "");
            let [said] = &said[..] else { panic!("{both}: {said:?}") };
            let never = said.starts_with("warning: policies[0]: never keeps a trace: ");
            assert!(never && said.contains("exclude each other"), "{both}: {said}");
            let drop = format!("{{name: both, type: drop, drop: {{drop_sub_policy: [{a}, {b}]}}}}");
            check(&[&drop], "", &["warning: policies[0]: never drops a trace: "]);
        }
    }
}

#[test]
fn policies_that_no_span_satisfies_together_are_told() {
    let sub = |kind: &str, body: &str| format!("{{type: {kind}, {kind}: {body}}}");
    for (kind, a, b, apart) in [
        ("status_code", "{status_codes: [ERROR]}", "{status_codes: [OK, UNSET]}", true),
        ("status_code", "{status_codes: [ERROR]}", "{status_codes: [OK, ERROR]}", false),
        ("string_attribute", "{key: k, values: [v]}", "{key: k, values: [w]}", true),
        ("string_attribute", "{key: k, values: [v]}", "{key: l, values: [w]}", false),
        ("numeric_attribute", "{key: k, min_value: 9}", "{key: k, max_value: 8}", true),
        ("numeric_attribute", "{key: k, min_value: 8}", "{key: k, max_value: 8}", false),
        ("boolean_attribute", "{key: k, value: true}", "{key: k, value: false}", true),
    ] {
        let (a, b) = (sub(kind, a), sub(kind, b));
        let both = format!("{{name: both, type: and, and: {{and_sub_policy: [{a}, {b}]}}}}");
        let said = "warning: policies[0].and.and_sub_policy[1]: no span is as this and as \
                    and.and_sub_policy[0] say: both hold only for traces with one span of each.";
        check(&[&both], "", &[said][usize::from(!apart)..]);
    }
}

#[test]
fn shadowed_policies_are_told() {
    let slow =
        |ms: u32| format!("{{name: slow-{ms}, type: latency, latency: {{threshold_ms: {ms}}}}}");
    check(
        &[&slow(500), ERRORS, &slow(900)],
        "",
        &[
            "warning: policies[2]: changes nothing, and is never named: policies[0] (slow-500) before \
           it wants every trace that it wants. Put it first, or remove it",
        ],
    );
    check(&[&slow(900), ERRORS, &slow(500)], "", &[]);
    check(
        &["{name: all, type: always_sample}", ERRORS],
        "",
        &["warning: policies[0]: wants every trace: policies[1] (errors) and policies[2] (share) \
           behind it change nothing, and are never named."],
    );
    check(
        &["{name: all, type: always_sample}", ERRORS],
        "sample_on_first_match: true",
        &[
            "warning: policies[0]: wants every trace, and sample_on_first_match ends there: policies[1] \
           (errors) and policies[2] (share) behind it are never asked. Put it last",
        ],
    );
    let dropped = format!("{{name: noise, type: drop, drop: {{drop_sub_policy: [{ERRORS}]}}}}");
    check(
        &[&dropped, ERRORS],
        "",
        &[
            "warning: policies[1]: never keeps a trace: policies[0] (noise) drops every trace that it \
           wants, and a drop wins over all others.",
        ],
    );
    let narrow = format!(
        "{{name: narrow, type: drop, drop: {{drop_sub_policy: [{ERRORS}, \
         {{type: trace_flags}}]}}}}"
    );
    check(
        &[&dropped, &narrow],
        "",
        &[
            "warning: policies[1]: changes nothing, and is never named: policies[0] (noise) before it",
        ],
    );
}

#[test]
fn drops_are_told_for_what_they_do() {
    let all = "{name: all, type: drop, drop: {drop_sub_policy: [{type: always_sample}]}}";
    check(
        &[all, ERRORS],
        "",
        &["warning: policies[0]: drops every trace, so that nothing is ever kept"],
    );
    let probes = "{name: probes, type: drop, drop: {drop_sub_policy: \
                  [{type: string_attribute, string_attribute: {key: url.path, values: [/healthz]}}]}}";
    let slow = "{name: slow, type: latency, latency: {threshold_ms: 500}}";
    check(
        &[ERRORS, slow, probes],
        "",
        &["note: policies[2]: wins over policies[0] (errors) and policies[1] (slow), though it \
           stands behind: drops are asked first"],
    );
}

#[test]
fn many_names_are_cut_short() {
    let flags: Vec<_> = (0..9)
        .map(|n| format!("{{name: p{n}, type: span_count, span_count: {{max_spans: {}}}}}", n + 1))
        .collect();
    let mut policies = vec!["{name: all, type: always_sample}"];
    policies.extend(flags.iter().rev().map(String::as_str));
    let said = of_policies(&policies, "");
    assert!(said[0].contains("policies[5] (p4) and 5 more behind it"), "{said:?}");
}

#[test]
fn bounds_beyond_the_window_are_told() {
    let wait = "window: {decision_wait: 10s, spans_per_trace_limit: 1000}";
    for (policy, expect) in [
        (
            "{name: a, type: latency, latency: {threshold_ms: 10000}}",
            Some(
                "policies[0].latency.threshold_ms: window.decision_wait is 10s: a trace that takes \
                  so long is judged before its last spans come",
            ),
        ),
        ("{name: a, type: latency, latency: {threshold_ms: 9999}}", None),
        (
            "{name: a, type: span_latency, span_latency: {span_name: x, above: 10s}}",
            Some("policies[0].span_latency.above: window.decision_wait is 10s: "),
        ),
        (
            "{name: a, type: span_count, span_count: {min_spans: 1001}}",
            Some("policies[0].span_count.min_spans: a trace of window.spans_per_trace_limit spans"),
        ),
        ("{name: a, type: span_count, span_count: {min_spans: 1000}}", None),
        (
            "{name: a, type: trace_condition, trace_condition: {all: [{count: {}, above: 1000}]}}",
            Some("policies[0].trace_condition: a trace of window.spans_per_trace_limit spans"),
        ),
        (
            "{name: a, type: not, not: {not_sub_policy: {type: latency, latency: {threshold_ms: 60000}}}}",
            Some(
                "policies[0].not.not_sub_policy.latency.threshold_ms: window.decision_wait is 10s",
            ),
        ),
    ] {
        let expect = expect.map(|expect| format!("warning: {expect}"));
        let expect: Vec<_> = expect.iter().map(String::as_str).collect();
        check(&[policy], wait, &expect);
    }
}

#[test]
fn waits_below_what_sdks_take_are_told() {
    for (window, expect) in [
        ("{decision_wait: 5s}", &[][..]),
        (
            "{decision_wait: 4s}",
            &[
                "warning: window.decision_wait: 4s is less than the 5s that SDKs hold spans back by \
               default: ",
            ],
        ),
        (
            "{decision_wait: 30s, decision_wait_after_root_received: 500ms}",
            &["warning: window.decision_wait_after_root_received: 500ms is less than the 5s "],
        ),
    ] {
        check(&[ERRORS], &format!("window: {window}"), expect);
    }
}

#[test]
fn a_share_of_0_for_healthy_traffic_is_told() {
    for (policy, kept) in [
        (ERRORS, false),
        ("{name: a, type: latency, latency: {threshold_ms: 500}}", false),
        ("{name: a, type: drift, drift: {by: [model_version], floor_per_minute: 0}}", false),
        ("{name: a, type: drift, drift: {by: [model_version]}}", true),
        ("{name: a, type: rate_limiting, rate_limiting: {spans_per_second: 1}}", true),
        ("{name: a, type: always_sample}", true),
        (SHARE, true),
        (
            "{name: a, type: not, not: {not_sub_policy: {type: probabilistic, probabilistic: {sampling_percentage: 99}}}}",
            true,
        ),
        (
            "{name: a, type: and, and: {and_sub_policy: [{type: latency, latency: {threshold_ms: 5}}, {type: always_sample}]}}",
            false,
        ),
        (
            "{name: a, type: composite, composite: {max_total_spans_per_second: 10, composite_sub_policy: [{name: b, type: always_sample}]}}",
            true,
        ),
        (
            "{name: a, type: ottl_condition, ottl_condition: {span: ['instrumentation_scope.name == \"\"']}}",
            false,
        ),
    ] {
        let said = advice(&format!("kafka: {{bootstrap_servers: b}}\npolicies: [{policy}]"));
        let told = said.iter().any(|said| said.starts_with("note: policies: nothing keeps"));
        assert_eq!(told, !kept, "{policy}: {said:?}");
    }
}

/// What is accepted for the Collector's sake alone.
#[test]
fn the_collectors_oddities_are_told() {
    let keys = "compatibility: collector";
    for (policy, expect) in [
        (
            "{name: a, type: string_attribute, string_attribute: {key: k, values: []}}",
            "warning: policies[0]: never keeps a trace: it lists no value that can match",
        ),
        (
            "{name: a, type: numeric_attribute, numeric_attribute: {key: k, min_value: 9, max_value: 5}}",
            "warning: policies[0]: never keeps a trace: no number is at least 9 and at most 5",
        ),
        (
            "{name: a, type: latency, latency: {threshold_ms: 9, upper_threshold_ms: 5}}",
            "warning: policies[0]: never keeps a trace: nothing takes above 9 and at most 5 ms",
        ),
        (
            "{name: a, type: drop, drop: {drop_sub_policy: []}}",
            "warning: policies[0]: drops every trace",
        ),
        (
            "{name: a, type: rate_limiting, rate_limiting: {spans_per_second: 0}}",
            "warning: policies[0]: never keeps a trace: its rate is 0",
        ),
    ] {
        check(&[policy], keys, &[expect]);
    }
}

#[test]
fn examples_need_no_warning() {
    let config = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    for entry in std::fs::read_dir(config).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let config = load(&text, &[], &|_| None, &|_| Err(ErrorKind::NotFound.into()));
        let warnings: Vec<_> = of(&config.unwrap())
            .into_iter()
            .filter(|advice| advice.weight == Weight::Warning)
            .collect();
        assert_eq!(warnings, [], "{}", path.display());
    }
}

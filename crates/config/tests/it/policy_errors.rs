//! Messages about policies: each names the place, what was expected, what came, and what would do.

use expect_test::expect;

use crate::{BASE, check_keys, check_policies, loaded};

#[test]
fn shapes_of_policies() {
    let cases = [
        "  always_sample",
        "  []",
        "- always_sample",
        "- {type: always_sample}",
        "- {name: x}",
        "- {name: x, latency: {threshold_ms: 1}}",
        "- {name: '', type: always_sample}",
        "- {name: 5, type: always_sample}",
        "- {name: x, type: always-sample}",
        "- {name: x, type: span_name}",
        "- {name: x, type: always_sample, enabled: true}",
        "- {name: x, type: always_sample, always_sample: {}}",
        "- {name: x, type: always_sample}\n- {name: y, type: always_sample}\n- {name: x, type: always_sample}",
    ];
    check_policies(
        &cases,
        &expect![[r#"
              always_sample
                line 3: policies: expected a list, got always_sample
              []
                line 3: policies: must list at least one policy, or no trace would ever be kept, for example [{name: all, type: always_sample}]
            - always_sample
                line 3: policies[0]: expected a mapping with a name and a type, got always_sample
            - {type: always_sample}
                line 3: policies[0].name: is required, for example `name: errors`
            - {name: x}
                line 3: policies[0].type: is required, for example `type: status_code`
            - {name: x, latency: {threshold_ms: 1}}
                line 3: policies[0].type: is required, for example `type: status_code`
            - {name: '', type: always_sample}
                line 3: policies[0].name: expected text that is not empty, got ""
            - {name: 5, type: always_sample}
                line 3: policies[0].name: expected text, got the number 5: put it in quotes
            - {name: x, type: always-sample}
                line 3: policies[0].type: always-sample is no kind of policy: did you mean always_sample? there are: status_code, latency, numeric_attribute, string_attribute, boolean_attribute, trace_state, trace_flags, span_count, rate_limiting, bytes_limiting, probabilistic, always_sample, and, not, drop, composite, low_confidence, span_latency, trace_condition, failure, fragmented, forced, drift, rate_per_key, ottl_condition
            - {name: x, type: span_name}
                line 3: policies[0].type: span_name is no kind of policy: there are: status_code, latency, numeric_attribute, string_attribute, boolean_attribute, trace_state, trace_flags, span_count, rate_limiting, bytes_limiting, probabilistic, always_sample, and, not, drop, composite, low_confidence, span_latency, trace_condition, failure, fragmented, forced, drift, rate_per_key, ottl_condition
            - {name: x, type: always_sample, enabled: true}
                line 3: policies[0].enabled: unknown key: did you mean second_chance.enabled? known here: name, type, always_sample
            - {name: x, type: always_sample, always_sample: {}}
                line 3: policies[0].always_sample: always_sample has no settings: remove it
            - {name: x, type: always_sample}
            - {name: y, type: always_sample}
            - {name: x, type: always_sample}
                line 5: policies[2].name: "x" is taken by policies[0]: names must differ
        "#]],
    );
}

#[test]
fn bodies_of_policies() {
    let cases = [
        "- {name: x, type: latency}",
        "- {name: x, type: latency, latency: }",
        "- {name: x, type: latency, latency: 500}",
        "- {name: x, type: latency, latncy: {threshold_ms: 500}}",
        "- {name: x, type: latency, span_latency: {above: 1s}}",
        "- {name: x, type: status_code, status_code: {status_codes: [ERROR]}, latency: {threshold_ms: 0}}",
    ];
    check_policies(
        &cases,
        &expect![[r#"
        - {name: x, type: latency}
            line 3: policies[0].latency: is required by `type: latency`, for example `latency: {threshold_ms: 500}`
        - {name: x, type: latency, latency: }
            line 3: policies[0].latency.threshold_ms: is required, for example `threshold_ms: 500`
        - {name: x, type: latency, latency: 500}
            line 3: policies[0].latency: expected a mapping with the keys threshold_ms, upper_threshold_ms, got 500
        - {name: x, type: latency, latncy: {threshold_ms: 500}}
            line 3: policies[0].latncy: unknown key: did you mean latency? known here: name, type, latency
        - {name: x, type: latency, span_latency: {above: 1s}}
            line 3: policies[0].span_latency: is for `type: span_latency`, and this policy has `type: latency`: change one
            line 3: policies[0].latency: is required by `type: latency`, for example `latency: {threshold_ms: 500}`
        - {name: x, type: status_code, status_code: {status_codes: [ERROR]}, latency: {threshold_ms: 0}}
            line 3: policies[0].latency: is for `type: latency`, and this policy has `type: status_code`: change one
    "#]],
    );
}

#[test]
fn values_of_policies() {
    let cases = [
        "- {name: x, type: latency, latency: {threshold_ms: 500ms}}",
        "- {name: x, type: latency, latency: {threshold_ms: -1}}",
        "- {name: x, type: latency, latency: {threshold_ms: 500, upper_threshold_ms: 100}}",
        "- {name: x, type: status_code, status_code: {status_codes: []}}",
        "- {name: x, type: status_code, status_code: {status_codes: [ERR, error, 2]}}",
        "- {name: x, type: numeric_attribute, numeric_attribute: {key: a}}",
        "- {name: x, type: numeric_attribute, numeric_attribute: {key: '', min_value: 5, max_value: 1}}",
        "- {name: x, type: string_attribute, string_attribute: {key: k, values: [ok, 5, true, null]}}",
        "- {name: x, type: string_attribute, string_attribute: {key: k, values: ['(foo', '(?<=a)b'], enabled_regex_matching: true}}",
        "- {name: x, type: probabilistic, probabilistic: {sampling_percentage: 10, hash_salt: s}}",
        "- {name: x, type: probabilistic, probabilistic: {sampling_percentage: .nan}}",
        "- {name: x, type: low_confidence, low_confidence: {below: 50, scale: percent, of_arrays: median, per_model_version: {v1.2: 2, v2: high}}}",
        "- {name: x, type: span_latency, span_latency: {span_name: '[', match: regex, above: 500}}\n- {name: y, type: span_latency, span_latency: {span_name: '[', match: regex, above: 500ms}}",
    ];
    check_policies(
        &cases,
        &expect![[r#"
            - {name: x, type: latency, latency: {threshold_ms: 500ms}}
                line 3: policies[0].latency.threshold_ms: expected a whole number without a unit, got 500ms
            - {name: x, type: latency, latency: {threshold_ms: -1}}
                line 3: policies[0].latency.threshold_ms: must not be negative, got -1
            - {name: x, type: latency, latency: {threshold_ms: 500, upper_threshold_ms: 100}}
                line 3: policies[0].latency.upper_threshold_ms: must be above threshold_ms (500) or 0 for no bound, got 100
            - {name: x, type: status_code, status_code: {status_codes: []}}
                line 3: policies[0].status_code.status_codes: expected a list of at least 1, got 0
            - {name: x, type: status_code, status_code: {status_codes: [ERR, error, 2]}}
                line 3: policies[0].status_code.status_codes[0]: expected ERROR, OK or UNSET, got ERR
                line 3: policies[0].status_code.status_codes[1]: expected ERROR, OK or UNSET, got error
                line 3: policies[0].status_code.status_codes[2]: expected ERROR, OK or UNSET, got 2
            - {name: x, type: numeric_attribute, numeric_attribute: {key: a}}
                line 3: policies[0].numeric_attribute: needs min_value or max_value
            - {name: x, type: numeric_attribute, numeric_attribute: {key: '', min_value: 5, max_value: 1}}
                line 3: policies[0].numeric_attribute.key: must name an attribute, got ""
                line 3: policies[0].numeric_attribute.min_value: must be at most max_value (1), got 5
            - {name: x, type: string_attribute, string_attribute: {key: k, values: [ok, 5, true, null]}}
                line 3: policies[0].string_attribute.values[1]: expected text, got the number 5: put it in quotes
                line 3: policies[0].string_attribute.values[2]: expected text, got the truth value true: put it in quotes
                line 3: policies[0].string_attribute.values[3]: expected text, got nothing
            - {name: x, type: string_attribute, string_attribute: {key: k, values: ['(foo', '(?<=a)b'], enabled_regex_matching: true}}
                line 3: policies[0].string_attribute.values[0]: "(foo" is no regular expression: unclosed group
                line 3: policies[0].string_attribute.values[1]: "(?<=a)b" is no regular expression: look-around, including look-ahead and look-behind, is not supported
            - {name: x, type: probabilistic, probabilistic: {sampling_percentage: 10, hash_salt: s}}
                line 3: policies[0].probabilistic.hash_salt: has no effect here, where the trace's own randomness decides: remove it, or set `compatibility: collector`
            - {name: x, type: probabilistic, probabilistic: {sampling_percentage: .nan}}
                line 3: policies[0].probabilistic.sampling_percentage: expected a number, got .nan
            - {name: x, type: low_confidence, low_confidence: {below: 50, scale: percent, of_arrays: median, per_model_version: {v1.2: 2, v2: high}}}
                line 3: policies[0].low_confidence.of_arrays: expected min, max or mean, got median
                line 3: policies[0].low_confidence.per_model_version.v2: expected a number, got high
            - {name: x, type: span_latency, span_latency: {span_name: '[', match: regex, above: 500}}
            - {name: y, type: span_latency, span_latency: {span_name: '[', match: regex, above: 500ms}}
                line 3: policies[0].span_latency.above: expected a duration with a unit (ms, s, m, h) such as 30s, got 500
                line 4: policies[1].span_latency.span_name: "[" is no regular expression: unclosed character class
        "#]],
    );
}

#[test]
fn conditions_on_traces() {
    let cases = [
        "{}",
        "{all: [], any: null}",
        "{all: [{count: {}, above: 1}], any: [{sum: a, above: 1}]}",
        "{all: [{sum: a}, {count: {}, sum: a, above: 1}, {above: 1}]}",
        "{all: [{ratio: {of: a}, above: 1}, {absent: {kind: rpc, status: FAILED}}]}",
        "{any: [{count: {name: retry}, above: 3}, {max: a, above: 1s}, {absent: {values: [x]}}]}",
        "{any: [{root: {span_name: '(', match: regex}}, {count: {}, above: 2, below: 1}]}",
    ];
    let cases =
        cases.map(|body| format!("- {{name: x, type: trace_condition, trace_condition: {body}}}"));
    check_policies(
        &cases.each_ref().map(String::as_str),
        &expect![[r#"
        - {name: x, type: trace_condition, trace_condition: {}}
            line 3: policies[0].trace_condition: needs tests under just one of `all` and `any`
        - {name: x, type: trace_condition, trace_condition: {all: [], any: null}}
            line 3: policies[0].trace_condition.all: expected a list of at least 1, got 0
            line 3: policies[0].trace_condition.any: expected a list, got nothing
        - {name: x, type: trace_condition, trace_condition: {all: [{count: {}, above: 1}], any: [{sum: a, above: 1}]}}
            line 3: policies[0].trace_condition: needs tests under just one of `all` and `any`
        - {name: x, type: trace_condition, trace_condition: {all: [{sum: a}, {count: {}, sum: a, above: 1}, {above: 1}]}}
            line 3: policies[0].trace_condition.all[0]: sum needs above, below or both
            line 3: policies[0].trace_condition.all[1]: needs just one of count, sum, min, max, ratio, absent and root, got 2
            line 3: policies[0].trace_condition.all[2]: needs just one of count, sum, min, max, ratio, absent and root, got 0
        - {name: x, type: trace_condition, trace_condition: {all: [{ratio: {of: a}, above: 1}, {absent: {kind: rpc, status: FAILED}}]}}
            line 3: policies[0].trace_condition.all[0].ratio.to: is required, for example `to: gen_ai.usage.input_tokens`
            line 3: policies[0].trace_condition.all[1].absent.kind: expected internal, server, client, producer or consumer, got rpc
            line 3: policies[0].trace_condition.all[1].absent.status: expected ERROR, OK or UNSET, got FAILED
        - {name: x, type: trace_condition, trace_condition: {any: [{count: {name: retry}, above: 3}, {max: a, above: 1s}, {absent: {values: [x]}}]}}
            line 3: policies[0].trace_condition.any[0].count.name: unknown key: known here are span_name, match, service, kind, status, attribute, values, model, model_version, preprocessing_version
            line 3: policies[0].trace_condition.any[1].above: expected a number, got 1s
        - {name: x, type: trace_condition, trace_condition: {any: [{root: {span_name: '(', match: regex}}, {count: {}, above: 2, below: 1}]}}
            line 3: policies[0].trace_condition.any[0].root.span_name: "(" is no regular expression: unclosed group
            line 3: policies[0].trace_condition.any[1]: nothing is above 2 and below 1: above must be the lesser
    "#]],
    );
}

#[test]
fn values_of_failures_fragments_and_requests() {
    let cases = [
        "- {name: x, type: failure, failure: {recovered: drop}}",
        "- {name: x, type: failure}",
        "- {name: x, type: fragmented, fragmented: {missing_parents_above: -1}}",
        "- {name: x, type: forced, forced: {attribute: a, trace_state: b, traces_per_second: 0}}",
        "- {name: x, type: forced, forced: {value: yes}}",
        "- {name: x, type: forced, forced: {attribute: a, trace_state: b}}",
        "- {name: x, type: forced, forced: {trace_state: Force}}",
        "- {name: x, type: drift, drift: {by: [], rise: high, baseline: 1s}}",
        "- {name: x, type: drift, drift: {by: [region]}}",
        "- {name: x, type: drift, drift: {by: [model], rise: 1, low_confidence_below: 50}}",
        "- {name: x, type: not, not: {not_sub_policy: {type: drift, drift: {by: [model]}}}}",
        "- {name: x, type: rate_per_key, rate_per_key: {by: [], traces_per_second: 0, keys_max: 0, interval: 1ms}}",
        "- {name: x, type: rate_per_key, rate_per_key: {by: [''], keys: 5}}",
        "- {name: x, type: not, not: {not_sub_policy: {type: rate_per_key, rate_per_key: {by: [model]}}}}",
    ];
    check_policies(
        &cases,
        &expect![[r#"
            - {name: x, type: failure, failure: {recovered: drop}}
                line 3: policies[0].failure.recovered: expected ignore or keep, got drop
            - {name: x, type: failure}
                line 3: policies[0].failure: is required by `type: failure`, for example `failure: {recovered: ignore}`
            - {name: x, type: fragmented, fragmented: {missing_parents_above: -1}}
                line 3: policies[0].fragmented.missing_parents_above: expected a whole number between 0 and 4096, got -1
            - {name: x, type: forced, forced: {attribute: a, trace_state: b, traces_per_second: 0}}
                line 3: policies[0].forced.traces_per_second: expected a whole number of at least 1, got 0
            - {name: x, type: forced, forced: {value: yes}}
                line 3: policies[0].forced: needs just one of attribute and trace_state
            - {name: x, type: forced, forced: {attribute: a, trace_state: b}}
                line 3: policies[0].forced: needs just one of attribute and trace_state
            - {name: x, type: forced, forced: {trace_state: Force}}
                line 3: policies[0].forced.trace_state: must be a key of a W3C tracestate, such as force, got "Force"
            - {name: x, type: drift, drift: {by: [], rise: high, baseline: 1s}}
                line 3: policies[0].drift.by: expected a list of at least 1, got 0
                line 3: policies[0].drift.rise: expected a number, got high
                line 3: policies[0].drift.baseline: expected a duration between 1m and 168h, got 1s
            - {name: x, type: drift, drift: {by: [region]}}
                line 3: policies[0].drift.by[0]: expected model, model_version or preprocessing_version, got region
            - {name: x, type: drift, drift: {by: [model], rise: 1, low_confidence_below: 50}}
                line 3: policies[0].drift.low_confidence_below: must lie above 0 and at most at 1 (also with `scale: percent`), got 50
                line 3: policies[0].drift.rise: must be above 1, got 1
            - {name: x, type: not, not: {not_sub_policy: {type: drift, drift: {by: [model]}}}}
                line 3: policies[0].not.not_sub_policy.type: drift cannot stand within a not: it stands in the list alone
            - {name: x, type: rate_per_key, rate_per_key: {by: [], traces_per_second: 0, keys_max: 0, interval: 1ms}}
                line 3: policies[0].rate_per_key.by: expected a list of at least 1, got 0
                line 3: policies[0].rate_per_key.traces_per_second: expected a whole number between 1 and 1000000, got 0
                line 3: policies[0].rate_per_key.keys_max: expected a whole number between 1 and 100000, got 0
                line 3: policies[0].rate_per_key.interval: expected a duration between 1s and 1h, got 1ms
            - {name: x, type: rate_per_key, rate_per_key: {by: [''], keys: 5}}
                line 3: policies[0].rate_per_key.by[0]: expected text that is not empty, got ""
                line 3: policies[0].rate_per_key.keys: unknown key: known here are by, traces_per_second, keys_max, interval
                line 3: policies[0].rate_per_key.traces_per_second: is required, for example `traces_per_second: 50`
            - {name: x, type: not, not: {not_sub_policy: {type: rate_per_key, rate_per_key: {by: [model]}}}}
                line 3: policies[0].not.not_sub_policy.type: rate_per_key cannot stand within a not: put it into an and, or into the list
        "#]],
    );
}

#[test]
fn values_of_counts_and_budgets() {
    let cases = [
        "- {name: x, type: boolean_attribute, boolean_attribute: {key: '', value: 'true'}}",
        "- {name: x, type: boolean_attribute, boolean_attribute: {key: ''}}\n- {name: y, type: boolean_attribute, boolean_attribute: {key: '', value: true}}",
        "- {name: x, type: trace_state, trace_state: {key: Vendor, values: [ok, '']}}",
        "- {name: x, type: trace_flags, trace_flags: {}}",
        "- {name: x, type: span_count, span_count: {}}\n- {name: y, type: span_count, span_count: {min_spans: 5, max_spans: 3}}",
        "- {name: x, type: span_count, span_count: {min_spans: 2147483648, max_spans: -1}}",
        "- {name: x, type: rate_limiting, rate_limiting: {}}\n- {name: y, type: rate_limiting, rate_limiting: {spans_per_second: 1.5, burst_capacity: -1}}",
        "- {name: x, type: rate_limiting, rate_limiting: {spans_per_second: 0}}",
        "- {name: x, type: bytes_limiting, bytes_limiting: {bytes_per_second: 1MB}}\n- {name: y, type: bytes_limiting, bytes_limiting: {bytes_per_second: 0, burst_capacity: 5}}",
    ];
    check_policies(
        &cases,
        &expect![[r#"
            - {name: x, type: boolean_attribute, boolean_attribute: {key: '', value: 'true'}}
                line 3: policies[0].boolean_attribute.value: expected true or false, got "true"
            - {name: x, type: boolean_attribute, boolean_attribute: {key: ''}}
            - {name: y, type: boolean_attribute, boolean_attribute: {key: '', value: true}}
                line 3: policies[0].boolean_attribute.value: is required, for example `value: true`
                line 4: policies[1].boolean_attribute.key: must name an attribute, got ""
            - {name: x, type: trace_state, trace_state: {key: Vendor, values: [ok, '']}}
                line 3: policies[0].trace_state.key: must be a key of a W3C tracestate, such as ot or tenant@vendor, got "Vendor"
                line 3: policies[0].trace_state.values[1]: can never match: a value has 1 byte at least, and fewer than 256 together with the key, got 0 and 6
            - {name: x, type: trace_flags, trace_flags: {}}
                line 3: policies[0].trace_flags: trace_flags has no settings: remove it
            - {name: x, type: span_count, span_count: {}}
            - {name: y, type: span_count, span_count: {min_spans: 5, max_spans: 3}}
                line 3: policies[0].span_count: needs min_spans above 1 or max_spans, or it keeps every trace: use `type: always_sample` for that
                line 4: policies[1].span_count.max_spans: must be at least min_spans (5) or 0 for no bound, got 3
            - {name: x, type: span_count, span_count: {min_spans: 2147483648, max_spans: -1}}
                line 3: policies[0].span_count.min_spans: expected a whole number between -2147483648 and 2147483647, got 2147483648
            - {name: x, type: rate_limiting, rate_limiting: {}}
            - {name: y, type: rate_limiting, rate_limiting: {spans_per_second: 1.5, burst_capacity: -1}}
                line 3: policies[0].rate_limiting.spans_per_second: is required, for example `spans_per_second: 1000`
                line 4: policies[1].rate_limiting.spans_per_second: expected a whole number, got 1.5
                line 4: policies[1].rate_limiting.burst_capacity: expected a whole number of at least 0, got -1
            - {name: x, type: rate_limiting, rate_limiting: {spans_per_second: 0}}
                line 3: policies[0].rate_limiting.spans_per_second: must be at least 1, got 0
            - {name: x, type: bytes_limiting, bytes_limiting: {bytes_per_second: 1MB}}
            - {name: y, type: bytes_limiting, bytes_limiting: {bytes_per_second: 0, burst_capacity: 5}}
                line 3: policies[0].bytes_limiting.bytes_per_second: expected a whole number without a unit, got 1MB
                line 4: policies[1].bytes_limiting.bytes_per_second: must be at least 1, got 0
        "#]],
    );
}

#[test]
fn policies_within_policies() {
    let cases = [
        "- {name: x, type: and, and: {and_sub_policy: []}}",
        "- {name: x, type: and, and: {sub_policies: []}}",
        "- {name: x, type: and, and: {and_sub_policy: [{type: and, and: {and_sub_policy: []}}]}}",
        "- {name: x, type: and, and: {and_sub_policy: [{type: latency, latency: {threshold_ms: -1}}, {type: nope}]}}",
        "- {name: x, type: and, and: {and_sub_policy: [{type: latency, latency: {threshold_ms: -1}}]}}",
        "- {name: x, type: and, and: {and_sub_policy: [{type: drop}, {type: composite}, {type: drift}]}}",
        "- {name: x, type: not, not: {}}",
        "- {name: x, type: not, not: {not_sub_policy: [{type: always_sample}]}}",
        "- {name: x, type: not, not: {not_sub_policy: {type: not}}}\n- {name: y, type: not, not: {not_sub_policy: {type: and}}}",
        "- {name: x, type: not, not: {not_sub_policy: {type: latency, latency: {threshold_ms: -1}}}}",
        "- {name: x, type: drop, drop: {drop_sub_policy: []}}\n- {name: y, type: drop, drop: {drop_sub_policy: [{type: and}, {type: drop}]}}",
    ];
    check_policies(
        &cases,
        &expect![[r#"
            - {name: x, type: and, and: {and_sub_policy: []}}
                line 3: policies[0].and.and_sub_policy: must list at least one sub-policy: an empty one would keep every trace
            - {name: x, type: and, and: {sub_policies: []}}
                line 3: policies[0].and.sub_policies: unknown key: known here are and_sub_policy
                line 3: policies[0].and.and_sub_policy: is required, for example `and_sub_policy: [{name: slow, type: latency, latency: {threshold_ms: 500}}]`
            - {name: x, type: and, and: {and_sub_policy: [{type: and, and: {and_sub_policy: []}}]}}
                line 3: policies[0].and.and_sub_policy[0].type: and cannot stand within an and: list its policies here
            - {name: x, type: and, and: {and_sub_policy: [{type: latency, latency: {threshold_ms: -1}}, {type: nope}]}}
                line 3: policies[0].and.and_sub_policy[1].type: nope is no kind of policy: did you mean not? there are: status_code, latency, numeric_attribute, string_attribute, boolean_attribute, trace_state, trace_flags, span_count, rate_limiting, bytes_limiting, probabilistic, always_sample, not, low_confidence, span_latency, trace_condition, failure, fragmented, forced, rate_per_key, ottl_condition
                line 3: policies[0].and.and_sub_policy[0].latency.threshold_ms: must not be negative, got -1
            - {name: x, type: and, and: {and_sub_policy: [{type: latency, latency: {threshold_ms: -1}}]}}
                line 3: policies[0].and.and_sub_policy[0].latency.threshold_ms: must not be negative, got -1
            - {name: x, type: and, and: {and_sub_policy: [{type: drop}, {type: composite}, {type: drift}]}}
                line 3: policies[0].and.and_sub_policy[0].type: drop cannot stand within an and: it stands in the list alone
                line 3: policies[0].and.and_sub_policy[1].type: composite cannot stand within an and: it stands in the list alone
                line 3: policies[0].and.and_sub_policy[2].type: drift cannot stand within an and: it stands in the list alone
            - {name: x, type: not, not: {}}
                line 3: policies[0].not.not_sub_policy: is required, for example `not_sub_policy: {name: slow, type: latency, latency: {threshold_ms: 500}}`
            - {name: x, type: not, not: {not_sub_policy: [{type: always_sample}]}}
                line 3: policies[0].not.not_sub_policy: expected a mapping with a name and a type, got a list
            - {name: x, type: not, not: {not_sub_policy: {type: not}}}
            - {name: y, type: not, not: {not_sub_policy: {type: and}}}
                line 3: policies[0].not.not_sub_policy.type: not cannot stand within a not: use the policy itself
                line 4: policies[1].not.not_sub_policy.type: and cannot stand within a not: turn its policies round in policies of their own, any of which will do
            - {name: x, type: not, not: {not_sub_policy: {type: latency, latency: {threshold_ms: -1}}}}
                line 3: policies[0].not.not_sub_policy.latency.threshold_ms: must not be negative, got -1
            - {name: x, type: drop, drop: {drop_sub_policy: []}}
            - {name: y, type: drop, drop: {drop_sub_policy: [{type: and}, {type: drop}]}}
                line 3: policies[0].drop.drop_sub_policy: must list at least one sub-policy: an empty one would drop every trace
                line 4: policies[1].drop.drop_sub_policy[0].type: and cannot stand within a drop: list its policies here
                line 4: policies[1].drop.drop_sub_policy[1].type: drop cannot stand within a drop: it stands in the list alone
        "#]],
    );
}

#[test]
fn composites() {
    let cases = [
        "- {name: x, type: composite, composite: {composite_sub_policy: [{type: not}, {type: composite}, {type: drop}]}}",
        "- {name: x, type: composite, composite: {max_total_spans_per_second: 9, composite_sub_policy: [{type: always_sample}, {name: a, type: and, and: {and_sub_policy: [{type: and}]}}], policy_order: a, rate_allocation: [{policy: a, percentage: 3}]}}",
        "- {name: x, type: composite, composite: {max_total_spans_per_second: 0, composite_sub_policy: [{type: always_sample}, {name: a, type: always_sample}], policy_order: [a, b], rate_allocation: [{policy: b, percent: 300}, {policy: a, percent: 0}]}}",
    ];
    check_policies(
        &cases,
        &expect![[r#"
        - {name: x, type: composite, composite: {composite_sub_policy: [{type: not}, {type: composite}, {type: drop}]}}
            line 3: policies[0].composite.composite_sub_policy[0].type: not cannot stand within a composite: put it into an and
            line 3: policies[0].composite.composite_sub_policy[1].type: composite cannot stand within a composite: it stands in the list alone
            line 3: policies[0].composite.composite_sub_policy[2].type: drop cannot stand within a composite: it stands in the list alone
            line 3: policies[0].composite.max_total_spans_per_second: is required, for example `max_total_spans_per_second: 1000`
        - {name: x, type: composite, composite: {max_total_spans_per_second: 9, composite_sub_policy: [{type: always_sample}, {name: a, type: and, and: {and_sub_policy: [{type: and}]}}], policy_order: a, rate_allocation: [{policy: a, percentage: 3}]}}
            line 3: policies[0].composite.composite_sub_policy[1].and.and_sub_policy[0].type: and cannot stand within an and: list its policies here
            line 3: policies[0].composite.policy_order: expected a list, got a
            line 3: policies[0].composite.rate_allocation[0].percentage: unknown key: did you mean percent? known here: policy, percent
        - {name: x, type: composite, composite: {max_total_spans_per_second: 0, composite_sub_policy: [{type: always_sample}, {name: a, type: always_sample}], policy_order: [a, b], rate_allocation: [{policy: b, percent: 300}, {policy: a, percent: 0}]}}
            line 3: policies[0].composite.max_total_spans_per_second: must be at least 1, got 0
            line 3: policies[0].composite.composite_sub_policy[0].name: must not be empty: shares and order go by name
    "#]],
    );
}

#[test]
fn the_collectors_greatest_size_is_its_own() {
    check_keys(
        &[
            "maximum_trace_size_bytes: 100",
            "maximum_trace_size_bytes: 100KB\ncompatibility: collector",
        ],
        &expect![[r#"
            maximum_trace_size_bytes: 100
                line 3: maximum_trace_size_bytes: has no effect here: use window.bytes_per_trace_limit, at which a trace is judged and not dropped unseen, or set `compatibility: collector`; got 100
            maximum_trace_size_bytes: 100KB
            compatibility: collector
                line 3: maximum_trace_size_bytes: expected a whole number without a unit, got 100KB
        "#]],
    );
    let text = format!("{BASE}compatibility: collector\nmaximum_trace_size_bytes: 100\n");
    let config = loaded(&text);
    assert_eq!(config.semantics().maximum_trace_size_bytes, 100);
    let fingerprint = |text: &str| loaded(text).fingerprint();
    let others = [BASE.to_owned(), format!("{BASE}compatibility: collector\n")];
    assert!(others.iter().all(|other| fingerprint(other) != config.fingerprint()));
}

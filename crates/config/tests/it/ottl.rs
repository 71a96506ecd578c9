//! Conditions in OTTL: what of them is loaded, and what is said of those that are not.

use expect_test::expect;
use tailsift_policy::{ErrorMode, Kind, OttlCondition};

use crate::{check_policies, loaded};

#[test]
fn bodies_are_loaded_as_written() {
    let condition = r#"IsMatch(name, "a{1,2}\\d")"#;
    for (body, expect) in [
        (
            format!("{{span: ['{condition}']}}"),
            OttlCondition {
                error_mode: ErrorMode::Silent,
                span: vec![condition.to_owned()],
                span_event: vec![],
            },
        ),
        (
            "{error_mode: propagate, spanevent: ['true'], span: [\"true\", 'false']}".to_owned(),
            OttlCondition {
                error_mode: ErrorMode::Propagate,
                span: vec!["true".to_owned(), "false".to_owned()],
                span_event: vec!["true".to_owned()],
            },
        ),
    ] {
        let policy = format!("- {{name: x, type: ottl_condition, ottl_condition: {body}}}");
        let config = loaded(&format!("kafka: {{bootstrap_servers: b}}\npolicies:\n{policy}"));
        assert_eq!(config.policies()[0].kind, Kind::OttlCondition(expect));
    }
}

#[test]
fn conditions_that_do_not_compile() {
    check_policies(
        &[
            "- {name: x, type: ottl_condition}",
            "- {name: x, type: ottl_condition, ottl_condition: {}}",
            "- {name: x, type: ottl_condition, ottl_condition: {error_mode: panic, span: ['true']}}",
            "- {name: x, type: ottl_condition, ottl_condition: {span: [true]}}",
            "- {name: x, type: ottl_condition, ottl_condition: {spans: ['true']}}",
            "- {name: x, type: ottl_condition, ottl_condition: {span: ['true', 'name ='], spanevent: ['kind == 2']}}",
        ],
        &expect![[r#"
            - {name: x, type: ottl_condition}
                line 3: policies[0].ottl_condition: is required by `type: ottl_condition`, for example `ottl_condition: {span: ['kind == SPAN_KIND_SERVER and attributes["http.response.status_code"] >= 500']}`
            - {name: x, type: ottl_condition, ottl_condition: {}}
                line 3: policies[0].ottl_condition: must list at least one condition, in span or spanevent
            - {name: x, type: ottl_condition, ottl_condition: {error_mode: panic, span: ['true']}}
                line 3: policies[0].ottl_condition.error_mode: expected silent, ignore or propagate, got panic
            - {name: x, type: ottl_condition, ottl_condition: {span: [true]}}
                line 3: policies[0].ottl_condition.span[0]: expected text, got the truth value true: put it in quotes
            - {name: x, type: ottl_condition, ottl_condition: {spans: ['true']}}
                line 3: policies[0].ottl_condition.spans: unknown key: did you mean span? known here: error_mode, span, spanevent
                line 3: policies[0].ottl_condition: must list at least one condition, in span or spanevent
            - {name: x, type: ottl_condition, ottl_condition: {span: ['true', 'name ='], spanevent: ['kind == 2']}}
                line 3: policies[0].ottl_condition.span[1]: line 1, column 6, in `name =`: unexpected '=': to compare, write ==
                line 3: policies[0].ottl_condition.spanevent[0]: line 1, column 1, in `kind == 2`: kind is no path of an event that is supported; there are: attributes, dropped_attributes_count, name, time, time_unix_nano, and span.…, resource.… and scope.…
        "#]],
    );
}

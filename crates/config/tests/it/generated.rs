//! Files that are written from the table of keys are fresh. `UPDATE_EXPECT=1` writes them.

use expect_test::expect_file;
use tailsift_config::{json_schema, policy_kinds, reference, reference_yaml};

use crate::repository;

#[test]
fn files_are_fresh() {
    for (path, text) in [
        ("schemas/config.schema.json", json_schema()),
        ("schemas/config.md", reference()),
        ("config/reference.yaml", reference_yaml()),
        ("docs/policy-kinds.md", policy_kinds()),
    ] {
        expect_file![repository().join(path)].assert_eq(&text);
    }
}

#[test]
fn the_schema_is_json_and_refuses_unknown_keys() {
    let schema: serde_json::Value = serde_json::from_str(&json_schema()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["window"]["properties"]["decision_wait"]["default"], "30s");
    assert_eq!(schema["required"], serde_json::json!(["kafka", "policies"]));
    for (place, kinds) in [("", 25), ("_in_and", 21), ("_in_not", 19), ("_in_composite", 20)] {
        let alternatives = &schema["$defs"][format!("policy{place}")]["oneOf"];
        assert_eq!(alternatives.as_array().unwrap().len(), kinds, "{place}");
    }
    check_references(&schema, &schema);
}

/// Every reference names something.
fn check_references(schema: &serde_json::Value, root: &serde_json::Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        let place = reference.trim_start_matches('#');
        assert!(root.pointer(place).is_some(), "{reference}");
    }
    let children: Vec<_> = match schema {
        serde_json::Value::Array(items) => items.iter().collect(),
        serde_json::Value::Object(members) => members.values().collect(),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => Vec::new(),
    };
    children.into_iter().for_each(|child| check_references(child, root));
}

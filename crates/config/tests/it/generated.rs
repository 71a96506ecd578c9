//! Files that are written from the table of keys are fresh. `UPDATE_EXPECT=1` writes them.

use expect_test::expect_file;
use tailsift_config::{json_schema, reference, reference_yaml};

use crate::repository;

#[test]
fn files_are_fresh() {
    for (path, text) in [
        ("schemas/config.schema.json", json_schema()),
        ("schemas/config.md", reference()),
        ("config/reference.yaml", reference_yaml()),
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
    assert_eq!(schema["$defs"]["policy"]["oneOf"].as_array().unwrap().len(), 9);
    assert_eq!(schema["$defs"]["sub_policy"]["oneOf"].as_array().unwrap().len(), 8);
}

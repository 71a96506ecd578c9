//! Rules of the files that are made from code, and of the examples.

use super::assert_none;
use super::tree::{File, files};
use crate::generate::configuration;
use crate::repository::root;

fn stale(path: &str, expected: &str, found: Option<&str>) -> Option<String> {
    let fresh = found == Some(expected);
    (!fresh).then(|| format!("{path}: expected what the code says; run `cargo xtask gen`"))
}

#[test]
fn generated_files_are_fresh() {
    let findings = configuration().into_iter().filter_map(|(path, text)| {
        let found = std::fs::read_to_string(root().join(path)).ok();
        stale(path, &text, found.as_deref())
    });
    assert_none(&findings.collect::<Vec<_>>());
    assert_eq!(stale("a", "b", Some("b")), None);
    assert!(stale("a", "b", Some("c")).is_some() && stale("a", "b", None).is_some());
}

fn unloadable(file: &File) -> Vec<String> {
    let example = file.path.starts_with("config/") && file.has_extension("yaml");
    if !example {
        return Vec::new();
    }
    let read_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    let errors = match tailsift_config::load(&file.text, &[], &|_| None, &read_file) {
        Ok(_) => Vec::new(),
        Err(errors) => errors,
    };
    errors.iter().map(|error| format!("{}: {error}", file.path)).collect()
}

#[test]
fn examples_load() {
    let files = files();
    let examples = files.iter().filter(|file| file.path.starts_with("config/")).count();
    assert!(examples > 2, "expected examples in config/, got {examples}");
    assert_none(&files.iter().flat_map(unloadable).collect::<Vec<_>>());
    assert!(!unloadable(&File::new("config/a.yaml", "polices: []")).is_empty());
}

/// Keys of the schema, as dotted paths, that the reference does not name at their place.
fn unnamed_keys(schema: &serde_json::Value, reference: &str) -> Vec<String> {
    let mut findings = Vec::new();
    visit(schema, "", &mut |path| {
        let key = path.rsplit('.').next().unwrap_or(path);
        let named = |line: &str| {
            line.trim_start_matches([' ', '#', '-', '{']).starts_with(&format!("{key}:"))
        };
        if !reference.lines().any(named) {
            findings.push(format!("config/reference.yaml: expected key {path}"));
        }
    });
    findings
}

fn visit(schema: &serde_json::Value, prefix: &str, found: &mut dyn FnMut(&str)) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (key, inner) in properties {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        found(&path);
        visit(inner, &path, found);
    }
}

#[test]
fn the_reference_names_every_key() {
    let schema = tailsift_config::json_schema();
    let schema = serde_json::from_str(&schema).unwrap();
    let reference = std::fs::read_to_string(root().join("config/reference.yaml")).unwrap();
    assert_none(&unnamed_keys(&schema, &reference));
    assert!(!unnamed_keys(&schema, &reference.replace("memory_limit:", "memory:")).is_empty());
}

//! Which crate may use which: a crate exists to forbid a dependency.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, MetadataCommand};

use super::assert_none;
use crate::repository::root;

/// Normal dependencies within the workspace. What is not listed is forbidden.
const EDGES: [(&str, &[&str]); 10] = [
    ("tailsift-trace", &[]),
    ("tailsift-policy", &["tailsift-trace"]),
    ("tailsift-sampler", &["tailsift-trace", "tailsift-policy"]),
    ("tailsift-otlp", &["tailsift-trace"]),
    (
        "tailsift-config",
        &["tailsift-trace", "tailsift-policy", "tailsift-sampler", "tailsift-otlp"],
    ),
    ("tailsift-kafka", &["tailsift-trace", "tailsift-sampler"]),
    ("tailsift", &PRODUCT),
    ("tailsift-fixture", &PRODUCT),
    ("tailsift-sim", &DEVELOPMENT),
    ("xtask", &DEVELOPMENT),
];

const PRODUCT: [&str; 6] = [
    "tailsift-trace",
    "tailsift-policy",
    "tailsift-sampler",
    "tailsift-otlp",
    "tailsift-config",
    "tailsift-kafka",
];

const DEVELOPMENT: [&str; 8] = [
    "tailsift-trace",
    "tailsift-policy",
    "tailsift-sampler",
    "tailsift-otlp",
    "tailsift-config",
    "tailsift-kafka",
    "tailsift-fixture",
    "tailsift-sim",
];

/// Not shipped.
const DEVELOPMENT_CRATES: [&str; 3] = ["tailsift-fixture", "tailsift-sim", "xtask"];

/// The core: it may use nothing else from outside.
const CORE: [&str; 3] = ["tailsift-trace", "tailsift-policy", "tailsift-sampler"];
const CORE_MAY_USE: [&str; 6] =
    ["ahash", "hashbrown", "regex", "regex-automata", "thiserror", "winnow"];

/// Crates from outside that only some of the product's crates may use.
const KEPT_APART: [(&str, &[&str]); 8] = [
    ("rdkafka", &["tailsift-kafka"]),
    ("rdkafka-sys", &["tailsift-kafka"]),
    ("tokio", &["tailsift"]),
    ("axum", &["tailsift"]),
    ("anyhow", &["tailsift"]),
    ("prost", &["tailsift", "tailsift-kafka", "tailsift-otlp"]),
    ("opentelemetry-proto", &["tailsift", "tailsift-otlp"]),
    ("rand", &["tailsift"]),
];

/// One normal dependency: who, and of what.
type Edge = (String, String);

fn normal_edges() -> Vec<Edge> {
    let manifest = root().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let edges = metadata.packages.iter().flat_map(|package| {
        let normal = package.dependencies.iter().filter(|dependency| {
            matches!(dependency.kind, DependencyKind::Normal | DependencyKind::Build)
        });
        normal.map(|dependency| (package.name.to_string(), dependency.name.clone()))
    });
    edges.collect()
}

fn forbidden(edges: &[Edge]) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.into_iter().collect();
    let apart: BTreeMap<&str, &[&str]> = KEPT_APART.into_iter().collect();
    let mut findings = Vec::new();
    for (from, to) in edges {
        let (from, to) = (from.as_str(), to.as_str());
        let Some(may_use) = allowed.get(from) else {
            findings.push(format!("{from}: expected a crate of the list of edges"));
            continue;
        };
        let inside = allowed.contains_key(to);
        if inside && !may_use.contains(&to) {
            findings.push(format!("{from}: expected no use of {to}; it may use {may_use:?}"));
        }
        if !inside && CORE.contains(&from) && !CORE_MAY_USE.contains(&to) {
            findings.push(format!("{from}: expected only {CORE_MAY_USE:?} from outside, got {to}"));
        }
        let apart = apart.get(to).is_some_and(|users| !users.contains(&from));
        if apart && !DEVELOPMENT_CRATES.contains(&from) {
            findings.push(format!("{from}: expected no use of {to}, which is kept apart"));
        }
    }
    findings
}

#[test]
fn dependencies_point_one_way() {
    let edges = normal_edges();
    assert!(edges.len() > 20, "expected the workspace's dependencies, got {edges:?}");
    assert_none(&forbidden(&edges));
}

#[test]
fn a_forbidden_edge_is_seen() {
    for (from, to, wrong) in [
        ("tailsift-sampler", "tailsift-policy", false),
        ("tailsift-policy", "tailsift-sampler", true),
        ("tailsift-sampler", "tailsift-otlp", true),
        ("tailsift-kafka", "tailsift-config", true),
        ("tailsift", "tailsift-fixture", true),
        ("tailsift", "tailsift-kafka", false),
        ("xtask", "tailsift-sim", false),
        ("tailsift-trace", "thiserror", false),
        ("tailsift-sampler", "serde", true),
        ("tailsift-policy", "tokio", true),
        ("tailsift-config", "rdkafka", true),
        ("tailsift-config", "anyhow", true),
        ("tailsift-kafka", "prost", false),
        ("tailsift-config", "prost", true),
        ("tailsift-fixture", "prost", false),
        ("tailsift-newcomer", "serde", true),
    ] {
        let findings = forbidden(&[(from.to_owned(), to.to_owned())]);
        assert_eq!(!findings.is_empty(), wrong, "{from} to {to}: {findings:?}");
    }
}

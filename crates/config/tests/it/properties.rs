//! No text makes loading panic, run away, or give away a secret.

use proptest::prelude::*;
use tailsift_config::{Report, load};

use crate::{no_file, repository};

fn examples() -> Vec<String> {
    ["config", "crates/config/tests/broken"]
        .iter()
        .flat_map(|directory| std::fs::read_dir(repository().join(directory)).expect("a folder"))
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| std::fs::read_to_string(path).expect("a text"))
        .collect()
}

/// Loads, and reports if that fails: neither may panic.
fn digest(text: &str, overrides: &[String]) {
    let environment = |_: &str| Some("canary-4711".to_owned());
    match load(text, overrides, &environment, &no_file) {
        Ok(config) => {
            config.policy_set();
            assert_eq!(config.fingerprint().len(), 16);
            assert!(config.limits(3).memory_bytes > 0);
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            let report = Report(&errors).to_string();
            assert!(!report.contains("canary-4711"), "{report}");
        }
    }
}

proptest! {
    #[test]
    fn examples_with_bytes_replaced(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..6, "[ -~\\n\\t${}:\\[\\]&*!é]{0,4}"), 1..6),
    ) {
        let examples = examples();
        let mut text: Vec<char> = which.get(&examples).chars().collect();
        for (place, removed, inserted) in edits {
            let start = place.index(text.len() + 1).min(text.len());
            let end = (start + removed).min(text.len());
            text.splice(start..end, inserted.chars());
        }
        digest(&text.into_iter().collect::<String>(), &[]);
    }

    #[test]
    fn examples_cut_and_joined(
        a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(),
        cut_a in any::<prop::sample::Index>(), cut_b in any::<prop::sample::Index>(),
    ) {
        let examples = examples();
        let (a, b): (Vec<&str>, Vec<&str>) =
            (a.get(&examples).lines().collect(), b.get(&examples).lines().collect());
        let text = [&a[..cut_a.index(a.len())], &b[cut_b.index(b.len())..]].concat().join("\n");
        digest(&text, &[]);
    }

    #[test]
    fn values_replaced(
        key in prop::sample::select(vec![
            "group", "workers", "epoch", "window.decision_wait", "window.memory_limit",
            "output.max_message_bytes", "http.listen", "policies", "policies[0].latency.threshold_ms",
            "policies[0].type", "input", "dead_letters", "kafka.properties.a.b", "derive",
        ]),
        value in "[ -~\\n]{0,12}|[0-9.]{1,30}(ns|us|ms|s|m|h|B|MB|GiB)?|\\PC{0,8}",
    ) {
        digest(crate::BASE, &[format!("{key}={value}")]);
    }

    #[test]
    fn any_text(text in "\\PC*") {
        digest(&text, std::slice::from_ref(&text));
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        digest(&String::from_utf8_lossy(&bytes), &[]);
    }
}

#[test]
fn deep_wide_and_growing_documents_are_refused() {
    let deep = |open: &str| open.repeat(100_000);
    let anchors: String = (1..3000).map(|i| format!("a{i}: &a{i} [*a{}]\n", i - 1)).collect();
    let doubling: String =
        (1..100).map(|i| format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1)).collect();
    let text = "x".repeat(500_000);
    for (name, text) in [
        ("flow lists", deep("[")),
        ("flow mappings", deep("{a: ")),
        ("block lists", deep("- ")),
        ("nested anchors", format!("a0: &a0 x\n{anchors}")),
        ("doubling anchors", format!("a0: &a0 x\n{doubling}")),
        ("a large text, many times", format!("a: &a {text}\nb: [{}]\n", "*a, ".repeat(1000))),
        ("many keys", (0..100_000).map(|i| format!("k{i}: 1\n")).collect()),
        ("many values", format!("policies: [{}]\n", "a, ".repeat(300_000))),
        ("many unknown policies", format!("policies: [{}]\n", "{type: x}, ".repeat(4000))),
        ("a large document", " ".repeat(2 << 20)),
        ("a long key", format!("? {text}\n: b\n")),
    ] {
        let started = std::time::Instant::now();
        let errors = load(&text, &[], &|_| None, &no_file).map(|_| ()).unwrap_err();
        let report = Report(&errors).to_string();
        assert!(report.len() < 200_000, "{name}: a report of {} bytes", report.len());
        assert!(started.elapsed().as_secs() < 20, "{name} took {:?}", started.elapsed());
    }
}

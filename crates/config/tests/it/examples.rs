//! The example files load and mean what their comments say.

use tailsift_config::{Report, load};
use tailsift_policy::Kind;

use crate::{loaded, no_file, repository};

fn example(name: &str) -> tailsift_config::Config {
    let path = repository().join("config").join(name);
    loaded(&std::fs::read_to_string(path).expect("an example"))
}

#[test]
fn every_example_loads() {
    let mut count = 0;
    for entry in std::fs::read_dir(repository().join("config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            if let Err(errors) = load(&text, &[], &|_| None, &no_file) {
                panic!("{}:\n{}", path.display(), Report(&errors));
            }
            count += 1;
        }
    }
    assert!(count >= 7, "{count} examples");
}

#[test]
fn examples_hold_the_policies_they_promise() {
    for (name, policies) in [
        ("minimal.yaml", &["errors"] as &[&str]),
        ("errors-and-slow.yaml", &["errors", "slow"]),
        (
            "inference.yaml",
            &["errors", "slow", "unsure", "slow-features", "broken", "asked", "drifting"],
        ),
        (
            "genai.yaml",
            &[
                "errors",
                "heavy",
                "verbose",
                "slow-first-token",
                "cut-short",
                "tool-trouble",
                "unfinished",
                "unanswered",
                "doubtful",
                "baseline",
            ],
        ),
        ("budget.yaml", &["errors", "baseline", "some-slow-checkouts"]),
        ("peers.yaml", &["errors", "slow", "low_confidence"]),
    ] {
        let config = example(name);
        let names: Vec<_> = config.policies().iter().map(|policy| policy.name.as_str()).collect();
        assert_eq!(names, policies, "{name}");
        assert_eq!(config.policy_set().names(), policies, "{name}");
    }
    assert_eq!(example("peers.yaml").window.decision_wait.as_secs(), 10);
    let inference = example("inference.yaml");
    let Kind::LowConfidence(unsure) = &inference.policies()[2].kind else { panic!("a kind") };
    assert_eq!((unsure.below, unsure.per_model_version["recsys-v3"]), (0.5, 0.6));
    assert_eq!(*inference.semantics(), tailsift_policy::Semantics::default());
}

/// Every kind has an example in the reference that loads as that kind.
#[test]
fn kinds_load_as_documented() {
    let reference = tailsift_config::reference();
    let examples: Vec<_> =
        reference.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 25);
    for text in examples {
        let config = loaded(&format!("kafka: {{bootstrap_servers: b}}\npolicies:\n{text}"));
        let kind = match &config.policies()[0].kind {
            Kind::AlwaysSample => "always_sample",
            Kind::Latency(_) => "latency",
            Kind::StatusCode(_) => "status_code",
            Kind::StringAttribute(_) => "string_attribute",
            Kind::NumericAttribute(_) => "numeric_attribute",
            Kind::Probabilistic(_) => "probabilistic",
            Kind::LowConfidence(_) => "low_confidence",
            Kind::SpanLatency(_) => "span_latency",
            Kind::And(_) => "and",
            Kind::OttlCondition(_) => "ottl_condition",
            Kind::BooleanAttribute(_) => "boolean_attribute",
            Kind::TraceState(_) => "trace_state",
            Kind::TraceFlags => "trace_flags",
            Kind::SpanCount(_) => "span_count",
            Kind::RateLimiting(_) => "rate_limiting",
            Kind::BytesLimiting(_) => "bytes_limiting",
            Kind::Not(_) => "not",
            Kind::Drop(_) => "drop",
            Kind::Composite(_) => "composite",
            Kind::TraceCondition(_) => "trace_condition",
            Kind::Failure(_) => "failure",
            Kind::Fragmented(_) => "fragmented",
            Kind::Forced(_) => "forced",
            Kind::Drift(_) => "drift",
            Kind::RatePerKey(_) => "rate_per_key",
        };
        assert!(text.contains(&format!("type: {kind}")), "{text} loads as {kind}");
    }
}

/// Every kind has a section in the page about kinds, with an example that loads as that kind.
#[test]
fn the_page_about_kinds_has_an_example_of_each() {
    let page = tailsift_config::policy_kinds();
    let sections: Vec<_> = page.split("\n## ").skip(2).collect();
    let listed = page.lines().filter(|line| line.starts_with("- [`")).count();
    assert_eq!(sections.len(), listed, "a kind has no section");
    for section in sections {
        let (name, rest) = section.split_once('\n').expect("a heading");
        let example = rest.split("```").nth(1).and_then(|block| block.strip_prefix("yaml\n"));
        let example = example.unwrap_or_else(|| panic!("{name} has no example"));
        let config = loaded(&format!("kafka: {{bootstrap_servers: b}}\npolicies:\n{example}"));
        assert_eq!(config.policies().len(), 1, "{name}");
        // A kind that is meant for `and` is shown there.
        let shown = config.policies()[0].kind.name() == name;
        assert!(shown || example.contains(&format!("type: {name}")), "{name}: {example}");
        for part in ["**Cost.**", "**Pitfalls.**\n\n- "] {
            assert!(section.contains(part), "{name} has no {part}");
        }
    }
}

/// The reference says what holds without it.
#[test]
fn the_reference_changes_nothing() {
    let reference = example("reference.yaml");
    let minimal = example("minimal.yaml");
    let plain = format!("{minimal:?}").replace("explicit: false", "explicit: true");
    assert_eq!(format!("{reference:?}"), plain);
}

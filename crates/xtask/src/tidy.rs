//! What the tree should look like, as tests: each rule is a pure function over files or
//! packages, holds for the repository, and is shown to see a breach.

mod benches;
mod edges;
mod generated;
mod source;
mod text;
mod tree;

/// A rule's findings, or nothing. Printed one a line, as `place: what is wrong`.
fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// Each case is a file's text and whether the rule must object.
fn check(rule: fn(&tree::File) -> Vec<String>, cases: &[(&str, &str, bool)]) {
    for (path, text, wrong) in cases {
        let file = tree::File::new(path, text);
        let findings = rule(&file);
        assert_eq!(!findings.is_empty(), *wrong, "{path}: {text:?}: {findings:?}");
    }
}

//! README, ARCHITECTURE, CONTRIBUTING and CHANGELOG: what can be checked of them.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{refusal, root, text};

const DOCUMENTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
const SOURCE_DEPTH_MAX: usize = 8;

/// The fenced blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// What stands in back quotes, fenced blocks left out.
fn quoted(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// The targets of links to files.
fn linked(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://")).collect()
}

/// The commands of a text's shell blocks, without variables before and comments behind.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let lines = blocks(text, "sh").into_iter().flat_map(str::lines);
    lines
        .map(|line| {
            let words = line.split_whitespace().take_while(|word| !matches!(*word, "#" | ">"));
            words.skip_while(|word| word.contains('=')).collect::<Vec<_>>()
        })
        .filter(|words| !words.is_empty())
        .collect()
}

/// Paths from the root on; a name alone may be that of any file.
fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let ends = ["/", ".rs", ".md", ".yaml", ".yml", ".toml", ".json"];
    plain
        && !word.starts_with('/')
        && word.contains('/')
        && ends.iter().any(|end| word.ends_with(end))
}

/// Names that only code can be: `Type`, `module::name`, `some_name`.
fn is_symbol(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    plain && word.contains(|c: char| c == '_' || c == ':' || c.is_ascii_uppercase())
}

/// Every word of the sources, tests included, and of the files around them.
fn words_of_the_tree() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for place in ["crates", "integration", "config", "Cargo.toml", "clippy.toml", "schemas"] {
        add_words(&root().join(place), SOURCE_DEPTH_MAX, &mut words);
    }
    words
}

fn add_words(path: &Path, depth: usize, words: &mut BTreeSet<String>) {
    if path.is_dir() && depth > 0 {
        let entries = std::fs::read_dir(path).expect("the tree can be read");
        for entry in entries {
            add_words(&entry.expect("the tree can be read").path(), depth - 1, words);
        }
    }
    let is_read = ["rs", "toml", "yaml", "md"].map(std::ffi::OsStr::new);
    if path.is_file() && path.extension().is_some_and(|end| is_read.contains(&end)) {
        let text = std::fs::read_to_string(path).expect("the tree can be read");
        let split = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.extend(split.map(str::to_owned));
    }
}

#[test]
fn files_that_are_named_exist() {
    let mut count = 0;
    for name in DOCUMENTS {
        let text = text(name);
        let quoted = quoted(&text).into_iter().filter(|word| is_path(word));
        for path in quoted.chain(linked(&text)) {
            assert!(root().join(path).exists(), "{name} names {path}, which does not exist");
            count += 1;
        }
    }
    assert!(count > 30, "{count} paths were found: they are no longer recognised");
}

#[test]
fn symbols_that_are_named_exist() {
    let words = words_of_the_tree();
    let mut count = 0;
    for name in ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/policies.md"] {
        for symbol in quoted(&text(name)).into_iter().filter(|word| is_symbol(word)) {
            for part in symbol.split("::") {
                assert!(words.contains(part), "{name} names {symbol}: there is no {part}");
            }
            count += 1;
        }
    }
    assert!(count > 60, "{count} symbols were found: they are no longer recognised");
    assert!(!words.contains(concat!("no_such", "_symbol")));
}

#[test]
fn commands_that_are_shown_are_understood() {
    let mut shown = BTreeSet::new();
    for name in
        DOCUMENTS.into_iter().chain(["docs/collector.md", "docs/drift.md", "docs/trying.md"])
    {
        for command in commands(&text(name)) {
            let arguments = match &command[..] {
                ["tailsift", arguments @ ..] => arguments,
                ["cargo", "run", "--release", "--", arguments @ ..] => arguments,
                _ => continue,
            };
            if let Some(said) = refusal(arguments) {
                panic!("{name}: {command:?}: {said}");
            }
            shown.extend(arguments.first().map(|command| (*command).to_owned()));
        }
    }
    let shown: Vec<_> = shown.iter().map(String::as_str).collect();
    assert_eq!(
        shown,
        ["audit", "backtest", "check", "dead-letters", "demo", "explain", "lag", "run", "topics"]
    );
}

#[test]
fn the_readme_sets_up_with_two_commands() {
    let readme = text("README.md");
    let first = blocks(&readme, "sh")[0];
    let commands: Vec<_> =
        first.lines().map(|line| line.split('#').next().unwrap_or_default().trim_end()).collect();
    assert_eq!(commands, ["cargo run --release -- demo", "cargo test --workspace"]);
}

#[test]
fn the_readmes_policy_file_loads() {
    let readme = text("README.md");
    let [file] = blocks(&readme, "yaml")[..] else { panic!("one YAML block is expected") };
    assert!(file.lines().count() <= 12, "{file}");
    let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let config = tailsift_config::load(file, &[], &|_| None, &no_file)
        .unwrap_or_else(|errors| panic!("{}", tailsift_config::Report(&errors)));
    let names: Vec<_> = config.policies().iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["errors", "slow-features", "slow", "unsure"]);
    let dead_letters = config.dead_letters.expect("they are on unless switched off");
    for topic in [&config.input.topics[0], &config.output.topic, &dead_letters] {
        assert!(readme.contains(&format!("`{topic}`")), "the README does not name topic {topic}");
    }
}

#[test]
fn the_changelog_begins_with_what_is_unreleased() {
    let changelog = text("CHANGELOG.md");
    let first = changelog.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some("## Unreleased"));
}

#[test]
fn documents_are_taken_apart() {
    let text =
        "a `b/c.rs` [d](e.md#f) [g](https://h) `I::j`\n```sh\nK=1 l m # n\n\n# o\n```\n`p`\n";
    assert_eq!(quoted(text), ["b/c.rs", "I::j", "p"]);
    assert_eq!(linked(text), ["e.md"]);
    assert_eq!(commands(text), [["l", "m"]]);
    assert!(is_path("b/c.rs") && is_path("crates/") && !is_path("/b/") && !is_path("c.rs"));
    assert!(is_symbol("I::j") && is_symbol("a_b") && !is_symbol("run") && !is_symbol("a-b_c"));
}

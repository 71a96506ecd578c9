//! Rules of all text: documents, and what must stand on any machine.

use super::source::find;
use super::tree::{File, files};
use super::{assert_none, check};

fn headings(file: &File) -> Vec<String> {
    if !file.has_extension("md") {
        return Vec::new();
    }
    let mut in_code = false;
    let mut titles = 0;
    for (_, line) in file.lines() {
        in_code ^= line.trim_start().starts_with("```");
        titles += usize::from(!in_code && line.starts_with("# "));
    }
    let finding = format!("{}: expected one title, got {titles}", file.path);
    (titles != 1).then_some(finding).into_iter().collect()
}

#[test]
fn documents_have_one_title() {
    assert_none(&files().iter().flat_map(headings).collect::<Vec<_>>());
    check(
        headings,
        &[
            ("A.md", "# A\n\n## B\n\n```sh\n# c\n```\n", false),
            ("A.md", "## A\n", true),
            ("A.md", "# A\n\n# B\n", true),
            ("a.rs", "", false),
        ],
    );
}

fn document_length(file: &File) -> Vec<String> {
    let most = match &*file.path {
        "README.md" => 120,
        "ARCHITECTURE.md" => 200,
        _ => return Vec::new(),
    };
    let lines = file.lines().count();
    let finding = format!("{}: expected at most {most} lines, got {lines}", file.path);
    (lines > most).then_some(finding).into_iter().collect()
}

#[test]
fn documents_are_short() {
    assert_none(&files().iter().flat_map(document_length).collect::<Vec<_>>());
    check(
        document_length,
        &[
            ("README.md", &"a\n".repeat(120), false),
            ("README.md", &"a\n".repeat(121), true),
            ("ARCHITECTURE.md", &"a\n".repeat(201), true),
            ("CHANGELOG.md", &"a\n".repeat(999), false),
        ],
    );
}

/// Paths of somebody's machine. Absolute paths inside containers are not among them.
fn machine_paths(file: &File) -> Vec<String> {
    let banned = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("/tm", "p/"),
    ];
    find(file, &banned, "expected no path of one machine")
}

#[test]
fn the_tree_stands_on_any_machine() {
    // What the corpus holds was recorded, not written.
    let files = files().into_iter().filter(|file| !file.path.starts_with("integration/corpus/"));
    assert_none(&files.flat_map(|file| machine_paths(&file)).collect::<Vec<_>>());
    let path = concat!("see /ho", "me/a/b");
    check(machine_paths, &[("a.rs", path, true), ("a.md", "see docs/a", false)]);
}

/// Documents that a document names are there: a dead reference helps nobody.
fn dead_references(file: &File, known: &[String]) -> Vec<String> {
    if !file.has_extension("md") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        let words = line.split(|c: char| !(c.is_alphanumeric() || "._-/:".contains(c)));
        for word in words.filter(|word| word.ends_with(".md") && !word.contains("://")) {
            let name = word.rsplit('/').next().unwrap_or(word);
            if !known.iter().any(|known| known == name) {
                findings
                    .push(format!("{}:{number}: expected a document, {word} is none", file.path));
            }
        }
    }
    findings
}

#[test]
fn documents_refer_to_documents_that_are_there() {
    let files = files();
    let known: Vec<String> = files.iter().map(|file| file.name().to_owned()).collect();
    assert_none(&files.iter().flat_map(|file| dead_references(file, &known)).collect::<Vec<_>>());
    let wrong = |text: &str| dead_references(&File::new("A.md", text), &["B.md".to_owned()]).len();
    assert_eq!(wrong("see [b](docs/B.md) and `B.md`, or https://example.com/C.md"), 0);
    assert_eq!(wrong("see [c](C.md)"), 1);
}

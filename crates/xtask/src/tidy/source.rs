//! Rules of Rust files.

use super::tree::{File, files};
use super::{assert_none, check};

const LINES_MAX: usize = 500;
const TEST_LINES_MAX: usize = 1000;

/// Without a clock, threads or chance of their own.
const CORE: [&str; 3] = ["trace", "policy", "sampler"];

/// Written in halves, so that this file keeps its own rules.
const UNFINISHED: [&str; 4] =
    [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X"), concat!("HA", "CK")];

fn for_all_sources(rule: fn(&File) -> Vec<String>) {
    let sources = files().into_iter().filter(|file| file.has_extension("rs"));
    assert_none(&sources.flat_map(|file| rule(&file)).collect::<Vec<_>>());
}

fn length(file: &File) -> Vec<String> {
    let (lines, most) = if file.is_test() {
        (file.lines().count(), TEST_LINES_MAX)
    } else {
        (file.shipped_lines(), LINES_MAX)
    };
    let finding = format!("{}: expected at most {most} lines, got {lines}", file.path);
    (lines > most).then_some(finding).into_iter().collect()
}

#[test]
fn files_are_short() {
    for_all_sources(length);
    let (full, over) = ("x\n".repeat(500), "x\n".repeat(501));
    let tested = format!("{full}#[cfg(test)]\nmod tests {{\n{full}}}\n");
    check(
        length,
        &[
            ("crates/a/src/b.rs", &full, false),
            ("crates/a/src/b.rs", &over, true),
            ("crates/a/src/b.rs", &tested, false),
            ("crates/a/src/b/tests.rs", &over, false),
            ("crates/a/tests/it/b.rs", &"x\n".repeat(1001), true),
        ],
    );
}

/// `lib.rs` is a table of contents: its documentation, modules, and what they publish.
fn contents(file: &File) -> Vec<String> {
    if file.name() != "lib.rs" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !file.text.starts_with("//! ") {
        findings.push(format!("{}: expected the crate's documentation first", file.path));
    }
    let mut in_use = false;
    for (number, line) in file.lines() {
        in_use = in_use || line.starts_with("pub use ");
        let known = in_use
            || line.is_empty()
            || ["//!", "mod ", "#[cfg(", "#![", "// "].iter().any(|start| line.starts_with(start));
        if !known {
            findings.push(format!(
                "{}:{number}: expected docs, private `mod`s and `pub use` only, got {line:?}",
                file.path
            ));
        }
        in_use = in_use && !line.ends_with(';');
    }
    findings
}

#[test]
fn a_library_root_is_a_table_of_contents() {
    for_all_sources(contents);
    check(
        contents,
        &[
            ("src/lib.rs", "//! A.\n\nmod a;\n\npub use a::{\n    B, C,\n};\n", false),
            ("src/lib.rs", "mod a;\n", true),
            ("src/lib.rs", "//! A.\npub mod a;\n", true),
            ("src/lib.rs", "//! A.\npub use a::B;\nfn b() {}\n", true),
            ("src/other.rs", "fn b() {}\n", false),
        ],
    );
}

/// Every binary says what it is, too.
fn binary_docs(file: &File) -> Vec<String> {
    let undocumented = file.path.ends_with("src/main.rs") && !file.text.starts_with("//! ");
    let finding = format!("{}: expected the crate's documentation first", file.path);
    undocumented.then_some(finding).into_iter().collect()
}

#[test]
fn every_crate_is_documented() {
    for_all_sources(binary_docs);
    check(
        binary_docs,
        &[("a/src/main.rs", "//! A.\n", false), ("a/src/main.rs", "mod a;\n", true)],
    );
}

fn exceptions(file: &File) -> Vec<String> {
    let banned = [concat!("#[", "allow("), concat!("#![", "allow("), concat!("#[", "ignore")];
    find(file, &banned, "expected #[expect(lint, reason = …)], or a test that runs")
}

#[test]
fn nothing_is_allowed_or_ignored() {
    for_all_sources(exceptions);
    let (allow, ignore) = (concat!("#[", "allow(x)]"), concat!("#[", "ignore]"));
    check(
        exceptions,
        &[("a.rs", allow, true), ("a.rs", ignore, true), ("a.rs", "#[expect(x)]", false)],
    );
}

fn unfinished(file: &File) -> Vec<String> {
    find(file, &UNFINISHED, "expected finished work or none")
}

#[test]
fn nothing_is_left_for_later() {
    let all = files();
    assert_none(&all.iter().flat_map(unfinished).collect::<Vec<_>>());
    check(unfinished, &[("a.rs", UNFINISHED[1], true), ("a.rs", "todo_list", false)]);
}

/// `unsafe` has one home, and each block there a reason.
fn unsafety(file: &File) -> Vec<String> {
    let home =
        file.path == "crates/kafka/src/ffi.rs" || file.path.starts_with("crates/kafka/src/ffi/");
    let mut findings = Vec::new();
    let mut explained = false;
    for (number, line) in file.lines() {
        let code = line.split("//").next().unwrap_or_default();
        explained = line.contains("// SAFETY:") || explained && !line.trim().is_empty();
        let block = [concat!("unsafe", " {"), concat!("unsafe", " fn"), concat!("unsafe", " impl")];
        if block.iter().any(|block| code.contains(block)) && !(home && explained) {
            findings.push(format!(
                "{}:{number}: expected unsafe code in crates/kafka/src/ffi.rs only, under a \
                 SAFETY comment",
                file.path
            ));
        }
    }
    findings
}

#[test]
fn unsafe_code_has_one_home() {
    for_all_sources(unsafety);
    let (bare, home) = (concat!("unsafe", " { a() }"), "crates/kafka/src/ffi.rs");
    let explained = format!("// SAFETY: a is.\nlet b = {bare};");
    check(
        unsafety,
        &[
            (home, &explained, false),
            (home, bare, true),
            (home, &format!("// SAFETY: c.\n\n{bare}"), true),
            ("crates/kafka/src/ffi/records.rs", &explained, false),
            ("crates/kafka/src/sink.rs", &explained, true),
            ("crates/kafka/src/sink.rs", &format!("// {bare}"), false),
        ],
    );
}

fn core_purity(file: &File) -> Vec<String> {
    if !file.crate_name().is_some_and(|name| CORE.contains(&name)) || file.is_test() {
        return Vec::new();
    }
    let banned =
        ["Instant::now", "SystemTime", "std::thread", "std::net", "std::fs", "std::env", "rand::"];
    find(file, &banned, "expected no clock, thread or I/O in the core")
}

#[test]
fn the_core_is_pure() {
    for_all_sources(core_purity);
    check(
        core_purity,
        &[
            ("crates/sampler/src/a.rs", "let a = Instant::now();", true),
            ("crates/trace/src/a.rs", "use std::fs::File;", true),
            ("crates/kafka/src/a.rs", "let a = Instant::now();", false),
            ("crates/sampler/src/a/tests.rs", "std::fs::read", false),
        ],
    );
}

fn names(file: &File) -> Vec<String> {
    let banned = ["util.rs", "utils.rs", "helper.rs", "helpers.rs", "common.rs", "misc.rs"];
    let finding = format!("{}: expected a name that says what is in it", file.path);
    banned.contains(&file.name()).then_some(finding).into_iter().collect()
}

#[test]
fn files_are_named_for_what_they_hold() {
    for_all_sources(names);
    check(names, &[("a/util.rs", "", true), ("a/helpers.rs", "", true), ("a/clock.rs", "", false)]);
}

/// Lines that hold one of some texts.
pub(super) fn find(file: &File, banned: &[&str], expected: &str) -> Vec<String> {
    let hit = |line: &str| banned.iter().copied().find(|banned| line.contains(*banned));
    file.lines()
        .filter_map(|(number, line)| hit(line).map(|hit| (number, hit)))
        .map(|(number, hit)| format!("{}:{number}: {expected}, got {hit:?}", file.path))
        .collect()
}

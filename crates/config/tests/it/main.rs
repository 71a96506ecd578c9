//! The configuration file as its users meet it.

mod broken;
mod collector;
mod errors;
mod examples;
mod generated;
mod ottl;
mod overrides;
mod policy_errors;
mod properties;
mod redaction;
mod references;
mod second_chance;
mod settings;

use std::io;
use std::path::{Path, PathBuf};

use expect_test::Expect;
use tailsift_config::{Config, ConfigError, Report, load};

/// What must be there for anything to load.
const BASE: &str = "\
kafka: {bootstrap_servers: 'localhost:9092'}
policies: [{name: all, type: always_sample}]
";

fn no_file(path: &Path) -> io::Result<String> {
    Err(io::Error::new(io::ErrorKind::NotFound, format!("no {}", path.display())))
}

fn load_plain(text: &str) -> Result<Config, Vec<ConfigError>> {
    load(text, &[], &|_| None, &no_file)
}

fn loaded(text: &str) -> Config {
    load_plain(text).unwrap_or_else(|errors| panic!("{}", Report(&errors)))
}

/// The report about a text that must not load.
#[track_caller]
fn report(text: &str) -> String {
    match load_plain(text) {
        Ok(_) => panic!("this loads:\n{text}"),
        Err(errors) => Report(&errors).to_string(),
    }
}

/// What is said of a whole file.
#[track_caller]
fn check(text: &str, expect: &Expect) {
    expect.assert_eq(&report(text));
}

/// What is said of each of some whole files.
#[track_caller]
fn check_each(cases: &[&str], expect: &Expect) {
    let told = |text: &&str| format!("{text:?}\n{}", indented(&report(text)));
    expect.assert_eq(&cases.iter().map(told).collect::<String>());
}

/// What is said of keys in an otherwise good file.
#[track_caller]
fn check_keys(cases: &[&str], expect: &Expect) {
    check_within(BASE, cases, expect);
}

/// What is said of lists of policies in an otherwise good file.
#[track_caller]
fn check_policies(cases: &[&str], expect: &Expect) {
    check_within("kafka: {bootstrap_servers: 'localhost:9092'}\npolicies:\n", cases, expect);
}

#[track_caller]
fn check_within(base: &str, cases: &[&str], expect: &Expect) {
    let mut told = String::new();
    for case in cases {
        let text = format!("{base}{case}");
        let Err(errors) = load_plain(&text) else { panic!("this loads:\n{text}") };
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        told.push_str(&format!("{case}\n{}", indented(&lines.join("\n"))));
    }
    expect.assert_eq(&told);
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

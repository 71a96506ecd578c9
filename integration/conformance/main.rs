//! What a Collector's own tail_sampling did with recorded configurations and spans, and what
//! tailsift does: by the program, and by the crates behind it.
//!
//! `cargo xtask conformance` prints a table by family. Arguments choose cases by parts of names.

mod answer;
mod case;
mod exceptions;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;

use case::{Case, Expectation};
use exceptions::EXCEPTIONS;

/// Cases whose failure is shown; the rest is counted.
const SHOWN_MAX: usize = 40;

const CHARS_MAX: usize = 400;

/// How a family did.
#[derive(Default)]
struct Row {
    family: String,
    cases: usize,
    passed: usize,
    excepted: usize,
    failed: Vec<String>,
}

fn main() -> ExitCode {
    let outcome = run();
    let mut out = std::io::stdout().lock();
    // Nothing is left to be told if stdout is gone.
    match outcome {
        Ok((text, good)) => {
            let _ = write!(out, "{text}");
            if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(out, "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<(String, bool)> {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if std::env::args().any(|argument| argument == "--list") {
        return Ok(("conformance: test\n\n1 test, 0 benchmarks\n".into(), true));
    }
    let directory = tempfile::tempdir()?;
    let mut rows = Vec::new();
    let mut stale: Vec<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    for path in case::files()? {
        let mut row = Row::default();
        for case in case::read(&path)? {
            stale.retain(|name| *name != case.name);
            if !wanted.is_empty() && !wanted.iter().any(|part| case.name.contains(part.as_str())) {
                continue;
            }
            let first = row.cases == 0;
            row.add(&case, first, directory.path())
                .with_context(|| format!("{}: the harness itself", case.name))?;
        }
        if row.cases > 0 {
            rows.push(row);
        }
    }
    let mut text = table(&rows);
    for name in &stale {
        text.push_str(&format!("no case has the name of the exception {name}: remove it\n"));
    }
    let failed: Vec<&String> = rows.iter().flat_map(|row| &row.failed).collect();
    for line in failed.iter().take(SHOWN_MAX) {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let shown: String = line.chars().take(CHARS_MAX).collect();
        text.push_str(&format!("FAILED {shown}\n"));
    }
    if let Some(more) = failed.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} more\n"));
    }
    let cases: usize = rows.iter().map(|row| row.cases).sum();
    let good = failed.is_empty() && stale.is_empty() && cases > 0;
    let word = if good { "ok" } else { "FAILED" };
    text.push_str(&format!("test result: {word}. {cases} cases, {} failed\n", failed.len()));
    Ok((text, good))
}

impl Row {
    fn add(&mut self, case: &Case, first: bool, directory: &std::path::Path) -> anyhow::Result<()> {
        self.family = case.family().to_owned();
        self.cases += 1;
        let exception = EXCEPTIONS.iter().find(|(name, _)| *name == case.name);
        let outcome = answer::hold(case, first, directory)?;
        match (outcome, exception) {
            (Ok(()), None) => self.passed += 1,
            (Ok(()), Some(_)) => {
                self.failed.push(format!("{}: passes, so it is no exception", case.name));
            }
            (Err(why), None) => self.failed.push(format!("{}: {why}", case.name)),
            // What is refused on purpose is refused, not answered otherwise.
            (Err(_), Some((_, exceptions::Why::Refused(_)))) => {
                let mut refused = case.clone();
                refused.expect = Expectation::Refused;
                match answer::hold(&refused, first, directory)? {
                    Ok(()) => self.excepted += 1,
                    Err(why) => self.failed.push(format!("{}: {why}", case.name)),
                }
            }
            (Err(_), Some((_, exceptions::Why::Kept(_)))) => self.excepted += 1,
        }
        Ok(())
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from("\nfamily              cases  passed  excepted  failed\n");
    let mut sum = Row { family: "total".into(), ..Row::default() };
    let line = |row: &Row, failed: usize| {
        format!(
            "{:<18} {:>6} {:>7} {:>9} {failed:>7}\n",
            row.family, row.cases, row.passed, row.excepted
        )
    };
    let mut failed = 0;
    for row in rows {
        text.push_str(&line(row, row.failed.len()));
        sum.cases += row.cases;
        sum.passed += row.passed;
        sum.excepted += row.excepted;
        failed += row.failed.len();
    }
    text.push_str(&line(&sum, failed));
    for (name, why) in EXCEPTIONS {
        let (exceptions::Why::Refused(why) | exceptions::Why::Kept(why)) = why;
        text.push_str(&format!("excepted: {name}: {why}\n"));
    }
    text
}

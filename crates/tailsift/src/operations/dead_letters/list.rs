//! `tailsift dead-letters list`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::process::ExitCode;

use serde_json::{Value, json};
use tailsift_kafka::{DeadLetters, Letter, Table};

use super::super::ListArgs;
use super::Filter;
use super::text::{escaped, utc};
use crate::app::client_settings;
use crate::command::{load, needs_dead_letters};

/// One line.
struct Line {
    time: Option<i64>,
    partition: i32,
    offset: i64,
    letter: Letter,
    bytes: Option<usize>,
    redriven: bool,
}

pub(super) fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.file.config, &args.file.overrides)?;
    let topic = needs_dead_letters(&config)?;
    let letters = DeadLetters::open(&client_settings(&config), topic)?;
    let redriven = letters.redriven()?;
    let filter = Filter::new(&args.filter);
    let (mut newest, mut matching) = (BTreeMap::new(), 0_u64);
    letters.for_each(|found| {
        let redriven = redriven.contains(&found);
        if filter.takes(&found) && !(args.pending && redriven) {
            matching += 1;
            let record = &found.record;
            let (partition, offset) = (record.partition(), record.offset());
            let (time, bytes) = (record.timestamp_ms(), record.value().map(<[u8]>::len));
            let letter = found.letter;
            let line = Line { time, partition, offset, letter, bytes, redriven };
            newest.insert((time, offset, partition), line);
            if newest.len() > args.limit {
                newest.pop_first();
            }
        }
        ControlFlow::Continue(())
    })?;
    let lines = newest.values().rev();
    let mut out = std::io::stdout().lock();
    if args.json {
        let lines: Vec<_> = lines.map(Line::json).collect();
        writeln!(out, "{:#}", json!({ "topic": topic, "matching": matching, "letters": lines }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table =
        Table::new(&[("place", -10), ("written (UTC)", -19), ("from", -24), ("state", -8)]);
    // The reason has a line of its own: it is what people look for.
    for line in lines.clone() {
        table.row(line.cells());
    }
    let table = table.to_string();
    let mut rows = table.lines();
    writeln!(out, "{}", rows.next().unwrap_or_default())?;
    for (row, line) in rows.zip(lines) {
        writeln!(out, "{row}\n    {}", escaped(&line.letter.reason))?;
    }
    writeln!(out, "{} of {matching} dead letters in {topic}", newest.len())?;
    Ok(ExitCode::SUCCESS)
}

impl Line {
    fn cells(&self) -> [String; 4] {
        let origin = &self.letter.origin;
        [
            format!("{}:{}", self.partition, self.offset),
            self.time.map_or("-".to_owned(), utc),
            format!("{} {}:{}", origin.topic, origin.partition, origin.offset),
            if self.redriven { "redriven" } else { "pending" }.to_owned(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "partition": self.partition,
            "offset": self.offset,
            "time_ms": self.time,
            "bytes": self.bytes,
            "redriven": self.redriven,
            "letter": letter_json(&self.letter),
        })
    }
}

pub(super) fn letter_json(letter: &Letter) -> Value {
    json!({
        "kind": letter.kind.name(),
        "reason": letter.reason,
        "left_out": letter.left_out,
        "topic": letter.origin.topic,
        "partition": letter.origin.partition,
        "offset": letter.origin.offset,
    })
}

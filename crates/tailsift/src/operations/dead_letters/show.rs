//! `tailsift dead-letters show`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};
use tailsift_kafka::{DeadLetters, Refusal, StoredLetter, StoredRecord};

use super::super::ShowArgs;
use super::list::letter_json;
use super::text::{escaped, hex, hexdump, on_a_line, utc};
use crate::app::client_settings;
use crate::command::{load, needs_dead_letters};

/// How much of a value is dumped: `--raw` writes all of it.
const DUMPED_MAX: usize = 4096;

pub(super) fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.file.config, &args.file.overrides)?;
    let topic = needs_dead_letters(&config)?;
    let letters = DeadLetters::open(&client_settings(&config), topic)?;
    let (partition, offset) = args.place;
    let stored = letters.at(partition, offset)?.with_context(|| {
        format!(
            "no dead letter at {partition}:{offset} of {topic}; tailsift dead-letters list -c FILE \
             prints their places"
        )
    })?;
    let original = letters.original(&stored)?;
    let mut out = std::io::stdout().lock();
    if args.raw {
        let record = original.map_err(|refusal| anyhow::anyhow!("there is no value: {refusal}"))?;
        out.write_all(record.value.as_deref().unwrap_or_default())?;
        return Ok(ExitCode::SUCCESS);
    }
    let redriven = letters.redriven()?.has(partition, offset);
    if args.json {
        writeln!(out, "{:#}", json(&stored, original.as_ref(), redriven))?;
    } else {
        write(&mut out, &stored, original, redriven)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(
    out: &mut impl Write,
    stored: &StoredLetter,
    original: Result<StoredRecord, Refusal>,
    redriven: bool,
) -> anyhow::Result<()> {
    let StoredLetter { letter, record } = stored;
    let origin = &letter.origin;
    writeln!(out, "place     {}:{}", record.partition, record.offset)?;
    writeln!(out, "written   {}", record.timestamp_ms.map_or("-".to_owned(), utc))?;
    let (topic, partition) = (&origin.topic, origin.partition);
    writeln!(out, "from      {topic} partition {partition} offset {}", origin.offset)?;
    writeln!(out, "holds     {}", letter.kind.name())?;
    writeln!(out, "reason    {}", escaped(&letter.reason))?;
    if let Some(what) = &letter.left_out {
        writeln!(out, "left out  {}", escaped(what))?;
    }
    writeln!(out, "state     {}", if redriven { "redriven" } else { "pending" })?;
    let record = match original {
        Ok(record) => record,
        Err(refusal) => {
            writeln!(out, "value     none: {refusal}")?;
            record.clone()
        }
    };
    let or_none = |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or("none".to_owned(), on_a_line);
    writeln!(out, "key       {}", or_none(&record.key))?;
    for (name, value) in &record.headers {
        writeln!(out, "header    {} = {}", escaped(name), or_none(value))?;
    }
    let Some(value) = &record.value else { return Ok(()) };
    writeln!(out, "value     {} bytes", value.len())?;
    if let Some(json) = as_json(value) {
        writeln!(out, "{json:#}")?;
        return Ok(());
    }
    let shown = value.len().min(DUMPED_MAX);
    write!(out, "{}", hexdump(&value[..shown]))?;
    if shown < value.len() {
        writeln!(out, "… and {} bytes more: --raw writes them", value.len() - shown)?;
    }
    Ok(())
}

/// An object or list.
fn as_json(value: &[u8]) -> Option<Value> {
    let json: Value = serde_json::from_slice(value).ok()?;
    (json.is_object() || json.is_array()).then_some(json)
}

fn json(stored: &StoredLetter, original: Result<&StoredRecord, &Refusal>, redriven: bool) -> Value {
    let record = original.unwrap_or(&stored.record);
    let text_or_hex = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(on_a_line);
    let headers = record.headers.iter();
    let headers: Vec<_> =
        headers.map(|(name, value)| json!({ "name": name, "value": text_or_hex(value) })).collect();
    json!({
        "partition": stored.record.partition,
        "offset": stored.record.offset,
        "time_ms": stored.record.timestamp_ms,
        "redriven": redriven,
        "letter": letter_json(&stored.letter),
        "key": text_or_hex(&record.key),
        "headers": headers,
        "value_hex": record.value.as_deref().map(hex),
        "refusal": original.err().map(ToString::to_string),
    })
}

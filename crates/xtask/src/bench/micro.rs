//! The micro-benches: what one step costs a span.

use std::io::Write;

use crate::repository::read_cargo;

use divan::Measured;

mod divan;

/// Runs those whose name contains `filter`, and prints what came out as a table in Markdown.
pub(super) fn run(filter: Option<&str>, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut arguments = vec!["bench", "--workspace", "--bench", "*"];
    arguments.extend(filter.iter().flat_map(|filter| ["--", *filter]));
    let mut reader = divan::Reader::default();
    read_cargo(&arguments, |line| {
        reader.line(line);
        Ok(writeln!(out, "{line}")?)
    })?;
    Ok(write(out, &reader.finish())?)
}

fn write(out: &mut dyn Write, benches: &[Measured]) -> std::io::Result<()> {
    writeln!(
        out,
        "| median, for each span (of `judge`: each trace) | ns | bytes | allocations | most heap, bytes |"
    )?;
    writeln!(out, "| --- | ---: | ---: | ---: | ---: |")?;
    for bench in benches {
        let bytes = bench.bytes.map_or_else(|| "–".to_owned(), |bytes| format!("{bytes:.0}"));
        writeln!(
            out,
            "| {} | {:.1} | {bytes} | {:.3} | {:.0} |",
            bench.name, bench.nanos, bench.allocations, bench.heap_bytes_max
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

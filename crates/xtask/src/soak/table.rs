//! What is printed.

use std::io::Write;

use super::member::Lived;
use super::slope::slope;
use super::{Soak, Soaked};

const MIB: f64 = (1u64 << 20) as f64;

pub(super) fn write(out: &mut dyn Write, soak: &Soak, soaked: &Soaked) -> std::io::Result<()> {
    let Soaked { rate, first, second, fed, export, letters, took, warm_up } = soaked;
    writeln!(
        out,
        "\nsoak of {} min at {} spans/s: {} records, {} spans, at most {:.1?} behind; {took:.0?} in all\n",
        soak.minutes, rate, fed.records, fed.spans, fed.behind
    )?;
    writeln!(
        out,
        "| member | lives | CPU of a core | looks, all even | spans read | kept | dropped | given up | covered | RSS MiB, mean | peak | slope MiB/h |"
    )?;
    writeln!(out, "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |")?;
    for (name, lived) in [("first", first), ("second", second)] {
        row(out, name, lived)?;
    }
    writeln!(
        out,
        "\nRSS and its slope (least squares) after a warm-up of {warm_up:?}, of the member that stays"
    )?;
    writeln!(out, "export        {export}")?;
    writeln!(out, "dead letters  {letters} of {}", fed.unreadable)
}

fn row(out: &mut dyn Write, name: &str, lived: &Lived) -> std::io::Result<()> {
    let Lived { lives, time, cpu, looks, balance, resident, peak_bytes } = lived;
    let told = |number: Option<f64>| number.map_or_else(|| "–".to_owned(), |it| format!("{it:.1}"));
    let sum: f64 = resident.iter().map(|(_, bytes)| bytes).sum();
    let mean = (!resident.is_empty()).then(|| sum / resident.len() as f64 / MIB);
    let slope = slope(resident).map(|per_second| per_second * 3600.0 / MIB);
    writeln!(
        out,
        "| {name} | {lives} | {:.0} % | {looks} | {} | {} | {} | {} | {} | {} | {:.1} | {} |",
        100.0 * cpu.as_secs_f64() / time.as_secs_f64().max(1.0),
        balance.read,
        balance.kept,
        balance.dropped,
        balance.given_up,
        balance.covered,
        told(mean),
        *peak_bytes as f64 / MIB,
        told(slope),
    )
}

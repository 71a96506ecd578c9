//! Traces for people, at most 100 columns.

use std::io::{self, Write};

use console::{Alignment, measure_text_width, pad_str, truncate_str};
use tailsift_policy::{Chance, CloseReason, Threshold, Verdict, Vote};
use tailsift_sampler::Tried;

use super::{Names, Told};
use crate::operations::escaped;

/// Columns of a name; the rest of it is left out.
const NAME_MAX: usize = 64;

pub(super) fn write(out: &mut impl Write, told: &Told) -> io::Result<()> {
    for tried in &told.traces {
        trace(out, tried, told)?;
        writeln!(out)?;
    }
    let kept: Vec<_> =
        told.traces.iter().filter(|tried| tried.outcome.verdict == Verdict::Keep).collect();
    let spans = |traces: &mut dyn Iterator<Item = &Tried>| {
        traces.map(|tried| u64::from(tried.spans)).sum::<u64>()
    };
    let (all, exported) = (spans(&mut told.traces.iter()), spans(&mut kept.iter().copied()));
    writeln!(
        out,
        "{} kept of {}: {exported} of {}",
        kept.len(),
        counted(told.traces.len() as u64, "trace"),
        counted(all, "span"),
    )
}

/// One trace, by lines.
pub(super) fn trace(out: &mut impl Write, tried: &Tried, told: &Told) -> io::Result<()> {
    let names = &told.names;
    writeln!(out, "trace {}  {}", tried.trace_id, verdict_word(tried.outcome.verdict))?;
    writeln!(out, "  decided by  {}", decider(tried, names))?;
    writeln!(out, "  closed      {}", closed(tried.close_reason, told.ended))?;
    if let Some(chance) = chance(tried.outcome.chance) {
        writeln!(out, "  chance      {chance}")?;
    }
    writeln!(out, "  seen        {}", seen(tried))?;
    writeln!(out, "  exported    {}", counted(u64::from(tried.exported()), "span"))?;
    let names: Vec<String> = names.all().iter().map(|name| shown(name)).collect();
    let width = names.iter().map(|name| measure_text_width(name)).max().unwrap_or(0);
    let votes = tried.votes.iter().copied().chain(std::iter::repeat(None));
    for (number, (name, vote)) in names.iter().zip(votes).enumerate() {
        let lead = if number == 0 { "votes" } else { "" };
        let name = pad_str(name, width, Alignment::Left, None);
        writeln!(out, "  {lead:<10}  {name}  {}", word(vote))?;
    }
    Ok(())
}

fn decider(tried: &Tried, names: &Names) -> String {
    let Some(name) = names.decider(tried) else {
        return "no policy: none asked to keep it".to_owned();
    };
    match tried.outcome.composite.filter(|sub| Some(sub.policy) == tried.outcome.policy) {
        Some(sub) => format!("{}, by its {}", shown(name), shown(names.0.sub_name(sub))),
        None => shown(name),
    }
}

pub(super) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Keep => "keep",
        Verdict::Drop => "drop",
    }
}

/// Why a trace was judged; `ended` is what did if that was the reason.
pub(super) fn closed(reason: CloseReason, ended: &str) -> String {
    let why = match reason {
        CloseReason::Complete => "its structure was complete",
        CloseReason::RootWait => "the wait after its root was over",
        CloseReason::DecisionWait => "its wait was over",
        CloseReason::SpanLimit => "it reached window.spans_per_trace_limit",
        CloseReason::ByteLimit => "it reached window.bytes_per_trace_limit",
        CloseReason::MemoryLimit => "window.memory_limit was reached",
        CloseReason::TooLarge => "it is larger than maximum_trace_size_bytes; no policy was asked",
        CloseReason::Drain => ended,
    };
    format!("{}: {why}", reason.name())
}

/// How likely it was to be kept, unless that was certain.
pub(super) fn chance(chance: Chance) -> Option<String> {
    match chance {
        Chance::None => None,
        Chance::Threshold(threshold) => {
            let accepted = Threshold::RANGE.saturating_sub(threshold.0);
            let percent = 100.0 * accepted as f64 / Threshold::RANGE as f64;
            Some(format!("{percent:.4} percent, threshold {threshold}"))
        }
        Chance::Unknown => Some("unknown: a budget had a part in it".to_owned()),
    }
}

fn seen(tried: &Tried) -> String {
    let spans = counted(u64::from(tried.spans), "span");
    let root = if tried.root_seen { "with its root" } else { "without a root" };
    let parents = match tried.missing_parents {
        0 => "no parent is missing".to_owned(),
        1 => "1 parent is missing".to_owned(),
        more => format!("{more} parents are missing"),
    };
    let duration = tried.duration_ns.map_or("times missing".to_owned(), duration);
    format!("{spans}, {duration}, {root}, {parents}")
}

fn duration(nanos: i64) -> String {
    let millis = nanos as f64 / 1e6;
    if millis.abs() >= 10_000.0 {
        format!("{:.2} s", millis / 1000.0)
    } else if millis.fract() == 0.0 {
        format!("{millis} ms")
    } else {
        format!("{millis:.3} ms")
    }
}

pub(crate) fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

pub(crate) fn shown(name: &str) -> String {
    truncate_str(&escaped(name), NAME_MAX, "…").into_owned()
}

fn word(vote: Option<Vote>) -> &'static str {
    match vote {
        None => "not asked",
        Some(Vote::Sampled) => "sampled",
        Some(Vote::NotSampled) => "not sampled",
        Some(Vote::Dropped) => "dropped",
        Some(Vote::Error) => "error",
    }
}

#[cfg(test)]
mod tests;

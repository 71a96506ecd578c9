//! What is seen while the demonstration runs.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::exporter::Written;
use super::load::RequestCounts;
use super::text::{Paint, bar, bytes, count, cut, left, percent, right, seconds};
use super::truth::Rule;

#[cfg(test)]
mod tests;

/// Between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(2);
/// Redraws of a terminal, a second.
const FRAMES_PER_SECOND: u8 = 10;
/// Columns, unless the terminal says otherwise; more than the maximum is hard to read.
const WIDTH: usize = 80;
const WIDTH_MAX: usize = 110;

/// What the demonstration does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Requests are sent.
    Load,
    /// The last spans go through the pipeline.
    Drain,
}

/// Everything that is shown, at one moment.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) phase: Phase,
    /// Since the first request.
    pub(super) elapsed: Duration,
    /// How long the load shall last; `None` = until told to stop.
    pub(super) total: Option<Duration>,
    /// Over the last second or so.
    pub(super) requests_per_second: f64,
    pub(super) spans_per_second: f64,
    pub(super) requests: RequestCounts,
    pub(super) written: Written,
    /// `None` if only the load runs.
    pub(super) pipeline: Option<PipelineState>,
}

/// What the pipeline says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PipelineState {
    pub(super) records: u64,
    pub(super) traces_open: u64,
    pub(super) window_bytes: u64,
    /// Kept traces in the order of [`Rule::ALL`].
    pub(super) kept_by_rule: [u64; Rule::ALL.len()],
    pub(super) kept: u64,
    pub(super) dropped: u64,
    pub(super) epochs: u64,
}

/// Where frames go.
#[derive(Debug)]
pub(super) enum View {
    /// A terminal: one picture, drawn over itself.
    Live { picture: ProgressBar, width: usize },
    /// Anything else: a line now and then.
    Plain { last: Option<(Phase, Instant)> },
}

impl View {
    /// Looks at standard output and the environment (`NO_COLOR`, `TERM`).
    pub(super) fn of_stdout() -> Self {
        let terminal = console::Term::stdout();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        if !terminal.is_term() || dumb || set("NO_COLOR") {
            return Self::Plain { last: None };
        }
        let columns = terminal.size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns));
        let picture = ProgressBar::with_draw_target(
            None,
            ProgressDrawTarget::stdout_with_hz(FRAMES_PER_SECOND),
        );
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            picture.set_style(style);
        }
        // One column stays free: a line that fills the last one wraps on some terminals.
        Self::Live { picture, width: columns.min(WIDTH_MAX).saturating_sub(1) }
    }

    /// Columns of a line, and its colours.
    pub(super) fn page(&self) -> (usize, Paint) {
        match self {
            Self::Live { width, .. } => (*width, Paint::Colour),
            Self::Plain { .. } => (WIDTH - 1, Paint::Plain),
        }
    }

    /// Shows a frame.
    ///
    /// # Errors
    /// If standard output does not take it.
    pub(super) fn show(&mut self, frame: &Frame) -> io::Result<()> {
        match self {
            Self::Live { picture, width } => {
                picture.set_message(picture_of(frame, *width, Paint::Colour).join("\n"));
                Ok(())
            }
            Self::Plain { last } => {
                let due = last
                    .is_none_or(|(phase, at)| phase != frame.phase || at.elapsed() >= PLAIN_EVERY);
                if !due {
                    return Ok(());
                }
                *last = Some((frame.phase, Instant::now()));
                write_lines([line_of(frame)])
            }
        }
    }

    /// Takes the picture away; plain lines stay.
    pub(super) fn clear(&self) {
        if let Self::Live { picture, .. } = self {
            picture.finish_and_clear();
        }
    }
}

/// Writes lines to standard output.
///
/// # Errors
/// If it does not take them.
pub(super) fn write_lines(lines: impl IntoIterator<Item = String>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// The picture: lines of at most `width` columns.
fn picture_of(frame: &Frame, width: usize, paint: Paint) -> Vec<String> {
    let mut lines = vec![progress(frame, width, paint), String::new(), load(frame, paint)];
    if let Some(pipeline) = &frame.pipeline {
        lines.push(window(pipeline, paint));
        lines.push(String::new());
        lines.extend(verdicts(pipeline, width, paint));
    }
    lines.push(String::new());
    lines.push(paint.dim(match frame.phase {
        Phase::Load => "Enter or Ctrl-C ends the load",
        Phase::Drain => "the load has ended; the last traces are being judged",
    }));
    lines.iter().map(|line| cut(line, width)).collect()
}

fn progress(frame: &Frame, width: usize, paint: Paint) -> String {
    let title = left("tailsift demo", 15);
    let time = match frame.total {
        Some(total) => format!("{} of {}", seconds(frame.elapsed.min(total)), seconds(total)),
        None => seconds(frame.elapsed),
    };
    let time = right(&time, 18);
    let columns = width.saturating_sub(15 + 18 + 2);
    let bar = frame.total.map_or_else(String::new, |total| {
        bar(frame.elapsed.as_secs_f64(), total.as_secs_f64(), columns)
    });
    format!("{}{}  {time}", paint.title(&title), paint.accent(&left(&bar, columns)))
}

fn load(frame: &Frame, paint: Paint) -> String {
    format!(
        "{}{} requests/s {} spans/s {} requests {} spans",
        paint.dim(&left("load", 10)),
        right(&format!("{:.0}", frame.requests_per_second), 5),
        right(&format!("{:.0}", frame.spans_per_second), 7),
        right(&count(frame.requests.sent), 9),
        right(&count(frame.written.spans), 11),
    )
}

fn window(pipeline: &PipelineState, paint: Paint) -> String {
    format!(
        "{}{} open traces {} of window {} records {} epochs",
        paint.dim(&left("pipeline", 10)),
        right(&count(pipeline.traces_open), 5),
        right(&bytes(pipeline.window_bytes), 10),
        right(&count(pipeline.records), 8),
        right(&count(pipeline.epochs), 5),
    )
}

fn verdicts(pipeline: &PipelineState, width: usize, paint: Paint) -> Vec<String> {
    const LABELS: usize = 2 + 14 + 8 + 2 + 28;
    let columns = width.saturating_sub(LABELS);
    let most = pipeline.kept_by_rule.into_iter().max().unwrap_or(0).max(1);
    let judged = pipeline.kept + pipeline.dropped;
    let mut lines = vec![format!(
        "{}{} of {} traces judged, {}",
        paint.title(&left("kept", 16)),
        right(&count(pipeline.kept), 8),
        count(judged),
        percent(pipeline.kept, judged),
    )];
    for (rule, kept) in Rule::ALL.into_iter().zip(pipeline.kept_by_rule) {
        lines.push(format!(
            "  {}{}  {}{}",
            left(rule.policy(), 14),
            right(&count(kept), 8),
            paint.dim(&left(rule.meaning(), 28)),
            paint.good(&bar(kept as f64, most as f64, columns)),
        ));
    }
    lines.push(format!(
        "{}{}",
        paint.title(&left("dropped", 16)),
        right(&count(pipeline.dropped), 8)
    ));
    lines
}

/// The same in one line of at most 79 columns.
fn line_of(frame: &Frame) -> String {
    let RequestCounts { sent, .. } = frame.requests;
    let mut line = format!(
        "{}{} requests{} spans",
        right(&seconds(frame.elapsed), 8),
        right(&count(sent), 8),
        right(&count(frame.written.spans), 9),
    );
    match &frame.pipeline {
        Some(pipeline) => line.push_str(&format!(
            "{} open  kept{}  dropped{}",
            right(&count(pipeline.traces_open), 6),
            right(&count(pipeline.kept), 6),
            right(&count(pipeline.dropped), 7),
        )),
        None => line.push_str(&format!(
            "{} records{}",
            right(&count(frame.written.records), 9),
            right(&bytes(frame.written.bytes), 11)
        )),
    }
    cut(&line, WIDTH - 1)
}

//! A trace as a waterfall of bars.

use std::collections::{BTreeMap, BTreeSet};

use console::measure_text_width;
use tailsift_otlp::DetailedSpan;
use tailsift_trace::{SpanId, StatusCode};

use super::text::{Paint, cut, left, milliseconds, right};

#[cfg(test)]
mod tests;

/// Spans shown of one trace; the rest is counted.
const SPANS_MAX: usize = 40;
/// Attributes worth a line of their own.
const ATTRIBUTES: [&str; 7] = [
    "model_version",
    "preprocessing_version",
    "prediction_confidence",
    "inference_latency",
    "input_token_count",
    "shard",
    "accelerator.cold",
];
const SERVICE: usize = 15;
const NAME: usize = 32;
const TIME: usize = 10;
/// Where attributes begin.
const DETAILS: usize = 21;

/// Lines of at most `width` columns: per span its service, its name under its parent's, when it
/// ran, how long, and `✗` if it failed; below it the attributes that a person would look for.
pub(super) fn waterfall(spans: &[DetailedSpan], width: usize, paint: Paint) -> Vec<String> {
    let start = spans.iter().map(|span| span.start.0).min().unwrap_or(0);
    let end = spans.iter().map(|span| span.end.0).max().unwrap_or(0);
    let scale = Scale {
        start,
        whole: end.saturating_sub(start).max(1),
        columns: width.saturating_sub(SERVICE + NAME + TIME + 2).max(8),
    };
    let rows = in_tree_order(spans);
    let mut lines = Vec::new();
    for (depth, span) in rows.iter().take(SPANS_MAX) {
        lines.push(cut(&row(span, *depth, &scale, paint), width));
        lines.extend(details(span, width).iter().map(|line| paint.dim(line)));
    }
    if let Some(hidden) = rows.len().checked_sub(SPANS_MAX).filter(|hidden| *hidden > 0) {
        lines.push(paint.dim(&format!("… and {hidden} more spans")));
    }
    lines
}

struct Scale {
    start: u64,
    whole: u64,
    columns: usize,
}

impl Scale {
    /// A bar of at least one column, under the time it ran.
    fn bar(&self, span: &DetailedSpan) -> String {
        let column = |at: u64| {
            let share = at.saturating_sub(self.start) as f64 / self.whole as f64;
            ((share * self.columns as f64) as usize).min(self.columns)
        };
        let first = column(span.start.0).min(self.columns - 1);
        let last = column(span.end.0).max(first + 1);
        format!("{}{}", " ".repeat(first), "━".repeat(last - first))
    }
}

fn row(span: &DetailedSpan, depth: usize, scale: &Scale, paint: Paint) -> String {
    let failed = span.status == StatusCode::ERROR;
    let name = format!("{}{}", "  ".repeat(depth.min(8)), span.name);
    let bar = left(&scale.bar(span), scale.columns);
    let took = milliseconds(span.end.0.saturating_sub(span.start.0));
    format!(
        "{}{}{}{}{}{}",
        paint.dim(&left(&span.service, SERVICE)),
        left(&name, NAME - 1),
        " ",
        if failed { paint.bad(&bar) } else { paint.accent(&bar) },
        right(&took, TIME),
        if failed { paint.bad(" ✗") } else { String::new() },
    )
}

/// As many attributes a line as fit.
fn details(span: &DetailedSpan, width: usize) -> Vec<String> {
    let named = ATTRIBUTES.iter().filter_map(|wanted| {
        let (key, value) = span.attributes.iter().find(|(key, _)| key == wanted)?;
        Some(format!("{key}={value}"))
    });
    let message = (!span.status_message.is_empty()).then(|| span.status_message.clone());
    let mut lines: Vec<String> = Vec::new();
    for part in named.chain(message) {
        let fits =
            |line: &&mut String| measure_text_width(line) + 2 + measure_text_width(&part) <= width;
        match lines.last_mut().filter(fits) {
            Some(line) => line.extend(["  ", &part]),
            None => lines.push(cut(&format!("{}{part}", " ".repeat(DETAILS)), width)),
        }
    }
    lines
}

/// Parents before their children, siblings by their start; spans whose parent is not there are
/// roots. Each span comes once, even if their parents run in a circle.
fn in_tree_order(spans: &[DetailedSpan]) -> Vec<(usize, &DetailedSpan)> {
    let ids: BTreeSet<SpanId> = spans.iter().filter_map(|span| span.span_id).collect();
    let mut children: BTreeMap<Option<SpanId>, Vec<&DetailedSpan>> = BTreeMap::new();
    for span in spans {
        let parent = span.parent_span_id.filter(|parent| ids.contains(parent));
        children.entry(parent).or_default().push(span);
    }
    for siblings in children.values_mut() {
        // Reversed, for they are taken from the end.
        siblings.sort_by_key(|span| std::cmp::Reverse((span.start, span.span_id)));
    }
    let mut rows = Vec::with_capacity(spans.len());
    let mut open: Vec<(usize, &DetailedSpan)> = Vec::new();
    let roots = children.remove(&None).unwrap_or_default();
    open.extend(roots.into_iter().map(|root| (0, root)));
    loop {
        while let Some((depth, span)) = open.pop() {
            rows.push((depth, span));
            if let Some(id) = span.span_id {
                let below = children.remove(&Some(id)).unwrap_or_default();
                open.extend(below.into_iter().map(|child| (depth + 1, child)));
            }
        }
        let Some((_, circle)) = children.pop_first() else { break };
        open.extend(circle.into_iter().map(|span| (0, span)));
    }
    rows
}

//! What is said at the end.

use super::exporter::Written;
use super::harvest::Harvest;
use super::load::RequestCounts;
use super::text::{Paint, bytes, count, cut, left, milliseconds, percent, right};
use super::truth::{Comparison, Model, Predictions, Rule};
use super::waterfall::waterfall;

#[cfg(test)]
mod tests;

/// Traces that are named when something differs, of each kind.
const NAMED_MAX: usize = 5;
/// A pair of versions is remarkable with so many unsure predictions, in per cent of all and
/// times the share of all others.
const REMARKABLE_PERCENT: u64 = 5;
const REMARKABLE_TIMES: u64 = 3;

/// One run, in numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    pub(super) requests: RequestCounts,
    pub(super) written: Written,
    pub(super) traces: u64,
    /// The largest window seen.
    pub(super) window_bytes: u64,
    pub(super) epochs: u64,
    pub(super) models: Vec<(Model, Predictions)>,
    pub(super) comparison: Comparison,
}

/// One kept trace of each policy.
pub(super) fn examples(harvest: &Harvest, width: usize, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for rule in Rule::ALL {
        let Some((trace_id, spans)) = harvest.example(rule) else { continue };
        let start = spans.iter().map(|span| span.start.0).min().unwrap_or(0);
        let end = spans.iter().map(|span| span.end.0).max().unwrap_or(0);
        let facts = format!(
            "{} spans in {}, trace {trace_id}",
            spans.len(),
            milliseconds(end.saturating_sub(start)),
        );
        let title = format!("{}{}", paint.title(&left(rule.policy(), 15)), paint.dim(&facts));
        lines.push(cut(&title, width));
        lines.extend(waterfall(spans, width, paint));
        lines.push(String::new());
    }
    lines
}

/// The summary; its last lines hold what was kept against the truth.
pub(super) fn summary(totals: &Totals, width: usize, paint: Paint) -> Vec<String> {
    let mut lines = load(&totals.requests, &totals.written);
    lines.push(format!(
        "{}{} traces judged in {} epochs, window at most {}",
        left("pipeline", 15),
        count(totals.traces),
        count(totals.epochs),
        bytes(totals.window_bytes),
    ));
    lines.push(String::new());
    lines.extend(policies(&totals.comparison, paint));
    lines.push(String::new());
    lines.extend(models(&totals.models, paint));
    lines.push(String::new());
    lines.extend(differences(&totals.comparison, paint));
    lines.push(verdict(&totals.comparison, paint));
    lines.iter().map(|line| cut(line, width)).collect()
}

/// What the users asked and the services wrote.
pub(super) fn load(requests: &RequestCounts, written: &Written) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{}{} requests, {} of them failed",
            left("load", 15),
            count(requests.sent),
            count(requests.failed)
        ),
        format!(
            "{}{} spans written in {} records, {}",
            left("", 15),
            count(written.spans),
            count(written.records),
            bytes(written.bytes),
        ),
    ];
    if requests.unanswered > 0 {
        lines.push(format!(
            "{}{} got no answer: the machine is too busy; try a lower --rate",
            left("", 15),
            count(requests.unanswered)
        ));
    }
    lines
}

fn policies(comparison: &Comparison, paint: Paint) -> Vec<String> {
    let header =
        format!("{}{}{}  keeps", left("policy", 15), right("expected", 9), right("kept", 9));
    let mut lines = vec![paint.title(&header)];
    for (rule, (expected, kept)) in Rule::ALL.into_iter().zip(comparison.by_rule) {
        lines.push(format!(
            "{}{}{}  {}",
            left(rule.policy(), 15),
            right(&count(expected), 9),
            right(&count(kept), 9),
            paint.dim(rule.meaning()),
        ));
    }
    lines
}

fn models(models: &[(Model, Predictions)], paint: Paint) -> Vec<String> {
    let header = format!(
        "{}{}{}{}",
        left("model", 15),
        left("preprocessing", 15),
        right("predictions", 12),
        right("unsure", 9)
    );
    let mut lines = vec![paint.title(&header)];
    for (model, predictions) in models {
        let Predictions { count: all, unsure } = *predictions;
        let rest = models.iter().filter(|(other, _)| other != model).fold(
            Predictions::default(),
            |sum, (_, other)| Predictions {
                count: sum.count + other.count,
                unsure: sum.unsure + other.unsure,
            },
        );
        let line = format!(
            "{}{}{}{}",
            left(&model.version, 15),
            left(&model.preprocessing, 15),
            right(&count(all), 12),
            right(&percent(unsure, all), 9),
        );
        lines.push(if is_remarkable(*predictions, rest) {
            format!("{}  {}", line, paint.bad("← drifting: roll it back"))
        } else {
            line
        });
    }
    lines
}

fn is_remarkable(this: Predictions, rest: Predictions) -> bool {
    this.unsure * 100 > this.count * REMARKABLE_PERCENT
        && this.unsure * rest.count > this.count * rest.unsure * REMARKABLE_TIMES
}

fn differences(comparison: &Comparison, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    let kinds = [
        ("not kept", &comparison.missing),
        ("kept in part", &comparison.partial),
        ("kept without need or by another policy", &comparison.unexpected),
    ];
    for (what, traces) in kinds {
        for trace_id in traces.iter().take(NAMED_MAX) {
            lines.push(paint.bad(&format!("{trace_id} {what}")));
        }
        if let Some(more) = traces.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
            lines.push(paint.bad(&format!("… and {more} more {what}")));
        }
    }
    if comparison.repeats > 0 {
        lines.push(format!("{} spans came more than once", count(comparison.repeats)));
    }
    lines
}

fn verdict(comparison: &Comparison, paint: Paint) -> String {
    let Comparison { expected, kept, partial, unexpected, .. } = comparison;
    let line = format!(
        "expected {expected}, kept {kept}, partial {}, unexpected {}",
        partial.len(),
        unexpected.len(),
    );
    if comparison.holds() {
        format!("{} {}", paint.good("✓"), paint.title(&line))
    } else {
        format!("{} {}", paint.bad("✗"), paint.title(&line))
    }
}

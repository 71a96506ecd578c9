//! What came out of the pipeline, read back from the export topic as a backend would.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Context as _;
use tailsift_kafka::{ClientSettings, Isolation, Reader, RecordRef};
use tailsift_otlp::{DetailedSpan, read_spans};
use tailsift_trace::TraceId;

use super::truth::{Kept, Rule};

/// A record that does not come for this long is not coming.
const PATIENCE: Duration = Duration::from_secs(10);

/// All that was kept, and of each rule the spans of its first trace.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    pub(super) kept: Kept,
    examples: BTreeMap<Rule, (TraceId, Vec<DetailedSpan>)>,
}

impl Harvest {
    /// Reads the whole topic.
    ///
    /// # Errors
    /// If it cannot be read, or a record on it is not what the pipeline writes.
    pub(super) fn read(settings: &ClientSettings, topic: &str) -> anyhow::Result<Self> {
        let mut harvest = Self::default();
        let mut outcome = Ok(());
        let mut reader = Reader::open(settings, topic, Isolation::Committed)?;
        reader.for_each(PATIENCE, |record| {
            outcome = harvest.take(record).with_context(|| {
                format!(
                    "reading topic {topic} partition {} offset {}",
                    record.partition(),
                    record.offset()
                )
            });
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome.map(|()| harvest)
    }

    /// The rule's example.
    pub(super) fn example(&self, rule: Rule) -> Option<(TraceId, &[DetailedSpan])> {
        let (trace_id, spans) = self.examples.get(&rule)?;
        Some((*trace_id, spans))
    }

    fn take(&mut self, record: RecordRef<'_>) -> anyhow::Result<()> {
        let spans = read_spans(record.value().unwrap_or_default())?;
        let mut headers = record.headers();
        let policy =
            headers.find_map(|(name, value)| (name == "tailsift.policy").then_some(value)?);
        let policy = policy.context("expected a header tailsift.policy, got none")?;
        let policy = String::from_utf8_lossy(policy);
        self.kept.record(&policy, &spans);

        let rule = Rule::ALL.into_iter().find(|rule| rule.policy() == policy);
        let trace_id = spans.first().and_then(|span| span.trace_id);
        if let (Some(rule), Some(trace_id)) = (rule, trace_id) {
            let (chosen, example) = self.examples.entry(rule).or_insert((trace_id, Vec::new()));
            if *chosen == trace_id {
                example.extend(spans);
            }
        }
        Ok(())
    }
}

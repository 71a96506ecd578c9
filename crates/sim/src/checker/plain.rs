//! What is looked at where nothing is a transaction: record by record, as each is written, and
//! offset by offset.

use std::collections::{BTreeMap, BTreeSet};

use tailsift_policy::Verdict;

use crate::broker::{Broker, Offset, Value};
use crate::checker::copies::Copies;
use crate::checker::{Checkers, Commitment, acknowledged, commit_order, covered, intact, monotone};
use crate::event::{Call, CutPart, Event, Violation, What};
use crate::plan::Plan;

#[derive(Debug, Default)]
pub(crate) struct Plain {
    pub(crate) copies: Copies,
    /// Spans that are visible.
    exported: BTreeSet<usize>,
    /// By worker: spans that it ever cut.
    cut: BTreeMap<usize, BTreeSet<usize>>,
    /// Workers whose last cut was committed.
    pub(crate) done: BTreeSet<usize>,
    /// Those of them that have begun to send it again, unaware.
    pub(crate) begun_again: BTreeSet<usize>,
    /// Traces that some owner judged worth keeping.
    pub(crate) kept: BTreeSet<usize>,
}

impl Plain {
    pub(crate) fn see(&mut self, event: &Event) {
        if let What::Cut(parts) = &event.what {
            self.done.remove(&event.worker);
            self.begun_again.remove(&event.worker);
            let exports = parts.iter().flat_map(|part| &part.exports);
            let spans = exports.flat_map(|(_, spans, _)| spans);
            self.cut.entry(event.worker).or_default().extend(spans);
        } else if let What::Call { call: Call::Begin, .. } = &event.what {
            self.begun_again.extend(self.done.get(&event.worker));
        } else if let What::Judged(judgement) = &event.what
            && judgement.verdict == Verdict::Keep
        {
            self.kept.insert(judgement.trace);
        } else if let What::Turned(turning) = &event.what {
            self.kept.insert(turning.trace);
        }
    }
}

impl Checkers {
    /// A worker's record was written, perhaps a stray one.
    pub(crate) fn written(
        &mut self,
        (worker, is_stray): (usize, bool),
        value: &Value,
        plan: &Plan,
        broker: &Broker,
    ) -> Result<(), Violation> {
        let plain = &mut self.plain;
        match value {
            Value::Export { key, value } => {
                let spans = intact::spans_of(*key, value, plan, broker)?;
                intact::check_written(&spans, plain.cut.entry(worker).or_default())?;
                plain.exported.extend(spans);
            }
            Value::Letter { partition, offset } => self.letters.note((*partition, *offset)),
            Value::Batch(batch) => {
                acknowledged::check_batch(batch, &plain.exported, &self.history, broker)?;
                if let Some(whole) = plain.copies.enter(batch, is_stray) {
                    self.history.enter_entries(&[&whole], broker)?;
                    self.restored.logged(worker, &whole);
                }
            }
        }
        Ok(())
    }

    /// A worker's offsets were committed.
    pub(crate) fn committed_plainly(
        &mut self,
        worker: usize,
        offsets: &BTreeMap<i32, Offset>,
        claimed: &[CutPart],
        broker: &Broker,
    ) -> Result<(), Violation> {
        let (exports, letters, batches) = (Vec::new(), Vec::new(), Vec::new());
        let commitment = Commitment { worker, offsets, batches, exports, letters };
        let Plain { exported, copies, .. } = &self.plain;
        acknowledged::check_commit(claimed, exported, &self.letters, copies)?;
        monotone::check(&commitment, &self.history, |p| copies.has_strays(p))?;
        covered::check_all(&commitment, &self.history, broker)?;
        self.history.enter_offsets(&commitment);
        self.restored.committed(worker, claimed);
        self.plain.done.insert(worker);
        if !self.compares_cuts {
            return Ok(());
        }
        commit_order::check_commit(&commitment, claimed)
    }
}

//! How a partition goes on with other policies.

use tailsift_policy::{Facts, PolicySet, Tally};

use super::{Common, Partition};
use crate::Rescan;

impl Partition {
    /// What waits is looked at again, record by record as it came, from the bytes that are held.
    /// Verdicts stay; what was known of dropped traces means nothing any more.
    pub(crate) fn handle_policies(
        &mut self,
        before: &PolicySet,
        rescan: Rescan<'_>,
        common: &mut Common<'_>,
    ) {
        let policies = common.policies;
        self.rule.follow(policies);
        self.limiters = policies.limiters_after(before, &self.limiters);
        let now = self.clock.now();
        let (segments, stats) = (&self.segments, &mut *common.stats);
        let mut bytes = Vec::new();
        // What is odd in attributes was counted when they came.
        let tally = &mut Tally::default();
        self.window.refold(|trace| {
            let mut facts = Facts::default();
            for stored in &trace.chunks {
                bytes.clear();
                segments.write(*stored, &mut bytes);
                let as_asked = rescan(&bytes, &mut |batch| {
                    for chunk in &batch.chunks {
                        policies.fold_at(now, &mut facts, batch, chunk, tally);
                    }
                });
                stats.refold_failures += u64::from(!as_asked);
            }
            stats.traces_refolded += 1;
            facts
        });
        if self.is_live() {
            self.find_full();
        }
        self.settle(common);
    }
}

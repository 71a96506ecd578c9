//! Other policies take over while a process runs.

use std::sync::Arc;

use super::{Stage, Worker};
use crate::broker::Broker;
use crate::event::{Violation, What};
use crate::fault::Mutation;
use crate::witness::Witness;
use crate::world::policies;

/// How often, in a thousand steps that allow it.
const PERMILLE: u64 = 8;

/// Which policies judged: what a batch says of itself.
pub(crate) const fn config_of(all_policies: bool) -> u64 {
    all_policies as u64
}

impl Worker {
    /// Goes over to the other policies now and then: between two records, and neither while an
    /// epoch is under way nor while a partition is restored.
    pub(super) fn swap(&mut self, broker: &Broker, witness: &mut Witness) -> Result<(), Violation> {
        let is_restored = |stage: &Stage| match stage {
            Stage::Reading | Stage::Refused => true,
            Stage::Fetching | Stage::Recovering(_) | Stage::Waiting(_) => false,
        };
        let restored = self.held.values().all(|held| is_restored(&held.stage));
        let wanted = self.swaps.as_mut().is_some_and(|swaps| swaps.chance(PERMILLE));
        if !wanted || !restored || self.shipment.is_some() {
            return Ok(());
        }
        let all_policies = !self.settings.all_policies;
        self.settings.all_policies = all_policies;
        self.settings.config = config_of(all_policies);
        if !self.is_mutated(Mutation::ForgetSwap) {
            let set = Arc::new(policies(all_policies, self.settings.mutation));
            let places = (0..set.names().len() as u16).map(Some).collect();
            self.scanner.set_interest(self.settings.limits.interest(&set));
            let scanner = &mut self.scanner;
            self.shard.handle_policies(set, places, &mut |bytes, take| {
                let Ok(batch) = scanner.scan(bytes) else { return false };
                take(&batch);
                scanner.recycle(batch);
                true
            });
        }
        self.tell(What::Swapped { all_policies }, broker, witness)
    }
}

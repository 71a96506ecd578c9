//! What the group says is served in the poll that brings it: nothing is read meanwhile.

use super::epoch::Phase;
use super::restore::Stage;
use super::{Held, Worker};
use crate::broker::{Broker, Outcome};
use crate::client::{Callback, CallbackKind};
use crate::event::{Violation, What};
use crate::fault::Mutation;
use crate::random::Random;
use crate::witness::Witness;

/// A callback under way.
#[derive(Debug)]
pub(super) struct Serving {
    callback: Callback,
    /// So many steps are left for what is to be committed before partitions are given back.
    budget: u64,
    /// The last cut was made.
    has_cut: bool,
}

impl Worker {
    pub(super) fn serve(&mut self, random: &mut Random) {
        let callback = self.client.callbacks[0].clone();
        let budget = random.between(0, 40) as u64;
        self.serving = Some(Serving { callback, budget, has_cut: false });
    }

    /// One step of a callback.
    pub(super) fn serve_on(
        &mut self,
        random: &mut Random,
        broker: &mut Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        let Some(mut serving) = self.serving.take() else { return Ok(()) };
        if !self.client.callbacks.contains(&serving.callback) {
            // The membership was lost in the middle of it: that comes as another callback.
            return Ok(());
        }
        match serving.callback.kind {
            CallbackKind::Assigned => {
                for partition in &serving.callback.partitions {
                    self.take(*partition, broker, witness)?;
                }
                self.client.served(&serving.callback);
                return Ok(());
            }
            CallbackKind::Revoked if serving.budget > 0 => {
                serving.budget -= 1;
                let goes_on = if self.shipment.is_some() {
                    self.advance(random, broker, witness)?;
                    true
                } else if serving.has_cut || self.is_mutated(Mutation::NeverCommit) {
                    false
                } else {
                    serving.has_cut = true;
                    self.cut(broker, witness)?
                };
                if goes_on {
                    self.serving = Some(serving);
                    return Ok(());
                }
            }
            CallbackKind::Revoked | CallbackKind::Lost => self.give_up_transaction(broker),
        }
        let lost = serving.callback.kind == CallbackKind::Lost;
        for partition in &serving.callback.partitions {
            self.give_up(*partition, lost, broker, witness)?;
        }
        self.client.served(&serving.callback);
        Ok(())
    }

    /// Nothing of an open transaction may be committed: it is aborted, or its producer let go.
    fn give_up_transaction(&mut self, broker: &mut Broker) {
        let Some(shipment) = &mut self.shipment else { return };
        match shipment.phase {
            Phase::Cut | Phase::Doubt => {}
            // Nothing can be taken back: what was sent may be written yet.
            Phase::Plain(_) => shipment.phase = Phase::Cut,
            Phase::Send(_) | Phase::Offsets | Phase::End | Phase::Abort => {
                let session = self.session;
                let end = session.map(|session| broker.end(session, Outcome::Aborted));
                shipment.phase = Phase::Cut;
                if end != Some(Ok(())) {
                    self.session = None;
                    shipment.phase = Phase::Doubt;
                }
            }
        }
    }

    fn take(
        &mut self,
        partition: i32,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        let token = witness.next_token();
        let held = Held {
            token,
            position: 0,
            stage: Stage::Fetching,
            replayed_letters: Vec::new(),
            first_watermark: None,
        };
        self.held.insert(partition, held);
        self.tell(What::Given { partition }, broker, witness)
    }

    fn give_up(
        &mut self,
        partition: i32,
        lost: bool,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        self.idle_query = None;
        let Some(held) = self.held.remove(&partition) else { return Ok(()) };
        if matches!(held.stage, Stage::Reading) {
            self.gave_up = true;
            self.shard.handle_revoked(&[partition]);
        }
        self.tell(What::Revoked { partition, lost }, broker, witness)
    }
}

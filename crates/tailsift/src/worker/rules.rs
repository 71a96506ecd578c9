//! Other policies and rules of redaction, taken up between two records.

use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use super::{RecordReader, Worker, WorkerCore};
use crate::app::policies_fingerprint;
use crate::secrets::{NewRules, Rules};

impl Worker {
    /// Takes up other rules, if there are any and no epoch is under way.
    pub(super) fn take_up_rules(&mut self) {
        if !self.follower.has_new_rules() {
            return;
        }
        let mut core = self.core.lock();
        // What is being restored was read for the policies that judge now.
        core.rules_wait = core.restoring.is_idle();
        if !core.rules_wait || core.is_committing() {
            return;
        }
        core.rules_wait = false;
        if let Some(rules) = self.follower.take_rules() {
            core.take_up(&rules, &mut self.reader);
        }
    }
}

impl WorkerCore {
    fn take_up(&mut self, new: &NewRules, reader: &mut RecordReader) {
        let started = Instant::now();
        let NewRules { rules: Rules { config, policies }, judge_alike } = new;
        // What was decided leaves under the name, and the redaction, of what decided it.
        self.cut(started);
        let fingerprint = config.fingerprint();
        let policies_print = policies_fingerprint(config);
        self.sink.relabel(fingerprint.clone(), policies_print);
        self.restoring.set_config(policies_print);
        self.fit.redactor = config.redactor().map(Arc::new);
        reader.set_withholding(config.has_redaction());
        let before = self.shard.stats().traces_refolded;
        if !judge_alike {
            let names = policies.names();
            let places = self.shared_names.intern(names);
            self.names.replace(names, &places);
            self.metrics.name_policies(names, &places);
            reader.set_interest(&self.shard.limits().interest(policies));
            self.shard.handle_policies(Arc::clone(policies), places, &mut |bytes, take| {
                reader.rescan(bytes, take)
            });
            self.show_judged();
        }
        info!(
            fingerprint,
            traces_looked_at_again = self.shard.stats().traces_refolded - before,
            took_ms = started.elapsed().as_millis(),
            "other rules are in force"
        );
    }
}

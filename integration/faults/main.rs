//! Faults under a live load on a real Kafka: what must be visible is visible, once, and the
//! decision log agrees.
//!
//! Run as tests they are short. `cargo xtask faults` runs the long form, which prints a table.

mod backlog;
mod broker;
mod feed;
mod form;
#[path = "../end_to_end/http.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use more of it")]
mod http;
mod life;
mod members;
#[path = "../end_to_end/payload.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use more of it")]
mod payload;
#[path = "../end_to_end/policies.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use more of it")]
mod policies;
mod refused;
mod rekey;
mod restart;
#[path = "../end_to_end/rig.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use more of it")]
mod rig;
mod stage;
mod straddle;
mod table;
mod upgrade;

use std::process::ExitCode;

use tailsift_fixture::{IntegrationTest, integration_main};

use form::Form;
use stage::Outcome;

/// A fault, and what came of it.
pub(crate) type Scenario = (&'static str, fn(&Form) -> anyhow::Result<Outcome>);

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("kill9", members::kill9),
    ("kill9_static", members::kill9_static),
    ("kill9_kip848", members::kill9_kip848),
    ("scale", members::scale),
    ("stop", members::stopped),
    ("broker", broker::only_one),
    ("brokers", broker::one_of_three),
    ("rolling", members::rolling),
    ("verdicts", straddle::verdicts),
    ("log_made_anew", refused::log_made_anew),
    ("offsets_deleted", refused::offsets_deleted),
    ("restart", restart::readiness),
    ("backlog", backlog::drained),
    ("rekey", rekey::killed),
    ("upgrade", upgrade::there_and_back),
];

const TESTS: &[IntegrationTest] = &[
    ("faults::stop", || short(members::stopped)),
    ("faults::kill9", || short(members::kill9)),
    ("faults::kill9_kip848", || short(members::kill9_kip848)),
    ("faults::kill9_static", || short(members::kill9_static)),
    ("faults::rolling", || short(members::rolling)),
    ("faults::scale", || short(members::scale)),
    ("faults::verdicts", || short(straddle::verdicts)),
    ("faults::log_made_anew", || short(refused::log_made_anew)),
    ("faults::offsets_deleted", || short(refused::offsets_deleted)),
    ("faults::broker", || short(broker::only_one)),
    ("faults::brokers", || short(broker::one_of_three)),
    ("faults::restart", || short(restart::readiness)),
    ("faults::backlog", || short(backlog::drained)),
    ("faults::rekey", || short(rekey::killed)),
];

fn short(scenario: fn(&Form) -> anyhow::Result<Outcome>) -> anyhow::Result<()> {
    scenario(&Form::SHORT)?.ensure_right()
}

fn main() -> ExitCode {
    match Form::asked() {
        Ok(None) => integration_main(TESTS.to_vec()),
        Ok(Some(form)) => table::run(&form),
        Err(error) => table::failed(&error),
    }
}

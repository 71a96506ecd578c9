//! The least that every supported broker must do: run here on the oldest version, and with
//! `TAILSIFT_KAFKA_VERSION` on any other.

#[path = "end_to_end/lifecycle.rs"]
mod lifecycle;
#[path = "end_to_end/membership.rs"]
mod membership;
#[path = "end_to_end/payload.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use more of it")]
mod payload;
#[path = "end_to_end/policies.rs"]
mod policies;
#[path = "end_to_end/refusals.rs"]
mod refusals;
#[path = "end_to_end/rekey.rs"]
mod rekey;
#[path = "end_to_end/rig.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use more of it")]
mod rig;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::ensure;
use tailsift_fixture::{IntegrationTest, LoadShape, integration_main, prefer_kafka_version};

use lifecycle::Load;
use rig::{HOLDING, Plan, Rig, ensure_exact};

/// The last one with the former group coordinator.
const OLDEST: &str = "3.9.1";

/// Of the end-to-end tests: exactly once through crashes, rebalances, the re-key stage, topics.
const SHARED: [&str; 6] = [
    "lifecycle::killed_processes_lose_and_repeat_no_scattered_traces",
    "membership::a_second_process_takes_its_share_of_scattered_traces",
    "membership::a_twin_ends_the_older_process",
    "refusals::topics_that_are_missing_and_then_made",
    "rekey::scattered_traces_come_together",
    "rekey::killed_stages_and_processors_lose_and_repeat_nothing",
];

const KIP_848: IntegrationTest =
    ("brokers::a_kip_848_group_loses_and_repeats_nothing", a_kip_848_group);
const CONSUMER: &[&str] = &["--set", "kafka.properties={group.protocol: consumer}"];

fn main() -> ExitCode {
    let version = match prefer_kafka_version(OLDEST) {
        Ok(version) => version,
        Err(error) => {
            // Nothing is left to be told if stderr is gone.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let suites = [lifecycle::TESTS, membership::TESTS, refusals::TESTS, rekey::TESTS].concat();
    let is_shared = |(name, _): &IntegrationTest| SHARED.contains(name);
    let mut tests: Vec<_> = suites.into_iter().filter(is_shared).collect();
    assert_eq!(tests.len(), SHARED.len(), "a test was renamed");
    // A preview in 3.9, which its brokers refuse unless asked not to.
    if !version.starts_with("3.") {
        tests.push(KIP_848);
    }
    integration_main(tests)
}

/// Killed in the middle; the next owner finishes.
fn a_kip_848_group() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Keyed, 3000)?;
    let (first, second) = load.records.split_at(load.records.len() / 2);
    rig.produce(first)?;
    let mut child = rig.run(&[HOLDING, CONSUMER])?;
    rig.wait_for_exports_beyond(0, &mut child)?;
    child.kill9()?;
    rig.produce(second)?;
    let logged = rig.run_until_idle(&[CONSUMER])?;
    ensure!(!load.expected.is_empty());
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

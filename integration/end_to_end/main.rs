//! The `tailsift` binary from end to end, on a real Kafka.

mod backtest;
mod broker_faults;
mod chance;
mod corpus;
mod dead_letters;
mod decision_log;
mod explain;
mod export_refuses;
mod http;
mod lifecycle;
mod membership;
mod operations;
mod payload;
mod policies;
mod records;
mod redaction;
mod refusals;
mod rekey;
mod reload;
mod rig;
mod shadow;
mod surface;
mod thresholds;

use std::process::ExitCode;

use tailsift_fixture::integration_main;

fn main() -> ExitCode {
    // Tests that need a broker of their own, and take the longest, come first.
    let suites = [
        broker_faults::TESTS,
        export_refuses::TESTS,
        refusals::TESTS,
        backtest::TESTS,
        chance::TESTS,
        corpus::TESTS,
        dead_letters::TESTS,
        decision_log::TESTS,
        explain::TESTS,
        lifecycle::TESTS,
        membership::TESTS,
        operations::TESTS,
        records::TESTS,
        redaction::TESTS,
        thresholds::TESTS,
        rekey::TESTS,
        reload::TESTS,
        shadow::TESTS,
        surface::TESTS,
    ];
    integration_main(suites.concat())
}

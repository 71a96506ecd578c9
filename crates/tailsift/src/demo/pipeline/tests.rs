use tailsift_sampler::{Gauges, Stats};

use super::{PipelineState, Snapshot, configuration, load, state_of};

#[test]
fn kept_traces_are_told_apart_by_name() {
    let stats = Stats {
        records: 9,
        kept_by_policy: vec![1, 2, 3, 4],
        kept_traces: 10,
        dropped_traces: 90,
        ..Stats::default()
    };
    let gauges =
        Gauges { traces_open: 5, window_bytes: 100, decision_bytes: 20, ..Gauges::default() };
    let policy_names = ["slow", "unsure", "slow-features", "errors"].map(Into::into).to_vec();
    let snapshot = Snapshot { stats, gauges, policy_names, epochs_committed: 7 };
    let expected = PipelineState {
        records: 9,
        traces_open: 5,
        window_bytes: 120,
        kept_by_rule: [4, 3, 2, 1],
        kept: 10,
        dropped: 90,
        epochs: 7,
    };
    assert_eq!(state_of(&snapshot), expected);
}

#[test]
fn the_configuration_is_valid() {
    let config = load(&configuration("127.0.0.1:9092")).unwrap();
    assert_eq!(config.policies().len(), 4);
}

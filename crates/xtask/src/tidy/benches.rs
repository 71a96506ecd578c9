//! Benches stay runnable: `cargo test` runs each of them once.

use cargo_metadata::{Metadata, MetadataCommand, Target};

use super::assert_none;
use crate::repository::root;

fn benches(metadata: &Metadata) -> impl Iterator<Item = &Target> {
    metadata.packages.iter().flat_map(|package| &package.targets).filter(|target| target.is_bench())
}

#[test]
fn benches_are_run_with_the_tests() {
    let manifest = root().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    assert!(benches(&metadata).count() >= 4, "expected the workspace's benches");
    let left_out = benches(&metadata).filter(|target| !target.test);
    let finding =
        |target: &Target| format!("bench {}: expected `test = true` in its [[bench]]", target.name);
    assert_none(&left_out.map(finding).collect::<Vec<_>>());
}

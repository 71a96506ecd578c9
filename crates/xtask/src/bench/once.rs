//! Every bench once, in little.

use std::io::Write;

use tailsift_fixture::KafkaUnavailable;

use super::peer::Peer;
use super::steady::Steady;
use crate::repository::{cargo, root};

/// Runs all of them as tests are built: whether they work, not what they measure.
pub(super) fn run(out: &mut dyn Write) -> anyhow::Result<()> {
    cargo(&["test", "--workspace", "--bench", "*"], &[])?;
    cargo(&["build", "--workspace", "--bin", "tailsift"], &[])?;
    let tailsift = root().join("target/debug/tailsift");
    let programs =
        Peer::in_little(&tailsift).run(out).and_then(|()| Steady::in_little(&tailsift).run(out));
    match programs {
        // Never on CI, where it is a failure of another kind.
        Err(error) if error.is::<KafkaUnavailable>() => {
            Ok(writeln!(out, "{error}; peer and steady were not run")?)
        }
        outcome => outcome,
    }
}

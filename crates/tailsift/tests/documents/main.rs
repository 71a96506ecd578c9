//! What the documents and the container files say is true of the program and of the tree.

mod compose;
mod prose;
mod yaml;

use std::path::Path;
use std::process::{Command, Stdio};

/// The repository's root.
fn root() -> &'static Path {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).expect("crates/tailsift is two levels below the root")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What the command line has against these arguments; it is asked for help beside, so that
/// nothing is done.
fn refusal(arguments: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_tailsift"))
        .args(arguments)
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built for this test");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_command_line_refuses_what_it_does_not_know() {
    assert_eq!(refusal(&["run", "-c", "any.yaml"]), None);
    for (arguments, about) in [
        (&["runs", "-c", "any.yaml"][..], "runs"),
        (&["run", "-c", "any.yaml", "--fast"], "--fast"),
        (&["topics", "-c", "any.yaml", "--partitions", "many"], "many"),
    ] {
        assert!(refusal(arguments).is_some_and(|said| said.contains(about)), "{arguments:?}");
    }
}

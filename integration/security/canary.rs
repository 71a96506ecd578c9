//! A secret that is in use comes out nowhere: not in logs, errors, summaries or pages.

use std::fs;

use anyhow::ensure;
use tailsift_fixture::{IntegrationTest, SecureKafka, Tailsift, eventually};

use crate::http::Surface;
use crate::rig::{PATIENCE, Plan, Rig};
use crate::secure::{
    CANARY, Connection, broker, exported_spans, grant, printed_grants, produce_failures, rig,
};

pub(crate) const TESTS: &[IntegrationTest] =
    &[("security::a_secret_comes_out_nowhere", a_secret_comes_out_nowhere)];

fn a_secret_comes_out_nowhere() -> anyhow::Result<()> {
    let broker = broker()?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("secret");
    fs::write(&file, CANARY)?;
    let by_file = format!("${{file:{}}}", file.display());
    for secret in ["${env:TAILSIFT_CANARY}", &by_file] {
        let rig = rig(&broker, Plan { partitions: 2, ..Plan::default() })?;
        refused(&broker, &rig, secret)?;
        let mut child = in_use(&broker, &rig, secret)?;
        if secret == by_file {
            // It is told that the new one is wrong, and what was in use goes on.
            fs::write(&file, format!("{CANARY}-2"))?;
            let told = |log: &str| log.contains("replaced secrets cannot be used");
            child.wait_for_stderr("the wrong one is refused", PATIENCE, told)?;
        }
        child.sigterm()?;
        child.wait(PATIENCE)?;
        ensure!(child.stderr().contains("\"DEBUG\""), "it is not told to say all");
        ensure_silent("run", &[child.stdout(), child.stderr()])?;
    }
    Ok(())
}

/// Commands that fail, one for each way to get a secret wrong, and some that do not.
fn refused(broker: &SecureKafka, rig: &Rig, secret: &str) -> anyhow::Result<()> {
    let right = Connection::plain(broker, "canary", secret);
    for (name, command, connection) in [
        ("check", "check", right.clone()),
        ("acls", "topics --acls", right.clone()),
        ("wrong user", "run", Connection::plain(broker, "nobody", secret)),
        ("wrong user, topics", "topics", Connection::plain(broker, "nobody", secret)),
        ("not granted", "run", right.clone()),
        ("no such mechanism", "check", right.clone().with("sasl.mechanism", secret)),
        ("no number", "check", right.clone().with("socket.timeout.ms", secret)),
        ("no login", "run", right.clone().with("security.protocol", "ssl")),
        ("key", "run", Connection::mutual_tls(broker).with("ssl.key.password", secret)),
        ("pem", "run", Connection::mutual_tls(broker).with("ssl.key.pem", secret)),
    ] {
        let mut child = start(rig, &connection, command, &[])?;
        child.wait(2 * PATIENCE)?;
        ensure_silent(name, &[child.stdout(), child.stderr()])?;
    }
    Ok(())
}

/// A run that has logged in with the secret, and all that it serves.
fn in_use(broker: &SecureKafka, rig: &Rig, secret: &str) -> anyhow::Result<Tailsift> {
    grant(broker, &printed_grants(rig, &[])?, &["User:canary"])?;
    produce_failures(rig, 1, 3)?;
    let more = ["http={listen: \"127.0.0.1:0\"}", "kafka.reload_interval=500ms"];
    let more = more.map(|setting| ["--set", setting]).concat();
    let mut child = start(rig, &Connection::plain(broker, "canary", secret), "run", &more)?;
    let surface = Surface::of(&mut child)?;
    eventually("it works", PATIENCE, || Ok((exported_spans(rig)? == 3).then_some(())))?;
    for page in ["/metrics", "/healthz", "/readyz", "/api/v1/traces"] {
        let (status, body) = surface.get(page)?;
        ensure!(!body.is_empty(), "{page}: {status}");
        ensure_silent(page, &[body])?;
    }
    Ok(child)
}

fn ensure_silent(name: &str, texts: &[String]) -> anyhow::Result<()> {
    ensure!(texts.iter().any(|text| !text.is_empty()), "{name}: it says nothing at all");
    // The text is not shown: it may go to a log that is kept.
    ensure!(!texts.iter().any(|text| text.contains(CANARY)), "{name}: the secret came out");
    Ok(())
}

fn start(
    rig: &Rig,
    connection: &Connection,
    command: &str,
    more: &[&str],
) -> anyhow::Result<Tailsift> {
    let path = rig.config_path().to_string_lossy().into_owned();
    let mut all: Vec<String> = ["--log", "json"].map(str::to_owned).into();
    all.extend(command.split(' ').map(str::to_owned));
    if command != "check" {
        all.push("-c".to_owned());
    }
    all.push(path);
    all.extend(connection.arguments());
    all.extend(more.iter().map(|argument| (*argument).to_owned()));
    let environment = [("TAILSIFT_CANARY", CANARY), ("RUST_LOG", "debug")];
    Tailsift::spawn(env!("CARGO_BIN_EXE_tailsift"), all, &environment)
}

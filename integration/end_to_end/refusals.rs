//! What cannot work is refused, with the place, the reason and the remedy.

use std::net::TcpListener;

use anyhow::{Context as _, ensure};
use tailsift_fixture::{IntegrationTest, SharedKafka, Tailsift};
use tailsift_kafka::ClientSettings;

use crate::rig::{PATIENCE, Plan, Rig, UNTIL_IDLE, finished, tailsift};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("refusals::a_broker_that_is_not_there", a_broker_that_is_not_there),
    ("refusals::topics_that_are_missing_and_then_made", topics_that_are_missing_and_then_made),
    ("refusals::a_broken_configuration", a_broken_configuration),
    ("refusals::a_busy_port_that_was_asked_for", a_busy_port_that_was_asked_for),
];

/// Waits for a process that must fail, and for what it must say.
fn ensure_refused(mut child: Tailsift, code: i32, says: &[&str]) -> anyhow::Result<()> {
    let status = child.wait(PATIENCE)?;
    let log = child.stderr();
    ensure!(status.code() == Some(code), "expected exit code {code}, got {status}\n{log}");
    for text in says {
        ensure!(log.contains(text), "expected {text:?} in\n{log}");
    }
    Ok(())
}

fn a_broker_that_is_not_there() -> anyhow::Result<()> {
    // The port is ours and nobody answers: the connection is taken by the kernel, or refused once
    // the backlog is full.
    let deaf = TcpListener::bind("127.0.0.1:0").context("taking a port")?;
    let settings = ClientSettings::new(deaf.local_addr()?.to_string());
    let bootstrap = settings.bootstrap_servers.clone();
    let rig = Rig::without_topics(settings, Plan::default())?;
    ensure_refused(
        rig.run(&[])?,
        1,
        &["error: ", &rig.input, &bootstrap, "check that the brokers answer"],
    )
}

fn topics_that_are_missing_and_then_made() -> anyhow::Result<()> {
    let rig = Rig::without_topics(SharedKafka::require()?.client_settings(), Plan::default())?;
    let remedy = "tailsift topics -c FILE";
    ensure_refused(rig.run(&[])?, 1, &["input.topic", &rig.input, "does not exist", remedy])?;
    rig.make_topic(&rig.input, 2)?;
    ensure_refused(rig.run(&[])?, 1, &["output.topic", &rig.export, "does not exist", remedy])?;

    let mut topics = rig.command("topics", &[&["--partitions", "2"]])?;
    let status = topics.wait(PATIENCE)?;
    let told = topics.stdout();
    ensure!(status.success(), "{status}: {told}\n{}", topics.stderr());
    ensure!(told.contains(&format!("{}: exists", rig.input)), "{told}");
    ensure!(told.contains(&format!("{}: made", rig.export)), "{told}");
    ensure!(rig.admin.partitions(&rig.export)? == Some(2));
    finished(rig.run(&[UNTIL_IDLE])?)?;
    Ok(())
}

fn a_broken_configuration() -> anyhow::Result<()> {
    let directory = tempfile::tempdir().context("making a directory for the configuration")?;
    let path = directory.path().join("broken.yaml");
    let text = "kafka: {bootstrap_servers: \"localhost:9092\"}\n\
                epoch: soon\n\
                windows: {}\n\
                policies: [{name: slow, type: latency, latency: {threshold_ms: -1}}]\n";
    std::fs::write(&path, text).context("writing the configuration")?;
    let path = path.to_string_lossy().into_owned();
    // All that is wrong, at once.
    let says = [path.as_str(), "epoch", "soon", "windows", "window", "policies[0]"];
    ensure_refused(tailsift(&["run", "-c", &path])?, 2, &says)?;
    ensure_refused(tailsift(&["check", &path])?, 2, &says)?;
    ensure_refused(tailsift(&["run", "-c", "/nonexistent.yaml"])?, 2, &["/nonexistent.yaml"])?;
    ensure_refused(tailsift(&["run", "--what"])?, 2, &["--what"])
}

fn a_busy_port_that_was_asked_for() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let taken = TcpListener::bind("127.0.0.1:0").context("taking a port")?;
    let listen = format!("http={{listen: \"{}\"}}", taken.local_addr()?);
    ensure_refused(rig.run(&[&["--set", &listen]])?, 1, &["http.listen", "in use"])
}

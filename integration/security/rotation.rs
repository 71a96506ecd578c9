//! Certificates and passwords that are replaced in their files while a process works: nothing is
//! lost or repeated, and the new ones are what it goes on with.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use tailsift_fixture::{IntegrationTest, SecureKafka, eventually};

use crate::form::Form;
use crate::http::Surface;
use crate::rig::{PATIENCE, Plan, Rig};
use crate::secure::{Connection, OLD_PASSWORD, broker, grant, printed_grants, revoke, rig};
use crate::stage::{Stage, plan};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("security::certificates_are_replaced_under_load", certificates_are_replaced_under_load),
    ("security::a_password_is_replaced_under_load", a_password_is_replaced_under_load),
];

const WORKERS: u32 = 3;
const SETTINGS: &[&str] =
    &["kafka.reload_interval=500ms", "input.idle_grace=2s", "http={listen: \"127.0.0.1:0\"}"];
const TAKEN: &str = "secrets were replaced, and are used from now on";
const REFUSED: &str = "replaced secrets cannot be used";
const NEW_PASSWORD: &str = "new-password-4711";

/// The certificate of another name, from another authority: the old name loses its grants, so
/// whatever still came under it would be refused.
fn certificates_are_replaced_under_load() -> anyhow::Result<()> {
    let form = Form::SHORT;
    let broker = broker()?;
    let rig = rig(&broker, plan(&form))?;
    let grants = printed_grants(&rig, &[])?;
    grant(&broker, &grants, &["User:CN=client", "User:CN=next"])?;
    let directory = tempfile::tempdir()?;
    let (certificate, key) = (directory.path().join("tls.pem"), directory.path().join("tls.key"));
    let copy = |name: &str, to: &Path| {
        fs::copy(broker.file(name), to).map(drop).with_context(|| format!("copying {name}"))
    };
    copy("client.pem", &certificate)?;
    copy("client-plain.key", &key)?;
    let connection = Connection::mutual_tls(&broker)
        .with("ssl.certificate.location", &certificate.to_string_lossy())
        .with("ssl.key.location", &key.to_string_lossy());
    let workers = format!("workers={WORKERS}");
    let (mut stage, surface) = open(rig, &form, &connection, &[&workers])?;

    fs::write(&certificate, "no certificate")?;
    stage.member(0).wait_for_stderr("it is told", PATIENCE, |log| {
        let told = |line: &str| line.contains(REFUSED) && line.contains("tls.pem");
        log.lines().any(told)
    })?;
    ensure!(
        surface.get("/metrics")?.1.contains("tailsift_secrets_reloaded_total{outcome=\"refused\"}")
    );
    stage.wait_for_progress().context("with a broken file")?;

    copy("client-next.pem", &certificate)?;
    copy("client-next.key", &key)?;
    stage.member(0).wait_for_stderr("it is taken", PATIENCE, |log| log.contains(TAKEN))?;
    eventually("all workers are ready with new clients", 2 * PATIENCE, || {
        let made = surface.metrics()?.get("tailsift_reconnects_total").copied().unwrap_or(0.0);
        let is_ready = surface.get("/readyz")?.0 == 200;
        Ok((is_ready && made >= f64::from(WORKERS)).then_some(()))
    })
    .with_context(|| stage.member(0).stderr())?;
    revoke(&broker, &grants, &["User:CN=client"])?;
    stage.wait_for_progress().context("without the old certificate")?;
    stage.wait_for_exports(20)?;
    let outcome = stage.close(1)?;
    outcome.ensure_right()?;
    ensure!(!outcome.logs.contains("uthorization"), "something was refused:\n{}", outcome.logs);
    Ok(())
}

/// A broker that has connections log in again soon, and knows the new password alone.
fn a_password_is_replaced_under_load() -> anyhow::Result<()> {
    let form = Form::SHORT;
    let broker = broker()?;
    let rig = rig(&broker, Plan { is_unkeyed: true, ..plan(&form) })?;
    grant(&broker, &printed_grants(&rig, &[])?, &["User:rotated"])?;
    let directory = tempfile::tempdir()?;
    let password = directory.path().join("password");
    fs::write(&password, format!("{OLD_PASSWORD}\n"))?;
    let reference = format!("${{file:{}}}", password.display());
    let connection = Connection::scram(&broker, "rotated", &reference);
    let (mut stage, surface) = open(rig, &form, &connection, &[])?;

    fs::write(&password, NEW_PASSWORD)?;
    stage.member(0).wait_for_stderr("it is told", PATIENCE, |log| {
        let told = |line: &str| line.contains(REFUSED) && line.contains("user \\\"rotated\\\"");
        log.lines().any(told)
    })?;
    let change = format!("SCRAM-SHA-512=[password={NEW_PASSWORD}]");
    let user = ["--alter", "--entity-type", "users", "--entity-name", "rotated", "--add-config"];
    broker.tool("kafka.admin.ConfigCommand", &[&user[..], &[&change]].concat())?;
    stage.member(0).wait_for_stderr("it is taken", PATIENCE, |log| log.contains(TAKEN))?;
    // By then every connection has logged in again.
    stage.wait_for(3 * SecureKafka::LOGIN_LASTS)?;
    stage.wait_for_progress().context("without the old password")?;
    stage.wait_for_exports(20)?;
    let metrics = surface.metrics()?;
    ensure!(!metrics.contains_key("tailsift_reconnects_total"), "no client had to be made anew");
    let outcome = stage.close(1)?;
    outcome.ensure_right()?;
    for secret in [OLD_PASSWORD, NEW_PASSWORD] {
        ensure!(!outcome.logs.contains(secret), "a password is shown");
    }
    Ok(())
}

/// A process under load that has begun to export.
fn open(
    rig: Rig,
    form: &Form,
    connection: &Connection,
    more: &[&str],
) -> anyhow::Result<(Stage, Surface)> {
    let own = connection.clone().with("heartbeat.interval.ms", "500").settings();
    let own = own.iter().map(String::as_str);
    let settings: Vec<_> = own.chain(SETTINGS.iter().chain(more).copied()).collect();
    let mut stage = Stage::open(rig, form, &settings)?;
    let number = stage.start(None)?;
    let surface = Surface::of(stage.member(number))?;
    stage.wait_for_progress().context("at first")?;
    Ok((stage, surface))
}

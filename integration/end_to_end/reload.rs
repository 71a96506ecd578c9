//! Policies that are replaced while a process runs: whatever waits is judged by those in force,
//! once, and nothing is lost or split.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use tailsift_fixture::{
    AuditTarget, IntegrationTest, LoadShape, LoadSpec, ReferenceTrace, Tailsift, audit, compare,
    eventually,
};
use tailsift_kafka::StoredRecord;
use tailsift_trace::TraceId;

use crate::http::Surface;
use crate::payload::{failed, record, request};
use crate::policies::Policies;
use crate::rig::{
    PATIENCE, Plan, Record, Rig, ensure_exact, finished, header, key_and_value, log_tail, now_ms,
};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("reload::a_hundred_swaps_under_load_lose_split_and_repeat_nothing", a_hundred_swaps),
    ("reload::a_signal_and_a_post_with_a_token_are_answered", a_signal_and_a_post),
    ("reload::redaction_is_replaced_with_policies_as_they_were", redaction_is_replaced),
];

const SWAPS: usize = 100;
const WORKERS: u64 = 2;
const TRACES: u32 = 6000;
const LISTEN: &[&str] = &["--set", "http={listen: \"127.0.0.1:0\"}"];
const WATCHED: &[&str] = &["--set", "reload.interval=50ms", "--set", "workers=2"];
const UNWATCHED: &[&str] = &["--set", "reload={interval: 0s, token: \"${file:token}\"}"];

const ERRORS: &str = "{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}";
const SLOW: &str = "{name: slow, type: latency, latency: {threshold_ms: 500}}";
const UNSURE: &str = "{name: unsure, type: low_confidence, low_confidence: {below: 0.5}}";

/// Writes the rig's policies: these, in this order.
fn write_policies(rig: &Rig, policies: &[&str]) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(rig.config_path())?;
    let (head, _) = text.split_once("policies:\n").context("no policies in the configuration")?;
    let items: String = policies.iter().map(|item| format!("  - {item}\n")).collect();
    write_config(rig, &format!("{head}policies:\n{items}"))
}

/// As an editor does it: a reader sees the old text or the new one.
fn write_config(rig: &Rig, text: &str) -> anyhow::Result<()> {
    let path = rig.config_path();
    let beside = path.with_extension("new");
    std::fs::write(&beside, text)?;
    Ok(std::fs::rename(beside, path)?)
}

/// A metric, over its labels; 0 before it is there.
fn metric(surface: &Surface, name: &str) -> anyhow::Result<u64> {
    Ok(surface.metrics()?.get(name).copied().unwrap_or(0.0) as u64)
}

/// Two sets of policies, each with one that the other lacks.
const SETS: [[&str; 2]; 2] = [[ERRORS, SLOW], [UNSURE, ERRORS]];

fn a_hundred_swaps() -> anyhow::Result<()> {
    let wait = std::time::Duration::from_secs(10);
    let rig = Rig::new(Plan { decision_wait: wait, ..Plan::default() })?;
    write_policies(&rig, &SETS[0])?;
    let spec = LoadSpec {
        traces: TRACES,
        shape: LoadShape::Keyed,
        seed: 11,
        partitions: rig.plan.partitions,
        spans_per_second: TRACES * 12 / 15,
        end_ms: now_ms(),
    };
    let records: Vec<Record> = spec.records().map(Record::from).collect();
    let mut child = rig.run(&[WATCHED, LISTEN])?;
    let surface = Surface::of(&mut child)?;
    eventually("/readyz", PATIENCE, || Ok((surface.get("/readyz")?.0 == 200).then_some(())))?;
    let swapped =
        swap_under_load(&rig, &surface, &records).with_context(|| log_tail(&child.stderr()))?;
    rig.wait_until_all_is_committed(&mut child)?;
    child.sigterm()?;
    let logged = finished(child)?;
    check_exports(&rig, &spec, &swapped, &logged.0)?;
    let report = audit(AuditTarget {
        settings: &rig.settings,
        group: &rig.group,
        input: &rig.input,
        decisions: &format!("{}.decisions", rig.group),
        began_late: false,
    })?;
    ensure!(report.is_right() && report.verdicts() == TRACES as usize, "{report}");
    Ok(())
}

/// Writes the load in as many parts as there are swaps, so that each trace sees several of them;
/// the fingerprints of both sets.
fn swap_under_load(
    rig: &Rig,
    surface: &Surface,
    records: &[Record],
) -> anyhow::Result<[String; 2]> {
    let of_set = |place: usize| -> anyhow::Result<String> {
        let (_, standing) = surface.json("/api/v1/reload")?;
        standing["fingerprint"].as_str().map(str::to_owned).context(format!("set {place}"))
    };
    let mut fingerprints = [of_set(0)?, String::new()];
    let parts = records.chunks(records.len().div_ceil(SWAPS));
    ensure!(parts.len() == SWAPS, "{} parts", parts.len());
    let mut refused = 0;
    for (done, part) in parts.enumerate() {
        let now = now_ms();
        let part: Vec<_> =
            part.iter().map(|one| Record { timestamp_ms: now, ..one.clone() }).collect();
        rig.produce(&part)?;
        if done % 40 == 20 {
            refused += 1;
            refuse_a_bad_file(rig, surface, refused)?;
        }
        let set = (done + 1) % 2;
        write_policies(rig, &SETS[set])?;
        let swaps = (done as u64 + 1) * WORKERS;
        eventually("both workers have gone over", PATIENCE, || {
            Ok((metric(surface, "tailsift_policy_swaps_total")? == swaps).then_some(()))
        })
        .with_context(|| format!("swap {done}"))?;
        if done == 0 {
            fingerprints[1] = of_set(1)?;
        }
    }
    ensure!(fingerprints[0] != fingerprints[1], "{fingerprints:?}");
    ensure!(metric(surface, "tailsift_traces_refolded_total")? > u64::from(TRACES));
    ensure!(metric(surface, "tailsift_refold_failures_total")? == 0);
    ensure!(metric(surface, "tailsift_config_info")? == 1, "one is in force");
    let (_, metrics) = surface.get("/metrics")?;
    for outcome in [format!("taken\"}} {SWAPS}"), format!("refused\"}} {refused}")] {
        let line = format!("tailsift_reloads_total{{outcome=\"{outcome}");
        ensure!(metrics.lines().any(|shown| shown == line), "{line} is not in\n{metrics}");
    }
    Ok(fingerprints)
}

/// The first time a file that does not load, then one that a running process cannot take up.
fn refuse_a_bad_file(rig: &Rig, surface: &Surface, number: u64) -> anyhow::Result<()> {
    let good = std::fs::read_to_string(rig.config_path())?;
    let (bad, reason) = match number {
        1 => (format!("{good}  - {{name: errors, type: always_sample}}\n"), "is taken by policies"),
        _ => (good.replace("epoch: 200ms", "epoch: 300ms"), "epoch differ from what"),
    };
    write_config(rig, &bad)?;
    let standing = eventually("the file is refused", PATIENCE, || {
        let (_, standing) = surface.json("/api/v1/reload")?;
        Ok((standing["refused"] == number).then_some(standing))
    })?;
    let told = standing["last"]["reason"].as_str().unwrap_or_default();
    ensure!(told.contains(reason), "{standing}");
    ensure!(standing["last"]["fingerprint"] == standing["fingerprint"], "{standing}");
    write_config(rig, &good)
}

/// What both sets keep is there, what neither keeps is not; what one keeps is there whole or not at
/// all. Whatever is there says which configuration had it kept.
fn check_exports(
    rig: &Rig,
    spec: &LoadSpec,
    fingerprints: &[String; 2],
    log: &str,
) -> anyhow::Result<()> {
    let exports = rig.exports()?;
    let visible: BTreeSet<TraceId> = exports.iter().filter_map(trace_id).collect();
    let judged = spec.judged(&Policies::Usual.reference())?;
    let wants = |policy: &'static str| {
        move |trace: &ReferenceTrace| trace.keep.iter().any(|name| name == policy)
    };
    let expected: BTreeMap<_, _> = judged
        .iter()
        .filter(|(id, trace)| wants("errors")(trace) || visible.contains(id))
        .map(|(id, trace)| (*id, trace.clone()))
        .collect();
    ensure_exact(compare(&expected, exports.iter().map(key_and_value)), log)?;
    for (policy, set) in [("slow", 0), ("unsure", 1)] {
        let only = judged.iter().filter(|(_, trace)| wants(policy)(trace) && trace.keep.len() == 1);
        let (kept, dropped): (Vec<_>, Vec<_>) = only.partition(|(id, _)| visible.contains(id));
        ensure!(!kept.is_empty() && !dropped.is_empty(), "{policy}: {} kept", kept.len());
        let of_policy = |one: &&StoredRecord| header(one, "tailsift.policy") == Some(policy);
        for one in exports.iter().filter(of_policy) {
            let config = header(one, "tailsift.config").unwrap_or_default();
            ensure!(config == fingerprints[set], "{policy} under {config}, not {fingerprints:?}");
        }
    }
    Ok(())
}

fn trace_id(record: &StoredRecord) -> Option<TraceId> {
    std::str::from_utf8(record.key.as_deref()?).ok()?.parse().ok()
}

fn a_signal_and_a_post() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { policies: Policies::Everything, ..Plan::default() })?;
    let (child, surface) = run_unwatched(&rig)?;
    let asked = ask(&rig, &surface, &child).with_context(|| log_tail(&child.stderr()));
    child.sigterm()?;
    let logged = finished(child)?;
    asked?;
    ensure!(!logged.0.contains("hush"), "the token is shown");
    Ok(())
}

/// A process that looks at its file when it is asked to, and by whom: `hush` is the token.
fn run_unwatched(rig: &Rig) -> anyhow::Result<(Tailsift, Surface)> {
    std::fs::write(rig.config_path().with_file_name("token"), "hush\n")?;
    let mut child = rig.run(&[UNWATCHED, LISTEN])?;
    let surface = Surface::of(&mut child)?;
    eventually("/readyz", PATIENCE, || Ok((surface.get("/readyz")?.0 == 200).then_some(())))?;
    Ok((child, surface))
}

fn ask(rig: &Rig, surface: &Surface, child: &Tailsift) -> anyhow::Result<()> {
    let post = |token: &str| surface.post("/api/v1/reload", token);
    write_policies(rig, &[ERRORS])?;
    let (status, refusal) = post("hash")?;
    ensure!(status == 401 && refusal["remedy"].is_string(), "{status}: {refusal}");
    ensure!(surface.json("/api/v1/reload")?.1["taken"] == 0, "it was taken without a token");
    let (status, answer) = post("hush")?;
    ensure!(status == 200 && answer["outcome"] == "taken", "{status}: {answer}");
    let (status, again) = post("hush")?;
    ensure!(status == 200 && again["outcome"] == "unchanged", "{status}: {again}");
    ensure!(again["fingerprint"] == answer["fingerprint"], "{again}");
    let good = std::fs::read_to_string(rig.config_path())?;
    write_config(rig, "nothing: of use\n")?;
    let (status, refusal) = post("hush")?;
    ensure!(status == 422 && refusal["outcome"] == "refused", "{status}: {refusal}");
    ensure!(refusal["fingerprint"] == answer["fingerprint"], "{refusal}");

    write_config(rig, &good)?;
    write_policies(rig, &[SLOW])?;
    child.sighup()?;
    let standing = eventually("the signal is answered", PATIENCE, || {
        let (_, standing) = surface.json("/api/v1/reload")?;
        Ok((standing["taken"] == 2).then_some(standing))
    })?;
    ensure!(standing["last"]["asked_by"] == "signal", "{standing}");
    Ok(())
}

/// A trace is decided under no redaction, one after it was asked for.
fn redaction_is_replaced() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { policies: Policies::Everything, ..Plan::default() })?;
    let (mut child, surface) = run_unwatched(&rig)?;
    let of = |trace: u8| Record {
        timestamp_ms: now_ms(),
        ..record("t", Some(request(vec![failed(trace, 1)])))
    };
    rig.produce(&[of(1)])?;
    rig.wait_until_all_is_committed(&mut child)?;
    let text = std::fs::read_to_string(rig.config_path())?;
    let rule = "redaction: [{action: delete, keys: [service.name]}]\npolicies:\n";
    write_config(&rig, &text.replace("policies:\n", rule))?;
    let (status, answer) = surface.post("/api/v1/reload", "hush")?;
    ensure!(status == 200 && answer["outcome"] == "taken", "{status}: {answer}");
    rig.produce(&[of(2)])?;
    rig.wait_until_all_is_committed(&mut child)?;
    ensure!(metric(&surface, "tailsift_policy_swaps_total")? == 0, "policies are the same");
    ensure!(metric(&surface, "tailsift_redactions_total")? > 0);
    child.sigterm()?;
    let logged = finished(child)?;
    let exports = rig.exports()?;
    let configs: BTreeSet<_> =
        exports.iter().filter_map(|one| header(one, "tailsift.config")).collect();
    ensure!(exports.len() == 2 && configs.len() == 2, "{configs:?}\n{}", log_tail(&logged.0));
    Ok(())
}

//! Input without keys: spans of a trace are on any partition, and the re-key stage brings them
//! together.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tailsift_fixture::{
    IntegrationTest, LoadShape, compare, corpus_path, read_corpus, reference, sort_by_arrival,
};
use tailsift_kafka::Isolation;

use crate::lifecycle::Load;
use crate::payload::{failed, record, request, span};
use crate::policies::Policies;
use crate::rig::{
    HOLDING, PATIENCE, Plan, Record, Rig, UNTIL_IDLE, ensure_exact, finished, key_and_value,
    log_tail,
};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("rekey::scattered_traces_come_together", || scattered(UNKEYED)),
    ("rekey::at_least_once", || scattered(AT_LEAST_ONCE)),
    ("rekey::a_recording_without_keys", a_recording_without_keys),
    ("rekey::several_topics_and_a_pattern", several_topics_and_a_pattern),
    ("rekey::killed_stages_and_processors_lose_and_repeat_nothing", killed_again_and_again),
    ("rekey::a_trace_waits_for_a_stage_that_is_away", a_trace_waits_for_the_stage),
    ("rekey::poison_becomes_dead_letters_of_the_input", poison_becomes_dead_letters),
    ("rekey::check_looks_at_the_topics", check_looks_at_the_topics),
    ("rekey::a_stage_alone_needs_an_input_without_keys", a_stage_alone_is_refused),
];

const UNKEYED: &[&str] = &["--set", "input.keyed_by=none"];
const AT_LEAST_ONCE: &[&str] = &["--set", "input.keyed_by=none", "--set", "delivery=at_least_once"];
const INSTANCE: &[&str] = &["--set", "instance=one"];
const PROCESSOR: &[&str] = &["--without-rekey"];

/// The topic between stage and processor.
fn repartition(rig: &Rig) -> String {
    format!("{}.repartition", rig.group)
}

/// What the stage has written, markers and all.
fn rekeyed(rig: &Rig) -> anyhow::Result<i64> {
    let topic = repartition(rig);
    if rig.admin.partitions(&topic)?.is_none() {
        return Ok(0);
    }
    let ends = rig.admin.end_offsets(&topic, Isolation::Committed)?;
    Ok(ends.iter().map(|end| end.offset).sum())
}

fn scattered(arguments: &[&str]) -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Unkeyed, 3000)?;
    rig.produce(&load.records)?;
    let logged = rig.run_until_idle(&[arguments])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)?;
    ensure!(logged.number("stopped", "spans")? == 36_000, "{}", log_tail(&logged.0));
    let records = rig.read(&repartition(&rig))?;
    ensure!(
        records.len() * 4 < load.records.len() && records.iter().all(|record| record.key.is_none()),
        "{} records became {}",
        load.records.len(),
        records.len()
    );
    Ok(())
}

/// On as many partitions as it was recorded from, where no trace is on one alone.
fn a_recording_without_keys() -> anyhow::Result<()> {
    let wait = Duration::from_secs(30);
    let policies = Policies::Corpus;
    let rig = Rig::new(Plan { partitions: 4, decision_wait: wait, policies, ..Plan::default() })?;
    let mut recorded = read_corpus(&corpus_path("otlp_proto_unkeyed.bin"))?;
    sort_by_arrival(&mut recorded);
    let last = recorded.last().map_or(0, |record| record.timestamp_ms);
    let move_by = rig.end_ms() - last;
    let as_recorded = |record: tailsift_fixture::CorpusRecord| Record {
        partition: record.partition,
        timestamp_ms: record.timestamp_ms + move_by,
        key: None,
        value: Some(record.value),
        headers: record.headers,
    };
    let records: Vec<_> = recorded.into_iter().map(as_recorded).collect();
    rig.produce(&records)?;
    let logged = rig.run_until_idle(&[UNKEYED])?;
    let values = records.iter().filter_map(|record| record.value.as_deref());
    let expected = reference(&policies.reference(), values)?;
    let exports = rig.exports()?;
    ensure_exact(compare(&expected, exports.iter().map(key_and_value)), &logged.0)
}

/// Each third record goes to another topic; the three have different numbers of partitions.
fn several_topics_and_a_pattern() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Unkeyed, 1500)?;
    let more = [(format!("{}-more-a", rig.input), 3), (format!("{}-more-b", rig.input), 1)];
    for (topic, partitions) in &more {
        rig.make_topic(topic, *partitions)?;
    }
    let mut dealt = vec![Vec::new(); 3];
    for (index, record) in load.records.iter().enumerate() {
        let mut record = record.clone();
        if let Some((_, partitions)) = more.get(index % 3) {
            record.partition %= i32::try_from(*partitions)?;
        }
        dealt[index % 3].push(record);
    }
    for (records, topic) in dealt.iter().zip([&more[0].0, &more[1].0, &rig.input]) {
        rig.produce_to(topic, records)?;
    }
    let topics = format!("input.topics=[\"{}\", \"^{}-more-.*\"]", rig.input, rig.input);
    rig.replace_in_config(&format!("topic: {}, idle", rig.input), "idle")?;
    let logged = rig.run_until_idle(&[UNKEYED, &["--set", &topics]])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

/// On each part of a load, kills a stage once it has written something, or a processor once it
/// has exported something, or a process that is both; the last one finishes.
fn killed_again_and_again() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Unkeyed, 6000)?;
    let parts: Vec<_> = load.records.chunks(load.records.len().div_ceil(6)).collect();
    for (round, part) in parts.into_iter().enumerate() {
        rig.produce(part)?;
        let (before, exported) = (rekeyed(&rig)?, rig.visible()?);
        let mut child = match round % 3 {
            0 => rig.command("rekey", &[UNKEYED, INSTANCE])?,
            1 => rig.run(&[UNKEYED, INSTANCE, HOLDING])?,
            _ => rig.run(&[UNKEYED, INSTANCE, HOLDING, PROCESSOR])?,
        };
        match round % 3 {
            0 => {
                rig.wait_until("the stage has written", &mut child, || Ok(rekeyed(&rig)? > before))?
            }
            1 => rig.wait_for_exports_beyond(exported, &mut child)?,
            _ => std::thread::sleep(Duration::from_millis(1500)),
        }
        child.kill9()?;
    }
    let logged = rig.run_until_idle(&[UNKEYED, INSTANCE])?;
    ensure_exact(rig.compare(&load.expected)?, &logged.0)
}

/// The first half of a trace is re-keyed, the second waits in the input for longer than the
/// decision wait while no stage runs: that the processor has nothing to read proves nothing.
fn a_trace_waits_for_the_stage() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { partitions: 2, ..Plan::default() })?;
    rig.produce(&[record("", Some(request(vec![span(7, 1)])))])?;
    finished(rig.command("rekey", &[UNKEYED, &["--exit-when-idle", "500ms"]])?)?;
    let mut processor = rig.run(&[UNKEYED, PROCESSOR])?;
    let late = Record { partition: 1, ..record("", Some(request(vec![failed(7, 2)]))) };
    rig.produce(&[late])?;
    let started = Instant::now();
    // Two waits and more, in which nothing may be decided.
    while started.elapsed() < Duration::from_secs(6) {
        ensure!(processor.try_wait()?.is_none(), "{}", log_tail(&processor.stderr()));
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut stage = rig.command("rekey", &[UNKEYED])?;
    rig.wait_for_exports_beyond(0, &mut processor)?;
    for child in [&mut processor, &mut stage] {
        child.sigterm()?;
    }
    let logged = finished(processor)?;
    finished(stage)?;
    let kept = logged.number("stopped", "kept_traces")?;
    ensure!(kept == 1 && logged.number("stopped", "dropped_traces")? == 0, "{kept} kept");
    let spans: usize = rig
        .exports()?
        .iter()
        .map(|export| tailsift_fixture::spans(export.value.as_deref().unwrap_or_default()))
        .map(|spans| spans.map(|spans| spans.len()))
        .sum::<Result<_, _>>()?;
    ensure!(spans == 2, "{spans} spans");
    Ok(())
}

fn poison_becomes_dead_letters() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { partitions: 2, ..Plan::default() })?;
    let poison = Record { partition: 1, ..record("k", Some(b"\xff\xff\xff".to_vec())) };
    rig.produce(&[poison, record("", Some(request(vec![failed(1, 1)])))])?;
    rig.run_until_idle(&[UNKEYED])?;
    let letters = rig.read(&rig.dead_letters)?;
    let [letter] = &letters[..] else { anyhow::bail!("{} letters", letters.len()) };
    let header = |name| crate::rig::header(letter, name).unwrap_or_default().to_owned();
    let place = [header("tailsift.topic"), header("tailsift.partition"), header("tailsift.offset")];
    ensure!(place == [rig.input.clone(), "1".into(), "0".into()], "{place:?}");
    ensure!(
        letter.key.as_deref() == Some(b"k") && letter.value.as_deref() == Some(b"\xff\xff\xff")
    );
    ensure!(rig.exports()?.len() == 1);
    Ok(())
}

/// The same topic, held against both settings.
fn check_looks_at_the_topics() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    let load = Load::new(&rig, LoadShape::Unkeyed, 100)?;
    rig.produce(&load.records)?;
    let path = rig.config_path().to_string_lossy().into_owned();
    for (setting, code, told) in [
        (
            "input.keyed_by=trace_id",
            1,
            "DOES NOT FIT input.keyed_by: trace_id, but traces are on several partitions; set it to none",
        ),
        ("input.keyed_by=none", 0, "fits         input.keyed_by: none"),
        ("input.encoding=otlp_json", 1, "as otlp_proto it can: set input.encoding"),
    ] {
        let mut child = crate::rig::tailsift(&["check", &path, "--live", "--set", setting])?;
        let status = child.wait(PATIENCE)?;
        let out = child.stdout();
        ensure!(status.code() == Some(code) && out.contains(told), "{setting}: {status}\n{out}");
        ensure!(out.contains("300 without a key"), "{out}");
    }
    Ok(())
}

fn a_stage_alone_is_refused() -> anyhow::Result<()> {
    let rig = Rig::new(Plan::default())?;
    for mut child in [rig.command("rekey", &[])?, rig.run(&[PROCESSOR, UNTIL_IDLE])?] {
        let status = child.wait(PATIENCE)?;
        let told = child.stderr();
        ensure!(status.code() == Some(2), "{status}: {told}");
        ensure!(told.contains("input.keyed_by: expected none, got trace_id"), "{told}");
    }
    Ok(())
}

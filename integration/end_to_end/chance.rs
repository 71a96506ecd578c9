//! Dropped traces that late spans bring back: whole, once, whatever happens meanwhile.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tailsift_fixture::IntegrationTest;
use tailsift_kafka::{PartitionOffset, StoredRecord};

use crate::payload::{failed, record, request, span};
use crate::rig::{HOLDING, PATIENCE, Plan, Record, Rig, finished, header, now_ms};

pub(crate) const TESTS: &[IntegrationTest] = &[
    ("chance::a_late_failure_brings_its_trace_back_whole", a_late_failure),
    ("chance::the_next_owner_turns_what_the_last_one_dropped", the_next_owner),
    ("chance::a_killed_process_loses_and_repeats_no_turn", a_killed_process),
    ("chance::what_is_gone_is_said_to_be", what_is_gone),
    ("chance::what_no_budget_is_left_for_is_said_to_be", no_budget),
    ("chance::what_is_forgotten_is_said_to_be", what_is_forgotten),
    ("chance::scattered_traces_are_brought_back_too", scattered_traces),
];

const FIRST: u8 = 0xa0;

fn rig() -> anyhow::Result<Rig> {
    Rig::new(Plan { partitions: 1, judges_early: true, ..Plan::default() })
}

/// Two records of a trace that nobody wants.
fn unwanted(trace: u8) -> [Record; 2] {
    [1, 2].map(|number| record("early", Some(request(vec![span(trace, number)]))))
}

/// And the one that changes this.
fn late_failure(trace: u8) -> Record {
    record("late", Some(request(vec![failed(trace, 3), span(trace, 4)])))
}

/// How often each span was exported.
fn spans_of(exports: &[StoredRecord]) -> anyhow::Result<BTreeMap<(u8, u8), u32>> {
    let mut spans = BTreeMap::new();
    for export in exports {
        let value = export.value.as_deref().context("an export without a value")?;
        let request = ExportTraceServiceRequest::decode(value)?;
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            *spans.entry((span.trace_id[0], span.span_id[0])).or_default() += 1;
        }
    }
    Ok(spans)
}

/// Refuses anything but these spans of a trace, each once.
fn ensure_spans(rig: &Rig, trace: u8, numbers: &[u8]) -> anyhow::Result<Vec<StoredRecord>> {
    let exports = rig.exports()?;
    let expected: BTreeMap<_, _> = numbers.iter().map(|number| ((trace, *number), 1)).collect();
    let spans = spans_of(&exports)?;
    ensure!(spans == expected, "{spans:?}");
    Ok(exports)
}

fn a_late_failure() -> anyhow::Result<()> {
    let rig = rig()?;
    let mut child = rig.run(&[])?;
    rig.produce(&unwanted(FIRST))?;
    rig.wait_until_all_is_committed(&mut child)?;
    ensure_spans(&rig, FIRST, &[])?;

    rig.produce(&[late_failure(FIRST)])?;
    rig.wait_until_all_is_committed(&mut child)?;
    let exports = ensure_spans(&rig, FIRST, &[1, 2, 3, 4])?;
    for export in &exports {
        let told = ["tailsift.policy", "tailsift.close_reason", "tailsift.turned_by"]
            .map(|name| header(export, name));
        ensure!(told == [Some("errors"), Some("complete"), Some("0303030303030303")], "{told:?}");
        ensure!(header(export, "tailsift.partial").is_none(), "{:?}", export.headers);
    }

    rig.produce(&[record("later", Some(request(vec![span(FIRST, 5)])))])?;
    rig.wait_until_all_is_committed(&mut child)?;
    ensure_spans(&rig, FIRST, &[1, 2, 3, 4, 5])?;
    child.sigterm()?;
    finished(child)?;
    Ok(())
}

fn the_next_owner() -> anyhow::Result<()> {
    let rig = rig()?;
    rig.produce(&unwanted(FIRST))?;
    rig.run_until_idle(&[])?;
    rig.produce(&[late_failure(FIRST)])?;
    rig.run_until_idle(&[])?;
    rig.produce(&[record("later", Some(request(vec![span(FIRST, 5)])))])?;
    rig.run_until_idle(&[])?;
    ensure_spans(&rig, FIRST, &[1, 2, 3, 4, 5])?;
    Ok(())
}

fn a_killed_process() -> anyhow::Result<()> {
    const TRACES: u8 = 200;
    let rig = rig()?;
    rig.produce(&(1..=TRACES).flat_map(unwanted).collect::<Vec<_>>())?;
    rig.run_until_idle(&[])?;
    for late in (1..=TRACES).collect::<Vec<_>>().chunks(50) {
        // It is killed with turns asked for, answered, or being committed.
        let mut child = rig.run(&[HOLDING])?;
        let before = rig.visible()?;
        rig.produce(&late.iter().map(|trace| late_failure(*trace)).collect::<Vec<_>>())?;
        rig.wait_for_exports_beyond(before, &mut child)?;
        child.kill9()?;
        child.wait(PATIENCE)?;
    }
    rig.run_until_idle(&[])?;
    let spans = spans_of(&rig.exports()?)?;
    let expected = (1..=TRACES).flat_map(|trace| (1..=4).map(move |number| ((trace, number), 1)));
    ensure!(spans == expected.collect(), "{spans:?}");
    ensure!(rig.committed()? == rig.input_ends()?, "something was left undecided");
    Ok(())
}

fn what_is_gone() -> anyhow::Result<()> {
    let rig = rig()?;
    rig.produce(&unwanted(FIRST))?;
    rig.run_until_idle(&[])?;
    let below = PartitionOffset { partition: 0, offset: 1 };
    rig.admin.delete_records_below(&rig.input, &[below])?;
    rig.produce(&[late_failure(FIRST)])?;
    rig.run_until_idle(&[])?;
    for export in ensure_spans(&rig, FIRST, &[2, 3, 4])? {
        ensure!(header(&export, "tailsift.partial") == Some("gone"), "{:?}", export.headers);
    }
    Ok(())
}

fn no_budget() -> anyhow::Result<()> {
    let rig = rig()?;
    rig.produce(&unwanted(FIRST))?;
    rig.run_until_idle(&[])?;
    rig.produce(&[late_failure(FIRST)])?;
    rig.run_until_idle(&[&["--set", "second_chance.traces_per_second=0"]])?;
    for export in ensure_spans(&rig, FIRST, &[3, 4])? {
        ensure!(header(&export, "tailsift.partial") == Some("budget"), "{:?}", export.headers);
    }
    Ok(())
}

/// Stream time alone decides: the records between move the clock on by half a minute, and far
/// beyond `second_chance.remember`.
fn what_is_forgotten() -> anyhow::Result<()> {
    const SECOND: u8 = FIRST + 1;
    const REMEMBERED: &[&str] = &["--set", "second_chance.remember=1s"];
    let rig = rig()?;
    let begin_ms = now_ms() - 60_000;
    let stamped = |after_ms, record: Record| Record { timestamp_ms: begin_ms + after_ms, ..record };
    let other = |trace| record("other", Some(request(vec![span(trace, 1)])));
    let mut records: Vec<_> =
        [FIRST, SECOND].into_iter().flat_map(unwanted).map(|one| stamped(0, one)).collect();
    records.extend((1..=16).map(|trace| stamped(30_000 + 100 * i64::from(trace), other(trace))));
    records.push(stamped(50_000, late_failure(FIRST)));
    records.push(stamped(50_000, record("late", Some(request(vec![span(SECOND, 5)])))));
    rig.produce(&records)?;
    rig.run_until_idle(&[REMEMBERED])?;
    for export in ensure_spans(&rig, FIRST, &[3, 4])? {
        let told = ["tailsift.partial", "tailsift.turned_by", "tailsift.policy"];
        let told = told.map(|name| header(&export, name));
        ensure!(told == [Some("forgotten"), Some("0303030303030303"), Some("errors")], "{told:?}");
    }

    // The next owner knows from the log alone that the other one may be turned.
    rig.produce(&[
        record("later", Some(request(vec![span(FIRST, 5)]))),
        late_failure(SECOND),
        record("later", Some(request(vec![span(SECOND, 6)]))),
    ])?;
    rig.run_until_idle(&[REMEMBERED])?;
    let expected = [(FIRST, 3), (FIRST, 4), (FIRST, 5), (SECOND, 3), (SECOND, 4), (SECOND, 6)];
    let spans = spans_of(&rig.exports()?)?;
    ensure!(spans == expected.map(|span| (span, 1)).into(), "{spans:?}");
    Ok(())
}

/// What is read again is what the re-key stage wrote.
fn scattered_traces() -> anyhow::Result<()> {
    let rig =
        Rig::new(Plan { partitions: 2, judges_early: true, is_unkeyed: true, ..Plan::default() })?;
    let on = |partition, record: Record| Record { partition, key: None, ..record };
    let [first, second] = unwanted(FIRST);
    rig.produce(&[on(0, first), on(1, second)])?;
    rig.run_until_idle(&[])?;
    rig.produce(&[on(0, late_failure(FIRST))])?;
    rig.run_until_idle(&[])?;
    ensure_spans(&rig, FIRST, &[1, 2, 3, 4])?;
    Ok(())
}

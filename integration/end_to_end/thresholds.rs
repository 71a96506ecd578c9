//! Kept spans say how likely that was, late ones after a restart too, to whoever reads the topic.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tailsift_fixture::IntegrationTest;

use crate::payload::{record, request, span};
use crate::policies::Policies;
use crate::rig::{Plan, Rig, header};

pub(crate) const TESTS: &[IntegrationTest] =
    &[("thresholds::kept_spans_say_how_likely_that_was", kept_spans_say_how_likely_that_was)];

fn with(state: &str, span: Span) -> Span {
    Span { trace_state: state.to_owned(), ..span }
}

/// The ID of a trace is its number sixteen times, so half of them are below 128.
fn kept_spans_say_how_likely_that_was() -> anyhow::Result<()> {
    let rig = Rig::new(Plan { partitions: 1, policies: Policies::Everything, ..Plan::default() })?;
    let half = "  - {name: half, type: probabilistic, probabilistic: {sampling_percentage: 50}}\n";
    rig.replace_in_config(Policies::Everything.yaml(), half)?;
    rig.produce(&[
        record("plain", Some(request(vec![span(0xee, 1), with("a=1", span(0xee, 2))]))),
        record("stricter", Some(request(vec![with("a=1,ot=th:c,b=2", span(0xdd, 1))]))),
        record("looser", Some(request(vec![with("ot=th:4;x:1", span(0xcc, 1))]))),
        record("unreadable", Some(request(vec![with("ot=8", span(0xbb, 1))]))),
        record("dropped", Some(request(vec![span(0x11, 1)]))),
        record("by its own bits", Some(request(vec![with("ot=rv:ffffffffffffff", span(0x22, 1))]))),
    ])?;
    rig.run_until_idle(&[])?;
    // The verdict comes from the log now.
    rig.produce(&[record("late", Some(request(vec![with("a=1", span(0xee, 3))])))])?;
    rig.run_until_idle(&[])?;

    let mut states = BTreeMap::new();
    for export in rig.exports()? {
        let value = export.value.as_deref().context("an export without a value")?;
        ensure!(header(&export, "tailsift.threshold") == Some("8"), "{:?}", export.headers);
        let request = ExportTraceServiceRequest::decode(value)?;
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            states.insert((span.trace_id[0], span.span_id[0]), span.trace_state);
        }
    }
    let expected = [
        ((0x22, 1), "ot=th:8;rv:ffffffffffffff"),
        ((0xbb, 1), "ot=8"),
        ((0xcc, 1), "ot=th:8;x:1"),
        ((0xdd, 1), "a=1,ot=th:c,b=2"),
        ((0xee, 1), "ot=th:8"),
        ((0xee, 2), "ot=th:8,a=1"),
        ((0xee, 3), "ot=th:8,a=1"),
    ];
    let expected = expected.map(|(place, state)| (place, state.to_owned()));
    ensure!(states == expected.into(), "{states:?}");
    Ok(())
}

//! Thresholds on the wire, against requests as prost reads them.

use std::borrow::Cow;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message;
use tailsift_otlp::{ThresholdCounts, ThresholdEdit, edit_thresholds};

use crate::encode::{encode_oddly, with_unknown_fields};
use crate::generate;

const FULL: u64 = 1 << 56;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn a_threshold_is_never_loosened_and_nothing_else_changes(
        request in generate::request(),
        states in vec(state(), 1..6),
        seed: u64,
        threshold in 0..FULL,
    ) {
        let before = with_states(request, &states);
        for payload in [before.encode_to_vec(), encode_oddly(&before, seed)] {
            let edit = ThresholdEdit::Raise(threshold);
            let (edited, counts) = edit_thresholds(&payload, edit).unwrap();
            let after = ExportTraceServiceRequest::decode(&*edited).unwrap();
            for (before, after) in spans(&before).zip(spans(&after)) {
                let (old, new) = (said(&before.trace_state), said(&after.trace_state));
                prop_assert!(new.0 >= old.0, "{} {}", before.trace_state, after.trace_state);
                prop_assert_eq!(new.0, old.0.max(Some(threshold)));
                prop_assert_eq!(&new.1, &old.1, "{} {}", before.trace_state, after.trace_state);
            }
            prop_assert_eq!(without_states(&after), without_states(&before));
            let all = spans(&before).count() as u64;
            let kept = ThresholdCounts { kept: counts.kept, written: counts.written, ..ThresholdCounts::default() };
            prop_assert_eq!(counts, kept);
            prop_assert_eq!(counts.kept + counts.written, all);
            let (twice, counts) = edit_thresholds(&edited, edit).unwrap();
            prop_assert!(matches!(twice, Cow::Borrowed(_)), "a second time changes nothing");
            prop_assert_eq!(counts.kept, all);
        }
    }

    /// What nobody knows included.
    #[test]
    fn taken_out_again_every_byte_is_as_it_was(
        request in generate::request(),
        states in vec(state(), 1..6),
        threshold in 0..FULL,
    ) {
        let states: Vec<_> = states.into_iter().filter(|state| said(state).0.is_none()).collect();
        let payload = with_unknown_fields(&with_states(request, &states));
        let (edited, counts) = edit_thresholds(&payload, ThresholdEdit::Raise(threshold)).unwrap();
        let (back, erased) = edit_thresholds(&edited, ThresholdEdit::Erase).unwrap();
        prop_assert_eq!(&*back, &*payload);
        prop_assert_eq!(erased.erased, counts.written);
    }

    #[test]
    fn what_cannot_be_read_stays(request in generate::request(), threshold in 0..FULL) {
        let before = with_states(request, &["ot=th:8,ot=th:8".to_owned(), "B=1".to_owned()]);
        let payload = with_unknown_fields(&before);
        for edit in [ThresholdEdit::Raise(threshold), ThresholdEdit::Erase] {
            let (edited, counts) = edit_thresholds(&payload, edit).unwrap();
            prop_assert!(matches!(edited, Cow::Borrowed(_)));
            prop_assert_eq!(counts.unreadable, spans(&before).count() as u64);
        }
    }
}

/// Tracestates that are in order.
fn state() -> impl Strategy<Value = String> {
    let fields = vec(select(vec!["rv:0123456789abcd", "x:1", "y:", "p:8"]), 0..4);
    let ot = (prop::option::of("[0-9a-f]{1,14}"), fields, any::<bool>()).prop_map(
        |(threshold, mut fields, first)| {
            fields.sort_unstable();
            fields.dedup();
            let mut fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
            if let Some(digits) = threshold {
                let place = if first { 0 } else { fields.len() };
                fields.insert(place, format!("th:{digits}"));
            }
            if fields.is_empty() { String::new() } else { format!("ot={}", fields.join(";")) }
        },
    );
    let others = vec(select(vec!["a=1", " b=2 ", "t@s=3", ""]), 0..4);
    (others, ot, any::<prop::sample::Index>()).prop_map(|(others, ot, place)| {
        let mut members: Vec<String> = Vec::new();
        for other in others {
            if other.is_empty() || !members.iter().any(|member| member == other) {
                members.push(other.to_owned());
            }
        }
        if !ot.is_empty() {
            members.insert(place.index(members.len() + 1), ot);
        }
        members.join(",")
    })
}

/// The threshold of a tracestate that is in order, and everything else that it says.
fn said(state: &str) -> (Option<u64>, Vec<String>) {
    let mut threshold = None;
    let mut rest = Vec::new();
    for member in state.split(',') {
        let Some(ot) = member.trim().strip_prefix("ot=") else {
            rest.push(member.to_owned());
            continue;
        };
        for field in ot.split(';') {
            match field.strip_prefix("th:") {
                Some(digits) => {
                    threshold = u64::from_str_radix(&format!("{digits:0<14}"), 16).ok();
                }
                None => rest.push(field.to_owned()),
            }
        }
    }
    // What only separates says nothing.
    rest.retain(|text| !text.is_empty());
    (threshold, rest)
}

fn spans(request: &ExportTraceServiceRequest) -> impl Iterator<Item = &Span> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans)
}

fn spans_mut(request: &mut ExportTraceServiceRequest) -> impl Iterator<Item = &mut Span> {
    let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans)
}

fn with_states(
    mut request: ExportTraceServiceRequest,
    states: &[String],
) -> ExportTraceServiceRequest {
    let states = states.iter().cloned().chain(states.is_empty().then(String::new)).cycle();
    spans_mut(&mut request).zip(states).for_each(|(span, state)| span.trace_state = state);
    request
}

/// As bytes, since NaN is equal to nothing.
fn without_states(request: &ExportTraceServiceRequest) -> Vec<u8> {
    let mut request = request.clone();
    spans_mut(&mut request).for_each(|span| span.trace_state.clear());
    request.encode_to_vec()
}

use tailsift_otlp::{RedactionAction, RedactionKeys, RedactionRule, json_to_protobuf, read_spans};
use tailsift_policy::{Chance, CloseReason, Decision, Verdict};
use tailsift_sampler::{Checkpoint, LiveFrom, Part};
use tailsift_trace::{Millis, TraceId};

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A trace of so many spans, each with a prompt of so many bytes.
fn trace(spans: usize, prompt: usize) -> Vec<u8> {
    let prompt = "p".repeat(prompt);
    let span = format!(
        r#"{{"traceId": "{TRACE}", "attributes": [{{"key": "prompt", "value": {{"stringValue": "{prompt}"}}}}]}}"#
    );
    let spans = vec![span; spans].join(",");
    let request = format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{spans}]}}]}}]}}"#);
    json_to_protobuf(request.as_bytes()).unwrap()
}

fn epoch(payload: Vec<u8>) -> Epoch {
    let export = Export {
        trace_id: TRACE.parse::<TraceId>().unwrap(),
        decision: Decision {
            verdict: Verdict::Keep,
            policy: None,
            close_reason: CloseReason::DecisionWait,
            chance: Chance::None,
        },
        late: false,
        turned: None,
        spans: 1,
        time: Millis(1),
        headers: Box::default(),
        payload: Arc::new(payload),
    };
    let part = Part {
        partition: 0,
        assignment: 1,
        commit_offset: 5,
        next_offset: 6,
        commit_stream_time: None,
        next_stream_time: None,
        checkpoint: Checkpoint { incarnation: 1, sequence: 1, log_partition: 0 },
        has_batch: true,
        entries: Vec::new(),
        live_from: LiveFrom::Nothing,
        kept_from: None,
        batch_offset: None,
        exports: vec![export],
        dead_letters: Vec::new(),
    };
    Epoch { parts: vec![part], ..Epoch::default() }
}

fn fit(action: Option<RedactionAction>) -> Fit {
    let rule = |action| RedactionRule {
        action,
        keys: RedactionKeys::Listed(vec!["prompt".into()]),
        values: None,
        places: Vec::new(),
    };
    let redactor = action.map(|action| Arc::new(Redactor::new(&[rule(action)]).unwrap()));
    Fit { max_message_bytes: 2000, keeps_dead_letters: true, redactor }
}

fn truncate() -> Option<RedactionAction> {
    Some(RedactionAction::Truncate { above: 100 })
}

#[test]
fn without_rules_exports_stay_where_they_are() {
    let mut epoch = epoch(trace(1, 100));
    let before = Arc::clone(&epoch.parts[0].exports[0].payload);
    assert_eq!(fit(None).fit(&mut epoch), RedactionCounts::default());
    assert!(Arc::ptr_eq(&before, &epoch.parts[0].exports[0].payload));
    // And so does what no rule changes.
    assert_eq!(fit(truncate()).fit(&mut epoch), RedactionCounts::default());
    assert!(Arc::ptr_eq(&before, &epoch.parts[0].exports[0].payload));
}

#[test]
fn sizes_count_once_texts_are_cut() {
    let mut long = epoch(trace(3, 5000));
    assert_eq!(fit(None).fit(&mut long), RedactionCounts::default());
    assert_eq!((long.parts[0].exports.len(), long.parts[0].dead_letters.len()), (0, 3));
    let mut long = epoch(trace(3, 5000));
    let counts = fit(truncate()).fit(&mut long);
    assert_eq!(counts, RedactionCounts { truncated: 3, ..RedactionCounts::default() });
    assert_eq!((long.parts[0].exports.len(), long.parts[0].dead_letters.len()), (1, 0));
    let spans = read_spans(&long.parts[0].exports[0].payload).unwrap();
    assert_eq!(spans.len(), 3);
    assert!(spans.iter().all(|span| span.attributes[0].1 == "p".repeat(100)));
}

#[test]
fn letters_of_large_spans_are_redacted() {
    let mask = RedactionAction::Mask { with: "secret".repeat(400) };
    let mut epoch = epoch(trace(1, 10));
    fit(Some(mask)).fit(&mut epoch);
    let [letter] = &epoch.parts[0].dead_letters[..] else { panic!("one letter") };
    let spans = read_spans(letter.value.as_ref().unwrap()).unwrap();
    assert!(spans[0].attributes[0].1.starts_with("secret"));
    assert_eq!(letter.withheld, None);
}

#[test]
fn what_cannot_be_redacted_is_not_exported() {
    let mut epoch = epoch(b"\x0a\x7fsecret".to_vec());
    let counts = fit(truncate()).fit(&mut epoch);
    assert_eq!(counts.unreadable, 1);
    let part = &epoch.parts[0];
    let [letter] = &part.dead_letters[..] else { panic!("one letter") };
    assert!(part.exports.is_empty() && letter.value.is_none());
    assert_eq!(letter.withheld, Some(8));
    assert!(letter.reason.contains("cannot be redacted") && !letter.reason.contains("secret"));
}

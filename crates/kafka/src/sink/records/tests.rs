use std::sync::Arc;

use tailsift_sampler::{Chance, Decision, Threshold, Turned, Verdict};
use tailsift_trace::{SpanId, TraceId, encode_headers};

use super::*;
use crate::{PolicyNames, SharedPolicyNames};

fn settings() -> SinkSettings {
    SinkSettings {
        policy_names: SharedPolicyNames::new(PolicyNames::new(["errors"])),
        fingerprint: "f00d".to_owned(),
        ..crate::sink::work::tests::settings()
    }
}

/// The headers of an export, without those that all have, as text.
fn headers(close_reason: CloseReason, chance: Chance, turned: Option<Turned>) -> String {
    let mut encoded = Vec::new();
    encode_headers([(&b"tenant"[..], Some(&b"a"[..]))].into_iter(), &mut encoded);
    let export = Export {
        trace_id: TraceId([1; 16]),
        decision: Decision { verdict: Verdict::Keep, policy: Some(0), close_reason, chance },
        late: false,
        turned,
        spans: 1,
        time: Millis(5),
        headers: encoded.into(),
        payload: Arc::new(Vec::new()),
    };
    let (settings, key) = (settings(), export.trace_id.hex());
    let record = export_record(&settings, &export, &key);
    let told = record.headers.iter().map(|(name, value)| {
        let value = value.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        format!("{}={value}", name.strip_prefix("tailsift.").unwrap_or(name))
    });
    told.collect::<Vec<_>>().join(" ")
}

#[test]
fn exports_say_why_they_are_kept_and_what_is_missing() {
    let turned = |by: Option<u8>, partial| {
        let by = by.map(|byte| SpanId([byte; 8]));
        Some(Turned { by, partial, missing_below: None })
    };
    let half = Chance::Threshold(Threshold(1 << 55));
    for (reason, chance, turned, expected) in [
        (CloseReason::DecisionWait, Chance::None, None, "close_reason=decision_wait config=f00d"),
        (CloseReason::RootWait, half, None, "close_reason=root_wait config=f00d threshold=8"),
        (
            CloseReason::MemoryLimit,
            Chance::None,
            None,
            "close_reason=memory_limit config=f00d partial=memory_limit",
        ),
        (
            CloseReason::MemoryLimit,
            Chance::None,
            turned(Some(0xab), None),
            "close_reason=memory_limit config=f00d turned_by=abababababababab",
        ),
        (
            CloseReason::DecisionWait,
            Chance::None,
            turned(None, Some(Partial::SourcesCapped)),
            "close_reason=decision_wait config=f00d partial=sources_capped turned_by=",
        ),
    ] {
        let expected = format!("policy=errors {expected} tenant=a");
        assert_eq!(headers(reason, chance, turned), expected);
    }
}

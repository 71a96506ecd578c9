mod properties;
mod schema;

use prost::Message;
use tailsift_sampler::{
    Chance, Checkpoint, CloseReason, Decision, DecisionBatch, Entry, EntryKind, Facts, LiveFrom,
    Part, Partial, Sources, Threshold, Turned, Verdict,
};
use tailsift_trace::{Millis, SpanId, TraceId, UnixNano};

use super::*;

const CONFIG: u64 = 0xc0ff_ee00;

fn part(entries: Vec<Entry>) -> Part {
    Part {
        partition: 7,
        assignment: 1,
        commit_offset: 4_900,
        next_offset: 5_000,
        commit_stream_time: Some(Millis(1_795_346_601_000)),
        next_stream_time: Some(Millis(1_795_346_631_501)),
        checkpoint: Checkpoint { incarnation: 0xab, sequence: 17, log_partition: 3 },
        has_batch: true,
        entries,
        live_from: LiveFrom::Batch,
        kept_from: None,
        batch_offset: None,
        exports: Vec::new(),
        dead_letters: Vec::new(),
    }
}

fn dropped(trace_id: u128) -> Entry {
    let mut facts = Facts::default().with_words(&[0b101]);
    facts.spans = 12;
    facts.root_seen = true;
    facts.start = UnixNano(1_795_346_600_123_456_789);
    facts.end = UnixNano(1_795_346_600_243_456_789);
    let mut sources = Sources::default();
    [4_910, 4_917, 4_990].into_iter().for_each(|offset| sources.push(offset));
    Entry {
        trace_id: TraceId(trace_id.to_be_bytes()),
        kind: EntryKind::Decide,
        decision: Decision {
            verdict: Verdict::Drop,
            policy: None,
            close_reason: CloseReason::DecisionWait,
            chance: Chance::None,
        },
        through: 5_000,
        expiry: Millis(1_795_347_231_501),
        facts: Some(facts),
        sources: Some(sources),
        source_bytes: 0,
        may_turn: false,
        turned: None,
        missing: None,
    }
}

fn kept(trace_id: u128, policy: u16) -> Entry {
    Entry {
        trace_id: TraceId(trace_id.to_be_bytes()),
        kind: EntryKind::Late,
        decision: Decision {
            verdict: Verdict::Keep,
            policy: Some(policy),
            close_reason: CloseReason::Complete,
            chance: Chance::Threshold(Threshold(1 << 55)),
        },
        through: 4_998,
        expiry: Millis(1_795_347_231_601),
        facts: None,
        sources: None,
        source_bytes: 0,
        may_turn: false,
        turned: None,
        missing: None,
    }
}

/// Kept after all, by a late span, without two of its records.
fn turned(trace_id: u128) -> Entry {
    let mut missing = Sources::default();
    [4_910, 4_990].into_iter().for_each(|offset| missing.push(offset));
    let turned =
        Turned { by: Some(SpanId([7; 8])), partial: Some(Partial::Gone), missing_below: None };
    Entry {
        kind: EntryKind::Turn,
        turned: Some(turned),
        missing: Some(missing),
        ..kept(trace_id, 0)
    }
}

fn names() -> PolicyNames {
    PolicyNames::new(["errors", "slow", "some"])
}

fn encode(part: &Part, max_bytes: usize) -> Vec<EncodedSlice> {
    encode_batch(part, 0x77, 0x5c, CONFIG, &names(), max_bytes)
}

fn decode(value: &[u8]) -> Result<DecisionBatch, DecisionLogError> {
    decode_batch(value, &mut names(), CONFIG)
}

#[test]
fn a_batch_without_entries_is_one_slice() {
    let slices = encode(&part(Vec::new()), 1_000);
    let [slice] = &slices[..] else { panic!("{slices:?}") };
    assert_eq!(parse_batch_key(&slice.key), Some((0x5c, 7)));
    let expected = DecisionBatch {
        scope: 0x5c,
        partition: 7,
        checkpoint: Checkpoint { incarnation: 0xab, sequence: 17, log_partition: 3 },
        writer: 0x77,
        slice: 0,
        slices: 1,
        commit_offset: 4_900,
        read_to: 5_000,
        stream_time: Some(Millis(1_795_346_601_000)),
        read_stream_time: Some(Millis(1_795_346_631_501)),
        config: CONFIG,
        entries: Vec::new(),
    };
    assert_eq!(decode(&slice.value), Ok(expected));
}

/// What was written once must be read for ever.
#[test]
fn the_bytes_of_version_1_stay() {
    let part = part(vec![dropped(1), kept(2, 2)]);
    let slices = encode(&part, 1_000);
    let hex: String = slices[0].value.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, VERSION_1);
    assert_eq!(decode(&slices[0].value).unwrap().entries, part.entries);
}

/// Turned verdicts and what is known of drops beyond that: readers of the first records pass over it.
#[test]
fn turns_say_what_is_missing() {
    let drop = Entry { source_bytes: 70_000, ..dropped(1) };
    let part = part(vec![drop, turned(2)]);
    let slices = encode(&part, 1_000);
    assert_eq!(decode(&slices[0].value).unwrap().entries, part.entries);
}

/// Readers from before there was such a thing take it for a trace of too many records, and do not
/// turn what they know nothing of.
#[test]
fn what_was_forgotten_is_told_so_that_earlier_readers_understand() {
    let forgotten =
        Turned { by: None, partial: Some(Partial::Forgotten), missing_below: Some(4_990) };
    let drop = Entry { facts: None, sources: None, may_turn: true, ..dropped(1) };
    let turn = Entry { turned: Some(forgotten), missing: None, ..turned(2) };
    let part = part(vec![drop.clone(), turn]);
    let slices = encode(&part, 1_000);
    assert_eq!(decode(&slices[0].value).unwrap().entries, part.entries);
    let batch = wire::DecisionBatch::decode(&*slices[0].value).unwrap();
    let partial = batch.entries[1].turned.as_ref().unwrap().partial;
    assert_eq!(partial, wire::Partial::SourcesCapped as i32);
    let others = decode_batch(&slices[0].value, &mut names(), CONFIG + 1).unwrap();
    assert_eq!(others.entries[0], Entry { may_turn: false, ..drop }, "other policies turn nothing");
}

#[test]
fn turns_that_cannot_be_are_refused() {
    let part = part(vec![turned(2)]);
    let mut batch = wire::DecisionBatch::decode(&*encode(&part, 1_000)[0].value).unwrap();
    let mut refused = |change: fn(&mut wire::Entry)| {
        let before = batch.entries[0].clone();
        change(&mut batch.entries[0]);
        let error = decode(&batch.encode_to_vec()).unwrap_err().to_string();
        batch.entries[0] = before;
        error.split("; let").next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        refused(|entry| entry.turned.as_mut().unwrap().by = Some(vec![1, 2])),
        "decision record: entries[0].turned.by: expected 8 bytes, not all zero, got 2 bytes (0102)"
    );
    assert_eq!(
        refused(|entry| entry.turned.as_mut().unwrap().partial = 77),
        "decision record: entries[0].turned.partial: expected a known reason, got 77"
    );
    assert_eq!(
        refused(|entry| {
            let turned = entry.turned.as_mut().unwrap();
            (turned.partial, turned.missing_below) =
                (wire::Partial::SourcesCapped.into(), Some(-1));
        }),
        "decision record: entries[0].turned.missing_below: expected 0 or more, got -1"
    );
    assert_eq!(
        refused(|entry| entry.missing = Some(vec![0x80])),
        "decision record: entries[0].missing: expected LEB128 offsets, got 1 bytes (80)"
    );
}

const VERSION_1: &str = "\
    0801115c0000000000000019ab00000000000000200728113003397700000000000000480150a42658882760d0\
    d0f8afc068689aadfcafc0687100eeffc0000000007a310a100000000000000000000000000000000120034a15\
    080c100119155d107d385aea182080b8b8723201055204ae2607497a270a100000000000000000000000000000\
    000210011801200128013080808080808080403804406480019accc5b0c0688a0104736f6d65";

#[test]
fn an_entry_is_small() {
    let count = 1_000_u32;
    let entries: Vec<Entry> = (0..count)
        .map(|number| {
            let mut sources = Sources::default();
            let first = 5_000_000_000 + 17 * i64::from(number);
            [first, first + 7, first + 300].into_iter().for_each(|offset| sources.push(offset));
            let expiry = Millis(1_795_347_231_501 + i64::from(number) * 500);
            let trace_id = u128::MAX / u128::from(number + 1);
            Entry { expiry, through: 5_001_000_000, sources: Some(sources), ..dropped(trace_id) }
        })
        .collect();
    let part = Part { next_offset: 5_001_000_000, ..part(entries) };
    let slices = encode(&part, 1 << 20);
    let bytes = slices.iter().map(|slice| slice.value.len()).sum::<usize>();
    let read = slices.iter().map(|slice| decode(&slice.value).unwrap().entries.len());
    assert_eq!(read.sum::<usize>(), count as usize);
    let each = bytes as f64 / f64::from(count);
    assert!(each <= 70.0, "{each} bytes an entry");
}

#[test]
fn policies_are_recorded_by_name() {
    let [slice] = &encode(&part(vec![kept(1, 2), kept(2, 0), kept(3, 2)]), 1_000)[..] else {
        panic!("expected one slice");
    };
    let mut others = PolicyNames::new(["all", "some"]);
    let batch = decode_batch(&slice.value, &mut others, CONFIG).unwrap();
    let policies: Vec<_> = batch.entries.iter().map(|entry| entry.decision.policy).collect();
    assert_eq!(policies, [Some(1), Some(2), Some(1)]);
    assert_eq!((others.name(2), others.configured()), (Some("errors"), 2));
    let mut full = PolicyNames::new((0..=u16::MAX).map(|number| number.to_string()));
    let batch = decode_batch(&slice.value, &mut full, CONFIG).unwrap();
    assert!(batch.entries.iter().all(|entry| entry.decision.policy.is_none()));
}

#[test]
fn facts_of_other_policies_are_left_out() {
    let slices = encode(&part(vec![dropped(1)]), 1_000);
    let batch = decode_batch(&slices[0].value, &mut names(), CONFIG + 1).unwrap();
    assert_eq!(batch.config, CONFIG);
    assert_eq!(batch.entries, [Entry { facts: None, ..dropped(1) }]);
}

#[test]
fn capped_sources_stay_capped() {
    let mut sources = Sources::default();
    (0..2_000).for_each(|offset| sources.push(offset));
    let entry = Entry { sources: Some(sources), ..dropped(1) };
    let slices = encode(&part(vec![entry.clone()]), 1_000);
    assert_eq!(decode(&slices[0].value).unwrap().entries, [entry]);
}

#[test]
fn unknown_versions_are_refused() {
    let value = encode(&part(vec![dropped(1)]), 1_000).remove(0).value;
    let batch = wire::DecisionBatch::decode(&value[..]).unwrap();
    for version in [0, 2, u32::MAX] {
        let value = wire::DecisionBatch { version, ..batch.clone() }.encode_to_vec();
        let refused = decode(&value).unwrap_err();
        assert_eq!(refused, DecisionLogError::UnknownVersion { version });
        assert!(refused.to_string().contains("run the release that wrote it"), "{refused}");
    }
    // Whatever else it says: here, a field of another type than ours.
    let refused = decode(&[0x08, 0x02, 0x12, 0x01, 0xff]);
    assert_eq!(refused, Err(DecisionLogError::UnknownVersion { version: 2 }));
    assert_eq!(decode(&[]), Err(DecisionLogError::UnknownVersion { version: 0 }));
}

#[test]
fn unknown_fields_are_ignored() {
    let part = part(vec![dropped(1)]);
    let mut value = encode(&part, 1_000).remove(0).value;
    value.extend([0xfa, 0x7f, 0x01, 0x00]); // field 2047, one byte
    assert_eq!(decode(&value).unwrap().entries, part.entries);
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let refused = decode(b"{\"version\": 1}").unwrap_err();
    assert!(matches!(refused, DecisionLogError::NotProtobuf { bytes: 14, .. }), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("got 14 bytes") && text.contains("nothing but tailsift"), "{text}");
}

/// A change to a sound batch, and the error that it must cause.
type Breach = (fn(&mut wire::DecisionBatch), &'static str);

#[test]
fn fields_that_say_what_cannot_be_are_refused() {
    let breaches: [Breach; 17] = [
        (|batch| batch.slice = 1, "slice: expected a number below slices (1), got 1"),
        (|batch| batch.slices = 0, "slice: expected a number below slices (0), got 0"),
        (|batch| batch.partition = -1, "partition: expected 0 or more, got -1"),
        (|batch| batch.log_partition = -2, "log_partition: expected 0 or more, got -2"),
        (|batch| batch.commit_offset = -3, "commit_offset: expected 0 or more, got -3"),
        (|batch| batch.read_to = -4, "read_to: expected 0 or more, got -4"),
        (
            |batch| batch.entries[1].trace_id = vec![0xab; 3],
            "entries[1].trace_id: expected 16 bytes, not all zero, got 3 bytes (ababab)",
        ),
        (|batch| batch.entries[1].trace_id = vec![0; 16], "expected 16 bytes, not all zero"),
        (|batch| batch.entries[1].kind = 3, "entries[1].kind: expected a known kind of entry"),
        (|batch| batch.entries[0].verdict = 2, "entries[0].verdict: expected a known verdict"),
        (|batch| batch.entries[0].close_reason = 0, "expected a known reason, got 0"),
        (|batch| batch.entries[0].close_reason = 9, "expected a known reason, got 9"),
        (|batch| batch.entries[1].policy = 2, "expected 0 or a place in policies, got 2"),
        (|batch| batch.entries[0].through_back = 5_001, "entries[0].through_back: expected"),
        (|batch| batch.entries[0].through_back = i64::MIN, "entries[0].through_back: expected"),
        (|batch| batch.entries[0].expiry_after = u64::MAX, "entries[0].expiry_after: expected"),
        (
            |batch| batch.entries[0].sources = Some(vec![0x80]),
            "entries[0].sources: expected LEB128 offsets, got 1 bytes (80)",
        ),
    ];
    let value = encode(&part(vec![dropped(1), kept(2, 1)]), 1_000).remove(0).value;
    for (change, expected) in breaches {
        let mut batch = wire::DecisionBatch::decode(&value[..]).unwrap();
        change(&mut batch);
        let refused = decode(&batch.encode_to_vec()).unwrap_err().to_string();
        assert!(refused.contains(expected), "expected {expected:?}, got {refused:?}");
        assert!(refused.contains("nothing but tailsift"), "{refused}");
    }
}

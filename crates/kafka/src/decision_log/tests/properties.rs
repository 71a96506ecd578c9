use proptest::prelude::*;

use super::*;

fn facts() -> impl Strategy<Value = Facts> {
    let words = prop::collection::vec(any::<u64>(), 0..4);
    (any::<u32>(), any::<bool>(), any::<u64>(), any::<u64>(), any::<Option<u64>>(), words).prop_map(
        |(spans, root_seen, start, end, randomness, words)| {
            let mut facts = Facts::default().with_words(&words);
            facts.spans = spans;
            facts.root_seen = root_seen;
            (facts.start, facts.end) = (UnixNano(start), UnixNano(end));
            facts.randomness = randomness;
            facts
        },
    )
}

fn sources() -> impl Strategy<Value = Sources> {
    prop::collection::vec(0i64..1 << 40, 0..400).prop_map(|mut offsets| {
        offsets.sort_unstable();
        let mut sources = Sources::default();
        offsets.into_iter().for_each(|offset| sources.push(offset));
        sources
    })
}

fn decisions() -> impl Strategy<Value = Decision> {
    let policy = prop::option::of(0..names().configured() as u16);
    let close_reason = prop::sample::select(&CloseReason::ALL[..]);
    let chance = prop_oneof![
        Just(Chance::None),
        Just(Chance::Unknown),
        any::<u64>().prop_map(|threshold| Chance::Threshold(Threshold(threshold))),
    ];
    (any::<bool>(), policy, close_reason, chance).prop_map(
        |(keep, policy, close_reason, chance)| Decision {
            verdict: if keep { Verdict::Keep } else { Verdict::Drop },
            policy,
            close_reason,
            chance,
        },
    )
}

fn entries() -> impl Strategy<Value = Entry> {
    let kind = prop::sample::select(vec![EntryKind::Decide, EntryKind::Late, EntryKind::Turn]);
    let facts = prop::option::of(facts());
    let places = (prop::option::of(sources()), any::<u64>(), any::<bool>());
    let turned = (prop::option::of(turned()), prop::option::of(missing()));
    let trace_id = 1..=u128::MAX;
    (trace_id, kind, decisions(), 0..=i64::MAX, any::<i64>(), facts, places, turned).prop_map(
        |(trace_id, kind, decision, through, expiry, facts, places, turned)| Entry {
            trace_id: TraceId(trace_id.to_be_bytes()),
            kind,
            decision,
            through,
            expiry: Millis(expiry),
            facts,
            sources: places.0,
            source_bytes: places.1,
            may_turn: places.2,
            turned: turned.0,
            missing: turned.1,
        },
    )
}

fn turned() -> impl Strategy<Value = Turned> {
    let by = prop::option::of((1..=u64::MAX).prop_map(|id| SpanId(id.to_be_bytes())));
    let partial = prop::option::of(prop::sample::select(&Partial::ALL[..]));
    (by, partial, 0..=i64::MAX).prop_map(|(by, partial, below)| {
        let missing_below = (partial == Some(Partial::Forgotten)).then_some(below);
        Turned { by, partial, missing_below }
    })
}

/// Offsets that could all be noted.
fn missing() -> impl Strategy<Value = Sources> {
    sources().prop_filter("a part of what was noted", Sources::is_complete)
}

fn parts() -> impl Strategy<Value = Part> {
    let offsets = (0..=i64::MAX, 0..=i64::MAX);
    let times = (any::<Option<i64>>(), any::<Option<i64>>());
    let checkpoint = (any::<u64>(), any::<u64>(), 0..=i32::MAX);
    let entries = prop::collection::vec(entries(), 0..30);
    (0..=i32::MAX, offsets, times, checkpoint, entries).prop_map(
        |(partition, offsets, times, checkpoint, entries)| {
            let (incarnation, sequence, log_partition) = checkpoint;
            Part {
                partition,
                commit_offset: offsets.0,
                next_offset: offsets.1,
                commit_stream_time: times.0.map(Millis),
                next_stream_time: times.1.map(Millis),
                checkpoint: Checkpoint { incarnation, sequence, log_partition },
                ..part(entries)
            }
        },
    )
}

proptest! {
    #[test]
    fn a_part_comes_back(
        part in parts(),
        ids in (any::<u64>(), any::<u64>(), any::<u64>()),
        max_bytes in 0usize..4_000,
    ) {
        let (writer, scope, config) = ids;
        let slices = encode_batch(&part, writer, scope, config, &names(), max_bytes);
        let mut entries = Vec::new();
        for (index, slice) in slices.iter().enumerate() {
            prop_assert_eq!(parse_batch_key(&slice.key), Some((scope, part.partition)));
            let mut names = names();
            let batch = decode_batch(&slice.value, &mut names, config).unwrap();
            prop_assert_eq!(names, super::names());
            prop_assert!(slice.value.len() <= max_bytes || batch.entries.len() <= 1);
            prop_assert!(!batch.entries.is_empty() || part.entries.is_empty());
            let head = DecisionBatch {
                scope,
                partition: part.partition,
                checkpoint: part.checkpoint,
                writer,
                slice: index as u32,
                slices: slices.len() as u32,
                commit_offset: part.commit_offset,
                read_to: part.next_offset,
                stream_time: part.commit_stream_time,
                read_stream_time: part.next_stream_time,
                config,
                entries: batch.entries.clone(),
            };
            prop_assert_eq!(&batch, &head);
            entries.extend(batch.entries);
        }
        prop_assert_eq!(entries, part.entries);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = decode(&[&[0x08, 0x01][..], &bytes].concat());
    }

    #[test]
    fn changed_bytes_are_read_or_refused(
        part in parts(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        len in any::<prop::sample::Index>(),
    ) {
        let mut value = encode(&part, usize::MAX).remove(0).value;
        for (at, byte) in changes {
            let at = at.index(value.len());
            value[at] = byte;
        }
        let _ = decode(&value);
        let _ = decode(&value[..len.index(value.len())]);
    }
}

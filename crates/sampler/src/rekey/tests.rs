//! The stage's life as short stories: records in, epochs out.

use proptest::prelude::*;
use tailsift_trace::Piece;

use super::*;

const LIMITS: RekeyLimits =
    RekeyLimits { record_bytes: 100, record_time: Millis(1000), buffer_bytes: 10_000 };

fn at(partition: i32, offset: i64, time: i64) -> RecordAt<'static> {
    RecordAt {
        partition,
        offset,
        time: Some(Millis(time)),
        wall_now: Millis(i64::MAX),
        headers: b"",
        bytes: 7,
    }
}

/// A batch with these bytes for these targets.
fn batch(shares: &[(i32, &'static [u8])]) -> Batch<'static> {
    let mut batch = Batch::default();
    for (target, bytes) in shares {
        let place = batch.pieces.len() as u32;
        batch.pieces.push(Piece::Own(bytes));
        batch.chunks.push(Chunk {
            trace_id: group_of(*target),
            spans: 0..0,
            pieces: place..place + 1,
        });
    }
    batch
}

fn stage(partitions: &[i32]) -> Rekeyer {
    let mut stage = Rekeyer::new(LIMITS);
    partitions.iter().for_each(|partition| stage.handle_assigned(*partition, 0, 7, false, None));
    stage
}

/// What an epoch brings where, in order.
fn moved(epoch: &Epoch) -> Vec<(i32, String)> {
    let text = |moved: &crate::Moved| String::from_utf8(moved.payload.clone()).unwrap();
    epoch.moved.iter().map(|moved| (moved.partition, text(moved))).collect()
}

fn commits(epoch: &Epoch) -> Vec<(i32, i64, u64)> {
    let commit = |part: &Part| (part.partition, part.commit_offset, part.checkpoint.sequence);
    epoch.parts.iter().map(commit).collect()
}

#[test]
fn one_record_leaves_for_each_target() {
    let mut stage = stage(&[0, 1]);
    stage.handle_record(&at(0, 0, 500), &batch(&[(3, b"a"), (4, b"b")]));
    stage.handle_record(&at(1, 0, 400), &batch(&[(4, b"c"), (3, b"d")]));
    stage.handle_record(&at(0, 1, 600), &batch(&[(3, b"e")]));
    let epoch = stage.poll_epoch().unwrap();
    assert_eq!(moved(&epoch), [(3, "ade".into()), (4, "bc".into())]);
    assert_eq!(commits(&epoch), [(0, 2, 1), (1, 1, 1)]);
    assert!(epoch.is_indivisible);
    assert!(epoch.moved.iter().all(|moved| moved.time == Some(Millis(400))), "the smallest");
    assert!(stage.poll_epoch().is_none(), "one at a time");

    stage.handle_record(&at(1, 5, 700), &batch(&[(3, b"f")]));
    stage.handle_committed(epoch);
    let epoch = stage.poll_epoch().unwrap();
    assert_eq!((moved(&epoch), commits(&epoch)), (vec![(3, "f".into())], vec![(1, 6, 2)]));
    assert_eq!(epoch.moved[0].time, Some(Millis(700)));
    let progress: Vec<_> = stage.progress().map(|at| (at.next_offset, at.committed)).collect();
    assert_eq!(progress, [(2, Some(2)), (6, Some(1))]);
}

/// A backlog is read much faster than it was written.
#[test]
fn records_hold_spans_of_a_stretch_of_time() {
    let mut stage = stage(&[0, 1]);
    let times = [(0, 0, 500), (0, 1, 2600), (1, 0, 900), (1, 1, 2500), (1, 2, 1700), (1, 3, 3000)];
    let shares: [&'static [u8]; 6] = [b"a", b"b", b"c", b"d", b"e", b"f"];
    for ((partition, offset, time), share) in times.into_iter().zip(shares) {
        stage.handle_record(&at(partition, offset, time), &batch(&[(3, share)]));
    }
    let epoch = stage.poll_epoch().unwrap();
    let texts: Vec<_> = moved(&epoch).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["ac", "bde", "f"], "e stays behind d, which came before it");
    let times: Vec<_> = epoch.moved.iter().map(|moved| moved.time.unwrap().0).collect();
    assert_eq!(times, [500, 1700, 3000], "the smallest");
}

#[test]
fn that_a_record_waits_is_committed() {
    let mut stage = stage(&[0]);
    stage.handle_waiting(0, Millis(900));
    let epoch = stage.poll_epoch().unwrap();
    assert_eq!((commits(&epoch), moved(&epoch)), (vec![(0, 0, 1)], vec![]));
    assert_eq!(epoch.parts[0].commit_stream_time, Some(Millis(900)));
    stage.handle_committed(epoch);
    stage.handle_waiting(0, Millis(900));
    assert!(stage.poll_epoch().is_none(), "that is no news");
}

#[test]
fn records_have_a_size_and_shares_stay_whole() {
    static SIXTY: [u8; 60] = [b'x'; 60];
    static HUGE: [u8; 600] = [b'y'; 600];
    let mut stage = stage(&[0]);
    for (offset, bytes) in [&SIXTY[..], &SIXTY, b"z", &HUGE].into_iter().enumerate() {
        stage.handle_record(&at(0, offset as i64, 0), &batch(&[(1, bytes)]));
    }
    let epoch = stage.poll_epoch().unwrap();
    let lengths: Vec<_> = epoch.moved.iter().map(|moved| moved.payload.len()).collect();
    assert_eq!(lengths, [60, 61, 600]);
}

#[test]
fn headers_are_not_mixed() {
    let mut stage = stage(&[0]);
    for (offset, headers) in [&b"red"[..], b"blue", b"red", b""].into_iter().enumerate() {
        let at = RecordAt { headers, ..at(0, offset as i64, 0) };
        stage.handle_record(&at, &batch(&[(1, b"s")]));
    }
    let epoch = stage.poll_epoch().unwrap();
    let seen: Vec<_> = epoch.moved.iter().map(|m| (&*m.headers, m.payload.len())).collect();
    assert_eq!(seen, [(&b"red"[..], 2), (b"blue", 1), (b"", 1)]);
}

#[test]
fn what_cannot_be_read_is_passed_with_its_letter() {
    let letter = |reason: &str| DeadLetter {
        kind: crate::LetterKind::Record,
        offset: 0,
        time: None,
        reason: reason.into(),
        key: None,
        value: None,
        withheld: None,
        headers: Box::default(),
    };
    let mut stage = stage(&[0]);
    stage.handle_poison(&at(0, 0, 1), Some(letter("poison")));
    stage.handle_record(&at(0, 1, 1), &Batch { malformed: 2, ..batch(&[(1, b"s")]) });
    stage.handle_malformed(0, letter("malformed"));
    stage.handle_poison(&at(0, 2, 1), None);
    let epoch = stage.poll_epoch().unwrap();
    assert_eq!(commits(&epoch), [(0, 3, 1)]);
    let reasons: Vec<_> = epoch.parts[0].dead_letters.iter().map(|l| &*l.reason).collect();
    assert_eq!(reasons, ["poison", "malformed"]);
    let stats = stage.stats();
    assert_eq!((stats.records, stats.poison_records, stats.malformed_spans), (3, 2, 2));
}

#[test]
fn a_record_that_comes_twice_is_moved_once() {
    let mut stage = stage(&[0]);
    for _ in 0..2 {
        stage.handle_record(&at(0, 4, 1), &batch(&[(1, b"s")]));
    }
    stage.handle_record(&at(9, 0, 1), &batch(&[(1, b"not ours")]));
    assert_eq!(moved(&stage.poll_epoch().unwrap()), [(1, "s".into())]);
    assert_eq!(stage.stats().repeated_records, 1);
}

#[test]
fn partitions_that_leave_clean_disturb_nobody() {
    let mut stage = stage(&[0, 1]);
    stage.handle_record(&at(0, 0, 1), &batch(&[(1, b"s")]));
    let epoch = stage.poll_epoch().unwrap();
    stage.handle_committed(epoch);
    stage.handle_revoked(&[0]);
    assert!(!stage.poll_reread() && stage.holds(1, 2) && !stage.holds(0, 1));
}

/// Spans of the partition that left are among what waits.
#[test]
fn partitions_that_leave_in_the_middle_take_all_that_waits_with_them() {
    for in_flight in [false, true] {
        let mut stage = stage(&[0, 1]);
        stage.handle_record(&at(0, 0, 1), &batch(&[(1, b"s")]));
        stage.handle_record(&at(1, 0, 1), &batch(&[(1, b"t")]));
        let cut = in_flight.then(|| stage.poll_epoch().unwrap());
        stage.handle_revoked(&[0]);
        assert!(stage.poll_reread() && !stage.poll_reread());
        assert!(!stage.holds(1, 2), "it is assigned anew");
        assert!(stage.poll_epoch().is_none());
        if cut.is_some() {
            stage.handle_discarded();
            assert!(!stage.poll_reread(), "once is enough");
        }
        stage.handle_assigned(1, 0, 8, false, None);
        stage.handle_record(&at(1, 0, 1), &batch(&[(1, b"t")]));
        assert_eq!(moved(&stage.poll_epoch().unwrap()), [(1, "t".into())]);
    }
}

#[test]
fn a_new_group_commits_where_it_begins() {
    let mut stage = Rekeyer::new(LIMITS);
    stage.handle_assigned(0, 40, 7, true, None);
    let epoch = stage.poll_epoch().unwrap();
    assert_eq!((commits(&epoch), moved(&epoch)), (vec![(0, 40, 1)], vec![]));
}

#[test]
fn a_discarded_epoch_is_read_again() {
    let mut stage = stage(&[0]);
    stage.handle_record(&at(0, 0, 1), &batch(&[(1, b"s")]));
    let _discarded = stage.poll_epoch().unwrap();
    stage.handle_record(&at(0, 1, 1), &batch(&[(1, b"t")]));
    stage.handle_discarded();
    assert!(stage.poll_reread() && stage.is_settled());
}

#[test]
fn the_buffer_is_bounded() {
    static KIB: [u8; 1024] = [0; 1024];
    let mut stage = stage(&[0]);
    let (mut wants_at, mut full_at) = (None, None);
    let mut cut = None;
    for offset in 0..20 {
        stage.handle_record(&at(0, offset, 1), &batch(&[(1, &KIB)]));
        if wants_at.is_none() && stage.wants_epoch() {
            wants_at = Some(offset);
            cut = stage.poll_epoch();
        }
        if full_at.is_none() && stage.is_congested() {
            full_at = Some(offset);
        }
    }
    assert_eq!((wants_at, full_at), (Some(4), Some(9)), "what is in flight counts");
    stage.handle_committed(cut.unwrap());
    assert!(stage.is_congested(), "fifteen more came");
}

proptest! {
    /// Nothing is lost, repeated or brought out of order within a target.
    #[test]
    fn each_target_gets_its_shares_in_order(
        records in prop::collection::vec(
            (0i32..3, prop::collection::vec((0i32..4, any::<u8>()), 0..5), any::<bool>()),
            0..60,
        ),
    ) {
        let mut stage = stage(&[0, 1, 2]);
        let mut offsets = [0; 3];
        let (mut sent, mut got) = (vec![Vec::new(); 4], vec![Vec::new(); 4]);
        let mut take = |epoch: &Epoch| for moved in &epoch.moved {
            got[moved.partition as usize].extend_from_slice(&moved.payload);
        };
        let mut in_flight: Option<Epoch> = None;
        for (partition, shares, cut) in records {
            let mut batch = Batch::default();
            let bytes: Vec<_> = shares.iter().map(|share| [share.1]).collect();
            for ((target, byte), bytes) in shares.iter().zip(&bytes) {
                sent[*target as usize].push(*byte);
                let place = batch.pieces.len() as u32;
                batch.pieces.push(Piece::Own(bytes));
                let pieces = place..place + 1;
                batch.chunks.push(Chunk { trace_id: group_of(*target), spans: 0..0, pieces });
            }
            stage.handle_record(&at(partition, offsets[partition as usize], 1), &batch);
            offsets[partition as usize] += 1;
            if cut {
                if let Some(epoch) = in_flight.take() {
                    stage.handle_committed(epoch);
                }
                in_flight = stage.poll_epoch();
                in_flight.iter().for_each(&mut take);
            }
        }
        in_flight.into_iter().for_each(|epoch| stage.handle_committed(epoch));
        stage.poll_epoch().iter().for_each(&mut take);
        prop_assert_eq!(sent, got);
    }
}

use super::*;
use crate::offsets::PATIENCE;
use crate::{EmbeddedBroker, Outgoing, Writer};

fn offsets(wanted: &[(i32, &[i64])]) -> Offsets {
    wanted.iter().map(|(partition, at)| (*partition, at.iter().copied().collect())).collect()
}

/// A topic of two partitions, of so many records each that hold their offset.
fn topic_of(records: i64) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start(1, &[("t", 2)]).unwrap();
    let mut writer = Writer::new(&broker.client_settings()).unwrap();
    for offset in 0..records {
        let value = offset.to_be_bytes();
        for partition in [0, 1] {
            let (partition, value) = (Some(partition), Some(value.as_slice()));
            writer.send(Outgoing { topic: "t", partition, value, ..Outgoing::default() }).unwrap();
        }
    }
    writer.flush(PATIENCE).unwrap();
    broker
}

/// What is shown, and what becomes of the rest.
fn read(seeker: &mut Seeker, wanted: &Offsets, patience: Duration) -> (Offsets, Sought) {
    let mut shown = Offsets::new();
    let sought = seeker.read(wanted.clone(), patience, |record| {
        let value = i64::from_be_bytes(record.value().unwrap().try_into().unwrap());
        assert_eq!(value, record.offset());
        let is_new = shown.entry(record.partition()).or_default().insert(record.offset());
        assert!(is_new, "{} is shown twice", record.offset());
    });
    (shown, sought.unwrap())
}

#[test]
fn records_far_apart_and_close_together_are_found() {
    let broker = topic_of(2000);
    let mut seeker = Seeker::open(&broker.client_settings(), "t").unwrap();
    for wanted in [
        offsets(&[(0, &[0])]),
        offsets(&[(0, &[5, 6, 7, 300, 900, 1999]), (1, &[1000])]),
        offsets(&[(1, &[1999, 0])]),
        Offsets::new(),
        (0..2).map(|partition| (partition, (0..2000).collect())).collect(),
    ] {
        let (shown, sought) = read(&mut seeker, &wanted, PATIENCE);
        assert_eq!(shown, wanted);
        assert_eq!(sought, Sought::default());
    }
    assert!(seeker.bytes_read() >= 4000 * 8);
}

#[test]
fn what_is_not_there_is_told() {
    let broker = topic_of(10);
    let mut seeker = Seeker::open(&broker.client_settings(), "t").unwrap();
    let wanted = offsets(&[(0, &[3, 10]), (1, &[9]), (7, &[0])]);
    let (shown, sought) = read(&mut seeker, &wanted, PATIENCE);
    assert_eq!(shown, offsets(&[(0, &[3]), (1, &[9])]));
    assert_eq!(sought.gone, offsets(&[(0, &[10]), (7, &[0])]));
    assert_eq!(sought.unread, Offsets::new());
}

#[test]
fn what_takes_too_long_is_told() {
    let broker = topic_of(10);
    let mut seeker = Seeker::open(&broker.client_settings(), "t").unwrap();
    let wanted = offsets(&[(0, &[3])]);
    let (shown, sought) = read(&mut seeker, &wanted, Duration::ZERO);
    assert_eq!((shown, sought.unread), (Offsets::new(), wanted.clone()));
    let (shown, _) = read(&mut seeker, &wanted, PATIENCE);
    assert_eq!(shown, wanted, "it is of use afterwards");
}

#[test]
fn runs_are_cut_where_gaps_are_wide() {
    let check = |wanted: &[i64], expect: (i64, i64)| {
        let sought = Sought { unread: offsets(&[(4, wanted)]), ..Sought::default() };
        let expect = Run { first: expect.0, last: expect.1 };
        assert_eq!(sought.next_runs(), Runs::from([(4, expect)]), "{wanted:?}");
    };
    check(&[7], (7, 7));
    check(&[7, 8, 8 + GAP], (7, 8 + GAP));
    check(&[7, 8, 9 + GAP], (7, 8));
}

#[test]
fn what_is_passed_over_was_never_a_record() {
    let mut sought = Sought { unread: offsets(&[(0, &[3, 5, 9])]), ..Sought::default() };
    assert!(sought.reach(0, 3, 9));
    assert!(!sought.reach(0, 4, 9));
    assert!(!sought.reach(0, 11, 9));
    assert_eq!(sought, Sought { gone: offsets(&[(0, &[5, 9])]), unread: Offsets::new() });
}

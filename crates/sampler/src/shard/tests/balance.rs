//! Whatever becomes of partitions and their owners, each span that was handed in is somewhere.

use std::cell::RefCell;

use proptest::test_runner::TestRunner;

use super::chance::{answer, chance};
use super::restore::Topic;
use super::*;
use crate::{Balance, Missing};

/// What may happen to two partitions and two owners, by their numbers.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// A partition's owner reads on. Where no record is left, one comes, of these traces (failed or
    /// not) and so many milliseconds after the last one.
    Read(usize, [(u8, bool); 2], i64),
    /// The last record is delivered again.
    Repeat(usize),
    Poison(usize),
    Idle(usize),
    Cut(usize),
    Commit(usize),
    /// All that an owner asked for is found, or gone.
    Answer(usize, bool),
    /// A partition goes to the other owner, with all that was done committed, or not.
    Move(usize, bool),
    Drain(usize),
}

fn anything() -> impl Strategy<Value = Happens> {
    let (one, span) = (0usize..2, (0u8..10, prop::bool::weighted(0.15)));
    prop_oneof![
        20 => (one.clone(), [span.clone(), span], 0i64..900)
            .prop_map(|(partition, spans, step)| Happens::Read(partition, spans, step)),
        1 => one.clone().prop_map(Happens::Repeat),
        1 => one.clone().prop_map(Happens::Poison),
        2 => one.clone().prop_map(Happens::Idle),
        4 => one.clone().prop_map(Happens::Cut),
        4 => one.clone().prop_map(Happens::Commit),
        3 => (one.clone(), prop::bool::ANY).prop_map(|(owner, is_there)| Happens::Answer(owner, is_there)),
        2 => (one.clone(), prop::bool::ANY).prop_map(|(partition, all)| Happens::Move(partition, all)),
        1 => one.prop_map(Happens::Drain),
    ]
}

struct World {
    owners: [Shard; 2],
    in_flight: [Option<Epoch>; 2],
    partitions: [Lane; 2],
    time: i64,
}

/// A partition of the input.
#[derive(Default)]
struct Lane {
    owner: usize,
    position: usize,
    /// Times and spans; `None` = poison.
    records: Vec<(i64, Option<Vec<S>>)>,
    topic: Topic,
}

impl World {
    /// The first owner has both partitions.
    fn new(limits: &Limits) -> Self {
        let (first, mut second) = (shard(limits.clone()), shard(limits.clone()));
        second.handle_revoked(&[0, 1]);
        Self {
            owners: [first, second],
            in_flight: [None, None],
            partitions: Default::default(),
            time: 0,
        }
    }

    fn let_happen(&mut self, what: Happens) {
        match what {
            Happens::Read(number, mut spans, step) => {
                spans.sort();
                let spans = spans.map(|(trace, error)| S { trace: b'a' + trace, error, ..s('a') });
                self.read(number, Some(spans.to_vec()), step);
            }
            Happens::Poison(number) => self.read(number, None, 0),
            Happens::Repeat(number) => {
                if let Some(last) = self.partitions[number].position.checked_sub(1) {
                    self.deliver(number, last);
                }
            }
            Happens::Idle(number) => {
                let Lane { owner, ref records, .. } = self.partitions[number];
                self.time += 500;
                let end = records.len() as i64;
                self.owners[owner].handle_idle(number as i32, Millis(self.time), end);
            }
            Happens::Cut(owner) => self.cut(owner),
            Happens::Commit(owner) => self.commit(owner),
            Happens::Answer(owner, is_there) => {
                while let Some(asked) = self.owners[owner].poll_reread() {
                    let gone = |offset: &i64| (*offset, Missing::Gone);
                    let missing: Vec<_> = asked.sources.iter().map(gone).collect();
                    let missing = if is_there { &[][..] } else { &missing };
                    self.owners[owner].handle_reread(answer(&asked, missing));
                }
            }
            Happens::Move(number, all) => self.hand_over(number, all),
            Happens::Drain(owner) => self.owners[owner].handle_drain(),
        }
    }

    fn read(&mut self, number: usize, spans: Option<Vec<S>>, step: i64) {
        let lane = &mut self.partitions[number];
        if lane.position == lane.records.len() {
            self.time += step;
            lane.records.push((self.time, spans));
        }
        let offset = lane.position;
        lane.position += 1;
        self.deliver(number, offset);
    }

    fn deliver(&mut self, number: usize, offset: usize) {
        let Lane { owner, records, .. } = &self.partitions[number];
        let (time, spans) = &records[offset];
        let at = RecordAt { partition: number as i32, ..at(offset as i64, *time) };
        match spans {
            Some(spans) => self.owners[*owner].handle_record(&at, &batch(spans)),
            None => self.owners[*owner].handle_poison(&at, None),
        }
    }

    fn cut(&mut self, owner: usize) {
        if self.in_flight[owner].is_none() {
            self.in_flight[owner] = self.owners[owner].poll_epoch();
        }
    }

    fn commit(&mut self, owner: usize) {
        let Some(mut epoch) = self.in_flight[owner].take() else { return };
        let shard = &mut self.owners[owner];
        epoch.parts.retain(|part| shard.holds(part.partition, part.assignment));
        write(&mut epoch);
        shard.handle_committed(&epoch);
        for part in epoch.parts {
            self.partitions[part.partition as usize].topic.committed(part);
        }
    }

    fn hand_over(&mut self, number: usize, all: bool) {
        let owner = self.partitions[number].owner;
        // What is under way goes first.
        for _ in 0..if all { 2 } else { 0 } {
            self.cut(owner);
            self.commit(owner);
        }
        self.owners[owner].handle_revoked(&[number as i32]);
        let lane = &mut self.partitions[number];
        let from = lane.topic.restored();
        (lane.owner, lane.position) = (1 - owner, from.offset as usize);
        self.owners[1 - owner].handle_assigned(number as i32, from);
    }

    fn balances(&mut self) -> [Balance; 2] {
        self.owners.each_mut().map(|shard| {
            let gauges = shard.gauges();
            Balance::of(shard.stats(), &gauges)
        })
    }
}

/// And each place is come by, or this proves nothing.
#[test]
fn every_span_is_somewhere_after_each_step() {
    let reached = RefCell::new(Balance::default());
    let memory = prop_oneof![3 => Just(1usize << 30), 1 => 2_000usize..20_000];
    let steps = (memory, prop::collection::vec(anything(), 1..150));
    let mut runner = TestRunner::default();
    let outcome = runner.run(&steps, |(memory_bytes, steps)| {
        let mut world = World::new(&Limits { memory_bytes, ..chance() });
        for (number, what) in steps.into_iter().enumerate() {
            world.let_happen(what);
            for (owner, balance) in world.balances().into_iter().enumerate() {
                prop_assert!(balance.is_even(), "{number}: {what:?}: owner {owner}: {balance}");
                reached.borrow_mut().add(&balance);
            }
        }
        Ok(())
    });
    outcome.unwrap();
    let reached = reached.into_inner();
    let text = reached.to_string();
    assert!(!text.contains(" 0 "), "{text}");
}

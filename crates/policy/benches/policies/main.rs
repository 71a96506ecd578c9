//! What policies cost a span and a trace.
//!
//! `cargo bench -p tailsift-policy`: an iteration folds 1000 spans, or judges 1000 traces, so what
//! is shown in microseconds is nanoseconds for each. The allocation columns are of all 1000 spans,
//! which are those of ten traces: policies that note numbers allocate once a trace, those that ask
//! how spans hang together (`failure`, `fragmented`) each time that their lists double, and no
//! other ever does.

mod load;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use mimalloc::MiMalloc;
use tailsift_fixture::bench_main;
use tailsift_policy::{Facts, Kind, PolicySet, Tally};
use tailsift_trace::{Batch, Millis};

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

fn main() {
    bench_main();
}

const POLICIES: [usize; 3] = [1, 5, 50];

#[divan::bench(args = POLICIES)]
fn fold_policies(bencher: Bencher<'_, '_>, policies: usize) {
    fold(bencher, &load::set(load::mix(policies)));
}

#[divan::bench(args = POLICIES)]
fn judge_policies(bencher: Bencher<'_, '_>, policies: usize) {
    judge(bencher, &load::set(load::mix(policies)));
}

#[divan::bench(args = names())]
fn fold_kind(bencher: Bencher<'_, '_>, name: &str) {
    fold(bencher, &load::set(vec![kind(name)]));
}

#[divan::bench(args = names())]
fn judge_kind(bencher: Bencher<'_, '_>, name: &str) {
    judge(bencher, &load::set(vec![kind(name)]));
}

fn names() -> Vec<&'static str> {
    load::kinds().into_iter().map(|(name, _)| name).collect()
}

fn kind(name: &str) -> Kind {
    let found = load::kinds().into_iter().find(|(known, _)| *known == name);
    found.expect("the names are those of the kinds").1
}

fn fold(bencher: Bencher<'_, '_>, set: &PolicySet) {
    let batch = load::batch(set.interest());
    // What patterns keep for a thread is made when they are first used.
    black_box(facts(set, &batch));
    bencher.counter(ItemsCount::new(batch.spans.len())).bench_local(|| {
        black_box(facts(set, black_box(&batch)));
    });
}

/// The facts of a record's traces.
fn facts(set: &PolicySet, batch: &Batch<'_>) -> [Facts; load::TRACES as usize] {
    let mut tally = Tally::default();
    std::array::from_fn(|trace| {
        let mut facts = Facts::default();
        set.fold_at(Some(Millis(0)), &mut facts, batch, &batch.chunks[trace], &mut tally);
        facts
    })
}

fn judge(bencher: Bencher<'_, '_>, set: &PolicySet) {
    const TRACES: u32 = 1000;
    let batch = load::batch(set.interest());
    let facts = facts(set, &batch);
    let mut limiters = set.limiters(1);
    let (mut votes, mut now) = (Vec::new(), 0);
    bencher.counter(ItemsCount::new(TRACES)).bench_local(|| {
        for trace in 0..TRACES {
            let trace = trace % load::TRACES;
            now += 1;
            let facts = black_box(&facts[trace as usize]);
            let id = load::trace_id(trace);
            black_box(set.judge(id, facts, &mut limiters, Millis(now), &mut votes));
        }
    });
}

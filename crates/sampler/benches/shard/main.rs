//! What the state machine costs a span once its record is scanned.
//!
//! `cargo bench -p tailsift-sampler`, or `cargo xtask bench shard` for a table of ns and bytes a
//! span. What *hold* allocates at most is what held spans take; it holds them all, *pass* those of
//! 5 s.

mod rekey;

use divan::{AllocProfiler, Bencher};
use mimalloc::MiMalloc;
use tailsift_fixture::{BenchLoad, BenchPolicies, bench_main, bench_shard};
use tailsift_sampler::Shard;
use tailsift_trace::Millis;

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

fn main() {
    bench_main();
}

/// Spans come, are folded and held; nothing is judged.
#[divan::bench(args = BenchLoad::WINDOWED)]
fn hold(bencher: Bencher<'_, '_>, load: BenchLoad) {
    let records = load.records();
    let policies = BenchPolicies::Peers.compile();
    let scanned = records.scan(policies.interest());
    records
        .count(bencher)
        .with_inputs(|| bench_shard(&policies, Millis::from_secs(3600)))
        .bench_local_values(|mut shard| {
            scanned.feed(&mut shard, |_| ());
            shard
        });
}

/// All that is held is due at once, and dropped.
#[divan::bench(args = BenchLoad::WINDOWED)]
fn expire(bencher: Bencher<'_, '_>, load: BenchLoad) {
    judge(bencher, load, BenchPolicies::DropAll);
}

/// All that is held is due at once, and kept: exports are assembled from the held pieces.
#[divan::bench(args = BenchLoad::WINDOWED)]
fn assemble(bencher: Bencher<'_, '_>, load: BenchLoad) {
    judge(bencher, load, BenchPolicies::KeepAll);
}

fn judge(bencher: Bencher<'_, '_>, load: BenchLoad, policies: BenchPolicies) {
    let records = load.records();
    let policies = policies.compile();
    let scanned = records.scan(policies.interest());
    let mut of_one = scanned.held(&policies);
    scanned.judge(&mut of_one);
    assert_eq!(of_one.gauges().traces_open, 0, "all of it is due");
    records.count(bencher).with_inputs(|| scanned.held(&policies)).bench_local_values(
        |mut shard| {
            scanned.judge(&mut shard);
            shard
        },
    );
}

/// A window that spans go through: held, judged 5 s later, cut and committed every 500 spans or so.
#[divan::bench(args = BenchLoad::WINDOWED)]
fn pass(bencher: Bencher<'_, '_>, load: BenchLoad) {
    const SPANS_PER_EPOCH: u64 = 500;
    let records = load.records();
    let policies = BenchPolicies::Peers.compile();
    let scanned = records.scan(policies.interest());
    records
        .count(bencher)
        .with_inputs(|| bench_shard(&policies, Millis::from_secs(5)))
        .bench_local_values(|mut shard| {
            let mut cut_at = SPANS_PER_EPOCH;
            scanned.feed(&mut shard, |shard| {
                if shard.stats().spans >= cut_at {
                    cut_at += SPANS_PER_EPOCH;
                    commit(shard);
                }
            });
            shard
        });
}

fn commit(shard: &mut Shard) {
    let Some(mut epoch) = shard.poll_epoch() else { return };
    for part in &mut epoch.parts {
        part.batch_offset = part.has_batch.then_some(part.checkpoint.sequence.cast_signed());
    }
    shard.handle_committed(&epoch);
}

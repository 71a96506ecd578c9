//! What an epoch costs a span: the cut, and its verdicts as records of the decision log.
//!
//! `cargo bench -p tailsift-kafka`, or `cargo xtask bench epoch` for a table of ns and bytes a
//! span. One epoch has the verdicts of a whole load; bytes of *encode* are those of the log.

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use mimalloc::MiMalloc;
use tailsift_fixture::{BenchLoad, BenchPolicies, bench_main};
use tailsift_kafka::{EncodedSlice, PolicyNames, encode_batch};
use tailsift_sampler::Epoch;

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

fn main() {
    bench_main();
}

#[divan::bench(args = BenchLoad::WINDOWED)]
fn cut(bencher: Bencher<'_, '_>, load: BenchLoad) {
    let records = load.records();
    let policies = BenchPolicies::Peers.compile();
    let scanned = records.scan(policies.interest());
    let judged = || {
        let mut shard = scanned.held(&policies);
        scanned.judge(&mut shard);
        shard
    };
    records.count(bencher).with_inputs(judged).bench_local_values(|mut shard| {
        let epoch = shard.poll_epoch().expect("traces were judged");
        (shard, epoch)
    });
}

#[divan::bench(args = BenchLoad::WINDOWED)]
fn encode(bencher: Bencher<'_, '_>, load: BenchLoad) {
    let records = load.records();
    let policies = BenchPolicies::Peers.compile();
    let scanned = records.scan(policies.interest());
    let mut shard = scanned.held(&policies);
    scanned.judge(&mut shard);
    let epoch = shard.poll_epoch().expect("traces were judged");
    let names = PolicyNames::new(policies.names().iter().map(|name| name.to_string()));
    let bytes = encoded(&epoch, &names).map(|slice| slice.value.len()).sum::<usize>();
    assert!(bytes > 0, "a batch says of each trace what became of it");
    bencher.counter(ItemsCount::new(records.spans())).counter(BytesCount::new(bytes)).bench_local(
        || encoded(black_box(&epoch), &names).for_each(|slice| drop(black_box(slice))),
    );
}

fn encoded<'a>(
    epoch: &'a Epoch,
    names: &'a PolicyNames,
) -> impl Iterator<Item = EncodedSlice> + 'a {
    const RECORD_BYTES_MAX: usize = 1_000_000;
    epoch.parts.iter().flat_map(|part| encode_batch(part, 1, 2, 3, names, RECORD_BYTES_MAX))
}

//! What it costs to bring a span to the partition of its trace: scanned in groups, gathered by
//! target, cut. An epoch is what 20,400 spans/s are in 200 ms.

use divan::{Bencher, black_box};
use tailsift_fixture::{BenchLoad, BenchRecords, fnv1a_partition};
use tailsift_otlp::Scanner;
use tailsift_sampler::{RecordAt, RekeyLimits, Rekeyer, group_of};
use tailsift_trace::{Interest, Millis};

const TARGETS: u32 = 8;
const SPANS_PER_EPOCH: u64 = 4080;

#[divan::bench(args = [BenchLoad::Unkeyed, BenchLoad::Bulk])]
fn split(bencher: Bencher<'_, '_>, load: BenchLoad) {
    let records = load.records();
    let mut stage = Stage::new();
    stage.pass(&records);
    records.count(bencher).bench_local(|| stage.pass(black_box(&records)));
}

/// Goes on from one pass over the load to the next, as offsets do.
struct Stage {
    rekeyer: Rekeyer,
    scanner: Scanner,
    next_offset: i64,
    cut_at: u64,
}

impl Stage {
    fn new() -> Self {
        let limits = RekeyLimits {
            record_bytes: 64 << 10,
            record_time: Millis(1000),
            buffer_bytes: 64 << 20,
        };
        let mut rekeyer = Rekeyer::new(limits);
        rekeyer.handle_assigned(0, 0, 1, true, None);
        let scanner = Scanner::new(Interest::default());
        Self { rekeyer, scanner, next_offset: 0, cut_at: SPANS_PER_EPOCH }
    }

    fn pass(&mut self, records: &BenchRecords) {
        for (at, value) in records.iter() {
            let group = |id: tailsift_trace::TraceId| group_of(fnv1a_partition(&id.hex(), TARGETS));
            let batch = self.scanner.scan_in_groups(value, group).expect("the load is OTLP");
            let at = RecordAt { offset: self.next_offset, ..at };
            self.next_offset += 1;
            self.rekeyer.handle_record(&at, &batch);
            self.scanner.recycle(batch);
            if self.rekeyer.stats().spans >= self.cut_at {
                self.cut_at += SPANS_PER_EPOCH;
                let epoch = self.rekeyer.poll_epoch().expect("records came");
                self.rekeyer.handle_committed(black_box(epoch));
            }
        }
    }
}

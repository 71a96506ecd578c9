use super::*;

const PRINTED: &str = "\
Timer precision: 20 ns
shard           fastest       │ slowest       │ median        │ mean          │ samples │ iters
├─ cut                        │               │               │               │         │
│  ╰─ Keyed     1.9 ms        │ 3 ms          │ 2 ms          │ 2.1 ms        │ 100     │ 100
│               12.5 Mitem/s  │ 8 Mitem/s     │ 12 Mitem/s    │ 11 Mitem/s    │         │
│               5.6 GB/s      │ 3.6 GB/s      │ 5.4 GB/s      │ 5 GB/s        │         │
│               max alloc:    │               │               │               │         │
│                 70          │ 70            │ 70            │ 70            │         │
│                 12 MB       │ 12 MB         │ 12 MB         │ 12 MB         │         │
│               alloc:        │               │               │               │         │
│                 2000        │ 2000          │ 2000          │ 2000          │         │
│                 13 MB       │ 13 MB         │ 13 MB         │ 13 MB         │         │
│               dealloc:      │               │               │               │         │
│                 9999        │ 9999          │ 9999          │ 9999          │         │
│                 1 MB        │ 1 MB          │ 1 MB          │ 1 MB          │         │
│               grow:         │               │               │               │         │
│                 400         │ 400           │ 400           │ 400           │         │
│                 2 MB        │ 2 MB          │ 2 MB          │ 2 MB          │         │
╰─ judge_kind                 │               │               │               │         │
   ╰─ and       1.9 µs        │ 3 µs          │ 2 µs          │ 2.1 µs        │ 100     │ 100
                500 Mitem/s   │ 333 Mitem/s   │ 500 Mitem/s   │ 480 Mitem/s   │         │

scan            fastest       │ slowest       │ median        │ mean          │ samples │ iters
╰─ uncounted    125.4 ns      │ 130 ns        │ 126 ns        │ 126 ns        │ 100     │ 100
";

#[test]
fn what_divan_prints_is_read_back() {
    let mut reader = divan::Reader::default();
    PRINTED.lines().for_each(|line| reader.line(line));
    let mut out = Vec::new();
    write(&mut out, &reader.finish()).unwrap();
    let text = String::from_utf8(out).unwrap();
    let rows: Vec<_> = text.lines().skip(2).collect();
    assert_eq!(
        rows,
        [
            "| shard cut Keyed | 83.3 | 450 | 0.100 | 500 |",
            "| shard judge_kind and | 2.0 | – | 0.000 | 0 |"
        ]
    );
}

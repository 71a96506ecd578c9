use std::path::Path;

use super::*;

/// Vectors of librdkafka's own test, made with Go's `hash/fnv` and Sarama's rule.
#[test]
fn fnv1a_agrees_with_sarama() {
    for (key, hash) in [
        ("kafka", 0xd33_c4e1),
        ("giberish123456789", 0x77a5_8295),
        ("1234", 0x23b_dd03),
        ("234", 0x2dea_3cd2),
        ("34", 0x740f_a83e),
        ("4", 0x310c_a263),
        ("", 0x7ee3_623b),
    ] {
        assert_eq!(partition_fnv1a(key.as_bytes(), i32::MAX), hash, "{key}");
        assert_eq!(Partitioner::Fnv1a.partition(key.as_bytes(), 7), hash % 7, "{key}");
    }
}

/// Vectors of Apache Kafka's `UtilsTest.testMurmur2`.
#[test]
fn murmur2_agrees_with_kafka() {
    for (key, hash) in [
        ("21", -973_932_308_i32),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        let positive = hash & 0x7fff_ffff;
        assert_eq!(Partitioner::Murmur2.partition(key.as_bytes(), 5), positive % 5, "{key}");
    }
}

/// The Collector chose these records' partitions among four.
#[test]
fn fnv1a_agrees_with_every_keyed_record_of_the_corpus() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integration/corpus/otlp_proto_keyed.bin");
    let file = std::fs::read(&path).unwrap();
    let mut rest = file.as_slice();
    let mut records = 0;
    while !rest.is_empty() {
        let key = take_counted(&mut rest);
        let _value = take_counted(&mut rest);
        let partition = i32::try_from(take_u32(&mut rest)).unwrap();
        let _offset_and_time = take(&mut rest, 16);
        for _ in 0..2 * take_u32(&mut rest) {
            take_counted(&mut rest);
        }
        assert_eq!(partition_fnv1a(key, 4), partition, "record {records}");
        records += 1;
    }
    assert_eq!(records, 1912);
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (head, tail) = rest.split_at(len);
    *rest = tail;
    head
}

fn take_u32(rest: &mut &[u8]) -> u32 {
    u32::from_le_bytes(take(rest, 4).try_into().unwrap())
}

fn take_counted<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let len = take_u32(rest) as usize;
    take(rest, len)
}

//! Records of a real Collector and real SDKs (`integration/corpus`).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

/// Files of OTLP protobuf.
pub(crate) const PROTO_FILES: [&str; 6] = [
    "otlp_proto_unkeyed.bin",
    "otlp_proto_keyed.bin",
    "otlp_proto_keyed_nobatch.bin",
    "otlp_proto_headers.bin",
    "sdk_raw.bin",
    "bulk_otlp_proto_keyed.bin.gz",
];

/// The values of a file's records.
///
/// Framing, integers little-endian: key (`u32` length or 0xFFFFFFFF, bytes), value (the same),
/// `u32` partition, `i64` offset, `i64` timestamp, `u32` header count, headers (name, value).
pub(crate) fn values(file: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integration/corpus").join(file);
    let mut source =
        File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    if file.ends_with(".gz") {
        GzDecoder::new(source).read_to_end(&mut bytes).expect("the corpus file is gzip");
    } else {
        source.read_to_end(&mut bytes).expect("the corpus file can be read");
    }
    let mut rest = &*bytes;
    let mut values = Vec::new();
    while !rest.is_empty() {
        take_blob(&mut rest);
        values.push(take_blob(&mut rest).to_vec());
        take(&mut rest, 4 + 8 + 8);
        for _ in 0..take_u32(&mut rest) {
            take_blob(&mut rest);
            take_blob(&mut rest);
        }
    }
    values
}

fn take<'b>(rest: &mut &'b [u8], len: usize) -> &'b [u8] {
    rest.split_off(..len).expect("the corpus file is cut short")
}

fn take_u32(rest: &mut &[u8]) -> u32 {
    take(rest, 4).iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn take_blob<'b>(rest: &mut &'b [u8]) -> &'b [u8] {
    match take_u32(rest) {
        u32::MAX => &[],
        len => take(rest, len as usize),
    }
}

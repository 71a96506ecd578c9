//! Files of spans: OTLP/JSON, a value or one a line, or OTLP protobuf.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use tailsift_otlp::{JsonError, ScanError, Scanner, json_to_protobuf};
use tailsift_trace::Interest;

/// The largest file that is read.
pub(super) const FILE_BYTES_MAX: u64 = 64 << 20;

/// A file of spans that cannot be used, and where that shows.
#[derive(Debug)]
pub(super) struct SpansError {
    path: PathBuf,
    place: Place,
    why: Why,
}

#[derive(Debug)]
enum Place {
    File,
    Line(usize),
}

#[derive(Debug)]
enum Why {
    Read(io::Error),
    TooLarge,
    /// Text that is no JSON.
    Syntax(serde_json::Error),
    /// JSON that is no OTLP.
    Json(JsonError),
    Protobuf(ScanError),
}

/// Hands each batch of a file to `take`, as protobuf and in the order of the file.
///
/// # Errors
/// If the file cannot be read, is larger than [`FILE_BYTES_MAX`], or a batch of it is not OTLP. The
/// batches before that were handed over.
pub(super) fn each_batch(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), ScanError>,
) -> Result<(), SpansError> {
    let fail = |place, why| SpansError { path: path.to_owned(), place, why };
    let bytes = read(path).map_err(|why| fail(Place::File, why))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if !is_json(bytes) {
        return take(bytes).map_err(|error| fail(Place::File, Why::Protobuf(error)));
    }
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    let mut line = Line { bytes, at: 0, number: 1 };
    loop {
        let start = values.byte_offset();
        let blank = bytes[start..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        match values.next() {
            None => return Ok(()),
            Some(Err(error)) => {
                return Err(fail(Place::Line(error.line()), Why::Syntax(error)));
            }
            Some(Ok(IgnoredAny)) => {}
        }
        let place = Place::Line(line.of(start + blank));
        let value = &bytes[start + blank..values.byte_offset()];
        let payload = match json_to_protobuf(value) {
            Ok(payload) => payload,
            Err(error) => return Err(fail(place, Why::Json(error))),
        };
        take(&payload).map_err(|error| fail(place, Why::Protobuf(error)))?;
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Why> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Why::Read)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(Why::Read)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(Why::TooLarge) } else { Ok(bytes) }
}

/// A request in protobuf begins with a byte that is a line feed in a text, and the next, a length,
/// may be a brace. It is read as protobuf if it is that.
fn is_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let looks_so = matches!(first, Some(b'{' | b'['));
    looks_so && (bytes[0] != b'\n' || Scanner::new(Interest::default()).scan(bytes).is_err())
}

/// Counts lines on the way.
struct Line<'b> {
    bytes: &'b [u8],
    at: usize,
    number: usize,
}

impl Line<'_> {
    /// The number of the line of a place that is not before the last one asked for.
    fn of(&mut self, place: usize) -> usize {
        let passed = &self.bytes[self.at..place];
        self.number += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = place;
        self.number
    }
}

impl fmt::Display for SpansError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Place::Line(line) = self.place {
            write!(f, ", line {line}")?;
        }
        match &self.why {
            Why::Read(error) => write!(f, ": cannot be read: {error}"),
            Why::TooLarge => {
                write!(f, ": expected at most {FILE_BYTES_MAX} bytes, got more: split the file")
            }
            Why::Syntax(error) => write!(
                f,
                ": expected OTLP/JSON, a request or one on each line, got no JSON: {error}"
            ),
            Why::Json(error) => write!(f, ": {error}"),
            Why::Protobuf(error) => write!(f, ": {error}"),
        }
    }
}

impl std::error::Error for SpansError {}

#[cfg(test)]
mod tests;

//! OTLP/JSON, turned into protobuf.
//!
//! The mapping is protobuf's own (ProtoJSON) with OTLP's exceptions: ids in hex instead of base64.
//! It is read leniently where writers differ: 64-bit integers as strings or numbers, enums as
//! numbers or names, doubles as numbers or `"NaN"`, `"Infinity"`, `"-Infinity"`.

mod message;
mod node;

use crate::JsonError;
use crate::writer::Writer;
use message::write_request;
pub(crate) use node::Node;

const FORMAT: &str = "OTLP/JSON";

/// Turns an OTLP/JSON trace request (or `TracesData`, which looks the same) into protobuf.
///
/// Unknown members are ignored, `null` is as good as absent, and members that hold protobuf's
/// default are not written. An id of a wrong length is written as it is: it is for the scan to
/// count.
///
/// # Errors
/// If the text is no JSON, nests deeper than 128 levels, or a known member has a value of another
/// kind than OTLP gives it; the error names the member's path.
pub fn json_to_protobuf(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    let value = parse(json, FORMAT)?;
    let mut out = Writer::default();
    write_request(Node::root(&value, FORMAT), &mut out)?;
    Ok(out.into_bytes())
}

/// The value of a text that should be of this format.
pub(crate) fn parse(json: &[u8], format: &'static str) -> Result<serde_json::Value, JsonError> {
    serde_json::from_slice(json)
        .map_err(|error| JsonError::Syntax { format, error: error.to_string() })
}

#[cfg(test)]
mod tests;

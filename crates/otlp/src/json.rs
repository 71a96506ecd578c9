//! OTLP/JSON, turned into protobuf.
//!
//! The mapping is protobuf's own (ProtoJSON) with OTLP's exceptions: ids in hex instead of base64.
//! It is read leniently where writers differ: 64-bit integers as strings or numbers, enums as
//! numbers or names, doubles as numbers or `"NaN"`, `"Infinity"`, `"-Infinity"`.

mod message;
mod node;
mod writer;

use crate::JsonError;
use message::write_request;
use node::Node;

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
    let value =
        serde_json::from_slice(json).map_err(|error| JsonError::Syntax(error.to_string()))?;
    let mut out = writer::Writer::default();
    write_request(Node::root(&value), &mut out)?;
    Ok(out.into_bytes())
}

#[cfg(test)]
mod tests;

//! What is wrong with what was written before.

use super::VERSION;

/// A record of the decision log cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecisionLogError {
    /// It is no message at all.
    #[error(
        "decision record: expected a protobuf message, got {bytes} bytes that are none: {reason}; \
         {REMEDY}"
    )]
    NotProtobuf {
        /// Their number.
        bytes: usize,
        /// The decoder's reason.
        reason: String,
    },
    /// Another release wrote it.
    #[error(
        "decision record: expected version {VERSION}, got {version}; run the release that wrote \
         it, or a newer one, or reset the group's offsets by hand to start afresh"
    )]
    UnknownVersion {
        /// Its version; 0 if it names none.
        version: u32,
    },
    /// A field says what cannot be.
    #[error("decision record: {field}: expected {expected}, got {got}; {REMEDY}")]
    Field {
        /// Its path.
        field: String,
        /// What it may be.
        expected: String,
        /// What it is.
        got: String,
    },
}

const REMEDY: &str = "let nothing but tailsift write to the decisions topic, and reset the group's \
                      offsets by hand to start afresh";

/// The metadata of a committed offset is ours, but not of this release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "committed metadata: expected `tailsift/{VERSION} scope=… inc=… seq=… log=… read=… time=… \
     read_time=… from=… config=…`, got {got:?}; run the release that wrote it, or a newer one, or \
     reset the group's offsets by hand to start afresh"
)]
pub struct UnknownVersion {
    /// The metadata, at most its first 300 characters.
    pub got: String,
}

//! The decision log's records and the metadata of committed offsets, as bytes.
//!
//! `schemas/decisions.proto` describes the records and how their version changes.

mod decode;
mod encode;
mod error;
mod key;
mod metadata;
mod names;
mod shared;
mod wire;

pub use decode::decode_batch;
pub use encode::{EncodedSlice, encode_batch};
pub use error::{DecisionLogError, UnknownVersion};
pub use key::{parse_batch_key, scope_of};
pub use metadata::CommitMetadata;
pub use names::PolicyNames;
pub use shared::SharedPolicyNames;

/// The version of the records and of the metadata that this release writes, and the oldest that
/// it reads.
const VERSION: u32 = 1;

#[cfg(test)]
mod tests;

//! The topic of dead letters: what is in it, and bringing it back to where it came from.
//!
//! A letter is its record, with headers of ours behind its own. A *marker* says that a letter was
//! re-driven: it is written in the transaction that brings the record back, to the letter's own
//! partition, so that it is never deleted before the letter.

mod letter;
mod redrive;
mod topic;

pub use letter::{Letter, Origin};
pub use redrive::{RedriveError, RedriveSettings, Redriver, Sent};
pub use topic::{DeadLetters, LetterRef, Redriven, Refusal, StoredLetter};

/// Where the record was.
pub(crate) const TOPIC: &str = "tailsift.topic";
/// Its partition there.
pub(crate) const PARTITION: &str = "tailsift.partition";
/// Its offset there.
pub(crate) const OFFSET: &str = "tailsift.offset";
/// What the letter holds.
pub(crate) const KIND: &str = "tailsift.kind";
/// What was wrong.
pub(crate) const REASON: &str = "tailsift.reason";
/// What of the record was too large to be kept, or withheld for redaction.
pub(crate) const LEFT_OUT: &str = "tailsift.left_out";
/// Of a marker: the letter's offset.
const REDRIVEN: &str = "tailsift.redriven";
/// Of a marker: where the letter went.
const REDRIVEN_TO: &str = "tailsift.redriven_to";

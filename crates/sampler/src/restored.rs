//! Where a partition is taken up.

use tailsift_trace::Millis;

use crate::{Checkpoint, Logged};

/// What the last owner of a partition committed, or where the group starts.
///
/// Records from `offset` to `read_to` are *replayed*: they rebuild what was waiting, and nothing
/// is judged, exported or given up as unreadable before all of them are in, since the last owner
/// did all that and it is written down in `decisions`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// The next offset to read: the committed low watermark.
    pub offset: i64,
    /// Stream time just before the record at `offset` was applied
    /// ([`Part::commit_stream_time`](crate::Part::commit_stream_time)); `None` = the clock starts
    /// anew.
    pub stream_time: Option<Millis>,
    /// How far the last owner had read; at or below `offset` nothing is replayed.
    pub read_to: i64,
    /// Stream time there.
    pub read_stream_time: Option<Millis>,
    /// The last checkpoint; without a past, one with a new incarnation.
    pub checkpoint: Checkpoint,
    /// From where on the log is to be kept ([`Commit::kept_from`](crate::Commit::kept_from)).
    pub kept_from: Option<i64>,
    /// What the log says of traces, in its order. Later entries replace earlier ones.
    pub decisions: Vec<Logged>,
}

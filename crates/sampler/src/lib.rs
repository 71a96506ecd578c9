//! The sampling state machine: a window of traces, the stream's own time, decisions, and the
//! ledger of offsets that says what may be committed.
//!
//! A [`Shard`] is the state of the partitions that one worker owns. The shell hands it scanned
//! records (`handle_*`), then drains what it wants done ([`Shard::poll_epoch`],
//! [`Shard::poll_reread`], [`Shard::poll_judged`]). It has no clock, does no I/O and starts no
//! thread: time comes in as an argument, so that a simulated world and Kafka drive the same code.
//!
//! ```
//! use std::sync::Arc;
//! use tailsift_policy::{Kind, Policy, PolicySet, Semantics};
//! use tailsift_sampler::{Limits, Restored, Shard};
//!
//! let all = Policy::new("all", Kind::AlwaysSample);
//! let set = PolicySet::compile(vec![all], Semantics::default()).unwrap();
//! let mut shard = Shard::new(Arc::new(set), Limits::default());
//! shard.handle_assigned(0, Restored { offset: 42, ..Restored::default() });
//! let epoch = shard.poll_epoch().expect("a new partition fixes where its group starts");
//! assert_eq!(epoch.parts[0].commit_offset, 42);
//! ```

mod balance;
mod close;
mod commit;
mod completion;
mod deadline;
mod decision_cache;
mod edges;
mod entry;
mod epoch;
mod keying;
mod known;
mod ledger;
mod limits;
mod log_positions;
mod partition;
mod recovery;
mod rekey;
mod restored;
mod segment;
mod shard;
mod slab;
mod sources;
mod stats;
mod stream_time;
mod structure;
mod trial;
mod turn;
mod turn_budget;
mod turns;
mod window;

pub use balance::Balance;
pub use commit::{Commit, DecisionBatch};
pub use entry::{Checkpoint, Entry, EntryKind, LiveFrom, Logged};
pub use epoch::{DeadLetter, Epoch, Export, Judged, LetterKind, Moved, Part};
pub use keying::Sightings;
pub use limits::{Limits, RemoteParents, Structural};
pub use recovery::{Beginning, Needed, Past, Recovery, Refusal};
pub use rekey::{RekeyLimits, RekeyProgress, RekeyStats, Rekeyer, group_of};
pub use restored::Restored;
pub use shard::{RecordAt, Rescan, Shard};
pub use sources::Sources;
pub use stats::{Gauges, Progress, Stats};
pub use tailsift_policy::{Chance, CloseReason, Decision, Facts, Threshold, Verdict};
pub use trial::{Manner, Trial, Tried};
pub use turn::{
    Missing, Partial, Reread, RereadAnswer, RereadSource, SecondChance, SourceSpans, Turned,
    TurnedTrace,
};

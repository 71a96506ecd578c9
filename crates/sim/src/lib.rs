//! Development only: a seeded world that runs the production core.
//!
//! A [`Plan`] says what kind of world a seed makes; [`run`] lets it happen: producers that are
//! late and repeat themselves, workers that stall and die, partitions that move, calls that fail.
//! The workers drive the real scanner, policies, shard and recovery; the broker and the shell
//! around these are a model. Every fifth world commits without transactions, at least once. After each step the checkers compare what was handed in, judged, cut
//! and committed with an account of their own, and in the end the export topic with the input.
//!
//! ```
//! use tailsift_sim::{Plan, run};
//!
//! let outcome = run(&Plan::new(7));
//! assert_eq!(outcome.violation, None);
//! assert_eq!(outcome.fingerprint(), run(&Plan::new(7)).fingerprint());
//! ```
//!
//! # What is checked
//!
//! [`Mutation`]s break a world on purpose, to show that the checkers see it; each is in
//! `checker/`, by the name in [`INVARIANTS`].
//!
//! | | invariant | checker | mutations that show it |
//! | --- | --- | --- | --- |
//! | I1, I2 | spans of kept traces are visible once, of dropped ones never | exactly once | `SkipRecord`, `FalseIdleProof`, `ShowAborted` |
//! | I1, I2 | at least once: spans of kept traces are visible, of traces that nobody kept never | at least once | `LoseAcknowledged`, `FlipRestored` |
//! | I22 | at least once: no offset is committed, and no verdict logged, before the exports that it covers are acknowledged | acknowledged | `BatchesBeforeExports`, `CommitUnacknowledged`, `CommitBeforeBatches` |
//! | I3 | one verdict in a trace's life, in the committed log | one verdict | `RestoreNewestOnly`, `ReadDirty`, `FlipRestored` |
//! | I4 | nothing undecided lies below what is committed | commit order (at the cut), covered (in the log) | `CommitNextClock`, `CommitNextOffset`, `StartAtEnd` |
//! | I5, I29 | offsets, numbers and stream times never go back; in a replay time stays below the last owner's | monotone, clock | `CommitLateWatermark`, `FetchUnstable`, `ForgetStreamTimes`, `FreeClockInReplay` |
//! | I6 | one whole batch for each number, and the commit names the newest | checkpoints | `RepeatBatch`, `LostOffsetsAreFirstStart`, `TrimByLastCommit` |
//! | I7 | exports, letters, verdicts and offsets show together | atomic | `ForgetOffsets`, `LoseLateEntriesOfKept` |
//! | I8 | a new owner knows what the last one knew at its last cut | restored | `SkipCheckpoint`, `RestoreNewestOnly`, `RestoreUnexpiredOnly`, `ReadDirty`, `DisbelieveLog` |
//! | I9 | nothing is judged before all is read again | restored | `JudgeInReplay` |
//! | I10 | each span below the offset is covered by an entry, from logs and offsets alone | covered | `LoseLateEntriesOfDropped`, `CommitPlainly` |
//! | I11–I13, I28 | offsets are accepted from the last assignment that fetched them only | owners | `CommitRevoked`, `MetadataUnchecked`, `MetadataLate`, `AcceptStrangers` |
//! | I14 | an epoch in doubt was committed, or is sent again | doubt | `DoubtAssume`, `DoubtResend` |
//! | I15 | aborts change nothing visible | two runs compared, in the tests | `ShowAborted` |
//! | I16 | everything is decided in time and committed in the end | liveness, clock | `NeverCommit`, `TwiceTheWait`, `TwiceTheSettle` |
//! | I17 | no more is read again than comes in while a trace waits | replay bound | `HoldWatermark` |
//! | I18 | memory stays within its bound | memory bound | `MemoryUnbounded`, `IgnoreCongestion` |
//! | I19 | verdicts do not depend on the speed of reading, where the same is learned of calls | verdict, clock; [`drain`] compared, in the tests | `HalfTheWait`, `HalfTheSettle`, `WallAhead`, `KeepAll`, `ForgetPolicy` |
//! | I20 | exported bytes are the input's | intact | `FlipByte`, `DropExport`, `RepeatExport`, `LoseLateSpans` |
//! | I21 | a trace whose verdict had expired is a new one, and counted | one verdict, counters | `RestoreNewestOnly`, `RepeatRecord` |
//! | I23, I30 | a record that nobody can read has one letter, and holds up nothing | letters, exactly once | `LettersInReplay`, `DropDeadLetters` |
//! | I24 | another configuration changes no verdict that was written down | one verdict | `FlipRestored` |
//! | I25 | a verdict is turned once at most, from drop to keep, and never if a policy dropped the trace, with every record that is still there and every late span, once | turned, one verdict, exactly once, counters | `LoseSource`, `RepeatSource`, `TurnKept`, `TurnVetoed`, `ForgetMissing`, `ForgetMissingBelow`, `ChanceForEver` |
//! | I26 | what a turn waits for is not passed by offsets, nor covered by entries, nor forgotten; an answer to an earlier assignment changes nothing | commit order and restored, covered, turned | `CommitPastTriggers`, `CoverTriggers`, `LoseEntriesOfTurns`, `ForgetMayTurn`, `AnswerAnyone`, `NeverReread` |
//! | I27 | what is visible in the end is what a run without crashes shows: by the log in all worlds; where nothing is forgotten or left out, from the input alone | whole, exactly once | `NeverTurn` |
//! | I32 | policies that take over at run time judge what waits, and change no verdict | verdict, one verdict | `ForgetSwap` |
//! | I33 | each span that was handed in is kept, dropped, waiting, given up or passed over, and passed over only where a verdict covers it | balance | `ReadAfterRevoke`, `PassOver` |
//! | I31 | a restore ends, and refuses only where the log was cut | refusals, liveness | `AlwaysNeedsLog`, `SkipLogStart`, `LogPartitionByNumber`, `OneWriter`, `TrimUnseen` |
//!
//! Where nothing is a transaction, some of this is not looked at, because it does not hold:
//!
//! | checker | at least once |
//! | --- | --- |
//! | exactly once | each cut holds what it owes; in the end "at least once" has its place |
//! | one verdict | not run: what an owner judged before it died is judged again, with other spans or policies |
//! | checkpoints | not run: an owner that was replaced may yet write a batch of its successor's number |
//! | atomic | not run: the stages show one by one; "acknowledged" looks at their order |
//! | letters, intact | repeats are let pass |
//! | monotone, restored, replay bound | not once a stray batch was written: one of an assignment that had ended. Whoever comes next believes one of two, and may go back to what it says |
//! | restored | whoever takes up a partition begins at the log's newest batch, offset or not |
//! | whole | not run: a trace that was judged again may be dropped |
//! | owners, doubt, covered, commit order | of offsets that are committed plainly; an entry counts once its batch is whole, whoever wrote it |
//!
//! Not expressed: what runs without crashes may show where a policy drops what others want. Judging in the middle of a
//! record cannot be broken from outside the core, which takes records whole; its own tests see
//! to that. Nobody sets offsets by hand.
//!
//! In every third world or so traces are judged once they are whole. What calls have taught is known
//! to the shard alone: where nothing can be learned, the account says to the millisecond when a trace
//! is due, elsewhere only what it must have waited for. Traces that are judged before all of them has
//! come owe nothing of what comes late.
//!
//! Where memory is short, verdicts are forgotten before their time: a trace may then be judged
//! again, and what a new owner knows is not compared with what the last one did. Where the
//! decision log is cut too early, owners refuse, and nothing is owed but that nothing shows twice.

mod broker;
mod checker;
mod client;
mod drain;
mod encode;
mod event;
mod fault;
mod input;
mod model;
mod plan;
mod random;
mod timeline;
mod witness;
mod worker;
mod world;

pub use checker::INVARIANTS;
pub use drain::{Drain, Judged, drain};
pub use event::{Call, CutEntry, CutPart, Event, Judgement, Known, Reply, Taken, Violation, What};
pub use fault::Mutation;
pub use plan::{Calls, Delivery, Faults, Pace, Plan};
pub use timeline::Timeline;
pub use world::{Outcome, run, run_mutated};

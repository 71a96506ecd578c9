//! Breakages on purpose: each must be seen by a checker.

use crate::plan::Delivery;

/// One way in which a sampler, or what surrounds it, could be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// What was read is committed, not what is no longer needed.
    CommitNextOffset,
    /// Exports become visible, offsets do not.
    ForgetOffsets,
    /// Offsets are committed without the clock beside them.
    ForgetClock,
    /// The clock at the cut is committed, not the one at the offset.
    CommitNextClock,
    /// The last export of a commit is lost.
    DropExport,
    /// The last export of a commit is there twice.
    RepeatExport,
    /// Late spans of kept traces are left out of the cut.
    LoseLateSpans,
    /// A byte of an exported span changes.
    FlipByte,
    /// Commits of a member that lost its partition are accepted.
    AcceptStrangers,
    /// A new owner starts where the log ends.
    StartAtEnd,
    /// A record is passed over.
    SkipRecord,
    /// A record is handed in twice.
    RepeatRecord,
    /// A partition counts as read to its end though it is not.
    FalseIdleProof,
    /// The shard waits half as long as it should.
    HalfTheWait,
    /// The shard waits twice as long as it should.
    TwiceTheWait,
    /// The shard takes a trace for quiet after half the time.
    HalfTheSettle,
    /// The shard takes a trace for quiet after twice the time.
    TwiceTheSettle,
    /// The shard's clock is let run ahead of the wall.
    WallAhead,
    /// The shard may hold four times the memory.
    MemoryUnbounded,
    /// Outputs pile up while nobody looks at the bound.
    IgnoreCongestion,
    /// Traces are exported that no policy wants.
    KeepAll,
    /// Records of partitions that were given up go on being handed in.
    ReadAfterRevoke,
    /// A worker stops committing.
    NeverCommit,
    /// What a policy wants is lost sight of: `unsure` is left out.
    ForgetPolicy,
    /// Policies that are replaced at run time go on judging.
    ForgetSwap,
    /// Dead letters are lost.
    DropDeadLetters,
    /// The watermark is computed when offsets are sent, not at the cut.
    CommitLateWatermark,
    /// A new owner's clock starts anew, whatever was committed.
    ForgetStreamTimes,
    /// A restore ends where the log ends, whether or not the last checkpoint was seen.
    SkipCheckpoint,
    /// That the log begins too late is not noticed.
    SkipLogStart,
    /// The decision log is read without isolation.
    ReadDirty,
    /// The committed offset is fetched without waiting for a pending one.
    FetchUnstable,
    /// Only the newest batch is restored.
    RestoreNewestOnly,
    /// A verdict is dropped at its expiry though its records are replayed.
    RestoreUnexpiredOnly,
    /// Restored verdicts are turned round.
    FlipRestored,
    /// Traces are judged while a partition is replayed.
    JudgeInReplay,
    /// Stream time runs past the last owner's while a partition is replayed.
    FreeClockInReplay,
    /// Dead letters are written again during a replay.
    LettersInReplay,
    /// Late spans of kept traces leave no entry.
    LoseLateEntriesOfKept,
    /// Late spans of dropped traces leave no entry.
    LoseLateEntriesOfDropped,
    /// Parts of a revoked partition stay in the epoch.
    CommitRevoked,
    /// Group metadata is taken when offsets are sent, and not looked at.
    MetadataUnchecked,
    /// Group metadata is taken when offsets are sent.
    MetadataLate,
    /// The watermark is committed outside of the transaction, too.
    CommitPlainly,
    /// An epoch in doubt is sent again, unasked.
    DoubtResend,
    /// An epoch in doubt is taken as committed.
    DoubtAssume,
    /// The partition of the decisions topic is computed anew at each restore.
    LogPartitionByNumber,
    /// A group without offsets starts anew, whatever the log says.
    LostOffsetsAreFirstStart,
    /// The checkpoint is looked for even when nothing is live.
    AlwaysNeedsLog,
    /// The decision log is deleted as far as restores need it, the last batch included.
    TrimByLastCommit,
    /// Every batch is written twice.
    RepeatBatch,
    /// A reader sees what an aborted transaction exported.
    ShowAborted,
    /// The watermark of an assignment's first cut is committed ever after.
    HoldWatermark,
    /// Without transactions: verdicts are written before exports.
    BatchesBeforeExports,
    /// Without transactions: offsets are committed while exports and verdicts are on their way.
    CommitUnacknowledged,
    /// Without transactions: offsets are committed while verdicts are on their way.
    CommitBeforeBatches,
    /// Without transactions: the log is read no further than offsets speak of.
    DisbelieveLog,
    /// Without transactions: a process writes under one name in all its assignments.
    OneWriter,
    /// Without transactions: the decision log is deleted though a partition may have written its
    /// first batch there.
    TrimUnseen,
    /// Some exports are lost after they were acknowledged.
    LoseAcknowledged,
    /// Late spans have no second chance.
    NeverTurn,
    /// What is to be read again is never looked at.
    NeverReread,
    /// A record that was read again is lost.
    LoseSource,
    /// A record that was read again is exported twice.
    RepeatSource,
    /// An answer is taken for whoever holds the partition now.
    AnswerAnyone,
    /// The watermark passes late spans that wait for the records of their trace.
    CommitPastTriggers,
    /// Entries cover late spans that wait for the records of their trace.
    CoverTriggers,
    /// What is written of a verdict while it is being turned is lost.
    LoseEntriesOfTurns,
    /// A kept trace is turned.
    TurnKept,
    /// Entries of turns do not say what is missing.
    ForgetMissing,
    /// Verdicts that are read back may be turned, whoever dropped their traces.
    TurnVetoed,
    /// Restored verdicts cover whatever comes of their traces.
    PassOver,
    /// Entries of turns do not say that all below an offset is missing.
    ForgetMissingBelow,
    /// That a drop may be turned is not written down once nothing else is known of it.
    ForgetMayTurn,
    /// What is known of a drop is never let go before its verdict.
    ChanceForEver,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 75] = [
        Self::CommitNextOffset,
        Self::ForgetOffsets,
        Self::ForgetClock,
        Self::CommitNextClock,
        Self::DropExport,
        Self::RepeatExport,
        Self::LoseLateSpans,
        Self::FlipByte,
        Self::AcceptStrangers,
        Self::StartAtEnd,
        Self::SkipRecord,
        Self::RepeatRecord,
        Self::FalseIdleProof,
        Self::HalfTheWait,
        Self::TwiceTheWait,
        Self::HalfTheSettle,
        Self::TwiceTheSettle,
        Self::WallAhead,
        Self::MemoryUnbounded,
        Self::IgnoreCongestion,
        Self::KeepAll,
        Self::ReadAfterRevoke,
        Self::NeverCommit,
        Self::ForgetPolicy,
        Self::ForgetSwap,
        Self::DropDeadLetters,
        Self::CommitLateWatermark,
        Self::ForgetStreamTimes,
        Self::SkipCheckpoint,
        Self::SkipLogStart,
        Self::ReadDirty,
        Self::FetchUnstable,
        Self::RestoreNewestOnly,
        Self::RestoreUnexpiredOnly,
        Self::FlipRestored,
        Self::JudgeInReplay,
        Self::FreeClockInReplay,
        Self::LettersInReplay,
        Self::LoseLateEntriesOfKept,
        Self::LoseLateEntriesOfDropped,
        Self::CommitRevoked,
        Self::MetadataUnchecked,
        Self::MetadataLate,
        Self::CommitPlainly,
        Self::DoubtResend,
        Self::DoubtAssume,
        Self::LogPartitionByNumber,
        Self::LostOffsetsAreFirstStart,
        Self::AlwaysNeedsLog,
        Self::TrimByLastCommit,
        Self::RepeatBatch,
        Self::ShowAborted,
        Self::HoldWatermark,
        Self::BatchesBeforeExports,
        Self::CommitUnacknowledged,
        Self::CommitBeforeBatches,
        Self::DisbelieveLog,
        Self::OneWriter,
        Self::TrimUnseen,
        Self::LoseAcknowledged,
        Self::NeverTurn,
        Self::NeverReread,
        Self::LoseSource,
        Self::RepeatSource,
        Self::AnswerAnyone,
        Self::CommitPastTriggers,
        Self::CoverTriggers,
        Self::LoseEntriesOfTurns,
        Self::TurnKept,
        Self::ForgetMissing,
        Self::TurnVetoed,
        Self::PassOver,
        Self::ForgetMissingBelow,
        Self::ForgetMayTurn,
        Self::ChanceForEver,
    ];

    /// The invariants that are seen to break, each in some world.
    pub const fn seen_by(self) -> &'static [&'static str] {
        match self {
            Self::CommitNextOffset | Self::CommitPlainly => &["covered"],
            Self::CommitLateWatermark => &["covered", "monotone"],
            Self::ForgetOffsets | Self::LoseLateEntriesOfKept => &["atomic"],
            Self::ForgetClock | Self::CommitNextClock => &["commit order"],
            Self::ForgetStreamTimes => &["monotone"],
            Self::HoldWatermark => &["replay bound"],
            Self::DropExport | Self::RepeatExport | Self::FlipByte | Self::LoseLateSpans => {
                &["intact"]
            }
            Self::ShowAborted => &["exactly once"],
            Self::LoseAcknowledged => &["at least once"],
            Self::BatchesBeforeExports | Self::CommitUnacknowledged | Self::CommitBeforeBatches => {
                &["acknowledged"]
            }
            Self::DisbelieveLog => &["restored"],
            Self::StartAtEnd => &["covered", "restored"],
            Self::SkipRecord => &["covered", "exactly once"],
            Self::FalseIdleProof | Self::DropDeadLetters => &["exactly once"],
            Self::NeverTurn => &["whole"],
            Self::LoseSource | Self::RepeatSource | Self::AnswerAnyone | Self::ChanceForEver => {
                &["turned"]
            }
            Self::CommitPastTriggers => &["covered"],
            Self::CoverTriggers | Self::LoseEntriesOfTurns | Self::ForgetMayTurn => &["restored"],
            Self::TurnKept => &["one verdict"],
            Self::ForgetMissing | Self::ForgetMissingBelow => &["exactly once"],
            Self::RepeatRecord => &["commit order", "counters", "verdict"],
            Self::KeepAll | Self::ForgetPolicy | Self::ForgetSwap => &["verdict"],
            Self::HalfTheWait | Self::TwiceTheWait | Self::HalfTheSettle | Self::TwiceTheSettle => {
                &["clock"]
            }
            Self::WallAhead | Self::FreeClockInReplay => &["clock"],
            Self::JudgeInReplay => &["restored"],
            Self::MemoryUnbounded | Self::IgnoreCongestion => &["memory bound"],
            Self::ReadAfterRevoke | Self::PassOver => &["balance"],
            Self::TurnVetoed => &["counters"],
            Self::NeverCommit | Self::NeverReread => &["liveness"],
            Self::SkipCheckpoint | Self::RestoreUnexpiredOnly => &["restored"],
            Self::RestoreNewestOnly | Self::ReadDirty => &["restored", "one verdict"],
            Self::FetchUnstable => &["restored", "monotone"],
            Self::FlipRestored => &["one verdict", "at least once"],
            Self::LettersInReplay => &["letters"],
            Self::LoseLateEntriesOfDropped => &["covered", "restored"],
            Self::AcceptStrangers
            | Self::CommitRevoked
            | Self::MetadataUnchecked
            | Self::MetadataLate => &["owners"],
            Self::DoubtResend | Self::DoubtAssume => &["doubt"],
            Self::RepeatBatch | Self::LostOffsetsAreFirstStart | Self::TrimByLastCommit => {
                &["checkpoints"]
            }
            Self::LogPartitionByNumber
            | Self::AlwaysNeedsLog
            | Self::SkipLogStart
            | Self::OneWriter
            | Self::TrimUnseen => &["refusals"],
        }
    }

    /// The delivery in which alone it makes a difference, if there is one.
    pub const fn only_in(self) -> Option<Delivery> {
        let is_of_plain = matches!(
            self,
            Self::BatchesBeforeExports
                | Self::CommitUnacknowledged
                | Self::CommitBeforeBatches
                | Self::DisbelieveLog
                | Self::OneWriter
                | Self::TrimUnseen
                | Self::LoseAcknowledged
        );
        if is_of_plain { Some(Delivery::AtLeastOnce) } else { None }
    }

    /// Whether an epoch may be taken as committed without anybody knowing where its batches are.
    pub(crate) const fn assumes_batches(self) -> bool {
        matches!(self, Self::DoubtAssume | Self::CommitUnacknowledged | Self::CommitBeforeBatches)
    }

    /// Whether what was cut is still held against what is committed. Where that alone would tell at
    /// once, it is left out, so that the others show what they see.
    pub(crate) const fn compares_cuts(self) -> bool {
        !matches!(self, Self::ForgetStreamTimes | Self::HoldWatermark)
    }
}

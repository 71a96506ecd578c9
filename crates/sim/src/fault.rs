//! Breakages on purpose: each must be seen by a checker.

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
    /// Dead letters are lost.
    DropDeadLetters,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 23] = [
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
        Self::WallAhead,
        Self::MemoryUnbounded,
        Self::IgnoreCongestion,
        Self::KeepAll,
        Self::ReadAfterRevoke,
        Self::NeverCommit,
        Self::ForgetPolicy,
        Self::DropDeadLetters,
    ];
    /// The invariants that it breaks first, one of these.
    pub const fn seen_by(self) -> &'static [&'static str] {
        match self {
            Self::CommitNextOffset
            | Self::CommitNextClock
            | Self::ForgetOffsets
            | Self::AcceptStrangers => &["commit order"],
            Self::DropExport | Self::RepeatExport | Self::FlipByte => &["intact"],
            Self::StartAtEnd => &["no loss", "commit order"],
            Self::SkipRecord => &["no loss", "liveness"],
            Self::FalseIdleProof | Self::DropDeadLetters | Self::LoseLateSpans => &["no loss"],
            Self::RepeatRecord | Self::KeepAll | Self::ForgetPolicy => &["verdict"],
            Self::ForgetClock | Self::HalfTheWait | Self::TwiceTheWait | Self::WallAhead => {
                &["clock"]
            }
            Self::MemoryUnbounded | Self::IgnoreCongestion => &["memory bound"],
            Self::ReadAfterRevoke => &["counters"],
            Self::NeverCommit => &["liveness"],
        }
    }
}

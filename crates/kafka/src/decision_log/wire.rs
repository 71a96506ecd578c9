//! The messages of `schemas/decisions.proto`, where each field is described. A test holds the two
//! together.

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DecisionBatch {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(fixed64, tag = "2")]
    pub(super) scope: u64,
    #[prost(fixed64, tag = "3")]
    pub(super) incarnation: u64,
    #[prost(int32, tag = "4")]
    pub(super) partition: i32,
    #[prost(uint64, tag = "5")]
    pub(super) sequence: u64,
    #[prost(int32, tag = "6")]
    pub(super) log_partition: i32,
    #[prost(fixed64, tag = "7")]
    pub(super) writer: u64,
    #[prost(uint32, tag = "8")]
    pub(super) slice: u32,
    #[prost(uint32, tag = "9")]
    pub(super) slices: u32,
    #[prost(int64, tag = "10")]
    pub(super) commit_offset: i64,
    #[prost(int64, tag = "11")]
    pub(super) read_to: i64,
    #[prost(sint64, optional, tag = "12")]
    pub(super) stream_time: Option<i64>,
    #[prost(sint64, optional, tag = "13")]
    pub(super) read_stream_time: Option<i64>,
    #[prost(fixed64, tag = "14")]
    pub(super) config: u64,
    #[prost(message, repeated, tag = "15")]
    pub(super) entries: Vec<Entry>,
    #[prost(sint64, tag = "16")]
    pub(super) base_expiry: i64,
    #[prost(string, repeated, tag = "17")]
    pub(super) policies: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entry {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) trace_id: Vec<u8>,
    #[prost(enumeration = "EntryKind", tag = "2")]
    pub(super) kind: i32,
    #[prost(enumeration = "Verdict", tag = "3")]
    pub(super) verdict: i32,
    #[prost(enumeration = "CloseReason", tag = "4")]
    pub(super) close_reason: i32,
    #[prost(uint32, tag = "5")]
    pub(super) policy: u32,
    #[prost(uint64, optional, tag = "6")]
    pub(super) threshold: Option<u64>,
    #[prost(sint64, tag = "7")]
    pub(super) through_back: i64,
    #[prost(uint64, tag = "8")]
    pub(super) expiry_after: u64,
    #[prost(message, optional, tag = "9")]
    pub(super) facts: Option<Facts>,
    #[prost(bytes = "vec", optional, tag = "10")]
    pub(super) sources: Option<Vec<u8>>,
    #[prost(bool, tag = "11")]
    pub(super) sources_capped: bool,
    #[prost(bytes = "vec", optional, tag = "12")]
    pub(super) missing: Option<Vec<u8>>,
    #[prost(bool, tag = "13")]
    pub(super) chance_unknown: bool,
    #[prost(uint64, tag = "14")]
    pub(super) source_bytes: u64,
    #[prost(message, optional, tag = "15")]
    pub(super) turned: Option<Turned>,
    #[prost(bool, tag = "16")]
    pub(super) may_turn: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Turned {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) by: Option<Vec<u8>>,
    #[prost(enumeration = "Partial", tag = "2")]
    pub(super) partial: i32,
    #[prost(int64, optional, tag = "3")]
    pub(super) missing_below: Option<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Facts {
    #[prost(uint32, tag = "1")]
    pub(super) spans: u32,
    #[prost(bool, tag = "2")]
    pub(super) root_seen: bool,
    #[prost(fixed64, tag = "3")]
    pub(super) start: u64,
    #[prost(sint64, tag = "4")]
    pub(super) length: i64,
    #[prost(uint64, optional, tag = "5")]
    pub(super) randomness: Option<u64>,
    #[prost(uint64, repeated, tag = "6")]
    pub(super) words: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum EntryKind {
    Decide = 0,
    Late = 1,
    Turn = 2,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Verdict {
    Drop = 0,
    Keep = 1,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Partial {
    None = 0,
    Budget = 1,
    Memory = 2,
    Gone = 3,
    Timeout = 4,
    SourcesCapped = 5,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum CloseReason {
    Unspecified = 0,
    Complete = 1,
    RootWait = 2,
    DecisionWait = 3,
    SpanLimit = 4,
    ByteLimit = 5,
    MemoryLimit = 6,
    TooLarge = 7,
    Drain = 8,
}

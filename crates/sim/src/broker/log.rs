//! Logs that transactions write to.

use tailsift_sampler::DecisionBatch;
use tailsift_trace::{Millis, TraceId};

/// A partition of a topic that is written to; `Offsets` stands for where the group's are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    Exports(i32),
    Decisions(i32),
    Letters,
    Offsets,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Export {
        key: TraceId,
        value: Vec<u8>,
    },
    /// Where the record was that nobody could read.
    Letter {
        partition: i32,
        offset: i64,
    },
    Batch(DecisionBatch),
}

#[derive(Debug)]
pub(crate) struct Written {
    /// `None`: outside of any.
    pub(crate) transaction: Option<usize>,
    pub(crate) time: Millis,
    /// `None` for a marker.
    pub(crate) value: Option<Value>,
}

/// A log: a record's place is its offset.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) start: i64,
    records: Vec<Written>,
}

impl Log {
    pub(crate) fn end(&self) -> i64 {
        self.records.len() as i64
    }

    pub(crate) fn push(&mut self, written: Written) -> i64 {
        self.records.push(written);
        self.end() - 1
    }

    pub(crate) fn at(&self, offset: i64) -> Option<&Value> {
        self.records.get(usize::try_from(offset).ok()?)?.value.as_ref()
    }

    /// When a record was written.
    pub(crate) fn time_of(&self, offset: i64) -> Option<Millis> {
        self.records.get(usize::try_from(offset).ok()?).map(|written| written.time)
    }

    pub(crate) fn range(&self, from: i64, upto: i64) -> impl Iterator<Item = (i64, &Written)> {
        let upto = upto.clamp(0, self.end());
        let from = from.clamp(0, upto);
        (from..upto).zip(&self.records[from as usize..upto as usize])
    }
}

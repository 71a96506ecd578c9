//! The law of conservation: each span that was handed in is somewhere.

use std::fmt;

use crate::{Gauges, Stats};

/// Where the spans are that a shard was handed. At every moment between two of its calls there are
/// as many [`read`](Self::read) as in all other places together.
///
/// Spans without a usable trace ID are counted apart
/// ([`malformed_spans`](Stats::malformed_spans)), and those of records that nobody can read not at
/// all: they leave as dead letters. What an export brings back of a trace that was dropped stays
/// among the dropped here ([`turned_spans`](Stats::turned_spans)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Well-formed spans that were handed in, those of a replay included.
    pub read: u64,
    /// Exported, or part of an output that waits for a commit.
    pub kept: u64,
    /// Let go by a verdict.
    pub dropped: u64,
    /// Of traces that wait for their verdict.
    pub open: u64,
    /// Late spans that wait for the earlier records of their trace.
    pub turning: u64,
    /// Let go with their partition; its next owner reads them.
    pub given_up: u64,
    /// Passed over in a replay: the last owner settled them.
    pub covered: u64,
    /// Passed over because their record was delivered before.
    pub repeated: u64,
}

impl Balance {
    /// What a shard counts and holds at one moment; also over several shards.
    pub fn of(stats: &Stats, gauges: &Gauges) -> Self {
        Self {
            read: stats.spans,
            kept: stats.kept_spans,
            dropped: stats.dropped_spans,
            open: gauges.spans_open,
            turning: gauges.turn_spans,
            given_up: stats.spans_given_up,
            covered: stats.spans_covered,
            repeated: stats.spans_repeated,
        }
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.open += other.open;
        self.turning += other.turning;
        self.given_up += other.given_up;
        self.covered += other.covered;
        self.repeated += other.repeated;
    }

    /// Spans whose place is known.
    pub fn placed(&self) -> u64 {
        self.places().into_iter().map(|(_, spans)| spans).sum()
    }

    /// True if the law holds: none is lost, and none is in two places.
    pub fn is_even(&self) -> bool {
        self.read == self.placed()
    }

    fn places(&self) -> [(&'static str, u64); 7] {
        let Self { read: _, kept, dropped, open, turning, given_up, covered, repeated } = *self;
        [
            ("kept", kept),
            ("dropped", dropped),
            ("open", open),
            ("turning", turning),
            ("given up", given_up),
            ("covered", covered),
            ("repeated", repeated),
        ]
    }
}

/// Both sides of the law, and by how much they differ.
impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read, placed) = (self.read, self.placed());
        write!(f, "{read} spans read; ")?;
        for (number, (place, spans)) in self.places().into_iter().enumerate() {
            write!(f, "{}{spans} {place}", if number == 0 { "" } else { " + " })?;
        }
        write!(f, " = {placed}")?;
        match read.abs_diff(placed) {
            0 => Ok(()),
            lost if placed < read => write!(f, ": {lost} are nowhere"),
            more => write!(f, ": {more} too many"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_told() {
        let even = Balance {
            read: 28,
            kept: 1,
            dropped: 2,
            open: 3,
            turning: 4,
            given_up: 5,
            covered: 6,
            repeated: 7,
        };
        let sides = "1 kept + 2 dropped + 3 open + 4 turning + 5 given up + 6 covered + 7 repeated";
        assert!(even.is_even());
        assert_eq!(even.to_string(), format!("28 spans read; {sides} = 28"));
        for (read, told) in [(30, "2 are nowhere"), (27, "1 too many")] {
            let uneven = Balance { read, ..even };
            assert!(!uneven.is_even());
            assert_eq!(uneven.to_string(), format!("{read} spans read; {sides} = 28: {told}"));
        }
        let mut twice = even;
        twice.add(&even);
        assert!(twice.to_string().ends_with(" + 12 covered + 14 repeated = 56"), "{twice}");
    }
}

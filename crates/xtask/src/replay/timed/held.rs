//! How long traces were held, in stream time: from their first record to their verdict.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use tailsift_fixture::LoadRecord;

/// So much of the stream is warm-up: edges are being learned, and traces that began in it do not
/// count.
const WARM_UP_PERCENT: i64 = 10;

/// Times of a recording.
pub(super) struct Stream {
    first_ms: i64,
    last_ms: i64,
    /// By partition: its last stamp.
    ends: BTreeMap<i32, i64>,
}

/// A trace that was judged, as the processor tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) partition: i32,
    pub(super) decided_at_ms: i64,
    pub(super) held_ms: i64,
    pub(super) close_reason: String,
    pub(super) spans: u64,
}

/// What is told of the traces that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) traces: usize,
    /// `None` if none counts.
    pub(super) p50_ms: Option<i64>,
    pub(super) p90_ms: Option<i64>,
    /// The most spans that waited at one moment, each counted from its trace's first record on.
    pub(super) spans_at_most: u64,
    /// How many traces closed for which reason.
    pub(super) reasons: BTreeMap<String, usize>,
    /// Traces of the warm-up, and those that closed because the recording ended.
    pub(super) left_out: (usize, usize),
}

impl Decided {
    /// As the list of recent traces tells of it.
    pub(super) fn of(trace: &Value) -> Option<Self> {
        Some(Self {
            partition: i32::try_from(trace["partition"].as_i64()?).ok()?,
            decided_at_ms: trace["decided_at_ms"].as_i64()?,
            held_ms: trace["held_ms"].as_i64()?,
            close_reason: trace["close_reason"].as_str()?.to_owned(),
            spans: trace["spans"].as_u64()?,
        })
    }
}

impl Stream {
    pub(super) fn of(records: impl Iterator<Item = LoadRecord>) -> Self {
        let mut stream = Self { first_ms: i64::MAX, last_ms: i64::MIN, ends: BTreeMap::new() };
        for record in records {
            stream.first_ms = stream.first_ms.min(record.timestamp_ms);
            stream.last_ms = stream.last_ms.max(record.timestamp_ms);
            let end = stream.ends.entry(record.partition).or_insert(record.timestamp_ms);
            *end = record.timestamp_ms.max(*end);
        }
        stream
    }

    fn warm_at_ms(&self) -> i64 {
        self.first_ms + (self.last_ms - self.first_ms) * WARM_UP_PERCENT / 100
    }

    /// No record came after it: only the proof that the partition has ended can have closed it.
    fn closed_at_the_end(&self, decided: &Decided) -> bool {
        self.ends.get(&decided.partition).is_none_or(|end| decided.decided_at_ms > *end)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "recorded over {:.1} s; traces that began in the first {:.1} s are not counted in held, \
             nor are those that closed because the recording ended",
            (self.last_ms - self.first_ms) as f64 / 1e3,
            (self.warm_at_ms() - self.first_ms) as f64 / 1e3,
        )
    }
}

impl Held {
    pub(super) fn of(decided: &[Decided], stream: &Stream) -> Self {
        let warm_at = stream.warm_at_ms();
        let (mut cold, mut ended) = (0, 0);
        let mut waits = Vec::new();
        let mut reasons = BTreeMap::new();
        for one in decided {
            if stream.closed_at_the_end(one) {
                ended += 1;
            } else if one.decided_at_ms - one.held_ms < warm_at {
                cold += 1;
            } else {
                waits.push(one.held_ms);
                *reasons.entry(one.close_reason.clone()).or_default() += 1;
            }
        }
        waits.sort_unstable();
        let quantile = |percent: usize| {
            let place = (waits.len() * percent).div_ceil(100).max(1) - 1;
            waits.get(place).copied()
        };
        Self {
            traces: waits.len(),
            p50_ms: quantile(50),
            p90_ms: quantile(90),
            spans_at_most: spans_at_most(decided, stream),
            reasons,
            left_out: (cold, ended),
        }
    }
}

/// At the end of its partition a trace has waited as long as there was anything to wait for.
fn spans_at_most(decided: &[Decided], stream: &Stream) -> u64 {
    let mut moves: Vec<(i64, i64)> = Vec::new();
    for one in decided {
        let spans = i64::try_from(one.spans).unwrap_or(i64::MAX);
        let began = one.decided_at_ms - one.held_ms;
        let end = stream.ends.get(&one.partition).copied().unwrap_or(one.decided_at_ms);
        moves.extend([(began, spans), (one.decided_at_ms.min(end.max(began)), -spans)]);
    }
    // At one moment those that go go first.
    moves.sort_unstable();
    let (mut now, mut most) = (0, 0);
    for (_, change) in moves {
        now += change;
        most = most.max(now);
    }
    u64::try_from(most).unwrap_or(0)
}

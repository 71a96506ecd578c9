//! How long kept traces take to become visible, and where that time goes.

use std::ops::Range;

use super::feed::Load;
use super::watch::Visible;

/// Of the traces worth keeping that were due while the window was full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Latencies {
    /// How many they are.
    pub(super) due: usize,
    /// How many of them readers of committed records saw in time.
    pub(super) seen: usize,
    /// From a trace's last record to when such a reader saw it.
    pub(super) since_last: Percentiles,
    /// From the end of its wait to when such a reader saw it.
    pub(super) beyond_wait: Percentiles,
    /// Of that, until a reader of uncommitted records saw it: it was judged, its epoch was cut, and
    /// it was written.
    pub(super) written: Percentiles,
    /// Of that, the rest: until the transaction was committed.
    pub(super) committed: Percentiles,
}

/// In ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Percentiles {
    pub(super) p50: i64,
    pub(super) p99: i64,
    pub(super) most: i64,
}

impl Latencies {
    /// `due`: when the traces' waits end. A wait begins with a trace's first record.
    pub(super) fn of(
        load: &Load,
        wait_ms: i64,
        due: Range<i64>,
        uncommitted: &Visible,
        committed: &Visible,
    ) -> Self {
        let (mut since_last, mut beyond, mut written, mut rest) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut count = 0;
        for (key, times) in load.worthy() {
            let due_at = times.first_ms + wait_ms;
            if !due.contains(&due_at) {
                continue;
            }
            count += 1;
            let Some(seen_at) = committed.get(key) else { continue };
            // Whichever reader was told first, it was written by then.
            let written_at = uncommitted.get(key).map_or(*seen_at, |at| *at.min(seen_at));
            since_last.push(seen_at - times.last_ms);
            beyond.push(seen_at - due_at);
            written.push(written_at - due_at);
            rest.push(seen_at - written_at);
        }
        Self {
            due: count,
            seen: beyond.len(),
            since_last: Percentiles::of(since_last),
            beyond_wait: Percentiles::of(beyond),
            written: Percentiles::of(written),
            committed: Percentiles::of(rest),
        }
    }
}

impl Percentiles {
    fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let at = |percent: usize| {
            let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
            values.get(place).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99), most: at(100) }
    }
}

#[cfg(test)]
mod tests;

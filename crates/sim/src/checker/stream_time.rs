//! Stream time told anew from what was handed in, and from when on a trace waits by it.

use tailsift_trace::Millis;

/// How many stamps start a clock, or make it believe in a jump.
const CROWD: usize = 8;

/// A partition's clock as the rule makes it.
#[derive(Debug)]
pub(crate) struct StreamTime {
    now: Option<Millis>,
    jump: Millis,
    /// Stamps that came before it started.
    first: Vec<Millis>,
    /// The stamps too far ahead to be believed that came since the last one that was not.
    far: Vec<Millis>,
}

impl StreamTime {
    /// A clock that goes on at `now`; no trace waits longer than `wait`.
    pub(crate) fn new(now: Option<Millis>, wait: Millis) -> Self {
        let jump = wait.max(Millis::from_secs(60));
        Self { now, jump, first: Vec::new(), far: Vec::new() }
    }

    pub(crate) fn now(&self) -> Option<Millis> {
        self.now
    }

    pub(crate) fn see(&mut self, stamp: Option<Millis>, wall: Millis) {
        let Some(stamp) = stamp.map(|stamp| stamp.min(wall)) else { return };
        if self.is_near(stamp) {
            self.far.clear();
            self.now = self.now.max(Some(stamp));
            return;
        }
        let crowd = if self.now.is_none() { &mut self.first } else { &mut self.far };
        crowd.push(stamp);
        if crowd.len() == CROWD {
            let crowd = std::mem::take(crowd);
            self.now = crowd.iter().min().copied();
            for stamp in crowd {
                self.see(Some(stamp), wall);
            }
        }
    }

    /// Somebody else has come as far before, and found it `then`.
    pub(crate) fn catch_up(&mut self, then: Millis) {
        self.now = self.now.max(Some(then));
    }

    /// All that was written before `proven` has been read.
    pub(crate) fn prove(&mut self, proven: Millis) {
        self.far.clear();
        self.now = self.now.max(Some(proven));
    }

    fn is_near(&self, stamp: Millis) -> bool {
        self.now.is_some_and(|now| stamp <= now + self.jump)
    }

    fn is_in_doubt(&self) -> bool {
        self.now.is_none() || !self.far.is_empty()
    }
}

/// A trace that began to wait.
#[derive(Debug)]
pub(crate) struct Filing {
    pub(crate) trace: usize,
    /// Where its life began: a trace whose verdict is forgotten can begin another.
    pub(crate) first_offset: i64,
    /// The stamp of the record that made it wait.
    pub(crate) stamp: Option<Millis>,
}

/// Traces that wait for one reason, in the order in which they began to.
#[derive(Debug, Default)]
pub(crate) struct Filings {
    in_doubt: Vec<Filing>,
    /// From when on the last of the others waits.
    last: Option<Millis>,
}

impl Filings {
    pub(crate) fn add(&mut self, filing: Filing) {
        self.in_doubt.push(filing);
    }

    /// Passes over the first ones as long as they wait no more: they keep back nobody.
    pub(crate) fn skip(&mut self, waits: impl Fn(&Filing) -> bool) {
        let gone = self.in_doubt.iter().position(waits).unwrap_or(self.in_doubt.len());
        self.in_doubt.drain(..gone);
    }

    /// Those whose wait is known by now, and from when on: stream time, or their own stamp if that
    /// is later and can be believed; never before those that came earlier. While the clock is in
    /// doubt, one whose stamp cannot be believed yet keeps back all that came after it.
    pub(crate) fn settle(&mut self, clock: &StreamTime) -> Vec<(Filing, Millis)> {
        let Some(now) = clock.now else { return Vec::new() };
        let is_doubtful = |filing: &Filing| {
            clock.is_in_doubt() && !filing.stamp.is_some_and(|stamp| clock.is_near(stamp))
        };
        let known = self.in_doubt.iter().position(is_doubtful).unwrap_or(self.in_doubt.len());
        let settled = self.in_doubt.drain(..known).map(|filing| {
            let believed = filing.stamp.filter(|stamp| clock.is_near(*stamp));
            let from = now.max(believed.unwrap_or(now)).max(self.last.unwrap_or(now));
            self.last = Some(from);
            (filing, from)
        });
        settled.collect()
    }
}

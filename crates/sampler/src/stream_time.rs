//! A partition's own clock, moved by its records' timestamps.

use tailsift_trace::Millis;

/// Stream time: never behind itself, never ahead of the wall, deaf to a lone stamp from the
/// future.
///
/// It starts at the least of the first eight timestamps. A stamp further ahead than `jump` moves
/// it only when eight in a row are as far: one future stamp in a backlog must not close every
/// window, nor freeze the clock until the wall has caught up.
#[derive(Debug)]
pub(crate) struct StreamTime {
    now: Option<Millis>,
    jump: Millis,
    first: Run,
    far: Run,
}

/// How many timestamps a matter of trust takes.
const IN_A_ROW: u32 = 8;

#[derive(Debug, Default)]
struct Run {
    count: u32,
    least: Millis,
}

impl Run {
    /// The least of eight, once there are eight.
    fn add(&mut self, time: Millis) -> Option<Millis> {
        self.least = if self.count == 0 { time } else { self.least.min(time) };
        self.count += 1;
        (self.count == IN_A_ROW).then(|| std::mem::take(self).least)
    }
}

impl StreamTime {
    /// A clock that goes on at `now`, or has not started. `wait` is the longest wait of a trace.
    pub(crate) fn new(now: Option<Millis>, wait: Millis) -> Self {
        let jump = wait.max(Millis::from_secs(60));
        Self { now, jump, first: Run::default(), far: Run::default() }
    }

    /// The time, unless the clock has not started or may be about to jump.
    pub(crate) fn certain(&self) -> Option<Millis> {
        self.now.filter(|_| self.far.count == 0)
    }

    /// True if `time` is not so far ahead that it takes eight to be believed.
    pub(crate) fn is_near(&self, time: Millis) -> bool {
        self.now.is_some_and(|now| time <= now + self.jump)
    }

    pub(crate) fn now(&self) -> Option<Millis> {
        self.now
    }

    /// A record came, stamped `time` (`None`: no timestamp) and read at `wall`.
    pub(crate) fn handle_record(&mut self, time: Option<Millis>, wall: Millis) {
        let Some(time) = time.map(|time| time.min(wall)) else { return };
        let Some(now) = self.now else {
            self.now = self.first.add(time);
            return;
        };
        if self.is_near(time) {
            self.far = Run::default();
            self.now = Some(now.max(time));
        } else if let Some(least) = self.far.add(time) {
            self.now = Some(least);
        }
    }

    /// Everything written before `proven` has been read.
    pub(crate) fn handle_idle(&mut self, proven: Millis) {
        self.now = Some(self.now.map_or(proven, |now| now.max(proven)));
        self.far = Run::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Millis = Millis(1_000_000_000);

    fn run(times: &[i64]) -> Option<i64> {
        let mut clock = StreamTime::new(None, Millis::from_secs(30));
        for time in times {
            clock.handle_record((*time >= 0).then_some(Millis(*time)), WALL);
        }
        clock.now().map(|now| now.0)
    }

    #[test]
    fn it_starts_at_the_least_of_eight() {
        assert_eq!(run(&[5, 9, 7, 4, 8, 9, 9]), None);
        assert_eq!(run(&[5, 9, 7, 4, 8, 9, 9, 6]), Some(4));
        assert_eq!(run(&[5, 9, 7, 4, -1, 8, 9, 9, 6]), Some(4));
    }

    #[test]
    fn it_never_goes_back_nor_past_the_wall() {
        let mut times = vec![100_000; 8];
        times.extend([110_000, 105_000]);
        assert_eq!(run(&times), Some(110_000));
        let mut times = vec![WALL.0 - 1; 8];
        times.push(WALL.0 + 5_000);
        assert_eq!(run(&times), Some(WALL.0));
    }

    #[test]
    fn a_lone_future_stamp_is_not_believed_eight_are() {
        let start = [1000; 8];
        let with = |more: &[i64]| run(&[&start, more].concat());
        assert_eq!(with(&[200_000, 1001]), Some(1001));
        assert_eq!(with(&[200_000; 7]), Some(1000));
        assert_eq!(
            with(&[300_000, 200_000, 300_000, 300_000, 300_000, 300_000, 300_000, 300_000]),
            Some(200_000)
        );
        let interrupted: Vec<i64> = [[200_000; 7].as_slice(), &[1002], &[200_000; 7]].concat();
        assert_eq!(with(&interrupted), Some(1002));
        assert_eq!(with(&[61_000]), Some(61_000));
    }

    #[test]
    fn an_idle_proof_starts_and_moves_it() {
        let mut clock = StreamTime::new(None, Millis::from_secs(30));
        clock.handle_idle(Millis(5000));
        clock.handle_idle(Millis(4000));
        assert_eq!(clock.now(), Some(Millis(5000)));
    }
}

//! A partition's own clock, moved by its records' timestamps.

use tailsift_trace::Millis;

/// Stream time: never behind itself, never ahead of the wall, deaf to a lone stamp from the
/// future.
///
/// It starts at the least of the first eight timestamps and goes on through them. A stamp further
/// ahead than `jump` moves it only when eight in a row are as far: one future stamp in a backlog
/// must not close every window, nor freeze the clock until the wall has caught up.
#[derive(Debug)]
pub(crate) struct StreamTime {
    now: Option<Millis>,
    jump: Millis,
    first: Run,
    far: Run,
}

/// How many timestamps a matter of trust takes.
const IN_A_ROW: usize = 8;

#[derive(Debug, Default)]
struct Run {
    count: usize,
    stamps: [Millis; IN_A_ROW],
}

impl Run {
    /// All eight, once there are eight.
    fn add(&mut self, time: Millis) -> Option<[Millis; IN_A_ROW]> {
        self.stamps[self.count] = time;
        self.count += 1;
        (self.count == IN_A_ROW).then(|| std::mem::take(self).stamps)
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
        let run = if self.now.is_none() { self.first.add(time) } else { self.follow(time) };
        let Some(run) = run else { return };
        // Those far ahead of the least are in doubt again: taken for granted, the clock would let
        // their traces wait from where it stands.
        self.now = run.iter().min().copied();
        for time in run {
            let again = self.follow(time);
            debug_assert!(again.is_none(), "the least of eight is near");
        }
    }

    /// Moves on to a stamp that is near; gives back the stamps that eight in a row too far make.
    fn follow(&mut self, time: Millis) -> Option<[Millis; IN_A_ROW]> {
        if self.is_near(time) {
            self.far = Run::default();
            self.now = self.now.max(Some(time));
            return None;
        }
        self.far.add(time)
    }

    /// Somebody else has come as far before, and found it `then`.
    pub(crate) fn catch_up(&mut self, then: Millis) {
        self.now = self.now.max(Some(then));
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
    fn it_starts_at_the_least_of_eight_and_goes_through_them() {
        assert_eq!(run(&[5, 9, 7, 4, 8, 9, 9]), None);
        assert_eq!(run(&[5, 9, 7, 4, 8, 9, 9, 6]), Some(9));
        assert_eq!(run(&[5, 9, 7, 4, -1, 8, 9, 9, 6]), Some(9));
        let minute = 60_000;
        assert_eq!(run(&[9 * minute, 0, minute, 2 * minute, 0, 0, 0, 0]), Some(2 * minute));
    }

    #[test]
    fn stamps_far_ahead_of_the_least_stay_in_doubt() {
        let mut clock = StreamTime::new(None, Millis::from_secs(30));
        for time in [0, 0, 71_000, 72_000, 73_000, 74_000, 75_000, 76_000, 77_000] {
            clock.handle_record(Some(Millis(time)), WALL);
        }
        assert_eq!((clock.now(), clock.certain()), (Some(Millis(0)), None));
        clock.handle_record(Some(Millis(78_000)), WALL);
        assert_eq!(clock.certain(), Some(Millis(78_000)));
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

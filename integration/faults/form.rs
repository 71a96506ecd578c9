//! How hard a run tries: the short form of the tests, or the long one by hand.

use std::time::Duration;

use anyhow::{Context as _, bail};

/// Names the long form and its numbers, as `rounds=20,seed=1`.
pub(crate) const LONG: &str = "TAILSIFT_FAULTS";

/// The load and the faults of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// True if somebody asked for it and has the time.
    pub(crate) is_long: bool,
    /// How often the fault of a scenario strikes; the slow ones strike less often.
    pub(crate) rounds: u32,
    /// What everything is drawn from.
    pub(crate) seed: u64,
    /// Live traces, of 12 spans in 3 records each.
    pub(crate) traces_per_second: u32,
    /// From one record of a trace to the next, on average.
    pub(crate) apart: Duration,
    /// `window.decision_wait`.
    pub(crate) decision_wait: Duration,
}

impl Form {
    /// The form of the tests: a few rounds, short waits, always the same seed.
    pub(crate) const SHORT: Self = Self {
        is_long: false,
        rounds: 3,
        seed: 1,
        traces_per_second: 200,
        apart: Duration::from_millis(100),
        decision_wait: Duration::from_secs(2),
    };

    /// The long form, if the environment asks for it.
    pub(crate) fn asked() -> anyhow::Result<Option<Self>> {
        let Ok(text) = std::env::var(LONG) else { return Ok(None) };
        let mut form = Self {
            is_long: true,
            rounds: 20,
            traces_per_second: 500,
            apart: Duration::from_millis(400),
            decision_wait: Duration::from_secs(10),
            ..Self::SHORT
        };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let number = |value: &str| {
                value.parse().with_context(|| format!("{LONG}, {part:?}: expected a whole number"))
            };
            match part.split_once('=') {
                Some(("rounds", value)) => form.rounds = u32::try_from(number(value)?)?,
                Some(("seed", value)) => form.seed = number(value)?,
                Some(_) | None => {
                    bail!("{LONG}: expected rounds=NUMBER or seed=NUMBER, got {part:?}")
                }
            }
        }
        Ok(Some(form))
    }

    /// Rounds of scenarios whose fault takes long.
    pub(crate) fn few_rounds(&self) -> u32 {
        if self.is_long { self.rounds.div_ceil(5) } else { 1 }
    }

    pub(crate) fn dice(&self) -> Dice {
        Dice(self.seed)
    }
}

/// Seeded chance (splitmix64).
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }
}

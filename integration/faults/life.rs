//! A process from its start to its end, with its figures held against the law of conservation.

use anyhow::{Context as _, ensure};
use tailsift_fixture::{BalanceWatch, Tailsift};

use crate::rig::{Logged, PATIENCE, Rig, THIS_BUILD, log_tail};

/// Arguments of a process that can be watched.
pub(crate) const SERVED: &[&str] = &["--set", "http={listen: \"127.0.0.1:0\"}"];

/// One life of a process: its counters begin at zero, and end with it.
pub(crate) struct Life {
    pub(crate) child: Tailsift,
    /// `None` of what holds no traces, and of other builds, which may not tell all.
    watch: Option<BalanceWatch>,
}

/// What was watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    lives: usize,
    looks: usize,
    /// Spans that were read by the last looks.
    spans: u64,
}

impl Life {
    /// A `tailsift run` of this build.
    pub(crate) fn run(rig: &Rig, arguments: &[&[&str]]) -> anyhow::Result<Self> {
        Self::of(rig, THIS_BUILD, "run", arguments)
    }

    /// Any command of any build.
    pub(crate) fn of(
        rig: &Rig,
        binary: &str,
        command: &str,
        arguments: &[&[&str]],
    ) -> anyhow::Result<Self> {
        if binary != THIS_BUILD || command != "run" {
            let child = rig.command_of_build(binary, &[command], arguments)?;
            return Ok(Self { child, watch: None });
        }
        let arguments = [&[SERVED], arguments].concat();
        let child = rig.command_of_build(binary, &[command], &arguments)?;
        let watch = Some(BalanceWatch::start(&child)?);
        Ok(Self { child, watch })
    }

    /// # Errors
    /// If the law did not hold at some look so far.
    pub(crate) fn ensure_even(&self) -> anyhow::Result<()> {
        self.watch.as_ref().map_or(Ok(()), BalanceWatch::ensure_even)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill9(mut self) -> anyhow::Result<Watched> {
        self.child.kill9()?;
        self.end()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(self) -> anyhow::Result<(Logged, Watched)> {
        self.child.sigterm()?;
        self.finished()
    }

    /// Waits until it has ended by itself, well.
    pub(crate) fn finished(mut self) -> anyhow::Result<(Logged, Watched)> {
        let status = self.child.wait(2 * PATIENCE)?;
        let logged = self.child.stderr();
        ensure!(status.success(), "expected exit code 0, got {status}\n{}", log_tail(&logged));
        let watched = self.end()?;
        Ok((Logged(logged), watched))
    }

    fn end(self) -> anyhow::Result<Watched> {
        let Some(watch) = self.watch else { return Ok(Watched::default()) };
        let log = self.child.stderr();
        let looks = watch.finish().with_context(|| log_tail(&log))?;
        let last = looks.last().map(|look| look.figures.balances.values());
        let spans = last.map_or(0, |balances| balances.map(|balance| balance.read).sum());
        Ok(Watched { lives: 1, looks: looks.len(), spans })
    }
}

impl Watched {
    pub(crate) fn add(&mut self, other: Self) {
        self.lives += other.lives;
        self.looks += other.looks;
        self.spans += other.spans;
    }

    /// # Errors
    /// If nobody looked, or nothing was to be seen: that proves nothing.
    pub(crate) fn note(&self) -> anyhow::Result<String> {
        let Self { lives, looks, spans } = self;
        ensure!(*looks > 0 && *spans > 0, "nothing was seen of the figures: {self:?}");
        Ok(format!(
            "the figures of {lives} processes, seen {looks} times, were even ({spans} spans)"
        ))
    }
}

//! Stopping on request: SIGINT and SIGTERM.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// Exit code of a process that a second SIGINT ended (128 + the signal's number, as shells say).
const EXIT_INTERRUPTED: i32 = 130;
/// Exit code of a process that a second SIGTERM ended: it failed to stop in order.
const EXIT_TERMINATED: i32 = 1;

/// The wish to stop, shared by all who work. Never taken back.
#[derive(Debug, Default)]
pub(crate) struct Stop(AtomicBool);

impl Stop {
    /// Asks everyone to stop.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// True once someone asked. Cheap enough to be asked in every turn of a loop.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Sets `stop` at the first SIGINT or SIGTERM and ends the process at the second: what was not
/// committed by then is replayed at the next start.
///
/// # Errors
/// If the process may not listen for signals.
pub(crate) fn on_signals(runtime: &Handle, stop: Arc<Stop>) -> anyhow::Result<()> {
    watch(runtime, stop, |code| std::process::exit(code))
}

fn watch(
    runtime: &Handle,
    stop: Arc<Stop>,
    exit: impl FnOnce(i32) + Send + 'static,
) -> anyhow::Result<()> {
    let mut signals = {
        let _runtime = runtime.enter();
        Signals::new()?
    };
    runtime.spawn(async move {
        let name = signals.next().await.name;
        info!(signal = name, "stopping; once more to stop at once");
        stop.set();
        let second = signals.next().await;
        warn!(signal = second.name, "stopping at once; open work is replayed at the next start");
        exit(second.exit_code);
    });
    Ok(())
}

/// Both signals, registered.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// A signal that came.
struct Received {
    name: &'static str,
    exit_code: i32,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind, name| {
            signal(kind).with_context(|| format!("cannot listen for {name}; check system limits"))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt(), "SIGINT")?,
            terminate: listen(SignalKind::terminate(), "SIGTERM")?,
        })
    }

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.interrupt.recv() => Received { name: "SIGINT", exit_code: EXIT_INTERRUPTED },
            _ = self.terminate.recv() => Received { name: "SIGTERM", exit_code: EXIT_TERMINATED },
        }
    }
}

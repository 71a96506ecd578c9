//! When exports become visible.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tailsift_kafka::{ClientSettings, Isolation, Reader};

use crate::cluster::now_ms;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// By key, when the first record of a trace was visible, in ms since the Unix epoch.
pub(super) type Visible = BTreeMap<Vec<u8>, i64>;

/// Reads a topic as records come to it.
pub(super) struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Visible>>,
}

impl Watcher {
    pub(super) fn start(
        settings: &ClientSettings,
        topic: &str,
        isolation: Isolation,
    ) -> anyhow::Result<Self> {
        let mut reader = Reader::follow(settings, topic, isolation)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watch = move || {
            let mut visible = Visible::new();
            while !stopped.load(Ordering::Relaxed) {
                reader.for_each(LOOK_EVERY, |record| {
                    let key = record.key().unwrap_or_default().to_vec();
                    visible.entry(key).or_insert_with(now_ms);
                    if stopped.load(Ordering::Relaxed) {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })?;
            }
            Ok(visible)
        };
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(watch);
        Ok(Self { stop, thread: thread.context("starting a watcher")? })
    }

    pub(super) fn stop(self) -> anyhow::Result<Visible> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("a watcher panicked"))?
    }
}

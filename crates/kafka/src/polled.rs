//! A producer with a thread of its own that collects acknowledgements.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, ProducerContext};

use crate::ClientSettings;
use crate::error::ClientError;

/// How long the thread waits for an acknowledgement before it looks whether it is to end.
///
/// `BaseProducer::poll` waits in whole milliseconds and looks again until all of its time is over:
/// with whole milliseconds, as rdkafka's own `ThreadedProducer` has them, it spins for nearly the
/// last one of them, which is a hundredth of a core for each producer, for ever. A little more than
/// whole ones, and the first wait is long enough.
const WAIT: Duration = Duration::from_micros(100_050);

/// A producer whose acknowledgements are collected until it is dropped: without that, aborts hang
/// until their time-out.
pub(crate) struct Polled<C: ProducerContext + 'static> {
    producer: Arc<BaseProducer<C>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<C: ProducerContext + 'static> Polled<C> {
    /// Makes the producer and starts its thread.
    ///
    /// # Errors
    /// If librdkafka refuses the configuration, or the system has no thread to give.
    pub(crate) fn open(
        settings: &ClientSettings,
        config: &ClientConfig,
        context: C,
    ) -> Result<Self, ClientError> {
        let producer = Arc::new(settings.client::<C, BaseProducer<C>>(config, context)?);
        let is_over = Arc::new(AtomicBool::new(false));
        let (polled, over) = (Arc::clone(&producer), Arc::clone(&is_over));
        let work = move || {
            while !over.load(Ordering::Relaxed) {
                polled.poll(WAIT);
            }
        };
        let thread = thread::Builder::new().name("acknowledgements".to_owned()).spawn(work);
        let thread = thread.map_err(|error| ClientError {
            bootstrap_servers: settings.bootstrap_servers.clone(),
            reason: format!("no thread could be started: {error}"),
        })?;
        Ok(Self { producer, is_over, thread: Some(thread) })
    }

    /// The producer, to be used from another thread.
    pub(crate) fn share(&self) -> Arc<BaseProducer<C>> {
        Arc::clone(&self.producer)
    }
}

impl<C: ProducerContext + 'static> Deref for Polled<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

impl<C: ProducerContext + 'static> Drop for Polled<C> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What its callbacks had to say, they have noted; a panic of theirs was reported.
            let _ = thread.join();
        }
    }
}

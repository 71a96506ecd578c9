//! The HTTP surface: health, metrics, recent traces. tokio serves it and nothing else.
//!
//! [`bind`] finds a port before anything else starts, [`serve`] answers until told to stop.

mod api;
mod connection;
mod health;
mod reload;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{info, warn};

use crate::live::LiveView;
use crate::metrics::Exposition;
use crate::reload::Desk;

pub(crate) use health::Health;

use connection::BoundedListener;

/// Ports tried after a busy default.
const PORTS_TRIED: u16 = 20;
/// Time that open requests have once the server is told to stop.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// Between two calls of [`Exposition::upkeep`].
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Connections served at the same time.
const CONNECTIONS_MAX: usize = 256;
/// A connection on which nothing moves this long is closed. Longer than scrapers pause.
const IDLE_MAX: Duration = Duration::from_secs(90);
/// Traces that are decoded at the same time; further requests wait.
const DECODES_MAX: usize = 4;

/// What the surface shows.
pub(crate) struct Surface {
    health: Arc<Health>,
    live: Arc<LiveView>,
    exposition: Exposition,
    desk: Arc<Desk>,
    decodes: Arc<Semaphore>,
}

impl Surface {
    /// A surface over these.
    pub(crate) fn new(
        health: Arc<Health>,
        live: Arc<LiveView>,
        exposition: Exposition,
        desk: Arc<Desk>,
    ) -> Self {
        let decodes = Arc::new(Semaphore::new(DECODES_MAX));
        Self { health, live, exposition, desk, decodes }
    }
}

/// Takes the port of `http.listen`. If it is busy and was not `explicit`ly configured, the next
/// free one of the following 20.
///
/// # Errors
/// If no port could be taken.
pub(crate) fn bind(listen: SocketAddr, explicit: bool) -> anyhow::Result<TcpListener> {
    let last = listen.port().saturating_add(if explicit { 0 } else { PORTS_TRIED });
    for port in listen.port()..=last {
        match TcpListener::bind(SocketAddr::new(listen.ip(), port)) {
            Ok(listener) => {
                // tokio takes over sockets that do not block only.
                listener.set_nonblocking(true).context("http.listen: socket refused a mode")?;
                if port != listen.port() {
                    warn!(busy = %listen, port, "http.listen: busy, serving on another port");
                }
                return Ok(listener);
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => {
                return Err(error).with_context(|| {
                    format!(
                        "http.listen: cannot listen on {listen}; give an address of this machine \
                         and a port it may use, or `http: off`"
                    )
                });
            }
        }
    }
    let tried = if explicit { "is" } else { "and the ports after it are" };
    Err(anyhow!(
        "http.listen: {listen} {tried} in use; stop the other process, give a free port, or \
         `http: off`"
    ))
}

/// Serves until `stop` holds true or its sender is gone, then lets open requests finish for a
/// second.
///
/// # Errors
/// If the listener is unusable.
pub(crate) async fn serve(
    listener: TcpListener,
    surface: Arc<Surface>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let listener = BoundedListener::new(listener, CONNECTIONS_MAX, IDLE_MAX);
    info!(url = %format_args!("http://{}", listener.address()?), "http is up");
    let upkeep = Arc::clone(&surface);
    let serving =
        axum::serve(listener, api::router(surface)).with_graceful_shutdown(stopped(stop.clone()));
    tokio::select! {
        served = serving.into_future() => served,
        () = async { stopped(stop).await; sleep(STOP_GRACE).await } => Ok(()),
        never = keep_up(&upkeep.exposition) => match never {},
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error says that the sender is gone, and nobody else could ask any more.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn keep_up(exposition: &Exposition) -> std::convert::Infallible {
    let mut ticks = interval(UPKEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        exposition.upkeep();
    }
}

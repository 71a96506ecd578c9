//! The watcher: asks where partitions end, and notices when there is nothing left to do.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tailsift_config::Config;
use tailsift_kafka::{Admin, Observer};
use tracing::{info, warn};

use super::board::Board;
use super::build::client_settings;
use super::retention::Retention;
use super::upstream::Upstream;
use crate::secrets::Secrets;
use crate::shutdown::Stop;
use crate::worker::wall_now;

const ASK_EVERY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(10);
const NAP: Duration = Duration::from_millis(50);

/// Starts the watcher's thread, which ends soon after `stop` is set.
///
/// # Errors
/// If no client or thread can be made.
pub(crate) fn start(
    secrets: Arc<Secrets>,
    mut upstream: Option<Upstream>,
    partitions: i32,
    board: Arc<Board>,
    stop: Arc<Stop>,
    exit_when_idle: Option<Duration>,
    mut retention: Option<Retention>,
) -> anyhow::Result<JoinHandle<()>> {
    let mut follower = Clients::new(secrets);
    let config = follower.secrets.config();
    let (mut observer, mut admin) = observers(&config)?;
    let (group, topic) = (config.group.clone(), config.window_topic().to_owned());
    let watch = move || {
        let mut partitions = partitions as usize;
        while !stop.is_set() {
            follower.follow(|config| {
                if let Some(upstream) = &mut upstream {
                    upstream.connect_anew(config)?;
                }
                (observer, admin) = observers(config)?;
                Ok(())
            });
            // Behind a re-key stage a partition is idle once the stage has nothing left for it.
            let asked_at = match &mut upstream {
                None => Ok(Some(wall_now())),
                Some(upstream) => upstream.look(PATIENCE),
            };
            let ends = asked_at.and_then(|asked_at| {
                Ok(asked_at.zip(Some(observer.end_offsets(&topic, PATIENCE)?)))
            });
            let is_news = matches!(ends, Ok(Some(_)));
            match ends {
                Ok(None) => {}
                Ok(Some((asked_at, ends))) => {
                    if ends.len() > partitions {
                        warn!(
                            before = partitions,
                            now = ends.len(),
                            "the input topic has got more partitions: traces in flight are split once, since their keys go elsewhere now"
                        );
                        partitions = ends.len();
                    }
                    board.set_ends(asked_at, ends);
                }
                Err(error) => warn!(%error, "the input's ends are not known; idle partitions wait"),
            }
            if let Some(patience) = exit_when_idle
                && is_news
                && (board.quiet_for().is_some_and(|quiet| quiet >= patience)
                    || is_all_committed(&admin, &group, &topic, &board))
            {
                info!("nothing is left to do");
                stop.set();
            }
            if let Some(retention) = &mut retention {
                retention.tend(&admin);
            }
            sleep_until(Instant::now() + ASK_EVERY, &stop, upstream.as_ref());
        }
    };
    std::thread::Builder::new()
        .name("watcher".to_owned())
        .spawn(watch)
        .context("starting the watcher")
}

/// The same for a process that only re-keys: it watches its own group.
///
/// # Errors
/// If no thread can be made.
pub(crate) fn start_rekey(
    secrets: Arc<Secrets>,
    mut upstream: Upstream,
    stop: Arc<Stop>,
    exit_when_idle: Option<Duration>,
) -> anyhow::Result<JoinHandle<()>> {
    let mut follower = Clients::new(secrets);
    let watch = move || {
        let started = wall_now();
        while !stop.is_set() {
            follower.follow(|config| Ok(upstream.connect_anew(config)?));
            match upstream.look(PATIENCE) {
                // Everything written since the start is re-keyed, and that was some time ago.
                Ok(Some(proven)) => {
                    let is_over = |patience: Duration| {
                        u128::try_from(proven.0 - started.0)
                            .is_ok_and(|ms| ms >= patience.as_millis())
                    };
                    if exit_when_idle.is_some_and(is_over) {
                        info!("nothing is left to do");
                        stop.set();
                    }
                }
                Ok(None) => {}
                Err(error) => warn!(%error, "how far the re-key stage is, is not known"),
            }
            sleep_until(Instant::now() + ASK_EVERY, &stop, Some(&upstream));
        }
    };
    std::thread::Builder::new()
        .name("watcher".to_owned())
        .spawn(watch)
        .context("starting the watcher")
}

fn observers(config: &Config) -> anyhow::Result<(Observer, Admin)> {
    let settings = client_settings(config);
    Ok((Observer::new(&settings)?, Admin::new(&settings)?.with_patience(PATIENCE)))
}

/// Follows the secrets for clients that only ask: they are made anew.
struct Clients {
    secrets: Arc<Secrets>,
    seen: u64,
}

impl Clients {
    /// Before the clients are made.
    fn new(secrets: Arc<Secrets>) -> Self {
        let mut seen = 0;
        secrets.newer_than(&mut seen);
        Self { secrets, seen }
    }

    fn follow(&mut self, connect: impl FnOnce(&Config) -> anyhow::Result<()>) {
        let mut seen = self.seen;
        let Some(config) = self.secrets.newer_than(&mut seen) else { return };
        match connect(&config) {
            Ok(()) => self.seen = seen,
            // The next look tries again.
            Err(error) => {
                warn!(error = format!("{error:#}"), "the watcher's clients cannot be made anew")
            }
        }
    }
}

/// Until it is time to ask again, which it is at once if partitions wait for the answer.
fn sleep_until(time: Instant, stop: &Stop, upstream: Option<&Upstream>) {
    while !stop.is_set() && Instant::now() < time {
        std::thread::sleep(NAP);
        if upstream.is_some_and(Upstream::is_waited_for) {
            return;
        }
    }
}

/// True if the group, wherever its members are, has committed the end of every partition.
fn is_all_committed(admin: &Admin, group: &str, topic: &str, board: &Board) -> bool {
    let ends = board.ends();
    let Ok(committed) = admin.committed_offsets(group, topic) else { return false };
    !ends.offsets.is_empty()
        && committed.iter().all(|committed| {
            committed.offset.is_some() && committed.offset >= ends.of(committed.partition)
        })
}

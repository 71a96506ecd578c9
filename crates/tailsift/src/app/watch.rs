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
    config: &Config,
    partitions: i32,
    board: Arc<Board>,
    stop: Arc<Stop>,
    exit_when_idle: Option<Duration>,
    mut retention: Option<Retention>,
) -> anyhow::Result<JoinHandle<()>> {
    let settings = client_settings(config);
    let observer = Observer::new(&settings, &config.input.topic)?;
    let admin = Admin::new(&settings)?.with_patience(PATIENCE);
    let (group, topic) = (config.group.clone(), config.input.topic.clone());
    let watch = move || {
        let mut partitions = partitions as usize;
        let mut asked = Instant::now();
        while !stop.is_set() {
            let asked_at = wall_now();
            match observer.end_offsets(PATIENCE) {
                Ok(ends) => {
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
                && (board.quiet_for().is_some_and(|quiet| quiet >= patience)
                    || is_all_committed(&admin, &group, &topic, &board))
            {
                info!("nothing is left to do");
                stop.set();
            }
            if let Some(retention) = &mut retention {
                retention.tend(&admin);
            }
            asked += ASK_EVERY;
            while !stop.is_set() && Instant::now() < asked {
                std::thread::sleep(NAP);
            }
            asked = asked.max(Instant::now() - ASK_EVERY);
        }
    };
    std::thread::Builder::new()
        .name("watcher".to_owned())
        .spawn(watch)
        .context("starting the watcher")
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

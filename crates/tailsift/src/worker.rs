//! A worker: a thread that is a member of the consumer group.
//!
//! It polls records, scans them and hands them to its shard, and between records drives the
//! commit of epochs. Nothing is shared with other workers; what the process wants to know of a
//! worker goes over the [`Board`].

mod core;
mod fit;
mod intake;
mod restoring;
mod rules;
mod shadow;
mod threshold;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tailsift_config::Config;
use tailsift_kafka::{Source, SourceEvent};
use tailsift_trace::Millis;
use tracing::{debug, info};

use crate::app::board::Board;
use crate::app::{Works, client_settings, export_client_settings};
use crate::handover::{HandsOver as _, SharedCore};
use crate::secrets::{Ended, Follower, News, Ticket};
use crate::shutdown::Stop;
pub(crate) use core::{Clocks, WorkerCore};
pub(crate) use fit::Fit;
pub(crate) use intake::{Format, InputRecord, Intake, RecordReader, Target};
pub(crate) use restoring::Restoring;
pub(crate) use shadow::Shadow;

/// Records handled before the worker tends to its epochs.
const RECORDS_PER_TURN: usize = 256;
/// The longest sleep while there is nothing to read.
const IDLE_POLL: Duration = Duration::from_millis(50);
/// The same while an epoch is being committed.
const BUSY_POLL: Duration = Duration::from_millis(5);
/// How long a stopping worker tries to commit.
const FINISH_BUDGET: Duration = Duration::from_secs(10);

/// One worker.
pub(crate) struct Worker {
    pub(crate) source: Source,
    pub(crate) core: SharedCore<WorkerCore>,
    pub(crate) reader: RecordReader,
    pub(crate) board: Arc<Board>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) follower: Follower,
    pub(crate) paused: bool,
}

impl Works for Worker {
    fn run(mut self, ticket: Option<Ticket>) -> anyhow::Result<Ended> {
        self.follower.hold(ticket);
        let mut ended = Ended::Stopped;
        while !self.stop.is_set() && !self.core.lock().is_drained(&self.board) {
            self.turn()?;
            match self.follower.news() {
                News::Nothing => {}
                News::Login(config) => self.log_in(&config)?,
                News::Reconnect(ticket) => {
                    ended = Ended::ToReconnect(ticket);
                    break;
                }
            }
        }
        info!("stopping: one last epoch");
        if self.core.lock().is_transactional() {
            self.core.lock().finish(&self.source.membership(), Instant::now() + FINISH_BUDGET)?;
        }
        // Leaving the group hands the partitions over through the core's `Handover`, with one
        // more epoch.
        drop(self.source);
        let mut core = self.core.lock();
        core.publish_last(&self.board);
        if let Ended::ToReconnect(_) = ended {
            self.board.retire(core.number);
        }
        core.take_error()?;
        Ok(ended)
    }
}

impl Worker {
    fn log_in(&mut self, config: &Config) -> anyhow::Result<()> {
        let client = client_settings(config);
        self.source.log_in(&client)?;
        self.core.lock().log_in(&client, export_client_settings(config).as_ref())
    }

    fn turn(&mut self) -> anyhow::Result<()> {
        self.take_up_rules();
        let mut patience = if self.core.lock().is_committing() { BUSY_POLL } else { IDLE_POLL };
        self.reader.set_wall_now(wall_now());
        for _ in 0..RECORDS_PER_TURN {
            match self.source.poll(patience)? {
                SourceEvent::Record(record) => {
                    let mut core = self.core.lock();
                    self.reader.handle(&record, &mut *core);
                    core.show_judged();
                    if core.is_congested() {
                        break;
                    }
                }
                SourceEvent::Given => self.core.lock().make_ready()?,
                SourceEvent::Assigned(partitions) => {
                    self.core.lock().handle_assigned(partitions);
                    break;
                }
                SourceEvent::Idle => break,
            }
            patience = Duration::ZERO;
        }
        let mut core = self.core.lock();
        core.tend(&self.source.membership(), &self.board, self.source.has_joined())?;
        let congested = core.is_congested();
        let started = core.restore();
        if self.follower.is_settling() && self.source.has_joined() && core.restoring.is_done() {
            self.follower.settle();
        }
        drop(core);
        for one in started {
            self.source.start(one.partition, one.offset)?;
        }
        let hold = congested || !self.board.have_gathered();
        if hold != self.paused {
            debug!(congested, paused = hold, "reading");
            self.source.set_paused(hold)?;
            self.paused = hold;
        }
        Ok(())
    }
}

/// The wall clock.
pub(crate) fn wall_now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

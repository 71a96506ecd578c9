//! The re-key stage: threads that read records without a key, and write their spans to the
//! partition of their trace IDs. They hold nothing but what is not committed yet.

mod board;
mod core;
mod pace;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tailsift_kafka::{Assigned, Source, SourceEvent};
use tracing::{debug, error, info};

use crate::app::{Works, client_settings};
use crate::handover::{HandsOver as _, SharedCore};
use crate::secrets::{Ended, Follower, News, Ticket};
use crate::shutdown::Stop;
use crate::worker::{RecordReader, wall_now};
use tailsift_trace::Millis;

pub(crate) use board::{Reached, RekeyBoard};
pub(crate) use core::{RekeyClocks, RekeyCore};
use pace::HeldRecord;
pub(crate) use pace::Pace;

/// Records handled before the worker tends to its epochs.
const RECORDS_PER_TURN: usize = 256;
/// The longest sleep while there is nothing to read.
const IDLE_POLL: Duration = Duration::from_millis(50);
/// The same while an epoch is being committed.
const BUSY_POLL: Duration = Duration::from_millis(5);
/// How long a stopping worker tries to commit.
const FINISH_BUDGET: Duration = Duration::from_secs(10);

/// One thread of the stage, a member of its group.
pub(crate) struct RekeyWorker {
    pub(crate) source: Source,
    pub(crate) core: SharedCore<RekeyCore>,
    pub(crate) reader: RecordReader,
    pub(crate) board: Arc<RekeyBoard>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) follower: Follower,
    pub(crate) paused: bool,
}

impl Works for RekeyWorker {
    fn run(mut self, ticket: Option<Ticket>) -> anyhow::Result<Ended> {
        self.follower.hold(ticket);
        let mut ended = Ended::Stopped;
        while !self.stop.is_set() {
            self.turn()?;
            match self.follower.news() {
                News::Nothing => {}
                News::Login(config) => {
                    let client = client_settings(&config);
                    self.source.log_in(&client)?;
                    self.core.lock().sink.log_in(&client, None)?;
                }
                News::Reconnect(ticket) => {
                    ended = Ended::ToReconnect(ticket);
                    break;
                }
            }
        }
        info!("stopping: one last epoch of the re-key stage");
        if self.core.lock().is_transactional() {
            self.core.lock().finish(&self.source.membership(), Instant::now() + FINISH_BUDGET)?;
        }
        drop(self.source);
        let mut core = self.core.lock();
        core.publish();
        // Nobody is to wait for what this worker had reached.
        self.board.exchange(core.number, Vec::new());
        core.take_error()?;
        Ok(ended)
    }
}

impl RekeyWorker {
    fn turn(&mut self) -> anyhow::Result<()> {
        if let Some(new) = self.follower.take_rules() {
            self.reader.set_withholding(new.rules.config.has_redaction());
        }
        self.reader.set_wall_now(wall_now());
        self.read()?;
        let mut core = self.core.lock();
        core.tend(&self.source.membership(), self.source.has_joined())?;
        if self.source.has_joined() {
            self.follower.settle();
        }
        let full = core.poll_full(&self.board).clone();
        for _ in 0..RECORDS_PER_TURN {
            let Some(record) = core.poll_held() else { break };
            self.reader.handle(&record, &mut *core);
        }
        let (congested, reread) = (core.is_congested(), core.must_reread());
        drop(core);
        if reread {
            info!("what was not committed is read again");
            return Ok(self.source.reread()?);
        }
        if congested != self.paused {
            debug!(paused = congested, "reading");
            self.source.set_paused(congested)?;
            self.paused = congested;
        }
        Ok(self.source.hold_back(&full)?)
    }

    /// Takes what the client has, up to a turn's share; waits if that is nothing.
    fn read(&mut self) -> anyhow::Result<()> {
        let core = self.core.lock();
        let is_busy = core.is_committing() || core.is_holding();
        drop(core);
        let mut patience = if is_busy { BUSY_POLL } else { IDLE_POLL };
        for _ in 0..RECORDS_PER_TURN {
            match self.source.poll(patience)? {
                SourceEvent::Record(record) => {
                    let mut core = self.core.lock();
                    let time = record.timestamp_ms().map_or_else(wall_now, Millis);
                    if core.admits(record.partition(), time) {
                        self.reader.handle(&record, &mut *core);
                    } else {
                        core.hold(time, HeldRecord::from(&record));
                    }
                    if core.is_congested() {
                        break;
                    }
                }
                SourceEvent::Given => self.core.lock().make_ready()?,
                SourceEvent::Assigned(partitions) => {
                    self.begin(&partitions)?;
                    break;
                }
                SourceEvent::Idle => break,
            }
            patience = Duration::ZERO;
        }
        Ok(())
    }

    fn begin(&self, partitions: &[Assigned]) -> anyhow::Result<()> {
        for one in partitions {
            let missing = one.log_start - one.offset();
            let offset = one.offset().max(one.log_start);
            info!(partition = one.partition, offset, "re-keying");
            if missing > 0 {
                error!(
                    partition = one.partition,
                    missing,
                    offset,
                    "records were deleted before they were read; going on at the log's start. Lengthen the input topic's retention"
                );
            }
            self.core.lock().begin(one, offset);
            self.source.start(one.partition, offset)?;
        }
        Ok(())
    }
}

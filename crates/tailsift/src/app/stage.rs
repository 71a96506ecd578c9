//! The re-key stage, put together.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use anyhow::Context as _;
use tailsift_config::{Config, Repartition};
use tailsift_kafka::{
    PolicyNames, SharedPolicyNames, Sink, SinkSettings, Source, SourceSettings, Topics, scope_of,
};
use tailsift_otlp::Scanner;
use tailsift_sampler::{RekeyLimits, Rekeyer};
use tailsift_trace::{Interest, Millis};

use super::build::{client_settings, delivery, format, latest_client, partitioner, start};
use super::topics::Repartitioned;
use crate::admin::Health;
use crate::handover::{Handover, SharedCore};
use crate::metrics::RekeyMetrics;
use crate::rekey::{Pace, RekeyBoard, RekeyClocks, RekeyCore, RekeyWorker};
use crate::secrets::{Follower, Secrets};
use crate::shutdown::Stop;
use crate::worker::{RecordReader, Target};

/// A record that is written gets no more once it has so many bytes: large ones compress well and
/// cost little each, but are fetched and held whole.
const RECORD_BYTES: usize = 64 << 10;

/// What a worker of the stage holds at most, however much the configuration would let it: epochs of
/// half of it cost little each, and memory that is written once and let go costs more than the copy.
const BUFFER_BYTES_MAX: usize = 32 << 20;

/// What re-key workers are made of.
pub(super) struct Stage {
    secrets: Arc<Secrets>,
    repartition: Repartition,
    target: Repartitioned,
    /// Names this process where the configuration does not.
    random: u64,
    pub(super) topics: Topics,
    pub(super) board: Arc<RekeyBoard>,
    stop: Arc<Stop>,
    health: Arc<Health>,
}

impl Stage {
    /// `None` if the input is keyed by trace ID.
    pub(super) fn new(
        secrets: Arc<Secrets>,
        target: Repartitioned,
        stop: Arc<Stop>,
        health: Arc<Health>,
    ) -> Option<Self> {
        let config = secrets.config();
        let repartition = config.repartition.clone()?;
        let skew = i64::try_from(repartition.max_skew.as_millis()).unwrap_or(i64::MAX);
        Some(Self {
            secrets,
            repartition,
            target,
            random: RandomState::new().hash_one(std::process::id()),
            topics: Topics::new(&config.input.topics[0]),
            board: Arc::new(RekeyBoard::new(Millis(skew))),
            stop,
            health,
        })
    }

    /// A worker that has joined the stage's group; nothing is read before it runs. `number` is
    /// its own among all workers of the process.
    ///
    /// # Errors
    /// If Kafka clients cannot be made.
    pub(super) fn worker(&self, number: usize) -> anyhow::Result<RekeyWorker> {
        let (follower, config) = Follower::new(&self.secrets);
        let config = &*config;
        let core = SharedCore::new(RekeyCore {
            number,
            rekeyer: Rekeyer::new(RekeyLimits {
                record_bytes: RECORD_BYTES.min(self.target.record_limit),
                record_time: self.record_time(),
                buffer_bytes: config.output.buffer_limit.min(BUFFER_BYTES_MAX),
            }),
            sink: Sink::new(self.sink_settings(config, number)),
            flush: self.repartition.flush,
            record_limit: self.target.record_limit,
            withholds: config.has_redaction(),
            metrics: RekeyMetrics::new(number),
            health: Arc::clone(&self.health),
            clocks: RekeyClocks::start(),
            pace: Pace::new(self.repartition.read_ahead),
            error: None,
        });
        let settings = SourceSettings {
            client: client_settings(config),
            group: config.rekey_group(),
            instance: config.instance.as_ref().map(|instance| format!("{instance}-{number}")),
            subscription: config.input.topics.clone(),
            topics: self.topics.clone(),
            start: start(config),
            scope: self.scope(config),
        };
        let source = Source::join(settings, Box::new(Handover(core.clone())))
            .with_context(|| format!("re-key worker {number}"))?;
        let scanner = Scanner::new(Interest::default());
        let reader = RecordReader::new(scanner, format(config), config.dead_letters.is_some())
            .withholding(config.has_redaction())
            .with_target(Target::new(partitioner(config), self.target.partitions));
        Ok(RekeyWorker {
            source,
            core,
            reader,
            board: Arc::clone(&self.board),
            stop: Arc::clone(&self.stop),
            follower,
            paused: false,
        })
    }

    /// Live, all that is flushed together goes into one record for each target, or two; of a
    /// backlog, what comes on top of the skew is small beside it.
    fn record_time(&self) -> Millis {
        let time = self.repartition.flush.max(self.repartition.max_skew / 10);
        Millis(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
    }

    /// Marks the stage's commits. The input may be many topics: it is named by where it goes.
    fn scope(&self, config: &Config) -> u64 {
        scope_of(&config.rekey_group(), &self.repartition.topic)
    }

    fn sink_settings(&self, config: &Config, number: usize) -> SinkSettings {
        let group = config.rekey_group();
        let instance = config.instance.clone().unwrap_or_else(|| format!("{:016x}", self.random));
        SinkSettings {
            client: client_settings(config),
            latest_client: Some(latest_client(&self.secrets)),
            export_client: None,
            delivery: delivery(config),
            transactional_id: format!("{group}-{instance}-{number}"),
            input_topics: self.topics.clone(),
            export_topic: self.repartition.topic.clone(),
            dead_letter_topic: config.dead_letters.clone(),
            // Its epochs have no verdicts.
            decisions_topic: config.decisions.topic.clone(),
            scope: self.scope(config),
            max_message_bytes: self.target.record_limit,
            compression: self.repartition.compression.name().to_owned(),
            partitioner: partitioner(config),
            policy_names: SharedPolicyNames::new(PolicyNames::new(std::iter::empty::<&str>())),
            fingerprint: String::new(),
            config: 0,
            writer: RandomState::new().hash_one(number),
        }
    }
}

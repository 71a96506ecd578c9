//! From configuration to workers.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use anyhow::Context as _;
use tailsift_config::{Config, Delivery, Encoding, Kafka, Partitioner, Start};
use tailsift_kafka::{
    ClientSettings, LatestClient, PolicyNames, RestoreSettings, Restorer, SharedPolicyNames, Sink,
    SinkSettings, Source, SourceSettings, Topics, scope_of,
};
use tailsift_otlp::{Scanner, TagValues};
use tailsift_sampler::{Limits, Shard};

use super::Wishes;
use super::board::Board;
use crate::admin::Health;
use crate::handover::{Handover, SharedCore};
use crate::live::{LiveView, Names};
use crate::metrics::WorkerMetrics;
use crate::reread::Rereader;
use crate::secrets::{Follower, Secrets};
use crate::shutdown::Stop;
use crate::worker::{Clocks, Fit, Format, RecordReader, Restoring, Shadow, Worker, WorkerCore};

/// How to reach the cluster.
pub(crate) fn client_settings(config: &Config) -> ClientSettings {
    cluster_settings(&config.kafka)
}

/// How to reach the cluster by then.
pub(crate) fn latest_client(secrets: &Arc<Secrets>) -> LatestClient {
    let secrets = Arc::clone(secrets);
    LatestClient::new(move || client_settings(&secrets.config()))
}

/// How to reach the cluster of the output topic; `None` if it is the input's.
pub(crate) fn export_client_settings(config: &Config) -> Option<ClientSettings> {
    config.output.kafka.as_ref().map(cluster_settings)
}

/// How to reach a cluster.
pub(crate) fn cluster_settings(kafka: &Kafka) -> ClientSettings {
    ClientSettings {
        bootstrap_servers: kafka.bootstrap_servers.clone(),
        properties: kafka.properties.clone(),
    }
}

/// How input records are read.
pub(super) fn format(config: &Config) -> Format {
    format_of(config, config.input.encoding)
}

/// How records of some encoding are read.
pub(crate) fn format_of(config: &Config, encoding: Encoding) -> Format {
    match encoding {
        Encoding::OtlpProto => Format::OtlpProto,
        Encoding::OtlpJson => Format::OtlpJson,
        Encoding::JaegerProto => Format::JaegerProto,
        Encoding::ZipkinJson if config.input.parse_string_tags => {
            Format::ZipkinJson(TagValues::Parsed)
        }
        Encoding::ZipkinJson => Format::ZipkinJson(TagValues::Texts),
    }
}

/// How the processor reads: the re-key stage writes protobuf, whatever it reads.
pub(crate) fn window_format(config: &Config) -> Format {
    match config.repartition {
        Some(_) => Format::OtlpProto,
        None => format(config),
    }
}

pub(super) fn start(config: &Config) -> tailsift_kafka::Start {
    match config.input.start {
        Start::Earliest => tailsift_kafka::Start::Earliest,
        Start::Latest => tailsift_kafka::Start::Latest,
    }
}

pub(super) fn delivery(config: &Config) -> tailsift_kafka::Delivery {
    match config.delivery {
        Delivery::ExactlyOnce => tailsift_kafka::Delivery::ExactlyOnce,
        Delivery::AtLeastOnce => tailsift_kafka::Delivery::AtLeastOnce,
    }
}

pub(crate) fn partitioner(config: &Config) -> tailsift_kafka::Partitioner {
    match config.output.partitioner {
        Partitioner::Fnv1a => tailsift_kafka::Partitioner::Fnv1a,
        Partitioner::Murmur2 => tailsift_kafka::Partitioner::Murmur2,
    }
}

/// What workers are made of.
pub(crate) struct Parts {
    secrets: Arc<Secrets>,
    /// Names this process where the configuration does not: two processes on one host must not
    /// fence each other.
    random: u64,
    wishes: Wishes,
    /// How many there are of them: they share the memory.
    processors: usize,
    /// Who reads dropped traces again, if they have a second chance.
    rereader: Option<Rereader>,
    stop: Arc<Stop>,
    board: Arc<Board>,
    health: Arc<Health>,
    live: Arc<LiveView>,
}

impl Parts {
    pub(crate) fn new(
        secrets: Arc<Secrets>,
        wishes: Wishes,
        rereader: Option<Rereader>,
        stop: Arc<Stop>,
        board: Arc<Board>,
        health: Arc<Health>,
        live: Arc<LiveView>,
    ) -> Self {
        let (processors, _) = wishes.role.workers(&secrets.config());
        let random = RandomState::new().hash_one(std::process::id());
        Self { secrets, random, wishes, processors, rereader, stop, board, health, live }
    }

    /// The names of the policies in force.
    pub(crate) fn policy_names(&self) -> Vec<String> {
        self.secrets.config().policies().iter().map(|policy| policy.name.clone()).collect()
    }

    /// A worker that has joined the group; nothing is read before it runs. `partitions` are those
    /// of the topic that it reads, among which budgets are shared.
    ///
    /// # Errors
    /// If Kafka clients cannot be made, or transactions not be initialised.
    pub(crate) fn worker(&self, number: usize, partitions: i32) -> anyhow::Result<Worker> {
        let (follower, config) = Follower::new(&self.secrets);
        let config = &*config;
        let policies = Arc::clone(follower.policies());
        let shared_names = SharedPolicyNames::new(PolicyNames::new(policies.names()));
        let restorer = Restorer::new(self.restore_settings(config), shared_names.clone())
            .with_context(|| format!("worker {number}"))?;
        let sink = Sink::new(self.sink_settings(config, number, shared_names.clone()));
        let input_partitions = u32::try_from(partitions).unwrap_or(1).max(1);
        let limits = Limits { input_partitions, ..config.limits(self.processors) };
        let scanner = Scanner::new(limits.interest(&policies));
        let mut shard = Shard::new(Arc::clone(&policies), limits);
        shard.report_judged(config.http.is_some());
        let names = policies.names();
        let core = SharedCore::new(WorkerCore {
            number,
            shard,
            sink,
            restoring: Restoring::new(restorer, self.wishes.accept_lost_decisions),
            fit: Fit {
                max_message_bytes: config.output.max_message_bytes,
                keeps_dead_letters: config.dead_letters.is_some(),
                // Each has its own: threads that share one wait for each other's scratch memory.
                redactor: config.redactor().map(Arc::new),
            },
            shadow: self.wishes.shadow.then(Shadow::new),
            epoch: config.epoch,
            rereads: self.rereader.as_ref().map(Rereader::desk),
            live: Arc::clone(&self.live),
            shared_names,
            names: Names::new(names),
            rules_wait: false,
            metrics: WorkerMetrics::new(number, names),
            health: Arc::clone(&self.health),
            clocks: Clocks::start(),
            error: None,
        });
        let source =
            Source::join(self.source_settings(config, number), Box::new(Handover(core.clone())))
                .with_context(|| format!("worker {number}"))?;
        // The re-key stage writes protobuf, whatever it reads.
        Ok(Worker {
            source,
            core,
            reader: RecordReader::new(
                scanner,
                window_format(config),
                config.dead_letters.is_some(),
            )
            .withholding(config.has_redaction()),
            board: Arc::clone(&self.board),
            stop: Arc::clone(&self.stop),
            follower,
            paused: false,
        })
    }

    fn source_settings(&self, config: &Config, number: usize) -> SourceSettings {
        SourceSettings {
            client: client_settings(config),
            group: config.group.clone(),
            instance: config.instance.as_ref().map(|instance| format!("{instance}-{number}")),
            subscription: vec![config.window_topic().to_owned()],
            topics: Topics::new(config.window_topic()),
            // Where a new group begins, its re-key stage has decided.
            start: match config.repartition {
                Some(_) => tailsift_kafka::Start::Earliest,
                None => start(config),
            },
            scope: scope(config),
        }
    }

    fn restore_settings(&self, config: &Config) -> RestoreSettings {
        RestoreSettings {
            client: client_settings(config),
            topic: config.decisions.topic.clone(),
            scope: scope(config),
            config: policies_fingerprint(config),
            is_transactional: config.delivery == Delivery::ExactlyOnce,
        }
    }

    fn sink_settings(
        &self,
        config: &Config,
        number: usize,
        policy_names: SharedPolicyNames,
    ) -> SinkSettings {
        let instance = config.instance.clone().unwrap_or_else(|| format!("{:016x}", self.random));
        SinkSettings {
            client: client_settings(config),
            latest_client: Some(latest_client(&self.secrets)),
            export_client: export_client_settings(config),
            delivery: delivery(config),
            transactional_id: format!("{}-{instance}-{number}", config.group),
            input_topics: Topics::new(config.window_topic()),
            export_topic: config.output.topic.clone(),
            dead_letter_topic: config.dead_letters.clone(),
            decisions_topic: config.decisions.topic.clone(),
            scope: scope(config),
            max_message_bytes: config.output.max_message_bytes,
            compression: config.output.compression.name().to_owned(),
            partitioner: partitioner(config),
            policy_names,
            fingerprint: config.fingerprint(),
            config: policies_fingerprint(config),
            writer: RandomState::new().hash_one(number),
        }
    }
}

fn scope(config: &Config) -> u64 {
    scope_of(&config.group, config.window_topic())
}

/// The fingerprint of what verdicts depend on, as a number.
pub(crate) fn policies_fingerprint(config: &Config) -> u64 {
    u64::from_str_radix(&config.verdict_fingerprint(), 16)
        .expect("a fingerprint is 16 hexadecimal digits")
}

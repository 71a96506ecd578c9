//! A broker inside the process, for demonstrations and client-level tests.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, Producer};

use crate::client::{ClientSettings, LogBridge};
use crate::error::{EmbeddedError, describe};
use crate::ffi;
use crate::offsets::check_topic_name;

#[cfg(test)]
mod tests;

/// Kafka brokers on loopback ports of this process: librdkafka's mock cluster on a thread of its
/// own, stopped when dropped.
///
/// It speaks the real protocol, to other processes too, but: nothing is durable; a partition
/// keeps its newest 5 MiB; transactions are answered without effect (aborted records stay visible,
/// offsets sent to a transaction are lost); topics cannot be created, described or configured
/// through the protocol, and an unknown one springs into being with four partitions when a
/// producer asks for it. Not for data anyone wants to keep.
#[derive(Debug)]
pub struct EmbeddedBroker {
    bootstrap_servers: String,
    commands: Option<SyncSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

type Cluster<'c> = MockCluster<'c, LogBridge>;
type Command = Box<dyn FnOnce(&Cluster<'_>) + Send>;

/// How often the thread looks after its client's log lines.
const HOUSEKEEPING: Duration = Duration::from_millis(100);

impl EmbeddedBroker {
    /// Starts `brokers` (at least 1) with these topics: names and partition counts.
    ///
    /// # Errors
    /// If librdkafka cannot open ports, or a topic has an impossible name or no partition.
    pub fn start(brokers: u16, topics: &[(&str, i32)]) -> Result<Self, EmbeddedError> {
        let topics: Vec<_> =
            topics.iter().map(|(name, partitions)| ((*name).to_owned(), *partitions)).collect();
        let (started, starting) = sync_channel(1);
        let (commands, inbox) = sync_channel(16);
        let thread = std::thread::Builder::new()
            .name("embedded-broker".into())
            .spawn(move || serve(brokers, &topics, &started, &inbox))
            .map_err(|error| failed("starting its thread", error.to_string()))?;
        let bootstrap_servers = starting
            .recv()
            .unwrap_or_else(|_| Err(failed("starting", "its thread ended early".into())))?;
        Ok(Self { bootstrap_servers, commands: Some(commands), thread: Some(thread) })
    }

    /// Comma-separated `host:port` of the brokers.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Settings of a client of these brokers.
    pub fn client_settings(&self) -> ClientSettings {
        ClientSettings::new(&self.bootstrap_servers)
    }

    /// Cuts broker `id` (the first is 1) off, or lets it come back.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn set_broker_up(&self, id: i32, up: bool) -> Result<(), EmbeddedError> {
        self.with(move |cluster| if up { cluster.broker_up(id) } else { cluster.broker_down(id) })?
            .map_err(|error| failed(&format!("switching broker {id}"), describe(&error)))
    }

    /// Runs `command` on the cluster's own thread and gives back its answer.
    ///
    /// # Errors
    /// If that thread is gone.
    pub(crate) fn with<R: Send + 'static>(
        &self,
        command: impl FnOnce(&Cluster<'_>) -> R + Send + 'static,
    ) -> Result<R, EmbeddedError> {
        let gone = || failed("a command", "its thread ended".into());
        let (answer, answers) = sync_channel(1);
        let command: Command = Box::new(move |cluster| {
            // The asker waits below; should it be gone, nobody wants the answer.
            let _ = answer.send(command(cluster));
        });
        self.commands.as_ref().ok_or_else(gone)?.send(command).map_err(|_| gone())?;
        answers.recv().map_err(|_| gone())
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// The thread: the cluster lives on its stack, for it cannot move between threads.
fn serve(
    brokers: u16,
    topics: &[(String, i32)],
    started: &SyncSender<Result<String, EmbeddedError>>,
    inbox: &Receiver<Command>,
) {
    let client = match client(brokers) {
        Ok(client) => client,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let prepared = prepare(&client, brokers, topics);
    let cluster = match prepared {
        Ok(cluster) => cluster,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    if started.send(Ok(cluster.bootstrap_servers())).is_err() {
        return;
    }
    loop {
        match inbox.recv_timeout(HOUSEKEEPING) {
            Ok(command) => command(&cluster),
            Err(RecvTimeoutError::Timeout) => client.poll(Duration::from_millis(1)),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn client(brokers: u16) -> Result<BaseProducer<LogBridge>, EmbeddedError> {
    let settings = ClientSettings::new("");
    let count = brokers.max(1).to_string();
    let mut config = settings.config_with(&[], &[("test.mock.num.brokers", &count)]);
    config.remove("bootstrap.servers");
    settings.client(&config, LogBridge).map_err(|error| failed("starting", error.reason))
}

fn prepare<'c>(
    client: &'c BaseProducer<LogBridge>,
    brokers: u16,
    topics: &[(String, i32)],
) -> Result<Cluster<'c>, EmbeddedError> {
    // Members of a group that starts together still join one after another without the delay;
    // a cooperative group then settles in a second round.
    ffi::set_mock_initial_rebalance_delay(client.client(), Duration::ZERO);
    let cluster = client
        .client()
        .mock_cluster()
        .ok_or_else(|| failed("starting", "the client has no cluster".into()))?;
    let replicas = i32::from(brokers.clamp(1, 3));
    for (name, partitions) in topics {
        check_topic_name(name).map_err(|error| failed("creating a topic", error.to_string()))?;
        if *partitions < 1 {
            let reason = format!("expected at least 1 partition, got {partitions}");
            return Err(failed(&format!("creating topic {name}"), reason));
        }
        let created: Result<(), KafkaError> = cluster.create_topic(name, *partitions, replicas);
        created.map_err(|error| failed(&format!("creating topic {name}"), describe(&error)))?;
    }
    Ok(cluster)
}

fn failed(what: &str, reason: String) -> EmbeddedError {
    EmbeddedError { what: what.to_owned(), reason }
}

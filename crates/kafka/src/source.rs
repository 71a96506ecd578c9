//! A worker's membership in the consumer group, and the records it is given.

mod member;
mod starts;
mod trouble;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};
use tailsift_sampler::Past;
use tailsift_trace::{Millis, encode_headers};
use tracing::{debug, warn};

use crate::client::ClientSettings;
use crate::error::{SourceError, describe};
use crate::ffi::{Bell, Message, MessageView, Records};
use crate::topic_set::Topics;
use member::{Context, assign, lock, reassign, unassign};
pub use member::{Membership, RevokeHandler};
use trouble::is_passing;

/// Where a group that never committed starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// At the first record there is.
    #[default]
    Earliest,
    /// At the next record that comes.
    Latest,
}

/// What a worker consumes, as whom.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// How to reach the cluster.
    pub client: ClientSettings,
    /// The consumer group.
    pub group: String,
    /// Static membership under this id (`group.instance.id`); `None` = dynamic.
    pub instance: Option<String>,
    /// What is read: topics, or patterns of topics that begin with `^`.
    pub subscription: Vec<String>,
    /// Numbers the partitions of all of them.
    pub topics: Topics,
    /// Where a new group starts.
    pub start: Start,
    /// What marks this group's and topic's own commits ([`scope_of`](crate::scope_of)).
    pub scope: u64,
}

/// The user's properties override these.
const DEFAULTS: &[(&str, &str)] = &[
    // A full prefetch queue would otherwise idle its partition for a second.
    ("fetch.queue.backoff.ms", "20"),
    ("fetch.wait.max.ms", "100"),
    // What is fetched ahead is memory that is written, read once, and written again. Of each
    // partition a quarter of what is usual at once, so that one response is no burst of megabytes.
    ("queued.max.messages.kbytes", "4096"),
    ("fetch.message.max.bytes", "262144"),
    ("check.crcs", "true"),
];

/// What [`Source::poll`] brought.
#[derive(Debug)]
pub enum SourceEvent<'a> {
    /// A record of an assigned partition.
    Record(SourceRecord<'a>),
    /// The group has given this member something for the first time: it is no refused twin.
    Given,
    /// Partitions are ours, each to be read once it is [started](Source::start).
    Assigned(Vec<Assigned>),
    /// Nothing this time.
    Idle,
}

/// A record in the client's buffer.
#[derive(Debug)]
pub struct SourceRecord<'a> {
    message: Held<'a>,
    partition: i32,
}

/// Who has taken a record from the client.
#[derive(Debug)]
enum Held<'a> {
    Taken(Message),
    /// The wrapper, from its own queue: nothing is led away from that before it is assigned.
    Wrapped(BorrowedMessage<'a>),
}

impl Held<'_> {
    fn view(&self) -> MessageView<'_> {
        match self {
            Self::Taken(message) => message.view(),
            Self::Wrapped(message) => MessageView::of(message),
        }
    }
}

impl SourceRecord<'_> {
    /// Its partition, as [`Topics`] numbers it.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// Its offset.
    pub fn offset(&self) -> i64 {
        self.message.view().offset()
    }

    /// CreateTime or LogAppendTime in milliseconds since the Unix epoch, if it has one.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.message.view().timestamp_ms()
    }

    /// Its key.
    pub fn key(&self) -> Option<&[u8]> {
        self.message.view().key()
    }

    /// Its value.
    pub fn value(&self) -> Option<&[u8]> {
        self.message.view().payload()
    }

    /// Its headers, encoded (see [`encode_headers`]), in place of what
    /// `out` held.
    pub fn headers(&self, out: &mut Vec<u8>) {
        out.clear();
        let headers = self.message.view().headers();
        encode_headers(headers.map(|header| (header.name, header.value)), out);
    }
}

/// A partition given to this member. Nothing of it is read before [`Source::start`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The partition.
    pub partition: i32,
    /// What the group has committed for it.
    pub past: Past,
    /// The first offset that its log still holds.
    pub log_start: i64,
}

impl Assigned {
    /// True if the group has committed nothing for it.
    pub fn is_new(&self) -> bool {
        matches!(self.past, Past::Nothing(_))
    }

    /// The stream time that earlier owners had read to, if they said.
    pub fn reached(&self) -> Option<Millis> {
        match &self.past {
            Past::Ours(_, commit) => commit.read_stream_time,
            Past::Foreign(_) | Past::Nothing(_) => None,
        }
    }

    /// What the group has committed, or where it begins.
    pub fn offset(&self) -> i64 {
        match self.past {
            Past::Ours(offset, _) | Past::Foreign(offset) | Past::Nothing(offset) => offset,
        }
    }
}

/// A consumer in a group, polled by one thread.
pub struct Source {
    /// Goes before the consumer.
    records: Records,
    consumer: BaseConsumer<Context>,
    settings: SourceSettings,
    /// Records that were taken wait.
    is_paused: Cell<bool>,
}

impl Source {
    /// Joins the group; nothing is read before [`poll`](Self::poll).
    ///
    /// # Errors
    /// If librdkafka refuses the settings or the topic's name.
    pub fn join(
        settings: SourceSettings,
        handler: Box<dyn RevokeHandler>,
    ) -> Result<Self, SourceError> {
        let mut owned = vec![
            ("group.id", settings.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_committed"),
            // Offsets are always given. That one is out of range must never go unnoticed.
            ("auto.offset.reset", "error"),
        ];
        let properties = &settings.client.properties;
        let classic = properties.get("group.protocol").is_none_or(|protocol| protocol == "classic");
        if classic && !properties.contains_key("partition.assignment.strategy") {
            owned.push(("partition.assignment.strategy", "cooperative-sticky"));
        }
        if let Some(instance) = &settings.instance {
            owned.push(("group.instance.id", instance));
        }
        let config = settings.client.config_with(DEFAULTS, &owned);
        let context = Context::new(handler, settings.topics.clone());
        let mut consumer: BaseConsumer<Context> = settings.client.client(&config, context)?;
        let bell = Arc::new(Bell::default());
        let ringer = Arc::clone(&bell);
        consumer.set_nonempty_callback(move || ringer.ring());
        let records = Records::new(consumer.client(), bell)
            .map_err(|error| settings.trouble("making a queue", &error))?;
        consumer
            .subscribe(&settings.subscription.iter().map(String::as_str).collect::<Vec<_>>())
            .map_err(|error| settings.trouble("subscribing", &error))?;
        Ok(Self { records, consumer, settings, is_paused: Cell::new(false) })
    }

    /// The next record or change; serves the group, so it must be called every few seconds.
    ///
    /// # Errors
    /// If this member cannot go on: its id is taken, access is refused, or an offset is out of
    /// range.
    pub fn poll(&self, timeout: Duration) -> Result<SourceEvent<'_>, SourceError> {
        if !self.is_paused.get()
            && let Some(message) = self.records.next()
        {
            return self.hand_out(message);
        }
        let until = Instant::now() + timeout;
        loop {
            if self.consumer.context().take_first_gift() {
                return Ok(SourceEvent::Given);
            }
            if let Some(assigned) = self.resolve()? {
                return Ok(SourceEvent::Assigned(assigned));
            }
            if let Some(event) = self.serve()? {
                return Ok(event);
            }
            self.records.lead_again();
            if !self.is_paused.get() {
                self.records.take();
                if let Some(message) = self.records.next() {
                    return self.hand_out(message);
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(SourceEvent::Idle);
            }
            self.records.wait(left);
        }
    }

    /// Serves the group, without waiting.
    fn serve(&self) -> Result<Option<SourceEvent<'_>>, SourceError> {
        let event = self.consumer.poll(Duration::ZERO);
        let gone = std::mem::take(&mut *lock(&self.consumer.context().gone));
        if !gone.is_empty() {
            self.records.retain(|message| !gone.contains(&self.number(message.view())));
            self.records.forget(|partition| gone.contains(&partition));
        }
        match event {
            None => Ok(None),
            Some(Ok(message)) => {
                let partition = self.number(MessageView::of(&message));
                let message = Held::Wrapped(message);
                Ok(Some(SourceEvent::Record(SourceRecord { message, partition })))
            }
            Some(Err(error)) => self.trouble(&error).map(Some),
        }
    }

    fn hand_out(&self, message: Message) -> Result<SourceEvent<'_>, SourceError> {
        if let Some(error) = message.error() {
            return self.trouble(&error);
        }
        let partition = self.number(message.view());
        self.records.settle(partition);
        Ok(SourceEvent::Record(SourceRecord { message: Held::Taken(message), partition }))
    }

    fn trouble(&self, error: &KafkaError) -> Result<SourceEvent<'_>, SourceError> {
        if is_passing(error) {
            warn!(topic = self.settings.subscribed(), error = %describe(error), "consuming is held up");
            return Ok(SourceEvent::Idle);
        }
        Err(self.settings.trouble("consuming", error))
    }

    fn lead(&self, partition: i32) -> KafkaResult<()> {
        let (topic, place) = self.settings.topics.place(partition);
        self.records.lead(self.consumer.client(), partition, &topic, place)
    }

    fn number(&self, message: MessageView<'_>) -> i32 {
        self.settings.topics.number(message.topic(), message.partition())
    }

    /// Logs in as these settings say, the next time that a broker asks.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn log_in(&mut self, client: &ClientSettings) -> Result<(), SourceError> {
        client.log_in(self.consumer.client())?;
        self.settings.client = client.clone();
        Ok(())
    }

    /// The right to commit for the group.
    pub fn membership(&self) -> Membership<'_> {
        Membership { consumer: &self.consumer }
    }

    /// True once the group has assigned partitions, or none, and where to read them is known.
    pub fn has_joined(&self) -> bool {
        let context = self.consumer.context();
        lock(&context.member).joined && lock(&context.given).is_empty()
    }

    /// Stops and starts fetching: while paused, [`poll`](Self::poll) serves the group alone.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn set_paused(&self, paused: bool) -> Result<(), SourceError> {
        self.is_paused.set(paused);
        let mut gate = lock(&self.consumer.context().gate);
        gate.is_paused = paused;
        let change = self.consumer.assignment().and_then(|held| {
            if paused {
                return self.consumer.pause(&held);
            }
            let mut open = TopicPartitionList::new();
            for element in held.elements() {
                let partition = self.settings.topics.number(element.topic(), element.partition());
                if !gate.shut.contains_key(&partition) && !gate.held_back.contains(&partition) {
                    open.add_partition(element.topic(), element.partition());
                }
            }
            self.consumer.resume(&open)
        });
        change.map_err(|error| self.settings.trouble("pausing", &error))
    }

    /// Reads a partition that was [assigned](SourceEvent::Assigned), from this offset on.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn start(&self, partition: i32, offset: i64) -> Result<(), SourceError> {
        let trouble = |error: &KafkaError| self.settings.trouble("starting a partition", error);
        let mut gate = lock(&self.consumer.context().gate);
        let Some(position) = gate.shut.remove(&partition) else { return Ok(()) };
        let mut list = TopicPartitionList::with_capacity(1);
        let (topic, place) = self.settings.topics.place(partition);
        list.add_partition_offset(&topic, place, Offset::Offset(offset))
            .map_err(|error| trouble(&error))?;
        if offset != position {
            reassign(&self.consumer, &list)
                .and_then(|()| self.lead(partition))
                .map_err(|error| trouble(&error))?;
        }
        gate.held_back.remove(&partition);
        let change =
            if gate.is_paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        change.map_err(|error| trouble(&error))
    }

    /// Stops fetching these partitions, and goes on with those that were held back before.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn hold_back(&self, partitions: &BTreeSet<i32>) -> Result<(), SourceError> {
        let mut gate = lock(&self.consumer.context().gate);
        if gate.held_back == *partitions {
            return Ok(());
        }
        let list = |numbers: &mut dyn Iterator<Item = &i32>| {
            let mut list = TopicPartitionList::new();
            for (topic, partition) in numbers.map(|number| self.settings.topics.place(*number)) {
                list.add_partition(&topic, partition);
            }
            list
        };
        let stopped = list(&mut partitions.difference(&gate.held_back));
        let released = list(&mut gate.held_back.difference(partitions));
        gate.held_back.clone_from(partitions);
        let mut change = self.consumer.pause(&stopped);
        if !gate.is_paused {
            change = change.and_then(|()| self.consumer.resume(&released));
        }
        change.map_err(|error| self.settings.trouble("holding partitions back", &error))
    }

    /// Gives all partitions that are held back to the client, as if the group had just given them:
    /// they are [assigned](SourceEvent::Assigned) again, from what is committed.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn reread(&self) -> Result<(), SourceError> {
        let trouble = |error: &KafkaError| self.settings.trouble("going back", error);
        let held = self.consumer.assignment().map_err(|error| trouble(&error))?;
        if held.count() > 0 {
            unassign(&self.consumer, &held).map_err(|error| trouble(&error))?;
        }
        self.records.retain(|_| false);
        self.records.forget(|_| true);
        let mut given = lock(&self.consumer.context().given);
        let held = held.elements().into_iter();
        let held: Vec<_> = held
            .map(|element| self.settings.topics.number(element.topic(), element.partition()))
            .filter(|partition| !given.contains(partition))
            .collect();
        given.extend(held);
        let mut gate = lock(&self.consumer.context().gate);
        gate.shut.clear();
        gate.held_back.clear();
        Ok(())
    }

    /// Finds out where to read the partitions that the group gave us, then takes them. The group
    /// waits for that; `None` = nothing was given, or the broker has no stable answer yet.
    fn resolve(&self) -> Result<Option<Vec<Assigned>>, SourceError> {
        let given = lock(&self.consumer.context().given).clone();
        if given.is_empty() {
            return Ok(None);
        }
        let resolved = match self.starts(&given) {
            Ok(resolved) => resolved?,
            Err(error) if is_passing(&error) => {
                debug!(error = %describe(&error), "committed offsets are not known yet");
                return Ok(None);
            }
            Err(error) => {
                return Err(self.settings.trouble("asking for committed offsets", &error));
            }
        };
        let mut list = TopicPartitionList::new();
        let positions: Vec<(i32, i64)> = resolved
            .iter()
            .map(|assigned| (assigned.partition, assigned.offset().max(assigned.log_start)))
            .collect();
        for (partition, offset) in &positions {
            let (topic, place) = self.settings.topics.place(*partition);
            list.add_partition_offset(&topic, place, Offset::Offset(*offset))
                .and_then(|()| self.lead(*partition))
                .map_err(|error| self.settings.trouble("assigning", &error))?;
        }
        lock(&self.consumer.context().given).clear();
        // Paused at once: what is fetched in between is thrown away.
        assign(&self.consumer, &list)
            .and_then(|()| self.consumer.pause(&list))
            .map_err(|error| self.settings.trouble("assigning", &error))?;
        lock(&self.consumer.context().gate).shut.extend(positions);
        Ok(Some(resolved))
    }
}

impl Drop for Source {
    /// Leaves the group, which takes partitions back through the handler.
    fn drop(&mut self) {
        *lock(&self.consumer.context().commit) = None;
        self.records.retain(|_| false);
        // A group that waits for us to take what it gave would not let us go.
        let given = std::mem::take(&mut *lock(&self.consumer.context().given));
        if !given.is_empty() {
            let mut list = TopicPartitionList::new();
            for partition in given {
                let (topic, partition) = self.settings.topics.place(partition);
                list.add_partition(&topic, partition);
            }
            if let Err(error) = assign(&self.consumer, &list) {
                warn!(error = %describe(&error), "partitions could not be taken before leaving the group");
            }
        }
    }
}

//! Records taken from the client many at a time: the wrapper makes an event and reads the clock
//! several times for each.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{CStr, CString, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::bindings as rdsys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

use super::{HeaderBytes, headers_of};

/// So many are taken at once. They count no longer to what the client may fetch ahead, so that at
/// most twice as much is held.
const BATCH: usize = 64;

/// Records of the partitions that were [led here](Self::lead), in the order of the client's queue.
///
/// Must be dropped before its client.
pub(crate) struct Records {
    queue: NonNull<rdsys::rd_kafka_queue_t>,
    /// What the queue's callback rings: it needs an owner as long as the callback is set.
    bell: Arc<Bell>,
    taken: RefCell<VecDeque<Message>>,
    /// Partitions that are led here and of which nothing has come yet.
    unsettled: RefCell<BTreeMap<i32, Led>>,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for Records {}

impl Records {
    /// A queue beside the client's own. It rings the bell when it is no longer empty.
    pub(crate) fn new<C: ClientContext>(client: &Client<C>, bell: Arc<Bell>) -> KafkaResult<Self> {
        // SAFETY: the handle is alive for the borrow of the client.
        let queue = NonNull::new(unsafe { rdsys::rd_kafka_queue_new(client.native_ptr()) });
        let queue = queue.ok_or(KafkaError::MessageConsumption(RDKafkaErrorCode::Fail))?;
        let opaque = Arc::as_ptr(&bell).cast_mut().cast::<c_void>();
        // SAFETY: the queue is alive; the bell is, until `drop` has taken the callback away.
        unsafe { rdsys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(ring), opaque) };
        let taken = RefCell::new(VecDeque::with_capacity(BATCH));
        Ok(Self { queue, bell, taken, unsettled: RefCell::default() })
    }

    /// Has the records of a partition, here by its number, come here.
    ///
    /// When the client stops reading a partition it forgets where its records are led, some time
    /// after it was told to stop, and does not think of it when it starts again. So they are led
    /// anew by [`lead_again`](Self::lead_again) until the first has come: that was read after all
    /// earlier stops.
    pub(crate) fn lead<C: ClientContext>(
        &self,
        client: &Client<C>,
        number: i32,
        topic: &str,
        partition: i32,
    ) -> KafkaResult<()> {
        let topic = CString::new(topic)?;
        // SAFETY: client and name are alive; the queue is a reference of ours, given back by `Led`.
        let from = NonNull::new(unsafe {
            rdsys::rd_kafka_queue_get_partition(client.native_ptr(), topic.as_ptr(), partition)
        });
        let unknown = KafkaError::MessageConsumption(RDKafkaErrorCode::UnknownPartition);
        let led = Led(from.ok_or(unknown)?);
        led.to(self.queue);
        self.unsettled.borrow_mut().insert(number, led);
        Ok(())
    }

    /// Leads those partitions here of which nothing has come yet.
    pub(crate) fn lead_again(&self) {
        self.unsettled.borrow().values().for_each(|led| led.to(self.queue));
    }

    /// A record of this partition has come.
    pub(crate) fn settle(&self, number: i32) {
        let mut unsettled = self.unsettled.borrow_mut();
        if !unsettled.is_empty() {
            unsettled.remove(&number);
        }
    }

    /// Forgets partitions that are read no longer.
    pub(crate) fn forget(&self, is_gone: impl Fn(i32) -> bool) {
        self.unsettled.borrow_mut().retain(|number, _| !is_gone(*number));
    }

    /// The next record that was taken.
    pub(crate) fn next(&self) -> Option<Message> {
        self.taken.borrow_mut().pop_front()
    }

    /// Takes what has come, without waiting, if nothing is left of the last time.
    pub(crate) fn take(&self) {
        let mut taken = self.taken.borrow_mut();
        if !taken.is_empty() {
            return;
        }
        let mut batch = [ptr::null_mut(); BATCH];
        // SAFETY: the queue is alive and the array as long as is said. Each message that it is
        // given is ours, and destroyed by `Message`.
        let count = unsafe {
            rdsys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, batch.as_mut_ptr(), BATCH)
        };
        let count = usize::try_from(count).unwrap_or(0);
        taken.extend(batch.into_iter().take(count).filter_map(NonNull::new).map(Message));
    }

    /// Waits until the bell is rung, but no longer than this.
    pub(crate) fn wait(&self, timeout: Duration) {
        self.bell.wait(timeout);
    }

    /// Drops those that were taken and that `keep` is false for.
    pub(crate) fn retain(&self, keep: impl FnMut(&Message) -> bool) {
        self.taken.borrow_mut().retain(keep);
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.taken.borrow_mut().clear();
        self.unsettled.borrow_mut().clear();
        // SAFETY: the queue is alive. The callback is called with the queue's lock held, which
        // taking it away needs too: after that nobody has the bell.
        unsafe {
            rdsys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            rdsys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// The queue of one partition.
struct Led(NonNull<rdsys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for Led {}

impl Led {
    /// Has what is in it, and what comes, go to another queue.
    fn to(&self, queue: NonNull<rdsys::rd_kafka_queue_t>) {
        // SAFETY: both are alive; the partition's queue keeps a reference of its own.
        unsafe { rdsys::rd_kafka_queue_forward(self.0.as_ptr(), queue.as_ptr()) };
    }
}

impl Drop for Led {
    fn drop(&mut self) {
        // SAFETY: a reference of ours, given back once.
        unsafe { rdsys::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

// SAFETY: librdkafka calls it with what `Records::new` gave, from any thread.
unsafe extern "C" fn ring(_: *mut rdsys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: the bell lives as long as the callback is set, and is shared by reference only.
    unsafe { &*opaque.cast::<Bell>() }.ring();
}

/// Wakes the thread that waits for several queues at once.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    /// Ends the wait that is going on, or the next.
    pub(crate) fn ring(&self) {
        *self.lock() = true;
        self.heard.notify_one();
    }

    fn wait(&self, timeout: Duration) {
        let waiting = self.heard.wait_timeout_while(self.lock(), timeout, |rung| !*rung);
        *waiting.unwrap_or_else(PoisonError::into_inner).0 = false;
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record, or why the next of a partition could not be had.
#[derive(Debug)]
pub(crate) struct Message(NonNull<rdsys::rd_kafka_message_t>);

// SAFETY: a message belongs to whoever has it; its bytes are shared for reading only.
unsafe impl Send for Message {}

impl Message {
    /// What of it can be read.
    pub(crate) fn view(&self) -> MessageView<'_> {
        MessageView { message: self.0, owner: PhantomData }
    }

    /// What is in its place, if it is no record.
    pub(crate) fn error(&self) -> Option<KafkaError> {
        // SAFETY: the message is alive and ours.
        let code = unsafe { self.0.as_ref() }.err;
        (code != rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR)
            .then(|| KafkaError::MessageConsumption(code.into()))
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: it came from `rd_kafka_consume_batch_queue` and is destroyed once.
        unsafe { rdsys::rd_kafka_message_destroy(self.0.as_ptr()) };
    }
}

/// A message of librdkafka's, for as long as its owner is borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageView<'a> {
    message: NonNull<rdsys::rd_kafka_message_t>,
    owner: PhantomData<&'a Message>,
}

impl<'a> MessageView<'a> {
    /// A message that the wrapper has taken.
    pub(crate) fn of(message: &'a BorrowedMessage<'_>) -> Self {
        let message = NonNull::new(message.ptr()).expect("the wrapper has no message of nothing");
        Self { message, owner: PhantomData }
    }

    pub(crate) fn topic(self) -> &'a str {
        // SAFETY: the message holds its topic, whose name is NUL-terminated.
        let name = unsafe { CStr::from_ptr(rdsys::rd_kafka_topic_name(self.raw().rkt)) };
        name.to_str().expect("names of topics are ASCII")
    }

    pub(crate) fn partition(self) -> i32 {
        self.raw().partition
    }

    pub(crate) fn offset(self) -> i64 {
        self.raw().offset
    }

    pub(crate) fn key(self) -> Option<&'a [u8]> {
        let raw = self.raw();
        // SAFETY: a key has key_len bytes, which live as long as the message.
        unsafe { bytes(raw.key, raw.key_len) }
    }

    pub(crate) fn payload(self) -> Option<&'a [u8]> {
        let raw = self.raw();
        // SAFETY: a payload has len bytes, which live as long as the message.
        unsafe { bytes(raw.payload, raw.len) }
    }

    /// In milliseconds since the Unix epoch, if it has one.
    pub(crate) fn timestamp_ms(self) -> Option<i64> {
        let mut kind = rdsys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive, the out-pointer valid.
        let time = unsafe { rdsys::rd_kafka_message_timestamp(self.message.as_ptr(), &mut kind) };
        let has_time = kind != rdsys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        (has_time && time >= 0).then_some(time)
    }

    /// In the order of the wire.
    pub(crate) fn headers(self) -> impl Iterator<Item = HeaderBytes<'a>> {
        headers_of(self)
    }

    pub(super) fn pointer(self) -> *mut rdsys::rd_kafka_message_t {
        self.message.as_ptr()
    }

    fn raw(self) -> &'a rdsys::rd_kafka_message_t {
        // SAFETY: the owner keeps the message alive for 'a, and nobody changes these fields.
        unsafe { self.message.as_ref() }
    }
}

// SAFETY: whoever calls has `len` readable bytes at `start`, for 'a, unless it is null.
unsafe fn bytes<'a>(start: *mut c_void, len: usize) -> Option<&'a [u8]> {
    if start.is_null() {
        return None;
    }
    // SAFETY: as the caller says.
    Some(unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len) })
}

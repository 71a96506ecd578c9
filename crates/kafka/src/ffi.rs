//! What the safe wrapper does not reach. The only module with `unsafe`, with those inside it.
#![expect(unsafe_code, reason = "calls into librdkafka that rdkafka does not wrap safely")]

mod records;

use std::ffi::{CStr, CString, c_char, c_int, c_ulong, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};
use std::{ptr, slice};

use rdkafka::TopicPartitionList;
use rdkafka::bindings as rdsys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

pub(crate) use records::{Bell, Message, MessageView, Records};

/// Fits the process's memory to what it does; to be called once, before there is much of it.
pub fn fit_memory() {
    use_small_pages();
    keep_freed_memory();
}

/// Has the kernel hand out memory in small pages, although the allocator asks for huge ones: for
/// one byte that is used of a huge page two megabytes are cleared and held, and what is given back
/// of it stays. That was a quarter of all memory held, and a seventh of a backlog's CPU time.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    {
        // The kernel's prctl.h.
        const PR_SET_THP_DISABLE: c_int = 41;
        unsafe extern "C" {
            fn prctl(option: c_int, ...) -> c_int;
        }
        let (yes, unused) = (c_ulong::from(1_u8), c_ulong::from(0_u8));
        // SAFETY: the option takes four plain numbers. A kernel that does not know it refuses.
        unsafe { prctl(PR_SET_THP_DISABLE, yes, unused, unused, unused) };
    }
}

/// Has the C library keep what librdkafka gives back: it frees each fetched response and each copy
/// of a record that was sent, hundreds of megabytes a second while a backlog is read, and glibc by
/// default hands them to the kernel, which then has to clear every page anew. Other C libraries are
/// left as they are. Up to 64 MiB stay with each of two arenas.
fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // glibc's malloc.h. A block of the largest size that may come from an arena.
        const M_TRIM_THRESHOLD: c_int = -1;
        const M_MMAP_THRESHOLD: c_int = -3;
        const M_ARENA_MAX: c_int = -8;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        for (parameter, value) in
            [(M_MMAP_THRESHOLD, 32 << 20), (M_TRIM_THRESHOLD, 64 << 20), (M_ARENA_MAX, 2)]
        {
            // SAFETY: the call takes plain numbers and may be made at any time; what it does not
            // take it ignores.
            unsafe { mallopt(parameter, value) };
        }
    }
}

/// A header of a record, as bytes: neither brokers nor clients check that names are UTF-8, and the
/// wrapper's accessor panics where they are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeaderBytes<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: Option<&'a [u8]>,
}

/// The headers, in the order of the wire.
pub(crate) fn headers<'a>(
    message: &'a BorrowedMessage<'_>,
) -> impl Iterator<Item = HeaderBytes<'a>> {
    headers_of(MessageView::of(message))
}

fn headers_of(message: MessageView<'_>) -> impl Iterator<Item = HeaderBytes<'_>> {
    (0..).map_while(move |index| header(message, index))
}

/// The header at `index`; `None` past the last.
fn header(message: MessageView<'_>, index: usize) -> Option<HeaderBytes<'_>> {
    let mut headers = ptr::null_mut();
    // SAFETY: the message is alive for the view's lifetime and owned by one thread at a time; the
    // call parses its headers once and leaves them owned by the message.
    let found = unsafe { rdsys::rd_kafka_message_headers(message.pointer(), &mut headers) };
    if found != rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    let mut name: *const c_char = ptr::null();
    let mut value: *const c_void = ptr::null();
    let mut size = 0;
    // SAFETY: `headers` was just returned for a living message, the out-pointers are valid.
    let found =
        unsafe { rdsys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut size) };
    if found != rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    // SAFETY: librdkafka keeps name (NUL-terminated) and value (size bytes) as long as the message.
    unsafe {
        Some(HeaderBytes {
            name: CStr::from_ptr(name).to_bytes(),
            value: (!value.is_null()).then(|| slice::from_raw_parts(value.cast::<u8>(), size)),
        })
    }
}

/// The metadata committed with the list's element at `index`, as bytes: other clients may have
/// written anything, and the wrapper's accessor panics where it is not UTF-8.
pub(crate) fn committed_metadata(list: &TopicPartitionList, index: usize) -> &[u8] {
    // SAFETY: the list owns its C structure, which lives as long as the borrow.
    let raw = unsafe { &*list.ptr() };
    if index >= usize::try_from(raw.cnt).unwrap_or(0) {
        return &[];
    }
    // SAFETY: index < cnt elements; metadata, where set, has metadata_size bytes owned by the list.
    unsafe {
        let element = &*raw.elems.add(index);
        if element.metadata.is_null() {
            return &[];
        }
        slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size)
    }
}

/// Sets how long a mock cluster's group waits for more members before its first assignment (the
/// default is 3 s). False if the client has no mock cluster.
pub(crate) fn set_mock_initial_rebalance_delay<C: ClientContext>(
    client: &Client<C>,
    delay: Duration,
) -> bool {
    // SAFETY: the handle is alive for the borrow of the client.
    let cluster = unsafe { rdsys::rd_kafka_handle_mock_cluster(client.native_ptr()) };
    if cluster.is_null() {
        return false;
    }
    let delay_ms = i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the mock cluster was just returned by its owner, which is alive.
    unsafe { rdsys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, delay_ms) };
    true
}

/// The member id and generation of a consumer in its group, as of now: the wrapper's metadata
/// hides them. `None` if the consumer has no group.
pub(crate) fn group_member<C: ClientContext>(client: &Client<C>) -> Option<(Vec<u8>, i32)> {
    // SAFETY: the handle is alive for the borrow of the client; the call returns a new object.
    let metadata = unsafe { rdsys::rd_kafka_consumer_group_metadata(client.native_ptr()) };
    if metadata.is_null() {
        return None;
    }
    // SAFETY: the object was just created and is destroyed once, after its member id (owned by
    // it, NUL-terminated) was copied.
    unsafe {
        let member = rdsys::rd_kafka_consumer_group_metadata_member_id(metadata);
        let member =
            if member.is_null() { Vec::new() } else { CStr::from_ptr(member).to_bytes().to_vec() };
        let generation = rdsys::rd_kafka_consumer_group_metadata_generation_id(metadata);
        rdsys::rd_kafka_consumer_group_metadata_destroy(metadata);
        Some((member, generation))
    }
}

/// Has a client log in as this user the next time that it connects or a broker asks it to: standing
/// connections go on. The reason if it refuses.
pub(crate) fn set_login<C: ClientContext>(
    client: &Client<C>,
    user: &str,
    password: &str,
) -> Result<(), String> {
    let text = |text| CString::new(text).map_err(|_| "a zero byte in user or password".to_owned());
    let (user, password) = (text(user)?, text(password)?);
    // SAFETY: the handle is alive for the borrow of the client, the texts are NUL-terminated and
    // copied; the call may come from any thread. An error that is returned is ours, and destroyed
    // once, after its text (owned by it) was copied.
    unsafe {
        let error = rdsys::rd_kafka_sasl_set_credentials(
            client.native_ptr(),
            user.as_ptr(),
            password.as_ptr(),
        );
        if error.is_null() {
            return Ok(());
        }
        let reason = CStr::from_ptr(rdsys::rd_kafka_error_string(error));
        let reason = reason.to_string_lossy().into_owned();
        rdsys::rd_kafka_error_destroy(error);
        Err(reason)
    }
}

/// What an authorizer allows us on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// Operations, by their numbers in the protocol (`AclOperation`).
    Operations(Vec<u32>),
    /// The broker does not tell.
    Untold,
    /// The broker tells nothing of the topic.
    Refused(RDKafkaErrorCode),
}

/// Asks what is allowed on topics: the wrapper has no such question. By topic, those that were
/// answered; or why there is no answer.
pub(crate) fn allowed_operations<C: ClientContext>(
    client: &Client<C>,
    topics: &[CString],
    patience: Duration,
) -> Result<Vec<(String, Allowed)>, String> {
    let patience_ms = c_int::try_from(patience.as_millis()).unwrap_or(c_int::MAX);
    let mut names: Vec<*const c_char> = topics.iter().map(|topic| topic.as_ptr()).collect();
    let mut message: [c_char; 256] = [0; 256];
    // SAFETY: the handle is alive for the borrow of the client. Queue, options and collection are
    // made here and destroyed once, after the call that copies what it needs of them; the names
    // outlive it. The event, if there is one, is ours: all that is read of it is copied before it
    // is destroyed.
    unsafe {
        let native = client.native_ptr();
        let queue = rdsys::rd_kafka_queue_new(native);
        let collection =
            rdsys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let options = rdsys::rd_kafka_AdminOptions_new(
            native,
            rdsys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        );
        rdsys::rd_kafka_AdminOptions_set_request_timeout(
            options,
            patience_ms,
            message.as_mut_ptr(),
            message.len(),
        );
        let refusal = rdsys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
        if !refusal.is_null() {
            rdsys::rd_kafka_error_destroy(refusal);
        }
        rdsys::rd_kafka_DescribeTopics(native, collection, options, queue);
        let event = rdsys::rd_kafka_queue_poll(queue, patience_ms.saturating_add(1000));
        let answer = if event.is_null() {
            Err("no answer".to_owned())
        } else {
            let answer = read_allowed(event);
            rdsys::rd_kafka_event_destroy(event);
            answer
        };
        rdsys::rd_kafka_AdminOptions_destroy(options);
        rdsys::rd_kafka_TopicCollection_destroy(collection);
        rdsys::rd_kafka_queue_destroy(queue);
        answer
    }
}

/// Reads the answer off its event.
// SAFETY: whoever calls owns the event, which must be alive until the call returns.
unsafe fn read_allowed(
    event: *mut rdsys::rd_kafka_event_t,
) -> Result<Vec<(String, Allowed)>, String> {
    // SAFETY: everything that is read belongs to the event, which is alive; arrays are as long as
    // their counts say, and names are NUL-terminated.
    unsafe {
        let result = rdsys::rd_kafka_event_DescribeTopics_result(event);
        if rdsys::rd_kafka_event_error(event)
            != rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
            || result.is_null()
        {
            let reason = rdsys::rd_kafka_event_error_string(event);
            return Err(CStr::from_ptr(reason).to_string_lossy().into_owned());
        }
        let mut count = 0;
        let topics = rdsys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        let mut answer = Vec::with_capacity(count);
        for place in 0..count {
            let topic = *topics.add(place);
            let name = CStr::from_ptr(rdsys::rd_kafka_TopicDescription_name(topic));
            let code = rdsys::rd_kafka_error_code(rdsys::rd_kafka_TopicDescription_error(topic));
            let mut operations = 0;
            let list =
                rdsys::rd_kafka_TopicDescription_authorized_operations(topic, &mut operations);
            let allowed = if code != rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                Allowed::Refused(code.into())
            } else if list.is_null() {
                Allowed::Untold
            } else {
                // As numbers: the enum may not know them all.
                Allowed::Operations(slice::from_raw_parts(list.cast::<u32>(), operations).to_vec())
            };
            answer.push((name.to_string_lossy().into_owned(), allowed));
        }
        Ok(answer)
    }
}

/// A commit whose answer is awaited on a queue of its own: the wrapper has only commits that
/// block, and ones whose answer nobody gets (librdkafka answers those to a callback alone).
///
/// Must be dropped before its client.
pub(crate) struct PendingCommit {
    queue: NonNull<rdsys::rd_kafka_queue_t>,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for PendingCommit {}

impl PendingCommit {
    /// Asks for the offsets to be committed for the client's group.
    pub(crate) fn begin<C: ClientContext>(
        client: &Client<C>,
        offsets: &TopicPartitionList,
    ) -> KafkaResult<Self> {
        // SAFETY: the handle is alive for the borrow of the client.
        let queue = NonNull::new(unsafe { rdsys::rd_kafka_queue_new(client.native_ptr()) });
        let pending =
            Self { queue: queue.ok_or(KafkaError::ConsumerCommit(RDKafkaErrorCode::Fail))? };
        // SAFETY: client, list and queue are alive; the call copies the list. Without a callback
        // the answer becomes an event on the queue.
        let asked = unsafe {
            rdsys::rd_kafka_commit_queue(
                client.native_ptr(),
                offsets.ptr(),
                pending.queue.as_ptr(),
                None,
                ptr::null_mut(),
            )
        };
        commit_result(asked).map(|()| pending)
    }

    /// How the commit ended, once it has; after that, nothing.
    pub(crate) fn poll(&self) -> Option<KafkaResult<()>> {
        // SAFETY: the queue is alive; the event, if any, is ours and destroyed below.
        let event = unsafe { rdsys::rd_kafka_queue_poll(self.queue.as_ptr(), 0) };
        if event.is_null() {
            return None;
        }
        // SAFETY: the event is alive until it is destroyed, and owns its list.
        let outcome = unsafe {
            let whole = commit_result(rdsys::rd_kafka_event_error(event));
            let list = rdsys::rd_kafka_event_topic_partition_list(event).as_ref();
            let count = list.map_or(0, |list| usize::try_from(list.cnt).unwrap_or(0));
            let parts = list.map_or(&[][..], |list| match count {
                0 => &[],
                count => slice::from_raw_parts(list.elems, count),
            });
            let outcome =
                parts.iter().fold(whole, |so_far, part| so_far.and(commit_result(part.err)));
            rdsys::rd_kafka_event_destroy(event);
            outcome
        };
        Some(outcome)
    }
}

impl Drop for PendingCommit {
    fn drop(&mut self) {
        // SAFETY: created by `begin`, destroyed once.
        unsafe { rdsys::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}

fn commit_result(code: rdsys::rd_kafka_resp_err_t) -> KafkaResult<()> {
    if code == rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    Err(KafkaError::ConsumerCommit(code.into()))
}

/// What is wrong with the certificate that a broker shows: OpenSSL's `X509_V_ERR_…`, of which the
/// client's own message says nothing. `None` if no certificate was refused within `patience`.
///
/// A client of its own looks, which accepts nothing that any other would not.
pub(crate) fn certificate_fault(config: &ClientConfig, patience: Duration) -> Option<i32> {
    let native = config.create_native_config().ok()?;
    let fault = AtomicI32::new(0);
    let mut message: [c_char; 256] = [0; 256];
    // SAFETY: `native` is alive; the copy is ours until `rd_kafka_new` takes it, and is destroyed
    // here if that fails. `fault` outlives the client, whose threads end in `rd_kafka_destroy`.
    let client = unsafe {
        let copy = rdsys::rd_kafka_conf_dup(native.ptr());
        rdsys::rd_kafka_conf_set_log_cb(copy, None);
        rdsys::rd_kafka_conf_set_opaque(copy, ptr::from_ref(&fault).cast_mut().cast());
        rdsys::rd_kafka_conf_set_ssl_cert_verify_cb(copy, Some(note_fault));
        let client = rdsys::rd_kafka_new(
            rdsys::rd_kafka_type_t::RD_KAFKA_PRODUCER,
            copy,
            message.as_mut_ptr(),
            message.len(),
        );
        if client.is_null() {
            rdsys::rd_kafka_conf_destroy(copy);
        }
        NonNull::new(client)?
    };
    let deadline = Instant::now() + patience;
    while fault.load(Ordering::Acquire) == 0 && Instant::now() < deadline {
        let mut answer: *const rdsys::rd_kafka_metadata = ptr::null();
        // SAFETY: the client is alive, the out-pointer valid; an answer is ours to destroy.
        unsafe {
            rdsys::rd_kafka_metadata(client.as_ptr(), 0, ptr::null_mut(), &mut answer, 250);
            if !answer.is_null() {
                rdsys::rd_kafka_metadata_destroy(answer);
                break;
            }
        }
    }
    // SAFETY: made above, destroyed once.
    unsafe { rdsys::rd_kafka_destroy(client.as_ptr()) };
    Some(fault.load(Ordering::Acquire)).filter(|fault| *fault != 0)
}

/// Notes the first fault of a chain of certificates, and refuses it, as the client would.
unsafe extern "C" fn note_fault(
    _client: *mut rdsys::rd_kafka_t,
    _broker: *const c_char,
    _broker_id: i32,
    fault: *mut c_int,
    _depth: c_int,
    _certificate: *const c_char,
    _size: usize,
    _message: *mut c_char,
    _message_size: usize,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: librdkafka hands over a valid pointer to OpenSSL's code, and the opaque that was set,
    // which outlives the client.
    let (fault, noted) = unsafe { (*fault, &*opaque.cast::<AtomicI32>()) };
    if fault != 0 {
        // A second fault follows from the first.
        let _ = noted.compare_exchange(0, fault, Ordering::AcqRel, Ordering::Acquire);
    }
    c_int::from(fault == 0)
}

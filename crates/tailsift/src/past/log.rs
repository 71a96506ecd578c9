//! What the decision log says of traces.

use std::ops::ControlFlow;

use anyhow::Context as _;
use tailsift_config::Config;
use tailsift_kafka::{PolicyNames, decode_batch, parse_batch_key, scope_of};
use tailsift_sampler::{Decision, Entry, EntryKind, Sources, Turned};
use tailsift_trace::{Millis, TraceId};

use super::{Past, Progress, threads};
use crate::app::client_settings;

/// What was written of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged<'n> {
    pub(crate) trace_id: TraceId,
    /// The input's partition.
    pub(crate) partition: i32,
    pub(crate) kind: EntryKind,
    pub(crate) decision: Decision,
    /// The policy that decided.
    pub(crate) policy: Option<&'n str>,
    /// When it was written, by the broker's clock.
    pub(crate) at_ms: Option<i64>,
    /// Stream time then.
    pub(crate) stream_time: Option<Millis>,
    /// The fingerprint of the policies.
    pub(crate) config: u64,
    /// How the verdict was turned, if it was.
    pub(crate) turned: Option<Turned>,
    /// Records that could not be read again for that.
    pub(crate) missing: usize,
}

/// Shows visitors, one for each thread, what the decision log holds of the configuration's group
/// from some time on (milliseconds since the Unix epoch); `None` if there is no log. `looks` says
/// of a batch's bytes whether it is worth decoding.
///
/// All of a trace is shown to one visitor, in its order: an input partition keeps to its partition
/// of the log.
///
/// # Errors
/// If the log cannot be read, or is of another release.
pub(crate) fn read_log<V: Send>(
    config: &Config,
    from_ms: Option<i64>,
    make: impl Fn() -> V,
    looks: impl Fn(&[u8]) -> bool + Sync,
    visit: impl Fn(&mut V, &Logged<'_>) + Sync,
) -> anyhow::Result<Option<Vec<V>>> {
    let topic = &config.decisions.topic;
    let Some(past) = Past::of(&client_settings(config), topic, from_ms)? else {
        return Ok(None);
    };
    let scope = scope_of(&config.group, config.window_topic());
    let progress = Progress::new("reading verdicts", past.offsets());
    let names = PolicyNames::new(config.policies().iter().map(|policy| policy.name.as_str()));
    let visitors = (0..threads()).map(|_| (make(), names.clone(), None)).collect();
    let visited = past.read(visitors, &progress, |(visitor, names, broken), record| {
        let value = record.value().unwrap_or_default();
        let is_ours = parse_batch_key(record.key().unwrap_or_default())
            .is_some_and(|(found, _)| found == scope);
        if !is_ours || !looks(value) {
            return ControlFlow::Continue(());
        }
        // Facts are not asked for.
        match decode_batch(value, names, 0) {
            Ok(batch) => {
                for entry in &batch.entries {
                    let Entry { trace_id, kind, decision, turned, .. } = *entry;
                    let missing = entry.missing.iter().flat_map(Sources::offsets).count();
                    visit(
                        visitor,
                        &Logged {
                            trace_id,
                            partition: batch.partition,
                            kind,
                            decision,
                            policy: decision.policy.and_then(|policy| names.name(policy)),
                            at_ms: record.timestamp_ms(),
                            stream_time: batch.read_stream_time,
                            config: batch.config,
                            turned,
                            missing,
                        },
                    );
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                *broken = Some((record.partition(), record.offset(), error));
                ControlFlow::Break(())
            }
        }
    })?;
    let whole = visited.into_iter().map(|(visitor, _, broken)| match broken {
        None => Ok(visitor),
        Some((partition, offset, error)) => Err(error).with_context(|| {
            format!("decision log {topic:?}, partition {partition}, offset {offset}")
        }),
    });
    whole.collect::<anyhow::Result<_>>().map(Some)
}

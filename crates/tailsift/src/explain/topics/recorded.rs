//! What was decided of a trace, by the decision log.

use tailsift_config::Config;
use tailsift_policy::{Chance, CloseReason, Verdict};
use tailsift_sampler::{EntryKind, Turned};
use tailsift_trace::TraceId;

use crate::past::{Logged, read_log};

/// The last word on a trace, and how it came to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) verdict: Verdict,
    pub(super) policy: Option<String>,
    pub(super) close_reason: CloseReason,
    /// How much of the keep was chance.
    pub(super) chance: Chance,
    /// The partition of the input.
    pub(super) partition: i32,
    /// When the verdict was written, by the broker's clock.
    pub(super) at_ms: Option<i64>,
    /// Stream time then.
    pub(super) stream_time_ms: Option<i64>,
    /// The fingerprint of the policies that decided.
    pub(super) config: u64,
    /// How often late spans were noted.
    pub(super) late: u64,
    /// How late spans turned a drop into this, if they did.
    pub(super) turned: Option<Turned>,
    /// Records that could not be read again for that.
    pub(super) missing: usize,
}

/// Looks for the trace in the log.
///
/// # Errors
/// If the log cannot be read.
pub(super) fn read(
    config: &Config,
    trace_id: TraceId,
    from_ms: Option<i64>,
) -> anyhow::Result<Option<Recorded>> {
    let names_it = |value: &[u8]| value.windows(16).any(|window| window == trace_id.0);
    let found = read_log(
        config,
        from_ms,
        || None,
        names_it,
        |recorded, logged| {
            if logged.trace_id == trace_id {
                note(recorded, logged);
            }
        },
    )?;
    let found = found.into_iter().flatten().flatten();
    // A trace whose records are on several partitions has a verdict on each.
    Ok(found.max_by_key(|recorded| (recorded.verdict == Verdict::Keep, recorded.at_ms)))
}

fn note(recorded: &mut Option<Recorded>, logged: &Logged<'_>) {
    let known = recorded.take().filter(|_| logged.kind != EntryKind::Decide);
    let (at_ms, stream_time_ms, late) = match &known {
        Some(known) => (known.at_ms, known.stream_time_ms, known.late),
        None => (logged.at_ms, logged.stream_time.map(|time| time.0), 0),
    };
    *recorded = Some(Recorded {
        verdict: logged.decision.verdict,
        policy: logged.policy.map(str::to_owned),
        close_reason: logged.decision.close_reason,
        chance: logged.decision.chance,
        partition: logged.partition,
        at_ms,
        stream_time_ms,
        config: logged.config,
        late: late + u64::from(logged.kind == EntryKind::Late),
        turned: logged.turned,
        missing: logged.missing,
    });
}

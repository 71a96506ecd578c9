//! A world's log, for people.

use std::collections::BTreeMap;
use std::fmt;

use tailsift_policy::Verdict;
use tailsift_sampler::{EntryKind, RemoteParents, Structural};
use tailsift_trace::Millis;

use crate::event::{Call, CutPart, Event, Judgement, Reply, Taken, What};
use crate::input::BEGIN;
use crate::plan::{Delivery, Plan};
use crate::world::{Outcome, WORKERS_MAX};

/// Shows an [`Outcome`] event by event, with a legend and a summary.
#[derive(Debug)]
pub struct Timeline<'a> {
    outcome: &'a Outcome,
    coloured: bool,
}

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const BLUE: &str = "\x1b[34m";

const LEGEND: &str = "\
legend   A a      a trace, named by a letter; upper case: it must be visible whole, whatever breaks
         w1 w1.2  the first process in a place of the group, and the third
         given    the group gave a partition; fetched: what is committed for it: offset/next offset
                  to read and the last checkpoint #; taken up: read from there, replayed up to there,
                  with these verdicts remembered (+ keep, - drop)
         read     a record was handed to the shard: its spans' traces, its timestamp against now
         keep     a trace was judged, for a reason, by a policy, on so many spans
         idle     a proof that a partition was read to its end; shown if a trace was judged for it
         cut      an epoch: per partition what it commits/what was read, its checkpoint # if it
                  has a batch, what it exports (+ late), what it logs of traces [late spans: ~,
                  turned: ^]
         asks     late spans want a dropped trace kept: its records are read again; answer: they
                  were, or could not be; TURNED: it is kept now
         begin, send, offsets, commit, abort, look up
                  calls of the epoch's transaction, and how they went; 'lost': done, but the
                  worker does not know
         send exports, exports acknowledged, send batch, batches acknowledged, commit offsets
                  the same without a transaction; written: that shows from now on
         COMMITTED, ABORTED
                  what became of the transaction; marker: that shows in this log from now on
         ack      the worker knows that its epoch was committed";

impl<'a> Timeline<'a> {
    /// A timeline, with colours if it goes to a terminal.
    pub fn new(outcome: &'a Outcome, coloured: bool) -> Self {
        Self { outcome, coloured }
    }

    fn trace(&self, trace: usize) -> String {
        let letter = char::from(b'a' + (trace % 26) as u8);
        let must_show = self.outcome.must_show.get(trace).copied().unwrap_or(false);
        let letter = if must_show { letter.to_ascii_uppercase() } else { letter };
        match trace / 26 {
            0 => letter.to_string(),
            round => format!("{letter}{round}"),
        }
    }

    fn traces(&self, traces: impl IntoIterator<Item = usize>) -> String {
        let named: Vec<_> = traces.into_iter().map(|trace| self.trace(trace)).collect();
        named.join(" ")
    }

    fn header(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, partitions, workers, limits, traces, .. } = &self.outcome.plan;
        let root = limits.decision_wait_after_root;
        let root = root.map_or(String::new(), |wait| format!(", root wait {}", seconds(wait)));
        let whole = limits.structural.map_or(String::new(), |structural| {
            let Structural { settle, remote_parents, edges_max } = structural;
            let learned = remote_parents == RemoteParents::Learned;
            let callers = if learned { " with callers" } else { "" };
            format!(", whole{callers} and quiet for {} ({edges_max} edges)", seconds(settle))
        });
        writeln!(f, "seed     {seed}: {traces} traces in {} records", self.outcome.records)?;
        let Plan { delivery, decision_partitions, static_members, transaction_timeout, .. } =
            &self.outcome.plan;
        let mut delivery_told = delivery.name().to_owned();
        if *delivery == Delivery::ExactlyOnce {
            let timeout = seconds(*transaction_timeout);
            delivery_told.push_str(&format!(", transactions time out after {timeout}"));
        }
        let kind = if *static_members { "static" } else { "dynamic" };
        writeln!(
            f,
            "world    {partitions} partitions, {workers} {kind} workers, {decision_partitions} \
             decision partitions; {delivery_told}",
        )?;
        writeln!(
            f,
            "limits   wait {}{root}{whole}, remember {}, memory {} KiB, {} spans and {} bytes a trace, \
             outputs {} KiB",
            seconds(limits.decision_wait),
            seconds(limits.remember),
            limits.memory_bytes >> 10,
            limits.spans_per_trace,
            limits.bytes_per_trace,
            limits.epoch_bytes >> 10,
        )?;
        if let Some(chance) = &limits.second_chance {
            writeln!(
                f,
                "         second chance for {}, {} traces a second",
                seconds(chance.remember),
                chance.traces_per_second,
            )?;
        }
        self.faults(f)?;
        writeln!(f, "{LEGEND}\n")?;
        writeln!(f, "{:>9}  worker    partition  event", "seconds")
    }

    fn faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { faults, calls, .. } = &self.outcome.plan;
        let table = [
            ("crash", faults.crash),
            ("stall", faults.stall),
            ("rebalance", faults.rebalance),
            ("kick", faults.kick),
            ("replace", faults.replace),
            ("lose_offsets", faults.lose_offsets),
            ("grow", faults.grow),
            ("trim", faults.trim),
            ("hasty_trim", faults.hasty_trim),
            ("retriable", calls.retriable),
            ("abortable", calls.abortable),
            ("reply_lost", calls.reply_lost),
            ("poison", faults.poison),
            ("duplicate", faults.duplicate),
            ("late", faults.late),
            ("unstamped", faults.unstamped),
            ("future", faults.future),
            ("gap", faults.gap),
            ("retention", faults.retention),
            ("slow_reader", faults.slow_reader),
        ];
        let some = table.iter().filter(|(_, often)| *often > 0);
        let some: Vec<_> = some.map(|(name, often)| format!("{name} {often}")).collect();
        let list = if some.is_empty() { "none".to_owned() } else { some.join(", ") };
        writeln!(f, "faults   {list} (per mille of steps, calls, records or spans)")
    }

    fn line(&self, event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (partition, colour, text) = self.describe(event);
        let partition = partition.map_or("-".to_owned(), |partition| partition.to_string());
        let (on, off) = if self.coloured { (colour, RESET) } else { ("", "") };
        let time = seconds(event.time);
        let worker = worker(event.worker);
        writeln!(f, "{time:>9}  {worker:<8}  {partition:<9}  {on}{text}{off}")
    }

    fn describe(&self, event: &Event) -> (Option<i32>, &'static str, String) {
        match &event.what {
            What::Given { partition } => (Some(*partition), BLUE, "given".to_owned()),
            What::Fetched { partition, committed } => {
                let text = committed.map_or("fetched: nothing".to_owned(), |(at, to, number)| {
                    format!("fetched: {at}/{to} #{number}")
                });
                (Some(*partition), BLUE, text)
            }
            What::Assigned(taken) => (Some(taken.partition), BLUE, self.taken(taken)),
            What::RestoreRefused { partition, why, .. } => {
                (Some(*partition), RED, format!("REFUSED: {why}"))
            }
            What::Revoked { partition, lost } => {
                let how = if *lost { "LOST" } else { "revoked" };
                (Some(*partition), BLUE, how.to_owned())
            }
            What::Record { partition, offset, stamp, spans } => {
                let text = match spans {
                    Some(spans) => {
                        let traces = spans.iter().filter_map(|span| self.outcome.trace_of(*span));
                        format!("read {offset}: {}{}", self.traces(traces), late(*stamp, event))
                    }
                    None => format!("read {offset}: poison{}", late(*stamp, event)),
                };
                (Some(*partition), DIM, text)
            }
            What::Idle { partition, end_offset, .. } => {
                (Some(*partition), DIM, format!("idle at {end_offset}"))
            }
            What::Judged(judgement) => self.judged(judgement),
            What::Asked { partition, trace, trigger } => {
                let text = format!("asks for {}, for the sake of {trigger}", self.trace(*trace));
                (Some(*partition), YELLOW, text)
            }
            What::Answered { partition, trace, missing, .. } => {
                let text = format!("answer for {}{}", self.trace(*trace), without(missing));
                (Some(*partition), YELLOW, text)
            }
            What::Turned(turning) => {
                let trace = self.trace(turning.trace);
                let text = format!("TURNED {trace}{}", without(&turning.missing));
                (Some(turning.partition), GREEN, text)
            }
            What::Expired { partition, start } => {
                (Some(*partition), YELLOW, format!("the input begins at {start} now"))
            }
            What::Cut(parts) => (None, "", format!("cut {}", self.parts(parts))),
            What::Call { call, reply } => called(*call, *reply),
            What::Resolved { committed, asked } => {
                let how = if *committed { "was committed" } else { "is sent again" };
                let by = if asked.is_some() { "" } else { " (no batch that could tell)" };
                (None, YELLOW, format!("the epoch in doubt {how}{by}"))
            }
            What::Committed(parts) => (None, GREEN, format!("COMMITTED {}", self.parts(parts))),
            What::Aborted { .. }
            | What::Written(..)
            | What::Marked(_)
            | What::Discarded
            | What::Acknowledged
            | What::Crashed
            | What::Stalled
            | What::Replaced
            | What::Kicked
            | What::Stirred
            | What::Started { .. }
            | What::Swapped { .. }
            | What::OffsetsLost
            | What::Grown(_)
            | What::Trimmed { .. } => around(&event.what),
        }
    }

    fn taken(&self, taken: &Taken) -> String {
        let Taken { offset, read_to, stream_time, sequence, from_log, known, .. } = taken;
        let clock = stream_time.map_or("no clock yet".to_owned(), |time| {
            format!("clock at {}", seconds(time - BEGIN))
        });
        let by = if *from_log { " from the log alone" } else { "" };
        let known = known.iter().map(|known| {
            let sign = if known.verdict == Verdict::Keep { '+' } else { '-' };
            format!(" {sign}{}", self.trace(known.trace))
        });
        let known: String = known.collect();
        format!("taken up{by} at {offset}, replay to {read_to}, #{sequence}, {clock};{known}")
    }

    fn judged(&self, judgement: &Judgement) -> (Option<i32>, &'static str, String) {
        let (colour, verdict) = match judgement.verdict {
            Verdict::Keep => (GREEN, "keep"),
            Verdict::Drop => (YELLOW, "drop"),
        };
        let policy = judgement.policy.and_then(|place| {
            let policies = Plan::policies();
            policies.get(usize::from(place)).map(|policy| format!(" by {}", policy.name))
        });
        let text = format!(
            "{verdict} {}: {}{}, {} spans",
            self.trace(judgement.trace),
            judgement.reason.name(),
            policy.unwrap_or_default(),
            judgement.count
        );
        (Some(judgement.partition), colour, text)
    }

    fn parts(&self, parts: &[CutPart]) -> String {
        let told = |part: &CutPart| {
            let CutPart { partition, commit_offset, next_offset, exports, dead_letters, .. } = part;
            let mut text = format!("p{partition} {commit_offset}/{next_offset}");
            if part.has_batch {
                text.push_str(&format!(" #{}", part.sequence));
            }
            for (trace, _, late) in exports {
                text.push_str(if *late { " +" } else { " " });
                text.push_str(&self.trace(*trace));
            }
            let entries = part.entries.iter().map(|entry| {
                let late = match entry.kind {
                    EntryKind::Decide => "",
                    EntryKind::Late => "~",
                    EntryKind::Turn => "^",
                };
                format!("{late}{}", self.trace(entry.known.trace))
            });
            let entries: Vec<_> = entries.collect();
            if !entries.is_empty() {
                text.push_str(&format!(" [{}]", entries.join(" ")));
            }
            if !dead_letters.is_empty() {
                text.push_str(&format!(" ({} dead letters)", dead_letters.len()));
            }
            text
        };
        parts.iter().map(told).collect::<Vec<_>>().join(" | ")
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header(f)?;
        let events = &self.outcome.events;
        // What is tried again in vain is shown once.
        let mut last_call: BTreeMap<usize, &What> = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            let next = events.get(place + 1).map(|next| &next.what);
            let idle = matches!(event.what, What::Idle { .. });
            let is_call = matches!(event.what, What::Call { .. });
            let again = is_call && last_call.insert(event.worker, &event.what) == Some(&event.what);
            if !again && (!idle || matches!(next, Some(What::Judged(_)))) {
                self.line(event, f)?;
            }
        }
        let count =
            |wanted: fn(&What) -> bool| events.iter().filter(|event| wanted(&event.what)).count();
        writeln!(
            f,
            "\n{} steps: {} records read of {}, {} traces judged, {} commits, {} crashes",
            self.outcome.steps,
            count(|what| matches!(what, What::Record { .. })),
            self.outcome.records,
            count(|what| matches!(what, What::Judged(_))),
            count(|what| matches!(what, What::Committed(_))),
            count(|what| matches!(what, What::Crashed)),
        )?;
        match &self.outcome.violation {
            None => writeln!(f, "all invariants held"),
            Some(violation) => writeln!(f, "VIOLATION {violation}"),
        }
    }
}

/// What happened around the worker, or to all of it.
fn around(what: &What) -> (Option<i32>, &'static str, String) {
    match what {
        What::Aborted { timed_out } => {
            let why = if *timed_out { ": it was open for too long" } else { "" };
            (None, RED, format!("ABORTED{why}"))
        }
        What::Written(log, offset) => (None, DIM, format!("written: {log} at {offset}")),
        What::Marked(log) => (None, DIM, format!("marker: {log}")),
        What::Discarded => (None, RED, "epoch discarded".to_owned()),
        What::Acknowledged => (None, DIM, "ack".to_owned()),
        What::Crashed => (None, RED, "CRASH".to_owned()),
        What::Stalled => (None, RED, "STALLS".to_owned()),
        What::Replaced => (None, RED, "a second process takes its name".to_owned()),
        What::Kicked => (None, RED, "is put out of the group".to_owned()),
        What::Stirred => (None, YELLOW, "partitions are to move".to_owned()),
        What::Started { wait, all_policies } => {
            let all = if *all_policies { "" } else { " but the last" };
            let text = format!("starts with a wait of {}, all policies{all}", seconds(*wait));
            (None, BLUE, text)
        }
        What::Swapped { all_policies } => {
            let all = if *all_policies { "" } else { " but the last" };
            (None, BLUE, format!("goes over to all policies{all}"))
        }
        What::OffsetsLost => (None, RED, "all crash; the group's OFFSETS are LOST".to_owned()),
        What::Grown(count) => {
            (None, YELLOW, format!("the decisions topic has {count} partitions now"))
        }
        What::Trimmed { log_partition, start } => {
            (None, YELLOW, format!("decisions {log_partition} begins at {start} now"))
        }
        What::Given { .. }
        | What::Fetched { .. }
        | What::Assigned(_)
        | What::RestoreRefused { .. }
        | What::Revoked { .. }
        | What::Record { .. }
        | What::Idle { .. }
        | What::Judged(_)
        | What::Asked { .. }
        | What::Answered { .. }
        | What::Turned(_)
        | What::Expired { .. }
        | What::Cut(_)
        | What::Call { .. }
        | What::Resolved { .. }
        | What::Committed(_) => (None, "", String::new()),
    }
}

/// Records that could not be read again.
fn without(missing: &[i64]) -> String {
    if missing.is_empty() { String::new() } else { format!(", without {missing:?}") }
}

/// How far a record's timestamp is from the wall clock.
fn late(stamp: Option<Millis>, event: &Event) -> String {
    match stamp {
        None => ", no timestamp".to_owned(),
        Some(stamp) => {
            let behind = event.time - (stamp - BEGIN);
            if behind.0 < 0 {
                format!(", {} ahead", seconds(Millis(-behind.0)))
            } else {
                format!(", {} ago", seconds(behind))
            }
        }
    }
}

fn seconds(time: Millis) -> String {
    let sign = if time.0 < 0 { "-" } else { "" };
    let ms = time.0.unsigned_abs();
    format!("{sign}{}.{:03}s", ms / 1000, ms % 1000)
}

fn worker(id: usize) -> String {
    let (life, slot) = (id / WORKERS_MAX, id % WORKERS_MAX);
    if life == 0 { format!("w{slot}") } else { format!("w{slot}.{life}") }
}

fn called(call: Call, reply: Reply) -> (Option<i32>, &'static str, String) {
    let (partition, name) = match call {
        Call::Init => (None, "the only producer of its id"),
        Call::Begin => (None, "begin"),
        Call::Send(partition) => (Some(partition), "send"),
        Call::Offsets => (None, "offsets"),
        Call::Commit => (None, "commit"),
        Call::Abort => (None, "abort"),
        Call::LookUp => (None, "look up"),
        Call::Export(partition) => (Some(partition), "send exports"),
        Call::AwaitExports => (None, "exports acknowledged"),
        Call::Log(partition) => (Some(partition), "send batch"),
        Call::AwaitBatches => (None, "batches acknowledged"),
        Call::CommitPlainly => (None, "commit offsets"),
    };
    let (colour, how) = match reply {
        Reply::Done => (DIM, ""),
        Reply::Retriable => (YELLOW, ": to be tried again"),
        Reply::Abortable => (YELLOW, ": failed, to be aborted"),
        Reply::Fenced => (RED, ": FENCED"),
        Reply::Lost => (RED, ": reply LOST"),
    };
    (partition, colour, format!("{name}{how}"))
}

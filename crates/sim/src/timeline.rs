//! A world's log, for people.

use std::fmt;

use tailsift_policy::Verdict;
use tailsift_trace::Millis;

use crate::event::{CutPart, Event, Judgement, What};
use crate::input::BEGIN;
use crate::plan::Plan;
use crate::world::Outcome;

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
legend   A a     a trace, named by a letter; upper case: it must be visible whole, whatever breaks
         read    a record was handed to the shard: its spans' traces, its timestamp against now
         keep    a trace was judged, for a reason, by a policy, on so many spans
         idle    a proof that a partition was read to its end; shown if a trace was judged for it
         cut     an epoch: per partition what it commits, what was read, what it exports (+ late)
         commit  the broker took the epoch: exports and offsets are visible at once
         ack     the worker knows";

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
        let Plan { seed, partitions, workers, limits, traces, faults, .. } = &self.outcome.plan;
        let root = limits.decision_wait_after_root;
        let root = root.map_or(String::new(), |wait| format!(", root wait {}", seconds(wait)));
        writeln!(f, "seed     {seed}: {traces} traces in {} records", self.outcome.records)?;
        writeln!(f, "world    {partitions} partitions, {workers} workers")?;
        writeln!(
            f,
            "limits   wait {}{root}, remember {}, memory {} KiB, {} spans and {} bytes a trace, \
             outputs {} KiB",
            seconds(limits.decision_wait),
            seconds(limits.remember),
            limits.memory_bytes >> 10,
            limits.spans_per_trace,
            limits.bytes_per_trace,
            limits.epoch_bytes >> 10,
        )?;
        let table = [
            ("crash", faults.crash),
            ("stall", faults.stall),
            ("rebalance", faults.rebalance),
            ("poison", faults.poison),
            ("duplicate", faults.duplicate),
            ("late", faults.late),
            ("unstamped", faults.unstamped),
            ("future", faults.future),
            ("gap", faults.gap),
        ];
        let some = table.iter().filter(|(_, often)| *often > 0);
        let some: Vec<_> = some.map(|(name, often)| format!("{name} {often}")).collect();
        let list = if some.is_empty() { "none".to_owned() } else { some.join(", ") };
        writeln!(f, "faults   {list} (per mille of steps, records or spans)")?;
        writeln!(f, "{LEGEND}\n")?;
        writeln!(f, "{:>9}  worker  partition  event", "seconds")
    }

    fn line(&self, event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (partition, colour, text) = self.describe(event);
        let partition = partition.map_or("-".to_owned(), |partition| partition.to_string());
        let (on, off) = if self.coloured { (colour, RESET) } else { ("", "") };
        let time = seconds(event.time);
        writeln!(f, "{time:>9}  w{:<5}  {partition:<9}  {on}{text}{off}", event.worker)
    }

    fn describe(&self, event: &Event) -> (Option<i32>, &'static str, String) {
        match &event.what {
            What::Assigned { partition, offset, stream_time } => {
                let clock = stream_time.map_or("no clock yet".to_owned(), |time| {
                    format!("clock at {}", seconds(time - BEGIN))
                });
                (Some(*partition), BLUE, format!("assigned from {offset}, {clock}"))
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
            What::Cut(parts) => (None, "", format!("cut {}", self.parts(parts))),
            What::Committed(parts) => (None, GREEN, format!("commit {}", self.parts(parts))),
            What::Refused(partitions) => {
                (None, RED, format!("REFUSED: {partitions:?} have another owner"))
            }
            What::Discarded => (None, RED, "epoch discarded".to_owned()),
            What::Acknowledged => (None, DIM, "ack".to_owned()),
            What::Crashed => (None, RED, "CRASH, and starts again".to_owned()),
            What::Stalled => (None, RED, "STALLS".to_owned()),
            What::Moving { partition, to, kicked } => {
                let how = if *kicked { "is taken away, goes to" } else { "is to move to" };
                (Some(*partition), YELLOW, format!("{how} w{to}"))
            }
        }
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
            for (trace, _, late) in exports {
                text.push_str(if *late { " +" } else { " " });
                text.push_str(&self.trace(*trace));
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
        for (place, event) in events.iter().enumerate() {
            let next = events.get(place + 1).map(|next| &next.what);
            let idle = matches!(event.what, What::Idle { .. });
            if !idle || matches!(next, Some(What::Judged(_))) {
                self.line(event, f)?;
            }
        }
        let count =
            |wanted: fn(&What) -> bool| events.iter().filter(|event| wanted(&event.what)).count();
        writeln!(
            f,
            "\n{} records read of {}, {} traces judged, {} commits, {} crashes",
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

//! A load that is produced live, on a thread of its own, for as long as faults strike.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tailsift_fixture::{LoadRecord, LoadShape, LoadSpec, NamedPolicy, ReferenceTrace};
use tailsift_kafka::{Outgoing, Writer};
use tailsift_trace::TraceId;

use crate::form::Form;
use crate::rig::{PATIENCE, Rig, now_ms};

/// The load in successive chapters, each a load of its own of so many traces: what was begun when
/// the feed is stopped is finished, so that what must be kept is known.
const CHAPTER_TRACES: u32 = 300;
/// A third of the time over which a load strews the three records of a trace.
const PART_MS: f64 = 333.0;
/// Where the chapters' own time begins: any time will do.
const BASE_MS: i64 = 1_750_000_000_000;

/// What was produced.
pub(crate) struct Fed {
    pub(crate) traces: u64,
    pub(crate) expected: BTreeMap<TraceId, ReferenceTrace>,
}

/// A running feed.
pub(crate) struct Feed {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Fed>>,
}

impl Feed {
    pub(crate) fn start(rig: &Rig, form: &Form) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let writing = Writing {
            writer: Writer::new(&rig.settings)?,
            topic: rig.input.clone(),
            form: *form,
            partitions: rig.plan.partitions,
            shape: if rig.plan.is_unkeyed { LoadShape::Unkeyed } else { LoadShape::Keyed },
            policies: rig.plan.policies.reference(),
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new().name("feed".into()).spawn(|| writing.run());
        Ok(Self { stop, thread: thread.context("starting the feed")? })
    }

    /// Finishes the traces that were begun.
    pub(crate) fn finish(self) -> anyhow::Result<Fed> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the feed panicked"))?
    }
}

struct Writing {
    writer: Writer,
    topic: String,
    form: Form,
    partitions: u32,
    shape: LoadShape,
    policies: Vec<NamedPolicy>,
    stop: Arc<AtomicBool>,
}

impl Writing {
    fn run(mut self) -> anyhow::Result<Fed> {
        let mut chapters = Chapters::new(&self.form, self.shape, self.partitions);
        let started = Instant::now();
        while let Some((due, record)) = chapters.next(self.stop.load(Ordering::Relaxed)) {
            // The pace of the load: nothing is waited for.
            std::thread::sleep(due.saturating_sub(started.elapsed()));
            self.writer.send(Outgoing {
                topic: &self.topic,
                partition: Some(record.partition),
                key: record.key.as_deref(),
                value: Some(&record.value),
                headers: &[],
                timestamp_ms: Some(now_ms()),
            })?;
        }
        self.writer.flush(PATIENCE)?;
        let mut fed = Fed { traces: 0, expected: BTreeMap::new() };
        for spec in &chapters.begun {
            fed.traces += u64::from(spec.traces);
            fed.expected.extend(spec.judged(&self.policies)?);
        }
        Ok(fed)
    }
}

/// Merges the chapters by the time at which their records are due.
struct Chapters {
    spec: LoadSpec,
    /// Milliseconds from a chapter's first trace to the next one's, in the chapters' own time.
    length_ms: f64,
    /// Real time by the chapters' own.
    pace: f64,
    number: u32,
    open: Vec<Chapter>,
    begun: Vec<LoadSpec>,
}

struct Chapter {
    spec: LoadSpec,
    is_begun: bool,
    next: LoadRecord,
    rest: Box<dyn Iterator<Item = LoadRecord>>,
}

impl Chapters {
    fn new(form: &Form, shape: LoadShape, partitions: u32) -> Self {
        let pace = form.apart.as_secs_f64() * 1e3 / PART_MS;
        let traces_per_second = f64::from(form.traces_per_second) * pace;
        let spec = LoadSpec {
            traces: CHAPTER_TRACES,
            shape,
            seed: form.seed,
            partitions,
            spans_per_second: (traces_per_second * 12.0).round().max(1.0) as u32,
            end_ms: BASE_MS,
        };
        let length_ms = f64::from(CHAPTER_TRACES) * 12e3 / f64::from(spec.spans_per_second);
        Self { spec, length_ms, pace, number: 0, open: Vec::new(), begun: Vec::new() }
    }

    /// The next record and when it is due, counted from the feed's start. Once it is to stop, no
    /// chapter begins.
    fn next(&mut self, stop: bool) -> Option<(Duration, LoadRecord)> {
        if stop {
            self.open.retain(|chapter| chapter.is_begun);
        }
        loop {
            let open = self.open.iter().enumerate();
            let Some((place, _)) = open.min_by_key(|(_, chapter)| chapter.next.timestamp_ms) else {
                if stop {
                    return None;
                }
                self.open_next();
                continue;
            };
            let first = &mut self.open[place];
            if !first.is_begun {
                // The chapter after it may have something for the same time.
                first.is_begun = true;
                self.begun.push(first.spec);
                self.open_next();
                continue;
            }
            let record = match first.rest.next() {
                Some(next) => std::mem::replace(&mut first.next, next),
                None => self.open.swap_remove(place).next,
            };
            return Some((self.real(record.timestamp_ms), record));
        }
    }

    fn open_next(&mut self) {
        let end_ms = BASE_MS + (f64::from(self.number) * self.length_ms) as i64;
        let seed = self.spec.seed.wrapping_mul(1_000_003).wrapping_add(u64::from(self.number));
        let spec = LoadSpec { seed, end_ms, ..self.spec };
        self.number += 1;
        let mut rest = spec.records();
        if let Some(next) = rest.next() {
            self.open.push(Chapter { spec, is_begun: false, next, rest });
        }
    }

    fn real(&self, timestamp_ms: i64) -> Duration {
        let lead_ms = self.length_ms + 3.0 * PART_MS;
        let own_ms = (timestamp_ms - BASE_MS) as f64 + lead_ms;
        Duration::from_secs_f64((own_ms * self.pace / 1e3).max(0.0))
    }
}

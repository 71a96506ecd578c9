//! `tailsift dead-letters redrive`.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use serde_json::{Value, json};
use tailsift_config::Config;
use tailsift_kafka::{
    DeadLetters, RedriveError, RedriveSettings, Redriver, Refusal, Sent, StoredLetter,
};
use tailsift_sampler::LetterKind;

use super::super::RedriveArgs;
use super::Filter;
use super::list::letter_json;
use super::text::escaped;
use crate::app::{client_settings, partitioner};
use crate::command::{load, needs_dead_letters};

/// Letters that go in one transaction.
const BATCH_MAX: usize = 500;
/// Bytes of their values, unless it is one.
const BATCH_BYTES_MAX: usize = 8 << 20;

pub(super) fn redrive(args: &RedriveArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.file.config, &args.file.overrides)?;
    let topic = needs_dead_letters(&config)?;
    let redriver = match args.dry_run {
        true => None,
        false => Some(Redriver::open(&settings(&config, topic))?),
    };
    // Behind the fence of the redriver: nobody else marks anything now.
    let letters = DeadLetters::open(&client_settings(&config), topic)?;
    let mut redriven = letters.redriven()?;
    let mut work = Work {
        args,
        letters: &letters,
        redriver,
        partitions: BTreeMap::new(),
        batch: Vec::new(),
        batch_bytes: 0,
        told: Vec::new(),
        counts: Counts::default(),
        taken: 0,
        before: 0,
        out: std::io::stdout().lock(),
    };
    let filter = Filter::new(&args.filter);
    let mut result = Ok(());
    letters.for_each(|found| {
        let place = (found.record.partition(), found.record.offset());
        let is_meant = args.at.is_empty() || args.at.contains(&place);
        if !is_meant || !filter.takes(&found) {
            return ControlFlow::Continue(());
        }
        if redriven.contains(&found) {
            work.before += 1;
            return ControlFlow::Continue(());
        }
        if args.limit.is_some_and(|limit| work.taken >= limit) {
            return ControlFlow::Break(());
        }
        let letter = found.to_stored();
        match work.take(letter) {
            Ok(Some(letter)) => redriven.insert(&letter),
            Ok(None) => {}
            Err(error) => {
                result = Err(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    result.and_then(|()| work.send())?;
    work.finish()
}

fn settings(config: &Config, topic: &str) -> RedriveSettings {
    RedriveSettings {
        client: client_settings(config),
        letters: topic.to_owned(),
        transactional_id: format!("{}-redrive", config.group),
        partitioner: partitioner(config),
        compression: config.output.compression.name().to_owned(),
    }
}

/// What became of a letter.
enum Fate {
    Redriven,
    Refused(Refusal),
    Failed(String),
}

/// How many letters met which fate.
#[derive(Default)]
struct Counts {
    redriven: u64,
    refused: u64,
    failed: u64,
}

struct Work<'a, W> {
    args: &'a RedriveArgs,
    letters: &'a DeadLetters,
    /// `None` in a dry run.
    redriver: Option<Redriver>,
    /// How many partitions topics have that letters are to go to.
    partitions: BTreeMap<String, Option<i32>>,
    batch: Vec<Sent>,
    batch_bytes: usize,
    /// What was done, if it is to be told at the end.
    told: Vec<Value>,
    counts: Counts,
    taken: u64,
    before: u64,
    out: W,
}

impl<W: Write> Work<'_, W> {
    /// Puts a letter's record into the batch, or says why not; the letter if it is to be marked.
    fn take(&mut self, letter: StoredLetter) -> anyhow::Result<Option<StoredLetter>> {
        match self.sent(letter)? {
            Ok(sent) => {
                let bytes = sent.record.value.as_ref().map_or(0, Vec::len);
                let letter = sent.letter.clone();
                self.taken += 1;
                if self.batch.len() >= BATCH_MAX || self.batch_bytes + bytes > BATCH_BYTES_MAX {
                    self.send()?;
                }
                self.batch_bytes += bytes;
                self.batch.push(sent);
                Ok(Some(letter))
            }
            Err((letter, refusal)) => {
                self.tell(&letter, None, &Fate::Refused(refusal))?;
                Ok(None)
            }
        }
    }

    /// What is to be written for a letter.
    fn sent(
        &mut self,
        letter: StoredLetter,
    ) -> anyhow::Result<Result<Sent, (StoredLetter, Refusal)>> {
        let is_partly_read = letter.letter.kind == LetterKind::PartlyRead;
        if is_partly_read && self.args.to.is_none() {
            return Ok(Err((letter, Refusal::PartlyRead)));
        }
        let record = match self.letters.original(&letter)? {
            Ok(record) => record,
            Err(refusal) => return Ok(Err((letter, refusal))),
        };
        let origin = &letter.letter.origin;
        let (topic, partition) = match &self.args.to {
            Some(topic) => (topic.clone(), None),
            None => (origin.topic.clone(), Some(origin.partition)),
        };
        let known = self.partitions.get(&topic).copied();
        let count = match known {
            Some(count) => count,
            None => self.letters.partitions(&topic)?,
        };
        self.partitions.insert(topic.clone(), count);
        let missing = match (count, partition) {
            (None, _) => Some(None),
            (Some(count), Some(partition)) if partition >= count => Some(Some(partition)),
            (Some(_), _) => None,
        };
        if let Some(partition) = missing {
            return Ok(Err((letter, Refusal::NoTarget { topic, partition })));
        }
        Ok(Ok(Sent { letter, record, topic, partition }))
    }

    /// Writes the batch; one by one if brokers refuse it whole.
    fn send(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        match self.write(&batch)? {
            Ok(()) => self.tell_all(&batch),
            Err(reason) if batch.len() == 1 => {
                self.tell(&batch[0].letter, Some(&batch[0]), &Fate::Failed(reason))
            }
            Err(_) => {
                for sent in batch.chunks(1) {
                    match self.write(sent)? {
                        Ok(()) => self.tell_all(sent)?,
                        Err(reason) => {
                            self.tell(&sent[0].letter, Some(&sent[0]), &Fate::Failed(reason))?;
                        }
                    }
                }
                Ok(())
            }
        }
    }

    /// Writes some in one transaction; why brokers refused that.
    fn write(&mut self, batch: &[Sent]) -> anyhow::Result<Result<(), String>> {
        let Some(redriver) = self.redriver.as_mut().filter(|_| !batch.is_empty()) else {
            return Ok(Ok(()));
        };
        match redriver.send(batch) {
            Ok(()) => Ok(Ok(())),
            Err(RedriveError::Aborted { reason }) => Ok(Err(reason)),
            Err(error) => Err(error.into()),
        }
    }

    fn tell_all(&mut self, batch: &[Sent]) -> anyhow::Result<()> {
        batch.iter().try_for_each(|sent| self.tell(&sent.letter, Some(sent), &Fate::Redriven))
    }

    fn tell(
        &mut self,
        letter: &StoredLetter,
        sent: Option<&Sent>,
        fate: &Fate,
    ) -> anyhow::Result<()> {
        *match fate {
            Fate::Redriven => &mut self.counts.redriven,
            Fate::Refused(_) => &mut self.counts.refused,
            Fate::Failed(_) => &mut self.counts.failed,
        } += 1;
        let (fate, why) = match fate {
            Fate::Redriven if self.args.dry_run => ("would be re-driven", None),
            Fate::Redriven => ("redriven", None),
            Fate::Refused(refusal) => ("refused", Some(refusal.to_string())),
            Fate::Failed(reason) => ("failed", Some(reason.clone())),
        };
        let StoredLetter { letter, record } = letter;
        let place = format!("{}:{}", record.partition, record.offset);
        let to = sent.map(|sent| match sent.partition {
            Some(partition) => format!("{} partition {partition}", sent.topic),
            None => sent.topic.clone(),
        });
        if !self.args.json {
            let to = to.as_ref().map_or(String::new(), |to| format!(" to {to}"));
            let why = why.as_ref().map_or(String::new(), |why| format!(": {}", escaped(why)));
            writeln!(self.out, "{place} {fate}{to}{why}")?;
            return Ok(());
        }
        self.told.push(json!({
            "partition": record.partition,
            "offset": record.offset,
            "fate": fate,
            "to": to,
            "why": why,
            "letter": letter_json(letter),
        }));
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<ExitCode> {
        let Counts { redriven: done, refused, failed } = self.counts;
        let before = self.before;
        if self.args.json {
            let summary = json!({
                "dry_run": self.args.dry_run,
                "redriven": done,
                "refused": refused,
                "failed": failed,
                "redriven_before": before,
                "letters": self.told,
            });
            writeln!(self.out, "{summary:#}")?;
        } else {
            let done =
                if self.args.dry_run { format!("{done} would be") } else { done.to_string() };
            writeln!(
                self.out,
                "{done} re-driven, {refused} refused, {failed} failed, {before} re-driven before"
            )?;
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

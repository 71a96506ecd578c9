//! The reader beside the worker: it fetches the records of dropped traces that late spans want kept,
//! in its own time. The group may have given their partition to another by then, and the topic may
//! have deleted them.

use tailsift_sampler::{Missing, Reread, RereadAnswer, RereadSource, SourceSpans};
use tailsift_trace::TraceId;

use super::Worker;
use crate::broker::Broker;
use crate::event::{Violation, What};
use crate::fault::Mutation;
use crate::random::Random;
use crate::witness::{Witness, known};

/// What the reader was asked for.
#[derive(Debug)]
pub(super) struct Errand {
    asked: Reread,
    token: u64,
    /// What it found, once it has looked.
    found: Option<Vec<RereadSource>>,
}

impl Worker {
    /// One step of the reader: it hands in an answer, looks for records, or is asked for more; false
    /// if there is nothing to do.
    pub(super) fn reread(
        &mut self,
        random: &mut Random,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<bool, Violation> {
        if self.errands.is_empty() || random.chance(300) {
            return self.ask(broker, witness);
        }
        let some = random.below(self.errands.len());
        if self.errands[some].found.is_some() {
            let errand = self.errands.remove(some);
            self.answer(errand, broker, witness)?;
            return Ok(true);
        }
        let asked = self.errands[some].asked.clone();
        let found = asked.sources.iter().map(|offset| RereadSource {
            offset: *offset,
            found: self.fetch_source(&asked, *offset, random, broker),
        });
        let found = found.collect();
        self.errands[some].found = Some(found);
        Ok(true)
    }

    fn ask(&mut self, broker: &Broker, witness: &mut Witness) -> Result<bool, Violation> {
        if self.is_mutated(Mutation::NeverReread) {
            return Ok(false);
        }
        let Some(asked) = self.shard.poll_reread() else { return Ok(false) };
        let (partition, trigger) = (asked.partition, asked.trigger);
        let trace = known(asked.trace_id, &broker.input)?;
        let token = self.held.get(&partition).map_or(0, |held| held.token);
        self.errands.push(Errand { asked, token, found: None });
        self.tell(What::Asked { partition, trace, trigger }, broker, witness)?;
        Ok(true)
    }

    fn answer(
        &mut self,
        errand: Errand,
        broker: &Broker,
        witness: &mut Witness,
    ) -> Result<(), Violation> {
        let Errand { mut asked, token, found } = errand;
        let mut sources = found.unwrap_or_default();
        match self.settings.mutation {
            Some(Mutation::LoseSource) => {
                if let Some(RereadSource { found: Ok(spans), .. }) = sources.first_mut() {
                    *spans = SourceSpans::default();
                }
            }
            Some(Mutation::RepeatSource) => {
                if let Some(RereadSource { found: Ok(spans), .. }) = sources.first_mut() {
                    spans.payload.extend_from_within(..);
                }
            }
            // Whoever holds the partition now, if this worker does, is taken for who asked.
            Some(Mutation::AnswerAnyone) => {
                let mut held = (0..=asked.assignment + 8).rev();
                let held = held.find(|other| self.shard.holds(asked.partition, *other));
                asked.assignment = held.unwrap_or(asked.assignment);
            }
            Some(_) | None => {}
        }
        let missing = sources.iter().filter(|source| source.found.is_err());
        let missing = missing.map(|source| source.offset).collect();
        let (partition, trace) = (asked.partition, known(asked.trace_id, &broker.input)?);
        self.shard.handle_reread(RereadAnswer { asked, sources });
        self.tell(What::Answered { partition, token, trace, missing }, broker, witness)
    }

    /// A trace's share of a record, if it is there.
    fn fetch_source(
        &self,
        asked: &Reread,
        offset: i64,
        random: &mut Random,
        broker: &Broker,
    ) -> Result<SourceSpans, Missing> {
        if random.chance(self.settings.slow_reader) {
            return Err(Missing::Timeout);
        }
        let record = broker.record_at(asked.partition, offset).ok_or(Missing::Gone)?;
        share_of(&record.value, asked.trace_id).ok_or(Missing::Gone)
    }
}

/// What a record holds of a trace.
fn share_of(value: &[u8], trace_id: TraceId) -> Option<SourceSpans> {
    let mut scanner = tailsift_otlp::Scanner::default();
    let batch = scanner.scan(value).ok()?;
    let chunk = batch.chunks.iter().find(|chunk| chunk.trace_id == trace_id)?;
    let pieces = batch.pieces_of(chunk).iter();
    Some(SourceSpans {
        spans: chunk.spans.end - chunk.spans.start,
        headers: Box::default(),
        payload: pieces.flat_map(|piece| piece.bytes(&batch.shared)).copied().collect(),
    })
}

//! What was found of traces in records that were read again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tailsift_kafka::{Offsets, RecordRef, Sought};
use tailsift_otlp::Scanner;
use tailsift_sampler::{Missing, Reread, RereadAnswer, RereadSource, SourceSpans};
use tailsift_trace::{Batch, TraceId};

use crate::worker::Format;

/// A record's place: partition and offset.
type Place = (i32, i64);

/// Traces' shares of records.
pub(super) struct Found {
    /// Who asks for a record.
    wanted: BTreeMap<Place, BTreeSet<TraceId>>,
    found: HashMap<(Place, TraceId), Result<SourceSpans, Missing>>,
    scanner: Scanner,
}

impl Found {
    /// Nothing yet of what these ask for.
    pub(super) fn new<'r>(rereads: impl Iterator<Item = &'r Reread>) -> Self {
        let mut wanted: BTreeMap<Place, BTreeSet<TraceId>> = BTreeMap::new();
        for reread in rereads {
            for offset in &reread.sources {
                wanted.entry((reread.partition, *offset)).or_default().insert(reread.trace_id);
            }
        }
        Self { wanted, found: HashMap::new(), scanner: Scanner::default() }
    }

    /// The records to be read.
    pub(super) fn offsets(&self) -> Offsets {
        let mut offsets = Offsets::new();
        for (partition, offset) in self.wanted.keys() {
            offsets.entry(*partition).or_default().insert(*offset);
        }
        offsets
    }

    /// Takes what a record holds of the traces.
    pub(super) fn take(&mut self, record: RecordRef<'_>, format: Format) {
        let place = (record.partition(), record.offset());
        let Some(traces) = self.wanted.get(&place) else { return };
        let mut headers = Vec::new();
        record.encoded_headers(&mut headers);
        let protobuf = format.convert(record.value().unwrap_or_default());
        let batch = protobuf.as_ref().ok().and_then(|bytes| self.scanner.scan(bytes).ok());
        for trace in traces {
            let share = batch.as_ref().and_then(|batch| share(batch, *trace, &headers));
            // It was read once, so it is another record now, or the file says another encoding.
            self.found.insert((place, *trace), share.ok_or(Missing::Gone));
        }
        if let Some(batch) = batch {
            self.scanner.recycle(batch);
        }
    }

    /// What is answered; `None` while a record that was not read in time may still come.
    pub(super) fn answer(&mut self, reread: &Reread, sought: &Sought) -> Option<RereadAnswer> {
        let gone = sought.gone.get(&reread.partition);
        let mut sources = Vec::with_capacity(reread.sources.len());
        for offset in &reread.sources {
            let at = ((reread.partition, *offset), reread.trace_id);
            let found = match self.found.get(&at) {
                Some(found) => found.clone(),
                None if gone.is_some_and(|gone| gone.contains(offset)) => Err(Missing::Gone),
                None => return None,
            };
            sources.push(RereadSource { offset: *offset, found });
        }
        Some(RereadAnswer { asked: reread.clone(), sources })
    }
}

/// The answer where nothing came.
pub(super) fn missing(reread: &Reread, why: Missing) -> RereadAnswer {
    let source = |offset: &i64| RereadSource { offset: *offset, found: Err(why) };
    RereadAnswer { asked: reread.clone(), sources: reread.sources.iter().map(source).collect() }
}

fn share(batch: &Batch<'_>, trace: TraceId, headers: &[u8]) -> Option<SourceSpans> {
    let mut share = SourceSpans { headers: headers.into(), ..SourceSpans::default() };
    for chunk in batch.chunks.iter().filter(|chunk| chunk.trace_id == trace) {
        share.spans += chunk.spans.end - chunk.spans.start;
        for piece in batch.pieces_of(chunk) {
            share.payload.extend_from_slice(piece.bytes(&batch.shared));
        }
    }
    (share.spans > 0).then_some(share)
}

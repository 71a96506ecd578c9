//! Makes an epoch's exports fit to leave: redacted, and within the record limit.

use std::borrow::Cow;
use std::sync::Arc;

use tailsift_otlp::{RedactionCounts, Redactor, split_to_size};
use tailsift_sampler::{DeadLetter, Epoch, Export, LetterKind};
use tracing::error;

/// Redacts kept traces, and cuts those that are larger than a record may be into several records.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    /// The most bytes of a record: key, value and headers, uncompressed.
    pub(crate) max_message_bytes: usize,
    /// Spans that fit in no record become dead letters; else they are only logged.
    pub(crate) keeps_dead_letters: bool,
    /// What takes out what must not be seen.
    pub(crate) redactor: Option<Arc<Redactor>>,
}

/// Room for the key and our own headers.
const OVERHEAD: usize = 32 + 512;

impl Fit {
    /// After this no export holds what a rule takes out, and none is above the limit. What was
    /// redacted.
    pub(crate) fn fit(&self, epoch: &mut Epoch) -> RedactionCounts {
        let counts = match &self.redactor {
            Some(redactor) => self.redact(redactor, epoch),
            None => RedactionCounts::default(),
        };
        self.cut_large(epoch);
        counts
    }

    fn redact(&self, redactor: &Redactor, epoch: &mut Epoch) -> RedactionCounts {
        let mut counts = RedactionCounts::default();
        for part in &mut epoch.parts {
            let (partition, next_offset) = (part.partition, part.next_offset);
            for mut export in std::mem::take(&mut part.exports) {
                let redacted = redactor.rewrite(&export.payload).map(|redacted| {
                    counts += redacted.counts;
                    match redacted.request {
                        Cow::Owned(request) => Some(request),
                        Cow::Borrowed(_) => None,
                    }
                });
                match redacted {
                    Ok(changed) => {
                        if let Some(request) = changed {
                            export.payload = Arc::new(request);
                        }
                        part.exports.push(export);
                    }
                    Err(error) => {
                        counts.unreadable += 1;
                        let trace_id = export.trace_id;
                        let reason = format!("trace {trace_id} cannot be redacted: {error}");
                        error!(partition, "{reason}; it is not exported");
                        let letter = self.letter(&export, next_offset, reason, None);
                        let withheld = Some(export.payload.len());
                        let letter = letter.map(|letter| DeadLetter { withheld, ..letter });
                        part.dead_letters.extend(letter);
                    }
                }
            }
        }
        counts
    }

    fn cut_large(&self, epoch: &mut Epoch) {
        for part in &mut epoch.parts {
            let is_large = |export: &Export| self.room(export) < export.payload.len();
            if !part.exports.iter().any(is_large) {
                continue;
            }
            let (partition, next_offset) = (part.partition, part.next_offset);
            for export in std::mem::take(&mut part.exports) {
                if is_large(&export) {
                    let letters = self.cut(&export, partition, next_offset, &mut part.exports);
                    part.dead_letters.extend(letters);
                } else {
                    part.exports.push(export);
                }
            }
        }
    }

    fn room(&self, export: &Export) -> usize {
        self.max_message_bytes.saturating_sub(OVERHEAD + export.headers.len())
    }

    fn cut(
        &self,
        export: &Export,
        partition: i32,
        next_offset: i64,
        exports: &mut Vec<Export>,
    ) -> Vec<DeadLetter> {
        let trace_id = export.trace_id;
        let split = match split_to_size(&export.payload, self.room(export)) {
            Ok(split) => split,
            Err(error) => {
                // Only a trace beyond what protobuf allows in one message gets here.
                let reason = format!("trace {trace_id} cannot be cut into records: {error}");
                error!(partition, "{reason}");
                let value = Some(export.payload.to_vec());
                let letter = self.letter(export, next_offset, reason, value);
                return letter.into_iter().collect();
            }
        };
        for record in split.records {
            let payload = Arc::new(record.into_owned());
            exports.push(Export { payload, ..export.clone() });
        }
        let letters = split.oversize.into_iter().filter_map(|oversize| {
            let needed = oversize.request.len() + OVERHEAD + export.headers.len();
            let limit = self.max_message_bytes;
            let reason = format!(
                "a span of trace {trace_id} needs a record of {needed} bytes, \
                 output.max_message_bytes is {limit}"
            );
            let span_bytes = oversize.span_bytes;
            error!(partition, span_bytes, "{reason}; the rest of its trace is exported");
            self.letter(export, next_offset, reason, Some(oversize.request))
        });
        letters.collect()
    }

    fn letter(
        &self,
        export: &Export,
        next_offset: i64,
        reason: String,
        value: Option<Vec<u8>>,
    ) -> Option<DeadLetter> {
        self.keeps_dead_letters.then(|| DeadLetter {
            kind: LetterKind::Spans,
            // Its spans may come from many records; this is the last that was read.
            offset: next_offset - 1,
            time: Some(export.time),
            reason,
            key: Some(export.trace_id.hex().to_vec()),
            value,
            withheld: None,
            headers: export.headers.clone(),
        })
    }
}

#[cfg(test)]
mod tests;

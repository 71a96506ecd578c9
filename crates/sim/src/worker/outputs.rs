//! An epoch's part as records.

use tailsift_otlp::split_to_size;
use tailsift_sampler::{DecisionBatch, Export, Part};

use super::WorkerSettings;
use super::restore::SCOPE;
use crate::broker::{Topic, Value};
use crate::fault::Mutation;

/// Exports and letters.
pub(super) fn outputs_of(part: &Part, settings: &WorkerSettings) -> Vec<(Topic, Value)> {
    let mut outputs = Vec::new();
    for export in &part.exports {
        let records = records_of(export, settings.message_bytes_max, settings.mutation);
        let topic = Topic::Exports(i32::from(export.trace_id.0[15] % 2));
        let value = |value| (topic, Value::Export { key: export.trace_id, value });
        outputs.extend(records.into_iter().map(value));
    }
    let partition = part.partition;
    let letter = |offset| (Topic::Letters, Value::Letter { partition, offset });
    outputs.extend(part.dead_letters.iter().map(|one| letter(one.offset)));
    outputs
}

/// The batch, in slices if it is large; nothing if there is none.
pub(super) fn batch_of(part: &Part, writer: u64, settings: &WorkerSettings) -> Vec<(Topic, Value)> {
    if !part.has_batch {
        return Vec::new();
    }
    let topic = Topic::Decisions(part.checkpoint.log_partition);
    let chunks: Vec<_> = part.entries.chunks(settings.slice_entries).collect();
    let slices = chunks.len().max(1);
    let slice = |slice: usize| DecisionBatch {
        scope: SCOPE,
        partition: part.partition,
        checkpoint: part.checkpoint,
        writer,
        slice: slice as u32,
        slices: slices as u32,
        commit_offset: part.commit_offset,
        read_to: part.next_offset,
        stream_time: part.commit_stream_time,
        read_stream_time: part.next_stream_time,
        config: settings.config,
        entries: chunks.get(slice).map(|entries| entries.to_vec()).unwrap_or_default(),
    };
    (0..slices).map(|place| (topic, Value::Batch(slice(place)))).collect()
}

/// An export in records of a size. What cannot be split is written as it came: the checkers then
/// judge its bytes.
fn records_of(export: &Export, bytes_max: usize, mutation: Option<Mutation>) -> Vec<Vec<u8>> {
    let split = split_to_size(&export.payload, bytes_max).unwrap_or_default();
    let records = split.records.into_iter().map(|record| record.into_owned());
    let oversize = split.oversize.into_iter().map(|oversize| oversize.request);
    let mut values: Vec<Vec<u8>> = records.chain(oversize).collect();
    if mutation == Some(Mutation::FlipByte) {
        for byte in values.iter_mut().filter_map(|value| value.last_mut()) {
            *byte ^= 1;
        }
    }
    values
}

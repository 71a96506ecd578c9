//! Says on each exported span how likely it was to be kept.

use std::borrow::Cow;
use std::sync::Arc;

use tailsift_otlp::{ThresholdCounts, ThresholdEdit, edit_thresholds};
use tailsift_policy::{Chance, Threshold};
use tailsift_sampler::Epoch;
use tracing::error;

/// Writes the threshold of each trace that was kept by chance into its spans, late ones included,
/// and takes it out where nobody knows it; what became of the spans. What was certain to be kept
/// stays as it came, and so does all under `compatibility: collector`, where nothing is said of
/// chance.
pub(crate) fn write_thresholds(epoch: &mut Epoch) -> ThresholdCounts {
    let mut counts = ThresholdCounts::default();
    for export in epoch.parts.iter_mut().flat_map(|part| &mut part.exports) {
        let edit = match export.decision.chance {
            Chance::None | Chance::Threshold(Threshold(0)) => continue,
            Chance::Threshold(Threshold(threshold)) => ThresholdEdit::Raise(threshold),
            Chance::Unknown => ThresholdEdit::Erase,
        };
        let edited = edit_thresholds(&export.payload, edit).map(|(request, of_export)| {
            counts += of_export;
            match request {
                Cow::Owned(request) => Some(request),
                Cow::Borrowed(_) => None,
            }
        });
        match edited {
            Ok(Some(request)) => export.payload = Arc::new(request),
            Ok(None) => {}
            Err(error) => {
                // The scan has read as much; only a trace beyond what protobuf allows gets here.
                counts.unreadable += u64::from(export.spans);
                let trace_id = export.trace_id;
                error!("trace {trace_id} cannot be told its threshold: {error}");
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests;

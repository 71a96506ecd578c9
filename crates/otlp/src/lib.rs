//! OTLP on the wire: the only crate that knows the format.
//!
//! The span path never decodes a message. A [`Scanner`] walks a record's bytes once and yields a
//! [`Batch`](tailsift_trace::Batch): spans as borrowed views, and per trace the byte runs that
//! make a request of its own. A trace that has to be published in records of a bounded size goes
//! through [`split_to_size`]; other formats become OTLP in protobuf on entry, in [`json_to_protobuf`],
//! [`jaeger_to_protobuf`] and [`zipkin_to_protobuf`]; what people look at is read by [`read_spans`], which copies and may be slow. What must not be seen
//! is taken out by a [`Redactor`], before anything leaves.
//!
//! ```
//! use tailsift_otlp::{Scanner, json_to_protobuf};
//! use tailsift_trace::Interest;
//!
//! let request = json_to_protobuf(
//!     br#"{"resourceSpans": [{"scopeSpans": [{"spans": [{
//!         "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "name": "predict",
//!         "attributes": [{"key": "prediction_confidence", "value": {"doubleValue": 0.4}}]
//!     }]}]}]}"#,
//! )?;
//! let mut scanner = Scanner::new(Interest::new(["prediction_confidence"]));
//! let batch = scanner.scan(&request)?;
//! assert_eq!(batch.spans[0].name, b"predict");
//! assert_eq!(batch.attributes_of(&batch.spans[0]).len(), 1);
//! scanner.recycle(batch);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Facts of the wire are those of opentelemetry-proto 1.x (`trace.proto`, `common.proto`,
//! `resource.proto`) and of the protobuf encoding guide; `fields.rs` lists the numbers.

mod assemble;
mod attribute;
mod convert;
mod detail;
mod edits;
mod error;
mod fields;
mod jaeger;
mod json;
mod redact;
mod scan;
mod size;
mod split;
mod threshold;
mod wire;
mod writer;
mod zipkin;

pub use assemble::{Oversize, SplitRecords, split_to_size};
pub use detail::{DetailedEvent, DetailedSpan, read_spans};
pub use error::{Fault, JaegerError, JaegerFault, JsonError, ScanError};
pub use jaeger::jaeger_to_protobuf;
pub use json::json_to_protobuf;
pub use redact::{
    HashKey, Preset, Redacted, RedactionAction, RedactionCounts, RedactionError, RedactionKeys,
    RedactionPlace, RedactionRule, RedactionValues, Redactor,
};
pub use scan::Scanner;
pub use threshold::{ThresholdCounts, ThresholdEdit, edit_thresholds};
pub use zipkin::{TagValues, zipkin_to_protobuf};

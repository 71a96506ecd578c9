//! The vocabulary of tailsift: ids, times, attribute values, and one Kafka record as the scan sees it.
//!
//! A record is scanned once into a [`Batch`]: its spans as borrowed views, grouped into one
//! [`Chunk`] per trace. What the policies want to know of a span is agreed on beforehand in an
//! [`Interest`], so that everything else stays bytes.
//!
//! ```
//! use tailsift_trace::{AttributeKey, Interest, TraceId};
//!
//! let interest = Interest::new(["prediction_confidence", "model_version"]);
//! assert_eq!(interest.find(b"model_version"), Some(AttributeKey(1)));
//! assert_eq!(interest.find(b"user.email"), None);
//!
//! let id: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
//! assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
//! ```
//!
//! This crate has no dependencies, reads no clock and does no I/O.

mod attribute;
mod batch;
mod detail;
mod headers;
mod id;
mod interest;
mod time;
mod trace_state;

pub use attribute::{Attribute, Value};
pub use batch::{Batch, Chunk, Piece, Resource, Span, SpanSize, StatusCode};
pub use detail::{
    Detailed, Details, Event, NODE_DEPTH_MAX, Node, ResourceDetail, Scope, SpanDetail, Tree,
    siblings,
};
pub use headers::{common_headers, decode_headers, encode_headers};
pub use id::{ParseIdError, SpanId, TraceId};
pub use interest::{AttributeKey, Interest};
pub use time::{Millis, UnixNano};
pub use trace_state::{TRACE_STATE_MEMBERS_MAX, is_trace_state_key, trace_state_member};

//! Which traces are worth keeping.
//!
//! A [`PolicySet`] is compiled from [`Policy`]s. It says which attributes it wants to see
//! ([`PolicySet::interest`]), folds each arriving span into a trace's small [`Facts`]
//! ([`PolicySet::fold`]), and, once the trace has closed, judges those facts
//! ([`PolicySet::judge`]): never the spans again. What budgets have left is in [`Limiters`].
//!
//! ```
//! use tailsift_policy::{Facts, Kind, Policy, PolicySet, Semantics, StatusCodes, Verdict};
//! use tailsift_trace::{Millis, StatusCode, TraceId};
//!
//! let errors = Policy::new("errors", Kind::StatusCode(StatusCodes(vec![StatusCode::ERROR])));
//! let set = PolicySet::compile(vec![errors], Semantics::default()).unwrap();
//! let (id, facts, mut limiters) = (TraceId([1; 16]), Facts::default(), set.limiters(1));
//! let outcome = set.judge(id, &facts, &mut limiters, Millis(0), &mut Vec::new());
//! assert_eq!(outcome.verdict, Verdict::Drop);
//! ```
//!
//! Pure: no clock, no randomness, no I/O. Adding a kind is its file in `kind/`, a variant of
//! [`Kind`] and its mapping in the configuration crate; exhaustive matches list the rest.

mod baselines;
mod compile;
mod decision;
mod derive;
mod error;
mod facts;
mod fnv;
mod kin;
mod kind;
mod limiters;
mod ottl;
mod pattern;
mod randomness;
mod rates;
mod semantics;
mod set;
mod size;

pub use decision::{Chance, CloseReason, Decision, Outcome, SubPolicy, Threshold, Verdict, Vote};
pub use derive::DerivedName;
pub use error::PolicyError;
pub use facts::{Facts, Tally};
pub use kind::and::And;
pub use kind::boolean_attribute::BooleanAttribute;
pub use kind::bytes_limiting::BytesLimiting;
pub use kind::composite::{Composite, RateAllocation};
pub use kind::drift::Drift;
pub use kind::drop::DropIf;
pub use kind::failure::Failure;
pub use kind::forced::Forced;
pub use kind::fragmented::Fragmented;
pub use kind::latency::Latency;
pub use kind::low_confidence::{LowConfidence, OfArrays, Scale};
pub use kind::not::Not;
pub use kind::numeric_attribute::NumericAttribute;
pub use kind::ottl_condition::{ErrorMode, OttlCondition};
pub use kind::probabilistic::Probabilistic;
pub use kind::rate_limiting::RateLimiting;
pub use kind::rate_per_key::{KeyPart, RatePerKey};
pub use kind::span_count::SpanCount;
pub use kind::span_latency::{NameMatch, SpanLatency};
pub use kind::span_match::SpanMatch;
pub use kind::status_code::StatusCodes;
pub use kind::string_attribute::StringAttribute;
pub use kind::trace_condition::{Measure, TraceCondition, TraceTest};
pub use kind::trace_state::TraceState;
pub use kind::{Kind, Policy};
pub use limiters::Limiters;
pub use semantics::{Compatibility, Derive, DerivePattern, Derived, Semantics};
pub use set::PolicySet;

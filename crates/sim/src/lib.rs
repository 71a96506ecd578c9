//! Development only: a seeded world that runs the production core.
//!
//! A [`Plan`] says what kind of world a seed makes; [`run`] lets it happen: producers that are
//! late and repeat themselves, workers that stall and die, partitions that move. The workers drive
//! the real scanner, policies and shard; everything around these is a model. After each step the
//! checkers compare what was handed in, judged, cut and committed with an account of their own,
//! and in the end the export topic with the whole input.
//!
//! ```
//! use tailsift_sim::{Plan, run};
//!
//! let outcome = run(&Plan::new(7));
//! assert_eq!(outcome.violation, None);
//! assert_eq!(outcome.fingerprint(), run(&Plan::new(7)).fingerprint());
//! ```
//!
//! [`Mutation`]s break such a world on purpose, to show that the checkers see it.

mod broker;
mod checker;
mod drain;
mod encode;
mod event;
mod fault;
mod input;
mod model;
mod plan;
mod random;
mod timeline;
mod witness;
mod worker;
mod world;

pub use drain::{Drain, Judged, drain};
pub use event::{CutPart, Event, Judgement, Violation, What};
pub use fault::Mutation;
pub use plan::{Faults, Pace, Plan};
pub use timeline::Timeline;
pub use world::{Outcome, run, run_mutated};

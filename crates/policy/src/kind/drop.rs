//! `drop`: drops a trace for which all sub-policies say sampled.

use crate::kind::Policy;

/// Says dropped, which outweighs every other vote, where all sub-policies say sampled; they may
/// match on different spans. It stands at the top of the list only, and is asked before all others.
#[derive(Clone, Debug, PartialEq)]
pub struct DropIf(
    /// The sub-policies, of simple kinds or `not`; natively at least one (under `compatibility:
    /// collector` an empty list drops everything).
    pub Vec<Policy>,
);

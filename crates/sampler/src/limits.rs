//! Every bound of a shard, in one place.

use tailsift_policy::PolicySet;
use tailsift_trace::{Interest, Millis};

use crate::SecondChance;
use crate::completion::SERVICE_NAME;

/// How long traces wait and how much a shard may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A trace is judged at the latest this long (stream time) after its first record.
    pub decision_wait: Millis,
    /// A trace is judged this long after its root span; `None` = the root changes nothing.
    pub decision_wait_after_root: Option<Millis>,
    /// When a trace's structure ends its wait before its time; `None` = it does not.
    pub structural: Option<Structural>,
    /// A verdict is remembered this long (stream time) for late spans; at least `decision_wait`.
    pub remember: Millis,
    /// How dropped traces are given a second chance; `None` = late spans follow the drop.
    pub second_chance: Option<SecondChance>,
    /// How far behind the wall clock an idle partition's stream time stays: producers' linger
    /// and retries.
    pub idle_grace: Millis,
    /// Bytes of window and remembered decisions together. Over it the oldest traces are judged
    /// early ([`MemoryLimit`](tailsift_policy::CloseReason::MemoryLimit)).
    pub memory_bytes: usize,
    /// A trace is judged once it has this many spans.
    pub spans_per_trace: u32,
    /// A trace is judged once it has this many bytes.
    pub bytes_per_trace: usize,
    /// Partitions of the input topic, at least 1: each has an equal share of every policy's
    /// budget, whoever reads it.
    pub input_partitions: u32,
    /// Outputs waiting for a commit. At this many bytes the shard is
    /// [congested](crate::Shard::is_congested): no more records should be handed in.
    pub epoch_bytes: usize,
}

/// A trace is judged once its structure is whole and it has been quiet: every parent has come, and
/// every call has a child whose like usually have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structural {
    /// For so long (stream time) nothing of it has come.
    pub settle: Millis,
    /// What is asked of parents in other processes.
    pub remote_parents: RemoteParents,
    /// So many kinds of calls are told apart on each partition. Of others nothing is known, and they
    /// are not waited for.
    pub edges_max: usize,
}

/// What is asked of parents in other processes, as spans' flags tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteParents {
    /// Nothing: a span with such a parent is a root here.
    Ignored,
    /// That they come, if those of such spans usually do.
    Learned,
}

impl Limits {
    /// What to read of spans and resources: what policies ask for, and what completion does.
    pub fn interest(&self, policies: &PolicySet) -> Interest {
        let mut interest = policies.interest().clone();
        if self.structural.is_some() {
            interest.add(SERVICE_NAME);
        }
        interest
    }
}

impl Default for Limits {
    /// The defaults of the configuration file, for a process with one worker.
    fn default() -> Self {
        Self {
            decision_wait: Millis::from_secs(30),
            decision_wait_after_root: None,
            structural: None,
            remember: Millis::from_secs(600),
            second_chance: None,
            idle_grace: Millis::from_secs(2),
            memory_bytes: 1 << 30,
            spans_per_trace: 100_000,
            bytes_per_trace: 64 << 20,
            input_partitions: 1,
            epoch_bytes: 64 << 20,
        }
    }
}

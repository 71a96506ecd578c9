//! Finding out about a commit whose answer was lost.

use rdkafka::TopicPartitionList;
use tailsift_sampler::{Epoch, Part};
use tracing::info;

use super::Sink;
use super::step::{Next, Step};
use crate::decision_log::CommitMetadata;
use crate::ffi;
use crate::source::Membership;

impl Sink {
    /// Initialising the new producer ended the old one's transaction, this way or that: what is
    /// committed beside the offset of a partition that was held without a break tells which.
    ///
    /// Only a part with a batch can tell, or any part of an indivisible epoch. If none is left,
    /// nothing that must not be repeated is owed, and the rest is sent again.
    pub(super) fn resolve(
        &mut self,
        epoch: &Epoch,
        membership: &Membership<'_>,
        holds: &impl Fn(i32, u64) -> bool,
    ) -> Next {
        let tells = |part: &&Part| {
            (part.has_batch || epoch.is_indivisible) && holds(part.partition, part.assignment)
        };
        let Some(part) = epoch.parts.iter().find(tells) else { return Next::Step(Step::Start) };
        let mut question = TopicPartitionList::new();
        let (topic, partition) = self.settings.input_topics.place(part.partition);
        question.add_partition(&topic, partition);
        let Ok(committed) = membership.committed(question, Self::STEP) else {
            return Next::Later(Step::Doubt);
        };
        if committed.elements().first().is_none_or(|element| element.error().is_err()) {
            return Next::Later(Step::Doubt);
        }
        let commit = CommitMetadata::parse(ffi::committed_metadata(&committed, 0)).ok().flatten();
        let is_ours = commit.is_some_and(|commit| {
            commit.scope == self.settings.scope
                && part.is_committed_in(&commit.checkpoint, epoch.is_indivisible)
        });
        info!(committed = is_ours, "an epoch's commit was in doubt");
        if is_ours { Next::Done(true) } else { Next::Step(Step::Start) }
    }
}

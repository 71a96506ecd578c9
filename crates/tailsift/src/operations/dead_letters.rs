//! `tailsift dead-letters`.

mod list;
mod redrive;
mod show;
mod text;

pub(crate) use text::{escaped, utc};

use std::process::ExitCode;

use tailsift_kafka::{LetterRef, RecordRef};

use super::{DeadLettersArgs, DeadLettersCommand, FilterArgs};
use crate::worker::wall_now;

/// Lists, shows or re-drives dead letters.
pub(crate) fn dead_letters(args: &DeadLettersArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        DeadLettersCommand::List(args) => list::list(args),
        DeadLettersCommand::Show(args) => show::show(args),
        DeadLettersCommand::Redrive(args) => redrive::redrive(args),
    }
}

/// Which letters are meant.
struct Filter<'a> {
    args: &'a FilterArgs,
    since_ms: Option<i64>,
}

impl<'a> Filter<'a> {
    fn new(args: &'a FilterArgs) -> Self {
        let ago = |since: std::time::Duration| {
            let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
            wall_now().0.saturating_sub(since)
        };
        Self { args, since_ms: args.since.map(ago) }
    }

    fn takes(&self, found: &LetterRef<'_>) -> bool {
        let FilterArgs { reason, topic, partition, since: _ } = self.args;
        let (letter, record): (_, &RecordRef<'_>) = (&found.letter, &found.record);
        reason.as_ref().is_none_or(|reason| letter.reason.contains(reason))
            && topic.as_ref().is_none_or(|topic| letter.origin.topic == *topic)
            && partition.is_none_or(|partition| letter.origin.partition == partition)
            && self.since_ms.is_none_or(|since| record.timestamp_ms().is_some_and(|at| at >= since))
    }
}

//! Commands that look at what the brokers hold, whether anything runs or not.

mod args;
mod audit;
mod dead_letters;
mod lag;

pub(crate) use args::{AuditArgs, DeadLettersArgs, LagArgs};
use args::{DeadLettersCommand, FilterArgs, ListArgs, RedriveArgs, ShowArgs};
pub(crate) use audit::audit;
pub(crate) use dead_letters::{dead_letters, escaped, utc};
pub(crate) use lag::lag;

//! Commands that look at what the brokers hold, whether anything runs or not.

mod args;
mod audit;
mod lag;

pub(crate) use args::{AuditArgs, LagArgs};
pub(crate) use audit::audit;
pub(crate) use lag::lag;

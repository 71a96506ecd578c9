//! What topics still hold, read without a group: nothing is committed and nobody is disturbed.

mod log;
mod progress;
mod topic;

pub(crate) use log::{Logged, read_log};
pub(crate) use progress::Progress;
pub(crate) use topic::{Past, threads};

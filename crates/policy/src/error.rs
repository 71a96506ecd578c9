//! Policies that cannot be compiled.

use thiserror::Error;

/// A policy that makes no sense, with its place in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {message}")]
pub struct PolicyError {
    /// For example `policies[2].and.and_sub_policy[0].latency.threshold_ms`.
    pub path: String,
    /// What is wrong, what was given, and what would do.
    pub message: String,
}

impl PolicyError {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

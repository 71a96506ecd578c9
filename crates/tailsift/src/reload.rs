//! Policies and redaction that are replaced while the process runs.
//!
//! A thread ([`Reloader`]) reads the configuration file again, now and then or when it is asked to
//! ([`Desk`]). It refuses all of it, or puts its rules into [`Secrets`](crate::secrets::Secrets),
//! from where each worker takes them up between two records.

mod desk;
mod reloader;
#[cfg(test)]
mod tests;

pub(crate) use desk::{Answer, Desk, Outcome, on_hangup};
#[cfg(test)]
pub(crate) use desk::{Asker, Request, Requests, Standing};
pub(crate) use reloader::Reloader;

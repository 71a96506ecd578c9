//! The names that a worker's sink and restorer share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::PolicyNames;

/// A [`PolicyNames`] for all that one worker does; its lock is never contended.
#[derive(Debug, Clone)]
pub struct SharedPolicyNames(Arc<Mutex<PolicyNames>>);

impl SharedPolicyNames {
    /// Names to be shared.
    pub fn new(names: PolicyNames) -> Self {
        Self(Arc::new(Mutex::new(names)))
    }

    /// The places of names, of which those that are new are appended; `None` of those that the
    /// table has no room for.
    pub fn intern(&self, names: &[String]) -> Vec<Option<u16>> {
        let mut table = self.lock();
        names.iter().map(|name| table.intern(name)).collect()
    }

    /// The name at a place.
    pub fn name(&self, index: u16) -> Option<String> {
        self.lock().name(index).map(str::to_owned)
    }

    /// A name is appended or is not: a panic leaves nothing half done.
    pub(crate) fn lock(&self) -> MutexGuard<'_, PolicyNames> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

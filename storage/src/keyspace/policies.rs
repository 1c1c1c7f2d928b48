//! The policies of HTTP caches, which belong to the keyspace as a whole.
//!
//! They are a list that never changes and is exchanged for another one while the gate is held alone. Who reads takes the list and
//! needs nobody any more; who only serves what is stored doesn't read it at all.
//!
//! `FLUSHALL` leaves them: they say what is to be cached, not what is. They go when another data set takes the place of this one.

use super::Keyspace;
use spinel_cache::policy::Policies;
use std::sync::{Arc, PoisonError, RwLock};

/// The list that there is now.
#[derive(Default)]
pub(super) struct Current(RwLock<Arc<Policies>>);

impl Keyspace {
    /// The policies as they are now. Costs a lock for a moment, and a counter.
    pub fn policies(&self) -> Arc<Policies> {
        Arc::clone(&self.policies.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other policies in the place of those that there are. The caller holds the gate alone.
    pub(crate) fn set_policies(&self, policies: Policies) {
        *self.policies.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policies);
    }

    /// Exchanges the policies with those of a twin. The caller has both for himself.
    pub(super) fn exchange_policies(&self, twin: &Keyspace) {
        let theirs = twin.policies();
        twin.set_policies(Policies::clone(&self.policies()));
        self.set_policies(Policies::clone(&theirs));
    }
}

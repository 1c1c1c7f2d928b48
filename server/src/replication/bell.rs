//! Who is to be woken by the next write.

use crate::clients::Client;
use std::sync::{Arc, Mutex, PoisonError};

/// Replicas that have all there is.
#[derive(Default)]
pub(super) struct Bell(Mutex<Vec<Arc<Client>>>);

impl Bell {
    /// Has a replica woken when the bell rings next.
    pub(super) fn register(&self, client: &Arc<Client>) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !idle.iter().any(|other| other.id == client.id) {
            idle.push(Arc::clone(client));
        }
    }

    /// Wakes all that are registered.
    pub(super) fn ring(&self) {
        let idle = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for client in idle {
            client.wake();
        }
    }
}

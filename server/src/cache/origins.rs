//! Origins that were asked: each has its own places, and is remembered for how it fared.

use super::origin::{Address, Origin};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// So many are remembered. Those that nobody asks any more are forgotten when there are too many.
const ORIGINS_MAX: usize = 1024;

/// The origins of all workers.
#[derive(Default)]
pub(super) struct Origins(Mutex<HashMap<Address, Arc<Origin>>>);

impl Origins {
    /// The origin at an address, which so many may ask at once; nothing while too many others are being asked.
    pub(super) fn at(&self, address: &Address, places: usize) -> Option<Arc<Origin>> {
        let mut origins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = origins.get(address) {
            return Some(Arc::clone(origin));
        }
        if origins.len() >= ORIGINS_MAX {
            origins.retain(|_, origin| Arc::strong_count(origin) > 1);
        }
        if origins.len() >= ORIGINS_MAX {
            return None;
        }
        let origin = Arc::new(Origin::new(address.clone(), places));
        origins.insert(address.clone(), Arc::clone(&origin));
        Some(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        Address { host: "h".into(), port, is_encrypted: false }
    }

    #[test]
    fn origins_are_remembered_as_long_as_there_is_room() {
        let origins = Origins::default();
        let first = origins.at(&address(1), 1).expect("there is room");
        assert!(Arc::ptr_eq(&first, &origins.at(&address(1), 1).expect("it is there")));
        let held: Vec<_> = (2..=ORIGINS_MAX as u16).map(|port| origins.at(&address(port), 1)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(origins.at(&address(0), 1).is_none(), "all are asked");
        drop(held);
        assert!(origins.at(&address(0), 1).is_some());
        assert!(Arc::ptr_eq(&first, &origins.at(&address(1), 1).expect("it is asked")));
    }
}

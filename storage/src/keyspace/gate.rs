//! The gate in front of the keyspace: many pass side by side, or one alone.
//!
//! Commands pass the shared side, which is striped: each thread counts itself in and out on its own cache
//! line. Whoever needs the whole keyspace takes the exclusive side: it stops newcomers and waits until every
//! stripe is empty.
//!
//! The order that makes it right: a newcomer counts itself in, then looks for an exclusive holder; an
//! exclusive holder announces itself, then looks at the counts. With sequentially consistent operations at
//! least one of the two sees the other.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const STRIPES: usize = 64;

#[repr(align(128))]
#[derive(Default)]
struct Stripe(AtomicU32);

/// A reader-writer gate whose shared side costs one uncontended atomic operation each way.
pub struct Gate {
    stripes: [Stripe; STRIPES],
    is_closed: AtomicBool,
    exclusive: Mutex<()>,
}

/// Permission to use the keyspace beside others.
pub struct Shared<'a> {
    stripe: &'a AtomicU32,
}

/// Permission to use the keyspace alone.
pub struct Exclusive<'a> {
    gate: &'a Gate,
    _holder: MutexGuard<'a, ()>,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate {
            stripes: std::array::from_fn(|_| Stripe::default()),
            is_closed: AtomicBool::new(false),
            exclusive: Mutex::new(()),
        }
    }
}

impl Gate {
    /// Passes beside others; waits while somebody is alone inside. Threads should use different stripes.
    #[inline]
    pub fn shared(&self, stripe: usize) -> Shared<'_> {
        let stripe = &self.stripes[stripe % STRIPES].0;
        loop {
            stripe.fetch_add(1, Ordering::SeqCst);
            if !self.is_closed.load(Ordering::SeqCst) {
                return Shared { stripe };
            }
            stripe.fetch_sub(1, Ordering::SeqCst);
            drop(self.exclusive.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Waits until everybody has left and passes alone. The calling thread must hold no shared permission.
    pub fn exclusive(&self) -> Exclusive<'_> {
        let holder = self.exclusive.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_closed.store(true, Ordering::SeqCst);
        for stripe in &self.stripes {
            let mut spins = 0_u32;
            while stripe.0.load(Ordering::SeqCst) != 0 {
                spins += 1;
                if spins < 64 { std::hint::spin_loop() } else { std::thread::yield_now() }
            }
        }
        Exclusive { gate: self, _holder: holder }
    }
}

impl Drop for Shared<'_> {
    fn drop(&mut self) {
        self.stripe.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        self.gate.is_closed.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn nobody_is_inside_beside_an_exclusive_holder() {
        let (gate, counter) = (Gate::default(), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for stripe in 0..3 {
                let (gate, counter) = (&gate, &counter);
                scope.spawn(move || {
                    for _ in 0..5_000 {
                        let _inside = gate.shared(stripe);
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            for _ in 0..300 {
                let _alone = gate.exclusive();
                let before = counter.load(Ordering::Relaxed);
                std::hint::black_box(before);
                assert_eq!(counter.load(Ordering::Relaxed), before);
            }
        });
        assert_eq!(counter.load(Ordering::Relaxed), 15_000);
    }
}

//! The gate in front of the keyspace: many pass side by side, or one alone.
//!
//! Commands pass the shared side, which is striped: each thread counts itself in and out on its own cache
//! line. Whoever needs the whole keyspace takes the exclusive side: it stops newcomers and waits until every
//! stripe is empty.
//!
//! Whoever is alone inside for long may say so: those who don't want to wait for that are sent away then, and learn
//! why.
//!
//! The order that makes it right: a newcomer counts itself in, then looks for an exclusive holder; an
//! exclusive holder announces itself, then looks at the counts. With sequentially consistent operations at
//! least one of the two sees the other.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

const STRIPES: usize = 64;

#[repr(align(128))]
#[derive(Default)]
struct Stripe(AtomicU32);

/// A reader-writer gate whose shared side costs one uncontended atomic operation each way.
pub struct Gate {
    stripes: [Stripe; STRIPES],
    /// A bit for each stripe that is used: whoever wants to be alone looks at these only.
    used: AtomicU64,
    is_closed: AtomicBool,
    alone: Mutex<Alone>,
    /// Somebody has left the exclusive side, or said that he stays for long.
    news: Condvar,
}

/// Whether somebody is alone inside.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Alone {
    #[default]
    Nobody,
    Somebody,
    /// And for long.
    Busy(Reason),
}

/// Why somebody is alone inside for long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// A script runs.
    Script,
    /// A data set is loaded: what is there is not whole.
    Load,
}

/// Permission to use the keyspace beside others.
pub struct Shared<'a> {
    stripe: &'a AtomicU32,
    /// Whether somebody was alone inside before.
    pub(crate) has_waited: bool,
}

/// Permission to use the keyspace alone.
pub struct Exclusive<'a> {
    gate: &'a Gate,
    /// Whether the others may come in when it ends: not if it is part of a longer stay.
    opens: bool,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate {
            stripes: std::array::from_fn(|_| Stripe::default()),
            used: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            alone: Mutex::default(),
            news: Condvar::new(),
        }
    }
}

impl Gate {
    /// Makes a stripe known. Threads should use different ones. A thread that comes when somebody has looked at the
    /// stripes already finds the gate closed.
    pub(crate) fn use_stripe(&self, stripe: usize) {
        self.used.fetch_or(1 << (stripe % STRIPES), Ordering::SeqCst);
    }

    /// Passes beside others; waits while somebody is alone inside. The stripe was made known.
    #[inline]
    pub fn shared(&self, stripe: usize) -> Shared<'_> {
        let mut has_waited = false;
        loop {
            if let Some(mut shared) = self.try_shared(stripe) {
                shared.has_waited = has_waited;
                return shared;
            }
            has_waited = true;
            let is_held = |alone: &mut Alone| *alone != Alone::Nobody;
            drop(self.news.wait_while(self.alone(), is_held).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// As [`shared`](Gate::shared), but does not wait for who stays alone inside for long.
    #[inline]
    pub fn shared_unless_busy(&self, stripe: usize) -> Result<Shared<'_>, Reason> {
        let mut has_waited = false;
        loop {
            if let Some(mut shared) = self.try_shared(stripe) {
                shared.has_waited = has_waited;
                return Ok(shared);
            }
            has_waited = true;
            let is_brief = |alone: &mut Alone| *alone == Alone::Somebody;
            let alone = self.news.wait_while(self.alone(), is_brief).unwrap_or_else(PoisonError::into_inner);
            if let Alone::Busy(reason) = *alone {
                return Err(reason);
            }
        }
    }

    #[inline]
    fn try_shared(&self, stripe: usize) -> Option<Shared<'_>> {
        debug_assert!(
            self.used.load(Ordering::SeqCst) & 1 << (stripe % STRIPES) != 0,
            "nobody would look at it"
        );
        let stripe = &self.stripes[stripe % STRIPES].0;
        stripe.fetch_add(1, Ordering::SeqCst);
        if self.is_closed.load(Ordering::SeqCst) {
            stripe.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        Some(Shared { stripe, has_waited: false })
    }

    /// Waits until everybody has left and passes alone. The calling thread must hold no shared permission.
    pub fn exclusive(&self) -> Exclusive<'_> {
        let is_held = |alone: &mut Alone| *alone != Alone::Nobody;
        let mut alone = self.news.wait_while(self.alone(), is_held).unwrap_or_else(PoisonError::into_inner);
        *alone = Alone::Somebody;
        drop(alone);
        self.is_closed.store(true, Ordering::SeqCst);
        let mut used = self.used.load(Ordering::SeqCst);
        while used != 0 {
            let stripe = &self.stripes[used.trailing_zeros() as usize];
            used &= used - 1;
            let mut spins = 0_u32;
            while stripe.0.load(Ordering::SeqCst) != 0 {
                spins += 1;
                if spins < 64 { std::hint::spin_loop() } else { std::thread::yield_now() }
            }
        }
        Exclusive { gate: self, opens: true }
    }

    /// Says that who is alone inside stays for long.
    pub(crate) fn set_busy(&self, reason: Reason) {
        *self.alone() = Alone::Busy(reason);
        self.news.notify_all();
    }

    /// The permission of who is alone inside and kept it in another way.
    pub(crate) fn take_up(&self) -> Exclusive<'_> {
        debug_assert!(self.is_closed.load(Ordering::SeqCst));
        Exclusive { gate: self, opens: true }
    }

    /// A permission within that of who is alone inside.
    pub(crate) fn nested(&self) -> Exclusive<'_> {
        debug_assert!(self.is_closed.load(Ordering::SeqCst));
        Exclusive { gate: self, opens: false }
    }

    fn alone(&self) -> MutexGuard<'_, Alone> {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Exclusive<'a> {
    /// Lets the others in again, and stays beside them: nobody else is alone inside in between. The stripe was made known.
    pub(crate) fn share(self, stripe: usize) -> Shared<'a> {
        let stripe = &self.gate.stripes[stripe % STRIPES].0;
        // Before the gate opens, so that who closes it next waits for this one.
        stripe.fetch_add(1, Ordering::SeqCst);
        Shared { stripe, has_waited: false }
    }

    /// Stays alone inside without holding on to the gate; [`Gate::take_up`] gives the permission back.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Shared<'_> {
    fn drop(&mut self) {
        self.stripe.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        if !self.opens {
            return;
        }
        self.gate.is_closed.store(false, Ordering::SeqCst);
        *self.gate.alone() = Alone::Nobody;
        self.gate.news.notify_all();
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
                gate.use_stripe(stripe);
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

    #[test]
    fn who_stops_being_alone_stays_inside() {
        let (gate, steps) = (Gate::default(), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for stripe in 0..2 {
                gate.use_stripe(stripe);
                let (gate, steps) = (&gate, &steps);
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        let alone = gate.exclusive();
                        assert!(
                            steps.fetch_add(1, Ordering::Relaxed).is_multiple_of(2),
                            "somebody is half done"
                        );
                        let _beside = alone.share(stripe);
                        steps.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(steps.load(Ordering::Relaxed), 8_000);
    }

    #[test]
    fn who_does_not_want_to_wait_long_is_sent_away() {
        let gate = Gate::default();
        gate.use_stripe(0);
        let alone = gate.exclusive();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.shared_unless_busy(0).err());
            gate.set_busy(Reason::Load);
            assert_eq!(waiting.join().expect("it does not panic"), Some(Reason::Load));
        });
        alone.keep();
        drop(gate.nested());
        assert!(gate.shared_unless_busy(0).is_err());
        drop(gate.take_up());
        assert!(gate.shared_unless_busy(0).is_ok());
    }
}

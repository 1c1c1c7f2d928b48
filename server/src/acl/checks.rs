//! Checking passwords whose hashes take long to compute, on threads of their own.
//!
//! Whoever reaches the port may ask for it. So few are checked at a time, which bounds memory; few wait, of one host even fewer,
//! so that no host keeps all others out; and who is gone is passed over.

use super::slow::{PASSWORD_BYTES_MAX, SlowPassword};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::sync::oneshot::{Receiver, Sender, channel};

/// How many may wait.
const WAITING_MAX: usize = 256;
/// How many of one host may.
const OF_HOST_MAX: usize = 32;
/// The largest number of threads, each of which needs up to 64 MiB while it checks.
const THREADS_MAX: usize = 4;

/// The hash that the password has, if it has one of them.
pub(crate) type Verdict = Option<Arc<SlowPassword>>;

/// Too many are waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Busy;

/// What is to be checked.
#[derive(Clone, Default)]
pub(crate) struct Checks(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Check>,
    /// How many wait of each host.
    of_host: HashMap<Box<str>, usize>,
    threads: usize,
}

struct Check {
    host: Box<str>,
    password: Box<[u8]>,
    hashes: Vec<Arc<SlowPassword>>,
    answer: Sender<Verdict>,
}

impl Checks {
    /// Has it checked which of these hashes a password has. Without any, that takes as long as with one.
    pub(crate) fn begin(
        &self,
        host: &str,
        password: &[u8],
        mut hashes: Vec<Arc<SlowPassword>>,
    ) -> Result<Receiver<Verdict>, Busy> {
        // What nobody's password is may be larger than what is kept while it waits.
        let password = password.get(..=PASSWORD_BYTES_MAX).unwrap_or(password);
        if password.len() > PASSWORD_BYTES_MAX {
            hashes.clear();
        }
        if hashes.is_empty() {
            hashes.push(Arc::new(SlowPassword::nobodys()));
        }
        let (answer, verdict) = channel();
        let mut queue = self.lock();
        queue.add(Check { host: host.into(), password: password.into(), hashes, answer })?;
        if queue.threads < *THREADS {
            let checks = self.clone();
            let started = thread::Builder::new().name("passwords".to_owned()).spawn(move || checks.run());
            match started {
                Ok(_) => queue.threads += 1,
                // Another thread gets to it.
                Err(_) if queue.threads > 0 => {}
                Err(_) => {
                    queue.take();
                    return Err(Busy);
                }
            }
        }
        Ok(verdict)
    }

    /// Checks what waits, until nothing does.
    fn run(&self) {
        loop {
            let mut queue = self.lock();
            let Some(check) = queue.take() else {
                queue.threads -= 1;
                return;
            };
            drop(queue);
            // Who has gone needs no answer.
            if !check.answer.is_closed() {
                let found = check.hashes.into_iter().find(|hash| hash.is_of(&check.password));
                let _ = check.answer.send(found);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn add(&mut self, check: Check) -> Result<(), Busy> {
        let of_host = self.of_host.get(&check.host).copied().unwrap_or(0);
        if self.waiting.len() >= WAITING_MAX || of_host >= OF_HOST_MAX {
            return Err(Busy);
        }
        self.of_host.insert(check.host.clone(), of_host + 1);
        self.waiting.push_back(check);
        Ok(())
    }

    fn take(&mut self) -> Option<Check> {
        let check = self.waiting.pop_front()?;
        if let Some(count) = self.of_host.get_mut(&check.host) {
            *count -= 1;
            if *count == 0 {
                self.of_host.remove(&check.host);
            }
        }
        Some(check)
    }
}

/// Half of the cores, so that the others serve.
static THREADS: LazyLock<usize> =
    LazyLock::new(|| (thread::available_parallelism().map_or(1, usize::from) / 2).clamp(1, THREADS_MAX));

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str) -> Check {
        Check { host: host.into(), password: Box::default(), hashes: Vec::new(), answer: channel().0 }
    }

    #[test]
    fn few_wait_and_fewer_of_one_host() {
        let mut queue = Queue::default();
        let added = (0..OF_HOST_MAX + 5).filter(|_| queue.add(check("a")).is_ok()).count();
        assert_eq!(added, OF_HOST_MAX);
        let added = (0..WAITING_MAX).filter(|number| queue.add(check(&number.to_string())).is_ok()).count();
        assert_eq!(added, WAITING_MAX - OF_HOST_MAX);
        assert!(queue.take().is_some_and(|first| *first.host == *"a"));
        assert_eq!(queue.add(check("a")), Ok(()));
        while queue.take().is_some() {}
        assert!(queue.of_host.is_empty());
    }

    #[test]
    fn the_hash_that_fits_is_found_and_threads_end() {
        let checks = Checks::default();
        let hash = |password: &[u8]| Arc::new(SlowPassword::of(password).expect("there is memory"));
        let hashes = vec![hash(b"one"), hash(b"two")];
        let ask = |password: &[u8], hashes| {
            let verdict = checks.begin("a", password, hashes).expect("nobody waits");
            verdict.blocking_recv().expect("it is answered")
        };
        assert_eq!(ask(b"two", hashes.clone()), Some(Arc::clone(&hashes[1])));
        assert_eq!(ask(b"three", hashes), None);
        assert_eq!(ask(b"", Vec::new()), None);
        while checks.lock().threads > 0 {
            thread::yield_now();
        }
    }
}

//! The thread that asks the server, so that keys are obeyed while it takes its time.

use super::Event;
use super::sample::{Sample, Wish};
use crate::session::Session;
use std::sync::mpsc::{self, Sender};
use std::thread;

/// Asks when it is told to.
pub(super) struct Watcher(Sender<Wish>);

impl Watcher {
    /// Starts the thread, which tells what it has found. A connection that was lost is made again with the next look.
    pub(super) fn start(mut session: Session, tell: Sender<Event>) -> Self {
        let (wishes, wished) = mpsc::channel::<Wish>();
        thread::spawn(move || {
            for wish in wished {
                let outcome = Sample::take(&mut session, wish);
                if tell.send(Event::Looked(Box::new(outcome))).is_err() {
                    return;
                }
            }
        });
        Self(wishes)
    }

    /// Makes it look once.
    pub(super) fn look(&self, wish: Wish) {
        // The thread ends only with the program.
        let _ = self.0.send(wish);
    }
}

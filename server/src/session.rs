//! A client's session: which database, which protocol, and how a batch of requests runs.

use crate::commands::HostCall;
use crate::server::{Shared, now};
use spinel_resp::{Batch, Protocol, ReplyWriter};
use spinel_storage::command::args::Args;
use spinel_storage::engine::{Outcome, Prepared, Setting, Turn};
use spinel_storage::{DbIndex, Error, Executor};

/// What happens to the connection after a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    Continue,
    Close,
    /// Nothing more is read or replied: the server is stopping and will close it.
    Stay,
}

/// Commands that are looked up and prefetched together before they run.
const WINDOW: usize = 32;

/// The state of one client.
pub(crate) struct Session {
    pub(crate) db: DbIndex,
    pub(crate) protocol: Protocol,
    pub(crate) flow: Flow,
}

impl Session {
    pub(crate) fn new() -> Session {
        Session { db: DbIndex(0), protocol: Protocol::Resp2, flow: Flow::Continue }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Runs the requests of a batch, in windows: first all commands are looked up and their buckets
    /// prefetched, then their entries, then they run. What is needed next is under way meanwhile.
    pub(crate) fn run(
        &mut self,
        input: &[u8],
        batch: &Batch,
        executor: &mut Executor,
        reply: &mut ReplyWriter,
        shared: &Shared,
    ) -> Flow {
        let mut words: Vec<&[u8]> = Vec::with_capacity(4 * batch.len().min(WINDOW));
        let mut window: Vec<(usize, Result<Prepared, Error>)> = Vec::with_capacity(batch.len().min(WINDOW));
        let mut turn = executor.begin(now());
        let mut next = 0;
        while next < batch.len() && self.flow == Flow::Continue {
            let end = batch.len().min(next + WINDOW);
            words.clear();
            window.clear();
            for index in next..end {
                let start = words.len();
                words.extend(batch.request(index, input).iter());
                let prepared = shared.engine.prepare(&words[start..]);
                if let (Ok(prepared), true) = (&prepared, end - next > 1) {
                    shared.engine.prefetch_bucket(prepared, self.db);
                }
                window.push((words.len(), prepared));
            }
            if window.len() > 1 {
                for (_, prepared) in &window {
                    if let Ok(prepared) = prepared {
                        shared.engine.prefetch_entry(prepared, self.db);
                    }
                }
            }
            let mut start = 0;
            for (end, prepared) in window.drain(..) {
                match prepared {
                    Ok(prepared) => self.execute(&prepared, &words[start..end], &mut turn, reply, shared),
                    Err(error) => reply.error(&error.text()),
                }
                start = end;
                if self.flow != Flow::Continue {
                    break;
                }
            }
            next = end;
        }
        self.flow
    }

    #[inline]
    fn execute(
        &mut self,
        prepared: &Prepared,
        words: &[&[u8]],
        turn: &mut Turn<'_>,
        reply: &mut ReplyWriter,
        shared: &Shared,
    ) {
        let setting = Setting { db: self.db, is_untouching: false };
        match turn.execute(prepared, setting, words, reply) {
            Outcome::Done | Outcome::Failed(_) => {}
            Outcome::ForHost => self.execute_host(prepared, words, reply, shared),
        }
    }

    fn execute_host(
        &mut self,
        prepared: &Prepared,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
        shared: &Shared,
    ) {
        let handler = shared.host_handler(prepared.id).expect("every host command has a handler");
        let position = reply.position();
        let mut call = HostCall { args: Args::new(words, 1), session: self, reply, shared };
        if let Err(error) = handler(&mut call) {
            call.reply.truncate(position);
            call.reply.error(&error.text());
        }
    }
}

//! A client's session: which database, which protocol, and how a batch of requests runs.

use crate::commands::HostCall;
use crate::server::{Shared, now};
use crate::window::Window;
use spinel_resp::{Batch, Protocol, ReplyWriter};
use spinel_storage::command::args::Args;
use spinel_storage::engine::{HoldIndex, Holds, Outcome, Prepared, Setting, Turn};
use spinel_storage::{DbIndex, Executor};

/// What happens to the connection after a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    Continue,
    Close,
    /// Nothing more is read or replied: the server is stopping and will close it.
    Stay,
}

/// The state of one client.
pub(crate) struct Session {
    pub(crate) db: DbIndex,
    pub(crate) protocol: Protocol,
    pub(crate) flow: Flow,
    /// Whether the client is on this machine.
    pub(crate) is_local: bool,
}

impl Session {
    pub(crate) fn new(is_local: bool) -> Session {
        Session { db: DbIndex(0), protocol: Protocol::Resp2, flow: Flow::Continue, is_local }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Runs the requests of a batch, window by window.
    pub(crate) fn run(
        &mut self,
        input: &[u8],
        batch: &Batch,
        executor: &mut Executor,
        reply: &mut ReplyWriter,
        shared: &Shared,
    ) -> Flow {
        let mut turn = executor.begin(now());
        let mut window = Window::for_batch(batch.len());
        let mut next = 0;
        while next < batch.len() && self.flow == Flow::Continue {
            window.fill(batch, next, input, (&turn, self.db), shared);
            for index in 0..window.len() {
                let (request, words, holds) = window.request(index);
                match &request.prepared {
                    Ok(prepared) => {
                        self.execute(prepared, (holds, request.hold), words, &mut turn, reply, shared)
                    }
                    Err(error) => reply.error(&error.text()),
                }
                if self.flow != Flow::Continue {
                    break;
                }
            }
            next += window.len();
            window.holds.release();
        }
        self.flow
    }

    #[inline]
    fn execute<'e>(
        &mut self,
        prepared: &Prepared,
        (holds, hold): (&mut Holds<'e>, Option<HoldIndex>),
        words: &[&[u8]],
        turn: &mut Turn<'e>,
        reply: &mut ReplyWriter,
        shared: &Shared,
    ) {
        let setting = Setting { db: self.db, is_untouching: false };
        let outcome = match hold {
            Some(hold) => turn.execute_held(prepared, (holds, hold), setting, words, reply),
            None => {
                holds.release();
                turn.execute(prepared, setting, words, reply)
            }
        };
        match outcome {
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
        let command = shared.engine.table().row(prepared.id).command;
        let arguments_at = if command.container().is_some() { 2 } else { 1 };
        let mut call = HostCall { args: Args::new(words, arguments_at), session: self, reply, shared };
        if let Err(error) = handler(&mut call) {
            call.reply.truncate(position);
            call.reply.error(&error.text());
        }
    }
}

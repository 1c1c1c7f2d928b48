//! A client's session: which database, which protocol, and how a batch of requests runs.

use crate::acl::Identity;
use crate::admission::{Entrance, ReplyMode};
use crate::attention::Concern;
use crate::cache::Question;
use crate::clients::Client;
use crate::commands::scripting::SuspendedScript;
use crate::commands::{Handler, HostCall, HostHandler, InTurn, Login};
use crate::config::table;
use crate::hotkeys;
use crate::memory_limit;
use crate::monitors::Moment;
use crate::observation::{By, Called, HEAVY_BYTES, Late};
use crate::pubsub::Listener;
use crate::quorum::{Debt, Quorum};
use crate::quotas;
use crate::replication::{Introduction, Sender};
use crate::server::{Shared, now};
use crate::statistics::Meter;
use crate::tracking::SessionTracking;
use crate::transaction::Transactions;
use crate::window::{Last, Request, Requests, Shelf, Window, Writes};
use spinel_replication::Asked;
use spinel_resp::{Batch, Protocol, ReplyWriter};
use spinel_storage::command::args::Args;
use spinel_storage::command::table::CommandId;
use spinel_storage::engine::wait::{Otherwise, Served, Waiter};
use spinel_storage::engine::{Author, Claim, Outcome, Patience, Prepared, Setting, Turn};
use spinel_storage::{DbIndex, Error, Executor, UnixMillis};
use std::sync::Arc;
use std::time::Duration;

/// What happens to the connection after a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    Continue,
    Close,
    /// At once, without the replies so far.
    Drop,
    /// The same, because the replies are larger than the client may leave unread.
    Overflow,
    /// The requests from [`Session::done`] on have to wait for what [`Session::hold`] says.
    Hold,
    /// The requests from [`Session::done`] on run after the replies so far are sent, as far as the client takes them.
    Again,
}

/// What requests have to wait for.
pub(crate) enum Hold {
    /// The end of CLIENT PAUSE.
    Pause,
    /// The end of a penalty. The replies so far wait for it, too.
    Penalty(Duration),
    /// A script that takes too long. It has a slice of time now and then.
    Script(Box<SuspendedScript>),
    /// A password that takes long to check.
    Login(Box<Login>),
    /// The reply to a command that waits; and what the client wants of it.
    Reply(Arc<Waiter>, ReplyMode),
    /// The same of a command that is being run beside others.
    Errand(Arc<Waiter>, ReplyMode),
    /// The same of what an origin has to be asked for.
    Origin(Box<Question>, Arc<Waiter>, ReplyMode),
}

impl Hold {
    /// Whether the reply to the command that made the session wait comes later.
    fn owes_reply(&self) -> bool {
        let is_brought = matches!(self, Hold::Reply(..) | Hold::Errand(..) | Hold::Origin(..));
        is_brought || matches!(self, Hold::Script(_) | Hold::Login(_))
    }
}

/// Replies of a batch beyond this many bytes are sent before it goes on, so that many requests for large values
/// don't fill the memory with what the client may never read.
const REPLY_BYTES_PER_ROUND: usize = 1 << 20;

/// What commands leave behind: replies, and counts.
pub(crate) struct Output<'o> {
    pub(crate) reply: &'o mut ReplyWriter,
    pub(crate) meter: &'o mut Meter,
}

/// The state of one client.
pub(crate) struct Session {
    pub(crate) db: DbIndex,
    pub(crate) protocol: Protocol,
    pub(crate) flow: Flow,
    /// Whether the client is on this machine.
    pub(crate) is_local: bool,
    pub(crate) client: Arc<Client>,
    pub(crate) reply_mode: ReplyMode,
    /// What the client listens to, if anything.
    pub(crate) listener: Option<Box<Listener>>,
    /// How the client is told of changes to what it has read, if it is.
    pub(crate) tracking: Option<Box<SessionTracking>>,
    /// What a held session waits for.
    pub(crate) hold: Hold,
    /// What it has said of itself as a replica that it wants to be.
    pub(crate) introduction: Option<Box<Introduction>>,
    /// What it is sent, if it is a replica.
    pub(crate) replica: Option<Box<Sender>>,
    /// What it asks for as a replica once the server has taken its place as the primary.
    pub(crate) successor: Option<Asked>,
    /// The reply of the command that waited; due when the wait is over.
    pub(crate) owed: Option<Served>,
    pub(crate) transactions: Transactions,
    /// How many requests of the batch are done with.
    pub(crate) done: usize,
    pub(crate) entrance: Entrance,
    /// Who the client acts as.
    pub(crate) identity: Identity,
    /// Whether reads leave access times alone.
    pub(crate) is_untouching: bool,
    /// Whether `enable-debug-command` allows the client DEBUG.
    pub(crate) may_debug: bool,
    /// The command that was called last, if there is one of that name.
    pub(crate) last: Option<CommandId>,
    /// The command that waits for its reply, if it is to be looked at then.
    pub(crate) late: Option<Box<Late>>,
    /// How many replicas are to have what the client writes, as far as it asks for them by itself.
    pub(crate) own_quorum: Quorum,
    /// What has to be acknowledged of a batch; there is none before something had to be.
    pub(crate) debt: Option<Box<Debt>>,
}

impl Session {
    pub(crate) fn new(client: Arc<Client>, is_local: bool, shared: &Shared) -> Session {
        Session {
            db: DbIndex(0),
            protocol: Protocol::Resp2,
            flow: Flow::Continue,
            is_local,
            identity: Identity::new(client.account()),
            client,
            reply_mode: ReplyMode::All,
            listener: None,
            tracking: None,
            hold: Hold::Pause,
            introduction: None,
            replica: None,
            successor: None,
            owed: None,
            transactions: Transactions::default(),
            done: 0,
            entrance: Entrance::of(&shared.acl),
            is_untouching: false,
            may_debug: shared.config.allows(table::ENABLE_DEBUG_COMMAND, is_local),
            last: None,
            late: None,
            own_quorum: Quorum::NONE,
            debt: None,
        }
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
        output: &mut Output<'_>,
        (shelf, shared): (&mut Shelf, &Shared),
    ) -> Flow {
        let mut words = shelf.take_words();
        batch.all_words(input, &mut words);
        let requests = Requests { batch, words: &words };
        self.flow = Flow::Continue;
        let Some(mut turn) = executor.enter(now()) else {
            output.meter.note_wait();
            return self.run_while_busy(&requests, output, shared);
        };
        if turn.has_waited() {
            output.meter.note_wait();
        }
        let mut window = Window::new(shelf);
        let mut next = 0;
        while next < requests.len() && self.flow == Flow::Continue {
            if output.reply.len() > REPLY_BYTES_PER_ROUND {
                self.flow = Flow::Again;
                break;
            }
            if shared.attention.has(Concern::Growth) {
                memory_limit::make_room(shared, &mut turn);
                quotas::look_if_due(shared);
            }
            if turn.is_outside() || self.is_guarded(shared, turn.now()) {
                next += usize::from(self.run_guarded(requests.get(next), &mut turn, shared, output));
                continue;
            }
            let writes = if shared.upstream.refuses_writes() { Writes::Refused } else { Writes::Run };
            window.fill(&requests, next, (&turn, self.db), (&shared.engine, writes));
            next += self.run_window(&mut window, &mut turn, shared, output);
        }
        if let Some(nanoseconds) = output.meter.time_alone()
            && self.flow != Flow::Hold
            && let Some(id) = self.last
        {
            let called = Called { id, words: requests.get(0), by: By::Client };
            self.look_at(called, (nanoseconds, output.reply.len()), output.meter, shared);
        }
        shelf.keep_window(window);
        shelf.keep_words(words);
        self.done = next;
        self.client.observe(turn.now(), self.db.0, self.protocol, self.last);
        shared.pubsub.end_round();
        self.flow
    }

    /// Runs the requests of a window, and returns how many: not those behind as many replies as a round may have.
    #[inline(never)]
    fn run_window<'e>(
        &mut self,
        window: &mut Window<'_, 'e>,
        turn: &mut Turn<'e>,
        shared: &Shared,
        output: &mut Output<'_>,
    ) -> usize {
        let setting = self.setting();
        let Output { reply, meter } = output;
        let mut ran = 0;
        for (prepared, requests) in window.ready.runs() {
            let id = prepared.id;
            let is_brief = meter.is_brief(id);
            let (run_at, first) = (reply.position(), ran);
            for Request { words, hold } in requests {
                let mark = (!is_brief).then(|| (reply.position(), meter.start()));
                let result = turn.execute_held(prepared, (&mut window.holds, *hold), setting, words, reply);
                if let Some((call_at, mark)) = mark {
                    let nanoseconds = meter.stop(id, mark);
                    let called = Called { id, words, by: By::Client };
                    self.observe(called, (nanoseconds, reply.position() - call_at), meter, shared);
                }
                if let Err(error) = result {
                    meter.count_failure(id, &error);
                }
                ran += 1;
                if reply.len() > REPLY_BYTES_PER_ROUND || turn.has_left_something() {
                    window.last = None;
                    break;
                }
            }
            if is_brief {
                let requests = &requests[..ran - first];
                meter.count(id, requests.len());
                if reply.position() - run_at >= HEAVY_BYTES {
                    let by = By::Client;
                    let calls = requests.iter().map(|request| Called { id, words: request.words, by });
                    self.look_at_run(calls, &reply.bytes()[run_at..], meter, shared);
                }
            }
            if shared.attention.has(Concern::Quorum) {
                self.note_write(id, requests[0].words, self.db, shared);
                self.note_reply(run_at..reply.position());
            }
            self.last = Some(id);
            if reply.len() > REPLY_BYTES_PER_ROUND || turn.has_left_something() {
                break;
            }
        }
        turn.release_holds(&mut window.holds);
        if let Some(waiter) = turn.go_on_beside(setting, reply) {
            self.wait_for(waiter);
        }
        if meter.sampler.pass(ran) {
            self.sample_window(&window.ready, ran, (meter, turn.now()), shared);
        }
        let Some(Last { words, prepared }) = window.last.take() else { return ran };
        match prepared {
            Ok(prepared) => self.execute(&prepared, words, turn, shared, output),
            Err(error) => self.refuse(&error, words, shared, output),
        }
        ran + 1
    }

    pub(crate) fn setting(&self) -> Setting {
        Setting {
            db: self.db,
            is_untouching: self.is_untouching,
            allows_guarded: self.may_debug,
            author: Author { client: self.client.id, is_script: false },
            patience: Patience::Waits,
            tells_reads: self.notes_reads(),
        }
    }

    /// Runs a command that waits for its locks, or one of the host. The thread holds no shard.
    pub(crate) fn execute(
        &mut self,
        prepared: &Prepared,
        words: &[&[u8]],
        turn: &mut Turn<'_>,
        shared: &Shared,
        output: &mut Output<'_>,
    ) {
        let Output { reply, meter } = output;
        self.last = Some(prepared.id);
        self.note_coming_reads(prepared.id, words, turn, shared);
        let called = Called { id: prepared.id, words, by: By::Client };
        self.audit(called, shared);
        self.show_to_monitors(called, self.db, Moment::Before, shared);
        let call_at = reply.position();
        let measured =
            meter.measure(prepared.id, |meter| match turn.execute(prepared, self.setting(), words, reply) {
                Outcome::Done => None,
                Outcome::Failed(error) => Some(error),
                Outcome::ForHost => {
                    self.execute_host(prepared.id, words, (turn, None), shared, Output { reply, meter })
                }
                Outcome::Waiting(waiter) => {
                    self.wait_for(waiter);
                    None
                }
            });
        hotkeys::sample(called, (self.db, turn.now()), meter, shared);
        self.show_to_monitors(called, self.db, Moment::After, shared);
        if self.flow == Flow::Hold && self.hold.owes_reply() {
            self.observe_later(called, measured.nanoseconds, meter, shared);
        } else {
            if shared.attention.has(Concern::Quorum) {
                self.note_write(prepared.id, words, self.db, shared);
                self.note_reply(call_at..reply.position());
            }
            let reply_bytes = reply.position().saturating_sub(call_at);
            self.observe(called, (measured.nanoseconds, reply_bytes), meter, shared);
        }
    }

    /// Lets the requests after this one wait until somebody has served it.
    pub(crate) fn wait_for(&mut self, waiter: Arc<Waiter>) {
        let hold = if waiter.is_for_errand() { Hold::Errand } else { Hold::Reply };
        self.hold = hold(waiter, self.reply_mode);
        self.flow = Flow::Hold;
    }

    /// Lets the requests after this one wait until an origin has been asked, or the client does not want to know any more.
    pub(crate) fn ask_origin(&mut self, question: Question, shared: &Shared) {
        let waiter = shared.engine.wait_idly(self.protocol, None, Otherwise::Null);
        self.hold = Hold::Origin(Box::new(question), waiter, self.reply_mode);
        self.flow = Flow::Hold;
    }

    /// Notes what became of the command that waited.
    pub(crate) fn note_late(&mut self, served: &Served, meter: &Meter, shared: &Shared) {
        self.observe_late(served.reply.len(), shared);
        if let (Some(error), Some(id)) = (&served.failure, self.last) {
            meter.count_failure(id, error);
        }
    }

    /// Gives back what the engine keeps for the session, which ends; whether that was possible, as it is not while a
    /// script takes too long.
    pub(crate) fn let_go(&mut self, executor: &mut Executor) -> bool {
        if self.transactions.watch.is_empty() {
            return true;
        }
        let turn = executor.try_begin(now());
        turn.map(|turn| turn.unwatch(&mut self.transactions.watch)).is_some()
    }

    /// Runs a command of the host and returns the error that it replied.
    pub(crate) fn execute_host<'e>(
        &mut self,
        id: CommandId,
        words: &[&[u8]],
        (turn, claim): (&mut Turn<'e>, Option<&mut Claim<'e>>),
        shared: &Shared,
        Output { reply, meter }: Output<'_>,
    ) -> Option<Error> {
        let handler = match shared.host_handler(id).expect("every host command has a handler") {
            Handler::Host(handler) => {
                return self.call_host(handler, (id, turn.now()), words, shared, Output { reply, meter });
            }
            Handler::InTurn(handler) => handler,
        };
        let watch = shared.telemetry.watch(shared.engine.table().row(id).command);
        let (position, args) = self.begin_host((id, turn.now()), words, shared, reply);
        let session = &mut *self;
        let result = handler(&mut InTurn { args, session, turn, claim, reply, meter, shared });
        watch.end(result.is_err());
        end_host(result, position, reply)
    }

    /// Runs a command of the host that does not use the keyspace itself, and returns the error that it replied.
    pub(crate) fn call_host(
        &mut self,
        handler: HostHandler,
        (id, now): (CommandId, UnixMillis),
        words: &[&[u8]],
        shared: &Shared,
        Output { reply, .. }: Output<'_>,
    ) -> Option<Error> {
        let watch = shared.telemetry.watch(shared.engine.table().row(id).command);
        let (position, args) = self.begin_host((id, now), words, shared, reply);
        let result = handler(&mut HostCall { args, session: self, reply, shared });
        watch.end(result.is_err());
        end_host(result, position, reply)
    }

    fn begin_host<'w>(
        &self,
        (id, now): (CommandId, UnixMillis),
        words: &'w [&'w [u8]],
        shared: &Shared,
        reply: &ReplyWriter,
    ) -> (usize, Args<'w>) {
        let arguments_at = usize::from(shared.engine.table().row(id).name_words_in(words));
        self.client.observe(now, self.db.0, self.protocol, Some(id));
        (reply.position(), Args::new(words, arguments_at))
    }
}

/// Replaces what a command of the host replied before it failed.
fn end_host(result: Result<(), Error>, position: usize, reply: &mut ReplyWriter) -> Option<Error> {
    let error = result.err()?;
    reply.truncate(position);
    reply.error_bytes(&error.bytes());
    Some(error)
}

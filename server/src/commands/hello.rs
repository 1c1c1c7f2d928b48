//! HELLO and AUTH: which protocol, and who.

use super::HostCall;
use super::client::checked_name;
use crate::acl::{Busy, DEFAULT, Password, Verdict};
use crate::admission::ReplyMode;
use crate::audit::Means;
use crate::server::Shared;
use crate::session::{Flow, Hold, Session};
use crate::tokens;
use crate::version;
use spinel_resp::{Protocol, ReplyWriter};
use spinel_storage::Error;
use spinel_storage::engine::wait::Served;
use std::time::{Duration, Instant};
use tokio::sync::oneshot::Receiver;

const WRONG_PASSWORD: Error = Error::Text("WRONGPASS invalid username-password pair or user is disabled.");
const NO_PASSWORD: Error = Error::Text(
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
     configuration is correct?",
);
const TOO_MANY_LOGINS: Error = Error::Text("TRYAGAIN Too many passwords are being checked");
const NOT_IN_TRANSACTION: Error =
    Error::Text("ERR A password that takes long to check can't be checked inside a transaction");
const HELLO_NEEDS_AUTH: Error = Error::Text(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
     <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the \
     same time",
);

pub(super) fn auth(call: &mut HostCall<'_>) -> Result<(), Error> {
    let entry = match call.args.rest() {
        [word] if may_be_token(call, word) => enter_by_word(call, word)?,
        [_] if call.shared.acl.default().user().needs_no_password() => return Err(NO_PASSWORD),
        [password] => authenticate(call, DEFAULT, password)?,
        [user, password] => authenticate(call, user, password)?,
        _ => return Err(Error::Syntax),
    };

    match entry {
        Entry::Open => call.reply.ok(),
        Entry::Checking(login) => call.session.wait_for_verdict(login),
    }
    Ok(())
}

/// What a password comes to, if it is not wrong.
enum Entry {
    /// The client is in.
    Open,
    /// That takes long to tell.
    Checking(Login),
}

/// Somebody whose password is being checked.
pub(crate) struct Login {
    user: Vec<u8>,
    pub(crate) verdict: Receiver<Verdict>,
    /// The name of the command, as it was called.
    command: Vec<u8>,
    /// What else HELLO asks for.
    hello: Option<Greeting>,
    /// Which replies the client wanted when it asked.
    pub(crate) mode: ReplyMode,
}

/// What HELLO asks for besides letting the client in.
#[derive(Default)]
struct Greeting {
    protocol: Option<Protocol>,
    name: Option<Vec<u8>>,
}

/// Whether a single word may be a token rather than a password.
fn may_be_token(call: &HostCall<'_>, word: &[u8]) -> bool {
    let default = call.shared.acl.default().user();
    let is_password = !default.needs_no_password() && default.accepts(&Password::of(word));
    call.shared.tokens.are_accepted() && tokens::has_form(word) && !is_password
}

/// Lets the client in by a single word: a token, of whoever that names, or else a password of the default user that takes long to
/// check.
fn enter_by_word(call: &mut HostCall<'_>, word: &[u8]) -> Result<Entry, Error> {
    if enter_by_token(call.session, b"", word, call.shared) {
        return Ok(Entry::Open);
    }
    let may_be_password = call.shared.acl.default().user().has_slow_passwords();
    if may_be_password { authenticate(call, DEFAULT, word) } else { Err(refuse(call, b"", Means::Token)) }
}

/// Lets the client in, or has the password checked if that takes long, or counts a failure, which may make it wait. The password
/// of a user that is not there is hashed, too, so that time tells nothing. Where a password may stand, there may be a token; without
/// the name of a user, it says who that is.
fn authenticate(call: &mut HostCall<'_>, user: &[u8], password: &[u8]) -> Result<Entry, Error> {
    let (acl, session) = (&call.shared.acl, &mut *call.session);
    if acl.log_in(user, &Password::of(password), |account| session.become_user(account)) {
        session.have_entered(Means::Password, call.shared);
        return Ok(Entry::Open);
    }
    if call.shared.tokens.are_accepted() && tokens::has_form(password) {
        if enter_by_token(session, user, password, call.shared) {
            return Ok(Entry::Open);
        }
        if user.is_empty() {
            return Err(refuse(call, user, Means::Token));
        }
    }
    let Some(hashes) = acl.slow_passwords(user) else { return Err(refuse(call, user, Means::Password)) };
    if session.transactions.is_running {
        return Err(NOT_IN_TRANSACTION);
    }
    let begun = acl.checks.begin(session.client.peer.host(), password, hashes);
    let verdict = begun.map_err(|Busy| TOO_MANY_LOGINS)?;
    let (user, command, mode) = (user.to_vec(), call.args.words()[0].to_vec(), session.reply_mode);
    Ok(Entry::Checking(Login { user, verdict, command, hello: None, mode }))
}

/// The error of who is not let in, who may have to wait for it.
fn refuse(call: &mut HostCall<'_>, user: &[u8], means: Means) -> Error {
    let penalty = call.session.have_failed((user, means), call.args.words()[0], call.shared);
    if !penalty.is_zero() {
        call.session.hold = Hold::Penalty(penalty);
        call.session.flow = Flow::Hold;
    }
    WRONG_PASSWORD
}

impl Session {
    /// The client is in, as the user it is now, by what has no end.
    fn have_entered(&mut self, means: Means, shared: &Shared) {
        shared.clients.throttle.succeed(self.client.peer.host());
        self.let_in();
        self.note_login(means, shared);
    }

    /// Notes that the client could not come in; how long it has to wait to hear it.
    fn have_failed(&mut self, (user, means): (&[u8], Means), command: &[u8], shared: &Shared) -> Duration {
        shared.acl.note_failed_login(self, (user, means), &[command], shared);
        shared.clients.throttle.fail(self.client.peer.host(), Instant::now())
    }

    /// Lets the requests after this one wait until the password is checked.
    fn wait_for_verdict(&mut self, login: Login) {
        self.hold = Hold::Login(Box::new(login));
        self.flow = Flow::Hold;
    }

    /// Goes on with AUTH or HELLO when the password is checked: the reply, and how long it has to wait.
    pub(crate) fn end_login(
        &mut self,
        login: Login,
        verdict: Verdict,
        shared: &Shared,
    ) -> (Served, Duration) {
        let Login { user, command, hello, .. } = login;
        let mut reply = ReplyWriter::new(self.protocol());
        let is_in = verdict.is_some_and(|password| {
            shared.acl.log_in_slowly(&user, &password, |account| self.become_user(account))
        });
        if !is_in {
            let penalty = self.have_failed((&user, Means::Password), &command, shared);
            reply.error_bytes(&WRONG_PASSWORD.bytes());
            return (Served { reply: reply.take(), failure: Some(WRONG_PASSWORD) }, penalty);
        }
        self.have_entered(Means::Password, shared);
        match hello {
            None => reply.ok(),
            Some(greeting) => self.greet(greeting, shared, &mut reply),
        }
        (Served { reply: reply.take(), failure: None }, Duration::ZERO)
    }

    /// Does what HELLO asks for of a client that is in, and replies to it.
    fn greet(&mut self, Greeting { protocol, name }: Greeting, shared: &Shared, reply: &mut ReplyWriter) {
        if let Some(name) = name {
            self.client.rename(|names| names.name = name.into());
        }
        if let Some(protocol) = protocol {
            self.speak(protocol, reply);
        }
        self.reply_hello(shared, reply);
    }
}

/// Lets the client in as the user whom a token names, if that is who it says it is and he is enabled.
fn enter_by_token(session: &mut Session, user: &[u8], token: &[u8], shared: &Shared) -> bool {
    let pass = shared.tokens.pass(token).filter(|pass| user.is_empty() || pass.user == user);
    let Some(pass) = pass else { return false };
    let is_in = shared.acl.admit(&pass.user, |account| session.become_user(account));
    if is_in {
        let id = pass.id.clone();
        session.let_in_by(pass);
        session.note_login(Means::Token, shared);
        shared.clients.throttle.succeed(session.client.peer.host());
        // Who revokes it first notes it and then looks for those who came by it.
        if shared.tokens.has_revoked(&id) {
            shared.clients.kill(&session.client, &shared.engine);
        }
    }
    is_in
}

/// What the options of HELLO ask for.
#[derive(Default)]
struct Options<'a> {
    protocol: Option<Protocol>,
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

pub(super) fn hello(call: &mut HostCall<'_>) -> Result<(), Error> {
    let options = read_options(call)?;

    let greeting = Greeting { protocol: options.protocol, name: options.name.map(<[u8]>::to_vec) };
    if let Some((user, password)) = options.credentials
        && let Entry::Checking(login) = authenticate(call, user, password)?
    {
        call.session.wait_for_verdict(Login { hello: Some(greeting), ..login });
        return Ok(());
    }
    if call.session.must_authenticate(call.shared) {
        return Err(HELLO_NEEDS_AUTH);
    }
    call.session.greet(greeting, call.shared, call.reply);
    Ok(())
}

fn read_options<'a>(call: &mut HostCall<'a>) -> Result<Options<'a>, Error> {
    let mut options = Options::default();
    if call.args.remaining() == 0 {
        return Ok(options);
    }
    let version = call.args.integer_or(Error::Text("ERR Protocol version is not an integer or out of range"));
    call.args.check()?;
    options.protocol = match version {
        2 => Some(Protocol::Resp2),
        3 => Some(Protocol::Resp3),
        _ => return Err(Error::Text("NOPROTO unsupported protocol version")),
    };
    while call.args.remaining() > 0 {
        let option = call.args.peek().unwrap_or_default();
        if call.args.remaining() > 2 && call.args.accept("auth") {
            options.credentials = Some((call.args.word(), call.args.word()));
        } else if call.args.remaining() > 1 && call.args.accept("setname") {
            options.name = Some(checked_name(call.args.word(), "Client names")?);
        } else {
            let option = String::from_utf8_lossy(option);
            return Err(Error::Made(format!("ERR Syntax error in HELLO option '{option}'")));
        }
    }
    Ok(options)
}

impl Session {
    fn reply_hello(&self, shared: &Shared, reply: &mut ReplyWriter) {
        let role = if shared.upstream.is_replica() { "replica" } else { "master" };
        let protocol = if self.protocol() == Protocol::Resp2 { 2 } else { 3 };
        let id = self.client.id;
        reply.map(7);
        for (name, value) in [("server", "redis"), ("version", version::REDIS)] {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        }
        reply.bulk(b"proto");
        reply.integer(protocol);
        reply.bulk(b"id");
        reply.integer(id as i64);
        for (name, value) in [("mode", "standalone"), ("role", role)] {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        }
        reply.bulk(b"modules");
        reply.array(0);
    }
}

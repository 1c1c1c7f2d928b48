//! HELLO and AUTH: which protocol, and who.

use super::HostCall;
use super::client::checked_name;
use crate::acl::{DEFAULT, Password};
use crate::session::{Flow, Hold};
use crate::version;
use spinel_resp::Protocol;
use spinel_storage::Error;
use std::time::Instant;

const WRONG_PASSWORD: Error = Error::Text("WRONGPASS invalid username-password pair or user is disabled.");
const NO_PASSWORD: Error = Error::Text(
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
     configuration is correct?",
);
const HELLO_NEEDS_AUTH: Error = Error::Text(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
     <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the \
     same time",
);

pub(super) fn auth(call: &mut HostCall<'_>) -> Result<(), Error> {
    match call.args.rest() {
        [_] if call.shared.acl.default().user().needs_no_password() => return Err(NO_PASSWORD),
        [password] => authenticate(call, DEFAULT, password)?,
        [user, password] => authenticate(call, user, password)?,
        _ => return Err(Error::Syntax),
    }

    call.reply.ok();
    Ok(())
}

/// Lets the client in, or counts a failure, which may make it wait. The password of a user that is not there is hashed, too,
/// so that time tells nothing.
fn authenticate(call: &mut HostCall<'_>, user: &[u8], password: &[u8]) -> Result<(), Error> {
    let (acl, session) = (&call.shared.acl, &mut *call.session);
    let throttle = &call.shared.clients.throttle;
    if acl.log_in(user, &Password::of(password), |account| session.become_user(account)) {
        throttle.succeed(session.client.peer.host());
        session.let_in();
        return Ok(());
    }
    acl.note_failed_login(session, user, call.args.words(), call.shared);
    let penalty = throttle.fail(session.client.peer.host(), Instant::now());
    if !penalty.is_zero() {
        session.hold = Hold::Penalty(penalty);
        session.flow = Flow::Hold;
    }
    Err(WRONG_PASSWORD)
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

    if let Some((user, password)) = options.credentials {
        authenticate(call, user, password)?;
    }
    if call.session.must_authenticate(call.shared) {
        return Err(HELLO_NEEDS_AUTH);
    }
    if let Some(name) = options.name {
        call.session.client.rename(|names| names.name = name.into());
    }
    if let Some(protocol) = options.protocol {
        call.session.speak(protocol, call.reply);
    }

    reply_hello(call);
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

fn reply_hello(call: &mut HostCall<'_>) {
    let protocol = if call.session.protocol() == Protocol::Resp2 { 2 } else { 3 };
    let id = call.session.client.id;
    let reply = &mut *call.reply;
    reply.map(7);
    for (name, value) in [("server", "redis"), ("version", version::REDIS)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(protocol);
    reply.bulk(b"id");
    reply.integer(id as i64);
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

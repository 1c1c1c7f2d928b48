//! ACL TOKEN: texts that let their holder in for a time.

use super::super::HostCall;
use super::wrong_words;
use crate::clients::Client;
use crate::log;
use crate::server::Shared;
use crate::tokens::{Failure, SECONDS_MAX};
use spinel_storage::Error;
use spinel_storage::command::help::reply_help;
use std::sync::Arc;

const FORMS: &[(&str, &[&str])] = &[
    (
        "ISSUE <username> <seconds>",
        &[
            "Return a token that lets its holder in as the user for so many seconds, instead of",
            "a password. It is signed with the key of token-key-file.",
        ],
    ),
    (
        "REVOKE <token|id>",
        &["Let nobody in by a token any more, and close the connections of who came by it."],
    ),
];

pub(super) fn token(call: &mut HostCall<'_>) -> Result<(), Error> {
    let operation = call.args.word();
    match call.args.rest() {
        [user, seconds] if operation.eq_ignore_ascii_case(b"issue") => issue(call, user, seconds),
        [token] if operation.eq_ignore_ascii_case(b"revoke") => revoke(call, token),
        [] if operation.eq_ignore_ascii_case(b"help") => {
            reply_help(call.reply, "ACL TOKEN", FORMS);
            Ok(())
        }
        _ => Err(wrong_words(call)),
    }
}

fn issue(call: &mut HostCall<'_>, user: &[u8], seconds: &[u8]) -> Result<(), Error> {
    let seconds = spinel_resp::parse_integer(seconds).ok_or(Error::NotAnInteger)?;
    if !(1..=SECONDS_MAX).contains(&seconds) {
        return Err(Error::Text("ERR A token is good for 1 to 31622400 seconds"));
    }
    if call.shared.acl.account(user).is_none() || std::str::from_utf8(user).is_err() {
        return Err(Error::quoting(&[b"ERR User '", user, b"' not found"]));
    }

    let token = call.shared.tokens.issue(user, seconds).map_err(|failure| error_of(&failure))?;

    call.reply.bulk(token.as_bytes());
    Ok(())
}

fn revoke(call: &mut HostCall<'_>, token: &[u8]) -> Result<(), Error> {
    let (session, shared) = (&mut *call.session, call.shared);
    let outcome = shared.tokens.revoke(token);
    if let Ok((id, _)) = &outcome {
        for client in clients_by(id, shared) {
            super::end(&client, session.client.id, &mut session.flow, shared);
        }
    }
    outcome.and_then(|(_, kept)| kept.map_err(Failure::NotKept)).map_err(|failure| error_of(&failure))?;

    call.reply.ok();
    Ok(())
}

/// The clients who came by a token.
fn clients_by(id: &str, shared: &Shared) -> Vec<Arc<Client>> {
    let clients = shared.clients.all().into_iter();
    clients.filter(|client| client.has_pass(|pass| *pass.id == *id)).collect()
}

fn error_of(failure: &Failure) -> Error {
    match failure {
        Failure::NoKey => Error::Text("ERR There is no key to sign tokens with: set token-key-file"),
        Failure::Off => Error::Text("ERR No tokens are accepted: set token-key-file or token-trusted-keys"),
        Failure::NoChance => Error::Text("ERR No random numbers can be had from the system"),
        Failure::Full => Error::Text("ERR This is no token, or too many are revoked already"),
        Failure::NotKept(error) => {
            log::warning!("A revoked token can't be written down: {error}");
            Error::Text("ERR The token is revoked until the server ends, but that can't be written down")
        }
    }
}

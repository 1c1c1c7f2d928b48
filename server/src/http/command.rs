//! Any command, and several of them: arrays of words in, replies out.

use super::answer::{JSON, Problem, Response, answer};
use super::call::{Call, Pending};
use super::json;
use super::line::Commands;
use crate::server::Shared;
use axum::http::StatusCode;
use spinel_resp::Value;
use spinel_storage::command::Group;
use spinel_storage::command::flags::Flags;

type Words = Vec<Vec<u8>>;

/// What a command is to the session that it runs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Effect {
    /// It leaves the session as it was.
    None,
    /// It may change it, so that nobody else should use it any more.
    Lasting,
    /// Its replies are not one for each command: a request can't be answered with them.
    Stream,
}

/// What a command that these words call does to its session.
fn effect(words: &Words, shared: &Shared) -> Effect {
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let table = shared.engine.table();
    let Some(id) = table.find_called(&words) else { return Effect::None };
    let command = table.row(id).command;
    let (name, subcommand) = command.name.split_once('|').unwrap_or((command.name, ""));
    // Settings may have given it another name.
    let renamed = shared.config.roster().renamed().iter().find(|(_, new)| new == name.as_bytes());
    let own = renamed.map_or(name.as_bytes(), |(own, _)| own);
    let listens = command.flags.contains(Flags::LISTENS) && command.group == Group::PubSub;
    match (own, subcommand) {
        (b"monitor", _) | (b"client", "reply") => Effect::Stream,
        _ if listens => Effect::Stream,
        _ if matches!(command.group, Group::Connection | Group::Transactions) => Effect::Lasting,
        _ => Effect::None,
    }
}

/// What several commands do to their session; a problem if they can't be called so.
fn check(all: &[Words], shared: &Shared) -> Result<Effect, Problem> {
    let effects: Vec<_> = all.iter().map(|words| effect(words, shared)).collect();
    if effects.contains(&Effect::Stream) {
        let message =
            "This command is not answered once, as a request is; see /v1/subscribe and /v1/websocket.";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "NOTHTTP", message));
    }
    Ok(if effects.contains(&Effect::Lasting) { Effect::Lasting } else { Effect::None })
}

/// Runs one command.
pub(super) fn one(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let encoding = call.encoding()?;
        let words = json::words(&json::read(&call.body.bytes)?)?;
        let effect = check(std::slice::from_ref(&words), call.visitor.shared())?;
        let outcome = call.ask(&words).await;
        if effect == Effect::Lasting {
            call.leave();
        }
        let mut out = Vec::new();
        json::result(&outcome?, encoding, &mut out);
        Ok(json_answer(out))
    })
}

/// Runs several commands, one after another or as a transaction.
pub(super) fn many(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let encoding = call.encoding()?;
        let is_atomic = call.choice("atomic", ["false", "true"])? == 1;
        let json = json::read(&call.body.bytes)?;
        let all = json.as_array().ok_or_else(|| json::wrong("An array of arrays of words is asked for."))?;
        let all: Vec<Words> = all.iter().map(json::words).collect::<Result<_, _>>()?;
        let effect = check(&all, call.visitor.shared())?;
        if effect == Effect::Lasting && is_atomic {
            let message = "A transaction has no commands about connections and transactions.";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "NOTHTTP", message));
        }
        let mut commands = Commands::default();
        if is_atomic {
            commands.add(&["MULTI"]);
        }
        for words in &all {
            commands.add(words);
        }
        if is_atomic {
            commands.add(&["EXEC"]);
        }
        let replies = call.ask_all(&commands).await;
        if effect == Effect::Lasting {
            call.leave();
        }
        let replies = if is_atomic { transaction(replies?)? } else { replies? };
        let mut out = vec![b'['];
        for (place, reply) in replies.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            json::result(reply, encoding, &mut out);
        }
        out.push(b']');
        Ok(json_answer(out))
    })
}

/// The replies of a transaction's commands, or the first error that kept it from running.
fn transaction(mut replies: Vec<Value>) -> Result<Vec<Value>, Problem> {
    match replies.pop() {
        Some(Value::Array(results)) => Ok(results),
        Some(Value::Error(text)) => {
            let first = replies.into_iter().find_map(|reply| match reply {
                Value::Error(text) => Some(text),
                _ => None,
            });
            Err(Problem::of_error(&first.unwrap_or(text)))
        }
        _ => Err(Problem::gone()),
    }
}

fn json_answer(mut body: Vec<u8>) -> Response {
    body.push(b'\n');
    answer(StatusCode::OK, JSON, body)
}

//! ACL: users and what they may do.

mod help;
mod log;
mod role;
mod showing;
mod token;

use super::{HostCall, HostRow};
use crate::acl::{Account, Book, Changed, DEFAULT, Fate, Refusal, Unmatched, User};
use crate::clients::Client;
use crate::config::table;
use crate::log as server_log;
use crate::pubsub::Kind;
use crate::quotas;
use crate::server::Shared;
use crate::session::Flow;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group, Run};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

const ANYTIME: Flags = Flags::LOADING.with(Flags::STALE);
const OWN: Flags = ANYTIME.with(Flags::NOSCRIPT);
const ADMIN: Flags = OWN.with(Flags::ADMIN);
const SECRET: Flags = ADMIN.with(Flags::SECRET);
const ROW: Command = Command { group: Group::Server, flags: ADMIN, since: "6.0.0", ..Command::ROW };
const EVERYWHERE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
const OF_USERS: &str = "O(N) where N is the number of users";

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "acl",
            flags: Flags::NONE,
            cost: "Depends on subcommand.",
            about: "Holds the commands about users.",
            run: Run::Container,
            ..ROW
        },
        help::help,
    ),
    (
        Command {
            name: "acl|cat",
            usage: "[category:string]",
            flags: OWN,
            about: "Returns the categories of commands, or the commands of one.",
            ..ROW
        },
        showing::categories,
    ),
    (
        Command {
            name: "acl|deluser",
            usage: "username...",
            flags: SECRET,
            cost: "O(N) where N is the number of clients",
            about: "Removes users and closes their connections.",
            tips: EVERYWHERE,
            ..ROW
        },
        delete_users,
    ),
    (
        Command {
            name: "acl|dryrun",
            usage: "username command:string [arg:string]...",
            since: "7.0.0",
            about: "Tells whether a user may call a command, without calling it.",
            ..ROW
        },
        showing::dry_run,
    ),
    (
        Command {
            name: "acl|genpass",
            usage: "[bits:integer]",
            flags: OWN,
            about: "Returns a password that nobody can guess.",
            ..ROW
        },
        showing::make_password,
    ),
    (
        Command {
            name: "acl|getuser",
            usage: "username",
            flags: SECRET,
            cost: "O(N) where N is the number of the user's rules",
            about: "Describes a user.",
            ..ROW
        },
        showing::user,
    ),
    (Command { name: "acl|help", flags: ANYTIME, about: "Explains the subcommands.", ..ROW }, help::help),
    (
        Command {
            name: "acl|list",
            cost: OF_USERS,
            about: "Returns all users as lines of a file of users.",
            ..ROW
        },
        showing::list,
    ),
    (
        Command {
            name: "acl|load",
            cost: OF_USERS,
            about: "Takes the users from the file that aclfile names.",
            ..ROW
        },
        load,
    ),
    (
        Command {
            name: "acl|log",
            usage: "operation=[count:integer|RESET]",
            cost: "O(N) where N is the number of entries returned",
            about: "Returns what was denied lately, or forgets it.",
            ..ROW
        },
        log::log,
    ),
    (
        Command {
            name: "acl|role",
            usage: "operation=<SET set=(rolename:string [rule:string]...)|DEL deleted:string...|GET shown:string|LIST|HELP>",
            flags: SECRET,
            since: "8.0.0",
            cost: "O(N) where N is the number of users",
            about: "Makes, changes, shows and removes roles, whose rights users have.",
            tips: EVERYWHERE,
            ..ROW
        },
        role::role,
    ),
    (
        Command {
            name: "acl|save",
            cost: OF_USERS,
            about: "Writes the users into the file that aclfile names.",
            tips: EVERYWHERE,
            ..ROW
        },
        save,
    ),
    (
        Command {
            name: "acl|setuser",
            usage: "username [rule:string]...",
            flags: SECRET,
            cost: "O(N) where N is the number of rules",
            about: "Makes or changes a user.",
            tips: EVERYWHERE,
            ..ROW
        },
        set_user,
    ),
    (
        Command {
            name: "acl|token",
            usage: "operation=<ISSUE issue=(username:string seconds:integer)|REVOKE revoked:string|HELP>",
            flags: SECRET,
            since: "8.0.0",
            cost: "O(N) where N is the number of clients",
            about: "Issues and revokes tokens that let their holders in for a time.",
            ..ROW
        },
        token::token,
    ),
    (
        Command { name: "acl|users", cost: OF_USERS, about: "Returns the names of all users.", ..ROW },
        showing::names,
    ),
    (
        Command { name: "acl|whoami", flags: OWN, about: "Returns who the client acts as.", ..ROW },
        showing::own_name,
    ),
];

/// The error about words that no form of a subcommand takes.
fn wrong_words(call: &HostCall<'_>) -> Error {
    Error::wrong_subcommand("acl", call.args.words()[1])
}

fn book(shared: &Shared) -> Book<'_> {
    shared.acl.book(shared.engine.table(), &shared.config)
}

fn set_user(call: &mut HostCall<'_>) -> Result<(), Error> {
    let (name, rules) = (call.args.word(), call.args.rest());

    let (session, shared) = (&mut *call.session, call.shared);
    let mut doomed = Vec::new();
    let settle = |changed: &[Changed]| doomed = listeners_without_right(changed, shared);
    shared.acl.set_user(name, rules, book(shared), settle).map_err(|refusal| error_of(&refusal))?;
    quotas::observe_growth(shared);
    for client in doomed {
        end(&client, session.client.id, &mut session.flow, shared);
    }

    call.reply.ok();
    Ok(())
}

fn error_of(refusal: &Refusal) -> Error {
    match refusal {
        Refusal::BadName => Error::Text("ERR Usernames can't contain spaces or null characters"),
        Refusal::Unmatched(start) => unmatched(start),
        Refusal::Rule(rule, error) => {
            Error::quoting(&[b"ERR Error in ACL SETUSER modifier '", rule, b"': ", error.text().as_bytes()])
        }
    }
}

fn unmatched(start: &Unmatched) -> Error {
    Error::quoting(&[b"ERR Unmatched parenthesis in acl selector starting at '", &start.0, b"'."])
}

fn delete_users(call: &mut HostCall<'_>) -> Result<(), Error> {
    let names = call.args.rest();
    if names.contains(&DEFAULT) {
        return Err(Error::Text("ERR The 'default' user cannot be removed"));
    }

    let (session, shared) = (&mut *call.session, call.shared);
    let count = shared.acl.delete_users(names, |account| {
        for client in clients_of(account, shared) {
            end(&client, session.client.id, &mut session.flow, shared);
        }
    });

    call.reply.integer(count as i64);
    Ok(())
}

fn save(call: &mut HostCall<'_>) -> Result<(), Error> {
    let path = file(call)?;

    call.shared.acl.save(&path).map_err(|error| {
        server_log::warning!("Writing the ACL file {} failed: {error}", path.display());
        Error::Text("ERR There was an error trying to save the ACLs. Please check the server logs for more information")
    })?;

    call.reply.ok();
    Ok(())
}

fn load(call: &mut HostCall<'_>) -> Result<(), Error> {
    let path = file(call)?;

    let (session, shared) = (&mut *call.session, call.shared);
    let mut doomed = Vec::new();
    let settle = |fate: Fate<'_>| match fate {
        Fate::Gone(account) => doomed.extend(clients_of(account, shared)),
        Fate::Changed(changed) => doomed.extend(listeners_without_right(changed, shared)),
    };
    let loaded = shared.acl.load(&path, book(shared), settle);
    loaded.map_err(|reason| Error::quoting(&[b"ERR ", reason.as_bytes()]))?;
    quotas::observe_growth(shared);
    for client in doomed {
        end(&client, session.client.id, &mut session.flow, shared);
    }

    call.reply.ok();
    Ok(())
}

fn file(call: &HostCall<'_>) -> Result<PathBuf, Error> {
    call.shared.config.path(table::ACLFILE).ok_or(Error::Text(
        "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER \
         command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users \
         in the Redis configuration.",
    ))
}

fn clients_of(account: &Arc<Account>, shared: &Shared) -> Vec<Arc<Client>> {
    let clients = shared.clients.all().into_iter();
    clients.filter(|client| Arc::ptr_eq(&client.account(), account)).collect()
}

/// The clients who listen to what their users, whose rights have changed, may no longer listen to.
fn listeners_without_right(changed: &[Changed], shared: &Shared) -> Vec<Arc<Client>> {
    let mut listening: HashMap<*const Account, Vec<Arc<Client>>> = HashMap::new();
    for client in shared.clients.all().into_iter().filter(|client| client.subscriptions().is_any()) {
        listening.entry(Arc::as_ptr(&client.account())).or_default().push(client);
    }
    let mut doomed = Vec::new();
    for (account, before) in changed {
        let user = account.user();
        let clients = listening.remove(&Arc::as_ptr(account)).unwrap_or_default();
        if !clients.is_empty() && !before.has_channels_of(&user) {
            doomed.extend(without_right(clients, &user, shared));
        }
    }
    doomed
}

/// Those of a user's clients who listen to what he may not listen to.
fn without_right(mut clients: Vec<Arc<Client>>, user: &User, shared: &Shared) -> Vec<Arc<Client>> {
    let mut doomed = Vec::new();
    for kind in [Kind::Channel, Kind::Pattern, Kind::ShardChannel] {
        for name in shared.pubsub.names(kind, None) {
            if !user.may_listen(&name, kind == Kind::Pattern) {
                let listens = |client: &mut Arc<Client>| shared.pubsub.listens(kind, &name, client.id);
                doomed.extend(clients.extract_if(.., listens));
            }
        }
    }
    doomed
}

/// Closes a connection; one's own after the reply.
fn end(client: &Client, own: u64, flow: &mut Flow, shared: &Shared) {
    if client.id == own {
        *flow = Flow::Close;
    } else {
        shared.clients.kill(client, &shared.engine);
    }
}

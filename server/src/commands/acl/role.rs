//! ACL ROLE: rights with a name, which users may have.

use super::super::HostCall;
use super::showing::{Fields, reply_rights};
use super::{book, end, listeners_without_right, wrong_words};
use crate::acl::{Described, InUse, RoleRefusal};
use spinel_storage::Error;
use spinel_storage::command::help::reply_help;

const FORMS: &[(&str, &[&str])] = &[
    ("DEL <rolename> [<rolename> ...]", &["Delete roles. None is deleted if a user has one of them."]),
    ("GET <rolename>", &["Get the role's details and the users who have it."]),
    ("LIST", &["Show roles in config file format."]),
    (
        "SET <rolename> <rule> [<rule> ...]",
        &[
            "Create or modify a role with the rules that ACL SETUSER has for commands, keys,",
            "channels and databases. The users who have it have its new rights at once.",
            "Users are given a role by the rule 'role=<rolename>', and lose it by",
            "'norole=<rolename>' or 'resetroles'.",
        ],
    ),
];

pub(super) fn role(call: &mut HostCall<'_>) -> Result<(), Error> {
    let operation = call.args.word();
    let words = call.args.rest();
    match words {
        [name, rules @ ..] if operation.eq_ignore_ascii_case(b"set") => set(call, name, rules),
        [_, ..] if operation.eq_ignore_ascii_case(b"del") => delete(call, words),
        [name] if operation.eq_ignore_ascii_case(b"get") => show(call, name),
        [] if operation.eq_ignore_ascii_case(b"list") => list(call),
        [] if operation.eq_ignore_ascii_case(b"help") => {
            reply_help(call.reply, "ACL ROLE", FORMS);
            Ok(())
        }
        _ => Err(wrong_words(call)),
    }
}

fn set(call: &mut HostCall<'_>, name: &[u8], rules: &[&[u8]]) -> Result<(), Error> {
    let (session, shared) = (&mut *call.session, call.shared);
    let mut doomed = Vec::new();
    let set = shared.acl.set_role(name, rules, book(shared), |changed| {
        doomed = listeners_without_right(changed, shared);
    });
    set.map_err(|refusal| error_of(&refusal))?;
    for client in doomed {
        end(&client, session.client.id, &mut session.flow, shared);
    }

    call.reply.ok();
    Ok(())
}

fn error_of(refusal: &RoleRefusal) -> Error {
    match refusal {
        RoleRefusal::BadName => {
            Error::Text("ERR The name of a role has up to 128 letters, digits and characters of _-.:/@")
        }
        RoleRefusal::Unmatched(start) => super::unmatched(start),
        RoleRefusal::Rule(rule, error) => {
            Error::quoting(&[b"ERR Error in ACL ROLE SET modifier '", rule, b"': ", error.text().as_bytes()])
        }
    }
}

fn delete(call: &mut HostCall<'_>, names: &[&[u8]]) -> Result<(), Error> {
    let deleted = call.shared.acl.delete_roles(names);
    let count = deleted.map_err(|InUse { role, user }| {
        Error::quoting(&[b"ERR The role '", &role, b"' is in use by the user '", &user, b"'"])
    })?;

    call.reply.integer(count as i64);
    Ok(())
}

fn show(call: &mut HostCall<'_>, name: &[u8]) -> Result<(), Error> {
    let Some((role, holders)) = call.shared.acl.role(name) else {
        call.reply.null();
        return Ok(());
    };

    let selectors: Vec<Described> = role.described_selectors().collect();
    let fields = Fields::of(&selectors);
    let reply = &mut *call.reply;
    reply.map(fields.count() + 2);
    reply_rights(&selectors, fields, reply);
    reply.bulk(b"users");
    reply.array(holders.len());
    for holder in holders {
        reply.bulk(&holder);
    }
    Ok(())
}

fn list(call: &mut HostCall<'_>) -> Result<(), Error> {
    let lines = call.shared.acl.role_lines();
    call.reply.array(lines.len());
    for line in lines {
        call.reply.bulk(&line);
    }
    Ok(())
}

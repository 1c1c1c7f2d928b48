//! What users there are, and what they may do.

use super::super::HostCall;
use super::{book, wrong_words};
use crate::acl::{Described, Reason, Role, category, hex, right_name};
use rustix::rand::{GetRandomFlags, getrandom};
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use spinel_storage::command::category::CATEGORIES;

const BITS_MAX: i64 = 4096;
const BAD_BITS: Error = Error::Text(
    "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
);

pub(super) fn own_name(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.reply.bulk(&call.session.identity.account.name);
    Ok(())
}

pub(super) fn names(call: &mut HostCall<'_>) -> Result<(), Error> {
    let accounts = call.shared.acl.accounts();
    call.reply.array(accounts.len());
    for account in accounts {
        call.reply.bulk(&account.name);
    }
    Ok(())
}

pub(super) fn list(call: &mut HostCall<'_>) -> Result<(), Error> {
    let lines = call.shared.acl.lines();
    call.reply.array(lines.len());
    for line in lines {
        call.reply.bulk(&line);
    }
    Ok(())
}

pub(super) fn user(call: &mut HostCall<'_>) -> Result<(), Error> {
    let name = call.args.word();

    let Some(account) = call.shared.acl.account(name) else {
        call.reply.null();
        return Ok(());
    };
    let user = account.user();

    let selectors: Vec<Described> = user.described_selectors().collect();
    let fields = Fields::of(&selectors);
    // Redis knows no roles and no quotas, so they are there only where there are some.
    let roles: Vec<&[u8]> = user.roles().map(Role::name).collect();
    let quotas = user.quotas();

    let reply = &mut *call.reply;
    reply.map(3 + fields.count() + usize::from(!roles.is_empty()) + quotas.len());
    reply.bulk(b"flags");
    let flags = user.flags();
    reply.set(flags.len());
    for flag in flags {
        reply.bulk(flag.as_bytes());
    }
    reply.bulk(b"passwords");
    let hashes = user.password_hashes();
    reply.array(hashes.len());
    for hash in hashes {
        reply.bulk(hash.as_bytes());
    }
    reply_rights(&selectors, fields, reply);
    if !roles.is_empty() {
        reply.bulk(b"roles");
        reply.array(roles.len());
        for role in roles {
            reply.bulk(role);
        }
    }
    for (name, number) in quotas {
        reply.bulk(name.as_bytes());
        reply.integer(number as i64);
    }
    Ok(())
}

/// Which fields describe the rights of a selector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fields {
    OfRedis,
    /// Also the databases: Redis knows no such field, so it is there only where it says something.
    WithDatabases,
}

impl Fields {
    pub(super) fn of(selectors: &[Described]) -> Fields {
        let is_bounded = selectors.iter().any(|selector| selector.databases.is_some());
        if is_bounded { Fields::WithDatabases } else { Fields::OfRedis }
    }

    /// How many fields a selector has.
    pub(super) fn count(self) -> usize {
        3 + usize::from(self == Fields::WithDatabases)
    }
}

/// Replies the fields of the root, and those of the other selectors as one more.
pub(super) fn reply_rights(selectors: &[Described], fields: Fields, reply: &mut ReplyWriter) {
    let Some((root, others)) = selectors.split_first() else { return };
    reply_selector(root, fields, reply);
    reply.bulk(b"selectors");
    reply.array(others.len());
    for selector in others {
        reply.map(fields.count());
        reply_selector(selector, fields, reply);
    }
}

fn reply_selector(selector: &Described, fields: Fields, reply: &mut ReplyWriter) {
    for (name, value) in
        [("commands", &selector.commands), ("keys", &selector.keys), ("channels", &selector.channels)]
    {
        reply.bulk(name.as_bytes());
        reply.bulk(value);
    }
    if fields == Fields::WithDatabases {
        reply.bulk(b"databases");
        reply.bulk(selector.databases.as_deref().unwrap_or(b"alldbs"));
    }
}

pub(super) fn categories(call: &mut HostCall<'_>) -> Result<(), Error> {
    let name = match call.args.rest() {
        [] => {
            call.reply.array(CATEGORIES.len());
            for category in CATEGORIES {
                call.reply.bulk(category.as_bytes());
            }
            return Ok(());
        }
        [name] => *name,
        _ => return Err(wrong_words(call)),
    };
    let category =
        category(name).ok_or_else(|| Error::quoting_briefly(&[b"ERR Unknown category '", name, b"'"]))?;

    let book = book(call.shared);
    let commands: Vec<_> = book.in_category(category).collect();

    call.reply.array(commands.len());
    for id in commands {
        call.reply.bulk(book.table.row(id).command.name.as_bytes());
    }
    Ok(())
}

pub(super) fn make_password(call: &mut HostCall<'_>) -> Result<(), Error> {
    let bits = match call.args.rest() {
        [] => 256,
        [word] => spinel_resp::parse_integer(word).ok_or(Error::NotAnInteger)?,
        _ => return Err(wrong_words(call)),
    };
    if !(1..=BITS_MAX).contains(&bits) {
        return Err(BAD_BITS);
    }

    let digits = (bits as usize).div_ceil(4);
    let mut bytes = vec![0; digits.div_ceil(2)];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += getrandom(&mut bytes[filled..], GetRandomFlags::empty())
            .map_err(|_| Error::Text("ERR No random numbers can be had from the system"))?;
    }

    call.reply.bulk(&hex(&bytes).as_bytes()[..digits]);
    Ok(())
}

pub(super) fn dry_run(call: &mut HostCall<'_>) -> Result<(), Error> {
    let (name, words) = (call.args.word(), call.args.rest());

    let account = call
        .shared
        .acl
        .account(name)
        .ok_or_else(|| Error::quoting(&[b"ERR User '", name, b"' not found"]))?;
    let table = call.shared.engine.table();
    let id = table.resolve(words).map_err(|error| match error {
        Error::WrongArity(_) => error,
        _ => Error::quoting(&[b"ERR Command '", words[0], b"' not found"]),
    })?;

    let Err(denial) = account.user().check(id, words, call.session.db, book(call.shared)) else {
        call.reply.ok();
        return Ok(());
    };
    let object = |kind: &str| {
        let text = format!("' {kind}");
        [&b"User "[..], name, b" has no permissions to access the '", words[denial.position], text.as_bytes()]
            .concat()
    };
    let text = match denial.reason {
        Reason::Command => {
            let end = format!(" has no permissions to run the '{}' command", right_name(id, call.shared));
            [b"User ", name, end.as_bytes()].concat()
        }
        Reason::Database => {
            [b"User ", name, b" has no permissions to access database ", words[denial.position]].concat()
        }
        Reason::Key => object("key"),
        Reason::Channel => object("channel"),
    };
    call.reply.bulk(&text);
    Ok(())
}

//! CACHE POLICY: rules for what is fetched for which keys, and for how long it is used.
//!
//! What a policy means says [`spinel_cache::policy`]; how one is put in words, [`grammar`]; how snapshots carry them, [`written`].

mod grammar;
mod test;
mod written;

pub(super) use test::{Found, headers};
pub(crate) use written::{fields, hear};

use super::ROW;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::help::reply_help;
use crate::command::{Command, Reach, Run};
use crate::error::Error;
use spinel_cache::policy::Policy;
use spinel_cache::storing::Cookies;
use spinel_resp::ReplyWriter;

/// So many policies are compared with a key in a fraction of the time that asking an origin takes.
const POLICIES_MAX: usize = 1000;

const TOO_MANY: Error = Error::Text("ERR there are 1000 policies already");

/// A policy belongs to no key, and says which servers are asked.
const CHANGE: Command = Command {
    flags: Flags::WRITE.with(Flags::DANGEROUS),
    reach: Reach::Whole,
    cost: "O(N) where N is the number of policies",
    ..ROW
};

/// The rows of this folder.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "cache|policy",
        cost: "Depends on the subcommand",
        about: "Holds the subcommands about policies of HTTP caches.",
        run: Run::Container,
        ..ROW
    },
    Command {
        name: "cache|policy|set",
        usage: grammar::USAGE,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::DANGEROUS),
        about: "Makes a policy, or another one of its name: what is fetched for keys, and for how long it is used.",
        run: Run::Data(set),
        ..CHANGE
    },
    Command {
        name: "cache|policy|get",
        usage: "name",
        about: "Returns what a policy says.",
        cost: "O(N) where N is the number of policies",
        run: Run::Data(get),
        ..ROW
    },
    Command {
        name: "cache|policy|del",
        usage: "name",
        about: "Removes a policy.",
        run: Run::Data(delete),
        ..CHANGE
    },
    Command {
        name: "cache|policy|list",
        about: "Returns all policies in the order in which they count.",
        cost: "O(N) where N is the number of policies",
        run: Run::Data(list),
        ..ROW
    },
    Command {
        name: "cache|policy|test",
        usage: "key:string data=[(header value)...]",
        about: "Says which policy counts for a key, and what would be fetched for a request with these fields.",
        cost: "O(N*M) where N is the number of policies and M the length of the key",
        run: Run::Data(test::test),
        ..ROW
    },
    Command {
        name: "cache|policy|help",
        flags: Flags::LOADING.with(Flags::STALE),
        about: "Explains the subcommands.",
        run: Run::Data(help),
        ..ROW
    },
];

fn set(call: &mut Call<'_>) -> Result<(), Error> {
    let policy = grammar::parse(&mut call.args)?;

    let keyspace = call.keys.keyspace();
    let policies = keyspace.policies();
    if policies.len() >= POLICIES_MAX && policies.find(&policy.name).is_none() {
        return Err(TOO_MANY);
    }
    keyspace.set_policies(policies.with(policy));
    call.keys.count_changes(1);

    call.reply.ok();
    Ok(())
}

fn delete(call: &mut Call<'_>) -> Result<(), Error> {
    let name = call.args.word();
    call.args.finish()?;

    let keyspace = call.keys.keyspace();
    let without = keyspace.policies().without(name);
    call.reply.integer(without.is_some().into());
    if let Some(policies) = without {
        keyspace.set_policies(policies);
        call.keys.count_changes(1);
    }
    Ok(())
}

fn get(call: &mut Call<'_>) -> Result<(), Error> {
    let name = call.args.word();
    call.args.finish()?;

    let policies = call.keys.keyspace().policies();
    match policies.find(name) {
        Some(policy) => describe(call.reply, policy, policies.version()),
        None => call.reply.null(),
    }
    Ok(())
}

fn list(call: &mut Call<'_>) -> Result<(), Error> {
    call.args.finish()?;

    let policies = call.keys.keyspace().policies();
    call.reply.array(policies.len());
    for policy in policies.iter() {
        describe(call.reply, policy, policies.version());
    }
    Ok(())
}

/// Replies what a policy says, by the names of the options.
fn describe(reply: &mut ReplyWriter, policy: &Policy, total: u64) {
    reply.map(8 + TERMS_TOLD);
    for (name, text) in
        [("name", &*policy.name), ("pattern", policy.pattern.text()), ("url", policy.url.text())]
    {
        reply.bulk(name.as_bytes());
        reply.bulk(text);
    }
    reply_terms(reply, Some(policy));
    reply.bulk(b"priority");
    reply.integer(policy.priority);
    reply.bulk(b"tags");
    reply.array(policy.tags.len());
    policy.tags.iter().for_each(|tag| reply.bulk(tag.text()));
    reply.bulk(b"vary");
    reply.array(policy.vary.len());
    policy.vary.iter().for_each(|name| reply.bulk(name.as_str().as_bytes()));
    for (name, version) in [("version", policy.version), ("total-version", total)] {
        reply.bulk(name.as_bytes());
        reply.integer(version as i64);
    }
}

/// A number that a policy says about answers, by its name; nothing if it doesn't say it.
type Term = (&'static str, fn(&Policy) -> Option<i64>);

const TERMS: [Term; 10] = [
    ("ttl", |policy| policy.terms.spans.ttl.map(i64::from)),
    ("swr", |policy| policy.terms.spans.swr.map(i64::from)),
    ("grace", |policy| policy.terms.spans.grace.map(i64::from)),
    ("negative-ttl", |policy| policy.terms.negative_ttl.map(i64::from)),
    ("max-body", |policy| policy.keeping.body_max.map(|bytes| bytes as i64)),
    ("respect-origin", |policy| Some(policy.terms.respects_origin.into())),
    ("compress", |policy| Some(policy.keeping.compresses.into())),
    ("disk", |policy| Some(policy.keeping.is_for_disk.into())),
    ("prewarm", |policy| Some(policy.keeping.prewarms.into())),
    ("store-cookies", |policy| Some((policy.keeping.cookies == Cookies::Store).into())),
];

/// How many names [`reply_terms`] replies.
const TERMS_TOLD: usize = TERMS.len() + 1;

/// Replies what a policy says about answers, each behind its name; nulls without a policy.
fn reply_terms(reply: &mut ReplyWriter, policy: Option<&Policy>) {
    for (name, number) in TERMS {
        reply.bulk(name.as_bytes());
        match policy.and_then(number) {
            Some(number) => reply.integer(number),
            None => reply.null(),
        }
    }
    reply.bulk(b"status-ttl");
    let Some(policy) = policy else { return reply.null() };
    reply.array(policy.terms.status_ttl.len() * 2);
    for (status, ttl) in &policy.terms.status_ttl {
        reply.integer((*status).into());
        reply.integer((*ttl).into());
    }
}

fn help(call: &mut Call<'_>) -> Result<(), Error> {
    call.args.finish()?;

    let forms: &[(&str, &[&str])] = &[
        ("DEL <name>", &["Remove a policy."]),
        ("GET <name>", &["Return what a policy says."]),
        ("LIST", &["Return all policies in the order in which they count."]),
        (
            "SET <name> PATTERN <pattern> URL <template> [<option> ...]",
            &[
                "Fetch what is asked for under keys that match from a URL made of the template, in which {1}, {2} stand for",
                "what the wildcards took, {key} for the key, {hdr:Name} for a field of the request. Options are:",
                "* TTL <seconds>, SWR <seconds>, GRACE <seconds>: for how long it is used, one after the other.",
                "* NEGATIVE-TTL <seconds>, STATUS-TTL <code> <seconds> ...: the same by status.",
                "* RESPECT-ORIGIN: what the origin says about that counts more.",
                "* PRIORITY <n>: of several policies for a key, the one with the highest counts.",
                "* TAGS <n> <template> ...: what it is purged by.",
                "* VARY <n> <name> ...: fields of the request that it depends on.",
                "* MAX-BODY <bytes>: the longest body that is stored.",
                "* COMPRESS: bodies are compressed in memory.",
                "* DISK: bodies are kept in files, if the server has a folder for them.",
                "* STORE-COOKIES: answers with Set-Cookie are stored, too, and their cookies are for all who ask.",
                "* PREWARM: what is used is fetched again before it is no longer fresh.",
            ],
        ),
        ("TEST <key> [<header> <value> ...]", &["Say which policy counts, and what would be fetched."]),
    ];
    reply_help(call.reply, "CACHE POLICY", forms);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::told::{bulk, of};
    use crate::commands::script::check;
    use crate::{Db, Value};

    fn run(db: &Db, call: &str) -> Value {
        db.execute(call.split(' ')).unwrap_or_else(|error| panic!("{call}: {error}"))
    }

    #[test]
    fn a_policy_is_set_and_goes() {
        check(
            "CACHE.POLICY GET a              => nil
             CACHE.POLICY LIST               => []
             CACHE.POLICY SET a PATTERN * URL http://o/{1} => OK
             CACHE POLICY SET b URL http://o/ PATTERN x PRIORITY 3 => OK
             CACHE.POLICY DEL nosuch         => 0
             CACHE.POLICY DEL a              => 1
             CACHE POLICY DEL a              => 0
             CACHE.POLICY GET a              => nil
             CACHE.POLICY                    => ERR wrong number of arguments for 'cache|policy' command
             CACHE POLICY                    => ERR wrong number of arguments for 'cache|policy' command
             CACHE POLICY NOSUCH             => ERR unknown subcommand 'NOSUCH'. Try CACHE POLICY HELP.
             CACHE.POLICY LIST x             => ERR wrong number of arguments for 'cache|policy|list' command",
        );
    }

    #[test]
    fn what_was_set_is_told() {
        let db = Db::memory();
        run(&db, "CACHE.POLICY SET other PATTERN * URL http://o/");
        run(
            &db,
            "CACHE.POLICY SET shop PATTERN shop/* URL https://o:8443/{1} TTL 60 SWR 30 GRACE 10 NEGATIVE-TTL 5 STATUS-TTL 302 9 \
             410 99 PRIORITY 7 RESPECT-ORIGIN COMPRESS PREWARM MAX-BODY 1000 TAGS 2 shop {1} VARY 1 Accept-Language",
        );
        let told = run(&db, "CACHE.POLICY GET shop");
        let integers = |numbers: &[i64]| Value::Array(numbers.iter().copied().map(Value::Integer).collect());
        for (name, expected) in [
            ("name", bulk("shop")),
            ("pattern", bulk("shop/*")),
            ("url", bulk("https://o:8443/{1}")),
            ("ttl", Value::Integer(60)),
            ("swr", Value::Integer(30)),
            ("grace", Value::Integer(10)),
            ("negative-ttl", Value::Integer(5)),
            ("status-ttl", integers(&[302, 9, 410, 99])),
            ("max-body", Value::Integer(1000)),
            ("respect-origin", Value::Integer(1)),
            ("compress", Value::Integer(1)),
            ("disk", Value::Integer(0)),
            ("prewarm", Value::Integer(1)),
            ("store-cookies", Value::Integer(0)),
            ("priority", Value::Integer(7)),
            ("tags", Value::Array(vec![bulk("shop"), bulk("{1}")])),
            ("vary", Value::Array(vec![bulk("accept-language")])),
            ("version", Value::Integer(2)),
            ("total-version", Value::Integer(2)),
        ] {
            assert_eq!(of(&told, name), expected, "{name}");
        }
        let Value::Array(all) = run(&db, "CACHE.POLICY LIST") else { panic!("no array") };
        assert_eq!(all[0], told);
        assert_eq!((of(&all[1], "name"), of(&all[1], "ttl")), (bulk("other"), Value::Null));
        run(&db, "CACHE.POLICY DEL other");
        assert_eq!(of(&run(&db, "CACHE.POLICY GET shop"), "total-version"), Value::Integer(3));
    }

    #[test]
    fn flushing_leaves_policies_and_there_is_an_end_to_them() {
        let db = Db::memory();
        for number in 0..super::POLICIES_MAX {
            run(&db, &format!("CACHE.POLICY SET p{number} PATTERN {number} URL http://o/"));
        }
        run(&db, "FLUSHALL");
        assert_eq!(
            db.execute("CACHE.POLICY SET more PATTERN x URL http://o/".split(' ')),
            Err(super::TOO_MANY)
        );
        run(&db, "CACHE.POLICY SET p7 PATTERN x URL http://o/");
        run(&db, "CACHE.POLICY DEL p8");
        run(&db, "CACHE.POLICY SET more PATTERN x URL http://o/");
    }
}

//! CACHE POLICY TEST: what a request would come to if nothing were stored for it.

use super::super::Pairs;
use super::super::reply::text;
use super::{TERMS_TOLD, reply_terms};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::error::Error;
use spinel_cache::Headers;
use spinel_cache::policy::{Applied, Policies, Policy, Subject};
use spinel_resp::ReplyWriter;
use std::sync::Arc;

pub(super) fn test(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let headers = headers(&mut call.args)?;

    let policies = call.keys.keyspace().policies();
    let found = Found::of(&policies, key, &headers);

    let reply = &mut *call.reply;
    reply.map(7 + TERMS_TOLD);
    found.reply(reply);
    reply.bulk(b"tags");
    let tags = found.applied.as_ref().map_or(&[][..], |applied| &applied.orders.tags);
    reply.array(tags.len());
    for tag in tags {
        reply.bulk(tag);
    }
    reply.bulk(b"vary");
    let vary = found.policy.as_ref().map(|policy| policy.selecting()).unwrap_or_default();
    reply.array(vary.len());
    for name in vary {
        reply.bulk(name.as_str().as_bytes());
    }
    reply_terms(reply, found.policy.as_deref());
    Ok(())
}

/// Reads all words that are left as names of fields with their values.
pub(in super::super) fn headers<'a>(args: &mut Args<'a>) -> Result<Pairs<'a>, Error> {
    let pairs = args.rest().chunks_exact(2);
    if pairs.remainder().is_empty() {
        Ok(pairs.map(|pair| (pair[0], pair[1])).collect())
    } else {
        Err(Error::Syntax)
    }
}

/// The policy that counts for a request, and what it comes to.
pub(in super::super) struct Found {
    policy: Option<Arc<Policy>>,
    applied: Option<Applied>,
    why_refused: Option<&'static str>,
}

impl Found {
    pub(in super::super) fn of(policies: &Policies, key: &[u8], headers: &Pairs<'_>) -> Found {
        let headers = Headers::Pairs(headers);
        match policies.apply(Subject::of(key, headers), headers) {
            None => Found { policy: None, applied: None, why_refused: None },
            Some(Ok(applied)) => {
                Found { policy: Some(Arc::clone(&applied.policy)), applied: Some(applied), why_refused: None }
            }
            Some(Err((policy, unfit))) => {
                Found { policy: Some(policy), applied: None, why_refused: Some(unfit.why()) }
            }
        }
    }

    /// Replies five names and values.
    pub(in super::super) fn reply(&self, reply: &mut ReplyWriter) {
        let outcome = match (&self.policy, &self.applied) {
            (None, _) => "no-policy",
            (Some(_), None) => "refused",
            (Some(_), Some(_)) => "fetch",
        };
        let name = self.policy.as_ref().map(|policy| &*policy.name);
        let url = self.applied.as_ref().map(|applied| applied.url.as_bytes());
        text(reply, "policy", name);
        reply.bulk(b"version");
        match &self.policy {
            Some(policy) => reply.integer(policy.version as i64),
            None => reply.null(),
        }
        text(reply, "outcome", Some(outcome.as_bytes()));
        text(reply, "why", self.why_refused.map(str::as_bytes));
        text(reply, "url", url);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::told::{bulk, of};
    use crate::{Db, Value};

    fn run(db: &Db, words: &[&str]) -> Value {
        db.execute(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    #[test]
    fn it_says_which_policy_counts_and_what_it_comes_to() {
        let db = Db::memory();
        let all = ["all", "PATTERN", "*", "URL", "http://all/{1}", "PRIORITY", "-1"];
        let item = [
            "item",
            "PATTERN",
            "item:*",
            "URL",
            "http://o/{1}?team={hdr:X-Team}",
            "TTL",
            "60",
            "TAGS",
            "1",
            "i:{1}",
        ];
        for words in [&all[..], &item] {
            run(&db, &[&["CACHE.POLICY", "SET"], words].concat());
        }
        let told = run(&db, &["CACHE.POLICY", "TEST", "item:a b", "x-team", "r&d"]);
        for (name, expected) in [
            ("policy", bulk("item")),
            ("version", Value::Integer(2)),
            ("outcome", bulk("fetch")),
            ("why", Value::Null),
            ("url", bulk("http://o/a%20b?team=r%26d")),
            ("tags", Value::Array(vec![bulk("i:a b"), bulk("policy:item")])),
            ("vary", Value::Array(vec![bulk("x-team")])),
            ("ttl", Value::Integer(60)),
            ("swr", Value::Null),
        ] {
            assert_eq!(of(&told, name), expected, "{name}");
        }
        let told = run(&db, &["CACHE", "POLICY", "TEST", "item:../x"]);
        assert_eq!(
            ["policy", "outcome", "url"].map(|name| of(&told, name)),
            [bulk("item"), bulk("refused"), Value::Null]
        );
        assert_eq!(of(&run(&db, &["CACHE.POLICY", "TEST", "other"]), "policy"), bulk("all"));
        let door = run(&db, &["CACHE.POLICY", "TEST", "shop/a%20b?c=1", "Host", "shop"]);
        assert_eq!(of(&door, "url"), bulk("http://all/shop/a%20b?c=1"));
        run(&db, &["CACHE.POLICY", "DEL", "all"]);
        let told = run(&db, &["CACHE.POLICY", "TEST", "other"]);
        assert_eq!(
            ["policy", "outcome", "ttl"].map(|name| of(&told, name)),
            [Value::Null, bulk("no-policy"), Value::Null]
        );
        assert!(db.execute(["CACHE.POLICY", "TEST", "other", "x-team"]).is_err());
    }
}

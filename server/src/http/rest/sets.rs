//! The members of a set.

use super::{about, done, named, removed, shown};
use crate::http::call::{Call, Pending};
use crate::http::json;
use crate::http::routes::{Content, ENCODING, Operation, Verb};
use crate::http::schema::Shape;

const MEMBERS: &str = "/v1/db/{db}/keys/{key}/members";
const MEMBER: &str = "/v1/db/{db}/keys/{key}/members/{member}";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: MEMBERS,
        query: &[ENCODING],
        about: "Returns all members of a set.",
        run: all,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Post,
        path: MEMBERS,
        body: Content::Json,
        shapes: (Shape::Words, Shape::Count("added")),
        about: "Adds members, those of an array, and tells how many are new.",
        run: add_many,
        ..Operation::ROW
    },
    Operation {
        path: MEMBER,
        answer: (204, Content::Nothing),
        about: "Tells whether a set has a member.",
        run: has,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Put,
        path: MEMBER,
        answer: (204, Content::Nothing),
        about: "Adds a member.",
        run: add,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Delete,
        path: MEMBER,
        answer: (204, Content::Nothing),
        about: "Removes a member.",
        run: remove,
        ..Operation::ROW
    },
];

fn all(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let reply = call.ask(&[b"SMEMBERS".to_vec(), call.parameter("key").to_vec()]).await?;
        shown(call, &reply)
    })
}

fn add_many(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let mut words = vec![b"SADD".to_vec(), call.parameter("key").to_vec()];
        words.extend(json::words(&json::read(&call.body.bytes)?)?);
        let reply = call.ask(&words).await?;
        named(call, &[("added", &reply)])
    })
}

fn has(call: &mut Call) -> Pending<'_> {
    Box::pin(async move { removed(&call.ask(&about("SISMEMBER", call, "member")).await?) })
}

fn add(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        call.ask(&about("SADD", call, "member")).await?;
        Ok(done())
    })
}

fn remove(call: &mut Call) -> Pending<'_> {
    Box::pin(async move { removed(&call.ask(&about("SREM", call, "member")).await?) })
}

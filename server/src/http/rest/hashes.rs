//! The fields of a hash.

use super::{about, done, named, removed, shown, value};
use crate::http::call::{Call, Pending};
use crate::http::json;
use crate::http::routes::{Content, ENCODING, Operation, Verb};
use crate::http::schema::Shape;

const FIELDS: &str = "/v1/db/{db}/keys/{key}/fields";
const FIELD: &str = "/v1/db/{db}/keys/{key}/fields/{field}";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: FIELDS,
        query: &[ENCODING],
        about: "Returns all fields of a hash.",
        run: all,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Patch,
        path: FIELDS,
        body: Content::Json,
        shapes: (Shape::Fields, Shape::Count("added")),
        about: "Sets fields of a hash, those of an object, and tells how many are new.",
        run: set_many,
        ..Operation::ROW
    },
    Operation {
        path: FIELD,
        answer: (200, Content::Bytes),
        about: "Returns the value of a field.",
        run: get,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Put,
        path: FIELD,
        body: Content::Bytes,
        answer: (204, Content::Nothing),
        about: "Sets the value of a field.",
        run: set,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Delete,
        path: FIELD,
        answer: (204, Content::Nothing),
        about: "Removes a field.",
        run: remove,
        ..Operation::ROW
    },
];

fn all(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let reply = call.ask(&[b"HGETALL".to_vec(), call.parameter("key").to_vec()]).await?;
        shown(call, &reply)
    })
}

fn set_many(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let mut words = vec![b"HSET".to_vec(), call.parameter("key").to_vec()];
        let pairs = json::pairs(&json::read(&call.body.bytes)?)?;
        words.extend(pairs.into_iter().flat_map(|(field, value)| [field, value]));
        let reply = call.ask(&words).await?;
        named(call, &[("added", &reply)])
    })
}

fn get(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let words = about("HGET", call, "field");
        value(call.ask(&words).await?)
    })
}

fn set(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let value = std::mem::take(&mut call.body.bytes);
        let [command, key, field] = about("HSET", call, "field");
        call.ask(&[command, key, field, value]).await?;
        Ok(done())
    })
}

fn remove(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let words = about("HDEL", call, "field");
        removed(&call.ask(&words).await?)
    })
}

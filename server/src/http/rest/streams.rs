//! The entries of a stream.

use super::{about, named, removed, shown};
use crate::http::call::{Call, Pending};
use crate::http::json;
use crate::http::routes::{Content, ENCODING, Operation, Verb};
use crate::http::schema::{Kind, Parameter, Shape};

const ENTRIES: &str = "/v1/db/{db}/keys/{key}/entries";

/// An id, or one end of the stream.
const ID: Kind = Kind::Like("^([0-9]{1,19}(-[0-9]{1,19})?|-|\\+)$");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: ENTRIES,
        query: &[
            Parameter { name: "start", kind: ID, about: "The first id; - without it" },
            Parameter { name: "end", kind: ID, about: "The last id; + without it" },
            Parameter { name: "count", kind: Kind::POSITION, about: "How many at most" },
            ENCODING,
        ],
        about: "Returns entries of a stream: each its id and its fields and values in turn.",
        run: range,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Post,
        path: ENTRIES,
        body: Content::Json,
        shapes: (Shape::Fields, Shape::Any),
        about: "Adds an entry with the fields of an object, and tells its id.",
        run: add,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Delete,
        path: "/v1/db/{db}/keys/{key}/entries/{id}",
        answer: (204, Content::Nothing),
        about: "Removes an entry.",
        run: remove,
        ..Operation::ROW
    },
];

fn range(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let (start, end) = (call.query_or("start", "-")?, call.query_or("end", "+")?);
        // A plus of a query is a space.
        let end = if end == b" " { b"+".to_vec() } else { end };
        let mut words = vec![b"XRANGE".to_vec(), call.parameter("key").to_vec(), start, end];
        if let Some(count) = call.query("count")? {
            words.extend([b"COUNT".to_vec(), count]);
        }
        let reply = call.ask(&words).await?;
        shown(call, &reply)
    })
}

fn add(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let mut words = vec![b"XADD".to_vec(), call.parameter("key").to_vec(), b"*".to_vec()];
        let pairs = json::pairs(&json::read(&call.body.bytes)?)?;
        words.extend(pairs.into_iter().flat_map(|(field, value)| [field, value]));
        let reply = call.ask(&words).await?;
        named(call, &[("id", &reply)])
    })
}

fn remove(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let words = about("XDEL", call, "id");
        removed(&call.ask(&words).await?)
    })
}

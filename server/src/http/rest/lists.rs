//! The items of a list.

use super::{about, done, named, shown, value};
use crate::http::call::{Call, Pending};
use crate::http::json;
use crate::http::routes::{Content, ENCODING, Operation, Verb};
use crate::http::schema::{Kind, Parameter, Shape};

const ITEMS: &str = "/v1/db/{db}/keys/{key}/items";
const ITEM: &str = "/v1/db/{db}/keys/{key}/items/{index}";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: ITEMS,
        query: &[
            Parameter { name: "start", kind: Kind::POSITION, about: "The first index; 0 without it" },
            Parameter { name: "stop", kind: Kind::POSITION, about: "The last; -1 without it" },
            ENCODING,
        ],
        about: "Returns items of a list.",
        run: range,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Post,
        path: ITEMS,
        body: Content::Json,
        query: &[Parameter {
            name: "end",
            kind: Kind::OneOf(&["right", "left"]),
            about: "Where; right without it",
        }],
        shapes: (Shape::Words, Shape::Count("length")),
        about: "Adds items, those of an array, at an end of a list, and tells its length.",
        run: push,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Delete,
        path: ITEMS,
        query: &[
            Parameter { name: "end", kind: Kind::OneOf(&["left", "right"]), about: "Where; left without it" },
            Parameter { name: "count", kind: Kind::COUNT, about: "How many; 1 without it" },
            ENCODING,
        ],
        about: "Takes items from an end of a list, and returns them.",
        run: pop,
        ..Operation::ROW
    },
    Operation {
        path: ITEM,
        answer: (200, Content::Bytes),
        about: "Returns an item.",
        run: get,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Put,
        path: ITEM,
        body: Content::Bytes,
        answer: (204, Content::Nothing),
        about: "Replaces an item.",
        run: set,
        ..Operation::ROW
    },
];

fn range(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let (start, stop) = (call.query_or("start", "0")?, call.query_or("stop", "-1")?);
        let reply = call.ask(&[b"LRANGE".to_vec(), call.parameter("key").to_vec(), start, stop]).await?;
        shown(call, &reply)
    })
}

fn push(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let command = ["RPUSH", "LPUSH"][call.choice("end", ["right", "left"])?];
        let mut words = vec![command.into(), call.parameter("key").to_vec()];
        words.extend(json::words(&json::read(&call.body.bytes)?)?);
        let reply = call.ask(&words).await?;
        named(call, &[("length", &reply)])
    })
}

fn pop(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let command = ["LPOP", "RPOP"][call.choice("end", ["left", "right"])?];
        let count = call.query_or("count", "1")?;
        let reply = call.ask(&[command.into(), call.parameter("key").to_vec(), count]).await?;
        shown(call, &reply)
    })
}

fn get(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let words = about("LINDEX", call, "index");
        value(call.ask(&words).await?)
    })
}

fn set(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let value = std::mem::take(&mut call.body.bytes);
        let [command, key, index] = about("LSET", call, "index");
        call.ask(&[command, key, index, value]).await?;
        Ok(done())
    })
}

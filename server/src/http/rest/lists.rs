//! The items of a list.

use super::{about, done, named, shown, value};
use crate::http::call::{Call, Pending};
use crate::http::json;
use crate::http::routes::{Content, ENCODING, Operation, Verb};

const ITEMS: &str = "/v1/db/{db}/keys/{key}/items";
const ITEM: &str = "/v1/db/{db}/keys/{key}/items/{index}";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: ITEMS,
        query: &[("start", "The first index; 0 without it"), ("stop", "The last; -1 without it"), ENCODING],
        about: "Returns items of a list.",
        run: range,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Post,
        path: ITEMS,
        body: Content::Json,
        query: &[("end", "right, or left")],
        about: "Adds items, those of an array, at an end of a list, and tells its length.",
        run: push,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Delete,
        path: ITEMS,
        query: &[("end", "left, or right"), ("count", "How many; 1 without it"), ENCODING],
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

fn range(mut call: Call) -> Pending {
    Box::pin(async move {
        let (start, stop) = (call.query_or("start", "0")?, call.query_or("stop", "-1")?);
        let reply = call.ask(&[b"LRANGE".to_vec(), call.parameter("key").to_vec(), start, stop]).await?;
        shown(&call, &reply)
    })
}

fn push(mut call: Call) -> Pending {
    Box::pin(async move {
        let command = ["RPUSH", "LPUSH"][call.choice("end", ["right", "left"])?];
        let mut words = vec![command.into(), call.parameter("key").to_vec()];
        words.extend(json::words(&json::read(&call.body.bytes)?)?);
        let reply = call.ask(&words).await?;
        named(&call, &[("length", &reply)])
    })
}

fn pop(mut call: Call) -> Pending {
    Box::pin(async move {
        let command = ["LPOP", "RPOP"][call.choice("end", ["left", "right"])?];
        let count = call.query_or("count", "1")?;
        let reply = call.ask(&[command.into(), call.parameter("key").to_vec(), count]).await?;
        shown(&call, &reply)
    })
}

fn get(mut call: Call) -> Pending {
    Box::pin(async move {
        let words = about("LINDEX", &call, "index");
        value(call.ask(&words).await?)
    })
}

fn set(mut call: Call) -> Pending {
    Box::pin(async move {
        let value = std::mem::take(&mut call.body.bytes);
        let [command, key, index] = about("LSET", &call, "index");
        call.ask(&[command, key, index, value]).await?;
        Ok(done())
    })
}

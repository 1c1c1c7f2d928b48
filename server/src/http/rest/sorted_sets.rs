//! The members of a sorted set, and their scores.

use super::{about, done, missing, named, removed, shown};
use crate::http::call::{Call, Pending};
use crate::http::json;
use crate::http::routes::{Content, ENCODING, Operation, Verb};
use crate::http::schema::{Kind, Parameter, Shape};
use spinel_resp::Value;

const SCORES: &str = "/v1/db/{db}/keys/{key}/scores";
const SCORE: &str = "/v1/db/{db}/keys/{key}/scores/{member}";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: SCORES,
        query: &[
            Parameter { name: "start", kind: Kind::POSITION, about: "The first rank; 0 without it" },
            Parameter { name: "stop", kind: Kind::POSITION, about: "The last; -1 without it" },
            Parameter {
                name: "order",
                kind: Kind::OneOf(&["asc", "desc"]),
                about: "desc: ranks begin at the highest score",
            },
            ENCODING,
        ],
        about: "Returns members with their scores, by rank.",
        run: range,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Patch,
        path: SCORES,
        body: Content::Json,
        shapes: (Shape::Scores, Shape::Count("added")),
        about: "Sets scores, those of an object, and tells how many members are new.",
        run: set_many,
        ..Operation::ROW
    },
    Operation { path: SCORE, about: "Returns the score of a member.", run: get, ..Operation::ROW },
    Operation {
        method: Verb::Put,
        path: SCORE,
        body: Content::Text,
        answer: (204, Content::Nothing),
        shapes: (Shape::Score, Shape::Any),
        about: "Sets the score of a member.",
        run: set,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Delete,
        path: SCORE,
        answer: (204, Content::Nothing),
        about: "Removes a member.",
        run: remove,
        ..Operation::ROW
    },
];

fn range(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let (start, stop) = (call.query_or("start", "0")?, call.query_or("stop", "-1")?);
        let mut words = vec![b"ZRANGE".to_vec(), call.parameter("key").to_vec(), start, stop];
        if call.choice("order", ["asc", "desc"])? == 1 {
            words.push(b"REV".to_vec());
        }
        words.push(b"WITHSCORES".to_vec());
        let reply = call.ask(&words).await?;
        shown(call, &reply)
    })
}

fn set_many(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let mut words = vec![b"ZADD".to_vec(), call.parameter("key").to_vec()];
        let pairs = json::pairs(&json::read(&call.body.bytes)?)?;
        words.extend(pairs.into_iter().flat_map(|(member, score)| [score, member]));
        let reply = call.ask(&words).await?;
        named(call, &[("added", &reply)])
    })
}

fn get(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let words = about("ZSCORE", call, "member");
        match call.ask(&words).await? {
            Value::Null => Err(missing()),
            score => shown(call, &score),
        }
    })
}

fn set(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let score = call.body.bytes.trim_ascii().to_vec();
        let [command, key, member] = about("ZADD", call, "member");
        call.ask(&[command, key, score, member]).await?;
        Ok(done())
    })
}

fn remove(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let words = about("ZREM", call, "member");
        removed(&call.ask(&words).await?)
    })
}

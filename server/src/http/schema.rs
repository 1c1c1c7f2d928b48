//! What parameters, bodies and answers may hold, as JSON Schema tells it in the description of the interface.

use serde_json::{Value, json};

/// A name that the query may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
}

/// What a parameter may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Text,
    /// Several texts: the name stands again for each.
    Texts,
    /// A text of a regular expression.
    Like(&'static str),
    OneOf(&'static [&'static str]),
    /// A number between two others.
    Number(i64, u64),
}

impl Kind {
    /// Any position in a list or a sorted set.
    pub(super) const POSITION: Kind = Kind::Number(i64::MIN, i64::MAX as u64);
    /// How many of something.
    pub(super) const COUNT: Kind = Kind::Number(0, i64::MAX as u64);

    /// What JSON Schema says of it.
    pub(super) fn schema(self) -> Value {
        match self {
            Kind::Text => json!({ "type": "string" }),
            Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Kind::Like(pattern) => json!({ "type": "string", "pattern": pattern }),
            Kind::OneOf(texts) => json!({ "type": "string", "enum": texts }),
            Kind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        }
    }
}

/// What JSON or text has to look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    Any,
    /// An array of words.
    Words,
    /// An array of arrays of words.
    Commands,
    /// Names and words.
    Fields,
    /// Names and numbers.
    Scores,
    /// A number as text.
    Score,
    /// An object with one number of this name.
    Count(&'static str),
    /// A page of keys.
    Page,
    /// What there is about a key.
    Meta,
    /// What became of a command.
    Result,
    /// What became of several.
    Results,
}

impl Shape {
    /// What JSON Schema says of it.
    pub(super) fn schema(self) -> Value {
        let named = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        match self {
            Shape::Any => json!({}),
            Shape::Words => json!({ "type": "array", "minItems": 1, "items": named("word") }),
            Shape::Commands => json!({ "type": "array", "items": Shape::Words.schema() }),
            Shape::Fields => json!({
                "type": "object", "minProperties": 1, "additionalProperties": named("word"),
            }),
            Shape::Scores => json!({
                "type": "object", "minProperties": 1, "additionalProperties": { "type": "number" },
            }),
            Shape::Score => json!({ "type": "string", "pattern": "^-?[0-9]{1,9}(\\.[0-9]{1,9})?$" }),
            Shape::Count(name) => json!({
                "type": "object", "required": [name], "properties": { name: { "type": "integer" } },
            }),
            Shape::Page => json!({
                "type": "object",
                "required": ["cursor", "keys"],
                "properties": {
                    "cursor": Kind::Like("^[0-9]+$").schema(),
                    "keys": { "type": "array", "items": named("bytes") },
                },
            }),
            Shape::Meta => json!({
                "type": "object",
                "required": ["type", "ttl_ms"],
                "properties": { "type": { "type": "string" }, "ttl_ms": { "type": ["integer", "null"] } },
            }),
            Shape::Result => named("result"),
            Shape::Results => json!({ "type": "array", "items": named("result") }),
        }
    }
}

/// What others refer to by name.
pub(super) fn components() -> Value {
    let base64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";
    json!({
        "bytes": {
            "description": "A text; bytes that are no UTF-8 in Base64.",
            "anyOf": [{ "type": "string" }, { "$ref": "#/components/schemas/base64" }],
        },
        "word": {
            "anyOf": [{ "$ref": "#/components/schemas/bytes" }, { "type": "number" }],
        },
        "base64": {
            "type": "object",
            "required": ["base64"],
            "additionalProperties": false,
            "properties": { "base64": { "type": "string", "contentEncoding": "base64", "pattern": base64 } },
        },
        "result": {
            "description": "What a command replies, or what is wrong with it.",
            "anyOf": [
                { "type": "object", "required": ["result"] },
                { "$ref": "#/components/schemas/problem" },
            ],
        },
        "problem": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": { "code": { "type": "string" }, "message": { "type": "string" } },
                },
            },
        },
    })
}

/// What a name in a path stands for.
pub(super) fn of_path(name: &str) -> Value {
    match name {
        "db" => Kind::Number(0, u64::from(u16::MAX)).schema(),
        "index" => Kind::POSITION.schema(),
        "id" => Kind::Like("^[0-9]{1,19}-[0-9]{1,19}$").schema(),
        _ => json!({ "type": "string", "minLength": 1 }),
    }
}

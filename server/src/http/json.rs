//! Replies as JSON, and JSON as words of commands. JSON's texts are Unicode, words are bytes: what is no UTF-8 stands as
//! `{"base64": "…"}`, both ways.

use super::answer::{self, Problem};
use super::base64;
use axum::http::StatusCode;
use spinel_resp::Value;

/// How bytes stand in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    /// As text, where they are UTF-8.
    Text,
    /// All in Base64, so that nobody has to look.
    Base64,
}

/// Adds a reply.
pub(super) fn write(value: &Value, encoding: Encoding, out: &mut Vec<u8>) {
    match value {
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim { text, .. } => bytes(text, encoding, out),
        Value::Error(text) => error(text, out),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Boolean(is_true) => out.extend_from_slice(if *is_true { b"true" } else { b"false" }),
        Value::Double(double) if double.value().is_finite() => number(double.value(), out),
        Value::Double(double) => text(double.text(), out),
        Value::BigNumber(digits) => text(digits, out),
        Value::Array(values) | Value::Set(values) | Value::Push(values) => {
            list(values, *b"[]", out, |value, out| write(value, encoding, out));
        }
        Value::Map(pairs) => map(pairs, encoding, out),
        Value::Attributed { value, .. } => write(value, encoding, out),
        // Also `Value::Null`.
        _ => out.extend_from_slice(b"null"),
    }
}

/// Adds what became of a command: an object with its result, or its error.
pub(super) fn result(reply: &Value, encoding: Encoding, out: &mut Vec<u8>) {
    if let Value::Error(text) = reply {
        return error(text, out);
    }
    out.extend_from_slice(b"{\"result\":");
    write(reply, encoding, out);
    out.push(b'}');
}

/// Adds bytes.
pub(super) fn bytes(bytes: &[u8], encoding: Encoding, out: &mut Vec<u8>) {
    let is_text = encoding == Encoding::Text;
    match std::str::from_utf8(bytes) {
        Ok(content) if is_text => text(content, out),
        _ => {
            out.extend_from_slice(if is_text { b"{\"base64\":\"" } else { b"\"" });
            base64::encode(bytes, out);
            out.extend_from_slice(if is_text { b"\"}" } else { b"\"" });
        }
    }
}

/// Adds an error reply as an object with its code and what it says.
pub(super) fn error(error: &[u8], out: &mut Vec<u8>) {
    let content = String::from_utf8_lossy(error);
    let (code, message) = answer::split(&content);
    out.extend_from_slice(b"{\"error\":{\"code\":");
    text(code, out);
    out.extend_from_slice(b",\"message\":");
    text(message, out);
    out.extend_from_slice(b"}}");
}

fn text(content: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, content).expect("memory takes any text");
}

fn number(number: f64, out: &mut Vec<u8>) {
    serde_json::to_writer(out, &number).expect("memory takes any number");
}

/// Adds what is between two brackets, with commas between.
fn list<T>(values: &[T], brackets: [u8; 2], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(brackets[0]);
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(value, out);
    }
    out.push(brackets[1]);
}

/// Adds a map as an object; as an array of pairs if a name is no text.
fn map(pairs: &[(Value, Value)], encoding: Encoding, out: &mut Vec<u8>) {
    let is_named = |(name, _): &(Value, Value)| match name {
        Value::Simple(name) | Value::Bulk(name) => {
            encoding == Encoding::Base64 || std::str::from_utf8(name).is_ok()
        }
        _ => false,
    };
    let (brackets, between) = if pairs.iter().all(is_named) { (*b"{}", b':') } else { (*b"[]", b',') };
    list(pairs, brackets, out, |(name, value), out| {
        if between == b',' {
            out.push(b'[');
        }
        write(name, encoding, out);
        out.push(between);
        write(value, encoding, out);
        if between == b',' {
            out.push(b']');
        }
    });
}

/// Adds an object whose names are ours.
pub(super) fn object(pairs: &[(&str, &Value)], encoding: Encoding, out: &mut Vec<u8>) {
    list(pairs, *b"{}", out, |(name, value), out| {
        text(name, out);
        out.push(b':');
        write(value, encoding, out);
    });
}

/// Reads JSON. It is nested at most 128 levels deep.
pub(super) fn read(bytes: &[u8]) -> Result<serde_json::Value, Problem> {
    serde_json::from_slice(bytes).map_err(|error| wrong(&format!("The body is no JSON: {error}.")))
}

/// The problem of JSON that is not what is asked for.
pub(super) fn wrong(message: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "JSON", message)
}

/// A word: a text, a number, or an object with the name `base64`.
pub(super) fn word(json: &serde_json::Value) -> Result<Vec<u8>, Problem> {
    use serde_json::Value as Json;
    match json {
        Json::String(text) => Ok(text.as_bytes().to_vec()),
        Json::Number(number) => Ok(number.to_string().into_bytes()),
        Json::Object(object) => {
            let encoded = object.get("base64").filter(|_| object.len() == 1).and_then(Json::as_str);
            let bytes = encoded.and_then(|encoded| base64::decode(encoded.as_bytes()));
            bytes.ok_or_else(|| wrong("An object in place of a word is {\"base64\": \"…\"}."))
        }
        _ => Err(wrong("A word is a text, a number, or {\"base64\": \"…\"}.")),
    }
}

/// The words of an array.
pub(super) fn words(json: &serde_json::Value) -> Result<Vec<Vec<u8>>, Problem> {
    let array = json.as_array().filter(|array| !array.is_empty());
    array.ok_or_else(|| wrong("An array of words is asked for."))?.iter().map(word).collect()
}

/// A name and a word.
type Pair = (Vec<u8>, Vec<u8>);

/// The names and words of an object.
pub(super) fn pairs(json: &serde_json::Value) -> Result<Vec<Pair>, Problem> {
    let object = json.as_object().filter(|object| !object.is_empty());
    let object = object.ok_or_else(|| wrong("An object of words is asked for."))?;
    object.iter().map(|(name, value)| Ok((name.as_bytes().to_vec(), word(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(reply: &[u8], encoding: Encoding) -> String {
        let (value, _) = spinel_resp::decode(reply).expect("it is a reply").expect("it is whole");
        let mut out = Vec::new();
        write(&value, encoding, &mut out);
        String::from_utf8(out).expect("JSON is text")
    }

    #[test]
    fn replies_of_all_types_are_json() {
        for (reply, expected) in [
            (&b"+OK\r\n"[..], "\"OK\""),
            (b"-ERR no\r\n", "{\"error\":{\"code\":\"ERR\",\"message\":\"no\"}}"),
            (b":-5\r\n", "-5"),
            (b"$4\r\na\"\n\x01\r\n", "\"a\\\"\\n\\u0001\""),
            (b"$1\r\n\xff\r\n", "{\"base64\":\"/w==\"}"),
            (b"_\r\n", "null"),
            (b",1.5\r\n", "1.5"),
            (b",inf\r\n", "\"inf\""),
            (b"#t\r\n", "true"),
            (b"(12345678901234567890\r\n", "\"12345678901234567890\""),
            (b"=5\r\ntxt:x\r\n", "\"x\""),
            (b"~2\r\n:1\r\n*0\r\n", "[1,[]]"),
            (b"%2\r\n+a\r\n:1\r\n$1\r\nb\r\n_\r\n", "{\"a\":1,\"b\":null}"),
            (b"%1\r\n$1\r\n\xff\r\n:1\r\n", "[[{\"base64\":\"/w==\"},1]]"),
        ] {
            assert_eq!(shown(reply, Encoding::Text), expected);
        }
        assert_eq!(shown(b"%1\r\n$1\r\n\xff\r\n$1\r\na\r\n", Encoding::Base64), "{\"/w==\":\"YQ==\"}");
    }

    #[test]
    fn words_are_texts_numbers_and_base64() {
        let read = |json: &str| words(&read(json.as_bytes())?);
        let expected = vec![b"SET".to_vec(), b"1.5".to_vec(), b"\xff\0".to_vec()];
        assert_eq!(read(r#"["SET", 1.5, {"base64": "/wA="}]"#).expect("they are words"), expected);
        for json in ["", "{}", "[]", "[[]]", "[null]", "[true]", r#"[{"base64": 1}]"#, r#"[{"base64": "?"}]"#]
        {
            assert!(read(json).is_err(), "{json}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}

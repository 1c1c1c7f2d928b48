//! Replies and what `redis-cli` 8.0.6 printed for them with `--no-raw`, `--raw`, `--csv` and `--json`.
//!
//! They were recorded by a server that answers every command with the same bytes. Where this client differs on
//! purpose, the test says so.

use super::{Delimiters, OutputFormat, Printer};
use spinel_resp::value::{Value, decode};

/// The bytes of a reply and their four looks.
struct Case {
    name: &'static str,
    reply: &'static [u8],
    standard: &'static [u8],
    raw: &'static [u8],
    csv: &'static [u8],
    json: &'static [u8],
}

fn value(bytes: &[u8]) -> Value {
    let (value, used) = decode(bytes).unwrap().expect("the bytes are complete");
    assert_eq!(used, bytes.len());
    value
}

fn printer(format: OutputFormat) -> Printer {
    Printer { format, delimiters: Delimiters::default() }
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

#[track_caller]
fn check(name: &str, printed: &[u8], expected: &[u8]) {
    assert_eq!(printed, expected, "{name}: {:?}, not {:?}", printed.escape_ascii(), expected.escape_ascii());
}

#[test]
fn replies_look_as_in_redis_cli() {
    for case in CASES {
        let looks = [
            (OutputFormat::Standard, case.standard),
            (OutputFormat::Raw, case.raw),
            (OutputFormat::Csv, case.csv),
            (OutputFormat::Json, case.json),
        ];
        for (format, expected) in looks {
            let printed = printer(format).reply(&words("get x"), &value(case.reply));
            check(&format!("{} as {format:?}", case.name), &printed, expected);
        }
    }
}

/// `redis-cli` knows no big numbers: it stops with "Unknown reply type: 13".
#[test]
fn big_numbers_are_shown() {
    let big = value(b"(12345678901234567890\r\n");
    check(
        "standard",
        &printer(OutputFormat::Standard).reply(&[], &big),
        b"(big number) 12345678901234567890\n",
    );
    check("json", &printer(OutputFormat::Json).reply(&[], &big), b"12345678901234567890\n");
}

/// `redis-cli` puts the quotes around the key and escapes nothing in it, which is no JSON.
#[test]
fn a_json_key_that_is_a_collection_is_escaped() {
    let reply = value(b"%1\r\n*1\r\n$1\r\na\r\n:1\r\n");
    check("key", &printer(OutputFormat::Json).reply(&[], &reply), b"{\"[\\\"a\\\"]\":1}\n");
}

#[test]
fn raw_delimiters_can_be_chosen() {
    let delimiters = Delimiters { element: b",".to_vec(), reply: b"|".to_vec() };
    let printer = Printer { format: OutputFormat::Raw, delimiters };

    check("map", &printer.reply(&[], &value(b"%2\r\n+a\r\n+b\r\n+c\r\n*2\r\n+d\r\n+e\r\n")), b"a b,c d,e|");
    check("error", &printer.reply(&[], &value(b"*2\r\n-ERR a\r\n+b\r\n")), b"ERR a\n,b|");
}

#[test]
fn reports_are_never_dressed_up() {
    let text = value(b"$4\r\na\r\nb\r\n");
    for format in [OutputFormat::Standard, OutputFormat::Raw, OutputFormat::Csv, OutputFormat::Json] {
        for line in [
            "info",
            "INFO server",
            "lolwut",
            "Client LIST",
            "cluster nodes",
            "memory doctor",
            "latency graph x",
        ] {
            check(line, &printer(format).reply(&words(line), &text), b"a\r\nb");
        }
        for line in ["client id", "cluster", "memory stats", "get info", "latency histogram"] {
            assert_ne!(printer(format).reply(&words(line), &text), b"a\r\nb", "{line}");
        }
    }
}

#[test]
fn invalidations_are_told_in_a_line() {
    let push = value(b">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    check("keys", &printer(OutputFormat::Standard).push(&push), b"-> invalidate: 'a', 'b'\n");
    check("raw", &printer(OutputFormat::Raw).push(&push), b"invalidate\na\nb\n");

    let flushed = value(b">2\r\n$10\r\ninvalidate\r\n_\r\n");
    check("all", &printer(OutputFormat::Standard).push(&flushed), b"1) \"invalidate\"\n2) (nil)\n");
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case {
        name: "a status",
        reply: b"+OK\r\n",
        standard: b"OK\n",
        raw: b"OK\n",
        csv: b"\"OK\"\n",
        json: b"\"OK\"\n",
    },
    Case {
        name: "an error",
        reply: b"-ERR bad \"x\"\r\n",
        standard: b"(error) ERR bad \"x\"\n",
        raw: b"ERR bad \"x\"\n\n",
        csv: b"ERROR,\"ERR bad \\\"x\\\"\"\n",
        json: b"error:\"ERR bad \\\"x\\\"\"\n",
    },
    Case {
        name: "an integer",
        reply: b":-12\r\n",
        standard: b"(integer) -12\n",
        raw: b"-12\n",
        csv: b"-12\n",
        json: b"-12\n",
    },
    Case {
        name: "a string with control bytes",
        reply: b"$12\r\n\x07\x08\t\n\r\x1b~\x7f\x80\"\\ \r\n",
        standard: b"\"\\a\\b\\t\\n\\r\\x1b~\\x7f\\x80\\\"\\\\ \"\n",
        raw: b"\x07\x08\t\n\r\x1b~\x7f\x80\"\\ \n",
        csv: b"\"\\a\\b\\t\\n\\r\\x1b~\\x7f\\x80\\\"\\\\ \"\n",
        json: b"\"\\u0007\\b\\t\\n\\r\\u001b~\x7f\x80\\\"\\\\ \"\n",
    },
    Case {
        name: "a form feed",
        reply: b"$2\r\n\x0c/\r\n",
        standard: b"\"\\x0c/\"\n",
        raw: b"\x0c/\n",
        csv: b"\"\\x0c/\"\n",
        json: b"\"\\f/\"\n",
    },
    Case {
        name: "an empty string",
        reply: b"$0\r\n\r\n",
        standard: b"\"\"\n",
        raw: b"\n",
        csv: b"\"\"\n",
        json: b"\"\"\n",
    },
    Case {
        name: "a null string",
        reply: b"$-1\r\n",
        standard: b"(nil)\n",
        raw: b"\n",
        csv: b"NULL\n",
        json: b"null\n",
    },
    Case {
        name: "a null array",
        reply: b"*-1\r\n",
        standard: b"(nil)\n",
        raw: b"\n",
        csv: b"NULL\n",
        json: b"null\n",
    },
    Case {
        name: "a null",
        reply: b"_\r\n",
        standard: b"(nil)\n",
        raw: b"\n",
        csv: b"NULL\n",
        json: b"null\n",
    },
    Case {
        name: "an empty array",
        reply: b"*0\r\n",
        standard: b"(empty array)\n",
        raw: b"\n",
        csv: b"\n",
        json: b"[]\n",
    },
    Case {
        name: "an empty map",
        reply: b"%0\r\n",
        standard: b"(empty hash)\n",
        raw: b"\n",
        csv: b"\n",
        json: b"{}\n",
    },
    Case {
        name: "an empty set",
        reply: b"~0\r\n",
        standard: b"(empty set)\n",
        raw: b"\n",
        csv: b"\n",
        json: b"[]\n",
    },
    Case {
        name: "an empty push within a reply",
        reply: b"*1\r\n>0\r\n",
        standard: b"1) (empty push)\n",
        raw: b"\n",
        csv: b"\n",
        json: b"[[]]\n",
    },
    Case {
        name: "an array",
        reply: b"*3\r\n$1\r\na\r\n:1\r\n$-1\r\n",
        standard: b"1) \"a\"\n2) (integer) 1\n3) (nil)\n",
        raw: b"a\n1\n\n",
        csv: b"\"a\",1,NULL\n",
        json: b"[\"a\",1,null]\n",
    },
    Case {
        name: "a set",
        reply: b"~2\r\n$1\r\na\r\n#f\r\n",
        standard: b"1~ \"a\"\n2~ (false)\n",
        raw: b"a\n(false)\n",
        csv: b"\"a\",false\n",
        json: b"[\"a\",false]\n",
    },
    Case {
        name: "a double",
        reply: b",1.50\r\n",
        standard: b"(double) 1.50\n",
        raw: b"1.50\n",
        csv: b"1.50\n",
        json: b"1.50\n",
    },
    Case {
        name: "an infinite double",
        reply: b",-inf\r\n",
        standard: b"(double) -inf\n",
        raw: b"-inf\n",
        csv: b"-inf\n",
        json: b"-inf\n",
    },
    Case {
        name: "a truth",
        reply: b"#t\r\n",
        standard: b"(true)\n",
        raw: b"(true)\n",
        csv: b"true\n",
        json: b"true\n",
    },
    Case {
        name: "a verbatim text",
        reply: b"=9\r\ntxt:a\nb\n\"\r\n",
        standard: b"a\nb\n\"\n",
        raw: b"a\nb\n\"\n",
        csv: b"\"a\\nb\\n\\\"\"\n",
        json: b"\"a\\nb\\n\\\"\"\n",
    },
    Case {
        name: "an error within a reply",
        reply: b"*2\r\n-ERR x\r\n+OK\r\n",
        standard: b"1) (error) ERR x\n2) OK\n",
        raw: b"ERR x\n\nOK\n",
        csv: b"ERROR,\"ERR x\",\"OK\"\n",
        json: b"[error:\"ERR x\",\"OK\"]\n",
    },
    Case {
        name: "empty things within a reply",
        reply: b"*2\r\n$0\r\n\r\n*0\r\n",
        standard: b"1) \"\"\n2) (empty array)\n",
        raw: b"\n\n",
        csv: b"\"\",\n",
        json: b"[\"\",[]]\n",
    },
    Case {
        name: "ten elements and more",
        reply: b"*2\r\n*2\r\n$1\r\na\r\n*1\r\n*0\r\n*10\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        standard: b"1) 1) \"a\"\n   2) 1) (empty array)\n2)  1) (integer) 1\n    2) (integer) 1\n    3) (integer) 1\n    4) (integer) 1\n    5) (integer) 1\n    6) (integer) 1\n    7) (integer) 1\n    8) (integer) 1\n    9) (integer) 1\n   10) (integer) 1\n",
        raw: b"a\n\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n",
        csv: b"\"a\",,1,1,1,1,1,1,1,1,1,1\n",
        json: b"[[\"a\",[[]]],[1,1,1,1,1,1,1,1,1,1]]\n",
    },
    Case {
        name: "a map",
        reply: b"%2\r\n$1\r\nk\r\n$1\r\nv\r\n+s\r\n*2\r\n:1\r\n:2\r\n",
        standard: b"1# \"k\" => \"v\"\n2# s => \n   1) (integer) 1\n   2) (integer) 2\n",
        raw: b"k v\ns 1\n2\n",
        csv: b"\"k\",\"v\",\"s\",1,2\n",
        json: b"{\"k\":\"v\",\"s\":[1,2]}\n",
    },
    Case {
        name: "a map of ten and more",
        reply: b"%10\r\n+a\r\n*1\r\n*2\r\n+b\r\n+c\r\n+a\r\n*1\r\n*2\r\n+b\r\n+c\r\n+a\r\n*1\r\n*2\r\n+b\r\n+c\r\n+a\r\n*1\r\n*2\r\n+b\r\n+c\r\n+a\r\n*1\r\n*2\r\n+b\r\n+c\r\n+a\r\n*1\r\n*2\r\n+b\r\n+c\r\n+a\r\n*1\r\n*2\r\n+b\r\n+c\r\n+a\r\n*1\r\n*2\r\n+b\r\n+c\r\n+a\r\n*1\r\n*2\r\n+b\r\n+c\r\n+a\r\n*1\r\n*2\r\n+b\r\n+c\r\n",
        standard: b" 1# a => \n    1) 1) b\n       2) c\n 2# a => \n    1) 1) b\n       2) c\n 3# a => \n    1) 1) b\n       2) c\n 4# a => \n    1) 1) b\n       2) c\n 5# a => \n    1) 1) b\n       2) c\n 6# a => \n    1) 1) b\n       2) c\n 7# a => \n    1) 1) b\n       2) c\n 8# a => \n    1) 1) b\n       2) c\n 9# a => \n    1) 1) b\n       2) c\n10# a => \n    1) 1) b\n       2) c\n",
        raw: b"a b\nc\na b\nc\na b\nc\na b\nc\na b\nc\na b\nc\na b\nc\na b\nc\na b\nc\na b\nc\n",
        csv: b"\"a\",\"b\",\"c\",\"a\",\"b\",\"c\",\"a\",\"b\",\"c\",\"a\",\"b\",\"c\",\"a\",\"b\",\"c\",\"a\",\"b\",\"c\",\"a\",\"b\",\"c\",\"a\",\"b\",\"c\",\"a\",\"b\",\"c\",\"a\",\"b\",\"c\"\n",
        json: b"{\"a\":[[\"b\",\"c\"]],\"a\":[[\"b\",\"c\"]],\"a\":[[\"b\",\"c\"]],\"a\":[[\"b\",\"c\"]],\"a\":[[\"b\",\"c\"]],\"a\":[[\"b\",\"c\"]],\"a\":[[\"b\",\"c\"]],\"a\":[[\"b\",\"c\"]],\"a\":[[\"b\",\"c\"]],\"a\":[[\"b\",\"c\"]]}\n",
    },
    Case {
        name: "maps in an array",
        reply: b"*2\r\n%1\r\n+a\r\n+b\r\n%1\r\n+a\r\n%1\r\n+b\r\n~2\r\n+c\r\n+d\r\n",
        standard: b"1) 1# a => b\n2) 1# a => \n      1# b => \n         1~ c\n         2~ d\n",
        raw: b"a b\na b c\nd\n",
        csv: b"\"a\",\"b\",\"a\",\"b\",\"c\",\"d\"\n",
        json: b"[{\"a\":\"b\"},{\"a\":{\"b\":[\"c\",\"d\"]}}]\n",
    },
    Case {
        name: "a map in a map",
        reply: b"%1\r\n+a\r\n%2\r\n+b\r\n+c\r\n+d\r\n+e\r\n",
        standard: b"1# a => \n   1# b => c\n   2# d => e\n",
        raw: b"a b c\nd e\n",
        csv: b"\"a\",\"b\",\"c\",\"d\",\"e\"\n",
        json: b"{\"a\":{\"b\":\"c\",\"d\":\"e\"}}\n",
    },
    Case {
        name: "a chain of single elements",
        reply: b"%1\r\n+a\r\n*1\r\n%1\r\n+b\r\n~1\r\n+c\r\n",
        standard: b"1# a => 1) 1# b => 1~ c\n",
        raw: b"a b c\n",
        csv: b"\"a\",\"b\",\"c\"\n",
        json: b"{\"a\":[{\"b\":[\"c\"]}]}\n",
    },
    Case {
        name: "a chain that ends in two",
        reply: b"%1\r\n+a\r\n~1\r\n*2\r\n+b\r\n+c\r\n",
        standard: b"1# a => \n   1~ 1) b\n      2) c\n",
        raw: b"a b\nc\n",
        csv: b"\"a\",\"b\",\"c\"\n",
        json: b"{\"a\":[[\"b\",\"c\"]]}\n",
    },
    Case {
        name: "keys that are no strings",
        reply: b"%4\r\n:1\r\n+a\r\n$-1\r\n+b\r\n#t\r\n+c\r\n,1.0\r\n*0\r\n",
        standard: b"1# (integer) 1 => a\n2# (nil) => b\n3# (true) => c\n4# (double) 1.0 => (empty array)\n",
        raw: b"1 a\n b\n(true) c\n1.0 \n",
        csv: b"1,\"a\",NULL,\"b\",true,\"c\",1.0,\n",
        json: b"{\"1\":\"a\",\"null\":\"b\",\"true\":\"c\",\"1.0\":[]}\n",
    },
    Case {
        name: "a key of two lines",
        reply: b"%1\r\n+a\r\n%1\r\n~2\r\n:1\r\n:2\r\n+d\r\n",
        standard: b"1# a => 1# 1~ (integer) 1\n      2~ (integer) 2 => d\n",
        raw: b"a 1\n2 d\n",
        csv: b"\"a\",1,2,\"d\"\n",
        json: b"{\"a\":{\"[1,2]\":\"d\"}}\n",
    },
    Case {
        name: "an error as a value",
        reply: b"%1\r\n+a\r\n-ERR x\"\r\n",
        standard: b"1# a => (error) ERR x\"\n",
        raw: b"a ERR x\"\n\n",
        csv: b"\"a\",ERROR,\"ERR x\\\"\"\n",
        json: b"{\"a\":error:\"ERR x\\\"\"}\n",
    },
];

#[test]
fn quoted_json_is_ascii() {
    let printer = Printer { format: OutputFormat::QuotedJson, delimiters: Delimiters::default() };
    let reply =
        Value::Map(vec![(Value::Bulk("é\"".into()), Value::Array(vec![Value::Bulk(b"a\xff\n".into())]))]);
    assert_eq!(
        printer.reply(&[], &reply),
        br#"{"\\xc3\\xa9\\\"":["a\\xff\\n"]}
"#
    );
}

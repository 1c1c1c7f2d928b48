//! RESP2 and RESP3: an incremental request parser, a reply writer and a value decoder for clients.
//!
//! This is the protocol and nothing else. It must not know commands (what a request's words mean) nor sockets (where
//! bytes come from): everything here is a function of bytes already at hand, and remembers in plain state where it
//! stopped.
//!
//! ```
//! use spinel_resp::reply::{Protocol, ReplyWriter};
//! use spinel_resp::request::{Batch, Limits, Parser};
//! use spinel_resp::value::{Value, decode, encode_request};
//!
//! let mut input = Vec::new();
//! encode_request(["INCR", "visits"], &mut input);
//!
//! let (mut parser, mut batch) = (Parser::new(), Batch::new());
//! parser.parse(&input, &Limits::DEFAULT, &mut batch).unwrap();
//! let words = batch.request(0, &input);
//! assert_eq!((words.get(0), words.get(1)), (&b"INCR"[..], &b"visits"[..]));
//!
//! let mut reply = ReplyWriter::new(Protocol::Resp3);
//! reply.integer(1);
//! assert_eq!(decode(reply.bytes()), Ok(Some((Value::Integer(1), 4))));
//! ```
//!
//! Start reading at [`request::Parser::parse`], the path of every command; then [`reply::ReplyWriter`].

pub mod number;
pub mod reply;
pub mod request;
pub mod value;
mod wire;

pub use number::{format_double, parse_double, parse_integer};
pub use reply::{Protocol, ReplyWriter};
pub use request::{Batch, Limits, Parser, ProtocolError, Words};
pub use value::{DecodeError, Decoder, Value, decode, encode_request, encode_words, encoded_length};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

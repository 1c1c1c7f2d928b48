//! The rules of a shared HTTP cache: what may be stored, for how long it is used, and what answers a request.
//!
//! Nothing here opens a socket, knows a store, or asks for the time: a request, what is stored under its key
//! ([`HttpCache`](spinel_types::HttpCache)) and the time come in, a decision goes out.
//!
//! Moments are Unix milliseconds; spans are seconds, as HTTP counts them. Nothing that comes from outside is an error: what
//! cannot be read is taken as RFC 9111 says, which is as if it were stale, or not there.

pub mod answer;
pub mod cache_status;
pub mod condition;
pub mod connection;
pub mod date;
pub mod directives;
pub mod etag;
pub mod explain;
pub mod forward;
pub mod freshen;
mod freshness;
mod headers;
pub mod invalidate;
mod list;
pub mod lookup;
mod message;
pub mod multipart;
pub mod policy;
pub mod range;
pub mod rules;
pub mod selector;
pub mod storing;
pub mod structured;
pub mod tags;
mod targeted;
#[cfg(test)]
mod testing;
pub mod timeline;

pub use headers::Headers;
pub use message::{Head, Request, Times};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! RESP2 and RESP3: an incremental request parser, a reply writer and a value decoder for clients.

pub mod number;
pub mod reply;
pub mod request;
pub mod value;
mod wire;

//! What calls do to keys, as a listener of keyspace notifications hears it.

use crate::Outcome;
use crate::resp::{Connection, Reply, encode};

/// All classes, of reads that find nothing and of new keys, too.
const CLASSES: &str = "KEAmn";
/// What ends the events of a call.
const END: &[u8] = b"all events have come";
/// Events that come when time passes, not when a call runs.
const TIMELY: [&[u8]; 3] = [b"expired", b"hexpired", b"evicted"];

/// A connection that listens.
pub(super) struct Ear(Connection);

impl Ear {
    /// Makes a server tell of all events and listens to them.
    pub(super) fn open(mut connection: Connection) -> Outcome<Ear> {
        connection.expect(&["CONFIG", "SET", "notify-keyspace-events", CLASSES])?;
        connection.expect(&["PSUBSCRIBE", "__key*@*__:*"])?;
        Ok(Ear(connection))
    }

    /// The events of the calls so far, as pairs of channel and message.
    pub(super) fn hear(&mut self) -> Outcome<Reply> {
        let mut bytes = Vec::new();
        encode(&[b"PING".to_vec(), END.to_vec()], &mut bytes);
        self.0.send(&bytes)?;
        let mut events = Vec::new();
        loop {
            let Reply::Aggregate { items, .. } = self.0.receive()? else {
                return Err("a listener received something else than a message".into());
            };
            match &items[..] {
                [_, Reply::Blob { bytes, .. }] if bytes == END => break,
                [_, _, channel, event] if !is_timely(channel) && !is_timely(event) => {
                    events.extend([channel.clone(), event.clone()]);
                }
                _ => {}
            }
        }
        Ok(Reply::Aggregate { marker: b'*', items: events })
    }
}

fn is_timely(word: &Reply) -> bool {
    let Reply::Blob { bytes, .. } = word else { return false };
    TIMELY.iter().any(|name| bytes == name || bytes.ends_with(&[b"__:", *name].concat()))
}

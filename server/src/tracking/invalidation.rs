//! The message that values of keys are no longer what they were.

use crate::pubsub::Counts;
use spinel_resp::{Protocol, ReplyWriter};

/// The channel by which clients of RESP2 hear of it.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// Which keys a message is about.
pub(super) enum Invalidation {
    /// These, written as an array.
    Keys(Vec<u8>),
    /// All: the database was emptied.
    Everything,
}

impl Invalidation {
    pub(super) fn of<'k>(keys: impl ExactSizeIterator<Item = &'k [u8]>) -> Invalidation {
        let mut writer = ReplyWriter::new(Protocol::Resp2);
        writer.array(keys.len());
        keys.for_each(|key| writer.bulk(key));
        Invalidation::Keys(writer.take())
    }

    /// Of a key, or of everything.
    pub(super) fn of_change(key: Option<&[u8]>) -> Invalidation {
        key.map_or(Invalidation::Everything, |key| Invalidation::of([key].into_iter()))
    }

    /// Appends the message for a client of a protocol; nothing where it has no way to hear of it. RESP2 can only
    /// tell those who listen to channels, of what others read. `reader` is the protocol of the client that read.
    pub(super) fn append_to(
        &self,
        bytes: &mut Vec<u8>,
        (protocol, counts): (Protocol, Counts),
        redirected: Option<Protocol>,
    ) {
        let mut head = ReplyWriter::new(protocol);
        if protocol == Protocol::Resp3 {
            head.push(2);
            head.bulk(b"invalidate");
        } else if redirected.is_some() && counts.is_any() {
            head.array(3);
            head.bulk(b"message");
            head.bulk(CHANNEL);
        } else {
            return;
        }
        bytes.extend_from_slice(head.bytes());
        match self {
            Invalidation::Keys(keys) => bytes.extend_from_slice(keys),
            // The null is that of the client that read, whoever is told.
            Invalidation::Everything => {
                let mut null = ReplyWriter::new(redirected.unwrap_or(protocol));
                null.null();
                bytes.extend_from_slice(null.bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(invalidation: &Invalidation, to: (Protocol, Counts), redirected: Option<Protocol>) -> String {
        let mut bytes = Vec::new();
        invalidation.append_to(&mut bytes, to, redirected);
        String::from_utf8(bytes).expect("the keys are text").replace("\r\n", " ")
    }

    #[test]
    fn each_protocol_has_its_form() {
        let keys = Invalidation::of([&b"a"[..], b"b"].into_iter());
        let (deaf, listening) = (Counts::default(), Counts { channels: 1, ..Counts::default() });
        let (old, new) = (Protocol::Resp2, Protocol::Resp3);
        assert_eq!(written(&keys, (new, deaf), None), ">2 $10 invalidate *2 $1 a $1 b ");
        assert_eq!(written(&keys, (old, listening), None), "");
        assert_eq!(written(&keys, (old, deaf), Some(old)), "");
        let message = "*3 $7 message $20 __redis__:invalidate ";
        assert_eq!(written(&keys, (old, listening), Some(new)), format!("{message}*2 $1 a $1 b "));
        let all = Invalidation::Everything;
        assert_eq!(written(&all, (old, listening), Some(old)), format!("{message}$-1 "));
        assert_eq!(written(&all, (new, deaf), None), ">2 $10 invalidate _ ");
    }
}

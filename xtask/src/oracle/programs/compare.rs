//! What the connections received in a step, on both servers, and whether that is the same.

use std::fmt::{self, Display, Formatter};

use super::actor::Actor;
use super::allowed::{self, Allowance};
use super::program::Step;
use crate::resp::Reply;
use crate::transcript::{Expectation, Observed};

/// What one connection received in a step, and how it stood afterwards.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    /// Replies and pushes in their order.
    pub(crate) frames: Vec<Reply>,
    /// Whether the server has closed it.
    pub(crate) is_closed: bool,
    /// Whether it is blocked.
    pub(crate) is_blocked: bool,
    /// Whether it gave up waiting before its time.
    pub(crate) is_early: bool,
}

/// A connection that received something else from the two servers.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    /// The place of the step in the program; that after the last one is for the state at the end.
    pub(crate) step: usize,
    /// What differs: a connection, or what was asked at the end.
    pub(crate) place: String,
    /// What came from the reference.
    pub(crate) reference: String,
    /// What came from ours.
    pub(crate) ours: String,
}

/// What one server answered, for all connections.
pub(crate) type Scene = Vec<Received>;

impl Received {
    /// Returns what `actor` has received since the step began.
    pub(crate) fn of(actor: &Actor) -> Self {
        Self {
            frames: actor.frames.clone(),
            is_closed: actor.is_closed,
            is_blocked: actor.is_blocked,
            is_early: false,
        }
    }
}

impl Display for Received {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for frame in &self.frames {
            write!(formatter, "{}", shown(frame))?;
        }
        let states = [
            (self.is_early, "  (before its time)"),
            (self.is_blocked, "  (blocked)"),
            (self.is_closed, "  (closed)"),
            (self.frames.is_empty() && !self.is_blocked && !self.is_closed, "  (nothing)"),
        ];
        states.iter().filter(|(holds, _)| *holds).try_for_each(|(_, text)| writeln!(formatter, "{text}"))
    }
}

/// Returns a reply as transcripts show it.
pub(crate) fn shown(reply: &Reply) -> String {
    Expectation::renewed(None, &Observed::Reply(reply.clone())).print()
}

/// Returns the connection that differs, if one does; notes the allowances that were needed.
pub(crate) fn differing(
    step: &Step,
    reference: &Scene,
    ours: &Scene,
    ids: &Ids<'_>,
    needed: &mut Vec<&'static Allowance>,
) -> Option<usize> {
    (0..reference.len()).find(|&number| {
        let (one, other) = (&reference[number], &ours[number]);
        // Only of the connection of the step it is known what its frames answer.
        let call = if number == step.connection { step.words() } else { &[] };
        if one.is_closed && other.is_closed && one.frames.len() != other.frames.len() {
            needed.push(&allowed::KILLED);
            return !allowed::KILLED.explains(&one.frames, &other.frames, ids);
        }
        let states = |it: &Received| (it.is_closed, it.is_blocked, it.is_early);
        states(one) != states(other) || !same_frames(call, &one.frames, &other.frames, ids, needed)
    })
}

/// The ids of the connections, also of those that were closed: on the reference and on ours.
pub(crate) type Ids<'a> = Vec<(&'a [u8], &'a [u8])>;

fn same_frames(
    call: &[Vec<u8>],
    one: &[Reply],
    other: &[Reply],
    ids: &Ids<'_>,
    needed: &mut Vec<&'static Allowance>,
) -> bool {
    if agree_all(one, other, ids) {
        return true;
    }
    if let Some(allowance) = allowed::allowance(call, one, other, ids) {
        needed.push(allowance);
        return true;
    }
    false
}

/// Tells whether replies are equal but for the ids of connections and for what HELLO says of the server.
pub(crate) fn agree(one: &Reply, other: &Reply, ids: &Ids<'_>) -> bool {
    if one == other {
        return true;
    }
    match (one, other) {
        (Reply::Line { marker: b':', text }, Reply::Line { marker: b':', text: others }) => {
            ids.contains(&(text.as_slice(), others.as_slice()))
        }
        (Reply::Aggregate { marker, items }, Reply::Aggregate { marker: other_marker, items: others }) => {
            marker == other_marker && (agree_all(items, others, ids) || is_greeting(one, other))
        }
        _ => false,
    }
}

/// Tells whether all of `one` agree with those of `other`.
pub(crate) fn agree_all(one: &[Reply], other: &[Reply], ids: &Ids<'_>) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| agree(one, other, ids))
}

/// Tells whether both are replies to HELLO that speak of the same protocol.
fn is_greeting(one: &Reply, other: &Reply) -> bool {
    one.field("server").is_some()
        && other.field("server").is_some()
        && one.field("proto") == other.field("proto")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::decode;

    fn reply(text: &str) -> Reply {
        decode(text.replace(' ', "\r\n").as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn ids_agree_where_they_name_the_same_connection() {
        let ids: Ids<'_> = vec![(b"7", b"17"), (b"8", b"18")];
        assert!(agree(&reply("*2 :7 :1 "), &reply("*2 :17 :1 "), &ids));
        assert!(!agree(&reply(":7 "), &reply(":18 "), &ids));
        assert!(!agree(&reply("$1 7 "), &reply("$2 17 "), &ids));
    }

    #[test]
    fn greetings_agree_in_the_protocol() {
        let hello = |version: &str, protocol: u8| {
            reply(&format!("%3 $6 server $1 x $7 version {version} $5 proto :{protocol} "))
        };
        assert!(agree(&hello("$1 1", 3), &hello("$1 2", 3), &Vec::new()));
        assert!(!agree(&hello("$1 1", 3), &hello("$1 1", 2), &Vec::new()));
    }
}

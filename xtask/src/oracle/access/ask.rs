//! One question to both servers.

use crate::Outcome;
use crate::oracle::duel::Side;
use crate::oracle::generate::Call;
use crate::resp::{Connection, Reply};

/// Connections to both servers: of who may do everything, and of the user.
pub(super) struct Both {
    reference: [Connection; 2],
    ours: [Connection; 2],
}

/// What both servers replied, as text.
pub(super) struct Pair {
    pub(super) reference: String,
    pub(super) ours: String,
    is_reference_error: bool,
}

impl Both {
    pub(super) fn connect(reference: &mut Side, ours: &mut Side) -> Outcome<Both> {
        let connect =
            |side: &mut Side| -> Outcome<[Connection; 2]> { Ok([side.connect(2)?, side.connect(2)?]) };
        Ok(Both { reference: connect(reference)?, ours: connect(ours)? })
    }

    /// Asks as who may do everything.
    pub(super) fn ask(&mut self, call: &Call) -> Outcome<Pair> {
        Ok(Pair::of(&self.reference[0].call(call)?, &self.ours[0].call(call)?))
    }

    /// Asks as the user.
    pub(super) fn ask_as_user(&mut self, call: &Call) -> Outcome<Pair> {
        Ok(Pair::of(&self.reference[1].call(call)?, &self.ours[1].call(call)?))
    }

    /// Asks our server only, as who may do everything.
    pub(super) fn ask_ours(&mut self, call: &Call) -> Outcome<Reply> {
        Ok(self.ours[0].call(call)?)
    }

    /// Makes the second connections those of the user.
    pub(super) fn let_in(&mut self, user: &str) -> Outcome {
        for connection in [&mut self.reference[1], &mut self.ours[1]] {
            connection.expect(&["AUTH", user, "any"])?;
        }
        Ok(())
    }
}

impl Pair {
    fn of(reference: &Reply, ours: &Reply) -> Pair {
        let is_reference_error = reference.is_error();
        Pair { reference: text(reference), ours: text(ours), is_reference_error }
    }

    pub(super) fn is_equal(&self) -> bool {
        self.reference == self.ours
    }

    pub(super) fn is_reference_error(&self) -> bool {
        self.is_reference_error
    }

    /// Whether the reference says that the user may not.
    pub(super) fn is_denial(&self) -> bool {
        self.reference.starts_with("User ")
    }

    /// What kind of verdict this is.
    pub(super) fn kind(&self) -> &'static str {
        match &self.reference {
            text if text == "OK" => "allowed",
            text if text.ends_with(" command") && self.is_denial() => "command denied",
            text if text.ends_with(" key") => "key denied",
            text if text.ends_with(" channel") => "channel denied",
            _ => "no such call",
        }
    }
}

/// A reply as text, errors with a minus in front.
fn text(reply: &Reply) -> String {
    match reply {
        Reply::Aggregate { items, .. } => {
            format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        Reply::Null { .. } => "nil".to_owned(),
        _ if reply.is_error() => format!("-{}", reply.text()),
        _ => reply.text(),
    }
}

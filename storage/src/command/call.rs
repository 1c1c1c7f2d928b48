//! What a handler is given.

use super::args::Args;
use crate::engine::effect::Effect;
use crate::engine::errand::Errand;
use crate::engine::wait::Wait;
use crate::keyspace::view::View;
use crate::time::UnixMillis;
use spinel_resp::ReplyWriter;

/// One running command: its words, the part of the keyspace it may touch, and where its reply goes.
pub struct Call<'c> {
    /// The words after the name.
    pub args: Args<'c>,
    /// The keys, and the source of chance.
    pub keys: View<'c>,
    /// The reply. What was written before an error is taken back.
    pub reply: &'c mut ReplyWriter,
    /// What the journal gets instead of the words as received.
    pub effect: &'c mut Effect,
    /// The time of the batch.
    pub now: UnixMillis,
    /// What the command waits for, if it found nothing and did not reply. Where nobody may wait, the engine replies
    /// what is said there.
    pub wait: Option<Wait<'c>>,
}

impl Call<'_> {
    /// Leaves the rest of a command that takes long to be done beside others: [`errand`](crate::engine::errand). It will
    /// reply, so the handler has not.
    pub(crate) fn leave(&mut self, errand: Errand) {
        self.keys.chores.errand = Some(errand);
    }
}

//! MONITOR: clients that are shown every command that runs.
//!
//! While nobody monitors, nothing here is called: whoever runs commands looks at [`Attention`], as he
//! does anyway. Each line is made once and put into the mailboxes of all monitors. Commands of different threads
//! come in the order in which their lines are made, which is right after they ran.

use crate::attention::{Attention, Concern};
use crate::clients::{Client, Flag};
use crate::observation::{By, Called};
use crate::pubsub::{HardLimits, Mailbox};
use crate::redaction;
use crate::server::Shared;
use crate::session::Session;
use spinel_resp::request::quote;
use spinel_storage::DbIndex;
use spinel_storage::command::flags::Flags;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Who monitors.
#[derive(Default)]
pub(crate) struct Monitors {
    mailboxes: Mutex<Vec<Arc<Mailbox>>>,
}

/// When a command is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    /// Before it runs: what runs others comes before them.
    Before,
    /// After it ran, in the database that the client has then.
    After,
}

impl Monitors {
    /// Shows a client all commands from now on.
    fn add(&self, mailbox: Arc<Mailbox>, attention: &Attention) {
        let mut mailboxes = self.lock();
        mailboxes.push(mailbox);
        attention.set(Concern::Monitors, true);
    }

    fn remove(&self, client: u64, attention: &Attention) {
        let mut mailboxes = self.lock();
        mailboxes.retain(|mailbox| mailbox.client != client);
        attention.set(Concern::Monitors, !mailboxes.is_empty());
    }

    fn show(&self, line: &[u8], limits: &HardLimits) {
        // Who is gone is removed by his session.
        for mailbox in self.lock().iter() {
            mailbox.put_with(limits, |bytes, _| bytes.extend_from_slice(line));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Mailbox>>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Shows the client all commands from now on.
    pub(crate) fn start_monitoring(&mut self, shared: &Shared) {
        self.client.set(Flag::Monitor, true);
        shared.monitors.add(self.client.open_mailbox(), &shared.attention);
    }

    /// Ends that, if it was so.
    pub(crate) fn stop_monitoring(&mut self, shared: &Shared) {
        if self.client.has(Flag::Monitor) {
            shared.monitors.remove(self.client.id, &shared.attention);
            self.client.set(Flag::Monitor, false);
        }
    }

    /// Shows a command to those who monitor, if this is the moment for it.
    #[inline]
    pub(crate) fn show_to_monitors(&self, called: Called<'_>, db: DbIndex, moment: Moment, shared: &Shared) {
        if shared.attention.has(Concern::Monitors) {
            show(&self.client, called, db, moment, shared);
        }
    }
}

#[cold]
fn show(client: &Client, called: Called<'_>, db: DbIndex, moment: Moment, shared: &Shared) {
    let row = shared.engine.table().row(called.id);
    let flags = row.command.flags;
    let shown_at = if flags.contains(Flags::SKIP_MONITOR) { Moment::Before } else { Moment::After };
    if flags.contains(Flags::ADMIN) || moment != shown_at {
        return;
    }
    let words = redaction::shown(flags, called.words, row.name_words_in(called.words).into());
    let words = words.iter().map(|word| &**word);
    let source =
        Source { db, by: called.by, is_local: client.has(Flag::Unix), address: &client.peer.address };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    shared.monitors.show(&line(now, &source, words), &shared.pubsub.limits);
}

/// Where a command comes from.
struct Source<'s> {
    db: DbIndex,
    by: By,
    /// Whether it came over the Unix socket.
    is_local: bool,
    address: &'s str,
}

/// A command as monitors see it.
fn line<'w>(now: Duration, source: &Source<'_>, words: impl Iterator<Item = &'w [u8]>) -> Vec<u8> {
    let mut line = Vec::with_capacity(128);
    let mut write = |text: std::fmt::Arguments<'_>| line.write_fmt(text).expect("memory takes any text");
    write(format_args!("+{}.{:06} [{} ", now.as_secs(), now.subsec_micros(), source.db.0));
    match (source.by, source.is_local) {
        (By::Script, _) => write(format_args!("lua]")),
        (By::Client, true) => {
            let path = source.address.strip_suffix(":0").unwrap_or(source.address);
            write(format_args!("unix:{path}]"));
        }
        (By::Client, false) => write(format_args!("{}]", source.address)),
    }
    for word in words {
        line.push(b' ');
        quote(word, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(by: By, is_local: bool, address: &str, words: &[&[u8]], expected: &str) {
        let source = Source { db: DbIndex(3), by, is_local, address };
        let line = line(Duration::from_micros(1_700_000_000_000_042), &source, words.iter().copied());
        assert_eq!(String::from_utf8_lossy(&line), format!("+1700000000.000042 {expected}\r\n"));
    }

    #[test]
    fn lines_tell_where_commands_come_from() {
        check(By::Client, false, "127.0.0.1:9", &[b"get", b"k"], r#"[3 127.0.0.1:9] "get" "k""#);
        check(By::Client, true, "/tmp/s:0", &[b"ping"], r#"[3 unix:/tmp/s] "ping""#);
        check(By::Script, false, "127.0.0.1:9", &[b"get", b""], r#"[3 lua] "get" """#);
    }

    #[test]
    fn words_are_quoted_as_in_c() {
        let word = b"k\x00\"\\\r\n\t\x07\x08\xc3\xa9\x7f ~";
        check(By::Script, false, "", &[word], r#"[3 lua] "k\x00\"\\\r\n\t\a\b\xc3\xa9\x7f ~""#);
    }
}

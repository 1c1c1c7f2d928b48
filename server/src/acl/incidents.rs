//! ACL LOG: what was denied lately, and to whom.

use super::Reason;
use spinel_storage::UnixMillis;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Incidents that are alike are one while the last is not older than this.
const GROUPED_MS: i64 = 60_000;
/// Among how many of the latest one that is alike is looked for.
const COMPARED: usize = 10;

/// Why something was denied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    Login,
    /// A certificate that names no user.
    Certificate,
    Denied(Reason),
}

impl Cause {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Cause::Login => "auth",
            Cause::Certificate => "tls-cert",
            Cause::Denied(Reason::Database) => "database",
            Cause::Denied(Reason::Command) => "command",
            Cause::Denied(Reason::Key) => "key",
            Cause::Denied(Reason::Channel) => "channel",
        }
    }
}

/// Where something was denied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Context {
    TopLevel,
    Transaction,
    Script,
}

impl Context {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Context::TopLevel => "toplevel",
            Context::Transaction => "multi",
            Context::Script => "lua",
        }
    }
}

/// Something that was denied, perhaps several times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Incident {
    pub(crate) id: u64,
    pub(crate) count: u64,
    pub(crate) cause: Cause,
    pub(crate) context: Context,
    /// The command, key or channel; of a login, the command that tried it.
    pub(crate) object: Vec<u8>,
    pub(crate) user: Vec<u8>,
    /// The client as CLIENT INFO shows it.
    pub(crate) client: Vec<u8>,
    pub(crate) created: UnixMillis,
    pub(crate) updated: UnixMillis,
}

impl Incident {
    fn is_like(&self, other: &Incident) -> bool {
        (self.cause, self.context) == (other.cause, other.context)
            && (other.updated.0 - self.updated.0).abs() <= GROUPED_MS
            && (&self.object, &self.user) == (&other.object, &other.user)
    }
}

/// The latest incidents, the last one first.
#[derive(Default)]
pub(crate) struct Incidents(Mutex<State>);

#[derive(Default)]
struct State {
    incidents: VecDeque<Incident>,
    next_id: u64,
}

impl Incidents {
    /// Adds an incident, whose number and count are given to it, and keeps at most so many.
    pub(crate) fn add(&self, incident: Incident, count_max: usize) {
        let mut state = self.lock();
        let found = state.incidents.iter().take(COMPARED).position(|other| other.is_like(&incident));
        if let Some(mut former) = found.and_then(|place| state.incidents.remove(place)) {
            former.count += 1;
            (former.updated, former.client) = (incident.updated, incident.client);
            state.incidents.push_front(former);
        } else {
            let id = state.next_id;
            state.next_id += 1;
            state.incidents.push_front(Incident { id, count: 1, ..incident });
        }
        state.incidents.truncate(count_max);
    }

    /// The last ones.
    pub(crate) fn latest(&self, count_max: usize) -> Vec<Incident> {
        self.lock().incidents.iter().take(count_max).cloned().collect()
    }

    /// Forgets all; numbers go on.
    pub(crate) fn clear(&self) {
        self.lock().incidents.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(object: &str, at: i64) -> Incident {
        let (created, updated) = (UnixMillis(at), UnixMillis(at));
        Incident {
            id: 0,
            count: 0,
            cause: Cause::Denied(Reason::Key),
            context: Context::TopLevel,
            object: object.into(),
            user: b"ann".to_vec(),
            client: b"id=1".to_vec(),
            created,
            updated,
        }
    }

    fn shown(incidents: &Incidents) -> Vec<(u64, String, u64)> {
        let latest = incidents.latest(usize::MAX).into_iter();
        latest.map(|one| (one.id, String::from_utf8(one.object).expect("text"), one.count)).collect()
    }

    #[test]
    fn what_is_alike_is_one_for_a_minute() {
        let incidents = Incidents::default();
        for (object, at) in [("a", 0), ("b", 1), ("a", 60_000), ("a", 120_001)] {
            incidents.add(incident(object, at), 128);
        }
        assert_eq!(shown(&incidents), [(2, "a".into(), 1), (0, "a".into(), 2), (1, "b".into(), 1)]);
        let first = &incidents.latest(3)[1];
        assert_eq!((first.created, first.updated), (UnixMillis(0), UnixMillis(60_000)));
        incidents.add(Incident { context: Context::Script, ..incident("a", 120_001) }, 128);
        assert_eq!(incidents.latest(usize::MAX).len(), 4);
    }

    #[test]
    fn only_the_latest_are_kept() {
        let incidents = Incidents::default();
        for number in 0..5 {
            incidents.add(incident(&number.to_string(), 0), 3);
        }
        assert_eq!(shown(&incidents).len(), 3);
        incidents.add(incident("0", 0), 0);
        assert_eq!(shown(&incidents), []);
        incidents.add(incident("0", 0), 3);
        assert_eq!(shown(&incidents), [(6, "0".into(), 1)]);
        incidents.clear();
        assert_eq!(shown(&incidents), []);
    }
}

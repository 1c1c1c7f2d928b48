//! Waiting for copies: WAIT for replicas, and WAITAOF for the log here and theirs.

use super::{HostCall, HostRow};
use crate::replication::Copies;
use crate::server::now;
use spinel_persistence::log::SyncedTo;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Reach};
use spinel_storage::engine::wait::{Otherwise, Waiter};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const ROW: Command = Command {
    flags: Flags::BLOCKING.with(Flags::CONNECTION),
    reach: Reach::Sweep,
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    ..Command::ROW
};

const NO_LOG: Error =
    Error::Text("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
const NOT_OF_COPIES: Error = Error::Text(
    "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to \
     be writable (which is not the default) writes to replicas are just local and are not propagated.",
);
const NOT_ON_DISK_OF_COPIES: Error = Error::Text(
    "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are \
     not propagated.",
);
const NOT_LOCAL: Error = Error::Text("ERR value is out of range, value must between 0 and 1");

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "wait",
            usage: "numreplicas:integer timeout:integer",
            since: "3.0.0",
            about: "Waits until so many replicas have the writes so far, and counts those that have.",
            ..ROW
        },
        wait,
    ),
    (
        Command {
            name: "waitaof",
            usage: "numlocal:integer numreplicas:integer timeout:integer",
            since: "7.2.0",
            about: "Waits until the writes so far are on disk here and at so many replicas, and counts where they are.",
            ..ROW
        },
        wait_for_log,
    ),
];

fn wait(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.shared.upstream.is_replica() {
        return Err(NOT_OF_COPIES);
    }
    let wanted = call.args.integer();
    call.args.check()?;
    let timeout = read_timeout(call)?;

    let replication = &call.shared.replication;
    let count = replication.copies(Copies::InMemory) as i64;
    if count >= wanted || call.session.transactions.is_running {
        call.reply.integer(count);
        return Ok(());
    }
    let waiter = wait_idly(call, timeout, Otherwise::Integer(count));
    replication.wait(Copies::InMemory, &waiter, move |waiter, count| {
        waiter.change_otherwise(Otherwise::Integer(count as i64));
        count as i64 >= wanted && waiter.give_up()
    });
    Ok(())
}

fn wait_for_log(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.shared.upstream.is_replica() {
        return Err(NOT_ON_DISK_OF_COPIES);
    }
    let (locals, replicas) = (call.args.integer(), call.args.integer());
    call.args.check()?;
    if !(0..=1).contains(&locals) {
        return Err(NOT_LOCAL);
    }
    let timeout = read_timeout(call)?;
    let (log, replication) = (&call.shared.persistence.log, &call.shared.replication);
    let is_on = log.is_on();
    if locals > 0 && !is_on {
        return Err(NO_LOG);
    }

    let unsynced = log.undurable().filter(|_| is_on);
    let locals_now = i64::from(is_on && unsynced.is_none());
    let replicas_now = replication.copies(Copies::OnDisk) as i64;
    let tally = Tally { locals: locals_now, replicas: replicas_now };
    let wanted = Tally { locals, replicas };
    if tally.reaches(wanted) || call.session.transactions.is_running {
        tally.otherwise().write(call.reply);
        return Ok(());
    }
    let waiter = wait_idly(call, timeout, tally.otherwise());
    let goal = Arc::new(Goal { wanted, tally: Mutex::new(tally) });
    if replicas > 0 {
        let goal = Arc::clone(&goal);
        replication.wait(Copies::OnDisk, &waiter, move |waiter, count| {
            goal.note(waiter, |tally| tally.replicas = count as i64)
        });
    }
    if let Some(unsynced) = unsynced {
        log.want_sync();
        Logged::watch(unsynced, waiter, goal);
    }
    Ok(())
}

/// Where something is on disk.
#[derive(Clone, Copy)]
struct Tally {
    locals: i64,
    replicas: i64,
}

impl Tally {
    fn reaches(self, wanted: Tally) -> bool {
        self.locals >= wanted.locals && self.replicas >= wanted.replicas
    }

    fn otherwise(self) -> Otherwise {
        Otherwise::Integers(self.locals, self.replicas)
    }
}

/// What somebody waits for, and how much of it there is.
struct Goal {
    wanted: Tally,
    tally: Mutex<Tally>,
}

impl Goal {
    /// Notes what has changed, and ends the wait if that is enough. Whether it does.
    fn note(&self, waiter: &Waiter, change: impl FnOnce(&mut Tally)) -> bool {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut tally);
        waiter.change_otherwise(tally.otherwise());
        tally.reaches(self.wanted) && waiter.give_up()
    }
}

/// Zero means for ever.
fn read_timeout(call: &mut HostCall<'_>) -> Result<Option<Duration>, Error> {
    let timeout = call.args.timeout_ms(now())?;
    Ok((timeout > 0).then(|| Duration::from_millis(timeout)))
}

/// Lets the client wait until its time is up or somebody answers.
fn wait_idly(call: &mut HostCall<'_>, timeout: Option<Duration>, otherwise: Otherwise) -> Arc<Waiter> {
    let waiter = call.shared.engine.wait_idly(call.session.protocol(), timeout, otherwise);
    call.session.wait_for(Arc::clone(&waiter));
    waiter
}

/// Somebody who is told when the log is on disk.
struct Logged {
    unsynced: Mutex<Option<SyncedTo>>,
    waiter: Arc<Waiter>,
    goal: Arc<Goal>,
}

impl Logged {
    fn watch(unsynced: SyncedTo, waiter: Arc<Waiter>, goal: Arc<Goal>) {
        let unsynced = Mutex::new(Some(unsynced));
        Arc::new(Logged { unsynced, waiter, goal }).look();
    }

    /// Notes when the log is on disk; looks again when it may be. If the log fails, the client's time runs out.
    fn look(self: Arc<Logged>) {
        let mut unsynced = self.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wait) = &mut *unsynced else { return };
        let waker = Waker::from(Arc::clone(&self));
        let Poll::Ready(outcome) = Pin::new(wait).poll(&mut Context::from_waker(&waker)) else { return };
        *unsynced = None;
        if outcome.is_ok() {
            self.goal.note(&self.waiter, |tally| tally.locals = 1);
        }
    }
}

impl Wake for Logged {
    fn wake(self: Arc<Logged>) {
        self.look();
    }
}

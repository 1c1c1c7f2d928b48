//! Waiting for copies: WAIT for replicas, of which there are none, and WAITAOF for the log.

use super::{HostCall, HostRow};
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
    let replicas = call.args.integer();
    call.args.check()?;
    let timeout = read_timeout(call)?;

    if replicas <= 0 || call.session.transactions.is_running {
        call.reply.integer(0);
        return Ok(());
    }
    wait_idly(call, timeout, Otherwise::Integer(0));
    Ok(())
}

fn wait_for_log(call: &mut HostCall<'_>) -> Result<(), Error> {
    let (locals, replicas) = (call.args.integer(), call.args.integer());
    call.args.check()?;
    if !(0..=1).contains(&locals) {
        return Err(NOT_LOCAL);
    }
    let needs_replicas = replicas > 0;
    let timeout = read_timeout(call)?;
    let log = &call.shared.persistence.log;
    let is_on = log.is_on();
    if locals > 0 && !is_on {
        return Err(NO_LOG);
    }

    let unsynced = log.undurable().filter(|_| is_on);
    let locals_now = i64::from(is_on && unsynced.is_none());
    let is_enough = locals_now >= locals && !needs_replicas;
    if is_enough || call.session.transactions.is_running {
        Otherwise::Integers(locals_now, 0).write(call.reply);
        return Ok(());
    }
    let waiter = wait_idly(call, timeout, Otherwise::Integers(locals_now, 0));
    if let Some(unsynced) = unsynced {
        log.want_sync();
        Logged::watch(unsynced, waiter, needs_replicas);
    }
    Ok(())
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
    /// Whether that is not all he waits for.
    needs_replicas: bool,
}

impl Logged {
    fn watch(unsynced: SyncedTo, waiter: Arc<Waiter>, needs_replicas: bool) {
        let unsynced = Mutex::new(Some(unsynced));
        Arc::new(Logged { unsynced, waiter, needs_replicas }).look();
    }

    /// Answers if the log is on disk; else looks again when it may be. If the log fails, the client's time runs out.
    fn look(self: Arc<Logged>) {
        let mut unsynced = self.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wait) = &mut *unsynced else { return };
        let waker = Waker::from(Arc::clone(&self));
        let Poll::Ready(outcome) = Pin::new(wait).poll(&mut Context::from_waker(&waker)) else { return };
        *unsynced = None;
        if outcome.is_ok() {
            self.waiter.change_otherwise(Otherwise::Integers(1, 0));
            if !self.needs_replicas {
                self.waiter.give_up();
            }
        }
    }
}

impl Wake for Logged {
    fn wake(self: Arc<Logged>) {
        self.look();
    }
}

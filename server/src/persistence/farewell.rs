//! Saving before the server ends.

use super::{Kind, Request};
use crate::clients::{PauseMode, PauseReason};
use crate::config::table;
use crate::log;
use crate::orders::Farewell;
use crate::server::{Shared, now};
use spinel_storage::system::random_word;
use spinel_storage::{Error, Executor, UnixMillis};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long between two looks whether a cancelled save, or a killed script, has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// What is told who wanted the server to end if it does not.
pub(crate) const CAN_NOT_END: Error = Error::Text("ERR Errors trying to SHUTDOWN. Check logs.");

/// Saves the data set if that is wanted, and says whether the server may end.
pub(crate) async fn save_before_end(shared: &Arc<Shared>, farewell: &Farewell) -> bool {
    let saves = farewell.saves.unwrap_or_else(|| !shared.config.text(table::SAVE).is_empty());
    // What is half loaded must not replace what it is loaded from; and what it is to replace is not worth waiting for.
    if !saves || shared.persistence.any_loading().is_some() {
        return true;
    }
    log::notice!("Saving the final RDB snapshot before exiting.");
    // What is written from now on would be lost.
    let pause = &shared.clients.pause;
    pause.start(PauseReason::Shutdown, UnixMillis(i64::MAX), PauseMode::Everything, now());
    let Err(error) = save(shared).await else { return true };
    log::warning!("Error trying to save the DB, can't exit.");
    if farewell.is_forced {
        log::warning!("Ending without it, because that was asked for: {error}");
        return true;
    }
    pause.end(PauseReason::Shutdown);
    if let Some(asker) = &farewell.asker {
        asker.fail(CAN_NOT_END);
    }
    false
}

/// Breaks off whatever is being written, and saves.
async fn save(shared: &Arc<Shared>) -> Result<(), String> {
    let persistence = &shared.persistence;
    let mut executor = Executor::new(Arc::clone(&shared.engine), random_word());
    let (sender, outcome) = oneshot::channel();
    let mut request = Some(Request::answered(Kind::Save, move |outcome| {
        // The receiver waits below.
        let _ = sender.send(outcome);
    }));
    while let Some(wanted) = request.take() {
        persistence.cancel();
        shared.scripts.kill();
        if persistence.running().is_none()
            && let Some(mut turn) = executor.try_begin(now())
        {
            request = persistence.begin(shared, &mut turn, wanted).err().map(|busy| busy.0);
        } else {
            request = Some(wanted);
        }
        if request.is_some() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
    outcome.await.unwrap_or_else(|_| Err("the thread that saves has ended".to_owned()))
}

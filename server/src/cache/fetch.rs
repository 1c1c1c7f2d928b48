//! Asking the origin for what is not stored, once for all who want the same.

use super::disk;
use super::exchange::Failure;
use super::finding::{Coming, Finding, Found, Merit};
use super::flight::{Flight, Head, Name, Reader, Stage, Ticket};
use super::journey::{Landing, depart};
use super::tallies::Event;
use super::visit::{Choice, Visit, Wanted};
use crate::server::now;
use http::StatusCode;
use http::response::Parts;
use spinel_cache::cache_status::Forwarded;
use spinel_cache::lookup::Reason;
use spinel_cache::{Headers, selector};
use spinel_types::http_cache::Variant;
use std::rc::Rc;
use std::sync::Arc;

/// How often somebody joins another flight, when what he waited for came to nothing or was for others.
const FLIGHTS_MAX: usize = 8;

/// What comes after a flight.
enum Onward {
    Answer(Finding),
    /// What is stored may be another.
    Look,
    /// Another flight may have what is wanted.
    Join(Name),
    /// What is wanted is for this client only.
    Alone,
}

impl From<Finding> for Onward {
    fn from(finding: Finding) -> Onward {
        Onward::Answer(finding)
    }
}

/// Gets for a request what the origin has, or what is stored if it fails.
pub(super) async fn fetch(visit: &Rc<Visit>, wanted: Wanted) -> Finding {
    let finding = seek(visit, wanted).await;
    let Some(filed) = finding.filed() else { return finding };
    match disk::hold(filed).await {
        Some(held) => finding.holding(Some(held)),
        // Its file went a moment ago.
        None => fetch_alone(visit, &Wanted::without_lookup(Reason::UriMiss)).await,
    }
}

async fn seek(visit: &Rc<Visit>, mut wanted: Wanted) -> Finding {
    let mut name = visit.name(&wanted);
    for _ in 0..FLIGHTS_MAX {
        let Some(own) = name.take() else { break };
        match share(visit, &wanted, own).await {
            Onward::Answer(finding) => return finding,
            Onward::Alone => break,
            Onward::Join(next) => name = Some(next),
            Onward::Look => match visit.choose() {
                (Choice::Serve(variant), now) => return found(visit, variant, now),
                (Choice::Refresh(variant, _), now) => return found_stale(visit, variant, now),
                (Choice::Fetch(next), _) => {
                    name = visit.name(&next);
                    wanted = next;
                }
                (Choice::Unavailable, _) => break,
            },
        }
    }
    fetch_alone(visit, &wanted).await
}

/// Gets what the origin has for this client only.
pub(super) async fn fetch_alone(visit: &Rc<Visit>, wanted: &Wanted) -> Finding {
    let pilot = visit.cache().flights.alone(visit.epoch());
    arrive(visit, wanted, depart(visit, wanted, pilot).await)
}

/// Fetches again what was served stale, unless somebody does or the origin has just failed.
pub(super) fn refresh(visit: &Rc<Visit>, wanted: &Wanted) {
    again(visit, wanted, || matches!(visit.choose(), (Choice::Refresh(..), _)).then(|| wanted.clone()));
}

/// Fetches again what was read and is not fresh, also if its origin is to be asked first, or is wanted again though it may be fresh. As
/// above, it is left alone after a failure.
pub(super) fn refresh_anyway(visit: &Rc<Visit>, forced: Option<Wanted>) {
    let Some(wanted) = forced.clone().or_else(|| due(visit, None)) else { return };
    again(visit, &wanted, || due(visit, forced));
}

/// Has something fetched that nobody waits for, unless somebody does or it would be in vain. `still` says what is wanted then, if
/// anything is: somebody may have fetched it between the look and now.
fn again(visit: &Rc<Visit>, wanted: &Wanted, still: impl FnOnce() -> Option<Wanted>) {
    let Some(name) = visit.name(wanted) else { return };
    if is_in_vain(visit) {
        return;
    }
    if let Ticket::Pilot(pilot) = visit.cache().flights.join(name, visit.epoch()) {
        match still() {
            Some(wanted) => drop(depart(visit, &wanted, pilot)),
            None => pilot.end(Stage::Landed),
        }
    }
}

/// Why something is to be fetched again now, if it is: because it is not fresh, or because the same that is there is forced.
fn due(visit: &Visit, forced: Option<Wanted>) -> Option<Wanted> {
    match visit.choose() {
        (Choice::Refresh(_, wanted) | Choice::Fetch(wanted), _) => Some(wanted),
        (Choice::Serve(present), _) => {
            forced.filter(|forced| forced.stored.as_ref().is_some_and(|stored| stored.is_same(&present)))
        }
        (Choice::Unavailable, _) => None,
    }
}

/// Whether a refresh would come to nothing: the origin failed a moment ago, or gave an answer that can't be stored, or somebody has locked
/// the entry.
fn is_in_vain(visit: &Visit) -> bool {
    let (cache, now, (db, key)) = (visit.cache(), now(), visit.place());
    let (keyspace, subject) = (visit.worker().shared.engine.keyspace(), visit.subject());
    cache.failing.has(&subject, now.0)
        || cache.apart.has(&subject, now.0)
        || keyspace.entry_locked_until(db, key, now).is_some()
}

/// Fetches for others, too, or waits for what another one fetches.
async fn share(visit: &Rc<Visit>, wanted: &Wanted, name: Name) -> Onward {
    let cache = visit.cache();
    let now = now().0;
    if cache.failing.has(&name.subject, now)
        && let Some(finding) = remaining(visit, wanted, Failure::Unreachable)
    {
        return finding.into();
    }
    if cache.apart.has(&name.subject, now) {
        return Onward::Alone;
    }
    match cache.flights.join(name, visit.epoch()) {
        Ticket::Passenger(flight) => {
            visit.note(Event::Collapsed, None);
            accompany(visit, wanted, &flight).await
        }
        Ticket::Pilot(pilot) => {
            // Somebody may have stored it between the first look and now.
            let finding = match visit.choose() {
                (Choice::Serve(variant), now) => found(visit, variant, now),
                (Choice::Refresh(variant, _), now) => found_stale(visit, variant, now),
                _ => return arrive(visit, wanted, depart(visit, wanted, pilot).await).into(),
            };
            pilot.end(Stage::Landed);
            finding.into()
        }
    }
}

/// Waits for what another one fetches. That ends: there is a limit to each step of it, and who drops it says so.
async fn accompany(visit: &Rc<Visit>, wanted: &Wanted, flight: &Arc<Flight>) -> Onward {
    let stage = flight.outcome().await;
    let headers = Headers::Map(&visit.head.headers);
    match stage {
        Stage::Coming(head) | Stage::Whole(head) | Stage::Cut(head) => {
            if !selector::matches(head.variant.selector(), headers) {
                return Onward::Join(visit.named(Some(Headers::Stored(head.variant.fields()))));
            }
            let forwarded = Forwarded { collapsed: true, ..wanted.forwarded(head.variant.status) };
            flight.read().map_or(Onward::Alone, |reader| coming(forwarded, head, reader, None).into())
        }
        Stage::Renewed(variant) if selector::matches(variant.selector(), headers) => {
            renewed(visit, wanted, variant).into()
        }
        Stage::Asking | Stage::Renewed(_) | Stage::Landed | Stage::Abandoned => Onward::Look,
        Stage::Apart => Onward::Alone,
        Stage::Failed(failure) => match (remaining(visit, wanted, failure), failure) {
            (Some(finding), _) => finding.into(),
            // It is an answer, and for whom it is the other one doesn't say.
            (None, Failure::Status(_)) => Onward::Alone,
            (None, _) => failed(wanted, failure).into(),
        },
    }
}

/// What it comes to for who had the origin asked.
fn arrive<E>(visit: &Visit, wanted: &Wanted, landing: Result<Landing, E>) -> Finding {
    match landing {
        Ok(Landing::Begun(answer, head, reader)) => {
            visit.note(Event::Miss, None);
            let forwarded = Forwarded { stored: true, ..wanted.forwarded(head.variant.status) };
            // The client's conditions were not sent if something was stored.
            let own = wanted.stored.is_none().then_some(*answer);
            coming(forwarded, head, reader, own)
        }
        Ok(Landing::Own(answer, why)) => {
            visit.note(Event::Miss, None);
            let forwarded = wanted.forwarded(answer.status().as_u16());
            Finding::Own(answer, forwarded, Some(why))
        }
        Ok(Landing::Renewed(variant)) => renewed(visit, wanted, variant),
        Ok(Landing::Failed(failure)) => {
            remaining(visit, wanted, failure).unwrap_or_else(|| failed(wanted, failure))
        }
        Err(_) => failed(wanted, Failure::Broken),
    }
}

fn coming(forwarded: Forwarded, head: Arc<Head>, reader: Reader, own: Option<Parts>) -> Finding {
    Finding::Coming(Box::new(Coming { head, reader, own, forwarded }))
}

/// What is stored, and fresh.
pub(super) fn found(visit: &Visit, variant: Variant, now: i64) -> Finding {
    visit.note(Event::Hit(variant.body().len() as u64), Some(&variant));
    Finding::Stored(Found { variant, merit: Merit::Fresh, now, held: None })
}

/// What is stored, and no longer fresh.
pub(super) fn found_stale(visit: &Visit, variant: Variant, now: i64) -> Finding {
    visit.note(Event::Stale(variant.body().len() as u64), Some(&variant));
    Finding::Stored(Found { variant, merit: Merit::Stale, now, held: None })
}

/// What is stored, after the origin has said that it is still valid.
fn renewed(visit: &Visit, wanted: &Wanted, variant: Variant) -> Finding {
    visit.note(Event::Revalidated(variant.body().len() as u64), Some(&variant));
    let forwarded = Forwarded { stored: true, ..wanted.forwarded(StatusCode::NOT_MODIFIED.as_u16()) };
    Finding::Stored(Found { variant, merit: Merit::Renewed(forwarded), now: now().0, held: None })
}

/// What is stored, if it may be served although the origin failed.
fn remaining(visit: &Visit, wanted: &Wanted, failure: Failure) -> Option<Finding> {
    let now = now().0;
    let variant = wanted.stored.as_ref().filter(|_| wanted.fallback.allows(failure.by_rule(), now))?;
    visit.note(Event::Stale(variant.body().len() as u64), Some(variant));
    let forwarded = match failure {
        Failure::Status(status) => wanted.forwarded(status.as_u16()),
        _ => Forwarded::new(wanted.reason),
    };
    let variant = variant.clone();
    Some(Finding::Stored(Found { variant, merit: Merit::Left(forwarded), now, held: None }))
}

/// That the origin gave no answer.
pub(super) fn failed(wanted: &Wanted, failure: Failure) -> Finding {
    Finding::Failed(wanted.seen(failure), Forwarded::new(wanted.reason))
}

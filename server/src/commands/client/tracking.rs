//! CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO.

use super::super::HostCall;
use crate::pubsub::Mailbox;
use crate::tracking::{Caching, Mode, Options, first_overlapping, overlap, overlapping};
use spinel_storage::Error;
use std::collections::BTreeSet;
use std::sync::Arc;

const NO_CLIENT: Error = Error::Text("ERR The client ID you want redirect to does not exist");
const ONE_REDIRECT: Error = Error::Text("ERR A client can only redirect to a single other client");
const PREFIX_NEEDS_BROADCAST: Error = Error::Text("ERR PREFIX option requires BCAST mode to be enabled");
const SWITCHES_BROADCAST: Error = Error::Text(
    "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it \
     with a different mode.",
);
const SWITCHES_CHOICE: Error = Error::Text(
    "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
     with a different mode.",
);
const CHOICE_WITH_BROADCAST: Error = Error::Text("ERR OPTIN and OPTOUT are not compatible with BCAST");
const BOTH_CHOICES: Error = Error::Text("ERR You can't specify both OPTIN mode and OPTOUT mode");
const NOT_CHOOSING: Error = Error::Text(
    "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
);

/// Words that stand for themselves.
const FLAGS: [&str; 4] = ["bcast", "optin", "optout", "noloop"];

/// The words of CLIENT TRACKING after ON or OFF.
#[derive(Default)]
struct Request<'a> {
    redirect: u64,
    /// Which of [`FLAGS`] are among them.
    flags: [bool; 4],
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Request<'a> {
    fn read(call: &mut HostCall<'a>) -> Result<Request<'a>, Error> {
        let mut request = Request::default();
        while call.args.remaining() > 0 {
            let has_value = call.args.remaining() > 1;
            if has_value && call.args.accept("redirect") {
                if request.redirect != 0 {
                    return Err(ONE_REDIRECT);
                }
                let id = call.args.integer();
                call.args.check()?;
                request.redirect = u64::try_from(id).map_err(|_| NO_CLIENT)?;
                find(call, request.redirect).ok_or(NO_CLIENT)?;
            } else if has_value && call.args.accept("prefix") {
                request.prefixes.push(call.args.word());
            } else if !request.accept_flag(call) {
                return Err(Error::Syntax);
            }
        }
        Ok(request)
    }

    fn accept_flag(&mut self, call: &mut HostCall<'_>) -> bool {
        let place = FLAGS.iter().position(|word| call.args.accept(word));
        place.is_some_and(|place| {
            self.flags[place] = true;
            true
        })
    }

    /// What is asked for, unless it contradicts itself or what is there.
    fn check(&self, present: Option<(Mode, &BTreeSet<Box<[u8]>>)>) -> Result<Options, Error> {
        let [is_broadcast, is_opt_in, is_opt_out, skips_own] = self.flags;
        if !is_broadcast && !self.prefixes.is_empty() {
            return Err(PREFIX_NEEDS_BROADCAST);
        }
        let mode = present.map(|(mode, _)| mode);
        if mode.is_some_and(|mode| (mode == Mode::Broadcast) != is_broadcast) {
            return Err(SWITCHES_BROADCAST);
        }
        if is_broadcast && (is_opt_in || is_opt_out) {
            return Err(CHOICE_WITH_BROADCAST);
        }
        if is_opt_in && is_opt_out {
            return Err(BOTH_CHOICES);
        }
        if is_opt_in && mode == Some(Mode::OptOut) || is_opt_out && mode == Some(Mode::OptIn) {
            return Err(SWITCHES_CHOICE);
        }
        if is_broadcast {
            self.check_prefixes(present.map_or(&BTreeSet::new(), |(_, prefixes)| prefixes))?;
        }
        let mode = match () {
            () if is_broadcast => Mode::Broadcast,
            () if is_opt_in => Mode::OptIn,
            () if is_opt_out => Mode::OptOut,
            () => Mode::All,
        };
        Ok(Options { mode, skips_own, redirect: self.redirect })
    }

    /// Prefixes of one client must not be prefixes of each other: it would be told twice.
    fn check_prefixes(&self, present: &BTreeSet<Box<[u8]>>) -> Result<(), Error> {
        let is_first = |prefix: &&[u8]| overlapping(present, prefix).is_some();
        let with_present = self.prefixes.iter().position(is_first);
        let place = with_present.into_iter().chain(first_overlapping(&self.prefixes)).min();
        let Some(place) = place else { return Ok(()) };
        let prefix = self.prefixes[place];
        if let Some(other) = overlapping(present, prefix) {
            return Err(overlaps(prefix, "an existing prefix", other));
        }
        let other = self.prefixes[place + 1..].iter().find(|other| overlap(prefix, other));
        other.map_or(Ok(()), |other| Err(overlaps(prefix, "another provided prefix", other)))
    }
}

fn overlaps(one: &[u8], what: &str, other: &[u8]) -> Error {
    let end = b"'. Prefixes for a single client must not overlap.";
    Error::quoting(&[b"ERR Prefix '", one, b"' overlaps with ", what.as_bytes(), b" '", other, end])
}

/// The mailbox of another client.
fn find(call: &HostCall<'_>, id: u64) -> Option<Arc<Mailbox>> {
    call.shared.clients.get(id).map(|client| client.open_mailbox())
}

pub(super) fn tracking(call: &mut HostCall<'_>) -> Result<(), Error> {
    let is_on = match &*call.args.word().to_ascii_lowercase() {
        b"on" => Some(true),
        b"off" => Some(false),
        _ => None,
    };
    let request = Request::read(call)?;

    match is_on {
        None => return Err(Error::Syntax),
        Some(false) => call.session.stop_tracking(call.shared),
        Some(true) => {
            let present = call.session.tracking.as_ref();
            let options = request.check(present.map(|own| (own.options.mode, &own.prefixes)))?;
            let redirect = if options.redirect == 0 { None } else { find(call, options.redirect) };
            call.session.track(options, &request.prefixes, redirect, call.shared);
        }
    }

    call.reply.ok();
    Ok(())
}

pub(super) fn caching(call: &mut HostCall<'_>) -> Result<(), Error> {
    let tracking = call.session.tracking.as_mut().ok_or(NOT_CHOOSING)?;
    let (caching, mode, refusal) = if call.args.accept("yes") {
        (Caching::Yes, Mode::OptIn, "YES is only valid when tracking is enabled in OPTIN mode.")
    } else if call.args.accept("no") {
        (Caching::No, Mode::OptOut, "NO is only valid when tracking is enabled in OPTOUT mode.")
    } else {
        return Err(Error::Syntax);
    };
    if tracking.options.mode != mode {
        return Err(Error::Made(format!("ERR CLIENT CACHING {refusal}")));
    }

    tracking.caching = caching;

    call.reply.ok();
    Ok(())
}

pub(super) fn redirection(call: &mut HostCall<'_>) -> Result<(), Error> {
    let redirect = call.session.tracking.as_ref().map_or(-1, |tracking| tracking.options.redirect as i64);
    call.reply.integer(redirect);
    Ok(())
}

pub(super) fn describe(call: &mut HostCall<'_>) -> Result<(), Error> {
    let tracking = call.session.tracking.as_deref();
    let is_broken = call.session.client.tracking().is_some_and(|state| state.is_broken);
    let flags: Vec<&str> = match tracking {
        None => vec!["off"],
        Some(own) => {
            let caching = match own.caching {
                Caching::Unsaid => "",
                Caching::Yes => "caching-yes",
                Caching::No => "caching-no",
            };
            let mode = match own.options.mode {
                Mode::All => "",
                Mode::OptIn => "optin",
                Mode::OptOut => "optout",
                Mode::Broadcast => "bcast",
            };
            let own_writes = if own.options.skips_own { "noloop" } else { "" };
            let broken = if is_broken { "broken_redirect" } else { "" };
            ["on", mode, caching, own_writes, broken].into_iter().filter(|flag| !flag.is_empty()).collect()
        }
    };

    call.reply.map(3);
    call.reply.bulk(b"flags");
    call.reply.set(flags.len());
    for flag in flags {
        call.reply.bulk(flag.as_bytes());
    }
    call.reply.bulk(b"redirect");
    call.reply.integer(tracking.map_or(-1, |own| own.options.redirect as i64));
    call.reply.bulk(b"prefixes");
    call.reply.array(tracking.map_or(0, |own| own.prefixes.len()));
    for prefix in tracking.iter().flat_map(|own| &own.prefixes) {
        call.reply.bulk(prefix);
    }
    Ok(())
}

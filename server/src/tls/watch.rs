//! What time does to certificates: files change, and certificates end.

use super::{Certificate, Terms, Tls};
use crate::config::table;
use crate::log;
use crate::server::{Shared, now};
use std::fmt::Display;

const DAY: i64 = 86_400;
/// Operators are told of the end so many days before, and each day from then on.
const DAYS_AHEAD: i64 = 30;

/// When files were looked at and operators were told, in Unix milliseconds.
pub(crate) struct Watch {
    looked: i64,
    warned: i64,
    /// Whether the files of now have been refused already.
    is_told: bool,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        let now = now().0;
        Watch { looked: now, warned: now, is_told: false }
    }

    /// Reads files again that have changed since they were read, where `tls-auto-reload-interval` says so, and warns once a day.
    /// Called about once a second.
    pub(crate) fn look(&mut self, shared: &Shared) {
        let now = now().0;
        let every = shared.config.number(table::TLS_AUTO_RELOAD_INTERVAL) * 1000;
        if every > 0 && now - self.looked >= every {
            self.looked = now;
            self.reload(shared);
        }
        if now - self.warned >= DAY * 1000 {
            self.warned = now;
            shared.tls.terms().iter().for_each(|terms| warn_of_end(terms));
        }
    }

    fn reload(&mut self, shared: &Shared) {
        let _changing = shared.config.changing();
        if !shared.tls.terms().is_some_and(|terms| terms.is_outdated()) {
            self.is_told = false;
            return;
        }
        // Files that are being replaced fit each other a little later: they are tried again each time.
        match Tls::read(&shared.config) {
            Ok(terms) => {
                shared.tls.replace(terms);
                self.is_told = false;
                log::notice!("TLS files have changed on disk and were read again.");
            }
            Err(_) if self.is_told => {}
            Err(reason) => {
                self.is_told = true;
                log::warning!(
                    "TLS files have changed on disk and can't be used, those from before are: {reason}"
                );
            }
        }
    }
}

/// Writes to the log which of the certificates ends soon or has ended.
pub(super) fn warn_of_end(terms: &Terms) {
    let now = now().0 / 1000;
    let whose = [("server", Some(&terms.certificate)), ("CA", terms.authority.as_ref())];
    for (whose, certificate) in whose.into_iter().filter_map(|(whose, found)| Some((whose, found?))) {
        if let Some(warning) = warning(whose, certificate, now) {
            log::warning!("{warning}");
        }
    }
}

fn warning(whose: impl Display, certificate: &Certificate, now: i64) -> Option<String> {
    let left = certificate.not_after - now;
    let Certificate { subject, serial, .. } = certificate;
    match left {
        _ if left < 0 => {
            Some(format!("The {whose}'s TLS certificate has expired: {subject}, serial {serial}"))
        }
        _ if left < DAYS_AHEAD * DAY => {
            let days = left / DAY;
            Some(format!("The {whose}'s TLS certificate expires in {days} days: {subject}, serial {serial}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_a_month_ahead() {
        let certificate =
            Certificate { not_after: 100 * DAY, subject: "CN=a".into(), ..Certificate::default() };
        let at = |second| warning("server", &certificate, second);
        assert_eq!(at(70 * DAY), None);
        assert!(at(70 * DAY + 1).unwrap().contains("expires in 29 days: CN=a"));
        assert!(at(100 * DAY).unwrap().contains("expires in 0 days"));
        assert!(at(100 * DAY + 1).unwrap().contains("has expired"));
    }
}

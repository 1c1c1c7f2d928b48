//! Encrypted connections.
//!
//! ```text
//! settings, files ──→ Terms ──→ handshakes, a few at once per worker ──→ TlsStream, one arm of Stream
//! ```
//!
//! [`Terms`] never change; other settings and other files make others, for connections that come then (`watch`). A
//! connection is known to the rest of the server only once its handshake is done (`handshake`); from there on it is a
//! stream like others (`stream`). Why it is done so is in `docs/design/tls.md`.

mod certificate;
mod ciphers;
mod handshake;
mod origins;
mod outgoing;
mod sessions;
mod stream;
mod terms;
mod user;
mod watch;

pub(crate) use certificate::Certificate;
pub(crate) use handshake::{Arrival, Handshakes};
pub(crate) use origins::rules_for_origins;
pub(crate) use outgoing::Outgoing;
pub(crate) use stream::TlsStream;
pub(crate) use terms::Terms;
pub(crate) use watch::Watch;

use crate::config::table::{self, Key};
use crate::config::{Config, value::Reason};
use crate::log;
use std::sync::{Arc, PoisonError, RwLock};

const UNUSABLE: &str = "Unable to update TLS configuration. Check server logs.";

/// The terms of today; none while the server neither listens for encrypted connections nor makes any.
#[derive(Default)]
pub(crate) struct Tls(RwLock<Option<Arc<Terms>>>);

impl Tls {
    pub(crate) fn terms(&self) -> Option<Arc<Terms>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files that the settings name, for connections that come from now on. If they are no good, those from
    /// before stay, and the log says why.
    pub(crate) fn apply(&self, config: &Config) -> Result<(), Reason> {
        self.replace(Tls::prepare(config)?);
        Ok(())
    }

    /// The terms that the settings make; none if there are to be none. If they are no good, the log says why.
    pub(crate) fn prepare(config: &Config) -> Result<Option<Arc<Terms>>, Reason> {
        Tls::read(config).map_err(|reason| {
            log::warning!("{reason}");
            UNUSABLE.into()
        })
    }

    /// The same; the error says what is wrong.
    fn read(config: &Config) -> Result<Option<Arc<Terms>>, String> {
        if config.number(table::TLS_PORT) == 0 && !config.is_on(table::TLS_REPLICATION) {
            return Ok(None);
        }
        let terms = Terms::read(config)?;
        watch::warn_of_end(&terms);
        Ok(Some(Arc::new(terms)))
    }

    /// Makes others the terms of today.
    pub(crate) fn replace(&self, terms: Option<Arc<Terms>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = terms;
    }
}

/// Whether a setting is one of the terms, which are read again whenever it is set, also to the same value: what its file
/// holds may be another.
pub(crate) fn concerns(key: Key) -> bool {
    const TERMS: [Key; 18] = [
        table::TLS_CERT_FILE,
        table::TLS_KEY_FILE,
        table::TLS_KEY_FILE_PASS,
        table::TLS_CA_CERT_FILE,
        table::TLS_CA_CERT_DIR,
        table::TLS_AUTH_CLIENTS,
        table::TLS_CLIENT_CERT_FILE,
        table::TLS_CLIENT_KEY_FILE,
        table::TLS_CLIENT_KEY_FILE_PASS,
        table::TLS_REPLICATION,
        table::TLS_REPLICATION_CHECK_NAME,
        table::TLS_PROTOCOLS,
        table::TLS_CIPHERS,
        table::TLS_CIPHERSUITES,
        table::TLS_PREFER_SERVER_CIPHERS,
        table::TLS_SESSION_CACHING,
        table::TLS_SESSION_CACHE_SIZE,
        table::TLS_SESSION_CACHE_TIMEOUT,
    ];
    TERMS.contains(&key)
}

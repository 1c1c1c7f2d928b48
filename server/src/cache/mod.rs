//! The door of the HTTP cache: a caching reverse proxy.
//!
//! ```text
//! client ─ hyper ─ target ─ keyspace ─ rules ──→ answer, of what is stored
//!                                        │
//!                                        └─ flight ─ exchange ─ pool ─ link ─ origin
//! ```
//!
//! The threads that serve clients of RESP serve these, too: a request for what is stored is answered on the thread that read it,
//! with one look at the keyspace. What is to be done with a request and an answer is decided by
//! [`spinel_cache`]; here is who asks whom, and who waits for what.
//!
//! Start reading at `door`, then `serve`, `fetch` and `flight`.

mod address;
mod body;
mod carrying;
mod client;
mod counts;
mod disk;
mod door;
mod download;
mod due;
mod exchange;
mod fetch;
mod fields;
mod finding;
mod flight;
mod health;
mod hints;
mod inflow;
mod journey;
mod link;
mod missed;
mod origin;
mod origins;
mod policy;
mod pool;
mod problem;
mod purge;
mod recent;
mod reply;
mod serve;
mod stock;
mod store;
mod stored;
mod tallies;
mod target;
mod timed;
mod unpack;
mod upload;
mod visit;

pub(crate) use client::{Question, added, answer};
pub(crate) use counts::{Counts, describe, total};
pub(crate) use disk::{DiskThread, apply as apply_disk, open as open_disk, reset as reset_disk};
pub(crate) use door::serve;
pub(crate) use due::refresh_due;
pub(crate) use missed::most_missed;
pub(crate) use origin::check as check_origin;
pub(crate) use pool::Pool;
pub(crate) use tallies::tally_of;

use crate::config::{Config, table};
use crate::listen;
use crate::log;
use crate::server::StartError;
use crate::tls;
use due::Dues;
use flight::Flights;
use origin::{Address, Origin, Refusal};
use origins::Origins;
use recent::Recent;
use rustls::ClientConfig;
use spinel_storage::Engine;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, OnceLock};

/// So much of the name of a run tells servers of a chain apart.
const NAME_BYTES: usize = 8;

/// What the workers share of it.
pub(crate) struct Cache {
    /// Where answers come from that the door gives, if anywhere.
    origin: Option<Address>,
    /// What URLs begin with by which clients of the door ask.
    scheme: &'static str,
    origins: Origins,
    /// Whom to believe to be an origin, if connections to it are encrypted.
    trust: OnceLock<Arc<ClientConfig>>,
    flights: Arc<Flights>,
    /// What commands read that is to be fetched again.
    dues: Arc<Dues>,
    /// Keys whose answers were for one client only.
    apart: Recent,
    /// Keys for which the origin has failed.
    failing: Recent,
    /// What this server is called in `Via` and `Cache-Status`.
    name: String,
}

impl Cache {
    /// As the settings say, for a run of this name.
    pub(crate) fn new(config: &Config, run_id: &str) -> Cache {
        let name = format!("spineldb-{}", &run_id[..NAME_BYTES]);
        let origin = Address::of_door(config);
        let scheme = if config.number(table::CACHE_HTTP_SCHEME) == 0 { "http" } else { "https" };
        let (apart, failing, origins) = (Recent::default(), Recent::default(), Origins::default());
        let (flights, dues, trust) = (Arc::default(), Arc::default(), OnceLock::new());
        Cache { origin, scheme, origins, trust, flights, dues, apart, failing, name }
    }

    /// Memory of bodies on their way, from origins and to files, in bytes.
    pub(crate) fn transit_bytes(&self, engine: &Engine) -> u64 {
        self.flights.bytes() + engine.keyspace().bodies().map_or(0, |bodies| bodies.waiting_bytes())
    }

    /// Fetches again from now on what commands read that is no longer fresh.
    pub(crate) fn refresh_for(&self, engine: &Engine) {
        let dues = Arc::clone(&self.dues);
        engine.keyspace().set_refresher(move |due| dues.note(due));
    }

    /// The origin at an address, if not too many others are being asked.
    fn origin_at(&self, address: &Address, config: &Config) -> Option<Arc<Origin>> {
        self.origins.at(address, config.number(table::CACHE_ORIGIN_CONNECTIONS) as usize)
    }

    /// Whom to believe to be an origin. The files that the settings name are read when they are first needed.
    fn trust(&self, config: &Config) -> io::Result<&Arc<ClientConfig>> {
        if let Some(rules) = self.trust.get() {
            return Ok(rules);
        }
        let rules = tls::rules_for_origins(config).map_err(|reason| {
            log::warning!("{reason}");
            io::Error::other(reason)
        })?;
        Ok(self.trust.get_or_init(|| rules))
    }

    /// Opens the listeners that the settings ask for, and reads what connections to the origin need.
    pub(crate) fn open(&self, config: &Config) -> Result<Vec<TcpListener>, StartError> {
        let port = config.number(table::CACHE_HTTP_PORT) as u16;
        let addresses = config.text(table::CACHE_HTTP_BIND);
        let backlog = config.number(table::TCP_BACKLOG) as i32;
        let opened = listen::tcp(&String::from_utf8_lossy(&addresses), port, backlog);
        let listeners = opened.map_err(|(place, error)| {
            log::warning!("Could not create the HTTP cache's listening socket {place}: bind: {error}");
            StartError::Listen(format!("port {port} (cache)"))
        })?;
        if let Some(address) = self.origin.as_ref().filter(|_| !listeners.is_empty()) {
            let origin = self.origin_at(address, config).filter(|_| !address.is_on_list(config));
            if let Some(origin) = origin {
                origin.tell_refusal(&Refusal::NotOnList);
            }
            if address.is_encrypted {
                self.trust(config).map_err(|_| StartError::Tls)?;
            }
        }
        Ok(listeners)
    }
}

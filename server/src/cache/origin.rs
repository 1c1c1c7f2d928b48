//! Origins: where answers come from, as a setting or a URL names them.

use super::address;
use super::health::Health;
use crate::config::value::Reason;
use crate::config::{Config, table};
use crate::log;
use http::Uri;
use http::uri::Scheme;
use spinel_storage::pattern::{Case, matches};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Where an origin is, by its name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Address {
    /// The host in small letters; of an IPv6 address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_encrypted: bool,
}

/// An origin, and how many requests may be with it.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) address: Address,
    /// A place for each request that may be with it at once.
    pub(super) places: Arc<Semaphore>,
    pub(super) health: Health,
    /// Why it was refused last, as far as the log has been told.
    told: Mutex<Option<Refusal>>,
}

/// Why an origin is not asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    NotOnList,
    Address(IpAddr, address::Kind),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotOnList => f.write_str("it matches nothing in cache-origin-allow"),
            Refusal::Address(address, kind) => {
                write!(f, "its address {address} is {kind}, and cache-allow-private is off")
            }
        }
    }
}

impl Address {
    /// The one that the settings name for the door, if they name one.
    pub(super) fn of_door(config: &Config) -> Option<Address> {
        parse(&config.text(table::CACHE_HTTP_ORIGIN))
    }

    /// The one of a URL, which is encrypted or not, and names nobody who asks.
    pub(super) fn of(url: &Uri) -> Option<Address> {
        let is_encrypted = match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return None,
        };
        let authority = url.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(0) => return None,
            Some(port) => port,
            None if has_port => return None,
            None => usual_port(is_encrypted),
        };
        (!host.is_empty()).then_some(Address { host, port, is_encrypted })
    }

    /// Whether the list of origins has it.
    pub(super) fn is_on_list(&self, config: &Config) -> bool {
        let list = config.text(table::CACHE_ORIGIN_ALLOW);
        list.split(|byte| *byte == b' ')
            .any(|glob| !glob.is_empty() && matches(glob, self.host.as_bytes(), Case::Insensitive))
    }

    /// The value of `Host`: without the port that is usual.
    pub(super) fn authority(&self) -> String {
        let port = (self.port != usual_port(self.is_encrypted)).then_some(self.port);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", Bracketed(&self.host))
    }
}

/// A host as it is written in URLs.
struct Bracketed<'h>(&'h str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.0.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}", self.0)
    }
}

/// The port that URLs need not name.
pub(super) fn usual_port(is_encrypted: bool) -> u16 {
    if is_encrypted { 443 } else { 80 }
}

impl Origin {
    pub(super) fn new(address: Address, places: usize) -> Origin {
        let places = Arc::new(Semaphore::new(places));
        Origin { address, places, health: Health::default(), told: Mutex::default() }
    }

    /// Tells operators why it is refused, once for each reason.
    pub(super) fn tell_refusal(&self, refusal: &Refusal) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref() != Some(refusal) {
            log::warning!("The origin {} is refused: {refusal}", self.address);
            *told = Some(refusal.clone());
        }
    }

    /// Where it is, of what may be reached. Each address is looked at, and a connection is made to one of these and to nothing
    /// else, so that a name that means something else a moment later changes nothing.
    pub(super) async fn addresses(&self, config: &Config) -> Result<Vec<SocketAddr>, Unreachable> {
        if !self.address.is_on_list(config) {
            return Err(Unreachable::Refused(Refusal::NotOnList));
        }
        let found = tokio::net::lookup_host((self.address.host.as_str(), self.address.port)).await?;
        allowed(found, config.is_on(table::CACHE_ALLOW_PRIVATE))
    }
}

/// Those of the addresses to which a connection may be made. If there is none, why not.
fn allowed(
    addresses: impl Iterator<Item = SocketAddr>,
    allows_private: bool,
) -> Result<Vec<SocketAddr>, Unreachable> {
    let mut allowed = Vec::new();
    let mut refusal = None;
    for address in addresses {
        let kind = address::kind(address.ip());
        if kind.is_allowed(allows_private) {
            allowed.push(address);
        } else {
            refusal.get_or_insert(Refusal::Address(address.ip(), kind));
        }
    }
    match refusal {
        // A name with both kinds of addresses is somebody's trick.
        Some(refusal) => Err(Unreachable::Refused(refusal)),
        None if allowed.is_empty() => Err(Unreachable::Failed(io::ErrorKind::NotFound.into())),
        None => Ok(allowed),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", Bracketed(&self.host), self.port)
    }
}

/// Why no connection came about.
#[derive(Debug)]
pub(super) enum Unreachable {
    Refused(Refusal),
    Failed(io::Error),
}

impl From<io::Error> for Unreachable {
    fn from(error: io::Error) -> Unreachable {
        Unreachable::Failed(error)
    }
}

/// The address in `http://host`, `https://host:port` and the like, with nothing behind it.
fn parse(text: &[u8]) -> Option<Address> {
    let uri = Uri::try_from(text).ok()?;
    let is_bare = uri.query().is_none() && uri.path() == "/";
    Address::of(&uri).filter(|_| is_bare)
}

/// Checks the setting.
pub(crate) fn check(text: &[u8]) -> Result<(), Reason> {
    if text.is_empty() || parse(text).is_some() {
        return Ok(());
    }
    Err("argument must be http:// or https:// with a host, and a port if it is another than usual".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_hosts_and_ports() {
        for (text, expected) in [
            ("http://127.0.0.1:8000", Some(("127.0.0.1", 8000, false))),
            ("http://Example.COM", Some(("example.com", 80, false))),
            ("https://example.com/", Some(("example.com", 443, true))),
            ("http://[::1]:81", Some(("::1", 81, false))),
            ("ftp://example.com", None),
            ("example.com", None),
            ("http://", None),
            ("http://a:0", None),
            ("http://a:", None),
            ("http://a:65536", None),
            ("http://user@a", None),
            ("http://a/path", None),
            ("http://a/?query", None),
            ("http://a b", None),
            ("gopher://a", None),
            ("file:///etc/passwd", None),
        ] {
            let found = parse(text.as_bytes());
            let found = found.as_ref().map(|found| (found.host.as_str(), found.port, found.is_encrypted));
            assert_eq!(found, expected, "{text}");
            assert_eq!(check(text.as_bytes()).is_ok(), expected.is_some(), "{text}");
        }
        assert!(check(b"").is_ok());
    }

    #[test]
    fn hosts_are_named_without_the_usual_port() {
        for (url, expected) in [
            ("http://Example.COM/a?b", "example.com"),
            ("http://example.com:80/a", "example.com"),
            ("https://example.com:80/", "example.com:80"),
            ("https://[::1]:444", "[::1]:444"),
            ("https://[::1]", "[::1]"),
        ] {
            let address = Address::of(&url.parse().expect("a URL")).expect("it has an address");
            assert_eq!(address.authority(), expected, "{url}");
        }
    }

    fn reach(addresses: &[&str], allows_private: bool) -> Option<usize> {
        let parsed = addresses.iter().map(|text| (text.parse::<IpAddr>().expect("an address"), 80).into());
        allowed(parsed, allows_private).ok().map(|allowed| allowed.len())
    }

    #[test]
    fn one_bad_address_is_enough() {
        assert_eq!(reach(&["1.1.1.1", "2606:4700::1111"], false), Some(2));
        assert_eq!(reach(&["1.1.1.1", "127.0.0.1"], false), None);
        assert_eq!(reach(&["169.254.169.254"], false), None);
        assert_eq!(reach(&["1.1.1.1", "127.0.0.1"], true), Some(2));
        assert_eq!(reach(&["224.0.0.1"], true), None);
        assert_eq!(reach(&[], true), None);
    }
}

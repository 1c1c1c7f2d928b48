//! Where a primary is found.

use crate::config::value::Value;
use std::fmt;

/// Host and port of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// The address that the words of `REPLICAOF` name; none if the port is none. A host is the same in any case.
    pub(crate) fn of(host: &[u8], port: &[u8]) -> Option<Address> {
        let port = spinel_resp::parse_integer(port).and_then(|port| u16::try_from(port).ok())?;
        Some(Address { host: String::from_utf8_lossy(host).into_owned(), port })
    }

    /// Reads the setting; none if it names nobody.
    pub(super) fn parse(setting: &[u8]) -> Option<Address> {
        let place = setting.iter().rposition(|&byte| byte == b' ')?;
        Address::of(&setting[..place], &setting[place + 1..])
    }

    /// The same as a setting.
    pub(super) fn setting(&self) -> Value {
        Value::Text(format!("{} {}", self.host, self.port).into_bytes())
    }

    /// The setting of who copies nobody.
    pub(super) fn nobody() -> Value {
        Value::Text(Vec::new())
    }

    /// Whether it is the same, however the host is written.
    pub(crate) fn is_same(&self, other: &Address) -> bool {
        self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_from_words_and_from_the_setting() {
        let address = Address::of(b"Host", b"6379").unwrap();
        assert_eq!(Address::parse(b"Host 6379"), Some(address.clone()));
        assert_eq!(address.to_string(), "Host:6379");
        assert!(address.is_same(&Address::of(b"hOST", b"6379").unwrap()));
        assert!(!address.is_same(&Address::of(b"host", b"6380").unwrap()));
        for port in ["x", "65536", "-1", "01"] {
            assert_eq!(Address::of(b"host", port.as_bytes()), None, "{port}");
        }
        assert_eq!(Address::parse(b""), None);
    }
}

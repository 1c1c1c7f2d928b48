//! Where a server is: host and port or socket path, and the URI that can say it all at once.

use std::fmt;
use std::path::PathBuf;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Over TCP.
    Tcp {
        /// Name or number of the host, without brackets.
        host: String,
        /// Port the server listens on.
        port: u16,
    },
    /// Over a Unix domain socket.
    Unix(PathBuf),
}

impl Address {
    /// The address as it begins a prompt: with brackets around a host that contains colons itself.
    pub fn prompt(&self) -> String {
        match self {
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
            Self::Unix(path) => format!("redis {}", path.display()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(formatter, "{host}:{port}"),
            Self::Unix(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Version 4.
    Ipv4,
    /// Version 6.
    Ipv6,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Name of the user; the default user if missing.
    pub user: Option<Vec<u8>>,
    /// Password in clear.
    pub password: Vec<u8>,
}

/// What a `redis://` or `rediss://` URI says; what it leaves out keeps its default.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Uri {
    /// Host name or number.
    pub host: Option<String>,
    /// Port, if written.
    pub port: Option<u16>,
    /// User and password, if a password is written.
    pub credentials: Option<Credentials>,
    /// Number of the database, if the path is one.
    pub database: Option<i64>,
    /// Whether the connection is to be encrypted: the scheme is `rediss`.
    pub encrypted: bool,
}

/// Why a text is not a URI of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriError {
    /// It begins with something other than `redis://` or `rediss://`.
    Scheme,
    /// A percent sign without two hexadecimal digits.
    Encoding,
    /// The port is no number below 65536.
    Port,
}

impl fmt::Display for UriError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Scheme => "Invalid URI scheme",
            Self::Encoding => "Incomplete URI encoding",
            Self::Port => "Invalid server port.",
        })
    }
}

impl std::error::Error for UriError {}

impl Uri {
    /// Reads `redis://[user:password@]host[:port][/database]`, or the same with `rediss`. A user part without a colon is a password.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once("://").ok_or(UriError::Scheme)?;
        let encrypted = scheme.eq_ignore_ascii_case("rediss");
        if !encrypted && !scheme.eq_ignore_ascii_case("redis") {
            return Err(UriError::Scheme);
        }
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user_part, host_part) = match authority.rsplit_once('@') {
            Some((user_part, host_part)) => (Some(user_part), host_part),
            None => (None, authority),
        };

        let (host, port) = split_host(host_part)?;
        Ok(Self {
            host: (!host.is_empty()).then(|| host.to_owned()),
            port,
            credentials: user_part.map(parse_credentials).transpose()?,
            database: path.parse().ok(),
            encrypted,
        })
    }
}

fn split_host(text: &str) -> Result<(&str, Option<u16>), UriError> {
    let (host, port) = match text.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map(str::parse).transpose().map_err(|_| UriError::Port)?;
    Ok((host, port))
}

fn parse_credentials(text: &str) -> Result<Credentials, UriError> {
    let (user, password) = match text.split_once(':') {
        Some(("", password)) => (None, password),
        Some((user, password)) => (Some(user), password),
        None => (None, text),
    };
    Ok(Credentials { user: user.map(percent_decode).transpose()?, password: percent_decode(password)? })
}

fn percent_decode(text: &str) -> Result<Vec<u8>, UriError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2).ok_or(UriError::Encoding)?;
        let digits = std::str::from_utf8(digits).map_err(|_| UriError::Encoding)?;
        if digits.starts_with('+') {
            return Err(UriError::Encoding);
        }
        decoded.push(u8::from_str_radix(digits, 16).map_err(|_| UriError::Encoding)?);
        rest = after;
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: Option<&str>, password: &str) -> Credentials {
        Credentials {
            user: user.map(|user| user.as_bytes().to_vec()),
            password: password.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_full_uri_names_everything() {
        let uri = Uri::parse("redis://u%3Ax:p%20q@db.example:7000/3?x=y").unwrap();

        assert_eq!(uri.host.as_deref(), Some("db.example"));
        assert_eq!(uri.port, Some(7000));
        assert_eq!(uri.database, Some(3));
        assert_eq!(uri.credentials, Some(credentials(Some("u:x"), "p q")));
    }

    #[test]
    fn parts_may_be_missing() {
        assert_eq!(Uri::parse("redis://").unwrap(), Uri::default());
        assert_eq!(Uri::parse("REDIS://h/").unwrap(), Uri { host: Some("h".into()), ..Uri::default() });
        assert_eq!(Uri::parse("redis://h/x").unwrap().database, None);
        let encrypted = Uri { host: Some("h".into()), port: Some(1), encrypted: true, ..Uri::default() };
        assert_eq!(Uri::parse("rediss://h:1").unwrap(), encrypted);
        assert_eq!(Uri::parse("redis://p@h").unwrap().credentials, Some(credentials(None, "p")));
        assert_eq!(Uri::parse("redis://:p@h").unwrap().credentials, Some(credentials(None, "p")));
        assert_eq!(Uri::parse("redis://a:b:c@h").unwrap().credentials, Some(credentials(Some("a"), "b:c")));
        assert_eq!(Uri::parse("redis://p@ss@h").unwrap().credentials, Some(credentials(None, "p@ss")));
    }

    #[test]
    fn a_bracketed_host_may_contain_colons() {
        let uri = Uri::parse("redis://[::1]:7000").unwrap();
        assert_eq!((uri.host.as_deref(), uri.port), (Some("::1"), Some(7000)));
        assert_eq!(Uri::parse("redis://[::1]/1").unwrap().host.as_deref(), Some("::1"));
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        assert_eq!(Uri::parse("http://h"), Err(UriError::Scheme));
        assert_eq!(Uri::parse("redis:h"), Err(UriError::Scheme));
        assert_eq!(Uri::parse("redis://%@h"), Err(UriError::Encoding));
        assert_eq!(Uri::parse("redis://%+1@h"), Err(UriError::Encoding));
        assert_eq!(Uri::parse("redis://h:99999"), Err(UriError::Port));
    }

    #[test]
    fn prompts_bracket_what_messages_do_not() {
        let address = Address::Tcp { host: "::1".into(), port: 7 };
        assert_eq!(address.prompt(), "[::1]:7");
        assert_eq!(address.to_string(), "::1:7");
        assert_eq!(Address::Unix("/run/s".into()).prompt(), "redis /run/s");
    }
}

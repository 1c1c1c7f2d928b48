//! Opening the sockets a server listens on.

use crate::config::Config;
use crate::config::table;
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

/// Opens a listener for each address of `bind`. Addresses with a `-` in front may be missing on this machine.
///
/// The error names the address that failed.
pub(crate) fn tcp(addresses: &str, port: u16, backlog: i32) -> Result<Vec<TcpListener>, (String, io::Error)> {
    let mut listeners = Vec::new();
    if port == 0 {
        return Ok(listeners);
    }
    for address in addresses.split(' ').filter(|address| !address.is_empty()) {
        let (name, is_optional) = match address.strip_prefix('-') {
            Some(name) => (name, true),
            None => (address, false),
        };
        match resolve(name, port).and_then(|address| tcp_one(address, backlog)) {
            Ok(listener) => listeners.push(listener),
            Err(error) if is_optional && is_missing(&error) => {}
            Err(error) => return Err((format!("{name}:{port}"), error)),
        }
    }
    Ok(listeners)
}

/// Whether an error says that an address or its whole family does not exist here.
fn is_missing(error: &io::Error) -> bool {
    // `EAFNOSUPPORT` has no kind of its own.
    const ADDRESS_FAMILY_NOT_SUPPORTED: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error() == Some(ADDRESS_FAMILY_NOT_SUPPORTED)
}

fn resolve(name: &str, port: u16) -> io::Result<SocketAddr> {
    let address = match name {
        "*" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        "::*" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ if is_numeric(name) => {
            name.parse().map_err(|_| io::Error::from(io::ErrorKind::AddrNotAvailable))?
        }
        _ => {
            let found = (name, port).to_socket_addrs()?.next();
            return found.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable));
        }
    };
    Ok(SocketAddr::new(address, port))
}

/// Whether this can be no name of a host, whose last part is no number.
fn is_numeric(name: &str) -> bool {
    name.contains(':') || name.ends_with(|letter: char| letter.is_ascii_digit())
}

fn tcp_one(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // Otherwise it would take the place of the IPv4 listener on the same port.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Opens a Unix socket, in place of one that a former server left behind. `mode` 0 leaves its permissions alone.
pub(crate) fn unix(path: &Path, mode: u32, backlog: i32) -> io::Result<UnixListener> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if mode != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Prepares an accepted connection: small writes leave at once, dead peers are noticed.
pub(crate) fn tune(stream: &TcpStream, config: &Config) -> io::Result<()> {
    tune_socket(stream, config)
}

/// As [`tune`], of a connection that a runtime may have.
pub(crate) fn tune_socket(stream: &impl AsFd, config: &Config) -> io::Result<()> {
    let stream = socket2::SockRef::from(stream);
    stream.set_tcp_nodelay(true)?;
    let seconds = config.number(table::TCP_KEEPALIVE) as u64;
    if seconds == 0 {
        return Ok(());
    }
    // Three probes without an answer, so that a dead peer is noticed after twice the time.
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(seconds))
        .with_interval(Duration::from_secs((seconds / 3).max(1)))
        .with_retries(3);
    stream.set_tcp_keepalive(&keepalive)
}

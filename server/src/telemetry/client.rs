//! How spans get to the collector: one POST per batch, on the thread that exports.
//!
//! A client of its own, because those that the exporter knows bring a runtime or a library of TLS. A collector runs on the
//! same machine or behind an agent that does; what it answers beyond its status is not looked at.

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::fmt::Write as _;
use std::future::ready;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::pin::Pin;
use std::time::Duration;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the line may be that tells the status.
const STATUS_BYTES_MAX: u64 = 1024;

#[derive(Debug)]
pub(super) struct Client;

impl HttpClient for Client {
    fn send_bytes<'c, 'f>(
        &'c self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'c: 'f,
        Self: 'f,
    {
        // The thread that waits for it has nothing else to do.
        Box::pin(ready(post(&request)))
    }
}

fn post(request: &Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let uri = request.uri();
    if uri.scheme_str() != Some("http") {
        return Err(format!("{uri} does not begin with http://").into());
    }
    let authority = uri.authority().ok_or("the collector's address has no host")?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let mut addresses = (host, authority.port_u16().unwrap_or(80)).to_socket_addrs()?;
    let address = addresses.next().ok_or("the collector's host has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&head(request, authority.as_str()))?;
    stream.write_all(request.body())?;

    let mut line = String::new();
    BufReader::new(stream.take(STATUS_BYTES_MAX)).read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
    let status = status.ok_or_else(|| format!("the collector answers with {line:?}"))?;
    Ok(Response::builder().status(status).body(Bytes::new())?)
}

fn head(request: &Request<Bytes>, authority: &str) -> Vec<u8> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    let _ = write!(head, "Content-Length: {}\r\n", request.body().len());
    let mut head = head.into_bytes();
    for (name, value) in request.headers() {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

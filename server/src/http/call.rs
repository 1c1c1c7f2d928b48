//! A request on its way to its handler: who asks, for what, and how his commands run.

use super::answer::{Problem, Response};
use super::body::{self, Held};
use super::json::Encoding;
use super::line::{Commands, Line};
use super::path::{self, Parameters};
use super::routes::{Access, Operation};
use super::visitor::{Entered, Visitor, find};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use hyper::body::Incoming;
use spinel_resp::Value;
use spinel_storage::DbIndex;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;

/// How the page that asks is related to this server, as browsers tell.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// For what it asks: `navigate` for a link or an address that was typed.
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// What a handler returns.
pub(super) type Pending<'c> = Pin<Box<dyn Future<Output = Result<Response, Problem>> + 'c>>;

/// A request.
pub(super) struct Call {
    pub(super) visitor: Rc<Visitor>,
    pub(super) parts: Parts,
    pub(super) body: Held,
    parameters: Parameters,
    /// The line, unless nobody needs one.
    entered: Option<Box<Entered>>,
}

impl Call {
    pub(super) fn new(visitor: Rc<Visitor>, parts: Parts) -> Call {
        let body = Held::nothing(&visitor.house.counts);
        Call { visitor, parts, body, parameters: Parameters::default(), entered: None }
    }

    /// Lets a request in: checks who asks, chooses the database, and then only reads the body.
    pub(super) async fn admit(
        &mut self,
        operation: &Operation,
        parameters: Option<Parameters>,
        content: Incoming,
    ) -> Result<(), Problem> {
        if is_of_another_site(&self.parts.headers) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "ORIGIN",
                "Pages of other sites are not served.",
            ));
        }
        self.parameters = parameters.ok_or_else(bad_escape)?;
        if operation.access == Access::Everybody {
            return Ok(());
        }
        // A page whose site has got the address of this machine comes from there without saying so, but calls it by name.
        if !self.has(&AUTHORIZATION) && !self.header(&HOST).is_none_or(is_this_machine) {
            let message = "Without credentials, the server is called localhost or by its address.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "HOST", message));
        }
        self.entered = Some(self.visitor.enter(&self.parts.headers).await?);
        self.select().await?;
        if operation.body.is_json() && !self.says_json() {
            let message = "The header Content-Type has to be application/json.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "JSON", message));
        }
        if operation.body.is_some() {
            let bytes_max = body::bytes_max(&self.visitor);
            self.body = body::read(content, bytes_max, &self.visitor.house.counts).await?;
        }
        Ok(())
    }

    /// Chooses the database that the path or the query names. Nothing may run in another one, so this is waited for.
    async fn select(&mut self) -> Result<(), Problem> {
        let number = match self.parameters.find("db") {
            Some(text) => number(text),
            None => self.query("db")?.map_or(Some(0), |text| number(&text)),
        };
        let exists = |number: &u16| *number < self.visitor.shared().engine.keyspace().databases();
        let number = number
            .filter(exists)
            .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "NODB", "There is no such database."))?;
        if self.entered.as_ref().is_some_and(|entered| entered.db != DbIndex(number)) {
            self.ask(&[b"SELECT", number.to_string().as_bytes()]).await?;
            if let Some(entered) = &mut self.entered {
                entered.db = DbIndex(number);
            }
        }
        Ok(())
    }

    /// Whether the body is said to be JSON. Pages can't say so without asking first, which is refused.
    fn says_json(&self) -> bool {
        let kind = self.header(&CONTENT_TYPE).unwrap_or_default();
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    }

    /// What stands in the path for a name of its template.
    pub(super) fn parameter(&self, name: &str) -> &[u8] {
        self.parameters.find(name).unwrap_or_default()
    }

    /// A header, if it is text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        find(&self.parts.headers, name)?.to_str().ok()
    }

    /// Whether there is such a header.
    pub(super) fn has(&self, name: &HeaderName) -> bool {
        find(&self.parts.headers, name).is_some()
    }

    /// The first value of a name in the query.
    pub(super) fn query(&self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        Ok(self.queries(name)?.into_iter().next())
    }

    /// All values of a name in the query.
    pub(super) fn queries(&self, name: &str) -> Result<Vec<Vec<u8>>, Problem> {
        let Some(query) = self.parts.uri.query() else { return Ok(Vec::new()) };
        path::values(query, name).ok_or_else(bad_escape)
    }

    /// The value of a name in the query, or what holds without it.
    pub(super) fn query_or(&self, name: &str, default: &str) -> Result<Vec<u8>, Problem> {
        Ok(self.query(name)?.unwrap_or_else(|| default.into()))
    }

    /// Whether the query has a name with one of these values; the first holds without it.
    pub(super) fn choice(&self, name: &str, choices: [&str; 2]) -> Result<usize, Problem> {
        let value = self.query_or(name, choices[0])?;
        choices.iter().position(|choice| choice.as_bytes() == value).ok_or_else(|| {
            let message = format!("{name} is {} or {}.", choices[0], choices[1]);
            Problem::new(StatusCode::BAD_REQUEST, "QUERY", &message)
        })
    }

    /// How bytes are to stand in JSON.
    pub(super) fn encoding(&self) -> Result<Encoding, Problem> {
        let place = self.choice("encoding", ["text", "base64"])?;
        Ok(if place == 0 { Encoding::Text } else { Encoding::Base64 })
    }

    /// Runs a command; an error that it replies is a problem.
    pub(super) async fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<Value, Problem> {
        self.ask_one(&Commands::one(words)).await
    }

    /// The same, of a command that has been written already, as words have to be that are parts of the request.
    pub(super) async fn ask_one(&mut self, command: &Commands) -> Result<Value, Problem> {
        let mut entered = self.lend()?;
        let reply = entered.line.ask(command).await.map_err(|_| Problem::gone())?;
        self.entered = Some(entered);
        match reply {
            Value::Error(text) => Err(Problem::of_error(&text)),
            reply => Ok(reply),
        }
    }

    /// Runs commands.
    pub(super) async fn ask_all(&mut self, commands: &Commands) -> Result<Vec<Value>, Problem> {
        let mut entered = self.lend()?;
        let replies = entered.line.ask_all(commands).await.map_err(|_| Problem::gone())?;
        self.entered = Some(entered);
        Ok(replies)
    }

    /// The line, to be given back with the replies. Who leaves before they are there leaves the line, too.
    fn lend(&mut self) -> Result<Box<Entered>, Problem> {
        self.entered.take().ok_or_else(Problem::gone)
    }

    /// Takes the line, for what goes on behind the answer.
    pub(super) fn take_line(&mut self) -> Result<Line, Problem> {
        self.lend().map(|entered| entered.line)
    }

    /// Gives the line up, because commands may have changed its session.
    pub(super) fn leave(&mut self) {
        self.entered = None;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(entered) = self.entered.take() {
            self.visitor.keep(entered);
        }
    }
}

/// Whether a browser says that a page of another site asks.
///
/// `Origin` tells the page's site, which has to be the one that the request goes to. `Sec-Fetch-Site` also comes with what is
/// asked for without a script, to addresses that browsers trust; `none` is who types the address. Who follows a link
/// sees the answer himself, and no page does.
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| find(headers, name).map(|value| value.to_str().unwrap_or_default());
    let is_own = |origin: &str| {
        let site = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        site.filter(|site| !site.is_empty())
            .is_some_and(|site| text(&HOST).is_some_and(|host| host.eq_ignore_ascii_case(site)))
    };
    let is_near = |relation: &str| matches!(relation, "same-origin" | "none");
    let is_followed = || text(&FETCH_MODE) == Some("navigate");
    !text(&ORIGIN).is_none_or(is_own) || !(text(&FETCH_SITE).is_none_or(is_near) || is_followed())
}

/// Whether a header `Host` names no site: it is an address, or `localhost`, with a port or without.
fn is_this_machine(host: &str) -> bool {
    let digits = host.bytes().rev().take_while(u8::is_ascii_digit).count();
    let name = host[..host.len() - digits].strip_suffix(':').unwrap_or(host);
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// The number that a text is.
fn number(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn bad_escape() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "PATH", "A % is followed by two hexadecimal digits.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn pages_of_other_sites_are_told_from_our_own() {
        let is_foreign = |lines: &[(&'static str, &'static str)]| {
            let pairs = lines
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_of_another_site(&pairs.collect())
        };
        let host = ("host", "localhost:8379");
        for lines in [
            &[][..],
            &[host],
            &[host, ("origin", "http://localhost:8379")],
            &[host, ("origin", "https://LOCALHOST:8379"), ("sec-fetch-site", "same-origin")],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
        ] {
            assert!(!is_foreign(lines), "{lines:?}");
        }
        for lines in [
            &[host, ("origin", "http://localhost:3000")][..],
            &[host, ("origin", "http://localhost")],
            &[host, ("origin", "http://example.com")],
            &[host, ("origin", "null")],
            &[host, ("origin", "")],
            &[host, ("origin", "localhost:8379")],
            &[host, ("origin", "file://localhost:8379")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
            &[host, ("origin", "http://example.com"), ("sec-fetch-mode", "navigate")],
            &[host, ("sec-fetch-site", "same-site"), ("origin", "http://localhost:8379")],
            &[("origin", "http://localhost:8379")],
            &[("host", ""), ("origin", "http://")],
        ] {
            assert!(is_foreign(lines), "{lines:?}");
        }
    }

    #[test]
    fn names_of_sites_are_told_from_this_machine() {
        for host in
            ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:8379", "[::1]", "[::1]:8379", "10.0.0.1"]
        {
            assert!(is_this_machine(host), "{host}");
        }
        for host in
            ["", "example.com", "example.com:80", "localhost.example.com", "127.0.0.1.example.com:1", ":80"]
        {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}

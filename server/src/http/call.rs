//! A request on its way to its handler: who asks, for what, and how his commands run.

use super::answer::Problem;
use super::body::{self, Held};
use super::json::Encoding;
use super::line::{Commands, Line};
use super::path;
use super::routes::{Access, Operation};
use super::visitor::{Entered, Visitor};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use spinel_resp::Value;
use spinel_storage::DbIndex;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

/// What a handler returns.
pub(super) type Pending = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// A request that was let in.
pub(super) struct Call {
    pub(super) visitor: Arc<Visitor>,
    pub(super) parts: Parts,
    pub(super) body: Held,
    /// What stands in the path where its template has names.
    parameters: Vec<(&'static str, Vec<u8>)>,
    /// The line, unless nobody needs one.
    entered: Option<Entered>,
}

impl Call {
    /// Lets a request in: checks who asks, chooses the database, and then only reads the body.
    pub(super) async fn admit(operation: &Operation, request: Request) -> Result<Call, Problem> {
        let (mut parts, content) = request.into_parts();
        let visitor = parts.extensions.remove::<Arc<Visitor>>().ok_or_else(Problem::gone)?;
        // A page of another site sends this header; there is no page of ours.
        if parts.headers.contains_key(ORIGIN) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "ORIGIN", "Web pages are not served."));
        }
        let parameters = path::parameters(operation.path, parts.uri.path()).ok_or_else(bad_escape)?;
        let body = Held::nothing(&visitor);
        let mut call = Call { visitor, parts, body, parameters, entered: None };
        if operation.access == Access::Everybody {
            return Ok(call);
        }
        // A page whose site has got the address of this machine comes from there without saying so, but calls it by name.
        if !call.parts.headers.contains_key(AUTHORIZATION) && !call.header(&HOST).is_none_or(is_this_machine)
        {
            let message = "Without credentials, the server is called localhost or by its address.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "HOST", message));
        }
        call.entered = Some(call.visitor.enter(&call.parts.headers).await?);
        call.select().await?;
        if operation.body.is_json() && !call.says_json() {
            let message = "The header Content-Type has to be application/json.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "JSON", message));
        }
        if operation.body.is_some() {
            call.body = body::read(content, &call.visitor).await?;
        }
        Ok(call)
    }

    /// Chooses the database that the path or the query names. Nothing may run in another one, so this is waited for.
    async fn select(&mut self) -> Result<(), Problem> {
        let named = match self.find("db") {
            Some(number) => Some(number.to_vec()),
            None => self.query("db")?,
        };
        let number = named.map_or(Some(0), |text| std::str::from_utf8(&text).ok()?.parse().ok());
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
        self.find(name).unwrap_or_default()
    }

    fn find(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(found, _)| *found == name).map(|(_, value)| &value[..])
    }

    /// A header, if it is text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The first value of a name in the query.
    pub(super) fn query(&self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        Ok(self.queries(name)?.into_iter().next())
    }

    /// All values of a name in the query.
    pub(super) fn queries(&self, name: &str) -> Result<Vec<Vec<u8>>, Problem> {
        path::values(self.parts.uri.query().unwrap_or_default(), name).ok_or_else(bad_escape)
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
        let replies = self.ask_all(&Commands::one(words)).await?;
        match replies.into_iter().next() {
            Some(Value::Error(text)) => Err(Problem::of_error(&text)),
            Some(reply) => Ok(reply),
            None => Err(Problem::gone()),
        }
    }

    /// Runs commands.
    pub(super) async fn ask_all(&mut self, commands: &Commands) -> Result<Vec<Value>, Problem> {
        // Who leaves before the replies are there leaves the line, too.
        let mut entered = self.entered.take().ok_or_else(Problem::gone)?;
        let replies = entered.line.ask(commands).await.map_err(|_| Problem::gone())?;
        self.entered = Some(entered);
        Ok(replies)
    }

    /// Takes the line, for what goes on behind the answer.
    pub(super) fn take_line(&mut self) -> Result<Line, Problem> {
        self.entered.take().map(|entered| entered.line).ok_or_else(Problem::gone)
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

/// Whether a header `Host` names no site: it is an address, or `localhost`, with a port or without.
fn is_this_machine(host: &str) -> bool {
    let has_port = |end: &str| end.bytes().all(|digit| digit.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, end)| has_port(end)).map_or(host, |(name, _)| name);
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    address.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
}

fn bad_escape() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "PATH", "A % is followed by two hexadecimal digits.")
}

#[cfg(test)]
mod tests {
    use super::*;

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

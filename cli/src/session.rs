//! A conversation with one server: it logs in, follows what commands change, and comes back after a lost connection.

use crate::address::{Address, Credentials, Family};
use crate::connection::{Connection, ReceiveError, system_text};
use crate::tls::Security;
use spinel_resp::value::{Value, encode_request};
use std::fmt;
use std::io;
use std::time::Duration;

/// The version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// What every server speaks.
    Resp2,
    /// With maps, sets, doubles and pushes; needs HELLO.
    Resp3,
}

/// How to reach a server and who to be there.
#[derive(Clone, Debug)]
pub struct Login {
    /// Where the server listens.
    pub address: Address,
    /// Name of the user that a password asked for belongs to.
    pub user: Option<Vec<u8>>,
    /// Sent with AUTH, if given.
    pub credentials: Option<Credentials>,
    /// Number of the database to select; 0 needs no selecting.
    pub database: i64,
    /// Protocol to ask for.
    pub protocol: Protocol,
    /// How long to try to connect; as long as the system does if missing.
    pub timeout: Option<Duration>,
    /// Addresses to try first.
    pub family: Option<Family>,
    /// How connections are encrypted; they are plain if missing.
    pub security: Option<Security>,
    /// What becomes of a cluster's redirections.
    pub redirections: Redirections,
}

impl Login {
    /// Sets the password of the user.
    pub fn set_password(&mut self, password: Vec<u8>) {
        self.credentials = Some(Credentials { user: self.user.clone(), password });
    }
}

/// What becomes of a reply that names another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirections {
    /// It is a reply as others.
    Ignored,
    /// The command is sent to that server.
    Followed,
    /// The same, and it is said on standard error.
    FollowedAndTold,
}

/// How many redirections a command follows: more are a cluster that does not agree with itself.
const REDIRECTIONS_MAX: usize = 16;

/// A logged-in connection, or the knowledge how to make one.
#[derive(Debug)]
pub struct Session {
    login: Login,
    connection: Option<Connection>,
    /// The database selected by this connection.
    database: i64,
    /// The database selected when MULTI began, to return to if the transaction is dropped.
    database_before_transaction: Option<i64>,
    /// Name of the user that this connection has logged in as; the default user if missing.
    user: Option<Vec<u8>>,
    /// What is to be said of redirections.
    redirected: Vec<String>,
    /// Whether what a server refuses of the login is not told.
    is_silent: bool,
}

/// What the server says to a command.
#[derive(Debug)]
pub enum Answer {
    /// The replies, of which there is one except to UNSUBSCRIBE with several channels.
    Replies(Vec<Value>),
    /// The first of an endless row of values: the command was SUBSCRIBE or MONITOR.
    Stream(Value),
}

/// Why a command has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionError {
    /// No connection could be made.
    Connect {
        /// Where it was tried.
        address: Address,
        /// What the operating system says.
        source: io::Error,
    },
    /// The connection broke; the next command makes a new one.
    Lost(ReceiveError),
}

impl fmt::Display for SessionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Scripts look for these very words.
            Self::Connect { address, source } => {
                write!(formatter, "Could not connect to Redis at {address}: {}", system_text(source))
            }
            Self::Lost(error) => write!(formatter, "Error: {error}"),
        }
    }
}

impl std::error::Error for SessionError {}

impl Session {
    /// A session that has yet to connect.
    pub fn new(login: Login) -> Self {
        Self {
            database: 0,
            login,
            connection: None,
            database_before_transaction: None,
            user: None,
            redirected: Vec::new(),
            is_silent: false,
        }
    }

    /// Whether there is a connection, as far as is known without using it.
    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Whether MULTI was said and neither EXEC nor DISCARD yet.
    pub fn in_transaction(&self) -> bool {
        self.database_before_transaction.is_some()
    }

    /// Number of the selected database.
    pub fn database(&self) -> i64 {
        self.database
    }

    /// Where the server is.
    pub fn address(&self) -> &Address {
        &self.login.address
    }

    /// Tells nothing on standard error any more, for those that use the whole screen.
    pub fn be_silent(&mut self) {
        self.is_silent = true;
    }

    /// Turns to the server at `address` and connects.
    pub fn move_to(&mut self, address: Address) -> Result<(), SessionError> {
        self.login.address = address;
        self.connect()
    }

    /// Connects and logs in. Whatever the server refuses of the login is told on standard error and left out.
    pub fn connect(&mut self) -> Result<(), SessionError> {
        self.connection = None;
        self.database = 0;
        self.database_before_transaction = None;
        self.user = None;
        let Login { address, timeout, family, security, .. } = &self.login;
        let connection = Connection::open(address, *timeout, *family, security.as_ref())
            .map_err(|source| SessionError::Connect { address: address.clone(), source })?;
        self.connection = Some(connection);

        if let Some(credentials) = &self.login.credentials {
            let words = auth(credentials);
            let user = credentials.user.clone();
            if self.log_in("AUTH", &words)? {
                self.user = user;
            }
        }
        self.select_wanted_database()?;
        if self.login.protocol == Protocol::Resp3 {
            self.log_in("HELLO 3", &command(&["HELLO", "3"]))?;
        }
        Ok(())
    }

    fn select_wanted_database(&mut self) -> Result<(), SessionError> {
        let wanted = self.login.database;
        if wanted == self.database {
            return Ok(());
        }
        let number = wanted.to_string();
        if self.log_in(&format!("SELECT {number}"), &command(&["SELECT", &number]))? {
            self.database = wanted;
        }
        Ok(())
    }

    /// Sends one step of the login, called `name` in the complaint. Returns whether the server accepted it.
    fn log_in(&mut self, name: &str, words: &[Vec<u8>]) -> Result<bool, SessionError> {
        self.connected()?.send(words).map_err(lost)?;
        let mut reply = self.receive()?;
        while matches!(reply, Value::Push(_)) {
            reply = self.receive()?;
        }
        if let Value::Error(message) = &reply {
            if !self.is_silent {
                eprintln!("{name} failed: {}", String::from_utf8_lossy(message));
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// Sends a command and waits for the answer, connecting first if need be. Pushes that come before the answer go
    /// to `on_push`.
    pub fn call(
        &mut self,
        words: &[Vec<u8>],
        mut on_push: impl FnMut(&Value),
    ) -> Result<Answer, SessionError> {
        self.send(words)?;
        let kind = CommandKind::of(words);
        let mut redirections = 0;
        let mut replies = Vec::new();
        loop {
            let value = self.receive()?;
            let is_confirmation = matches!(value, Value::Push(_) | Value::Array(_));
            match kind {
                CommandKind::Subscribe if is_confirmation => return Ok(Answer::Stream(value)),
                CommandKind::Unsubscribe { confirmations } if is_confirmation => {
                    replies.push(value);
                    if replies.len() >= confirmations {
                        return Ok(Answer::Replies(replies));
                    }
                }
                _ if matches!(value, Value::Push(_)) => on_push(&value),
                CommandKind::Monitor if is_ok(&value) => return Ok(Answer::Stream(value)),
                _ if redirections < REDIRECTIONS_MAX && self.follows(&value) => {
                    redirections += 1;
                    self.redirect(&value, words)?;
                }
                _ => {
                    self.observe(words, &value)?;
                    return Ok(Answer::Replies(vec![value]));
                }
            }
        }
    }

    /// Sends a command and waits for its one reply, whatever is pushed meanwhile.
    pub fn ask(&mut self, words: &[impl AsRef<[u8]>]) -> Result<Value, SessionError> {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_ref().to_vec()).collect();
        match self.call(&words, |_| {})? {
            Answer::Replies(mut replies) => Ok(replies.pop().unwrap_or(Value::Null)),
            Answer::Stream(first) => Ok(first),
        }
    }

    /// Sends commands in one piece and waits for the reply of each.
    pub fn ask_all(&mut self, commands: &[Vec<Vec<u8>>]) -> Result<Vec<Value>, SessionError> {
        let mut request = Vec::new();
        for words in commands {
            encode_request(words, &mut request);
        }
        self.connected()?.send_bytes(&request).map_err(lost)?;
        let mut replies = Vec::with_capacity(commands.len());
        while replies.len() < commands.len() {
            let value = self.receive()?;
            if !matches!(value, Value::Push(_)) {
                replies.push(value);
            }
        }
        Ok(replies)
    }

    fn follows(&self, reply: &Value) -> bool {
        self.login.redirections != Redirections::Ignored && Redirection::read(reply).is_some()
    }

    /// Turns to the server that `reply` names and says the command again.
    fn redirect(&mut self, reply: &Value, words: &[Vec<u8>]) -> Result<(), SessionError> {
        let Some(redirection) = Redirection::read(reply) else { return Ok(()) };
        let host = match (redirection.host, &self.login.address) {
            // A node that does not know its own name means the one it was reached by.
            ("", Address::Tcp { host, .. }) => host.clone(),
            (host, _) => host.to_owned(),
        };
        let told =
            format!("-> Redirected to slot [{}] located at {host}:{}", redirection.slot, redirection.port);
        if self.login.redirections == Redirections::FollowedAndTold {
            eprintln!("{told}");
        }
        self.redirected.push(told);
        self.move_to(Address::Tcp { host, port: redirection.port })?;
        if redirection.once {
            self.connected()?.send(&command(&["ASKING"])).map_err(lost)?;
            self.receive()?;
        }
        self.send(words)
    }

    /// What is to be said of the redirections followed since the last time.
    pub fn take_redirected(&mut self) -> Vec<String> {
        std::mem::take(&mut self.redirected)
    }

    /// Who is logged in, as far as this session knows.
    pub fn user(&self) -> Option<&[u8]> {
        self.user.as_deref()
    }

    /// Sends a command without waiting. A connection that turns out to be dead is replaced once.
    fn send(&mut self, words: &[Vec<u8>]) -> Result<(), SessionError> {
        if self.connected()?.send(words).is_ok() {
            return Ok(());
        }
        self.connect()?;
        self.connected()?.send(words).map_err(lost)
    }

    /// Connects unless there is a connection.
    pub fn connect_if_need_be(&mut self) -> Result<(), SessionError> {
        self.connected().map(|_| ())
    }

    /// Waits for the next value, whatever it belongs to.
    pub fn receive(&mut self) -> Result<Value, SessionError> {
        let outcome = self.connected()?.receive();
        if outcome.is_err() {
            self.disconnect();
        }
        outcome.map_err(SessionError::Lost)
    }

    /// Gives the connection away; the session makes a new one when it needs one, unless it is put back.
    pub fn take_connection(&mut self) -> Option<Connection> {
        self.connection.take()
    }

    /// Takes back what [`Self::take_connection`] gave away, if it is still of use.
    pub fn put_back(&mut self, connection: Option<Connection>) {
        self.connection = connection;
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.database_before_transaction = None;
    }

    fn connected(&mut self) -> Result<&mut Connection, SessionError> {
        if self.connection.is_none() {
            self.connect()?;
        }
        Ok(self.connection.as_mut().expect("a successful connect leaves a connection"))
    }

    /// Follows what a command changed about the connection.
    fn observe(&mut self, words: &[Vec<u8>], reply: &Value) -> Result<(), SessionError> {
        let refused = matches!(reply, Value::Error(_));
        let name = words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
        match (name.as_slice(), refused) {
            (b"exec", _) => self.end_transaction(refused || matches!(reply, Value::Null)),
            (_, true) => {}
            (b"discard", _) => self.end_transaction(true),
            (b"multi", _) => self.database_before_transaction = Some(self.database),
            (b"select", _) => self.select(words),
            (b"reset", _) => {
                self.end_transaction(false);
                self.database = 0;
                self.login.database = 0;
                self.login.protocol = Protocol::Resp2;
                self.user = None;
            }
            (b"hello", _) => self.observe_hello(words),
            // The selection made at the start may have failed only for want of this.
            (b"auth", _) if !self.in_transaction() => {
                self.user = words.get(1).filter(|_| words.len() > 2).cloned();
                self.select_wanted_database()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn observe_hello(&mut self, words: &[Vec<u8>]) {
        match words.get(1).map(Vec::as_slice) {
            Some(b"2") => self.login.protocol = Protocol::Resp2,
            Some(b"3") => self.login.protocol = Protocol::Resp3,
            _ => {}
        }
        if let Some(at) = words.iter().position(|word| word.eq_ignore_ascii_case(b"auth")) {
            self.user = words.get(at + 1).cloned();
        }
    }

    fn select(&mut self, words: &[Vec<u8>]) {
        let number =
            words.get(1).and_then(|word| std::str::from_utf8(word).ok()).and_then(|word| word.parse().ok());
        if let Some(number) = number {
            self.database = number;
            self.login.database = number;
        }
    }

    fn end_transaction(&mut self, dropped: bool) {
        if let (Some(database), true) = (self.database_before_transaction.take(), dropped) {
            self.database = database;
            self.login.database = database;
        }
    }
}

/// An error reply that names the server to ask instead: `MOVED 3999 127.0.0.1:6381`.
struct Redirection<'reply> {
    /// Whether that server is to be asked this once, as `ASK` says.
    once: bool,
    slot: &'reply str,
    host: &'reply str,
    port: u16,
}

impl<'reply> Redirection<'reply> {
    fn read(reply: &'reply Value) -> Option<Self> {
        let Value::Error(message) = reply else { return None };
        let mut words = std::str::from_utf8(message).ok()?.split(' ');
        let once = match words.next()? {
            "MOVED" => false,
            "ASK" => true,
            _ => return None,
        };
        let slot = words.next()?;
        let (host, port) = words.next()?.rsplit_once(':')?;
        Some(Self { once, slot, host, port: port.parse().ok()? })
    }
}

/// What kind of answer a command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CommandKind {
    Ordinary,
    Subscribe,
    Unsubscribe { confirmations: usize },
    Monitor,
}

impl CommandKind {
    fn of(words: &[Vec<u8>]) -> Self {
        let name = words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
        match name.as_slice() {
            b"subscribe" | b"psubscribe" | b"ssubscribe" => Self::Subscribe,
            b"unsubscribe" | b"punsubscribe" | b"sunsubscribe" => {
                Self::Unsubscribe { confirmations: words.len().saturating_sub(1).max(1) }
            }
            b"monitor" => Self::Monitor,
            _ => Self::Ordinary,
        }
    }
}

fn is_ok(value: &Value) -> bool {
    matches!(value, Value::Simple(text) if text == b"OK")
}

fn lost(error: io::Error) -> SessionError {
    SessionError::Lost(ReceiveError::Io(error))
}

fn command(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn auth(credentials: &Credentials) -> Vec<Vec<u8>> {
    let mut words = command(&["AUTH"]);
    words.extend(credentials.user.clone());
    words.push(credentials.password.clone());
    words
}

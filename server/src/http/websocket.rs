//! A session over a WebSocket (RFC 6455): commands go in, and their replies and messages come out, all as texts of JSON.
//!
//! A client that doesn't read is not listened to: while it takes nothing, nothing is taken from its line. So its replies wait
//! where those of every client do, and its messages count towards the output limit, which ends the session.

use super::answer::{Body, Problem};
use super::body;
use super::call::{Call, Pending};
use super::json::{self, Encoding};
use super::line::{Commands, Line};
use super::visitor::Visitor;
use axum::Error;
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use spinel_resp::Value;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// The largest message of a client. Larger values have `PUT`.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// What is read of a connection at once.
const READ_BYTES: usize = 16 * 1024;
/// How often a client is asked whether it is still there.
const BEAT: Duration = Duration::from_secs(15);
/// So many beats may pass without anything from it.
const SILENT_BEATS_MAX: u32 = 2;

/// Codes of RFC 6455, section 7.4.1, that tell why a connection is closed.
mod code {
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const NOT_TEXT: u16 = 1003;
    pub(super) const NOT_JSON: u16 = 1007;
    pub(super) const REFUSED: u16 = 1008;
}

/// Answers by changing to a WebSocket, which keeps the line.
pub(super) fn open(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let encoding = call.encoding()?;
        let upgrade = WebSocketUpgrade::from_request_parts(&mut call.parts, &()).await;
        let upgrade = upgrade
            .map_err(|refusal| Problem::new(StatusCode::BAD_REQUEST, "WEBSOCKET", &refusal.body_text()))?;
        let bytes_max = body::bytes_max(&call.visitor).min(MESSAGE_BYTES_MAX);
        let upgrade =
            upgrade.max_message_size(bytes_max).max_frame_size(bytes_max).read_buffer_size(READ_BYTES);
        let line = call.take_line()?;
        let visitor = Rc::clone(&call.visitor);
        let talk =
            Talk { line, encoding, commands: None, sent: 0, pulse: Pulse::new(BEAT), _visitor: visitor };
        let (give, given) = oneshot::channel();
        let response = upgrade.on_upgrade(|socket| async {
            // Who has ended meanwhile talks no more.
            drop(give.send(socket));
        });
        spawn_local(async {
            if let Ok(socket) = given.await {
                talk.run(socket).await;
            }
        });
        Ok(response.map(|_| Body::default()))
    })
}

/// What goes on over a WebSocket.
struct Talk {
    line: Line,
    encoding: Encoding,
    /// What the client has sent and the line not yet taken, and how much of it has been.
    commands: Option<Commands>,
    sent: usize,
    pulse: Pulse,
    /// It counts as a connection.
    _visitor: Rc<Visitor>,
}

/// Why a talk ends.
enum End {
    /// There is nobody left to tell.
    Gone,
    Told(u16, String),
}

impl From<Error> for End {
    fn from(_: Error) -> End {
        End::Gone
    }
}

/// What happens next.
enum Event {
    /// The line has taken the commands, or says something.
    Line(io::Result<Option<Value>>),
    Client(Option<Result<Message, Error>>),
    Silence(Silence),
}

impl Talk {
    async fn run(mut self, mut socket: WebSocket) {
        let end = loop {
            if let Err(end) = self.step(&mut socket).await {
                break end;
            }
        };
        // The session ends before its client is told so.
        drop(self);
        if let End::Told(code, reason) = end {
            let frame = CloseFrame { code, reason: reason.into() };
            // Who doesn't hear it any more has gone.
            let _ = socket.send(Message::Close(Some(frame))).await;
        }
    }

    async fn step(&mut self, socket: &mut WebSocket) -> Result<(), End> {
        match self.event(socket).await {
            Event::Line(Ok(None)) => {
                (self.commands, self.sent) = (None, 0);
                Ok(())
            }
            Event::Line(Ok(Some(value))) => Ok(socket.send(self.shown(&value)).await?),
            Event::Line(Err(_)) => {
                Err(End::Told(code::GOING_AWAY, "The server has ended the session.".to_owned()))
            }
            Event::Client(heard) => {
                self.pulse.hear();
                self.hear(heard)
            }
            Event::Silence(Silence::Ask) => Ok(socket.send(Message::Ping(Vec::new().into())).await?),
            Event::Silence(Silence::Death) => Err(End::Gone),
        }
    }

    /// Waits for the next thing to happen. Nothing more is heard of the client until the line has taken its last commands.
    async fn event(&mut self, socket: &mut WebSocket) -> Event {
        let Talk { line, commands, sent, pulse, .. } = self;
        let is_listening = commands.is_none();
        if !is_listening {
            pulse.hear();
        }
        tokio::select! {
            said = poll_fn(|context| line.poll_exchange(context, commands.as_ref(), sent)) => Event::Line(said),
            heard = socket.recv(), if is_listening => Event::Client(heard),
            silence = pulse.beat() => Event::Silence(silence),
        }
    }

    fn hear(&mut self, heard: Option<Result<Message, Error>>) -> Result<(), End> {
        match heard {
            Some(Ok(Message::Text(text))) => {
                let words = json::read(text.as_bytes()).and_then(|json| json::words(&json));
                let words = words.map_err(|problem| End::told(code::NOT_JSON, problem.message()))?;
                self.commands = Some(Commands::one(&words));
                Ok(())
            }
            Some(Ok(Message::Binary(_))) => Err(End::told(code::NOT_TEXT, "A message is a text of JSON.")),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => Ok(()),
            Some(Err(error)) => Err(End::told(code::REFUSED, &error.to_string())),
            None => Err(End::Gone),
        }
    }

    /// What the line says, as a message to the client.
    fn shown(&self, value: &Value) -> Message {
        let mut out = Vec::new();
        match value {
            Value::Push(_) => {
                out.extend_from_slice(b"{\"push\":");
                json::write(value, self.encoding, &mut out);
                out.push(b'}');
            }
            _ => json::result(value, self.encoding, &mut out),
        }
        Message::Text(String::from_utf8(out).expect("JSON is text").into())
    }
}

impl End {
    /// An end with a reason that fits into a control frame, of 125 bytes with its code.
    fn told(code: u16, reason: &str) -> End {
        let ends = (0..=reason.len().min(123)).rev();
        let end = ends.into_iter().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
        End::Told(code, reason[..end].to_owned())
    }
}

/// Whether a client is still there, as far as it shows.
struct Pulse {
    beats: Interval,
    /// How often it was asked for a sign of life since the last one.
    silent_beats: u32,
}

/// What to do about a client's silence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Silence {
    /// Ask whether it is there.
    Ask,
    /// It has gone without a word.
    Death,
}

impl Pulse {
    fn new(beat: Duration) -> Pulse {
        let mut beats = interval_at(Instant::now() + beat, beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Pulse { beats, silent_beats: 0 }
    }

    /// Takes note of a sign of life; or that nobody listens for one.
    fn hear(&mut self) {
        self.silent_beats = 0;
    }

    /// Waits until something has to be done about silence.
    async fn beat(&mut self) -> Silence {
        self.beats.tick().await;
        self.silent_beats += 1;
        if self.silent_beats > SILENT_BEATS_MAX { Silence::Death } else { Silence::Ask }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_shows_no_sign_of_life_is_given_up_at_the_third_beat() {
        let mut pulse = Pulse::new(Duration::from_millis(1));
        for _ in 0..5 {
            assert_eq!([pulse.beat().await, pulse.beat().await], [Silence::Ask; 2]);
            pulse.hear();
        }
        let silence = [pulse.beat().await, pulse.beat().await, pulse.beat().await];
        assert_eq!(silence, [Silence::Ask, Silence::Ask, Silence::Death]);
    }
}

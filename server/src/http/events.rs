//! Messages as they are published, as events that a server sends (`text/event-stream`).

use super::answer::{Body, Problem, answer};
use super::call::{Call, Pending};
use super::json::{self, Encoding};
use super::line::{Commands, Line};
use axum::body::Bytes;
use axum::http::StatusCode;
use spinel_resp::Value;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Interval, interval};

/// How often something is sent where nothing is published, so that nobody in between takes the connection for dead, and
/// who has gone is noticed.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Answers with a stream of messages that ends with the connection. It keeps the line.
pub(super) fn subscribe(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let encoding = call.encoding()?;
        let (channels, patterns) = (call.queries("channel")?, call.queries("pattern")?);
        if channels.is_empty() && patterns.is_empty() {
            let message = "The query names no channel and no pattern.";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "QUERY", message));
        }
        let mut line = call.take_line()?;
        let mut commands = Commands::default();
        for (command, names) in [("SUBSCRIBE", &channels), ("PSUBSCRIBE", &patterns)] {
            let words = names.iter().map(Vec::as_slice);
            if !names.is_empty() {
                commands.add(&std::iter::once(command.as_bytes()).chain(words).collect::<Vec<_>>());
            }
        }
        line.tell(&commands).await.map_err(|_| Problem::gone())?;
        let mut confirmed = 0;
        while confirmed < channels.len() + patterns.len() {
            match poll_fn(|context| line.poll_receive(context)).await {
                Ok(Value::Error(text)) => return Err(Problem::of_error(&text)),
                // A message that comes before is for who subscribed earlier in the same breath.
                Ok(Value::Push(parts)) if message(&parts, encoding).is_none() => confirmed += 1,
                Ok(_) => {}
                Err(_) => return Err(Problem::gone()),
            }
        }
        let events = Events { line, encoding, signs: interval(SIGN_OF_LIFE) };
        Ok(answer(StatusCode::OK, "text/event-stream", Body::Events(Box::new(events))))
    })
}

/// The body of such an answer.
pub(super) struct Events {
    line: Line,
    encoding: Encoding,
    signs: Interval,
}

impl Events {
    /// The next event, or sign of life; nothing at the end.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            match self.line.poll_receive(context) {
                Poll::Ready(Ok(Value::Push(parts))) => {
                    if let Some(event) = message(&parts, self.encoding) {
                        return Poll::Ready(Some(event.into()));
                    }
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(None),
                Poll::Pending => break,
            }
        }
        self.signs.poll_tick(context).map(|_| Some(Bytes::from_static(b":\n\n")))
    }
}

/// The event of a message; nothing if a push is about something else.
fn message(parts: &[Value], encoding: Encoding) -> Option<Vec<u8>> {
    let Some(Value::Bulk(kind)) = parts.first() else { return None };
    let names: &[&str] = match (&kind[..], parts.len()) {
        (b"message", 3) => &["channel", "data"],
        (b"pmessage", 4) => &["pattern", "channel", "data"],
        _ => return None,
    };
    let pairs: Vec<_> = names.iter().copied().zip(&parts[1..]).collect();
    let mut out = b"event: message\ndata: ".to_vec();
    json::object(&pairs, encoding, &mut out);
    out.extend_from_slice(b"\n\n");
    Some(out)
}

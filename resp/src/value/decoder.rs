//! The decoder: a stack of unfinished aggregates, so that it can stop anywhere and go on with the next bytes.

use super::head::{self, Aggregate, Head, Text};
use super::{DecodeError, Value};

/// The deepest nesting of aggregates that is decoded. A value's own recursion (drop, comparison) stays within a stack.
const DEPTH_MAX: usize = 512;

/// Decodes the replies of one connection as their bytes arrive.
///
/// ```
/// use spinel_resp::value::{Decoder, Value};
///
/// let mut decoder = Decoder::new();
/// // The bulk's bytes are taken over as they come; a header is left until its line has ended.
/// assert_eq!(decoder.decode(b"*2\r\n$5\r\nhel"), Ok((11, None)));
/// assert_eq!(decoder.decode(b"lo\r\n:4"), Ok((4, None)));
/// let (consumed, value) = decoder.decode(b":42\r\n+next").unwrap();
/// assert_eq!(consumed, 5);
/// assert_eq!(value, Some(Value::Array(vec![Value::Bulk(b"hello".to_vec()), Value::Integer(42)])));
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    /// The aggregates that are still missing values, the outermost first.
    stack: Vec<Frame>,
    /// The text whose bytes are arriving.
    text: Option<UnfinishedText>,
    /// How many bytes of the line that comes next are known to hold no end of it.
    searched: usize,
}

/// An aggregate that misses `missing` values, at least one.
#[derive(Debug)]
struct Frame {
    aggregate: Aggregate,
    values: Vec<Value>,
    missing: usize,
}

/// A text that misses `missing` bytes, its CR LF included.
#[derive(Debug)]
struct UnfinishedText {
    text: Text,
    bytes: Vec<u8>,
    missing: usize,
}

impl Decoder {
    /// Creates a decoder that expects the start of a reply. It allocates nothing.
    pub const fn new() -> Decoder {
        Decoder { stack: Vec::new(), text: None, searched: 0 }
    }

    /// Decodes up to the end of one reply: how many bytes of `input` that took, and the reply if it is complete.
    ///
    /// The caller drops these bytes, even if the reply is not complete, and calls again with what is left and what has
    /// arrived since. All calls together look at every byte once, so a large reply costs linear time.
    ///
    /// After an error the decoder is of no more use.
    pub fn decode(&mut self, input: &[u8]) -> Result<(usize, Option<Value>), DecodeError> {
        let mut rest = input;
        loop {
            let step = match self.text.take() {
                Some(text) => self.take_text(text, &mut rest)?,
                None => self.take_line(&mut rest)?,
            };
            let complete = match step {
                Step::Value(value) => self.add(value),
                Step::Opened => None,
                Step::Incomplete => return Ok((input.len() - rest.len(), None)),
            };
            if complete.is_some() {
                return Ok((input.len() - rest.len(), complete));
            }
        }
    }

    fn take_line(&mut self, rest: &mut &[u8]) -> Result<Step, DecodeError> {
        let Some(end) = self.line_end(rest) else {
            return Ok(Step::Incomplete);
        };
        let head = head::parse(&rest[..end])?;
        *rest = &rest[end + 2..];
        self.searched = 0;
        match head {
            Head::Whole(value) => Ok(Step::Value(value)),
            Head::Text(text, length) => {
                self.text = Some(UnfinishedText { text, bytes: Vec::new(), missing: length + 2 });
                Ok(Step::Opened)
            }
            Head::Aggregate(aggregate, count) => self.open(aggregate, count),
        }
    }

    /// Finds the CR LF that ends the line at the start of `rest`.
    fn line_end(&mut self, rest: &[u8]) -> Option<usize> {
        assert!(self.searched <= rest.len(), "the input lost bytes that were not consumed");
        let found = rest[self.searched..].windows(2).position(|pair| pair == b"\r\n");
        let end = found.map(|offset| self.searched + offset);
        // The last byte may be the CR of an end whose LF has not arrived.
        self.searched = rest.len().saturating_sub(1);
        end
    }

    /// Moves what has arrived of a text, so that a large one is copied once and held once.
    fn take_text(&mut self, mut text: UnfinishedText, rest: &mut &[u8]) -> Result<Step, DecodeError> {
        let (taken, left) = rest.split_at(rest.len().min(text.missing));
        text.bytes.extend_from_slice(taken);
        text.missing -= taken.len();
        *rest = left;
        if text.missing > 0 {
            self.text = Some(text);
            return Ok(Step::Incomplete);
        }
        Ok(Step::Value(text.finish()?))
    }

    /// Begins an aggregate. No memory is set aside for values that were merely announced.
    fn open(&mut self, aggregate: Aggregate, count: usize) -> Result<Step, DecodeError> {
        if self.stack.len() == DEPTH_MAX {
            return Err(DecodeError::TooDeep);
        }
        let frame = Frame { aggregate, values: Vec::new(), missing: count };
        if count > 0 {
            self.stack.push(frame);
            return Ok(Step::Opened);
        }
        Ok(self.close(frame))
    }

    /// Adds a value to the innermost aggregate and closes those that it completes. Returns the outermost if complete.
    fn add(&mut self, mut value: Value) -> Option<Value> {
        loop {
            let Some(mut frame) = self.stack.pop() else {
                return Some(value);
            };
            frame.values.push(value);
            frame.missing -= 1;
            if frame.missing > 0 {
                self.stack.push(frame);
                return None;
            }
            match self.close(frame) {
                Step::Value(closed) => value = closed,
                Step::Opened | Step::Incomplete => return None,
            }
        }
    }

    /// Makes a value of a complete aggregate; complete attributes open the value that they belong to.
    fn close(&mut self, frame: Frame) -> Step {
        let Frame { aggregate, mut values, .. } = frame;
        Step::Value(match aggregate {
            Aggregate::Array => Value::Array(values),
            Aggregate::Set => Value::Set(values),
            Aggregate::Push => Value::Push(values),
            Aggregate::Map => Value::Map(paired(values)),
            Aggregate::Attributes => {
                let aggregate = Aggregate::Attributed(paired(values));
                self.stack.push(Frame { aggregate, values: Vec::new(), missing: 1 });
                return Step::Opened;
            }
            Aggregate::Attributed(attributes) => {
                let value = values.pop().expect("attributes belong to one value");
                Value::Attributed { attributes, value: Box::new(value) }
            }
        })
    }
}

/// What a step of decoding came to.
enum Step {
    Value(Value),
    /// Something began whose content comes next.
    Opened,
    /// The bytes at hand do not suffice.
    Incomplete,
}

impl UnfinishedText {
    /// Makes a value of a text that misses nothing.
    fn finish(self) -> Result<Value, DecodeError> {
        let UnfinishedText { text, mut bytes, .. } = self;
        if !bytes.ends_with(b"\r\n") {
            return Err(DecodeError::BulkWithoutEnd);
        }
        bytes.truncate(bytes.len() - 2);
        match text {
            Text::Bulk => Ok(Value::Bulk(bytes)),
            Text::Error => Ok(Value::Error(bytes)),
            Text::Verbatim => {
                let &[first, second, third, b':', ..] = bytes.as_slice() else {
                    return Err(DecodeError::VerbatimWithoutFormat);
                };
                bytes.drain(..4);
                Ok(Value::Verbatim { format: [first, second, third], text: bytes })
            }
        }
    }
}

/// Makes pairs of values that alternate between keys and what they map to.
fn paired(values: Vec<Value>) -> Vec<(Value, Value)> {
    let mut pairs = Vec::with_capacity(values.len() / 2);
    let mut values = values.into_iter();
    while let (Some(key), Some(value)) = (values.next(), values.next()) {
        pairs.push((key, value));
    }
    pairs
}

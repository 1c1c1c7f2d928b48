//! Streams. The layout is drawn beside what writes it.

use super::super::encode::{ABOUT_DELAYED, ABOUT_GROUP, ABOUT_PRODUCER, ABOUT_WINDOW, NEVER_ACTIVE};
use super::super::fault::Fault;
use super::super::table::value_type;
use super::input::Input;
use super::value::Decoder;
use spinel_types::stream::{ConsumerIndex, ENTRY_BYTES_MAX, Group, GroupMut, NodeLimits, Pending, Window};
use spinel_types::{Large, OwnedValue, Str, Stream, StreamId, listpack};

const NODE: Fault = Fault::Malformed("a node of a stream is malformed");
const GROUP_TWICE: Fault = Fault::Malformed("a stream has the same group twice");
const FIELD: Fault = Fault::Malformed("the field spinel-stream is malformed");

/// The longest window in seconds, and the most messages, that XCFGSET takes.
const WINDOW_SECONDS_MAX: u64 = 86_400;
const WINDOW_MESSAGES_MAX: u64 = 10_000;

/// An id as 16 bytes.
fn id(input: &mut Input<'_>) -> Result<StreamId, Fault> {
    let bits = u128::from_be_bytes(input.array()?);
    Ok(StreamId::new((bits >> 64) as u64, bits as u64))
}

/// An id as two lengths.
fn id_of_lengths(input: &mut Input<'_>) -> Result<StreamId, Fault> {
    Ok(StreamId::new(input.length()?, input.length()?))
}

fn pending(input: &mut Input<'_>) -> Result<(StreamId, Pending), Fault> {
    let id = id(input)?;
    let (delivered_ms, deliveries) = (input.u64()?, input.length()?);
    Ok((id, Pending { delivered_ms, deliveries, consumer: None }))
}

impl Decoder {
    pub(super) fn stream(&mut self, value_type: u8, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let mut stream = Stream::new();
        for _ in 0..input.length()? {
            self.node(&mut stream, input)?;
        }
        if input.length()? != stream.len() {
            return Err(Fault::Malformed("a stream has another length than its entries"));
        }
        let last = id_of_lengths(input)?;
        if last < stream.last_id() {
            return Err(Fault::Malformed("a stream's last id is before its last entry"));
        }
        stream.set_last_id(last);
        if value_type == value_type::STREAM {
            stream.set_entries_added(stream.len());
        } else {
            // The first id follows from the entries.
            id_of_lengths(input)?;
            stream.set_max_deleted_id(id_of_lengths(input)?);
            stream.set_entries_added(input.length()?);
        }
        for _ in 0..input.length()? {
            self.group(&mut stream, value_type, input)?;
        }
        Ok(OwnedValue::Large(Large::Stream(Box::new(stream))))
    }

    fn node(&mut self, stream: &mut Stream, input: &mut Input<'_>) -> Result<(), Fault> {
        input.text_into(&mut self.other)?;
        let bits = <[u8; 16]>::try_from(&*self.other).map(u128::from_be_bytes).map_err(|_| NODE)?;
        let first = StreamId::new((bits >> 64) as u64, bits as u64);
        let Str::Text(bytes) = input.string(&mut self.text)? else { return Err(NODE) };
        let bytes = listpack::adopt(bytes)?;
        let is_behind = first > stream.last_id() || stream.node_count() == 0;
        if !is_behind {
            return Err(Fault::Malformed("the nodes of a stream are out of order"));
        }
        stream.push_node(first, bytes.into_owned()).map_err(|_| NODE)
    }

    fn group(&mut self, stream: &mut Stream, value_type: u8, input: &mut Input<'_>) -> Result<(), Fault> {
        input.text_into(&mut self.other)?;
        let last_delivered = id_of_lengths(input)?;
        let entries_read = match value_type {
            value_type::STREAM => stream.entries_read_at(last_delivered),
            // Unknown is written as -1.
            _ => Some(input.length()? as i64).filter(|count| *count >= 0),
        };
        let mut group = Group::new(last_delivered, entries_read);
        for _ in 0..input.length()? {
            let (id, pending) = pending(input)?;
            if group.pending(id).is_some() {
                return Err(Fault::Malformed("a group has the same pending entry twice"));
            }
            group.set_pending(id, pending);
        }
        for _ in 0..input.length()? {
            self.consumer(&mut group, value_type, input)?;
        }
        if group.unowned_len() > 0 {
            return Err(Fault::Malformed("a pending entry belongs to no consumer"));
        }
        if stream.groups_mut().add(&self.other, group) { Ok(()) } else { Err(GROUP_TWICE) }
    }

    fn consumer(&mut self, group: &mut Group, value_type: u8, input: &mut Input<'_>) -> Result<(), Fault> {
        input.text_into(&mut self.text)?;
        let seen_ms = input.u64()?;
        let active_ms = if value_type == value_type::STREAM_ACTIVE { input.u64()? } else { seen_ms };
        let (consumer, is_new) = group.consumer_or_add(&self.text, seen_ms);
        if !is_new {
            return Err(Fault::Malformed("a group has the same consumer twice"));
        }
        if active_ms != NEVER_ACTIVE {
            group.mark_active(consumer, active_ms);
        }
        for _ in 0..input.length()? {
            own(group, consumer, id(input)?)?;
        }
        Ok(())
    }

    /// Completes a stream by the text of a field.
    pub(super) fn complete_stream(&mut self, value: &mut OwnedValue) -> Result<(), Fault> {
        let OwnedValue::Large(Large::Stream(stream)) = value else { return Err(FIELD) };
        let mut field = Input::of_bytes(&self.text, self.forms.string_bytes_max);
        match field.byte()? {
            ABOUT_GROUP => self.complete_group(stream, &mut field)?,
            ABOUT_WINDOW => complete_window(stream, &mut field)?,
            ABOUT_PRODUCER => self.complete_producer(stream, &mut field)?,
            ABOUT_DELAYED => complete_delayed(stream, &mut field)?,
            _ => return Err(FIELD),
        }
        if field.peek()?.is_some() { Err(FIELD) } else { Ok(()) }
    }

    fn complete_group(&mut self, stream: &mut Stream, field: &mut Input<'_>) -> Result<(), Fault> {
        field.text_into(&mut self.other)?;
        let mut group: GroupMut<'_> = stream.groups_mut().find_mut(&self.other).ok_or(FIELD)?;
        for _ in 0..field.length()? {
            field.text_into(&mut self.other)?;
            let active_ms = field.u64()?;
            let consumer = group.find_consumer(&self.other).ok_or(FIELD)?;
            match active_ms {
                NEVER_ACTIVE => group.mark_inactive(consumer),
                active_ms => group.mark_active(consumer, active_ms),
            }
        }
        for _ in 0..field.length()? {
            let (id, pending) = pending(field)?;
            if group.pending(id).is_some() {
                return Err(FIELD);
            }
            group.set_pending(id, pending);
        }
        Ok(())
    }

    fn complete_producer(&mut self, stream: &mut Stream, field: &mut Input<'_>) -> Result<(), Fault> {
        field.text_into(&mut self.other)?;
        let mut message = Vec::new();
        for _ in 0..field.length()? {
            field.text_into(&mut message)?;
            if !stream.idempotence_mut().restore(&self.other, &message, id(field)?) {
                return Err(FIELD);
            }
        }
        Ok(())
    }
}

/// Gives a pending entry that nobody has yet to a consumer.
fn own(group: &mut Group, consumer: ConsumerIndex, id: StreamId) -> Result<(), Fault> {
    let pending =
        *group.pending(id).ok_or(Fault::Malformed("a consumer has an entry that is not pending"))?;
    if pending.consumer.is_some() {
        return Err(Fault::Malformed("two consumers have the same pending entry"));
    }
    group.set_pending(id, Pending { consumer: Some(consumer), ..pending });
    Ok(())
}

fn complete_delayed(stream: &mut Stream, field: &mut Input<'_>) -> Result<(), Fault> {
    while field.peek()?.is_some() {
        let (id, count) = (id(field)?, field.length()?);
        let mut words = Vec::new();
        for _ in 0..count {
            let mut word = Vec::new();
            field.text_into(&mut word)?;
            words.push(word);
        }
        let fields: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let is_entry = !fields.is_empty() && fields.len().is_multiple_of(2);
        let bytes: usize = fields.iter().map(|word| word.len()).sum();
        let is_right = is_entry && bytes <= ENTRY_BYTES_MAX;
        if !is_right || !stream.delay(id, &fields, NodeLimits::default()) {
            return Err(FIELD);
        }
    }
    Ok(())
}

fn complete_window(stream: &mut Stream, field: &mut Input<'_>) -> Result<(), Fault> {
    let (seconds, messages) = (field.length()?, field.length()?);
    if seconds > WINDOW_SECONDS_MAX || messages > WINDOW_MESSAGES_MAX {
        return Err(FIELD);
    }
    let idempotence = stream.idempotence_mut();
    idempotence.set_window(Window { seconds, messages: messages as usize });
    idempotence.set_counts(field.length()?, field.length()?);
    Ok(())
}

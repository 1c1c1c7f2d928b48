//! Functions of `string` that may take long or much memory: `find`, `match`, `gmatch`, `gsub` and `rep`.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlua::{Lua, MultiValue, Table, Value};

use super::pattern::{Captured, Matcher};
use super::{as_text, integer_or, text};
use crate::limit::Limit;
use crate::native;
use crate::raise::{Arguments, Raise, single, unraised, unraised_single};
use crate::shared::Shared;

/// Bytes that make a pattern more than a text.
const SPECIALS: &[u8] = b"^$*+?.([%-";

/// Bytes compared between two questions whether to go on.
const BYTES_PER_TICK: usize = 1_000_000;

/// Replaces the functions in `string`.
pub(crate) fn install(lua: &Lua, limit: Limit, shared: &Arc<Shared>, string: &Table) -> mlua::Result<()> {
    string.raw_set("rep", single(lua, limit, move |lua, arguments| rep(lua, limit, arguments))?)?;
    for (name, finds) in [("find", true), ("match", false)] {
        let shared = Arc::clone(shared);
        let ours = unraised(lua, limit, move |lua, arguments| search(lua, &shared, arguments, finds))?;
        string.raw_set(name, native::matching(lua, string.raw_get(name)?, ours)?)?;
    }
    for name in ["gmatch", "gfind"] {
        let ours = gmatch(lua, limit, shared)?;
        string.raw_set(name, native::matching(lua, string.raw_get(name)?, ours)?)?;
    }
    let shared = Arc::clone(shared);
    let matches = unraised_single(lua, limit, move |lua, arguments| matches(lua, limit, &shared, arguments))?;
    let assemble = lua.create_function(move |lua, arguments: Arguments| {
        let _lifted = limit.lift(lua);
        match assemble(lua, limit, &arguments) {
            Ok((text, count)) => Ok((text, count, Value::Nil)),
            Err(raise) => Ok((Value::Nil, Value::Nil, raise.into_value(lua)?)),
        }
    })?;
    string.raw_set("gsub", native::gsub(lua, string.raw_get("gsub")?, matches, assemble)?)
}

fn rep(lua: &Lua, limit: Limit, arguments: &Arguments) -> Result<Value, Raise> {
    let part = text(arguments, 1)?;
    let count = super::number(arguments, 2)? as i64 as i32;
    let count = usize::try_from(count).unwrap_or(0);
    limit.room(lua, part.len().saturating_mul(count))?;
    Ok(Value::String(lua.create_string(part.repeat(count))?))
}

/// A position counted from 1, or from the end if negative, as one counted from 0.
fn start(arguments: &Arguments, at: usize, length: usize) -> Result<usize, Raise> {
    let position = integer_or(arguments, at, 1)?;
    let from_end = if position < 0 { position.saturating_add(length as i64 + 1) } else { position };
    Ok(usize::try_from(from_end.saturating_sub(1)).unwrap_or(0).min(length))
}

fn captured(
    lua: &Lua,
    matcher: &Matcher<'_>,
    subject: &[u8],
    whole: &Range<usize>,
    index: usize,
) -> Result<Value, Raise> {
    match matcher.capture(index, whole)? {
        Captured::Text(range) => Ok(Value::String(lua.create_string(&subject[range])?)),
        Captured::Position(position) => Ok(Value::Number(position as f64)),
    }
}

fn push_captures(
    lua: &Lua,
    matcher: &Matcher<'_>,
    subject: &[u8],
    whole: &Range<usize>,
    has_whole: bool,
    values: &mut Vec<Value>,
) -> Result<(), Raise> {
    for index in 0..matcher.count(has_whole) {
        values.push(captured(lua, matcher, subject, whole, index)?);
    }
    Ok(())
}

fn search(lua: &Lua, shared: &Shared, arguments: &Arguments, finds: bool) -> Result<MultiValue, Raise> {
    let (subject, pattern) = (text(arguments, 1)?, text(arguments, 2)?);
    let mut at = start(arguments, 3, subject.len())?;
    let is_plain = arguments.get(3).is_some_and(|plain| !matches!(plain, Value::Nil | Value::Boolean(false)));
    let visible = pattern.split(|&byte| byte == 0).next().unwrap_or_default();
    if finds && (is_plain || !visible.iter().any(|byte| SPECIALS.contains(byte))) {
        return find_plain(shared, &subject, &pattern, at);
    }
    let (is_anchored, pattern) =
        pattern.strip_prefix(b"^").map_or((false, pattern.as_slice()), |rest| (true, rest));
    let tick = || shared.tick();
    let mut matcher = Matcher::new(&subject, pattern, &tick);
    loop {
        if let Some(end) = matcher.match_at(at)? {
            let mut values = Vec::new();
            if finds {
                values.extend([Value::Number((at + 1) as f64), Value::Number(end as f64)]);
            }
            push_captures(lua, &matcher, &subject, &(at..end), !finds, &mut values)?;
            return Ok(MultiValue::from_vec(values));
        }
        at += 1;
        if at > subject.len() || is_anchored {
            return Ok(MultiValue::from_vec(vec![Value::Nil]));
        }
    }
}

/// Finds a text. Each place where its first byte stands costs at most its length.
fn find_plain(shared: &Shared, subject: &[u8], part: &[u8], from: usize) -> Result<MultiValue, Raise> {
    let mut compared = 0;
    let mut at = from;
    while at + part.len() <= subject.len() {
        if subject[at..].starts_with(part) {
            let range = [Value::Number((at + 1) as f64), Value::Number((at + part.len()) as f64)];
            return Ok(MultiValue::from_vec(range.to_vec()));
        }
        compared += 1 + part.len();
        if compared > BYTES_PER_TICK {
            shared.tick()?;
            compared = 0;
        }
        at += 1;
    }
    Ok(MultiValue::from_vec(vec![Value::Nil]))
}

/// Makes the function that makes iterators. Each remembers where its last match ended.
fn gmatch(lua: &Lua, limit: Limit, shared: &Arc<Shared>) -> mlua::Result<mlua::Function> {
    let shared = Arc::clone(shared);
    unraised(lua, limit, move |lua, arguments| {
        let (subject, pattern) = (text(arguments, 1)?, text(arguments, 2)?);
        // The iterator keeps a copy of both.
        limit.room(lua, subject.len() + pattern.len())?;
        let (position, shared) = (AtomicUsize::new(0), Arc::clone(&shared));
        let next = crate::raise::multi(lua, limit, move |lua, _| {
            next_match(lua, &shared, &subject, &pattern, &position)
        })?;
        Ok(MultiValue::from_vec(vec![Value::Function(next)]))
    })
}

fn next_match(
    lua: &Lua,
    shared: &Shared,
    subject: &[u8],
    pattern: &[u8],
    position: &AtomicUsize,
) -> Result<MultiValue, Raise> {
    let tick = || shared.tick();
    let mut matcher = Matcher::new(subject, pattern, &tick);
    for at in position.load(Ordering::Relaxed)..=subject.len() {
        if let Some(end) = matcher.match_at(at)? {
            position.store(end + usize::from(end == at), Ordering::Relaxed);
            let mut values = Vec::new();
            push_captures(lua, &matcher, subject, &(at..end), true, &mut values)?;
            return Ok(MultiValue::from_vec(values));
        }
    }
    Ok(MultiValue::new())
}

/// The first half of `gsub`: with a text as replacement the whole result, else a list of matches, each a list of its
/// captures, with their places.
fn matches(lua: &Lua, limit: Limit, shared: &Shared, arguments: &Arguments) -> Result<Value, Raise> {
    let (subject, pattern) = (text(arguments, 1)?, text(arguments, 2)?);
    let count_max = integer_or(arguments, 4, subject.len() as i64 + 1)?;
    let replacement = arguments.get(2).and_then(as_text);
    let (is_anchored, pattern) =
        pattern.strip_prefix(b"^").map_or((false, pattern.as_slice()), |rest| (true, rest));
    let tick = || shared.tick();
    let mut matcher = Matcher::new(&subject, pattern, &tick);
    let list = lua.create_table()?;
    let (mut places, mut result, mut at, mut count) = (Vec::new(), Vec::new(), 0, 0);
    while count < count_max {
        let end = matcher.match_at(at)?;
        if let Some(end) = end {
            count += 1;
            if let Some(replacement) = &replacement {
                expand(&matcher, &subject, &(at..end), replacement, &mut result)?;
                limit.room(lua, result.len() * 2)?;
            } else {
                let mut values = Vec::new();
                push_captures(lua, &matcher, &subject, &(at..end), true, &mut values)?;
                limit.room(lua, places.len() * 2)?;
                list.raw_push(lua.create_sequence_from(values)?)?;
                places.extend([at, end].map(usize::to_le_bytes).concat());
            }
        }
        match end {
            Some(end) if end > at => at = end,
            _ if at < subject.len() => {
                result.push(subject[at]);
                at += 1;
            }
            _ => break,
        }
        if is_anchored {
            break;
        }
    }
    if replacement.is_some() {
        result.extend_from_slice(&subject[at..]);
        list.raw_set("result", lua.create_string(result)?)?;
    } else {
        list.raw_set("places", lua.create_string(places)?)?;
    }
    list.raw_set("count", count)?;
    Ok(Value::Table(list))
}

/// Writes a replacement, in which `%0` is the match and `%1` to `%9` are captures.
fn expand(
    matcher: &Matcher<'_>,
    subject: &[u8],
    whole: &Range<usize>,
    replacement: &[u8],
    result: &mut Vec<u8>,
) -> Result<(), Raise> {
    let mut bytes = replacement.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            result.push(byte);
            continue;
        }
        match bytes.next().unwrap_or(0) {
            b'0' => result.extend_from_slice(&subject[whole.clone()]),
            digit @ b'1'..=b'9' => match matcher.capture(usize::from(digit - b'1'), whole)? {
                Captured::Text(range) => result.extend_from_slice(&subject[range]),
                Captured::Position(position) => result.extend_from_slice(position.to_string().as_bytes()),
            },
            other => result.push(other),
        }
    }
    Ok(())
}

/// The second half of `gsub`: puts the replacements between what didn't match.
fn assemble(lua: &Lua, limit: Limit, arguments: &Arguments) -> Result<(Value, Value), Raise> {
    let (Some(Value::Table(list)), Some(Value::Table(replacements))) = (arguments.get(2), arguments.get(3))
    else {
        return Err(Raise::here("invalid replacement value"));
    };
    let count: Value = list.raw_get("count")?;
    let result: Value = list.raw_get("result")?;
    if !result.is_nil() {
        return Ok((result, count));
    }
    let subject = text(arguments, 1)?;
    let places: mlua::LuaString = list.raw_get("places")?;
    let (places, mut result, mut done) = (places.as_bytes().to_vec(), Vec::new(), 0);
    for (index, place) in places.chunks_exact(2 * size_of::<usize>()).enumerate() {
        let (at, end) = place.split_at(size_of::<usize>());
        let [at, end] = [at, end].map(|bytes| {
            usize::from_le_bytes(bytes.try_into().expect("a place is two numbers of this size"))
        });
        result.extend_from_slice(&subject[done..at]);
        match replacements.raw_get(index + 1)? {
            Value::Nil | Value::Boolean(false) => result.extend_from_slice(&subject[at..end]),
            value => {
                let Some(text) = as_text(&value) else {
                    let what = format!("invalid replacement value (a {})", value.type_name());
                    return Err(Raise::here(&what));
                };
                result.extend_from_slice(&text);
            }
        }
        limit.room(lua, result.len() * 2)?;
        done = end;
    }
    result.extend_from_slice(&subject[done..]);
    Ok((Value::String(lua.create_string(result)?), count))
}

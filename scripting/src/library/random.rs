//! `math.random` and `math.randomseed`: the generator known as drand48, so that scripts draw the same numbers on all
//! machines. Chance comes in with `randomseed` only.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mlua::{Lua, Table, Value};

use super::number;
use crate::limit::Limit;
use crate::raise::{Arguments, Raise, single};
use crate::shared::Shared;

/// The state before anybody has drawn.
pub(crate) const START: u64 = 0x1234_abcd_330e;

const FACTOR: u64 = 0x5_deec_e66d;
const SUMMAND: u64 = 0xb;
const MASK: u64 = (1 << 48) - 1;
/// The lower bits of a state that a seed has set.
const SEEDED: u64 = 0x330e;
/// A draw has 31 bits, and is divided by the largest.
const DRAW_MAX: u64 = 0x7fff_ffff;

/// Puts both functions into `math`.
pub(crate) fn install(lua: &Lua, limit: Limit, shared: &Arc<Shared>, math: &Table) -> mlua::Result<()> {
    let (drawing, seeding) = (Arc::clone(shared), Arc::clone(shared));
    math.raw_set("random", single(lua, limit, move |_, arguments| random(&drawing, arguments))?)?;
    let randomseed = single(lua, limit, move |_, arguments| {
        let seed = number(arguments, 1)? as i64 as u64 & 0xffff_ffff;
        seeding.random.store(seed << 16 | SEEDED, Ordering::Relaxed);
        Ok(Value::Nil)
    })?;
    math.raw_set("randomseed", randomseed)
}

/// A number from 0 to 1, without 1.
fn draw(shared: &Shared) -> f64 {
    let state = shared.random.load(Ordering::Relaxed).wrapping_mul(FACTOR).wrapping_add(SUMMAND) & MASK;
    shared.random.store(state, Ordering::Relaxed);
    ((state >> 17) % DRAW_MAX) as f64 / DRAW_MAX as f64
}

fn random(shared: &Shared, arguments: &Arguments) -> Result<Value, Raise> {
    let drawn = draw(shared);
    let (low, high, last) = match arguments.len() {
        0 => return Ok(Value::Number(drawn)),
        1 => (1.0, whole(number(arguments, 1)?), 1),
        2 => (whole(number(arguments, 1)?), whole(number(arguments, 2)?), 2),
        _ => return Err(Raise::here("wrong number of arguments")),
    };
    if low > high {
        return Err(Raise::Argument(last, "interval is empty".to_owned()));
    }
    Ok(Value::Number((drawn * (high - low + 1.0)).floor() + low))
}

fn whole(number: f64) -> f64 {
    f64::from(number as i64 as i32)
}

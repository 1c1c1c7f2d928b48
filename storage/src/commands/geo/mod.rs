//! Points on the earth: members of sorted sets whose scores are places.

mod add;
mod position;
mod search;
mod unit;

use crate::command::Command;
use crate::command::args::Args;
use crate::command::keys::{KeySpec, KeyUse};
use crate::error::Error;
use spinel_resp::ReplyWriter;
use spinel_resp::number::{format_unsigned, parse_double};
use spinel_types::geo::{Cell, Point};

/// The rows of this family, file by file.
pub(super) const COMMANDS: &[&[Command]] =
    &[add::COMMANDS, position::COMMANDS, search::COMMANDS, search::radius::COMMANDS];

/// The first argument is a key whose value is only read.
const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))];

/// Reads a number, with the error to report otherwise.
fn number(args: &mut Args<'_>, error: Error) -> Result<f64, Error> {
    parse_double(args.word()).ok_or(error)
}

/// Reads longitude and latitude.
fn point(args: &mut Args<'_>) -> Result<Point, Error> {
    let (longitude, latitude) = (number(args, Error::NotAFloat)?, number(args, Error::NotAFloat)?);
    Point::new(longitude, latitude).ok_or_else(|| {
        Error::Made(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
    })
}

/// Where a member with this score is.
fn point_of(score: f64) -> Point {
    Cell::of_score(score).center()
}

fn reply_point(reply: &mut ReplyWriter, point: Point) {
    reply.array(2);
    reply.double(point.longitude);
    reply.double(point.latitude);
}

/// Replies a distance with four decimals, a tie rounded to the even digit. A bulk string in both protocols.
fn reply_distance(reply: &mut ReplyWriter, distance: f64) {
    const DECIMALS: usize = 4;
    let digits = format_unsigned((distance * 1e4).round_ties_even() as u64);
    let mut text = [b'0'; 24];
    let (point, end) = (text.len() - DECIMALS - 1, text.len());
    text[end - digits.len()..].copy_from_slice(&digits);
    let start = end - digits.len().max(DECIMALS + 1) - 1;
    text.copy_within(start + 1..=point, start);
    text[point] = b'.';
    reply.bulk(&text[start..]);
}

//! Members and scores of a range of ranks.

use super::large::score_of;
use super::score::element_score;
use super::tree::{Item, Walk};
use crate::direction::Direction;
use crate::listpack;
use crate::member::Members;
use crate::string::Str;
use crate::table::Table;

/// How many members are loaded side by side: as many as the processor fetches at once.
const AHEAD: usize = 16;

/// Yields members with their scores. Each step is O(1).
pub struct Entries<'a> {
    source: Source<'a>,
}

#[expect(clippy::large_enum_variant, reason = "it stays on the stack while it is walked")]
enum Source<'a> {
    Compact { elements: listpack::Iter<'a>, direction: Direction },
    Large { table: &'a Table<Members>, walk: Walk<'a>, ahead: [Option<Item>; AHEAD], next: usize },
}

impl<'a> Entries<'a> {
    pub(super) fn compact(elements: listpack::Iter<'a>, direction: Direction) -> Entries<'a> {
        Entries { source: Source::Compact { elements, direction } }
    }

    pub(super) fn large(table: &'a Table<Members>, walk: Walk<'a>) -> Entries<'a> {
        Entries { source: Source::Large { table, walk, ahead: [None; AHEAD], next: AHEAD } }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Str<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<(Str<'a>, f64)> {
        match &mut self.source {
            Source::Compact { elements, direction: Direction::Forwards } => {
                let member = elements.next()?;
                Some((member, element_score(elements.next()?)))
            }
            Source::Compact { elements, direction: Direction::Backwards } => {
                let score = elements.next_back()?;
                Some((elements.next_back()?, element_score(score)))
            }
            Source::Large { table, walk, ahead, next } => {
                if *next == AHEAD {
                    load(table, walk, ahead);
                    *next = 0;
                }
                let item = ahead[*next]?;
                *next += 1;
                let member = table.entry(item.slot);
                debug_assert_eq!(score_of(member).to_bits(), item.score.to_bits());
                Some((member.key(), item.score))
            }
        }
    }
}

/// Takes the next items off a walk and asks for their members. Behind the last one stands `None`.
fn load(table: &Table<Members>, walk: &mut Walk<'_>, ahead: &mut [Option<Item>; AHEAD]) {
    for place in ahead {
        *place = walk.next();
        if let Some(item) = place {
            table.prefetch_entry(item.slot);
        }
    }
}

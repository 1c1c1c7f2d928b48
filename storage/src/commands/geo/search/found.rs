//! What a search found: put in order, replied or stored.

use super::super::{reply_distance, reply_point};
use super::query::{Order, Query};
use crate::commands::string::reply_string;
use spinel_resp::ReplyWriter;
use spinel_types::geo::{Hit, Search};
use spinel_types::{Gathering, HashSeed, SortedSetRef, Str};

/// Members in a shape.
pub(super) struct Found<'s> {
    members: Vec<(Str<'s>, Match)>,
}

/// What is known of a member in the shape.
#[derive(Clone, Copy)]
struct Match {
    hit: Hit,
    score: f64,
}

impl<'s> Found<'s> {
    /// Nothing.
    pub(super) fn none() -> Found<'s> {
        Found { members: Vec::new() }
    }

    /// Searches the ranges of a shape one after the other, until there is enough.
    pub(super) fn of(set: SortedSetRef<'s>, search: &Search, enough: usize) -> Found<'s> {
        let mut members = Vec::new();
        for scores in search.ranges() {
            let matching = |score| Some(Match { hit: search.hit(score)?, score });
            set.select(scores, enough - members.len(), matching, &mut members);
        }
        Found { members }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Puts the members in order, and keeps the first `count`. Members at one distance stay as they were found.
    pub(super) fn arrange(&mut self, order: Order, count: usize) {
        if order != Order::Found {
            let distances = self.members.iter().map(|(_, found)| found.hit.distance_m);
            let sign = if order == Order::NearestFirst { 1.0 } else { -1.0 };
            let mut ranks: Vec<(f64, usize)> = distances.map(|distance| distance * sign).zip(0..).collect();
            let compare = |one: &(f64, usize), other: &(f64, usize)| {
                one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))
            };
            if count < ranks.len() {
                ranks.select_nth_unstable_by(count, compare);
                ranks.truncate(count);
            }
            ranks.sort_unstable_by(compare);
            self.members = ranks.into_iter().map(|(_, place)| self.members[place]).collect();
        }
        self.members.truncate(count);
    }

    /// Replies the members with what is to be shown of them.
    pub(super) fn reply(&self, reply: &mut ReplyWriter, query: &Query<'_>) {
        let shown = query.shown;
        reply.array(self.len());
        for (member, Match { hit, score }) in &self.members {
            if shown.count() > 0 {
                reply.array(1 + shown.count());
            }
            reply_string(reply, *member);
            if shown.distance {
                reply_distance(reply, query.unit.of_metres(hit.distance_m));
            }
            if shown.hash {
                reply.integer(*score as i64);
            }
            if shown.coordinates {
                reply_point(reply, hit.point);
            }
        }
    }

    /// The members with their places or distances as scores.
    pub(super) fn gathered(&self, seed: HashSeed, query: &Query<'_>) -> Gathering {
        let mut gathering = Gathering::new(seed);
        for (member, Match { hit, score }) in &self.members {
            let distance = query.unit.of_metres(hit.distance_m);
            gathering.put(*member, |_| if query.stores_distances { distance } else { *score });
        }
        gathering
    }
}

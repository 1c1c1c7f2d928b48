//! The differences between the servers in programs that are no mistakes, each with its reason.
//!
//! The summary of a run shows how often each entry was needed; one that never is should go.

use std::collections::BTreeSet;

use super::compare::{Ids, agree, agree_all};
use crate::oracle::allowed as calls;
use crate::resp::Reply;

/// A difference in what a connection received that is accepted.
pub(crate) struct Allowance {
    /// Why it may be.
    pub(crate) reason: &'static str,
    /// Tells whether what was received for `call` differs in no more than that.
    accepts: Accepts,
}

/// Takes a call, what came for it from the reference and from ours, and the ids of the connections.
type Accepts = fn(&[Vec<u8>], &[Reply], &[Reply], &Ids<'_>) -> bool;

/// Who is killed by a client that it has just woken may get the replies to what it had sent before, or not.
pub(crate) const KILLED: Allowance = Allowance {
    reason: "who is killed in the round in which it sent something may get the reply to that first",
    accepts: |_, one, other, ids| one.iter().zip(other).all(|(one, other)| agree(one, other, ids)),
};

impl Allowance {
    /// Tells whether what was received differs in no more than this.
    pub(crate) fn explains(&self, one: &[Reply], other: &[Reply], ids: &Ids<'_>) -> bool {
        (self.accepts)(&[], one, other, ids)
    }
}

/// All allowances.
const ALLOWANCES: &[Allowance] = &[
    Allowance {
        reason: "subscriptions are ended in the order of a hash table when none is named",
        accepts: |_, one, other, ids| same_in_any_order(one, other, is_end, ids),
    },
    Allowance {
        reason: "patterns that match a channel come in the order of a hash table",
        accepts: |_, one, other, ids| same_in_any_order(one, other, is_matched, ids),
    },
    Allowance {
        reason: "who hears of an emptied database first depends on a list of clients that is turned with time",
        accepts: |_, one, other, ids| same_in_any_order(one, other, is_emptied, ids),
    },
    Allowance {
        reason: "who waits and listens to what happens to keys, too, may get the reply before it hears of what it waited for",
        accepts: |_, one, other, ids| agree_all(&notifications_last(one), other, ids),
    },
    Allowance {
        reason: "a client that was woken and goes on does so in the same round of Redis, before that tells of what woke it",
        accepts: |_, one, other, ids| {
            let (replies, mut told) = parted(one);
            let (other_replies, mut other_told) = parted(other);
            told.sort_unstable();
            other_told.sort_unstable();
            replies.len() > 1
                && agree_all(&replies, &other_replies, ids)
                && agree_all(&told, &other_told, ids)
        },
    },
    Allowance {
        reason: "a client that was woken and goes on does so in the same round of Redis, which tells of changed keys at its end",
        accepts: |_, one, other, ids| {
            let (mut keys, mut other_keys) = (Vec::new(), Vec::new());
            let replies =
                (without_invalidations(one, &mut keys), without_invalidations(other, &mut other_keys));
            let set = |keys: &[Reply]| keys.iter().cloned().collect::<BTreeSet<Reply>>();
            // It may have asked to be told just then.
            let goes_on = replies.0.len() > 1;
            let (keys, other_keys) = (set(&keys), set(&other_keys));
            // What it writes itself then hides that others wrote it, too, from who is not told of his own writes.
            agree_all(&replies.0, &replies.1, ids)
                && (one.len() != other.len() && keys == other_keys
                    || goes_on && (keys.is_superset(&other_keys) || other_keys.is_superset(&keys)))
        },
    },
    Allowance {
        reason: "a client that was woken and goes on with a flush does so in the same round of Redis, which tells of changed \
                 keys at its end but of a flush at once",
        accepts: |_, one, other, ids| {
            let (replies, mut told) = parted(one);
            let (other_replies, mut other_told) = parted(other);
            told.sort_unstable();
            other_told.sort_unstable();
            let flushes = told.iter().any(|frame| is_emptied(frame.items()).is_some());
            flushes && replies.is_empty() && other_replies.is_empty() && agree_all(&told, &other_told, ids)
        },
    },
    Allowance {
        reason: "names and patterns come in the order of a hash table, whatever is told of them",
        accepts: |_, one, other, ids| {
            let both = |frames: &[Reply]| ordered(&ordered(frames, is_end), is_matched);
            agree_all(&both(one), &both(other), ids)
        },
    },
    Allowance {
        reason: "of clients that are told of the same prefix, who is told first depends on where they lie in memory",
        accepts: |_, one, other, ids| agree_all(&broken_last(one), &broken_last(other), ids),
    },
    Allowance {
        reason: "as for single calls",
        accepts: |call, one, other, _| match (one, other) {
            ([one], [other]) => calls::allowance(&call.to_vec(), one, other).is_some(),
            _ => false,
        },
    },
];

/// Returns the allowance that explains why what was received for `call` differs, if there is one.
pub(crate) fn allowance(
    call: &[Vec<u8>],
    reference: &[Reply],
    ours: &[Reply],
    ids: &Ids<'_>,
) -> Option<&'static Allowance> {
    ALLOWANCES.iter().find(|allowance| (allowance.accepts)(call, reference, ours, ids))
}

/// The frames with the replies before the notifications and invalidations of keys among which they came.
fn notifications_last(frames: &[Reply]) -> Vec<Reply> {
    let (replies, notifications) = parted(frames);
    if replies.is_empty() { frames.to_vec() } else { [replies, notifications].concat() }
}

/// The frames, in each run of invalidations those last that say that another client that was to be told is gone.
fn broken_last(frames: &[Reply]) -> Vec<Reply> {
    let is_broken =
        |frame: &Reply| frame.items().first().is_some_and(|kind| is(kind, &[b"tracking-redir-broken"]));
    let is_told = |frame: &Reply| {
        is_broken(frame)
            || frame.items().iter().take(2).any(|item| is(item, &[b"invalidate", b"__redis__:invalidate"]))
    };
    let mut sorted = frames.to_vec();
    for run in sorted.chunk_by_mut(|one, other| is_told(one) && is_told(other)) {
        run.sort_by_key(is_broken);
    }
    sorted
}

/// The replies, and the notifications and invalidations of keys.
fn parted(frames: &[Reply]) -> (Vec<Reply>, Vec<Reply>) {
    let is_reply = |frame: &Reply| {
        let items = frame.items();
        let is_of_key = |item: &Reply| item.bytes().is_some_and(|bytes| bytes.starts_with(b"__key"));
        let is_message = items.first().is_some_and(|kind| is(kind, &[b"message", b"pmessage"]));
        let names: &[&[u8]] = &[b"invalidate", b"__redis__:invalidate", b"tracking-redir-broken"];
        let is_invalidation = |item: &Reply| is(item, names);
        !(is_message && items.iter().any(is_of_key) || items.iter().take(2).any(is_invalidation))
    };
    frames.iter().cloned().partition(is_reply)
}

/// The frames that are no invalidations of keys; those keys are added to `keys`.
fn without_invalidations(frames: &[Reply], keys: &mut Vec<Reply>) -> Vec<Reply> {
    let is_other = |frame: &&Reply| {
        let items = frame.items();
        let names: &[&[u8]] = &[b"invalidate", b"__redis__:invalidate"];
        let told = items.last().map_or(&[][..], Reply::items);
        let is_invalidation = items.iter().take(2).any(|item| is(item, names)) && !told.is_empty();
        if is_invalidation {
            keys.extend(told.iter().cloned());
        }
        !is_invalidation
    };
    frames.iter().filter(is_other).cloned().collect()
}

/// Returns the place of the item of a frame whose order is free, if the frame is of that kind.
type Free = fn(&[Reply]) -> Option<usize>;

/// Tells whether two runs of frames are the same when what `free` names is put in order.
fn same_in_any_order(one: &[Reply], other: &[Reply], free: Free, ids: &Ids<'_>) -> bool {
    agree_all(&ordered(one, free), &ordered(other, free), ids)
}

/// Puts free items in runs of frames of one kind in order; what else the frames say stays where it is. Frames may
/// also stand in a reply to EXEC.
fn ordered(frames: &[Reply], free: Free) -> Vec<Reply> {
    let mut ordered = frames.to_vec();
    let mut leaves = Vec::new();
    for frame in &mut ordered {
        add_leaves(frame, free, &mut leaves);
    }
    let kind = |frame: &Reply| free(frame.items()).and_then(|_| frame.items().first().cloned());
    for run in leaves.chunk_by_mut(|one, other| kind(one).is_some() && kind(one) == kind(other)) {
        let mut items: Vec<Reply> =
            run.iter().filter_map(|frame| frame.items().get(free(frame.items())?).cloned()).collect();
        items.sort_unstable();
        run.iter_mut().zip(items).for_each(|(frame, item)| put(frame, item, free));
    }
    ordered
}

fn add_leaves<'a>(frame: &'a mut Reply, free: Free, leaves: &mut Vec<&'a mut Reply>) {
    if frame.items().is_empty() || free(frame.items()).is_some() {
        leaves.push(frame);
    } else if let Reply::Aggregate { items, .. } = frame {
        for item in items {
            add_leaves(item, free, leaves);
        }
    }
}

fn put(frame: &mut Reply, item: Reply, free: Free) {
    if let Reply::Aggregate { items, .. } = frame
        && let Some(place) = free(items)
    {
        items[place] = item;
    }
}

fn is(item: &Reply, names: &[&[u8]]) -> bool {
    item.bytes().is_some_and(|bytes| names.contains(&bytes))
}

fn is_end(items: &[Reply]) -> Option<usize> {
    (items.len() == 3 && is(&items[0], &[b"unsubscribe", b"punsubscribe", b"sunsubscribe"])).then_some(1)
}

fn is_matched(items: &[Reply]) -> Option<usize> {
    (items.len() == 4 && is(&items[0], &[b"pmessage"])).then_some(1)
}

fn is_emptied(items: &[Reply]) -> Option<usize> {
    let last = items.len().checked_sub(1)?;
    let is_null = items[last].items().is_empty() && items[last].bytes().is_none_or(<[u8]>::is_empty);
    let is_invalidation = is(&items[0], &[b"invalidate"]) || is(items.get(1)?, &[b"__redis__:invalidate"]);
    (is_null && is_invalidation).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::decode;

    fn frames(texts: &[&str]) -> Vec<Reply> {
        texts.iter().map(|text| decode(text.replace(' ', "\r\n").as_bytes()).unwrap().unwrap().0).collect()
    }

    fn is_allowed(one: &[&str], other: &[&str]) -> bool {
        allowance(&[], &frames(one), &frames(other), &Vec::new()).is_some()
    }

    #[test]
    fn the_order_of_names_is_free_but_not_that_of_counts() {
        let end = |name: &str, left: u8| format!("*3 $11 unsubscribe $1 {name} :{left} ");
        let (a, b) = ([&*end("a", 1), &end("b", 0)], [&*end("b", 1), &end("a", 0)]);
        assert!(is_allowed(&a, &b));
        assert!(!is_allowed(&a, &[&end("b", 0), &end("a", 1)]));
        assert!(!is_allowed(&a, &[&end("b", 1), &end("b", 0)]));
        let (a, b) = (format!("*1 {}", end("a", 1)), format!("*1 {}", end("b", 1)));
        assert!(is_allowed(&[&a, &end("b", 0)], &[&b, &end("a", 0)]));
    }

    #[test]
    fn nulls_of_both_protocols_may_be_swapped_but_keys_may_not() {
        let told = |what: &str| format!(">2 $10 invalidate {what} ");
        assert!(is_allowed(&[&told("_"), &told("*-1")], &[&told("*-1"), &told("_")]));
        assert!(!is_allowed(&[&told("*1 $1 k"), &told("*1 $1 l")], &[&told("*1 $1 l"), &told("*1 $1 k")]));
    }

    #[test]
    fn who_is_gone_may_be_told_before_a_change_or_after_it_but_not_across_replies() {
        let (told, broken) = (">2 $10 invalidate *1 $1 k ", ">2 $21 tracking-redir-broken :9 ");
        assert!(is_allowed(&[told, broken], &[broken, told]));
        assert!(!is_allowed(&[told, broken], &[broken]));
        assert!(!is_allowed(&[told, ":1 ", broken], &[broken, ":1 ", told]));
    }

    #[test]
    fn rounds_may_be_cut_elsewhere_but_tell_of_the_same_keys() {
        let told = |keys: &str| format!(">2 $10 invalidate {keys} ");
        let together = told("*2 $1 k $1 l");
        assert!(is_allowed(&[&together, ":1 "], &[&told("*1 $1 k"), ":1 ", &told("*1 $1 l")]));
        assert!(!is_allowed(&[&together, ":1 "], &[&told("*1 $1 k"), ":1 "]));
        assert!(!is_allowed(&[&together, ":1 "], &[&together, ":2 "]));
    }

    #[test]
    fn a_flush_may_be_told_before_keys_but_not_of_other_keys_or_across_replies() {
        let told = |what: &str| format!(">2 $10 invalidate {what} ");
        let (flush, key) = (told("_"), told("*1 $1 k"));
        assert!(is_allowed(&[&flush, &key], &[&key, &flush]));
        assert!(!is_allowed(&[&flush, &key], &[&told("*1 $1 l"), &flush]));
        assert!(!is_allowed(&[&flush, ":1 ", &key], &[&key, ":1 ", &flush]));
    }

    #[test]
    fn who_goes_on_may_hear_of_a_client_that_is_gone_before_or_after_its_reply() {
        let broken = |id: u8| format!(">2 $21 tracking-redir-broken :{id} ");
        let ids: Ids<'_> = vec![(b"7", b"8")];
        let both = |id| [broken(id), "*2 $1 l $1 2 ".to_owned(), "-ERR ".to_owned()];
        let [one, first, second] = both(7);
        let [other, ..] = both(8);
        let reference = frames(&[&first, &second, &one]);
        assert!(allowance(&[], &reference, &frames(&[&first, &other, &second]), &ids).is_some());
        assert!(allowance(&[], &reference, &frames(&[&first, &broken(9), &second]), &ids).is_none());
    }

    #[test]
    fn messages_by_patterns_may_be_swapped_but_others_may_not() {
        let matched = |pattern: &str| format!("*4 $8 pmessage $1 {pattern} $1 c $1 m ");
        assert!(is_allowed(&[&matched("*"), &matched("c")], &[&matched("c"), &matched("*")]));
        let message = |text: &str| format!("*3 $7 message $1 c $1 {text} ");
        assert!(!is_allowed(&[&message("a"), &message("b")], &[&message("b"), &message("a")]));
    }
}

//! Whether operations can be put into an order that explains all replies.
//!
//! Each operation must have happened at one moment between its call and its return. The search tries, from every
//! state it has reached, each operation that may come next: those called before any other that is still missing
//! had returned. What was reached with the same operations done and the same values is not tried again.
//!
//! Histories are cut where no operation was under way; from window to window the states that may hold are carried.

use std::collections::{BTreeSet, HashSet};

use super::operation::Operation;
use super::state::State;

/// How many operations a window may have: those that are done are bits of a number.
pub(crate) const WINDOW_MAX: usize = 128;

/// Returns the states in which `window`, begun in one of `starts`, may have ended: none if no order explains it.
pub(crate) fn ends(starts: &BTreeSet<State>, window: &[Operation]) -> BTreeSet<State> {
    assert!(window.len() <= WINDOW_MAX, "a window of {} operations", window.len());
    let all = u128::MAX.checked_shr((WINDOW_MAX - window.len()) as u32).unwrap_or(0);
    let mut found = BTreeSet::new();
    let mut open: Vec<(u128, State)> = starts.iter().map(|state| (0, state.clone())).collect();
    let mut reached: HashSet<(u128, State)> = open.iter().cloned().collect();
    while let Some((done, state)) = open.pop() {
        if done == all {
            found.insert(state);
            continue;
        }
        for (next, state) in successors(window, done, &state) {
            if reached.insert((next, state.clone())) {
                open.push((next, state));
            }
        }
    }
    found
}

/// Returns what can be reached by one more operation. One that changes nothing, whenever it comes, is taken at once and
/// alone: an order in which it comes later is as good with it in front.
fn successors(window: &[Operation], done: u128, state: &State) -> Vec<(u128, State)> {
    let missing = || window.iter().enumerate().filter(|(number, _)| done & (1 << number) == 0);
    let first_return = missing().map(|(_, operation)| operation.returned).min().unwrap_or(u64::MAX);
    let possible = missing().filter(|(_, operation)| operation.called <= first_return);
    let mut reached = Vec::new();
    for (number, operation) in possible {
        let mut after = state.clone();
        if !operation.action.explains(&mut after, &operation.reply) {
            continue;
        }
        if operation.is_inert() {
            return vec![(done | 1 << number, after)];
        }
        reached.push((done | 1 << number, after));
    }
    reached
}

/// Cuts operations, in the order of their calls, where none was under way.
pub(crate) fn windows(operations: &[Operation]) -> Vec<&[Operation]> {
    let mut windows = Vec::new();
    let (mut start, mut last_return) = (0, 0);
    for (number, operation) in operations.iter().enumerate() {
        if number > start && operation.called > last_return {
            windows.push(&operations[start..number]);
            start = number;
        }
        last_return = last_return.max(operation.returned);
    }
    windows.push(&operations[start..]);
    windows
}

#[cfg(test)]
mod tests {
    use super::super::operation::Action;
    use super::super::state::Command;
    use super::*;
    use crate::resp::{Reply, decode};

    fn operation(called: u64, returned: u64, action: Action, reply: &str) -> Operation {
        let reply: Reply = decode(reply.replace(' ', "\r\n").as_bytes()).unwrap().unwrap().0;
        Operation { action, reply, called, returned }
    }

    fn set(called: u64, returned: u64, value: &str) -> Operation {
        operation(called, returned, Action::Single(Command::Set("a", value.to_owned())), "+OK ")
    }

    fn get(called: u64, returned: u64, reply: &str) -> Operation {
        operation(called, returned, Action::Single(Command::Get("a")), reply)
    }

    fn is_explained(operations: &[Operation]) -> bool {
        let starts = BTreeSet::from([State::default()]);
        !windows(operations).iter().fold(starts, |states, window| ends(&states, window)).is_empty()
    }

    #[test]
    fn what_overlaps_may_come_in_either_order() {
        assert!(is_explained(&[set(1, 5, "x"), get(2, 3, "$-1 "), get(2, 4, "$1 x ")]));
        assert!(is_explained(&[set(1, 5, "x"), set(1, 5, "y"), get(6, 7, "$1 x ")]));
    }

    #[test]
    fn a_value_that_was_seen_does_not_go_back() {
        assert!(!is_explained(&[set(1, 9, "x"), get(2, 3, "$1 x "), get(4, 5, "$-1 ")]));
    }

    #[test]
    fn a_write_of_the_same_value_may_matter_later() {
        let increment = operation(3, 9, Action::Single(Command::Increment("a")), ":8 ");
        assert!(is_explained(&[set(1, 2, "7"), set(3, 9, "7"), increment, get(10, 11, "$1 7 ")]));
    }

    #[test]
    fn what_returned_before_came_before() {
        assert!(!is_explained(&[set(1, 2, "x"), set(3, 4, "y"), get(5, 6, "$1 x ")]));
        assert!(!is_explained(&[set(1, 2, "x"), get(3, 4, "$-1 ")]));
    }

    #[test]
    fn an_element_is_popped_once() {
        let push = || operation(1, 2, Action::Single(Command::Push("l", "v".to_owned())), ":1 ");
        let pop = |reply| operation(3, 9, Action::Single(Command::Pop("l")), reply);
        let blocking = |reply| operation(3, 9, Action::BlockingPop(vec!["m", "l"]), reply);
        assert!(is_explained(&[push(), pop("$1 v "), blocking("*-1 ")]));
        assert!(is_explained(&[push(), pop("$-1 "), blocking("*2 $1 l $1 v ")]));
        assert!(!is_explained(&[push(), pop("$1 v "), blocking("*2 $1 l $1 v ")]));
    }

    #[test]
    fn nothing_comes_between_the_commands_of_a_transaction() {
        let both =
            |value: &str| vec![Command::Set("a", value.to_owned()), Command::Set("b", value.to_owned())];
        let write = |value: &str| operation(1, 9, Action::Transaction(both(value)), "*2 +OK +OK ");
        let read = |reply: &str| {
            operation(1, 9, Action::Transaction(vec![Command::Get("a"), Command::Get("b")]), reply)
        };
        assert!(is_explained(&[write("x"), write("y"), read("*2 $1 y $1 y ")]));
        assert!(!is_explained(&[write("x"), write("y"), read("*2 $1 x $1 y ")]));
    }

    #[test]
    fn a_watched_key_that_changed_gives_the_transaction_up() {
        let change = |reply: &str| {
            let action = Action::CompareAndSet("a", Reply::Null { marker: b'$' }, "mine".to_owned());
            operation(3, 4, action, reply)
        };
        assert!(is_explained(&[set(1, 2, "x"), change("*-1 ")]));
        assert!(!is_explained(&[set(1, 2, "x"), change("*1 +OK ")]));
    }
}

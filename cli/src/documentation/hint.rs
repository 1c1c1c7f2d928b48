//! What is still to be typed.
//!
//! The words typed so far are matched against the argument list one by one. A word takes either the option it is the
//! name of, among the options that may come now, or the first argument that accepts any text. What the word leaves
//! of that argument (the `seconds` of `EX`, the repetitions of `key`) goes to the front of the list, and the rest
//! of the list is the hint.
//!
//! Worked example, `SET key value [NX|XX] [EX seconds|PX milliseconds]` and the words `k`, `v`, `ex`: `k` and `v`
//! take the first two; `ex` is a name among the options, so the list is now `seconds [NX|XX]`.

use super::Documentation;
use super::argument::{Argument, ArgumentKind, Repetition, usage};

/// The rest of the usage line of the command in `line`, with a space first if `line` does not end in one.
///
/// Nothing if the command is unknown, complete, or has words the usage line has no place for.
pub fn hint(documentation: &Documentation, line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (command, name_words) = documentation.find(&words)?;
    let mut pending = command.arguments.clone();
    for word in &words[name_words..] {
        pending = advance(&pending, word)?;
    }
    if pending.is_empty() {
        return None;
    }
    let space = if line.ends_with(char::is_whitespace) { "" } else { " " };
    Some(format!("{space}{}", usage(&pending)))
}

/// What a word has to be to take an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    /// The token of the argument.
    Name,
    /// Anything, and the argument has no token.
    Text,
}

/// The arguments pending after `word`; nothing if no argument takes it.
fn advance(pending: &[Argument], word: &str) -> Option<Vec<Argument>> {
    [Match::Name, Match::Text].into_iter().find_map(|by| advance_by(pending, word, by))
}

fn advance_by(pending: &[Argument], word: &str, by: Match) -> Option<Vec<Argument>> {
    for (index, argument) in pending.iter().enumerate() {
        if let Some(mut left) = take(argument, word, by) {
            left.extend_from_slice(&pending[..index]);
            left.extend_from_slice(&pending[index + 1..]);
            return Some(left);
        }
        // Options may come in any order, but nothing comes before an argument that has to be there.
        if !argument.optional {
            break;
        }
    }
    None
}

/// What `argument` leaves to be typed after `word`; nothing if it does not begin with `word`.
fn take(argument: &Argument, word: &str, by: Match) -> Option<Vec<Argument>> {
    let token_due = argument
        .token
        .as_deref()
        .filter(|_| !argument.repeated || argument.repetition == Repetition::WithToken);
    let mut left = match token_due {
        Some(token) if by == Match::Name && token.eq_ignore_ascii_case(word) => body(argument),
        Some(_) => return None,
        None => take_body(&argument.kind, word, by)?,
    };
    if argument.repetition != Repetition::Never {
        left.push(Argument { repeated: true, optional: true, ..argument.clone() });
    }
    Some(left)
}

/// What follows the token of `argument`.
fn body(argument: &Argument) -> Vec<Argument> {
    let bare = |kind: ArgumentKind| Argument {
        kind,
        token: None,
        optional: false,
        repetition: Repetition::Never,
        repeated: false,
    };
    match &argument.kind {
        ArgumentKind::Token => Vec::new(),
        ArgumentKind::Block(parts) => parts.clone(),
        kind => vec![bare(kind.clone())],
    }
}

fn take_body(kind: &ArgumentKind, word: &str, by: Match) -> Option<Vec<Argument>> {
    match kind {
        ArgumentKind::Text(_) => (by == Match::Text).then(Vec::new),
        ArgumentKind::Token => None,
        ArgumentKind::OneOf(choices) => choices.iter().find_map(|choice| take(choice, word, by)),
        ArgumentKind::Block(parts) => advance_by(parts, word, by),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::hint;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        assert_eq!(hint(&sample(), line).unwrap_or_default(), expected, "{line:?}");
    }

    #[test]
    fn words_take_arguments_from_left_to_right() {
        check("set", " key value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]");
        check("SET ", "key value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]");
        check("set a ", "value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]");
        check("set a b", " [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]");
    }

    #[test]
    fn options_come_in_any_order_and_go_when_used() {
        check("set a b get ", "[NX|XX] [EX seconds|PX milliseconds|KEEPTTL]");
        check("set a b ex ", "seconds [NX|XX] [GET]");
        check("set a b ex 10 nx ", "[GET]");
        check("set a b keepttl get xx", "");
    }

    #[test]
    fn an_options_name_is_text_where_text_must_come() {
        check("set nx ", "value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]");
    }

    #[test]
    fn repetitions_remain() {
        check("mget a ", "[key ...]");
        check("mget a b", " [key ...]");
        check("mset a ", "value [key value ...]");
        check("mset a 1 b ", "value [key value ...]");
        check("sort k get ", "pattern [GET pattern ...]");
        check("sort k get p ", "[GET pattern ...]");
        check("client list id 1 ", "[client-id ...]");
    }

    #[test]
    fn nothing_is_said_of_what_is_unknown_or_too_much() {
        check("nosuch", "");
        check("", "");
        check("set a b bogus", "");
        check("client list 1", "");
    }
}

//! What a line may become.

use super::Documentation;

/// The lines that `line` may be completed to: names of commands, or topics after `help`.
///
/// Names are completed one word at a time and in small letters unless the last letter typed is a capital.
pub fn completions(documentation: &Documentation, line: &str) -> Vec<String> {
    let (help, typed) = match line.get(..5) {
        Some(help) if help.eq_ignore_ascii_case("help ") => line.split_at(5),
        _ => ("", line),
    };
    let names = documentation.commands().iter().map(|command| command.name.clone());
    let groups = documentation.groups().into_iter().map(|group| format!("@{group}").to_ascii_uppercase());
    let topics: Vec<String> = if help.is_empty() { names.collect() } else { groups.chain(names).collect() };

    let wanted = typed.to_ascii_uppercase();
    let words = typed.matches(' ').count();
    let capitals =
        typed.chars().rev().find(char::is_ascii_alphabetic).is_some_and(|letter| letter.is_ascii_uppercase());
    let fits = |topic: &&String| topic.starts_with(&wanted) && topic.matches(' ').count() == words;
    topics
        .iter()
        .filter(fits)
        .map(|topic| format!("{help}{}", if capitals { topic.clone() } else { topic.to_ascii_lowercase() }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::completions;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        assert_eq!(completions(&sample(), line), expected, "{line:?}");
    }

    #[test]
    fn names_are_completed_a_word_at_a_time() {
        check("s", &["set", "sort"]);
        check("cl", &["client"]);
        check("client", &["client"]);
        check("client ", &["client list"]);
        check("client l", &["client list"]);
        check("set k", &[]);
        check("x", &[]);
    }

    #[test]
    fn the_case_is_the_one_typed() {
        check("SO", &["SORT"]);
        check("Client L", &["CLIENT LIST"]);
    }

    #[test]
    fn help_has_groups_too() {
        check("help @s", &["help @string"]);
        check("HELP M", &["HELP MGET", "HELP MSET"]);
        check("help client ", &["help client list"]);
    }
}

//! The word `help`.

use super::argument::usage;
use super::{CommandDocumentation, Documentation};
use std::fmt::Write;

/// What `help` says without a topic.
const INTRODUCTION: &str = concat!(
    "spinel-cli ",
    env!("CARGO_PKG_VERSION"),
    "
To get help about commands type:
      \"help @<group>\" to get a list of commands in <group>
      \"help <command>\" for help on <command>
      \"help <tab>\" to get a list of possible help topics
      \"quit\" to exit

To look at a key, whatever its type:
      \"peek <key>\" for its type, size, expiry and a sample

To give a reply to programs of the shell:
      \"smembers <key> | sort | head\"

To set spinel-cli preferences:
      \":set hints\" enable online hints
      \":set nohints\" disable online hints
      \":set guard\" ask before commands that remove much or take long
      \":set noguard\" don't ask
"
);

/// Whether the output understands colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Letters only.
    Plain,
    /// With escape sequences.
    Coloured,
}

/// Renders the help on a topic: a command, a group after `@`, or nothing for an introduction.
pub fn write_help(documentation: &Documentation, topic: &[String], style: Style) -> String {
    let Some(first) = topic.first() else { return INTRODUCTION.to_owned() };
    let mut out = String::from("\n");
    if let Some(group) = first.strip_prefix('@') {
        for command in
            documentation.commands().iter().filter(|command| command.group.eq_ignore_ascii_case(group))
        {
            write_command(command, Group::Known, style, &mut out);
        }
        return out;
    }
    let name = topic.join(" ").to_ascii_uppercase();
    for command in documentation.commands().iter().filter(|command| belongs_to(&command.name, &name)) {
        write_command(command, Group::Told, style, &mut out);
    }
    if out == "\n" {
        let meant = documentation.nearest(&name).map(|meant| format!(" Did you mean {meant}?"));
        writeln!(out, "  There is no command {name}.{}\n", meant.unwrap_or_default())
            .expect("a string takes every text");
    }
    out
}

/// Whether the reader knows the group already, because it was the topic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Known,
    Told,
}

/// Whether `name` is the command `topic` or one of its subcommands.
fn belongs_to(name: &str, topic: &str) -> bool {
    name.strip_prefix(topic).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn write_command(command: &CommandDocumentation, group: Group, style: Style, out: &mut String) {
    const BOLD: &str = "1";
    const YELLOW: &str = "33";
    const GREY: &str = "90";
    let paint = |code: &str, text: &str| match style {
        Style::Coloured if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
        _ => text.to_owned(),
    };
    let property = |label: &str, text: &str| format!("  {} {text}\n", paint(YELLOW, label));

    let heading = format!("  {} {}", paint(BOLD, &command.name), paint(GREY, &usage(&command.arguments)));
    out.push_str(heading.trim_end_matches(' '));
    out.push('\n');
    out.push_str(&property("summary:", &command.summary));
    out.push_str(&property("since:", &command.since));
    if group == Group::Told {
        out.push_str(&property("group:", &command.group));
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    fn help(topic: &str, style: Style) -> String {
        let words: Vec<String> = topic.split_whitespace().map(str::to_owned).collect();
        write_help(&sample(), &words, style)
    }

    #[test]
    fn a_command_is_described() {
        let expected = "\n  MGET key [key ...]\n  summary: Does it.\n  since: 1.0.0\n  group: string\n\n";
        assert_eq!(help("mget", Style::Plain), expected);
        assert!(
            help("mget", Style::Coloured)
                .starts_with("\n  \x1b[1mMGET\x1b[0m \x1b[90mkey [key ...]\x1b[0m\n")
        );
    }

    #[test]
    fn a_command_brings_its_subcommands() {
        let text = help("client", Style::Plain);
        assert!(text.contains("  CLIENT\n") && text.contains("  CLIENT LIST "), "{text}");
        assert!(!help("client list", Style::Plain).contains("  CLIENT\n"));
    }

    #[test]
    fn a_group_lists_its_commands_without_naming_itself() {
        let text = help("@string", Style::Plain);
        assert_eq!(text.matches("summary:").count(), 3);
        assert!(!text.contains("group:"));
    }

    #[test]
    fn without_a_topic_help_explains_itself_and_an_unknown_one_is_told_of() {
        assert!(help("", Style::Plain).starts_with("spinel-cli "));
        assert_eq!(help("nosuch", Style::Plain), "\n  There is no command NOSUCH.\n\n");
        assert!(help("mgte", Style::Plain).contains("Did you mean MGET?"));
    }
}

//! What shells and man know of the options: it comes from the table that reads them.

use super::options::Options;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use std::io;

/// The name of the program.
const PROGRAM: &str = "spinel-cli";

/// What the table of options doesn't say, in the language of man.
const BEFORE_OPTIONS: &str = r".SH SYNOPSIS
.B spinel\-cli
[\fIOPTIONS\fR] [\fICOMMAND\fR [\fIWORD\fR ...]]
.br
.B spinel\-cli
[\fIOPTIONS\fR] \fBpeek\fR \fIKEY\fR
.br
.B spinel\-cli
[\fIOPTIONS\fR] \fBtop\fR [\fIVIEW\fR]
.SH DESCRIPTION
\fBspinel\-cli\fR talks to SpinelDB, Redis and Valkey. It runs the command that it is given; without one it reads
commands from the terminal, or one a line from standard input. What follows the command is never read as an option.
.PP
\fBpeek\fR tells what a key is, how large, for how long, and shows a sample. \fBtop\fR shows what the server does, live;
its views are overview, commands, clients, slow and keys. Where output is no terminal it prints one screen, or as many as
\fB\-r\fR says, with \fB\-i\fR seconds between.
";

const AFTER_OPTIONS: &str = r#".SH "EXIT STATUS"
0, or 1 if there is no connection, the arguments make no sense, or, with \fB\-e\fR, a command was answered by an error.
.SH ENVIRONMENT
.TP
\fBSPINELCLI_AUTH\fR, \fBREDISCLI_AUTH\fR
The password.
.TP
\fBSPINELCLI_HISTFILE\fR, \fBREDISCLI_HISTFILE\fR
File of the history, instead of ~/.spinelcli_history.
.TP
\fBSPINELCLI_RCFILE\fR, \fBREDISCLI_RCFILE\fR
File of preferences, instead of ~/.spinelclirc.
.TP
\fBSSL_CERT_FILE\fR, \fBSSL_CERT_DIR\fR
Certificates of the authorities that the system trusts, instead of those of its distribution.
.TP
\fBNO_COLOR\fR
With any value, \fBtop\fR uses no colours.
.SH "SEE ALSO"
\fBspinel\-server\fR(1), \fBspinel.conf\fR(5)
"#;

/// The script that makes a shell complete options.
pub(super) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut offered(), PROGRAM, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The page `spinel-cli(1)`.
pub(super) fn page() -> String {
    let mut text = Vec::new();
    // Writing to memory doesn't fail.
    let _ = write_page(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn write_page(out: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command());
    man.render_title(out)?;
    man.render_name_section(out)?;
    out.extend_from_slice(BEFORE_OPTIONS.as_bytes());
    man.render_options_section(out)?;
    out.extend_from_slice(AFTER_OPTIONS.as_bytes());
    Ok(())
}

fn command() -> Command {
    Options::command().name(PROGRAM)
}

/// Only what is offered: some shells would complete what is hidden.
fn offered() -> Command {
    let command = command();
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned();
    Command::new(PROGRAM).disable_help_flag(true).disable_version_flag(true).version("").args(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_know_all_options_and_what_they_take() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = completions(shell);
            let dashes = if shell == Shell::Fish { "-l " } else { "--" };
            for option in ["cacert", "tls-ciphersuites", "quoted-json", "keystats-samples"] {
                assert!(script.contains(&format!("{dashes}{option}")), "{shell}: {option}");
            }
            assert!(!script.contains("ldb"), "{shell}: what is not there is not offered");
        }
    }

    #[test]
    fn the_page_has_all_options_in_their_groups() {
        let page = page();
        for part in [
            ".TH spinel-cli 1",
            ".SH ENCRYPTION",
            ".SH \"INSTEAD OF COMMANDS\"",
            "\\fB\\-\\-cacertdir\\fR",
            "SPINELCLI_AUTH",
        ] {
            assert!(page.contains(part), "{part}:\n{page}");
        }
    }
}

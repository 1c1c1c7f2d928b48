//! The pages of the manual that come from the program itself: `spinel-server(1)`, and `spinel.conf(5)` of the table of
//! settings.
//!
//! They are printed by `spinel-server --man` and `--man-conf`; `cargo xtask manuals` puts them into files.

mod about;

use crate::config::setting::{Change, Effect, Kind, Setting, Visibility};
use crate::config::table;
use about::about;
use std::fmt::Write;

/// `spinel-server(1)`, around the text of `--help`.
pub(crate) fn server_page(usage: &str) -> String {
    let mut page = Page::new("spinel-server", 1, "the SpinelDB server");
    page.section("SYNOPSIS");
    page.verbatim(usage);
    page.section("DESCRIPTION");
    page.paragraph(
        "spinel-server is an in-memory database that speaks the protocol of Redis. It serves until a signal or SHUTDOWN ends it. \
         All settings are described in spinel.conf(5); each can be given in a file, on the command line with two dashes before \
         its name, and most of them by CONFIG SET while the server runs.",
    );
    page.section("SIGNALS");
    page.term("SIGTERM, SIGINT", "End the server, as shutdown-on-sigterm and shutdown-on-sigint say.");
    page.section("FILES");
    page.term("dump.rdb", "The snapshot, in the folder of dir, by the name of dbfilename.");
    page.term("appendonlydir", "The folder of the append-only log.");
    page.section("EXIT STATUS");
    page.paragraph("0 after a regular end, 1 if the server could not start or do what was asked for.");
    page.section("SEE ALSO");
    page.paragraph("spinel.conf(5), spinel-cli(1)");
    page.text
}

/// `spinel.conf(5)`: all settings that do something, and the names of the others.
pub(crate) fn settings_page() -> String {
    let mut page = Page::new("spinel.conf", 5, "settings of spinel-server");
    page.section("DESCRIPTION");
    page.paragraph(
        "One setting stands on a line: its name, then its value; what begins with # is a comment. A value with spaces is quoted. \
         Numbers of bytes may have a unit: k, m and g are powers of a thousand, kb, mb and gb of 1024. include PATTERN reads \
         other files, rename-command NAME NEW calls a command otherwise (or \"\" not at all), and user NAME RULE... makes a user. \
         A file whose name ends in .toml is TOML.",
    );
    page.paragraph(
        "CONFIG GET tells the settings of a running server, CONFIG SET changes them, CONFIG REWRITE writes them to the file.",
    );
    for (title, settings) in table::parts() {
        page.section(&title.to_uppercase());
        let shown = settings.iter().filter(|setting| setting.visibility == Visibility::Shown);
        let (real, idle): (Vec<&Setting>, Vec<&Setting>) =
            shown.partition(|setting| setting.effect == Effect::Real);
        for setting in real {
            page.setting(setting);
        }
        if !idle.is_empty() {
            let names: Vec<&str> = idle.iter().map(|setting| setting.name).collect();
            page.paragraph(&format!("Accepted, shown, and without effect: {}.", names.join(", ")));
        }
    }
    page.section("SEE ALSO");
    page.paragraph("spinel-server(1), spinel-cli(1)");
    page.text
}

/// What a sentence has that tells the default itself.
const UNSET: &str = "If nothing is said";

/// A page in the language of man.
struct Page {
    text: String,
}

impl Page {
    fn new(name: &str, section: u8, what: &str) -> Page {
        let version = crate::version::SPINEL;
        let mut page = Page { text: format!(".TH {name} {section} \"\" \"SpinelDB {version}\"\n") };
        page.section("NAME");
        page.line(&format!("{} \\- {}", escaped(name), escaped(what)));
        page
    }

    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("a string takes every text");
    }

    fn section(&mut self, title: &str) {
        self.line(&format!(".SH \"{}\"", escaped(title)));
    }

    fn paragraph(&mut self, text: &str) {
        self.line(".PP");
        self.line(&escaped(text));
    }

    fn verbatim(&mut self, text: &str) {
        self.line(".nf");
        self.line(&escaped(text));
        self.line(".fi");
    }

    fn term(&mut self, term: &str, text: &str) {
        self.line(".TP");
        self.line(&format!("\\fB{}\\fR", escaped(term)));
        self.line(&escaped(text));
    }

    fn setting(&mut self, setting: &Setting) {
        self.line(".TP");
        self.line(&format!("\\fB{}\\fR \\fI{}\\fR", escaped(setting.name), escaped(&values(setting))));
        let about = about(setting.name).unwrap_or_default();
        let mut sentences = vec![about.to_owned()];
        let default = setting.show(&setting.default_value());
        match String::from_utf8_lossy(&default).as_ref() {
            // The sentence says it: it depends on the machine.
            _ if about.contains(UNSET) => {}
            "" => sentences.push("Default: empty.".to_owned()),
            default => sentences.push(format!("Default: {default}.")),
        }
        match setting.change {
            Change::Anytime => {}
            Change::Protected => sentences.push("CONFIG SET needs enable-protected-configs.".to_owned()),
            Change::AtStart => sentences.push("Only at the start.".to_owned()),
        }
        if !setting.alias.is_empty() {
            sentences.push(format!("Also called {}.", setting.alias));
        }
        self.line(&escaped(&sentences.join(" ")));
    }
}

/// What may stand behind the name of a setting.
fn values(setting: &Setting) -> String {
    match setting.kind {
        Kind::Flag { .. } => "yes|no".to_owned(),
        Kind::Integer { min, max, .. } | Kind::Clamped { min, max, .. } => match max {
            i64::MAX => format!("NUMBER from {min}"),
            _ if max == i64::from(i32::MAX) => format!("NUMBER from {min}"),
            max => format!("NUMBER from {min} to {max}"),
        },
        Kind::Octal { max, .. } => format!("DIGITS to {max:o}"),
        Kind::BytesOrPercent { .. } => "BYTES|PERCENT%".to_owned(),
        Kind::Choice { names, .. } => names.join("|"),
        Kind::Choices(choices) => format!("{} ...", choices.names.join("|")),
        Kind::Text { .. } => "TEXT".to_owned(),
        _ if setting.takes_words() => "WORD ...".to_owned(),
        _ => "BYTES".to_owned(),
    }
}

/// Text that the language of man takes for text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            escaped.push('\n');
        }
        // A line that begins so would be an order.
        if line.starts_with(['.', '\'']) {
            escaped.push_str("\\&");
        }
        for char in line.chars() {
            match char {
                '\\' => escaped.push_str("\\e"),
                '-' => escaped.push_str("\\-"),
                '"' => escaped.push_str("\\(dq"),
                '\'' => escaped.push_str("\\(aq"),
                '…' => escaped.push_str("..."),
                char => escaped.push(char),
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_does_something_is_described() {
        let is_described = |setting: &Setting| about(setting.name).is_some_and(|about| about.ends_with('.'));
        let settings = || table::all().map(table::Key::setting);
        let wanted = settings()
            .filter(|setting| setting.effect == Effect::Real && setting.visibility == Visibility::Shown);
        let missing: Vec<&str> =
            wanted.filter(|setting| !is_described(setting)).map(|setting| setting.name).collect();
        assert!(missing.is_empty(), "server/src/manual/about.rs says nothing of {missing:?}");

        let mut names: Vec<&str> = about::ABOUT.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "each is described once");
    }

    #[test]
    fn pages_say_what_settings_take() {
        let page = settings_page();
        assert!(page.starts_with(".TH spinel.conf 5 "), "{page}");
        for line in [
            "\\fBmaxmemory\\-policy\\fR \\fIvolatile\\-lru|",
            "\\fBappendonly\\fR \\fIyes|no\\fR",
            "Default: everysec.",
            "Also called lua\\-time\\-limit.",
            ".SH \"REPLICAS AND THE CLUSTER\"",
        ] {
            assert!(page.contains(line), "{line}");
        }
        assert!(server_page("a -b\n.c").contains("a \\-b\n\\&.c\n"));
    }

    #[test]
    fn texts_are_no_orders() {
        assert_eq!(escaped("a-b \\ \"c\"\n.d\n'e"), "a\\-b \\e \\(dqc\\(dq\n\\&.d\n\\&\\(aqe");
    }
}

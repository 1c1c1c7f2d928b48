//! INFO: what operators and their tools ask a server about itself.
//!
//! Lines are `name:value`, grouped in sections. The names are those that exporters read. A field about a
//! feature that does not exist says that nobody uses it.

mod calls;
mod keysizes;
mod load;
mod memory;
mod persistence;
mod process;
mod threads;
mod tls;

pub(crate) use process::{CpuTimes, cpu_times, kilobytes_of};

use crate::cache;
use crate::server::Shared;
use std::fmt::{Display, Write};

/// One section: its name in requests, its heading, and what writes its lines.
struct Section {
    name: &'static str,
    heading: &'static str,
    /// Whether it is shown when nobody names a section.
    is_default: bool,
    write: fn(&Shared, &mut Text),
}

/// All sections, in the order they are shown.
const SECTIONS: &[Section] = &[
    section("server", "Server", process::server),
    section("tls", "TLS", tls::tls),
    section("clients", "Clients", load::clients),
    section("memory", "Memory", memory::memory),
    section("persistence", "Persistence", persistence::persistence),
    section("threads", "Threads", threads::threads),
    section("stats", "Stats", load::stats),
    section("replication", "Replication", load::replication),
    section("cache", "Cache", cache::describe),
    section("cpu", "CPU", process::cpu),
    section("modules", "Modules", |_, _| ()),
    Section { is_default: false, ..section("commandstats", "Commandstats", calls::commands) },
    section("errorstats", "Errorstats", calls::errors),
    Section { is_default: false, ..section("latencystats", "Latencystats", calls::latencies) },
    section("cluster", "Cluster", |_, text| text.line("cluster_enabled", 0)),
    section("keyspace", "Keyspace", memory::keyspace),
    Section { is_default: false, ..section("keysizes", "Keysizes", keysizes::keysizes) },
];

const fn section(name: &'static str, heading: &'static str, write: fn(&Shared, &mut Text)) -> Section {
    Section { name, heading, is_default: true, write }
}

/// Lines as they are being written.
#[derive(Default)]
pub(crate) struct Text(String);

impl Text {
    /// Adds a field.
    pub(crate) fn line(&mut self, name: impl Display, value: impl Display) {
        write!(self.0, "{name}:{value}\r\n").expect("memory takes any text");
    }

    /// Adds fields whose values are all the same.
    fn lines(&mut self, names: &[&str], value: impl Display) {
        for name in names {
            self.line(name, &value);
        }
    }

    /// Adds a number of bytes, and again with a unit for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.line(name, bytes);
        self.line(format_args!("{name}_human"), human(bytes));
    }
}

/// The sections with these names; unknown ones are left out. No name at all asks for the default ones.
pub(crate) fn describe(shared: &Shared, names: &[&[u8]]) -> String {
    let mut text = Text::default();
    for section in SECTIONS.iter().filter(|section| section.is_wanted(names)) {
        if !text.0.is_empty() {
            text.0.push_str("\r\n");
        }
        write!(text.0, "# {}\r\n", section.heading).expect("memory takes any text");
        (section.write)(shared, &mut text);
    }
    text.0
}

impl Section {
    fn is_wanted(&self, names: &[&[u8]]) -> bool {
        names.is_empty() && self.is_default
            || names.iter().any(|name| match &*name.to_ascii_lowercase() {
                b"default" => self.is_default,
                b"all" => self.name != "modules",
                b"everything" => true,
                name => self.name.as_bytes() == name,
            })
    }
}

/// Bytes with two decimals and a unit.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.2}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(names: &[&str]) -> Vec<&'static str> {
        let names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
        SECTIONS.iter().filter(|section| section.is_wanted(&names)).map(|section| section.name).collect()
    }

    #[test]
    fn sections_are_chosen_by_name_in_any_case() {
        assert_eq!(wanted(&["KEYSPACE", "cpu", "no-such"]), ["cpu", "keyspace"]);
        assert_eq!(wanted(&["no-such"]), [""; 0]);
        assert_eq!(wanted(&[]), wanted(&["default"]));
        assert!(!wanted(&[]).contains(&"commandstats"));
        assert!(wanted(&["default", "commandstats"]).contains(&"commandstats"));
        assert_eq!(wanted(&["everything"]).len(), SECTIONS.len());
        assert_eq!(wanted(&["all"]).len(), SECTIONS.len() - 1);
    }

    #[test]
    fn bytes_are_shown_with_units() {
        for (bytes, expected) in
            [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1_468_006, "1.40M"), (3 << 40, "3.00T")]
        {
            assert_eq!(human(bytes), expected);
        }
    }

    #[test]
    fn lines_end_as_in_the_protocol() {
        let mut text = Text::default();
        text.bytes("used", 2048);
        assert_eq!(text.0, "used:2048\r\nused_human:2.00K\r\n");
    }
}

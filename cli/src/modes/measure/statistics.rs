//! `--stat`: a line of statistics each second.

use super::interval_or;
use crate::arguments::Arguments;
use crate::info::Info;
use crate::progress::human_bytes;
use crate::session::Session;
use crate::shell::RunError;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

/// Lines between two headings.
const LINES_PER_HEADING: u64 = 20;

const HEADING: &str = "\
------- data ------ --------------------- load -------------------- - child -
keys       mem      clients blocked requests            connections
";

/// Prints lines until the connection ends.
pub(in crate::modes) fn statistics(
    arguments: &Arguments,
    session: &mut Session,
) -> Result<std::convert::Infallible, RunError> {
    let mut requests = None;
    for lines in 0_u64.. {
        let info = Info::ask(session)?;
        let mut text =
            if lines.is_multiple_of(LINES_PER_HEADING) { HEADING.to_owned() } else { String::new() };
        let total = info.number("total_commands_processed");
        text.push_str(&line(&info, total.saturating_sub(requests.unwrap_or(total))));
        requests = Some(total);
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        drop(out);
        thread::sleep(interval_or(arguments.interval, Duration::from_secs(1)));
    }
    unreachable!("nobody counts so many lines")
}

fn line(info: &Info, new_requests: u64) -> String {
    let requests = format!("{} (+{new_requests})", info.number("total_commands_processed"));
    format!(
        "{:<10} {:<8} {:<7} {:<7} {requests:<19} {:<11} {}\n",
        info.keys(),
        human_bytes(info.number("used_memory")),
        info.number("connected_clients"),
        info.number("blocked_clients"),
        info.number("total_connections_received"),
        child(info)
    )
}

/// What the server does beside serving.
fn child(info: &Info) -> &'static str {
    match (info.number("rdb_bgsave_in_progress"), info.number("aof_rewrite_in_progress")) {
        (0, 0) => "",
        (_, 0) => "SAVE",
        (0, _) => "AOF",
        _ => "SAVE AOF",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_names() {
        let info = Info::parse(
            "used_memory:3323985\r\nconnected_clients:1\r\nblocked_clients:0\r\ntotal_commands_processed:2154955\r\n\
             total_connections_received:217\r\nrdb_bgsave_in_progress:1\r\ndb0:keys=800,expires=0\r\ndb3:keys=31\r\n",
        );
        let expected = "831        3.17M    1       0       2154955 (+2)        217         SAVE\n";
        assert_eq!(line(&info, 2), expected);
    }
}

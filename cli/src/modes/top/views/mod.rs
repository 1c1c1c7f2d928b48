//! What is known, as lines: a function of [`Top`] and the size of the screen, and of nothing else.

mod clients;
mod commands;
mod help;
mod keys;
mod overview;
mod slow;

pub(super) use clients::{BY_MEMORY as CLIENTS_BY_MEMORY, COLUMN_COUNT as CLIENT_COLUMNS};

use super::canvas::{Charset, Line, Look, Size};
use super::figures;
use super::sample::Sample;
use super::state::{Top, View};
use std::time::Duration;

/// Lines that every view has: the first and the last.
const FRAME_LINES: usize = 2;

/// Who waits so long for an answer is told.
const WORTH_TELLING: Duration = Duration::from_secs(2);

/// The screen.
pub(super) fn screen(top: &Top, size: Size, charset: Charset) -> Vec<Line> {
    let height = size.height.saturating_sub(FRAME_LINES);
    let body_size = Size { width: size.width, height };
    let mut lines = vec![title(top, size.width, charset)];
    let mut body = if top.is_helping { help::lines() } else { body(top, body_size, charset) };
    if let Some(warning) = warning(top) {
        body.insert(0, warning);
    }
    if !top.is_helping && top.scrolled > 0 {
        // What is above the rows stays.
        let fixed = fixed_lines(top).min(body.len());
        let end = (fixed + top.scrolled).min(body.len());
        body.drain(fixed..end);
    }
    body.truncate(height);
    body.resize(height, Line::default());
    lines.extend(body);
    lines.push(footer(top, size.width, charset));
    for line in &mut lines {
        line.cut(size.width);
    }
    lines
}

/// The same for a file: without what is there for keys.
pub(super) fn report(top: &Top, size: Size, charset: Charset) -> Vec<Line> {
    let mut lines = vec![title(top, size.width, charset)];
    lines.extend(body(top, size, charset));
    lines.push(Line::default());
    lines
}

/// How far the rows of a view can be scrolled.
pub(super) fn scrolled_most(top: &Top, size: Size) -> usize {
    if top.view == View::Overview {
        return 0;
    }
    let height = size.height.saturating_sub(FRAME_LINES);
    let all = body(top, Size { width: size.width, height: usize::MAX }, Charset::Ascii);
    (all.len() + usize::from(warning(top).is_some())).saturating_sub(height)
}

/// Lines that stay when rows are scrolled: the warning and the heading.
fn fixed_lines(top: &Top) -> usize {
    let heading = match top.view {
        View::Commands | View::Clients | View::Slow => 1,
        View::Overview | View::Keys => 0,
    };
    heading + usize::from(warning(top).is_some())
}

fn body(top: &Top, size: Size, charset: Charset) -> Vec<Line> {
    let Some(latest) = top.latest() else {
        return vec![Line::default(), Line::of(Look::Dim, " Asking the server.")];
    };
    match top.view {
        View::Overview => overview::lines(top, latest, size, charset),
        View::Commands => commands::lines(top, latest, size.width, charset),
        View::Clients => clients::lines(top, latest, size.width),
        View::Slow => slow::lines(latest, size.width, charset),
        View::Keys => keys::lines(top, latest, size.width, charset),
    }
}

/// Why what is shown is old.
fn warning(top: &Top) -> Option<Line> {
    if let Some(trouble) = &top.trouble {
        return Some(Line::of(Look::Bad, format!(" {}. Trying again.", trouble.trim_end_matches('.'))));
    }
    (top.waited >= WORTH_TELLING)
        .then(|| Line::of(Look::Bad, format!(" No answer for {}.", figures::age(top.waited.as_secs()))))
}

/// Who the server is.
fn title(top: &Top, width: usize, charset: Charset) -> Line {
    let separator = charset.pick(" · ", " - ");
    let mut parts = Vec::new();
    if let Some(latest) = top.latest() {
        parts.push(latest.server());
        parts.push(top.address.clone());
        parts.push(format!("up {}", figures::age(latest.info.number("uptime_in_seconds"))));
        parts.extend(role(latest));
    } else {
        parts.push(top.address.clone());
    }
    let right = if top.is_paused {
        "paused ".to_owned()
    } else {
        format!("every {}s ", top.interval().as_secs_f64())
    };
    let mut line = Line::of(Look::Inverse, format!(" {}", parts.join(separator)));
    line.cut(width.saturating_sub(right.len() + 1));
    line.pad(width.saturating_sub(right.len()), Look::Inverse);
    line.push(if top.is_paused { Look::Chosen } else { Look::Inverse }, right);
    line
}

/// What the server is among others; nothing if it is alone.
fn role(latest: &Sample) -> Option<String> {
    let info = &latest.info;
    if info.text("loading") == "1" {
        return Some(format!("loading {}%", info.text("loading_loaded_perc")));
    }
    match info.text("role") {
        "slave" => {
            let link = if info.text("master_link_status") == "up" { "" } else { ", link down" };
            Some(format!("replica of {}:{}{link}", info.text("master_host"), info.text("master_port")))
        }
        "master" if info.number("connected_slaves") > 0 => {
            Some(format!("primary of {}", info.number("connected_slaves")))
        }
        _ => None,
    }
}

/// The views and the keys.
fn footer(top: &Top, width: usize, charset: Charset) -> Line {
    let mut line = Line::default();
    for (index, view) in View::ALL.into_iter().enumerate() {
        let look = if view == top.view && !top.is_helping { Look::Chosen } else { Look::Inverse };
        line.push(look, format!(" {} {} ", index + 1, view.name()));
    }
    let keys = [
        format!("{} order", charset.pick("←→", "<>")),
        "p pause".to_owned(),
        "? help".to_owned(),
        "q quit".to_owned(),
    ];
    let room = width.saturating_sub(line.width());
    // What is said last is needed most.
    let fitting =
        (0..keys.len()).map(|from| keys[from..].join("  ")).find(|text| text.chars().count() < room);
    if let Some(text) = fitting {
        line.pad(width - text.chars().count() - 1, Look::Inverse);
        line.push(Look::Inverse, text);
    }
    line.pad(width, Look::Inverse);
    line
}

/// A figure that may be missing.
fn or_dash<T>(value: Option<T>, shown: impl FnOnce(T) -> String) -> String {
    value.map_or("-".to_owned(), shown)
}

//! Lines of text with looks, and how they become what a terminal understands.

use std::fmt::Write;

/// Letters a terminal has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

/// How a piece of text is to stand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Strong,
    /// What only explains.
    Dim,
    /// The first and the last line, and the heading of a table.
    Inverse,
    /// What can be chosen and is.
    Chosen,
    Good,
    Warning,
    Bad,
}

/// Which letters a terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Unicode,
    Ascii,
}

impl Charset {
    /// What the environment says of the terminal.
    pub(super) fn of_environment() -> Self {
        let variables = ["LC_ALL", "LC_CTYPE", "LANG"];
        let locale = variables.iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
        let locale = locale.map(|locale| locale.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if locale.contains("utf-8") || locale.contains("utf8") { Self::Unicode } else { Self::Ascii }
    }

    /// One of two texts.
    pub(super) fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }
}

/// What a terminal can show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub(super) coloured: bool,
    pub(super) charset: Charset,
}

impl Palette {
    /// What the environment says: `NO_COLOR` with any value means none.
    pub(super) fn of_environment() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { coloured: !unwanted, charset: Charset::of_environment() }
    }

    /// The sequence that begins a look.
    fn begin(self, look: Look) -> &'static str {
        match (look, self.coloured) {
            (Look::Plain, _) | (Look::Good, false) => "",
            (Look::Strong, _) | (Look::Chosen | Look::Warning | Look::Bad, false) => "\x1b[1m",
            (Look::Dim, _) => "\x1b[2m",
            (Look::Inverse, true) => "\x1b[30;46m",
            (Look::Chosen, true) => "\x1b[1;97;44m",
            (Look::Inverse, false) => "\x1b[7m",
            (Look::Good, true) => "\x1b[32m",
            (Look::Warning, true) => "\x1b[33m",
            (Look::Bad, true) => "\x1b[1;31m",
        }
    }
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<(Look, String)>);

impl Line {
    pub(super) fn of(look: Look, text: impl Into<String>) -> Self {
        let mut line = Self::default();
        line.push(look, text);
        line
    }

    /// Adds a text, in which nothing that a server says can move the cursor.
    pub(super) fn push(&mut self, look: Look, text: impl Into<String>) {
        let mut text = text.into();
        if text.contains(char::is_control) {
            text = text.replace(char::is_control, "?");
        }
        self.0.push((look, text));
    }

    pub(super) fn with(mut self, look: Look, text: impl Into<String>) -> Self {
        self.push(look, text);
        self
    }

    pub(super) fn append(&mut self, other: Line) {
        self.0.extend(other.0);
    }

    /// How many letters it has.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// Fills it up with spaces of a look.
    pub(super) fn pad(&mut self, width: usize, look: Look) {
        let missing = width.saturating_sub(self.width());
        if missing > 0 {
            self.push(look, " ".repeat(missing));
        }
    }

    /// Drops what is behind so many letters.
    pub(super) fn cut(&mut self, width: usize) {
        let mut room = width;
        for (_, text) in &mut self.0 {
            let end = text.char_indices().nth(room).map_or(text.len(), |(at, _)| at);
            text.truncate(end);
            room -= text.chars().count();
        }
        self.0.retain(|(_, text)| !text.is_empty());
    }

    /// What it says, whatever it looks like.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }
}

/// Everything a terminal of that size needs to show the lines, and nothing that was there before.
pub(super) fn paint(lines: &[Line], size: Size, palette: Palette) -> String {
    let mut out = "\x1b[H".to_owned();
    for (index, line) in lines.iter().take(size.height).enumerate() {
        if index > 0 {
            out.push_str("\r\n");
        }
        let mut line = line.clone();
        line.cut(size.width);
        for (look, text) in &line.0 {
            let begin = palette.begin(*look);
            let end = if begin.is_empty() { "" } else { "\x1b[0m" };
            write!(out, "{begin}{text}{end}").expect("a string takes every text");
        }
        // At the last letter of a line, a terminal would remove that letter.
        if line.width() < size.width {
            out.push_str("\x1b[K");
        }
    }
    out.push_str("\x1b[J");
    out
}

/// The lines as plain text.
pub(super) fn print(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        out.push_str(line.text().trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 6, height: 2 };

    #[test]
    fn lines_are_cut_and_old_letters_removed() {
        let lines = [
            Line::of(Look::Strong, "ab").with(Look::Plain, "cdefg"),
            Line::of(Look::Bad, "µ"),
            Line::default(),
        ];
        let palette = Palette { coloured: true, charset: Charset::Unicode };
        let painted = "\x1b[H\x1b[1mab\x1b[0mcdef\r\n\x1b[1;31mµ\x1b[0m\x1b[K\x1b[J";
        assert_eq!(paint(&lines, SIZE, palette), painted);
    }

    #[test]
    fn a_server_can_not_move_the_cursor() {
        assert_eq!(Line::of(Look::Plain, "a\x1b[2Jb\nc\u{9b}d").text(), "a?[2Jb?c?d");
    }

    #[test]
    fn without_colours_there_are_none() {
        let palette = Palette { coloured: false, charset: Charset::Unicode };
        for look in [Look::Inverse, Look::Chosen, Look::Good, Look::Warning, Look::Bad, Look::Dim] {
            let painted = paint(&[Line::of(look, "x")], SIZE, palette);
            assert!(!painted.contains("\x1b[3") && !painted.contains("\x1b[1;"), "{painted:?}");
        }
    }
}

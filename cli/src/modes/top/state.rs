//! All that is known, and what keys change about it.

use super::canvas::Size;
use super::change::Change;
use super::commands;
use super::keyboard::Key;
use super::sample::{Sample, Wish};
use std::collections::VecDeque;
use std::time::Duration;

/// How many looks the rows of bars go back.
const HISTORY: usize = 200;

/// How many slow commands are listed, and how many stand below everything else.
const SLOW_LISTED: usize = 100;
const SLOW_NEWEST: usize = 3;

/// Times between two looks that can be chosen.
const INTERVALS: [f64; 8] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// What is on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::modes) enum View {
    Overview,
    Commands,
    Clients,
    Slow,
    Keys,
}

impl View {
    pub(super) const ALL: [Self; 5] = [Self::Overview, Self::Commands, Self::Clients, Self::Slow, Self::Keys];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Commands => "commands",
            Self::Clients => "clients",
            Self::Slow => "slow",
            Self::Keys => "keys",
        }
    }

    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name().eq_ignore_ascii_case(name))
    }

    fn place(self) -> usize {
        Self::ALL.iter().position(|view| *view == self).unwrap_or(0)
    }

    fn after(self, steps: usize) -> Self {
        Self::ALL[(self.place() + steps) % Self::ALL.len()]
    }
}

/// How a table is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) column: usize,
    pub(super) reversed: bool,
}

/// What is to happen after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    Nothing,
    /// The server is to be looked at now.
    Look,
    Suspend,
    Quit,
}

/// The history of one figure or another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Point {
    pub(super) commands: f64,
    pub(super) cpu: f64,
    pub(super) memory: f64,
}

/// All that is known.
pub(super) struct Top {
    /// Where the server is.
    pub(super) address: String,
    pub(super) view: View,
    pub(super) is_paused: bool,
    pub(super) is_helping: bool,
    /// How many rows of a table are above the screen.
    pub(super) scrolled: usize,
    pub(super) commands_order: Order,
    pub(super) clients_order: Order,
    /// Why the server does not answer.
    pub(super) trouble: Option<String>,
    /// For how long an answer has been waited for.
    pub(super) waited: Duration,
    interval: Duration,
    latest: Option<Sample>,
    previous: Option<Sample>,
    history: VecDeque<Point>,
}

impl Top {
    pub(super) fn new(address: String, view: View, interval: Duration) -> Self {
        Self {
            address,
            view,
            is_paused: false,
            is_helping: false,
            scrolled: 0,
            commands_order: Order { column: commands::BUSY, reversed: false },
            clients_order: Order { column: super::views::CLIENTS_BY_MEMORY, reversed: false },
            trouble: None,
            waited: Duration::ZERO,
            interval,
            latest: None,
            previous: None,
            history: VecDeque::new(),
        }
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) fn latest(&self) -> Option<&Sample> {
        self.latest.as_ref()
    }

    /// What happened between the last two looks.
    pub(super) fn change(&self) -> Option<Change<'_>> {
        Change::between(self.previous.as_ref(), self.latest.as_ref()?)
    }

    pub(super) fn history(&self) -> impl DoubleEndedIterator<Item = &Point> {
        self.history.iter()
    }

    /// What is to be asked for the view that is shown.
    pub(super) fn wish(&self) -> Wish {
        let slow = match self.view {
            View::Overview => SLOW_NEWEST,
            View::Slow => SLOW_LISTED,
            View::Commands | View::Clients | View::Keys => 0,
        };
        Wish { slow, clients: self.view == View::Clients }
    }

    /// Takes what the server says of itself, unless somebody is still reading.
    pub(super) fn learn(&mut self, sample: Sample) {
        self.trouble = None;
        self.waited = Duration::ZERO;
        if self.is_paused {
            return;
        }
        self.previous = self.latest.replace(sample);
        let Some(change) = self.change() else { return };
        let point = Point {
            commands: change.per_second("total_commands_processed").unwrap_or(0.0),
            cpu: change.cpu_percent().unwrap_or(0.0),
            memory: change.now().info.number("used_memory") as f64,
        };
        self.history.push_back(point);
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }

    /// The server can't be asked.
    pub(super) fn worry(&mut self, trouble: String) {
        self.trouble = Some(trouble);
        self.waited = Duration::ZERO;
    }

    /// The server has not answered for so long.
    pub(super) fn wait(&mut self, waited: Duration) {
        self.waited = waited;
    }

    /// Does what a key says. What is listed may be larger than a screen of that size.
    pub(super) fn press(&mut self, key: Key, size: Size) -> Reaction {
        let page = size.height.saturating_sub(3).max(1);
        match key {
            Key::Escape | Key::Char('q' | 'Q') if self.is_helping => self.is_helping = false,
            Key::Char('q' | 'Q') | Key::Control('c' | 'd') => return Reaction::Quit,
            Key::Control('z') => return Reaction::Suspend,
            Key::Char('?' | 'h') => self.is_helping = !self.is_helping,
            Key::Char(digit @ '1'..='5') => return self.show(View::ALL[digit as usize - '1' as usize]),
            Key::Tab => return self.show(self.view.after(1)),
            Key::BackTab => return self.show(self.view.after(View::ALL.len() - 1)),
            Key::Char('p' | ' ') => {
                self.is_paused = !self.is_paused;
                if !self.is_paused {
                    return Reaction::Look;
                }
            }
            Key::Char('+' | '=') => self.change_interval(|now, next| next > now),
            Key::Char('-') => self.change_interval(|now, next| next < now),
            Key::Left | Key::Char('<') => self.order_by(|column, columns| (column + columns - 1) % columns),
            Key::Right | Key::Char('>') => self.order_by(|column, columns| (column + 1) % columns),
            Key::Char('r') => {
                if let Some((order, _)) = self.order() {
                    order.reversed = !order.reversed;
                }
            }
            Key::Up | Key::Char('k') => self.scrolled = self.scrolled.saturating_sub(1),
            Key::Down | Key::Char('j') => self.scrolled += 1,
            Key::PageUp => self.scrolled = self.scrolled.saturating_sub(page),
            Key::PageDown => self.scrolled += page,
            Key::Home => self.scrolled = 0,
            Key::End => self.scrolled = usize::MAX / 2,
            Key::Enter | Key::Control('l') => return Reaction::Look,
            _ => {}
        }
        self.scrolled = self.scrolled.min(super::views::scrolled_most(self, size));
        Reaction::Nothing
    }

    fn show(&mut self, view: View) -> Reaction {
        self.is_helping = false;
        self.scrolled = 0;
        self.view = view;
        // Another view may need what was not asked for.
        if self.is_paused { Reaction::Nothing } else { Reaction::Look }
    }

    fn change_interval(&mut self, is_other: fn(f64, f64) -> bool) {
        let now = self.interval.as_secs_f64();
        let mut others = INTERVALS.into_iter().filter(|next| is_other(now, *next));
        let next = if is_other(0.0, 1.0) { others.next() } else { others.next_back() };
        self.interval = next.map_or(self.interval, Duration::from_secs_f64);
    }

    /// How the table of this view is ordered, and how many columns it has.
    fn order(&mut self) -> Option<(&mut Order, usize)> {
        match self.view {
            View::Overview | View::Commands => Some((&mut self.commands_order, commands::COLUMNS.len())),
            View::Clients => Some((&mut self.clients_order, super::views::CLIENT_COLUMNS)),
            View::Slow | View::Keys => None,
        }
    }

    fn order_by(&mut self, next: fn(usize, usize) -> usize) {
        if let Some((order, columns)) = self.order() {
            *order = Order { column: next(order.column, columns), reversed: false };
        }
    }
}

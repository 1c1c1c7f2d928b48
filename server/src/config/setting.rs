//! What a setting is: one row of the table.

use super::value::{Choices, Reason};

/// When a setting may change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// At any time, by CONFIG SET.
    Anytime,
    /// At any time, where `enable-protected-configs` allows it: who may change it can write any file.
    Protected,
    /// Only when the server starts.
    AtStart,
}

/// Who sees a setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Visibility {
    /// Everybody.
    Shown,
    /// Who asks for it by its full name.
    Hidden,
}

/// Whether a setting does anything in this server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// It does what it says.
    Real,
    /// It is accepted and shown, so that existing configurations work, and changes nothing.
    None,
}

/// What happens to a list that a file names again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repeat {
    /// The last one counts.
    Replace,
    /// Each adds to those before it; the first drops the default.
    Append,
}

/// Turns the words of a list into its one written form, given what it was before.
pub(crate) type ReadList = fn(words: &[&[u8]], before: &[u8]) -> Result<Vec<u8>, Reason>;

/// What values a setting has.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// `yes` or `no`.
    Flag { default: bool },
    /// A decimal number.
    Integer { default: i64, min: i64, max: i64 },
    /// A decimal number that is not negative; what is outside of the bounds counts as the nearest bound.
    Clamped { default: i64, min: i64, max: i64 },
    /// A number of up to four octal digits: file permissions.
    Octal { default: i64, max: i64 },
    /// A number of bytes, with or without a unit.
    Bytes { default: u64, min: u64, max: u64 },
    /// A number of bytes, or a share of the memory that the process may have with `%`; see
    /// [`memory::Amount`](super::memory::Amount).
    Memory { default: u64 },
    /// A number of bytes, or a share of another limit with `%`, kept negative.
    BytesOrPercent { default: i64 },
    /// One of several words.
    Choice { default: usize, names: &'static [&'static str] },
    /// Some of several words; the first stands for none.
    Choices(Choices),
    /// Any bytes that pass the check.
    Text { default: &'static str, check: fn(&[u8]) -> Result<(), Reason> },
    /// Several words.
    List { default: &'static str, read: ReadList, repeat: Repeat },
}

/// One row of the table of settings.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// The name, as files and CONFIG GET have it.
    pub(crate) name: &'static str,
    /// A former name that is accepted and shown as well; empty if there is none.
    pub(crate) alias: &'static str,
    pub(crate) kind: Kind,
    pub(crate) change: Change,
    pub(crate) visibility: Visibility,
    pub(crate) effect: Effect,
    /// Whether the value is a password, or tells who has one.
    pub(crate) is_secret: bool,
}

impl Setting {
    const fn new(name: &'static str, kind: Kind) -> Setting {
        Setting {
            name,
            alias: "",
            kind,
            change: Change::Anytime,
            visibility: Visibility::Shown,
            effect: Effect::Real,
            is_secret: false,
        }
    }

    pub(crate) const fn or(mut self, alias: &'static str) -> Setting {
        self.alias = alias;
        self
    }

    pub(crate) const fn at_start(mut self) -> Setting {
        self.change = Change::AtStart;
        self
    }

    pub(crate) const fn protected(mut self) -> Setting {
        self.change = Change::Protected;
        self
    }

    pub(crate) const fn hidden(mut self) -> Setting {
        self.visibility = Visibility::Hidden;
        self
    }

    pub(crate) const fn idle(mut self) -> Setting {
        self.effect = Effect::None;
        self
    }

    pub(crate) const fn secret(mut self) -> Setting {
        self.is_secret = true;
        self
    }

    /// Whether this is what it is called, now or formerly, in any case.
    pub(crate) fn is_called(&self, name: &[u8]) -> bool {
        self.names().any(|own| own.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The name, and the former one if there is one.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.name, self.alias].into_iter().filter(|name| !name.is_empty())
    }

    /// Whether its value is made of several words.
    pub(crate) fn takes_words(&self) -> bool {
        matches!(self.kind, Kind::List { .. } | Kind::Choices(_))
    }
}

pub(super) const fn flag(name: &'static str, default: bool) -> Setting {
    Setting::new(name, Kind::Flag { default })
}

pub(super) const fn integer(name: &'static str, default: i64, min: i64, max: i64) -> Setting {
    Setting::new(name, Kind::Integer { default, min, max })
}

pub(super) const fn clamped(name: &'static str, default: i64, min: i64, max: i64) -> Setting {
    Setting::new(name, Kind::Clamped { default, min, max })
}

/// A number that is not negative and has no other bound.
pub(super) const fn count(name: &'static str, default: i64) -> Setting {
    integer(name, default, 0, i64::MAX)
}

/// A number that is not negative and fits 32 bits.
pub(super) const fn small(name: &'static str, default: i64) -> Setting {
    integer(name, default, 0, i32::MAX as i64)
}

pub(super) const fn port(name: &'static str, default: i64) -> Setting {
    integer(name, default, 0, u16::MAX as i64)
}

pub(super) const fn octal(name: &'static str, default: i64) -> Setting {
    Setting::new(name, Kind::Octal { default, max: 0o777 })
}

pub(super) const fn bytes(name: &'static str, default: u64, min: u64, max: u64) -> Setting {
    Setting::new(name, Kind::Bytes { default, min, max })
}

/// A number of bytes as far as a signed number goes.
pub(super) const fn size(name: &'static str, default: u64) -> Setting {
    bytes(name, default, 0, i64::MAX as u64)
}

/// A number of bytes, or a share of the memory that the process may have.
pub(super) const fn memory(name: &'static str, default: u64) -> Setting {
    Setting::new(name, Kind::Memory { default })
}

pub(super) const fn bytes_or_percent(name: &'static str, default: i64) -> Setting {
    Setting::new(name, Kind::BytesOrPercent { default })
}

pub(super) const fn choice(name: &'static str, names: &'static [&'static str], default: usize) -> Setting {
    assert!(default < names.len(), "the default is one of the choices");
    Setting::new(name, Kind::Choice { default, names })
}

pub(super) const fn choices(name: &'static str, choices: Choices) -> Setting {
    Setting::new(name, Kind::Choices(choices))
}

pub(super) const fn text(name: &'static str, default: &'static str) -> Setting {
    checked(name, default, |_| Ok(()))
}

pub(super) const fn checked(
    name: &'static str,
    default: &'static str,
    check: fn(&[u8]) -> Result<(), Reason>,
) -> Setting {
    Setting::new(name, Kind::Text { default, check })
}

pub(super) const fn list(name: &'static str, default: &'static str, read: ReadList) -> Setting {
    Setting::new(name, Kind::List { default, read, repeat: Repeat::Replace })
}

pub(super) const fn repeated(name: &'static str, default: &'static str, read: ReadList) -> Setting {
    Setting::new(name, Kind::List { default, read, repeat: Repeat::Append })
}

//! What the typed calls of a [`Db`](super::Db) are told and tell.

use crate::time::UnixMillis;
use std::time::Duration;

/// When [`Db::set`](super::Db::set) writes, and how long the value lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SetOptions {
    /// On which condition the value is written.
    pub condition: SetCondition,
    /// How long it lives.
    pub expiry: SetExpiry,
}

impl SetOptions {
    /// Writes only a key that does not exist.
    pub fn if_absent() -> SetOptions {
        SetOptions { condition: SetCondition::IfAbsent, ..SetOptions::default() }
    }

    /// Writes only a key that exists.
    pub fn if_present() -> SetOptions {
        SetOptions { condition: SetCondition::IfPresent, ..SetOptions::default() }
    }

    /// Lets the value live so long, in whole milliseconds.
    pub fn expires_in(self, time: Duration) -> SetOptions {
        SetOptions { expiry: SetExpiry::In(time), ..self }
    }

    /// Lets the value live until then.
    pub fn expires_at(self, time: UnixMillis) -> SetOptions {
        SetOptions { expiry: SetExpiry::At(time), ..self }
    }

    /// Lets the value live as long as the one it replaces.
    pub fn keeps_expiry(self) -> SetOptions {
        SetOptions { expiry: SetExpiry::Keep, ..self }
    }

    /// The options as SET takes them.
    pub(super) fn words(&self) -> Vec<Vec<u8>> {
        let condition = match self.condition {
            SetCondition::Always => None,
            SetCondition::IfAbsent => Some("NX"),
            SetCondition::IfPresent => Some("XX"),
        };
        let (expiry, time) = match self.expiry {
            SetExpiry::Never => (None, None),
            SetExpiry::Keep => (Some("KEEPTTL"), None),
            SetExpiry::In(time) => (Some("PX"), Some(time.as_millis().to_string())),
            SetExpiry::At(UnixMillis(at)) => (Some("PXAT"), Some(at.to_string())),
        };
        let words = condition.into_iter().chain(expiry).map(str::to_owned).chain(time);
        words.map(String::into_bytes).collect()
    }
}

/// On which condition a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SetCondition {
    /// On none.
    #[default]
    Always,
    /// The key does not exist.
    IfAbsent,
    /// The key exists.
    IfPresent,
}

/// How long a written value lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SetExpiry {
    /// For ever.
    #[default]
    Never,
    /// As long as the value it replaces.
    Keep,
    /// So long, in whole milliseconds; less than one is an error.
    In(Duration),
    /// Until then.
    At(UnixMillis),
}

/// How long a key is going to live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeToLive {
    /// There is no such key.
    NoKey,
    /// For ever.
    Unlimited,
    /// So long.
    Left(Duration),
}

//! The load that runs: how far it is, for INFO.

use super::Persistence;
use crate::server::now;
use spinel_storage::UnixMillis;
use spinel_storage::engine::Loaded;

/// A load that runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Loading {
    pub(crate) since: UnixMillis,
    /// Whether another data set is served meanwhile.
    pub(crate) is_beside: bool,
    /// Bytes of all files, and of those how many were read.
    pub(crate) total_bytes: u64,
    pub(crate) bytes: u64,
    /// How much memory the data set took when the snapshot was made, as the file says.
    pub(crate) used_bytes: u64,
}

impl Loading {
    fn new(since: UnixMillis) -> Loading {
        Loading { since, is_beside: false, total_bytes: 0, bytes: 0, used_bytes: 0 }
    }

    /// How much of the files was read, in hundredths.
    pub(crate) fn percent(&self) -> f64 {
        self.bytes.min(self.total_bytes) as f64 * 100.0 / self.total_bytes.max(1) as f64
    }

    /// How many seconds the rest takes if it goes on as before; 1 while nothing was read.
    pub(crate) fn rest_seconds(&self, now: UnixMillis) -> i64 {
        let elapsed = (now.0 - self.since.0).max(0) / 1000;
        let rest = self.total_bytes.saturating_sub(self.bytes);
        match self.bytes {
            0 => 1,
            bytes => (elapsed as f64 * rest as f64 / bytes as f64) as i64,
        }
    }
}

impl Persistence {
    /// The load that runs, if it leaves nothing to be served.
    pub(crate) fn loading(&self) -> Option<Loading> {
        self.any_loading().filter(|loading| !loading.is_beside)
    }

    /// The load that runs, beside a data set that is served or not.
    pub(crate) fn any_loading(&self) -> Option<Loading> {
        self.state().loading
    }

    /// Notes that a load begins.
    pub(crate) fn begin_loading(&self) {
        self.note_begin(Loading::new(now()));
    }

    /// Notes that a load begins beside a data set that is served.
    pub(super) fn begin_loading_beside(&self) {
        self.note_begin(Loading { is_beside: true, ..Loading::new(now()) });
    }

    fn note_begin(&self, loading: Loading) {
        let mut state = self.state();
        state.loading = Some(loading);
        state.loaded = Loaded::default();
    }

    /// Notes what a file says about itself.
    pub(super) fn note_field(&self, name: &[u8], text: &[u8]) {
        if name == b"used-mem" {
            let bytes = spinel_resp::parse_integer(text).and_then(|bytes| u64::try_from(bytes).ok());
            self.note_loading(|loading| loading.used_bytes = bytes.unwrap_or(0));
        }
    }

    /// Notes what the load that runs has come to.
    pub(super) fn note_loading(&self, note: impl FnOnce(&mut Loading)) {
        self.state().loading.as_mut().map(note).unwrap_or_default();
    }

    /// Notes which keys were loaded so far.
    pub(super) fn note_loaded(&self, loaded: Loaded) {
        self.state().loaded = loaded;
    }

    /// Notes that the load has ended.
    pub(super) fn end_loading(&self) {
        self.state().loading = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_it_took_so_far() {
        let begun = Loading::new(UnixMillis(1000));
        assert_eq!((begun.percent(), begun.rest_seconds(UnixMillis(9000))), (0.0, 1));
        let half = Loading { total_bytes: 400, bytes: 100, ..begun };
        assert_eq!((half.percent(), half.rest_seconds(UnixMillis(5999))), (25.0, 12));
        let grown = Loading { bytes: 500, ..half };
        assert_eq!((grown.percent(), grown.rest_seconds(UnixMillis(5000))), (100.0, 0));
    }
}

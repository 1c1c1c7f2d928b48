//! The data set on disk: snapshot files, the log of writes, and what is loaded from both.
//!
//! ```text
//! commands ─→ journal ─→ keeper: append, sync ─→ durable ─→ who waits goes on
//!                            ↑ orders: cut, finish, stop
//! snapshot ─→ walkers: encode ─→ file: write, sync, rename
//! ```
//!
//! The keeper works on the thread `log`, or on a thread that would only wait for it. No command touches files. Who wants to
//! know that something is on disk waits for it; one sync serves all who wait. Which files are written when is for others to say, and so is the time.

mod archive;
mod error;
mod file;
mod follow;
mod keeper;
mod log;
mod mailbox;
mod replay;
mod rewrite;
mod walk;

pub use error::{OpenError, SaveError};
pub use file::{FileOptions, Purpose, SnapshotFormat, make_directory, save, stream, without_keys};
pub use follow::{Deviation, FollowHost, Follower};
pub use log::{Log, LogEvent, LogListener, LogPlace, Sizes};
pub use replay::{HostReplay, ReplayHost, load_file, read_log};
pub use rewrite::{Following, LogRewrite, backup};
pub use spinel_persistence::log::{
    CommitError, LockError, LogNames, OpenError as LogError, ReadError, ReadOptions, TailCut, WriteError,
};
pub use spinel_persistence::vfs::{RealVfs, Vfs};

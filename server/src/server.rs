//! Starting and stopping: the engine, the listeners, the worker threads.

use crate::commands::{self, HostHandler};
use crate::worker::{self, WorkerHandle};
use spinel_storage::command::table::{CommandId, CommandTable};
use spinel_storage::{Engine, EngineOptions, UnixMillis};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a server starts with.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where to listen.
    pub address: SocketAddr,
    /// How many worker threads to run.
    pub workers: usize,
}

/// What all threads of a server share.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    /// The handler of each host command, by the command's index.
    pub(crate) host_handlers: Vec<Option<HostHandler>>,
}

impl Shared {
    pub(crate) fn host_handler(&self, id: CommandId) -> Option<HostHandler> {
        self.host_handlers[id.index()]
    }
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
    workers: Vec<WorkerHandle>,
}

impl Server {
    /// Opens the listener and starts the workers.
    pub fn start(options: &ServerOptions) -> io::Result<Server> {
        let listener = TcpListener::bind(options.address)?;
        let rows: Vec<_> =
            spinel_storage::commands::all().chain(commands::all().map(|(command, _)| command)).collect();
        let table = CommandTable::new(&rows);
        let mut host_handlers = vec![None; table.len()];
        for (command, handler) in commands::all() {
            let id = table.by_full_name(command.name.as_bytes()).expect("the table has all rows");
            host_handlers[id.index()] = Some(*handler);
        }
        let engine =
            Engine::new(&EngineOptions { databases: 16, seed: (random_word(), random_word()) }, table);
        let shared = Arc::new(Shared { engine: Arc::new(engine), host_handlers });
        let workers = (0..options.workers.max(1))
            .map(|number| worker::start(number, &shared))
            .collect::<io::Result<_>>()?;
        Ok(Server { listener, shared, workers })
    }

    /// Where the server listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts connections until the process ends.
    pub fn run(&self) -> io::Result<()> {
        let engine = Arc::clone(&self.shared.engine);
        std::thread::Builder::new().name("upkeep".to_owned()).spawn(move || upkeep(&engine))?;
        loop {
            let (stream, _) = self.listener.accept()?;
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let least_loaded = self.workers.iter().min_by_key(|worker| worker.connections());
            least_loaded.expect("there is at least one worker").adopt(stream);
        }
    }
}

/// Removes expired keys: at once again while there is much to do, else ten times a second.
fn upkeep(engine: &Engine) {
    const KEYS_PER_ROUND: usize = 20_000;
    loop {
        let removed = engine.expire_round(now(), KEYS_PER_ROUND);
        if removed < KEYS_PER_ROUND {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The wall clock.
pub(crate) fn now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// A random word from the standard library's hash seeds, which come from the operating system.
pub(crate) fn random_word() -> u64 {
    RandomState::new().build_hasher().finish()
}

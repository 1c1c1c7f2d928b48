//! Starting and stopping: the engine, the listeners, the worker threads.

use crate::acceptor::{Acceptor, Place, Security};
use crate::acl::{Acl, Doorkeeper};
use crate::allocator;
use crate::attention::Attention;
use crate::audit::Audit;
use crate::cache::{self, Cache, DiskThread};
use crate::clients::{self, Clients};
use crate::command_log::{self, CommandLog};
use crate::commands::Handler;
use crate::config::{Config, table};
use crate::expiry::ExpiryEffort;
use crate::files;
use crate::hotkeys::HotKeys;
use crate::http;
use crate::latency::Latency;
use crate::listen;
use crate::log;
use crate::memory_limit::{self, MemoryLimit};
use crate::monitors::Monitors;
use crate::observation;
use crate::orders::{Order, Orders};
use crate::persistence::{self, Conversion, Persistence, Saver};
use crate::pubsub::{PubSub, notifications};
use crate::quorum;
use crate::quotas::{self, Quotas};
use crate::replication::{LinkThread, Replication, Upstream};
use crate::residence::Residence;
use crate::scripts::Scripts;
use crate::statistics::{Rates, Statistics, Sums};
use crate::supervision::Supervisor;
use crate::survey::LastSurvey;
use crate::telemetry::Telemetry;
use crate::tls::Tls;
use crate::tokens::Tokens;
use crate::upkeep::Upkeep;
use crate::worker::{self, WorkerHandle};
use crate::{encodings, eviction};
use spinel_persistence::log::Until;
use spinel_storage::command::table::{CommandId, CommandTable};
use spinel_storage::engine::counters::Counter;
use spinel_storage::engine::{Audience, Closed};
use spinel_storage::system::{SystemClock, random_word};
use spinel_storage::{Clock, Engine, EngineOptions, UnixMillis};
use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::future::{Future, pending};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// How long a stop waits for batches that are still running.
const FAREWELL: Duration = Duration::from_secs(5);

/// What all threads of a server share.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) config: Config,
    /// What any thread can ask of the acceptor.
    pub(crate) orders: Orders,
    /// Connections turned away because there were too many.
    pub(crate) rejected_connections: AtomicU64,
    /// Who may do what.
    pub(crate) acl: Arc<Acl>,
    /// Who is connected.
    pub(crate) clients: Clients,
    /// What each worker counted.
    pub(crate) statistics: Vec<Arc<Statistics>>,
    pub(crate) rates: Rates,
    /// Which commands are noted.
    pub(crate) attention: Arc<Attention>,
    pub(crate) command_log: CommandLog,
    /// Which keys are used most.
    pub(crate) hot_keys: HotKeys,
    /// What took long.
    pub(crate) latency: Arc<Latency>,
    pub(crate) expiry: ExpiryEffort,
    /// Whether the upkeep thread rests until it is told otherwise.
    pub(crate) is_upkeep_paused: AtomicBool,
    /// Whether scripts may call commands that are not for them (`DEBUG SET-DISABLE-DENY-SCRIPTS`).
    pub(crate) are_scripts_trusted: AtomicBool,
    pub(crate) audit: Audit,
    /// Who is shown all commands.
    pub(crate) monitors: Monitors,
    /// When the server started.
    pub(crate) started: UnixMillis,
    /// A name of this run of the server, 40 hexadecimal digits.
    pub(crate) run_id: String,
    /// The most memory in use so far.
    pub(crate) peak_bytes: AtomicU64,
    /// How large keys were when they were looked at last.
    pub(crate) survey: LastSurvey,
    pub(crate) memory_limit: MemoryLimit,
    /// What databases may have, and how often users and they have wanted more.
    pub(crate) quotas: Quotas,
    /// What is done for no more to be resident than has to be.
    pub(crate) residence: Residence,
    /// Who listens to what.
    pub(crate) pubsub: Arc<PubSub>,
    /// On what terms connections are encrypted.
    pub(crate) tls: Tls,
    /// By which tokens clients are let in.
    pub(crate) tokens: Tokens,
    /// Scripts and functions.
    pub(crate) scripts: Scripts,
    /// What is on disk.
    pub(crate) persistence: Persistence,
    pub(crate) replication: Replication,
    /// Whom it copies.
    pub(crate) upstream: Upstream,
    /// What collectors are told.
    pub(crate) telemetry: Telemetry,
    /// What the HTTP cache needs beside the keyspace.
    pub(crate) cache: Cache,
    /// The handler of each host command, by the command's index.
    pub(crate) host_handlers: Vec<Option<Handler>>,
}

impl Shared {
    /// How large a word of a request may be.
    #[inline]
    pub(crate) fn bulk_bytes_max(&self) -> usize {
        self.config.number(table::PROTO_MAX_BULK_LEN) as usize
    }

    /// A count of all workers together.
    pub(crate) fn sum(&self, of: impl Fn(&Statistics) -> &Counter) -> u64 {
        self.statistics.iter().map(|statistics| of(statistics).value()).sum()
    }

    /// What rates are made of.
    pub(crate) fn sums(&self) -> Sums {
        Sums {
            commands: self.sum(|statistics| &statistics.calls),
            input_bytes: self.sum(|statistics| &statistics.input_bytes),
            output_bytes: self.sum(|statistics| &statistics.output_bytes),
            primary_bytes: self.sum(|statistics| &statistics.primary_bytes),
            replica_bytes: self.sum(|statistics| &statistics.replica_bytes),
        }
    }

    /// Where the thread counts that copies a primary.
    pub(crate) fn link_statistics(&self) -> &Arc<Statistics> {
        self.statistics.last().expect("the last of those who count is the link")
    }

    pub(crate) fn host_handler(&self, id: CommandId) -> Option<Handler> {
        self.host_handlers[id.index()]
    }

    /// Starts counting again, for CONFIG RESETSTAT.
    pub(crate) fn reset_statistics(&self) {
        self.engine.reset_counters();
        self.statistics.iter().for_each(|statistics| statistics.reset());
        self.rejected_connections.store(0, Ordering::Relaxed);
        self.clients.over_output_limit.store(0, Ordering::Relaxed);
        self.clients.room.evicted.store(0, Ordering::Relaxed);
        self.expiry.reset();
        self.replication.reset_counts();
        cache::reset_disk(&self.engine);
    }
}

/// Why a server can't start; what to do about it is in the log.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// An address or the Unix socket is taken or can't be used.
    Listen(String),
    /// HTTP is to be served beyond this machine, and nobody needs a password.
    HttpWithoutPassword,
    /// Encrypted connections are asked for, and a certificate, a key or something else about them is no good.
    Tls,
    /// The file of the audit log can't be written.
    Audit(String),
    /// A file with keys of tokens can't be used.
    Tokens(String),
    /// The folder for bodies of the HTTP cache can't be used.
    Disk(String),
    /// The settings name nothing to listen on.
    NowhereToListen,
    /// What is on disk can't be read.
    Load(String),
    /// A user that the settings or the file of users declare is none.
    Users(String),
    /// Threads or files can't be had.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen(what) => write!(f, "Failed listening on {what}, aborting."),
            StartError::HttpWithoutPassword => f.write_str(
                "http-bind names an address that other machines reach, and the default user has no password: set \
                 requirepass, or switch the default user off, aborting.",
            ),
            StartError::Tls => f.write_str("Failed to configure TLS. Check logs for more info."),
            StartError::Audit(reason) => write!(f, "The audit log can't be written: {reason}, aborting."),
            StartError::Tokens(reason) => write!(f, "The keys of tokens can't be used: {reason}, aborting."),
            StartError::Disk(reason) => write!(f, "The folder cache-disk-dir can't be used: {reason}, aborting."),
            StartError::NowhereToListen => f.write_str("Configured to not listen anywhere, exiting."),
            StartError::Load(reason) | StartError::Users(reason) => f.write_str(reason),
            StartError::System(error) => write!(f, "Can't start: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> StartError {
        StartError::System(error)
    }
}

/// A server that listens.
pub struct Server {
    shared: Arc<Shared>,
    /// The keyspace, which nobody may use before it is loaded.
    closed: Closed,
    tcp: Vec<TcpListener>,
    tls: Vec<TcpListener>,
    unix: Option<UnixListener>,
    cache: Vec<TcpListener>,
    workers: Vec<WorkerHandle>,
    /// Ends serving HTTP when it is dropped.
    http: Option<http::Handle>,
    /// Tells when the last worker has ended.
    all_gone: Receiver<Infallible>,
    orders: UnboundedReceiver<Order>,
}

impl Server {
    /// Opens the listeners and starts the workers.
    pub fn start(config: Config) -> Result<Server, StartError> {
        files::make_room_at_start(&config);
        let (tcp, tls, unix) = listeners(&config)?;
        let (shared, orders) = share(config)?;
        shared.tls.apply(&shared.config).map_err(|_| StartError::Tls)?;
        shared.tokens.apply(&shared.config).map_err(|reason| StartError::Tokens(reason.into_owned()))?;
        shared.audit.apply(&shared.config).map_err(|reason| StartError::Audit(reason.into_owned()))?;
        let closed = shared.engine.close();
        shared.persistence.begin_loading();
        let http = http::listeners(&shared)?;
        let cache = shared.cache.open(&shared.config)?;
        let (alive, all_gone) = channel();
        let threads = worker_count(&shared.config);
        let workers = (0..threads)
            .map(|number| worker::start(number, &shared, alive.clone()))
            .collect::<io::Result<_>>()?;
        let http = http::start(http, threads, &shared, alive)?;
        Ok(Server { shared, closed, tcp, tls, unix, cache, workers, http, all_gone, orders })
    }

    /// Converts a data set without serving anybody, and says what was done.
    pub(crate) fn convert(config: Config, conversion: &Conversion) -> Result<String, String> {
        let (shared, _) = share(config).map_err(|error| format!("Can't start: {error}"))?;
        persistence::convert(&shared, conversion)
    }

    /// Makes the append-only log what it was once, without serving anybody.
    pub fn restore(config: Config, until: Until) -> Result<(), StartError> {
        let (shared, _) = share(config)?;
        persistence::restore(&shared, until).map_err(StartError::Load)
    }

    /// Where the server listens for TCP connections.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.tcp.iter().map(TcpListener::local_addr).collect()
    }

    /// Loads what is on disk, then serves until a signal or a command ends it. Who comes while it is loading is told so.
    pub fn run(self) -> Result<(), StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let kinds =
            [(!self.tcp.is_empty(), "tcp"), (!self.tls.is_empty(), "tls"), (self.unix.is_some(), "unix")];
        let shared = Arc::clone(&self.shared);
        let supervisor = Supervisor::of(&shared.config);
        supervisor.tell_loading();
        // What is loaded may have bodies for files.
        let disk = DiskThread::start(&shared)?;
        let loaded = load(&shared, self.closed)?;
        let mut orders = self.orders;
        let (mut saver, mut upkeep, mut link) = (None, None, None);
        let served = LocalSet::new().block_on(&runtime, async {
            let tcp = (self.tcp, self.tls);
            let mut acceptor = Acceptor::start(self.shared, self.workers, tcp, self.unix, self.cache)?;
            let Some(loaded) = acceptor.run(&mut orders, loaded).await? else { return Ok(()) };
            loaded.map_err(StartError::Load)?;
            command_log::restore(&shared);
            saver = Some(Saver::start(&shared)?);
            persistence::begin_log(&shared);
            upkeep = Some(Upkeep::start(&shared)?);
            link = Some(LinkThread::start(&shared)?);
            for (_, kind) in kinds.into_iter().filter(|(has, _)| *has) {
                log::notice!("Ready to accept connections {kind}");
            }
            supervisor.tell_ready();
            acceptor.run(&mut orders, pending::<Infallible>()).await?;
            Ok(())
        });
        supervisor.tell_stopping();
        // The acceptor is gone, and with it what keeps the workers waiting for connections.
        drop(runtime);
        drop(self.http);
        // A script that never ends would keep everybody waiting.
        shared.scripts.kill();
        // A load that is not over keeps both, and is not waited for: it changes no file.
        if shared.persistence.any_loading().is_none() {
            link.into_iter().for_each(LinkThread::stop);
            upkeep.into_iter().for_each(Upkeep::stop);
            saver.into_iter().for_each(Saver::stop);
        }
        let has_ended =
            self.all_gone.recv_timeout(FAREWELL) != Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if !has_ended {
            log::warning!("Some commands are still running; not waiting for them any longer.");
        }
        // What is in memory is about to go, and its files are to stay.
        disk.into_iter().for_each(DiskThread::stop);
        command_log::keep(&shared);
        shared.audit.finish();
        shared.telemetry.stop();
        // What still runs may write, and nobody knows what of that goes to the log.
        let place = shared.replication.place_at_end(&shared).filter(|_| has_ended);
        persistence::stop(&shared.persistence.log, place);
        clean_up(&shared.config);
        served
    }
}

/// Loads what is on disk on a thread of its own, and tells how that went. If the server ends before, the process does not
/// wait for it: what is read is not changed.
fn load(
    shared: &Arc<Shared>,
    closed: Closed,
) -> io::Result<impl Future<Output = Result<(), String>> + use<>> {
    let (sender, loaded) = oneshot::channel();
    let shared = Arc::clone(shared);
    thread::Builder::new().name("load".to_owned()).spawn(move || {
        // Nobody receives it only when the server ends.
        let _ = sender.send(persistence::load(&shared, closed));
    })?;
    // A panic of the thread was reported when it happened.
    Ok(async { loaded.await.unwrap_or_else(|_| Err("The data set could not be loaded.".to_owned())) })
}

/// Makes what all threads of a server share, with an empty data set.
fn share(config: Config) -> Result<(Arc<Shared>, UnboundedReceiver<Order>), StartError> {
    let (engine, host_handlers) = engine(&config);
    cache::open_disk(&config, &engine).map_err(StartError::Disk)?;
    eviction::apply(&config, &engine);
    encodings::apply(&config, &engine);
    persistence::apply_delays(&config, &engine);
    let (orders, received_orders) = Orders::new();
    // Whoever serves HTTP counts as a worker does, and whoever copies a primary is the last.
    let counting = worker_count(&config) + usize::from(config.number(table::HTTP_PORT) != 0) + 1;
    let statistics = (0..counting).map(|_| Arc::new(Statistics::new(engine.table()))).collect();
    let acl = Arc::new(Acl::new(&config, engine.table()).map_err(StartError::Users)?);
    let (engine, started, latency) = (Arc::new(engine), now(), Arc::<Latency>::default());
    let run_id = random_name();
    let attention = Arc::<Attention>::default();
    let shared = Arc::new(Shared {
        acl,
        clients: Clients::default(),
        statistics,
        rates: Rates::default(),
        attention: Arc::clone(&attention),
        command_log: CommandLog::default(),
        hot_keys: HotKeys::default(),
        audit: Audit::default(),
        monitors: Monitors::default(),
        started,
        persistence: Persistence::new(&engine, &config, started, &latency),
        replication: Replication::new(&engine, &config, &attention),
        upstream: Upstream::new(&config, &attention),
        latency,
        expiry: ExpiryEffort::default(),
        is_upkeep_paused: AtomicBool::new(false),
        are_scripts_trusted: AtomicBool::new(false),
        cache: Cache::new(&config, &run_id),
        run_id,
        peak_bytes: AtomicU64::new(0),
        survey: LastSurvey::default(),
        memory_limit: MemoryLimit::default(),
        quotas: Quotas::new(databases(&config)),
        residence: Residence::new(),
        pubsub: Arc::default(),
        tls: Tls::default(),
        tokens: Tokens::default(),
        scripts: Scripts::new(),
        telemetry: Telemetry::from_environment(),
        engine,
        config,
        orders,
        rejected_connections: AtomicU64::new(0),
        host_handlers,
    });
    shared.engine.keyspace().set_copy(shared.upstream.is_replica());
    clients::apply_hard_limits(&shared.config, &shared.pubsub.limits);
    shared.pubsub.tracking.apply(&shared.config);
    shared.latency.apply(&shared.config);
    observation::apply(&shared.config, &shared.attention);
    shared.engine.set_audience(Arc::clone(&shared.pubsub) as Arc<dyn Audience>);
    let doorkeeper = Doorkeeper::new(&shared);
    shared.engine.set_doorkeeper(Arc::new(doorkeeper));
    shared.cache.refresh_for(&shared.engine);
    notifications::apply(&shared.config, &shared.engine, &shared.pubsub);
    memory_limit::apply(&shared);
    quotas::begin(&shared);
    quorum::begin(&shared);
    clients::room::apply(&shared);
    shared.replication.apply(&shared.config);
    // Loading is what needs memory fastest.
    allocator::start()?;
    Ok((shared, received_orders))
}

/// How many threads serve connections of the Redis protocol.
fn worker_count(config: &Config) -> usize {
    config.number(table::IO_THREADS) as usize
}

/// Removes what only a running server has.
fn clean_up(config: &Config) {
    if let Some(path) = config.path(table::PIDFILE) {
        log::notice!("Removing the pid file.");
        // It may have been removed or never written.
        let _ = fs::remove_file(path);
    }
    if let Some(path) = config.path(table::UNIXSOCKET) {
        log::notice!("Removing the unix socket file.");
        // As above.
        let _ = fs::remove_file(path);
    }
}

/// Listeners for plain and for encrypted connections, and for those of this machine.
type Listeners = (Vec<TcpListener>, Vec<TcpListener>, Option<UnixListener>);

fn listeners(config: &Config) -> Result<Listeners, StartError> {
    let backlog = config.number(table::TCP_BACKLOG) as i32;
    let place = Place::of(config);
    let open = |security: Security, kind: &str| {
        let failed = |_| StartError::Listen(format!("port {} ({kind})", place.port(security)));
        place.open(security, backlog).map_err(failed)
    };
    let (tcp, tls) = (open(Security::Plain, "tcp")?, open(Security::Tls, "tls")?);
    let mode = config.number(table::UNIXSOCKETPERM) as u32;
    let unix = match config.path(table::UNIXSOCKET) {
        Some(path) => Some(listen::unix(&path, mode, backlog).map_err(|error| {
            log::warning!("Failed opening Unix socket: bind: {error}");
            StartError::Listen(format!("{} (unix)", path.display()))
        })?),
        None => None,
    };
    if tcp.is_empty() && tls.is_empty() && unix.is_none() {
        return Err(StartError::NowhereToListen);
    }
    Ok((tcp, tls, unix))
}

/// An engine that knows all commands, with the handlers of those that are the host's.
fn engine(config: &Config) -> (Engine, Vec<Option<Handler>>) {
    let entries = config.roster().entries();
    let table = CommandTable::new(entries.iter().map(|(command, _)| command));
    // The table numbers its rows in the order it gets them.
    let host_handlers = entries.iter().map(|(_, handler)| *handler).collect();
    let engine = Engine::new(
        &EngineOptions { databases: databases(config), seed: (random_word(), random_word()) },
        table,
    );
    (engine, host_handlers)
}

/// How many databases there are.
pub(crate) fn databases(config: &Config) -> u16 {
    config.number(table::DATABASES).clamp(1, i64::from(u16::MAX)) as u16
}

/// The wall clock.
pub(crate) fn now() -> UnixMillis {
    SystemClock.now()
}

/// 40 hexadecimal digits by chance.
fn random_name() -> String {
    format!("{:016x}{:016x}{:08x}", random_word(), random_word(), random_word() as u32)
}

//! Making settings that were changed take effect, all or none.

use crate::acceptor::Place;
use crate::config::change::{Change, Refusal};
use crate::config::failure::plain;
use crate::config::table::{self, Key};
use crate::config::value::Reason;
use crate::config::value::Value;
use crate::pubsub::notifications;
use crate::server::Shared;
use crate::{
    audit, cache, clients, encodings, eviction, files, log, memory_limit, observation, persistence, quorum,
    quotas, tls, tokens,
};

/// Stores changes and lets them take effect. If one can't, all settings are again as they were.
pub(crate) fn settle(shared: &Shared, changes: &[Change]) -> Result<(), Refusal> {
    let store = |changes: &[Change], value: fn(&Change) -> &Value| {
        for change in changes {
            shared.config.store(change.key, value(change));
        }
    };
    store(changes, |change| &change.after);
    for (place, change) in changes.iter().enumerate() {
        let is_read_again = tls::concerns(change.key) || tokens::concerns(change.key);
        if change.before == change.after && !is_read_again {
            continue;
        }
        if let Err(reason) = take_effect(shared, changes, change) {
            store(changes, |change| &change.before);
            for earlier in changes[..place].iter().rev() {
                // It worked a moment ago, with these values.
                let _ = take_effect(shared, changes, earlier);
            }
            return Err(Refusal::Because(change.called.clone(), reason));
        }
    }
    Ok(())
}

/// What a new value asks for besides being read. Ports and addresses move together.
fn take_effect(shared: &Shared, changes: &[Change], change: &Change) -> Result<(), Reason> {
    let config = &shared.config;
    match change.key {
        table::LOGLEVEL | table::LOG_LEVELS | table::LOG_FORMAT => log::apply(config),
        table::MAXMEMORY_POLICY | table::LFU_LOG_FACTOR | table::LFU_DECAY_TIME => {
            eviction::apply(config, &shared.engine);
            memory_limit::measure(shared);
        }
        _ if is_first(change, changes, tokens::concerns) => shared.tokens.apply(config)?,
        _ if is_first(change, changes, audit::concerns) => shared.audit.apply(config)?,
        _ if is_first(change, changes, quotas::concerns) => quotas::apply(shared)?,
        _ if is_first(change, changes, quorum::concerns) => quorum::apply(shared)?,
        table::REPLICA_READ_ONLY | table::REPLICA_SERVE_STALE_DATA => shared.upstream.apply(config),
        table::POISONED_PRIMARIES => shared.upstream.look(),
        table::REQUIREPASS => shared.acl.set_default_password(&config.requirepass()),
        table::NOTIFY_KEYSPACE_EVENTS => notifications::apply(config, &shared.engine, &shared.pubsub),
        table::CLIENT_OUTPUT_BUFFER_LIMIT => clients::apply_hard_limits(config, &shared.pubsub.limits),
        table::TRACKING_TABLE_MAX_KEYS => shared.pubsub.tracking.apply(config),
        table::LATENCY_MONITOR_THRESHOLD => {
            shared.latency.apply(config);
            observation::apply(config, &shared.attention);
        }
        key if observation::concerns(key) => observation::apply(config, &shared.attention),
        key if encodings::concerns(key) => encodings::apply(config, &shared.engine),
        table::MAXMEMORY => {
            memory_limit::apply(shared);
            clients::room::apply(shared);
        }
        table::MAXMEMORY_CLIENTS => clients::room::apply(shared),
        table::KEY_LOAD_DELAY | table::RDB_KEY_SAVE_DELAY => {
            persistence::apply_delays(config, &shared.engine);
        }
        table::CACHE_DISK_MAX => cache::apply_disk(config, &shared.engine),
        table::REPL_BACKLOG_SIZE | table::MIN_REPLICAS_TO_WRITE | table::MIN_REPLICAS_MAX_LAG => {
            shared.replication.apply(config);
        }
        table::APPENDONLY => shared.persistence.switch_log(config),
        table::APPENDFSYNC | table::AOF_TIMESTAMP_ENABLED => {
            shared.persistence.apply_to_log(config);
        }
        table::DIR => {
            let folder = config.path(table::DIR).expect("there always is a folder");
            std::env::set_current_dir(folder).map_err(|error| plain(&error))?;
        }
        table::PORT
            if changes.iter().any(|other| other.key == table::BIND && other.before != other.after) => {}
        table::PORT => listen(shared, "Unable to listen on this port. Check server logs.")?,
        table::BIND => listen(shared, "Failed to bind to specified addresses.")?,
        table::MAXCLIENTS => files::make_room(config.number(table::MAXCLIENTS)).map_err(|clients| {
            let text = "The operating system is not able to handle the specified number of clients, try with";
            format!("{text} {clients}")
        })?,
        table::TLS_PORT => {
            let terms = tls::Tls::prepare(config)?;
            listen(shared, "Unable to listen on this port. Check server logs.")?;
            shared.tls.replace(terms);
        }
        // They make the terms together, once.
        _ if is_first(change, changes, tls::concerns) => shared.tls.apply(config)?,
        _ => {}
    }
    Ok(())
}

/// Whether a change is the first of those that concern something.
fn is_first(change: &Change, changes: &[Change], concerns: fn(Key) -> bool) -> bool {
    changes.iter().find(|other| concerns(other.key)).is_some_and(|first| first.key == change.key)
}

fn listen(shared: &Shared, reason: &'static str) -> Result<(), Reason> {
    shared.orders.listen(Place::of(&shared.config)).map_err(|_| reason.into())
}

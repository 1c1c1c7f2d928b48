//! LATENCY: what took long, and how long calls take.

use super::{HostCall, HostRow};
use crate::latency::{self, Event};
use crate::server::now;
use crate::statistics::{self, Distribution};
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::help::reply_help;
use spinel_storage::command::table::CommandId;
use spinel_storage::command::{Command, Group, Run};

const ANYTIME: Flags = Flags::LOADING.with(Flags::STALE);
const ROW: Command = Command {
    group: Group::Server,
    flags: ANYTIME.with(Flags::ADMIN).with(Flags::NOSCRIPT),
    since: "2.8.13",
    ..Command::ROW
};
const SHOWN: &[&str] = &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "latency",
            run: Run::Container,
            flags: Flags::NONE,
            cost: "Depends on subcommand.",
            about: "Holds the subcommands about what takes long.",
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "latency|doctor",
            about: "Tells people what took long, and what might help.",
            tips: SHOWN,
            ..ROW
        },
        doctor,
    ),
    (
        Command {
            name: "latency|graph",
            usage: "event",
            about: "Draws how long an event took when it took long.",
            tips: SHOWN,
            ..ROW
        },
        graph,
    ),
    (Command { name: "latency|help", flags: ANYTIME, about: "Explains the subcommands.", ..ROW }, help),
    (
        Command {
            name: "latency|histogram",
            usage: "[command...]",
            since: "7.0.0",
            cost: "O(N) where N is the number of commands with latency information being retrieved.",
            about: "Tells how many calls of commands took how long.",
            tips: SHOWN,
            ..ROW
        },
        histogram,
    ),
    (
        Command {
            name: "latency|history",
            usage: "event",
            about: "Tells when an event took long, and how long.",
            tips: SHOWN,
            ..ROW
        },
        history,
    ),
    (
        Command {
            name: "latency|latest",
            about: "Tells of all events when they took long last.",
            tips: SHOWN,
            ..ROW
        },
        latest,
    ),
    (
        Command {
            name: "latency|reset",
            usage: "[event...]",
            about: "Forgets when events took long.",
            tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
            ..ROW
        },
        reset,
    ),
];

fn doctor(call: &mut HostCall<'_>) -> Result<(), Error> {
    let text = latency::diagnosis(call.shared);

    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn graph(call: &mut HostCall<'_>) -> Result<(), Error> {
    let name = call.args.word();
    let event = Event::by_name(name);
    let Some((event, history)) = event.and_then(|event| Some((event, call.shared.latency.history(event)?)))
    else {
        return Err(Error::quoting(&[b"ERR No samples available for event '", name, b"'"]));
    };

    let drawing = latency::graph(event, &history, now().0 / 1000);
    call.reply.verbatim("txt", drawing.as_bytes());
    Ok(())
}

fn history(call: &mut HostCall<'_>) -> Result<(), Error> {
    let event = Event::by_name(call.args.word());

    let Some(history) = event.and_then(|event| call.shared.latency.history(event)) else {
        call.reply.array(0);
        return Ok(());
    };
    call.reply.array(history.len());
    for sample in history.samples() {
        call.reply.array(2);
        call.reply.integer(sample.at_seconds);
        call.reply.integer(sample.took_ms as i64);
    }
    Ok(())
}

fn latest(call: &mut HostCall<'_>) -> Result<(), Error> {
    let events = call.shared.latency.all();

    call.reply.array(events.len());
    for (event, history) in events {
        let last = history.last();
        call.reply.array(4);
        call.reply.bulk(event.name().as_bytes());
        call.reply.integer(last.at_seconds);
        call.reply.integer(last.took_ms as i64);
        call.reply.integer(history.worst_ms() as i64);
    }
    Ok(())
}

fn reset(call: &mut HostCall<'_>) -> Result<(), Error> {
    let latency = &call.shared.latency;
    let forgotten = match call.args.rest() {
        [] => Event::ALL.into_iter().filter(|event| latency.forget(*event)).count(),
        names => {
            // Only here Redis takes names in any case.
            let events = names.iter().filter_map(|name| Event::by_any_name(name));
            events.filter(|event| latency.forget(*event)).count()
        }
    };

    call.reply.integer(forgotten as i64);
    Ok(())
}

fn histogram(call: &mut HostCall<'_>) -> Result<(), Error> {
    let table = call.shared.engine.table();
    let names = call.args.rest();
    let ids: Vec<CommandId> = match names {
        [] => statistics::shown(table).collect(),
        // Who names a container gets its subcommands.
        names => {
            let named = names.iter().filter_map(|name| table.by_full_name(name));
            named.flat_map(|id| [id].into_iter().chain(table.shown_subcommands(id))).collect()
        }
    };
    let called = ids.into_iter().filter_map(|id| {
        let calls = statistics::durations_of((&call.shared.statistics, table), id);
        (!calls.is_empty()).then_some((id, calls))
    });
    let called: Vec<(CommandId, Distribution)> = called.collect();

    call.reply.map(called.len());
    for (id, calls) in called {
        call.reply.bulk(table.row(id).command.name.as_bytes());
        call.reply.map(2);
        call.reply.bulk(b"calls");
        call.reply.integer(calls.total() as i64);
        call.reply.bulk(b"histogram_usec");
        let powers = calls.by_power();
        call.reply.map(powers.len());
        for (microseconds, seen) in powers {
            call.reply.integer(microseconds as i64);
            call.reply.integer(seen as i64);
        }
    }
    Ok(())
}

fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        ("DOCTOR", &["Return a human readable latency analysis report."]),
        ("GRAPH <event>", &["Return an ASCII latency graph for the <event> class."]),
        ("HISTORY <event>", &["Return time-latency samples for the <event> class."]),
        ("LATEST", &["Return the latest latency samples for all events."]),
        (
            "RESET [<event> ...]",
            &[
                "Reset latency data of one or more <event> classes.",
                "(default: reset all data for all event classes)",
            ],
        ),
        (
            "HISTOGRAM [COMMAND ...]",
            &[
                "Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
                "If no commands are specified then all histograms are replied.",
            ],
        ),
    ];
    reply_help(call.reply, "LATENCY", forms);
    Ok(())
}

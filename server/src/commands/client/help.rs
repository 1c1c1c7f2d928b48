//! CLIENT HELP.

use super::super::HostCall;
use spinel_storage::Error;
use spinel_storage::command::help::reply_help;

/// Each form with its explanation.
const FORMS: &[(&str, &[&str])] = &[
    (
        "CAPA <option> [options...]",
        &[
            "The client claims its some capability options. Options are:",
            "* REDIRECT",
            "  The client can handle redirection during primary and replica failover in standalone mode.",
        ],
    ),
    ("GETNAME", &["Return the name of the current connection."]),
    ("ID", &["Return the ID of the current connection."]),
    ("INFO", &["Return information about the current client connection."]),
    ("KILL <ip:port>", &["Kill connection made from <ip:port>."]),
    (
        "KILL <option> <value> [<option> <value> [...]]",
        &[
            "Kill connections. Options are:",
            "* SKIPME (YES|NO)",
            "  Skip killing current connection (default: yes).",
            "* The options of LIST",
        ],
    ),
    (
        "LIST [options ...]",
        &[
            "Return information about client connections. Options, each also as NOT-<option>:",
            "* ADDR, LADDR (<ip:port>|<unixsocket>:0)",
            "  Connections from or to this address.",
            "* IP <ip>",
            "  Connections from this host.",
            "* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
            "  Connections of this type.",
            "* USER <username>",
            "  Connections authenticated by <username>.",
            "* ID <client-id> [<client-id>...]",
            "  Connections by client id.",
            "* MAXAGE <seconds>, IDLE <seconds>",
            "  Connections that are at least so old, or idle for at least so long.",
            "* FLAGS <flags>, CAPA <capabilities>",
            "  Connections with all of these flags or capabilities.",
            "* NAME <name>, LIB-NAME <name>, LIB-VER <version>",
            "  Connections with this name, library name or library version.",
            "* DB <number>",
            "  Connections using this database.",
        ],
    ),
    ("UNPAUSE", &["Stop the current client pause, resuming traffic."]),
    ("PAUSE <timeout> [WRITE|ALL]", &["Suspend all, or just write, clients for <timeout> milliseconds."]),
    (
        "QUORUM [<replicas> [MEMORY|DISK]]",
        &[
            "Reply to writes of the current connection only when so many replicas have them, or tell",
            "how many must have them. Fewer than the server asks for are no less.",
        ],
    ),
    ("REPLY (ON|OFF|SKIP)", &["Control the replies sent to the current connection."]),
    ("SETNAME <name>", &["Assign the name <name> to the current connection."]),
    (
        "SETINFO <option> <value>",
        &[
            "Set client meta attr. Options are:",
            "* LIB-NAME: the client lib name.",
            "* LIB-VER: the client lib version.",
        ],
    ),
    ("UNBLOCK <clientid> [TIMEOUT|ERROR]", &["Unblock the specified blocked client."]),
    ("NO-EVICT (ON|OFF)", &["Protect current client connection from eviction."]),
    ("NO-TOUCH (ON|OFF)", &["Will not touch LRU/LFU stats when this mode is on."]),
];

pub(super) fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    reply_help(call.reply, "CLIENT", FORMS);
    Ok(())
}

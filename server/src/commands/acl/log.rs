//! ACL LOG.

use super::super::HostCall;
use super::wrong_words;
use crate::acl::Incident;
use crate::server::now;
use spinel_resp::ReplyWriter;
use spinel_storage::{Error, UnixMillis};

/// How many entries are returned if nobody says how many.
const COUNT: usize = 10;

pub(super) fn log(call: &mut HostCall<'_>) -> Result<(), Error> {
    let incidents = &call.shared.acl.incidents;
    let count = match call.args.rest() {
        [] => COUNT,
        [word] if word.eq_ignore_ascii_case(b"reset") => {
            incidents.clear();
            call.reply.ok();
            return Ok(());
        }
        [word] => {
            let count = spinel_resp::parse_integer(word).ok_or(Error::NotAnInteger)?;
            usize::try_from(count).unwrap_or(0)
        }
        _ => return Err(wrong_words(call)),
    };

    let latest = incidents.latest(count);

    let now = now();
    call.reply.array(latest.len());
    for incident in &latest {
        reply_incident(incident, now, call.reply);
    }
    Ok(())
}

fn reply_incident(incident: &Incident, now: UnixMillis, reply: &mut ReplyWriter) {
    reply.map(10);
    reply.bulk(b"count");
    reply.integer(incident.count as i64);
    for (name, value) in [
        (&b"reason"[..], incident.cause.name().as_bytes()),
        (b"context", incident.context.name().as_bytes()),
        (b"object", &incident.object),
        (b"username", &incident.user),
    ] {
        reply.bulk(name);
        reply.bulk(value);
    }
    reply.bulk(b"age-seconds");
    reply.double((now.0 - incident.updated.0) as f64 / 1000.0);
    reply.bulk(b"client-info");
    reply.bulk(&incident.client);
    for (name, value) in [
        (&b"entry-id"[..], incident.id as i64),
        (b"timestamp-created", incident.created.0),
        (b"timestamp-last-updated", incident.updated.0),
    ] {
        reply.bulk(name);
        reply.integer(value);
    }
}

//! Changes of the primary while clients write: nothing that was acknowledged may be lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::WRITERS;
use crate::Outcome;
use crate::random::Random;
use crate::resp::Connection;
use crate::server::Server;

/// How long clients write before the primary changes.
const BEFORE: Duration = Duration::from_millis(300);
/// How long servers may take until they are what they are to be.
const PATIENCE: Duration = Duration::from_secs(20);

/// Hands over again and again, from the first server to others by chance, and looks whether all is there each time.
pub(super) fn run(servers: &[&Server], names: &[&str], count: u64, random: &mut Random) -> Outcome {
    let (mut primary, mut keys) = (0, 0);
    for number in 1..=count {
        let heir = (primary + 1 + random.below(servers.len() - 1)) % servers.len();
        let (written, waited) = hand_over((servers[primary], servers[heir]), number)?;
        let mut connection = Connection::open(servers[heir].address())?;
        keys += written.iter().sum::<i64>();
        if connection.expect(&["DBSIZE"])?.integer() != Some(keys) {
            return Err(format!("failover {number}: {} does not hold {keys} keys", names[heir]).into());
        }
        for (writer, written) in written.iter().enumerate() {
            let last = format!("{number}:{writer}:{}", written - 1);
            if *written > 0 && connection.expect(&["EXISTS", &last])?.integer() != Some(1) {
                return Err(format!("failover {number}: {} has no {last}", names[heir]).into());
            }
        }
        for (place, server) in servers.iter().enumerate().filter(|(place, _)| *place != heir) {
            let mut replica = Connection::open(server.address())?;
            replica.expect(&["REPLICAOF", "127.0.0.1", &servers[heir].port().to_string()])?;
            await_line(&mut replica, "master_link_status:up", names[place])?;
        }
        await_same(servers, names)?;
        println!(
            "failover {number}: {} to {}, {} writes, all of them everywhere; the longest took {} ms",
            names[primary],
            names[heir],
            written.iter().sum::<i64>(),
            waited.as_millis()
        );
        primary = heir;
    }
    Ok(())
}

/// Lets clients write until the heir is the primary; how many writes of each were acknowledged, and how long one took at most.
fn hand_over((primary, heir): (&Server, &Server), number: u64) -> Outcome<(Vec<i64>, Duration)> {
    let has_failed = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (address, has_failed) = (primary.address(), &has_failed);
                scope.spawn(move || {
                    write(address, &format!("{number}:{writer}"), has_failed)
                        .map_err(|error| error.to_string())
                })
            })
            .collect();
        thread::sleep(BEFORE);
        let mut admin = Connection::open(primary.address())?;
        let port = heir.port().to_string();
        let asked = admin.expect(&["FAILOVER", "TO", "127.0.0.1", &port]).map_err(Into::into);
        let changed = asked.and_then(|_| await_line(&mut admin, "role:slave", "the old primary"));
        has_failed.store(changed.is_err(), Ordering::Relaxed);
        let (mut counts, mut longest) = (Vec::new(), Duration::ZERO);
        for writer in writers {
            let (count, waited) = writer.join().map_err(|_| "a writer panicked")??;
            counts.push(count);
            longest = longest.max(waited);
        }
        changed?;
        await_line(&mut Connection::open(heir.address())?, "role:master", "the heir")?;
        Ok((counts, longest))
    })
}

/// Writes a key after the other until the server is none to write to any more.
fn write(address: &str, name: &str, has_failed: &AtomicBool) -> Outcome<(i64, Duration)> {
    let mut connection = Connection::open(address)?;
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !has_failed.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let reply = connection.call(&["SET", &format!("{name}:{count}"), "1"])?;
        longest = longest.max(begun.elapsed());
        match reply.text() {
            text if text == "OK" => count += 1,
            text if text.starts_with("READONLY ") => return Ok((count, longest)),
            text => return Err(text.into()),
        }
    }
    Ok((count, longest))
}

/// Waits until INFO has a line.
fn await_line(connection: &mut Connection, line: &str, who: &str) -> Outcome {
    let begun = Instant::now();
    while !connection.expect(&["INFO", "replication"])?.text().lines().any(|told| told == line) {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{who}: no {line}").into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn await_same(servers: &[&Server], names: &[&str]) -> Outcome {
    let begun = Instant::now();
    loop {
        let digest =
            |server: &&Server| Ok(Connection::open(server.address())?.expect(&["DEBUG", "DIGEST"])?.text());
        let digests = servers.iter().map(digest).collect::<Outcome<Vec<String>>>()?;
        let Some(other) = digests.iter().position(|other| *other != digests[0]) else { return Ok(()) };
        if begun.elapsed() > PATIENCE {
            return Err(format!("{} holds something else than {}", names[other], names[0]).into());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

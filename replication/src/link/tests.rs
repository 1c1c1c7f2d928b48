//! Links against primaries that say what a test has them say.

use super::*;
use spinel_resp::encode_request;

const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const ACK_1000: &str = "send REPLCONF ACK 1000";

/// A link, the time, and what it has said.
struct Play {
    link: Link,
    now: u64,
}

fn words(commands: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in commands.split(", ") {
        encode_request(command.split(' '), &mut bytes);
    }
    bytes
}

fn position(id: &str, offset: u64) -> Position {
    Position { id: ReplicationId::parse(id.as_bytes()).unwrap(), offset }
}

/// Requests as words, and what is none as it is.
fn plain(mut bytes: &[u8]) -> String {
    let mut texts = Vec::new();
    let mut scanner = UnitScanner::default();
    while let Ok(Some(end)) = scanner.scan(bytes) {
        let unit = scanner.unit(&bytes[..end], 0);
        texts.extend(
            unit.commands()
                .map(|command| command.words().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")),
        );
        bytes = &bytes[end..];
    }
    if !bytes.is_empty() {
        texts.push(format!("{:?}", String::from_utf8_lossy(bytes)));
    }
    texts.join(", ")
}

fn describe(action: &Action<'_>) -> String {
    match action {
        Action::Connect => "connect".to_owned(),
        Action::Send(bytes) => format!("send {}", plain(bytes)),
        Action::Note(note) => format!("note {note}"),
        Action::Close(failure) => format!("close {failure}"),
        Action::SnapshotBegins { position, length } => {
            format!("snapshot {:?} {length:?}", position.map(|position| position.offset))
        }
        Action::Snapshot(bytes) => format!("bytes {}", String::from_utf8_lossy(bytes)),
        Action::SnapshotEnds => "load".to_owned(),
        Action::Continues { position } => format!("continue {} {}", position.id, position.offset),
        Action::Unit(unit) if unit.is_transaction() => format!("as one {}", unit.commands().count()),
        Action::Unit(unit) => format!("run {}", plain(unit.bytes())),
        Action::Filler(bytes) => format!("filler {}", plain(bytes)),
    }
}

impl Play {
    fn with(options: LinkOptions, position: Option<Position>) -> Play {
        let mut play = Play { link: Link::new(options, position, 1), now: 0 };
        play.connect();
        play
    }

    /// One that makes its replica the primary, up to where it has asked for that.
    fn handing_over() -> Play {
        let link = Link::hand_over(LinkOptions::default(), position(ID, 1000), 1);
        let mut play = Play { link, now: 0 };
        assert_eq!(play.link.handover(), Handover::Due);
        play.connect();
        assert_eq!(play.introduce(), format!("send PSYNC {ID} 1001 FAILOVER"));
        assert_eq!(play.link.handover(), Handover::Asked);
        play
    }

    fn connect(&mut self) {
        assert_eq!(self.actions(), ["connect"]);
        self.link.connected(self.now);
        assert_eq!(self.actions(), ["send PING"]);
    }

    /// Hears everything up to the reply to `PSYNC`, and returns what was said last.
    fn introduce(&mut self) -> String {
        self.hear("+PONG\r\n+OK\r\n+OK\r\n").pop().unwrap()
    }

    fn new() -> Play {
        Play::with(LinkOptions::default(), None)
    }

    /// One that has heard everything up to the reply to `PSYNC`.
    fn asked(position: Option<Position>) -> Play {
        let mut play = Play::with(LinkOptions::default(), position);
        play.hear("+PONG\r\n+OK\r\n+OK\r\n");
        play
    }

    /// One that follows a stream from offset 1000 on.
    fn following() -> Play {
        let mut play = Play::asked(Some(position(ID, 1000)));
        let actions = play.hear("+CONTINUE\r\n");
        assert_eq!(actions.last().unwrap(), ACK_1000);
        play
    }

    /// What is done now, without what was said in between.
    fn actions(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(action) = self.link.next(self.now) {
            all.push(describe(&action));
        }
        all
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.link.room();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            self.link.received(count, self.now);
            bytes = &bytes[count..];
        }
    }

    fn hear(&mut self, bytes: impl AsRef<[u8]>) -> Vec<String> {
        self.take(bytes.as_ref());
        self.actions()
    }

    fn wait(&mut self, milliseconds: u64) -> Vec<String> {
        self.now += milliseconds;
        self.actions()
    }

    /// What it says when it closes after hearing this.
    fn failure(mut self, bytes: impl AsRef<[u8]>) -> String {
        let last = self.hear(bytes).pop().unwrap();
        assert_eq!(self.link.status(), LinkStatus::Connect);
        last.strip_prefix("close ").unwrap_or_else(|| panic!("{last}")).to_owned()
    }
}

#[test]
fn a_replica_introduces_itself_as_redis_does() {
    let mut play = Play::new();
    let said = "send REPLCONF listening-port 6379, REPLCONF capa eof capa psync2";
    let answered = "note Master replied to PING, replication can continue...";
    assert_eq!(play.hear("+PONG\r\n"), [answered, said]);
    assert_eq!(play.hear("+OK\r\n"), [""; 0]);
    let asked = "note Partial resynchronization not possible (no cached master)";
    assert_eq!(play.hear("+OK\r\n"), [asked, "send PSYNC ? -1"]);

    let options = LinkOptions {
        credentials: Some(Credentials { user: Some(b"joe".to_vec()), password: b"pw".to_vec() }),
        listening_port: 77,
        announced_address: Some("1.2.3.4".to_owned()),
        ..LinkOptions::default()
    };
    let mut play = Play::with(options, Some(position(ID, 1101)));
    let said = "send AUTH joe pw, REPLCONF listening-port 77, REPLCONF ip-address 1.2.3.4, \
                REPLCONF capa eof capa psync2";
    assert_eq!(play.hear("-NOAUTH Authentication required.\r\n"), [answered, said]);
    let refused = "note (Non critical) Master does not understand REPLCONF";
    let tries = format!("note Trying a partial resynchronization (request {ID}:1102).");
    assert_eq!(
        play.hear("+OK\r\n-ERR a\r\n-ERR b\r\n-ERR c\r\n"),
        [
            format!("{refused} listening-port: -ERR a"),
            format!("{refused} ip-address: -ERR b"),
            format!("{refused} capa: -ERR c"),
            tries,
            format!("send PSYNC {ID} 1102"),
        ]
    );
}

#[test]
fn primaries_that_refuse_are_left() {
    for (reply, failure) in [
        ("-LOADING x\r\n", "Error reply to PING from master: '-LOADING x'"),
        ("$3\r\nfoo\r\n", "Error reply to PING from master: '$3'"),
        ("\n", "Error reply to PING from master: ''"),
    ] {
        assert_eq!(Play::new().failure(reply), failure);
    }
    let credentials = Credentials { user: None, password: b"pw".to_vec() };
    let options = LinkOptions { credentials: Some(credentials), ..LinkOptions::default() };
    let play = Play::with(options, None);
    assert_eq!(play.failure("+PONG\r\n-WRONGPASS no\r\n"), "Unable to AUTH to MASTER: -WRONGPASS no");
    let endless = format!("+{}", "x".repeat(2000));
    assert_eq!(Play::new().failure(endless), "The master's reply has no end.");
    for reply in ["-NOMASTERLINK x", "-LOADING x"] {
        let later = format!("Master is currently unable to PSYNC but should be in the future: {reply}");
        assert_eq!(Play::asked(None).failure(format!("{reply}\r\n")), later);
    }
    assert_eq!(
        Play::asked(None).failure("+CONTINUE\r\n"),
        "Unexpected reply to PSYNC from master: +CONTINUE",
        "there is nothing that could be gone on with"
    );
    let known = Some(position(ID, 5));
    assert!(Play::asked(known).failure("+CONTINUE abc\r\n").starts_with("Unexpected reply"));
    for reply in
        ["", " abc 10", &format!(" {ID} x"), &format!(" {ID}"), &format!(" {ID} 9223372036854775808")]
    {
        let failure = Play::asked(None).failure(format!("+FULLRESYNC{reply}\r\n"));
        assert_eq!(failure, "Master replied with wrong +FULLRESYNC syntax.", "{reply}");
    }
    let begun = |line: &str| Play::asked(None).failure(format!("+FULLRESYNC {ID} 10\r\n{line}\r\n"));
    assert_eq!(begun("-ERR no snapshot"), "MASTER aborted replication with an error: ERR no snapshot");
    assert!(begun("x\x1bx").contains("(we received 'x?x')"), "nothing that a terminal obeys");
    assert!(begun("$-5").starts_with("Bad protocol from MASTER"));
}

#[test]
fn a_snapshot_is_followed_by_the_stream() {
    for (line, end) in [("$5".to_owned(), ""), (format!("$EOF:{OTHER}"), OTHER)] {
        let mut play = Play::asked(None);
        let length = end.is_empty().then_some(5_u64);
        assert_eq!(play.hear("\n\n"), [""; 0], "it is busy with the snapshot");
        assert_eq!(
            play.hear(format!("+FULLRESYNC {ID} 1000\r\n")),
            [format!("note Full resync from master: {ID}:1000")]
        );
        assert_eq!(play.link.status(), LinkStatus::Sync);
        let actions = play.hear(format!("\n{line}\r\nRED"));
        assert_eq!(actions[1..], [format!("snapshot Some(1000) {length:?}"), "bytes RED".to_owned()]);
        let stream = format!("IS{end}{}", String::from_utf8(words("SET k v")).unwrap());
        assert_eq!(play.hear(stream), ["bytes IS", "load"]);
        assert!(play.link.room().is_empty() && play.link.position().is_none());

        assert_eq!(play.wait(999), [""; 0]);
        assert_eq!(play.wait(1), [r#"send "\n""#], "it is loading");
        assert_eq!(play.wait(100_000), [r#"send "\n""#], "which may take any time");
        play.link.loaded(play.now);
        assert_eq!(play.actions(), [ACK_1000, "run SET k v"]);
        assert_eq!(play.link.position(), Some(position(ID, 1027)));
        assert_eq!(play.wait(1000), ["send REPLCONF ACK 1027"]);
        play.link.set_synced(Some(1010));
        assert_eq!(play.wait(1000), ["send REPLCONF ACK 1027 FACK 1010"]);
    }
}

#[test]
fn who_is_asked_for_the_disk_tells_twice() {
    let mut play = Play::following();
    let ack = |offset: u64| format!("send REPLCONF ACK {offset}");
    let first = 1000 + words("REPLCONF GETACK *").len() as u64;
    assert_eq!(play.hear(words("REPLCONF GETACK *")), ["filler REPLCONF GETACK *", ACK_1000, &ack(first)]);
    assert!(!play.link.wants_sync(), "nobody waits for the disk");
    let asked = first + words("REPLCONF GETACK DISK").len() as u64;
    let told = play.hear(words("REPLCONF GETACK DISK"));
    assert_eq!(told, ["filler REPLCONF GETACK DISK", &ack(first), &ack(asked)]);
    assert!(play.link.wants_sync() && !play.link.wants_sync());
    play.hear(words("SET k v"));
    let now = play.link.position().map(|position| position.offset).unwrap();
    play.link.tell_synced(asked);
    assert_eq!(play.actions(), [format!("send REPLCONF ACK {now} FACK {asked}")]);
}

#[test]
fn old_primaries_are_asked_by_sync() {
    for (reply, note) in [
        (
            "-ERR unknown command",
            "note Master does not support PSYNC or is in error state (reply: -ERR unknown command)",
        ),
        ("+WHAT", "note Unexpected reply to PSYNC from master: +WHAT"),
    ] {
        let mut play = Play::asked(None);
        assert_eq!(
            play.hear(format!("{reply}\r\n")),
            [note, "note Retrying with SYNC...", r#"send "SYNC\r\n""#]
        );
        let actions = play.hear("$5\r\nREDIS");
        assert_eq!(actions[1..], ["snapshot None Some(5)", "bytes REDIS", "load"]);
        play.link.loaded(play.now);
        assert_eq!(play.hear(words("SET k v")), ["run SET k v"]);
        assert_eq!(play.wait(5000), [""; 0], "there is no offset to acknowledge");
        assert_eq!(play.link.position(), None);
    }
}

#[test]
fn a_stream_goes_on_under_another_name() {
    let mut play = Play::asked(Some(position(ID, 1000)));
    assert_eq!(
        play.hear(format!("+CONTINUE {OTHER}\r\n")),
        [
            "note Successful partial resynchronization with master.".to_owned(),
            format!("note Master replication ID changed to {OTHER}"),
            format!("continue {OTHER} 1000"),
            ACK_1000.to_owned(),
        ]
    );
    play.hear(words("SET k v"));
    assert_eq!(play.link.lost("Connection reset by peer", 7), Some(Failure::Lost));
    assert_eq!(play.link.position(), Some(position(OTHER, 1027)), "the next one goes on here");
    assert_eq!(play.link.lost("again", 7), None);
}

#[test]
fn transactions_are_run_as_one_and_counted_as_one() {
    let mut play = Play::following();
    let whole = words("MULTI, SET a 1, SET b 2, EXEC");
    assert_eq!(play.hear(&whole[..whole.len() - 1]), [""; 0]);
    assert_eq!(play.wait(1000), [ACK_1000]);
    assert_eq!(play.hear(&whole[whole.len() - 1..]), ["as one 2"]);
    assert_eq!(play.link.position().unwrap().offset, 1000 + whole.len() as u64);
    // What is lost with the connection is asked for again.
    let end = play.link.position();
    play.hear(words("MULTI, SET a 1"));
    play.link.lost("gone", 0);
    assert_eq!(play.link.position(), end);
}

#[test]
fn an_heir_is_asked_to_take_over_until_it_answers() {
    let mut play = Play::handing_over();
    let actions = play.hear(format!("+CONTINUE {OTHER}\r\n"));
    assert!(actions.contains(&format!("continue {OTHER} 1000")), "{actions:?}");
    assert_eq!(play.link.handover(), Handover::None);

    let mut play = Play::handing_over();
    let actions = play.hear("-ERR PSYNC FAILOVER can't be sent to a master.\r\n");
    assert!(
        actions[0].starts_with("close The target of the failover rejected the PSYNC request: "),
        "{actions:?}"
    );
    assert_eq!(play.link.handover(), Handover::None, "somebody else has made it a primary");

    // It may have answered what nobody heard.
    let mut play = Play::handing_over();
    assert!(play.link.lost("gone", 0).is_some());
    assert_eq!(play.link.handover(), Handover::Asked);
    play.now = play.link.deadline();
    play.connect();
    assert_eq!(play.introduce(), format!("send PSYNC {ID} 1001 FAILOVER"));
    let actions = play.hear("-ERR PSYNC FAILOVER can't be sent to a master.\r\n");
    assert_eq!(actions.last().unwrap(), &format!("send PSYNC {ID} 1001"));
    let actions = play.hear(format!("+CONTINUE {OTHER}\r\n"));
    assert!(actions.contains(&format!("continue {OTHER} 1000")), "{actions:?}");
}

#[test]
fn questions_are_answered_before_they_count() {
    let mut play = Play::following();
    let stream = words("SET k v, REPLCONF GETACK *, PING, REPLCONF GETACK *");
    assert_eq!(
        play.hear(stream),
        [
            "run SET k v",
            "filler REPLCONF GETACK *",
            "send REPLCONF ACK 1027",
            "send REPLCONF ACK 1064",
            "filler PING",
            "filler REPLCONF GETACK *",
            "send REPLCONF ACK 1078",
            "send REPLCONF ACK 1115",
        ]
    );
    assert_eq!(play.hear("\n\r\n"), [r#"filler "\n""#, r#"filler "\r\n""#]);
    assert_eq!(play.link.position().unwrap().offset, 1078 + 37 + 3);
}

#[test]
fn what_is_no_stream_ends_it_and_spoils_the_data() {
    for (bytes, failure) in [
        ("FOO bar\r\n", "WARNING: Receiving inline protocol from master"),
        ("*1\r\n:1\r\n", "Protocol error in the master's stream"),
        ("*0\r\n", "Protocol error in the master's stream"),
        ("*1\r\n$4\r\nEXEC\r\n", "Protocol error in the master's stream"),
    ] {
        let mut play = Play::following();
        assert!(play.hear(bytes)[0].starts_with(&format!("close {failure}")));
        assert_eq!(play.link.position(), None);
    }
    let options = LinkOptions { unit_bytes_max: 100, ..LinkOptions::default() };
    let mut play = Play::following();
    play.link.set_options(options);
    assert_eq!(play.hear(words(&format!("SET k {}", "v".repeat(66)))).len(), 1);
    let long = words(&format!("SET k {}", "v".repeat(100)));
    assert_eq!(play.hear(&long[..100]), [""; 0]);
    assert!(play.hear(&long[100..])[0].contains("too long"));

    let mut play = Play::following();
    play.take(&words("SET k v"));
    assert!(matches!(play.link.next(0), Some(Action::Unit(_))));
    let failure = play.link.not_applied("unknown command".to_owned(), 0);
    assert!(failure.to_string().contains("unknown command"));
    assert_eq!(play.link.position(), None);
}

#[test]
fn what_is_announced_takes_no_memory() {
    let mut play = Play::following();
    assert_eq!(play.hear("*2147483647\r\n$2147483647\r\n"), [""; 0]);
    assert!(play.link.memory() < 1 << 20);
    let mut play = Play::asked(None);
    play.hear(format!("+FULLRESYNC {ID} 10\r\n$9223372036854775807\r\n"));
    assert!(play.link.memory() < 1 << 20);
}

#[test]
fn silence_ends_a_connection() {
    let timeout = LinkOptions::default().timeout_ms;
    for (mut play, failure) in [
        (Play::new(), "close Timeout connecting to the MASTER..."),
        (Play::asked(None), "close Timeout connecting to the MASTER..."),
        (Play::following(), "close MASTER timeout: no data nor PING received..."),
    ] {
        play.wait(timeout - 1);
        assert_eq!(play.wait(1), [failure]);
    }
    let mut play = Play::asked(None);
    play.hear(format!("+FULLRESYNC {ID} 10\r\n$20\r\nREDIS"));
    play.wait(timeout - 1);
    assert_eq!(play.hear("x"), ["bytes x"], "which is a sign of life");
    assert!(play.wait(timeout)[0].starts_with("close Timeout receiving bulk data from MASTER"));
    let mut play = Play { link: Link::new(LinkOptions::default(), None, 1), now: 0 };
    play.actions();
    assert_eq!(play.wait(timeout), ["close Timeout connecting to the MASTER..."]);
}

#[test]
fn attempts_become_rarer_until_a_stream_lasts() {
    let mut play = Play { link: Link::new(LinkOptions::default(), None, 1), now: 0 };
    let mut waited = 0;
    for _ in 0..10 {
        assert_eq!(play.actions(), ["connect"]);
        let failure = play.link.lost("Connection refused", play.now).unwrap();
        assert_eq!(failure.to_string(), "Error condition on socket for SYNC: Connection refused");
        assert_eq!(play.actions(), [""; 0]);
        waited = play.link.deadline() - play.now;
        play.now += waited;
    }
    assert!((2500..=5000).contains(&waited), "{waited}");

    let mut play = Play::following();
    play.wait(1000);
    play.link.lost("gone", play.now);
    assert!(play.link.deadline() - play.now <= 100);
}

#[test]
fn a_failed_transfer_is_begun_anew() {
    let mut play = Play::asked(Some(position(ID, 1000)));
    play.hear(format!("+FULLRESYNC {OTHER} 10\r\n$20\r\nREDIS"));
    let failure = play.link.lost("connection lost", 0).unwrap();
    assert_eq!(failure.to_string(), "I/O error trying to sync with MASTER: connection lost");
    assert_eq!(play.link.position(), None);
    let mut play = Play::asked(None);
    play.hear(format!("+FULLRESYNC {OTHER} 10\r\n$5\r\nREDIS"));
    assert_eq!(play.link.not_loaded(0), Failure::NotLoaded);
    assert_eq!((play.link.position(), play.link.status()), (None, LinkStatus::Connect));
}

#[test]
fn what_is_loaded_counts_without_a_connection() {
    let mut play = Play::asked(None);
    play.hear(format!("+FULLRESYNC {ID} 1000\r\n$5\r\nREDIS"));
    assert!(play.link.lost("reset", 0).is_some() && play.link.lost("again", 0).is_none());
    assert_eq!(play.wait(1_000_000), [""; 0], "it neither gives signs nor connects before it is loaded");
    assert_eq!(play.link.status(), LinkStatus::Sync);
    play.link.loaded(play.now);
    assert_eq!(play.actions(), ["connect"]);
    assert_eq!(play.link.position(), Some(position(ID, 1000)));
}

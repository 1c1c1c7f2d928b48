//! Filters of CLIENT LIST and CLIENT KILL.

use super::client::{Class, Client, Flag};
use super::line;
use spinel_storage::command::args::Args;
use spinel_storage::{Error, UnixMillis};

/// Letters that CLIENT LIST may show, now or in servers with more features.
const FLAG_LETTERS: &str = "AbcdeEiIMNOPrRStTuUxB";

/// What a filter is for; the two commands differ in their error texts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    List,
    Kill,
}

/// What filters can name.
pub(crate) struct Known<'k> {
    pub(crate) databases: u16,
    pub(crate) has_user: &'k dyn Fn(&[u8]) -> bool,
}

/// One property that a client has or has not.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Criterion {
    Ids(Vec<u64>),
    Class(Class),
    User(Box<[u8]>),
    Address(Vec<u8>),
    Local(Vec<u8>),
    Ip(Vec<u8>),
    AgeMin(i64),
    IdleMin(i64),
    Flags(Vec<u8>),
    Name(Vec<u8>),
    Library(Vec<u8>),
    LibraryVersion(Vec<u8>),
    Db(u16),
    Capabilities(Vec<u8>),
}

struct Term {
    criterion: Criterion,
    is_negated: bool,
}

/// A conjunction of criteria, some of them negated.
pub(crate) struct Filter {
    terms: Vec<Term>,
    /// The client that asks is left out; `None` if nobody said so or otherwise.
    pub(crate) skips_me: Option<bool>,
}

impl Filter {
    /// Reads the rest of a command. A criterion that comes twice counts as it comes last.
    pub(crate) fn read(args: &mut Args<'_>, purpose: Purpose, known: &Known<'_>) -> Result<Filter, Error> {
        let mut filter = Filter { terms: Vec::new(), skips_me: None };
        while args.remaining() > 0 {
            let word = args.word().to_ascii_lowercase();
            if args.remaining() == 0 {
                return Err(filter.complaint(purpose));
            }
            if word == b"skipme" {
                filter.skips_me = Some(yes_or_no(args.word())?);
                continue;
            }
            let (name, is_negated) = match word.strip_prefix(b"not-") {
                Some(name) => (name, true),
                None => (&word[..], false),
            };
            let Some(criterion) = Criterion::read(name, args, purpose, known)? else {
                return Err(filter.complaint(purpose));
            };
            if let (Criterion::Flags(letters), true) = (&criterion, is_negated) {
                check_flags(letters, "NOT-FLAGS filter")?;
            } else if let Criterion::Flags(letters) = &criterion {
                check_flags(letters, "provided filter")?;
            }
            filter.add(Term { criterion, is_negated });
        }
        Ok(filter)
    }

    fn add(&mut self, term: Term) {
        let kind = |term: &Term| (std::mem::discriminant(&term.criterion), term.is_negated);
        self.terms.retain(|earlier| kind(earlier) != kind(&term));
        self.terms.push(term);
    }

    /// The error about a word that is no filter: after a list of ids it was meant as one.
    fn complaint(&self, purpose: Purpose) -> Error {
        match self.terms.last() {
            Some(Term { criterion: Criterion::Ids(_), .. }) if purpose == Purpose::List => {
                Error::Text("ERR Invalid client ID")
            }
            _ => Error::Syntax,
        }
    }

    /// Whether a client passes.
    pub(crate) fn matches(&self, client: &Client, now: UnixMillis) -> bool {
        self.terms.iter().all(|term| term.criterion.holds(client, now) != term.is_negated)
    }
}

impl Criterion {
    /// Reads what follows a filter's name; `None` if there is no such filter.
    fn read(
        name: &[u8],
        args: &mut Args<'_>,
        purpose: Purpose,
        known: &Known<'_>,
    ) -> Result<Option<Criterion>, Error> {
        Ok(Some(match name {
            b"id" => Criterion::Ids(ids(args, purpose)?),
            b"type" => Criterion::Class(class(args.word())?),
            b"user" => user(args.word(), known)?,
            b"addr" => Criterion::Address(args.word().into()),
            b"laddr" => Criterion::Local(args.word().into()),
            b"ip" => Criterion::Ip(args.word().into()),
            b"maxage" => Criterion::AgeMin(positive(
                args.word(),
                "ERR maxage is not an integer or out of range",
                "ERR maxage should be greater than 0",
            )?),
            b"idle" => Criterion::IdleMin(positive(
                args.word(),
                "ERR idle is not an integer or out of range",
                "ERR idle should be greater than 0",
            )?),
            b"flags" => Criterion::Flags(args.word().into()),
            b"name" => Criterion::Name(args.word().into()),
            b"lib-name" => Criterion::Library(args.word().into()),
            b"lib-ver" => Criterion::LibraryVersion(args.word().into()),
            b"db" => Criterion::Db(db(args.word(), known.databases)?),
            b"capa" => Criterion::Capabilities(capabilities(args.word())?),
            _ => return Ok(None),
        }))
    }

    fn holds(&self, client: &Client, now: UnixMillis) -> bool {
        let seconds = |since: UnixMillis| (now.0 - since.0) / 1000;
        match self {
            Criterion::Ids(ids) => ids.contains(&client.id),
            Criterion::Class(class) => *class == client.class(),
            Criterion::User(name) => client.account().name == *name,
            Criterion::Address(address) => client.peer.address.as_bytes() == address,
            Criterion::Local(address) => client.peer.local.as_bytes() == address,
            Criterion::Ip(ip) => client.peer.host().as_bytes() == ip,
            Criterion::AgeMin(age) => seconds(client.created) >= *age,
            Criterion::IdleMin(idle) => seconds(client.active()) >= *idle,
            Criterion::Flags(letters) => {
                let flags = line::flags(client);
                letters.iter().all(|letter| flags.as_bytes().contains(letter))
            }
            Criterion::Name(name) => *client.names().name == **name,
            Criterion::Library(name) => *client.names().library == **name,
            Criterion::LibraryVersion(version) => *client.names().library_version == **version,
            Criterion::Db(db) => client.db() == *db,
            Criterion::Capabilities(letters) => {
                letters.iter().all(|letter| *letter == b'r' && client.has(Flag::Redirect))
            }
        }
    }
}

/// One or more ids: as many words as are numbers.
fn ids(args: &mut Args<'_>, purpose: Purpose) -> Result<Vec<u64>, Error> {
    let mut ids = Vec::new();
    while let Some(id) = args.peek().and_then(spinel_resp::parse_integer) {
        args.word();
        if id <= 0 && purpose == Purpose::Kill {
            return Err(wrong_id(purpose));
        }
        // No client has a negative id, nor 0; a list may ask for one all the same.
        ids.push(u64::try_from(id).unwrap_or(0));
    }
    if ids.is_empty() { Err(wrong_id(purpose)) } else { Ok(ids) }
}

fn wrong_id(purpose: Purpose) -> Error {
    Error::Text(match purpose {
        Purpose::List => "ERR Invalid client ID",
        Purpose::Kill => "ERR client-id should be greater than 0",
    })
}

fn class(word: &[u8]) -> Result<Class, Error> {
    match &*word.to_ascii_lowercase() {
        b"normal" => Ok(Class::Normal),
        b"master" | b"primary" => Ok(Class::Primary),
        b"replica" | b"slave" => Ok(Class::Replica),
        b"pubsub" => Ok(Class::PubSub),
        _ => Err(quoting("ERR Unknown client type", word)),
    }
}

fn user(word: &[u8], known: &Known<'_>) -> Result<Criterion, Error> {
    if (known.has_user)(word) {
        Ok(Criterion::User(word.into()))
    } else {
        Err(quoting("ERR No such user", word))
    }
}

fn quoting(text: &str, word: &[u8]) -> Error {
    Error::Made(format!("{text} '{}'", String::from_utf8_lossy(word)))
}

fn positive(word: &[u8], no_integer: &'static str, too_small: &'static str) -> Result<i64, Error> {
    match spinel_resp::parse_integer(word) {
        None => Err(Error::Text(no_integer)),
        Some(number) if number < 1 => Err(Error::Text(too_small)),
        Some(number) => Ok(number),
    }
}

fn db(word: &[u8], databases: u16) -> Result<u16, Error> {
    let number =
        spinel_resp::parse_integer(word).ok_or(Error::Text("ERR DB is not an integer or out of range"))?;
    u16::try_from(number)
        .ok()
        .filter(|db| *db < databases)
        .ok_or_else(|| Error::Made(format!("ERR DB number should be between 0 and {}", databases - 1)))
}

fn capabilities(word: &[u8]) -> Result<Vec<u8>, Error> {
    if word.iter().all(|letter| *letter == b'r') {
        return Ok(word.into());
    }
    let text = String::from_utf8_lossy(word);
    Err(Error::Made(format!("ERR Unknown capa found in the provided filter: {text}")))
}

fn check_flags(letters: &[u8], filter: &str) -> Result<(), Error> {
    if letters.iter().all(|letter| FLAG_LETTERS.as_bytes().contains(letter)) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(letters);
    Err(Error::Made(format!("ERR Unknown flags found in the {filter}: {text}")))
}

fn yes_or_no(word: &[u8]) -> Result<bool, Error> {
    match &*word.to_ascii_lowercase() {
        b"yes" => Ok(true),
        b"no" => Ok(false),
        _ => Err(Error::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::Account;
    use crate::clients::Peer;

    fn client() -> Client {
        let peer = Peer {
            address: "127.0.0.1:5000".into(),
            local: "127.0.0.1:6379".into(),
            descriptor: 9,
            worker: 0,
        };
        let client = Client::new(7, peer, Account::for_tests(b"default"), UnixMillis(0));
        client.rename(|names| names.name = (*b"worker").into());
        client.set(Flag::NoTouch, true);
        client
    }

    fn read(line: &str, purpose: Purpose) -> Result<Filter, Error> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        Filter::read(
            &mut Args::new(&words, 0),
            purpose,
            &Known { databases: 16, has_user: &|name| name == b"default" },
        )
    }

    fn passes(line: &str) -> bool {
        let filter = read(line, Purpose::List).unwrap_or_else(|error| panic!("{line}: {error}"));
        filter.matches(&client(), UnixMillis(90_000))
    }

    #[test]
    fn a_client_passes_if_all_criteria_hold() {
        for line in [
            "ID 7",
            "id 1 7 9 TYPE normal",
            "ADDR 127.0.0.1:5000 LADDR 127.0.0.1:6379",
            "IP 127.0.0.1",
            "NAME worker USER default DB 0",
            "FLAGS T",
            "MAXAGE 90 IDLE 90",
            "NOT-ID 1 2 NOT-TYPE pubsub",
            "NOT-NAME other NOT-FLAGS e NOT-MAXAGE 91 NOT-CAPA r NOT-LIB-NAME x NOT-DB 1",
            "NAME other NAME worker",
        ] {
            assert!(passes(line), "{line}");
        }
        for line in [
            "ID 8",
            "ID 7 TYPE replica",
            "FLAGS Te",
            "FLAGS N",
            "MAXAGE 91",
            "NOT-ID 7",
            "NOT-NAME worker",
            "CAPA r",
            "IP 127.0.0.2",
            "NOT-IP 127.0.0.1",
            "NOT-USER default",
        ] {
            assert!(!passes(line), "{line}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        use Purpose::{Kill, List};
        for (line, purpose, expected) in [
            ("ID x", List, "ERR Invalid client ID"),
            ("ID 1 x", List, "ERR Invalid client ID"),
            ("ID x", Kill, "ERR client-id should be greater than 0"),
            ("ID 0", Kill, "ERR client-id should be greater than 0"),
            ("ID 1 x", Kill, "ERR syntax error"),
            ("ID", List, "ERR syntax error"),
            ("TYPE x", List, "ERR Unknown client type 'x'"),
            ("USER x", List, "ERR No such user 'x'"),
            ("MAXAGE x", List, "ERR maxage is not an integer or out of range"),
            ("IDLE 0", List, "ERR idle should be greater than 0"),
            ("DB 16", List, "ERR DB number should be between 0 and 15"),
            ("FLAGS T?", List, "ERR Unknown flags found in the provided filter: T?"),
            ("NOT-FLAGS ?", List, "ERR Unknown flags found in the NOT-FLAGS filter: ?"),
            ("CAPA x", List, "ERR Unknown capa found in the provided filter: x"),
            ("SKIPME maybe", List, "ERR syntax error"),
            ("NOT-SKIPME yes", List, "ERR syntax error"),
            ("NONSENSE 1", List, "ERR syntax error"),
        ] {
            let error = read(line, purpose).err().unwrap_or_else(|| panic!("{line} is refused"));
            assert_eq!(error.text(), expected, "{line}");
        }
    }
}

//! `cargo xtask record`: writes into transcripts what the reference server replies, or compares with it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};

use crate::resp::{Connection, encode, info_field};
use crate::server::Server;
use crate::transcript::{Expectation, Item, Observed, Source, Step, Transcript};
use crate::{Outcome, peers, workspace};

/// Options of `cargo xtask record`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Transcripts or folders of them [default: tests/transcripts]
    files: Vec<PathBuf>,
    /// Only compare; change no file
    #[arg(long)]
    check: bool,
    /// Compare every file with the server at HOST:PORT, whatever it was recorded from; its data is flushed
    #[arg(long, value_name = "ADDR")]
    against: Option<String>,
}

/// A server that transcripts are recorded from.
struct Reference {
    /// The product as files name it, in lower case.
    product: &'static str,
    /// Its name in a title line.
    title: &'static str,
    /// Its name among the peers.
    peer: &'static str,
    /// The field of INFO that holds its version.
    version_field: &'static str,
}

const REFERENCES: [Reference; 2] = [
    Reference { product: "redis", title: "Redis", peer: "redis8", version_field: "redis_version" },
    Reference { product: "valkey", title: "Valkey", peer: "valkey9", version_field: "valkey_version" },
];

/// Records or compares the files named, or all.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let files = transcripts(&arguments.files)?;
    let differences = match &arguments.against {
        Some(address) => compare_all(&files, address)?,
        None => visit_references(&files, arguments.check)?,
    };
    if differences == 0 {
        return Ok(());
    }
    Err(format!("{differences} replies differ from the transcripts").into())
}

/// Compares all files with the server at `address` and returns how many replies differ.
fn compare_all(files: &[PathBuf], address: &str) -> Outcome<usize> {
    let mut differences = 0;
    let mut compared = 0;
    for path in files {
        let transcript = read(path)?;
        if !transcript.settings.is_empty() {
            println!(
                "{}: left out, it needs a server with {}",
                path.display(),
                transcript.settings.join(" ")
            );
            continue;
        }
        differences += compare(path, transcript, address)?;
        compared += 1;
    }
    println!("{compared} transcripts compared with {address}");
    Ok(differences)
}

/// Starts each reference, once per settings, and takes the files that name it; returns how many replies differ.
fn visit_references(files: &[PathBuf], check: bool) -> Outcome<usize> {
    let mut differences = 0;
    for reference in &REFERENCES {
        let mut servers: BTreeMap<Vec<String>, Server> = BTreeMap::new();
        let mut visited = 0;
        for path in files {
            let transcript = read(path)?;
            if transcript.source != Source::Recorded(reference.product.to_owned()) {
                continue;
            }
            let server = match servers.entry(transcript.settings.clone()) {
                Entry::Occupied(running) => running.into_mut(),
                Entry::Vacant(place) => {
                    let server = Server::start(&peers::find(reference.peer, "server")?, place.key())?;
                    place.insert(server)
                }
            };
            if check {
                differences += compare(path, transcript, server.address())?;
            } else {
                rewrite(path, transcript, reference, server.address())?;
            }
            visited += 1;
        }
        println!("{visited} transcripts of {}", reference.title);
    }
    Ok(differences)
}

fn rewrite(path: &Path, mut transcript: Transcript, reference: &Reference, address: &str) -> Outcome {
    play(&mut transcript, address, |step, observed| {
        step.expected = Some(Expectation::renewed(step.expected.as_ref(), observed));
    })
    .map_err(|error| format!("{}: {error}", path.display()))?;
    let title = format!("# recorded from {} {}", reference.title, version(address, reference.version_field)?);
    let text = transcript.print(&title);
    if text != fs::read_to_string(path)? {
        fs::write(path, text)?;
        println!("{}: rewritten", path.display());
    }
    Ok(())
}

fn compare(path: &Path, mut transcript: Transcript, address: &str) -> Outcome<usize> {
    let mut differences = 0;
    play(&mut transcript, address, |step, observed| {
        if step.expected.as_ref().is_some_and(|expected| expected.accepts(observed)) {
            return;
        }
        differences += 1;
        println!("{}:{}: {}", path.display(), step.line_number, step.line);
        let expected =
            step.expected.as_ref().map_or_else(|| "  (never recorded)\n".to_owned(), Expectation::print);
        print!(" expected\n{expected} received\n{}", Expectation::renewed(None, observed).print());
    })
    .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(differences)
}

/// Runs the commands of a transcript and hands each with what followed to `visit`.
fn play(transcript: &mut Transcript, address: &str, mut visit: impl FnMut(&mut Step, &Observed)) -> Outcome {
    let mut connections: BTreeMap<String, Connection> = BTreeMap::new();
    let mut protocol = 2;
    for item in &mut transcript.items {
        match item {
            Item::Plain(_) => {}
            Item::Section(section) => {
                protocol = section.protocol;
                let mut first = connect(address, protocol)?;
                first.expect(&["FLUSHALL"])?;
                connections = BTreeMap::from([(String::new(), first)]);
            }
            Item::Step(step) => {
                let connection = match connections.entry(step.connection.clone()) {
                    Entry::Occupied(open) => open.into_mut(),
                    Entry::Vacant(place) => place.insert(connect(address, protocol)?),
                };
                if !step.words.is_empty() {
                    let mut bytes = Vec::new();
                    encode(&step.words, &mut bytes);
                    connection.send(&bytes)?;
                }
                if step.expected == Some(Expectation::NoReply) {
                    continue;
                }
                let observed = observe(connection)
                    .map_err(|error| format!("line {}: {}: {error}", step.line_number, step.line))?;
                visit(step, &observed);
                if observed == Observed::Closed {
                    *connection = connect(address, protocol)?;
                }
            }
        }
    }
    Ok(())
}

fn connect(address: &str, protocol: u8) -> Outcome<Connection> {
    let mut connection = Connection::open(address)?;
    if protocol == 3 {
        connection.expect(&["HELLO", "3"])?;
    }
    Ok(connection)
}

fn observe(connection: &mut Connection) -> Outcome<Observed> {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match connection.receive() {
        Ok(reply) => Ok(Observed::Reply(reply)),
        Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) => {
            Ok(Observed::Closed)
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads the version out of INFO.
fn version(address: &str, field: &str) -> Outcome<String> {
    let info = Connection::open(address)?.expect(&["INFO", "server"])?.text();
    Ok(info_field(&info, field).ok_or_else(|| format!("{address}: INFO has no {field}"))?.to_owned())
}

fn read(path: &Path) -> Outcome<Transcript> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Transcript::parse(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Returns the transcripts among `paths` and in the folders below them, in order.
fn transcripts(paths: &[PathBuf]) -> Outcome<Vec<PathBuf>> {
    let default = [workspace::root().join("tests/transcripts")];
    let mut found = Vec::new();
    let mut left = if paths.is_empty() { default.to_vec() } else { paths.to_vec() };
    while let Some(path) = left.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

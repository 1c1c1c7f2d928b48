//! The elements of a collection in another order: SORT, `SORT_RO`.

mod merge;
mod order;
mod pattern;
mod source;

use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Reach, Run};
use crate::engine::errand::Errand;
use crate::error::Error;
use crate::keyspace::event::Event;
use crate::keyspace::guard::Detached;
use crate::keyspace::view::View;
use order::{Order, Sorting};
use pattern::Pattern;
use source::{Elements, Place};
use spinel_resp::ReplyWriter;
use spinel_types::{Str, ValueType};
use std::ops::Range;

const SORTED: KeySpec = KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS));
const LOOKED_UP: KeySpec =
    KeySpec::derived(KeyUse::READ_ONLY.with(KeyUse::ACCESS), |words| refusal(words, Storing::Allowed));
const LOOKED_UP_ONLY: KeySpec =
    KeySpec::derived(KeyUse::READ_ONLY.with(KeyUse::ACCESS), |words| refusal(words, Storing::Refused));
const STORED: KeySpec = KeySpec::computed(destination, KeyUse::OVERWRITE.with(KeyUse::UPDATE));

const COST: &str = "O(N+M*log(M)) where N is the number of elements and M that of the elements returned; O(N) \
                    without sorting";

/// The rows of this family.
pub(super) const COMMANDS: &[&[Command]] = &[ROWS];

const ROWS: &[Command] = &[
    Command {
        name: "sort",
        usage: "key by-pattern=[BY pattern] [LIMIT limit=(offset:integer count)] get-pattern=[GET pattern]... \
                order=[ASC|DESC] sorting=[ALPHA] [STORE destination:key]",
        keys: &[SORTED, LOOKED_UP, STORED],
        flags: FLAGS.with(Flags::WRITE).with(Flags::DENYOOM),
        reach: Reach::WholeIf(looks_up),
        cost: COST,
        about: "Sorts the elements of a list, a set or a sorted set, and may store the result.",
        run: Run::Data(sort),
        ..Command::ROW
    },
    Command {
        name: "sort_ro",
        usage: "key by-pattern=[BY pattern] [LIMIT limit=(offset:integer count)] get-pattern=[GET pattern]... \
                order=[ASC|DESC] sorting=[ALPHA]",
        keys: &[SORTED, LOOKED_UP_ONLY],
        flags: FLAGS.with(Flags::READONLY),
        reach: Reach::WholeIf(looks_up),
        since: "7.0.0",
        cost: COST,
        about: "Sorts the elements of a list, a set or a sorted set.",
        run: Run::Data(sort_read_only),
        ..Command::ROW
    },
];

const FLAGS: Flags = Flags::DANGEROUS.with(Flags::SORTS);

/// The options of a call.
struct SortOptions<'a> {
    by: Option<Pattern<'a>>,
    get: Vec<Pattern<'a>>,
    offset: i64,
    count: i64,
    is_descending: bool,
    is_alphabetic: bool,
    destination: Option<&'a [u8]>,
}

/// Whether SORT may store its result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Storing {
    Allowed,
    Refused,
}

impl<'a> SortOptions<'a> {
    fn parse(args: &mut Args<'a>, storing: Storing) -> Result<SortOptions<'a>, Error> {
        let mut options = SortOptions {
            by: None,
            get: Vec::new(),
            offset: 0,
            count: -1,
            is_descending: false,
            is_alphabetic: false,
            destination: None,
        };
        while args.remaining() > 0 {
            let is_last = args.remaining() < 2;
            if args.accept("ASC") {
                options.is_descending = false;
            } else if args.accept("DESC") {
                options.is_descending = true;
            } else if args.accept("ALPHA") {
                options.is_alphabetic = true;
            } else if args.remaining() > 2 && args.accept("LIMIT") {
                (options.offset, options.count) = (args.integer(), args.integer());
                args.check()?;
            } else if storing == Storing::Allowed && !is_last && args.accept("STORE") {
                options.destination = Some(args.word());
            } else if !is_last && args.accept("BY") {
                options.by = Some(Pattern::new(args.word()));
            } else if !is_last && args.accept("GET") {
                options.get.push(Pattern::new(args.word()));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    /// Whether the elements stay in the order of their collection.
    fn keeps_order(&self) -> bool {
        self.by.is_some_and(|by| !by.has_place())
    }

    /// Whether patterns lead to keys.
    fn look_up(&self) -> bool {
        let is_made = |pattern: &Pattern<'_>| pattern.has_place() && !pattern.is_element();
        self.by.iter().chain(&self.get).any(is_made)
    }

    /// How the elements of a collection of this type are ordered.
    fn order(&self, source: Option<ValueType>) -> Order<'_> {
        // A stored result must not depend on the order in which a table happens to hold a set.
        let is_arbitrary = self.keeps_order() && source == Some(ValueType::Set) && self.destination.is_some();
        let sorting = match &self.by {
            Some(by) if by.has_place() => Sorting::By(by),
            Some(_) if !is_arbitrary => Sorting::None,
            _ => Sorting::ByElement,
        };
        let is_alphabetic = self.is_alphabetic || is_arbitrary;
        Order { sorting, is_alphabetic, is_descending: self.is_descending }
    }

    /// The part of `len` elements that is wanted.
    fn range(&self, len: usize) -> Range<usize> {
        let start = usize::try_from(self.offset).unwrap_or(0).min(len);
        let end = usize::try_from(self.count).map_or(len, |count| start.saturating_add(count).min(len));
        start..end
    }

    /// Puts elements in order, as long as that is wanted; the part of them that is.
    fn arrange(
        &self,
        elements: &mut Elements,
        keys: &mut Option<&mut View<'_>>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Range<usize>, Error> {
        self.order(elements.source).arrange(keys, elements, is_wanted)?;
        // A set has no order that could be reversed.
        let has_order = matches!(elements.source, Some(ValueType::List | ValueType::SortedSet));
        if self.is_descending && self.keeps_order() && has_order {
            elements.places.reverse();
        }
        Ok(self.range(elements.places.len()))
    }
}

/// Whether a call reads keys whose names it makes.
fn looks_up(words: &[&[u8]]) -> bool {
    let mut args = Args::new(words, 2.min(words.len()));
    SortOptions::parse(&mut args, Storing::Allowed).is_ok_and(|options| options.look_up())
}

/// What a client is told who may not read every key, if the call makes names: of the first option that does.
fn refusal(words: &[&[u8]], storing: Storing) -> Option<Error> {
    let mut args = Args::new(words, 2.min(words.len()));
    while args.remaining() > 0 {
        let is_last = args.remaining() < 2;
        if args.accept("ASC") || args.accept("DESC") || args.accept("ALPHA") {
            continue;
        }
        if !is_last && args.accept("GET") {
            return Some(Error::Text("ERR GET option of SORT denied due to insufficient ACL permissions."));
        }
        if !is_last && args.accept("BY") {
            if Pattern::new(args.word()).has_place() {
                return Some(Error::Text(
                    "ERR BY option of SORT denied due to insufficient ACL permissions.",
                ));
            }
        } else if storing == Storing::Allowed && !is_last && args.accept("STORE") {
            args.word();
        } else if args.remaining() > 2 && args.accept("LIMIT") {
            args.integer();
            args.integer();
            args.check().ok()?;
        } else {
            // The call is refused anyhow, for its syntax.
            return None;
        }
    }
    None
}

/// Where the key is that a call stores its result in: the last one named.
fn destination(words: &[&[u8]]) -> Option<usize> {
    let mut found = None;
    let mut at = 2;
    while let Some(word) = words.get(at) {
        let takes = |name: &[u8]| word.eq_ignore_ascii_case(name);
        if takes(b"STORE") && at + 1 < words.len() {
            found = Some(at + 1);
            at += 1;
        } else if takes(b"LIMIT") {
            at += 2;
        } else if takes(b"GET") || takes(b"BY") {
            at += 1;
        }
        at += 1;
    }
    found
}

fn sort(call: &mut Call<'_>) -> Result<(), Error> {
    run(call, Storing::Allowed)
}

fn sort_read_only(call: &mut Call<'_>) -> Result<(), Error> {
    run(call, Storing::Refused)
}

/// More elements than these, which take a millisecond or two, are sorted beside other commands.
const ELEMENTS_AT_ONCE: usize = 4096;

fn run(call: &mut Call<'_>, storing: Storing) -> Result<(), Error> {
    let key = call.args.word();
    let words = call.args.rest();
    let options = SortOptions::parse(&mut Args::new(words, 0), storing)?;

    let is_long = |value| Elements::count(value) > ELEMENTS_AT_ONCE;
    if options.destination.is_none()
        && !options.look_up()
        && call.keys.inspect(key).is_some_and(|(_, value)| is_long(value))
        && let Some(source) = call.keys.copy_of(key)
    {
        call.leave(later(source, words, storing));
        return Ok(());
    }

    let mut elements = Elements::of(call.keys.read_value(key))?;
    let mut keys = Some(&mut call.keys);
    let range = options.arrange(&mut elements, &mut keys, &|| true)?;

    match options.destination {
        Some(destination) => store(call, &options, &elements, range, destination),
        None => reply(call.reply, &mut keys, &options, &elements.places[range], &elements),
    }
    Ok(())
}

/// Sorts a copy of many elements, which shares their memory, beside other commands.
fn later(source: Detached, words: &[&[u8]], storing: Storing) -> Errand {
    let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
    Errand::new(move |ground, writer| {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let options = SortOptions::parse(&mut Args::new(&words, 0), storing)?;
        let mut elements = Elements::of(Some(source.value()))?;
        let range = options.arrange(&mut elements, &mut None, &|| ground.is_wanted())?;
        if ground.is_wanted() {
            reply(writer, &mut None, &options, &elements.places[range], &elements);
        }
        Ok(())
    })
}

fn reply(
    reply: &mut ReplyWriter,
    keys: &mut Option<&mut View<'_>>,
    options: &SortOptions<'_>,
    chosen: &[Place],
    elements: &Elements,
) {
    reply.array(chosen.len() * options.get.len().max(1));
    for place in chosen {
        let element = elements.text(*place);
        if options.get.is_empty() {
            reply.bulk(element);
        }
        for pattern in &options.get {
            match pattern.look_up(keys, element) {
                Some(text) => reply.bulk(&text),
                None => reply.null(),
            }
        }
    }
}

/// Stores the result as a list; what a pattern does not lead to is an empty element.
fn store(
    call: &mut Call<'_>,
    options: &SortOptions<'_>,
    elements: &Elements,
    range: Range<usize>,
    destination: &[u8],
) {
    let chosen = &elements.places[range];
    let mut found = Vec::new();
    for place in chosen {
        let element = elements.text(*place);
        let mut keys = Some(&mut call.keys);
        let look_up = |pattern: &Pattern<'_>| pattern.look_up(&mut keys, element).unwrap_or_default();
        found.extend(options.get.iter().map(look_up));
    }
    let texts: Vec<Str<'_>> = if options.get.is_empty() {
        chosen.iter().map(|place| Str::Text(elements.text(*place))).collect()
    } else {
        found.iter().map(|text| Str::Text(text)).collect()
    };

    if texts.is_empty() {
        call.keys.erase(destination);
    } else {
        let mut guard = call.keys.write(destination);
        guard.set_list(&texts);
        guard.notify(Event::list("sortstore"));
    }
    call.reply.integer(texts.len() as i64);
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn elements_are_sorted_by_number_or_text() {
        check(
            "RPUSH l 3 10 -1 2.5           => 4
             SORT l                        => [\"-1\", \"2.5\", \"3\", \"10\"]
             SORT l DESC                   => [\"10\", \"3\", \"2.5\", \"-1\"]
             SORT l ALPHA                  => [\"-1\", \"10\", \"2.5\", \"3\"]
             SORT_RO l LIMIT 1 2           => [\"2.5\", \"3\"]
             SORT l LIMIT 9 9              => []
             SORT l LIMIT -3 -1            => [\"-1\", \"2.5\", \"3\", \"10\"]
             RPUSH t a b                   => 2
             SORT t                        => ERR One or more scores can't be converted into double
             SORT none                     => []
             SORT l LIMIT 1                => ERR syntax error
             SORT_RO l STORE d             => ERR syntax error
             SORT l BY nosort              => [\"3\", \"10\", \"-1\", \"2.5\"]",
        );
    }

    #[test]
    fn patterns_lead_to_strings_and_fields() {
        check(
            "RPUSH l a b c                 => 3
             MSET w_a 3 w_b 1 w_c 2 n_a x  => OK
             SORT l BY w_*                 => [\"b\", \"c\", \"a\"]
             SORT l BY w_* GET # GET n_*   => [\"b\", nil, \"c\", nil, \"a\", \"x\"]
             SORT l BY nosort GET h_*->f   => [nil, nil, nil]
             SADD s 63 j                   => 2
             SORT s BY h_* DESC ALPHA      => [\"63\", \"j\"]
             SORT l BY w_* GET n_* STORE d => 3
             LRANGE d 0 -1                 => [\"\", \"\", \"x\"]
             SORT none STORE d             => 0
             EXISTS d                      => 0",
        );
    }
}

//! Data of all types in all forms, as the commands that make it.

use crate::random::Random;

/// A call.
pub(super) type Call = Vec<Vec<u8>>;

/// The names under which lists, sets, hashes and sorted sets of each size are made, and how many elements these have. Small
/// ones lie in one piece, larger ones don't; the limits are between 64 and 512, the ones of nodes of lists at 8 KiB.
const SIZES: [(&str, usize); 4] = [("one", 1), ("small", 12), ("middle", 200), ("large", 3000)];
/// An element that no small form takes, and that compresses well.
const LONG: usize = 20_000;
/// The year 2100, in milliseconds: nothing expires while it is looked at.
const FUTURE_MS: i64 = 4_102_444_800_000;

/// What not every server has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fields {
    /// Fields of hashes expire.
    Expire,
    Stay,
}

/// Returns the calls that make the data: some in the first database, some in others.
pub(super) fn calls(seed: u64, fields: Fields) -> Vec<Call> {
    let mut maker = Maker { random: Random::new(seed), calls: Vec::new() };
    maker.strings();
    for (name, count) in SIZES {
        maker.collections(name, count);
    }
    maker.numbers();
    maker.streams();
    if fields == Fields::Expire {
        maker.expiring_fields();
    }
    maker.add(&["FUNCTION", "LOAD", LIBRARY]);
    for db in ["1", "15"] {
        maker.add(&["SELECT", db]);
        maker.strings();
        maker.collections("elsewhere", 20);
    }
    maker.expiries();
    maker.add(&["SELECT", "0"]);
    maker.expiries();
    maker.calls
}

const LIBRARY: &str = "#!lua name=exchange\nredis.register_function('twice', function(keys, args) return args[1] .. args[1] end)";

struct Maker {
    random: Random,
    calls: Vec<Call>,
}

impl Maker {
    fn add(&mut self, words: &[&str]) {
        self.calls.push(words.iter().map(|word| word.as_bytes().to_vec()).collect());
    }

    /// Adds a call whose last words are bytes.
    fn add_bytes(&mut self, words: &[&str], more: impl IntoIterator<Item = Vec<u8>>) {
        let words = words.iter().map(|word| word.as_bytes().to_vec());
        self.calls.push(words.chain(more).collect());
    }

    /// Returns bytes that don't compress.
    fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.random.bits() as u8).collect()
    }

    fn strings(&mut self) {
        let texts = [
            "",
            "0",
            "-1",
            "007",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "3.14",
        ];
        for (place, text) in texts.into_iter().enumerate() {
            self.add(&["SET", &format!("text:{place}"), text]);
        }
        for (length, name) in [(44, "short"), (45, "raw"), (300, "longer"), (70_000, "long")] {
            let repeated = "compressible ".repeat(length / 13 + 1).into_bytes()[..length].to_vec();
            self.add_bytes(&["SET", &format!("text:{name}")], [repeated]);
            let noise = self.noise(length);
            self.add_bytes(&["SET", &format!("noise:{name}")], [noise]);
        }
        let (name, value) = (self.noise(300), self.noise(10));
        self.add_bytes(&["SET"], [name, value]);
        self.add(&["APPEND", "text:appended", "12"]);
        self.add(&["APPEND", "text:appended", "34"]);
        self.add(&["SETBIT", "bits", "100000", "1"]);
        self.add(&["PFADD", "sketch:sparse", "a", "b", "c"]);
        let members = (0..5000).map(|number| format!("m{number}").into_bytes());
        self.add_bytes(&["PFADD", "sketch:dense"], members);
    }

    /// Makes collections of `count` texts, of numbers, and with one long element.
    fn collections(&mut self, name: &str, count: usize) {
        let long = "long ".repeat(LONG / 5).into_bytes();
        for form in ["text", "number", "long"] {
            let mut items: Vec<Vec<u8>> = (0..count).map(|place| self.item(form, place)).collect();
            if form == "long" {
                items.push(long.clone());
            }
            let scored = items.iter().enumerate().flat_map(|(place, item)| {
                let score = if form == "text" { place as f64 / 3.0 } else { place as f64 * 1e15 };
                [score.to_string().into_bytes(), item.clone()]
            });
            let scored: Vec<Vec<u8>> = scored.collect();
            let pairs = items.iter().flat_map(|item| [[b"f", &item[..]].concat(), item.clone()]);
            let pairs: Vec<Vec<u8>> = pairs.collect();
            let key = |kind: &str| format!("{kind}:{form}:{name}");
            self.add_bytes(&["ZADD", &key("scores")], scored);
            self.add_bytes(&["HSET", &key("hash")], pairs);
            self.add_bytes(&["SADD", &key("set")], items.clone());
            self.add_bytes(&["RPUSH", &key("list")], items);
        }
    }

    /// Returns an element that stands once in its collection.
    fn item(&mut self, form: &str, place: usize) -> Vec<u8> {
        if form == "number" {
            let number = self.random.bits() as i64 >> self.random.below(60);
            return number.to_string().into_bytes();
        }
        let length = self.random.below(30);
        [format!("{place}:").into_bytes(), self.noise(length)].concat()
    }

    /// Makes sets of numbers of each width, and scores at the ends of what there is.
    fn numbers(&mut self) {
        for (name, step) in [("16", 1_i64), ("32", 100_000), ("64", 10_000_000_000)] {
            let members = (-50..50).map(|place: i64| (place * step).to_string().into_bytes());
            self.add_bytes(&["SADD", &format!("numbers:{name}")], members);
        }
        let scores = ["inf", "-inf", "0", "-0", "1.5", "3e300", "-1e-300", "0.1", "9007199254740993"];
        let pairs = scores.iter().flat_map(|score| [score.as_bytes().to_vec(), score.as_bytes().to_vec()]);
        self.add_bytes(&["ZADD", "scores:ends"], pairs);
        self.add(&[
            "GEOADD",
            "places",
            "13.361389",
            "38.115556",
            "Palermo",
            "15.087269",
            "37.502669",
            "Catania",
        ]);
    }

    fn streams(&mut self) {
        self.entries("stream:small", 5);
        self.entries("stream:large", 1200);
        self.add(&["XDEL", "stream:large", "3-0", "700-0", "1200-0"]);
        self.add(&["XTRIM", "stream:large", "MAXLEN", "1000"]);
        self.add(&["XSETID", "stream:large", "5000-7", "ENTRIESADDED", "6000", "MAXDELETEDID", "1200-0"]);
        self.add(&["XGROUP", "CREATE", "stream:empty", "nobody", "$", "MKSTREAM"]);
        self.add(&["XGROUP", "CREATE", "stream:large", "late", "600-0", "ENTRIESREAD", "600"]);
        for group in ["workers", "others"] {
            self.add(&["XGROUP", "CREATE", "stream:large", group, "0"]);
            for (consumer, count) in [("ann", "150"), ("bob", "3")] {
                let read =
                    ["XREADGROUP", "GROUP", group, consumer, "COUNT", count, "STREAMS", "stream:large", ">"];
                self.add(&read);
            }
            self.add(&["XGROUP", "CREATECONSUMER", "stream:large", group, "idle"]);
        }
        self.add(&["XACK", "stream:large", "workers", "250-0", "251-0"]);
        let claim =
            ["XCLAIM", "stream:large", "workers", "cid", "0", "260-0", "261-0", "RETRYCOUNT", "7", "JUSTID"];
        self.add(&claim);
        // What is pending may be deleted.
        self.add(&["XDEL", "stream:large", "270-0"]);
    }

    /// Adds entries, most of which have the fields of the one before.
    fn entries(&mut self, key: &str, count: usize) {
        for place in 1..=count {
            let field = if self.random.chance(80) { "same" } else { "other" };
            let length = self.random.below(60);
            let value = self.noise(length);
            let more = [value, b"second".to_vec(), place.to_string().into_bytes()];
            self.add_bytes(&["XADD", key, &format!("{place}-0"), field], more);
        }
    }

    fn expiring_fields(&mut self) {
        for (name, count) in SIZES {
            let key = format!("fields:{name}");
            let pairs = (0..count).flat_map(|place| [format!("f{place}").into_bytes(), b"value".to_vec()]);
            self.add_bytes(&["HSET", &key], pairs);
            for place in (0..count).step_by(3) {
                let until = (FUTURE_MS + place as i64).to_string();
                self.add(&["HPEXPIREAT", &key, &until, "FIELDS", "1", &format!("f{place}")]);
            }
        }
    }

    /// Lets some keys expire.
    fn expiries(&mut self) {
        for (place, key) in ["text:1", "text:long", "list:text:one", "set:text:elsewhere", "hash:text:small"]
            .into_iter()
            .chain(["scores:text:middle", "set:number:large", "stream:small", "scores:text:elsewhere"])
            .enumerate()
        {
            self.add(&["PEXPIREAT", key, &(FUTURE_MS + place as i64).to_string()]);
        }
    }
}

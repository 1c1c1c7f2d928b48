//! Values made by chance, and what they hold.

use spinel_persistence::rdb::Forms;
use spinel_types::http_cache::{Body, Fields, Numbers, Parts};
use spinel_types::list::End;
use spinel_types::stream::{Group, NodeLimits, Pending, Window};
use spinel_types::{
    Fate, FieldExpiry, HashLimits, HashMut, HashSeed, HttpCache, Large, ListLimits, ListMut, OwnedValue,
    Place, SetLimits, SetMut, SortedSetLimits, SortedSetMut, Str, Stream, StreamId, Value,
};
use std::collections::BTreeSet;

const EXPIRY: i64 = 1_800_000_000_000;

/// A sequence of numbers that a seed repeats.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// A text or the decimal of an integer.
    fn text(&mut self) -> Vec<u8> {
        let limit = [10, 300, 70_000, 1 << 31][self.below(4) as usize];
        match self.below(4) {
            0 => (self.below(limit) as i64 - limit as i64 / 2).to_string().into_bytes(),
            1 => format!("{}{}", self.below(1 << 31), self.below(1 << 31)).into_bytes(),
            2 => (0..self.below(90)).map(|_| b'a' + self.below(3) as u8).collect(),
            _ => (0..self.below(30)).map(|_| self.below(256) as u8).collect(),
        }
    }

    fn texts(&mut self) -> Vec<Vec<u8>> {
        let most = [4, 20, 300][self.below(3) as usize];
        let count = 1 + self.below(most);
        (0..count).map(|_| self.text()).collect()
    }

    fn is_rare(&mut self) -> bool {
        self.below(4) == 0
    }
}

pub(crate) fn forms() -> Forms {
    Forms {
        seed: HashSeed::new(3, 4),
        hash: HashLimits { entries_max: 16, value_bytes_max: 64 },
        list: ListLimits { listpack_max: 12, compress_depth: 1, plain_min: 0 },
        set: SetLimits { integers_max: 20, entries_max: 16, value_bytes_max: 64 },
        sorted_set: SortedSetLimits { entries_max: 16, member_bytes_max: 64 },
        string_bytes_max: 1 << 20,
    }
}

/// A value of any type, never empty.
pub(crate) fn value(random: &mut Random) -> OwnedValue {
    match random.below(7) {
        0 => OwnedValue::of_string(Str::parse(&random.text())),
        1 => list(random),
        2 => set(random),
        3 => hash(random),
        4 => sorted_set(random),
        5 => OwnedValue::Large(Large::HttpCache(http_cache(random))),
        _ => OwnedValue::Large(Large::Stream(Box::new(stream(random)))),
    }
}

fn http_cache(random: &mut Random) -> HttpCache {
    let mut cache = HttpCache::new();
    for number in 0..=random.below(4) {
        let number = number.to_string();
        let fields: Vec<String> = (0..random.below(5)).map(|_| random.below(1 << 40).to_string()).collect();
        let fields = fields.iter().map(|value| (&b"X-Field"[..], value.as_bytes()));
        let fresh_until = EXPIRY + random.below(1 << 30) as i64;
        let numbers = Numbers {
            status: 200 + random.below(300) as u16,
            fresh_until,
            stale_until: fresh_until + random.below(1000) as i64,
            swr: random.is_rare().then_some(7),
            ..Numbers::default()
        };
        let parts = Parts {
            numbers,
            fields: Fields::new(fields),
            selector: Fields::new([(&b"x-selector"[..], number.as_bytes())]),
            body: Body::Plain(random.text().into()),
            ..Parts::default()
        };
        cache.put(parts.into());
    }
    cache
}

fn list(random: &mut Random) -> OwnedValue {
    let mut texts = random.texts();
    if random.is_rare() {
        texts.push(vec![b'x'; 9000]);
    }
    let (mut value, mut changes) = (ListMut::fresh(), 0);
    let place = Place::owned(&mut value, forms().seed, &mut changes);
    let elements: Vec<Str<'_>> = texts.iter().map(|text| Str::Text(text)).collect();
    ListMut::new(place, forms().list).push(End::Tail, &elements);
    value
}

fn set(random: &mut Random) -> OwnedValue {
    let mut texts = random.texts();
    if random.is_rare() {
        texts = (0..=random.below(30)).map(|number| (number * 70).to_string().into_bytes()).collect();
    }
    let (limits, mut changes) = (forms().set, 0);
    let mut value = SetMut::fresh(Str::parse(&texts[0]), texts.len(), limits, forms().seed);
    let mut set = SetMut::new(Place::owned(&mut value, forms().seed, &mut changes), limits);
    for text in &texts {
        set.add(Str::parse(text));
    }
    if random.is_rare() {
        let expiry = EXPIRY + random.below(9) as i64;
        set.decide(Str::parse(&texts[0]), |_| Fate::Expires(expiry));
    } else if set.view().len() <= limits.entries_max {
        // A set that has shrunk, or whose announced size was wrong, comes back smaller.
        set.narrow();
    }
    normalized(value)
}

/// A set in the form that one of its size gets at once.
fn normalized(value: OwnedValue) -> OwnedValue {
    let OwnedValue::Large(Large::Set(set)) = &value else { return value };
    if set.next_due() != i64::MAX {
        return value;
    }
    let (limits, mut changes) = (forms().set, 0);
    let members: Vec<Vec<u8>> = set_members(&value);
    let mut fresh = SetMut::fresh(Str::parse(&members[0]), members.len(), limits, forms().seed);
    let mut copy = SetMut::new(Place::owned(&mut fresh, forms().seed, &mut changes), limits);
    for member in &members {
        copy.add(Str::parse(member));
    }
    fresh
}

fn set_members(value: &OwnedValue) -> Vec<Vec<u8>> {
    let Value::Set(set) = Value::of_owned(value) else { panic!("it is a set") };
    set.iter().map(Str::to_vec).collect()
}

fn hash(random: &mut Random) -> OwnedValue {
    let (mut value, mut changes) = (HashMut::fresh(), 0);
    let mut hash = HashMut::new(Place::owned(&mut value, forms().seed, &mut changes), forms().hash);
    let expires = random.is_rare();
    for field in random.texts() {
        hash.set(&field, &random.text(), FieldExpiry::Clear);
        if expires {
            let expiry = EXPIRY + random.below(1000) as i64;
            hash.decide(&field, |_| Fate::Expires(expiry));
        }
    }
    value
}

fn sorted_set(random: &mut Random) -> OwnedValue {
    let (mut value, mut changes) = (SortedSetMut::fresh(), 0);
    let place = Place::owned(&mut value, forms().seed, &mut changes);
    let mut set = SortedSetMut::new(place, forms().sorted_set);
    let texts = random.texts();
    for member in &texts {
        let score = match random.below(4) {
            0 => random.below(5) as f64,
            1 => f64::NEG_INFINITY,
            2 => random.below(1000) as f64 / 7.0,
            _ => -1e22 * random.below(100) as f64,
        };
        set.update(member, |_| Some(score));
    }
    if random.is_rare() {
        let expiry = EXPIRY + random.below(9) as i64;
        set.decide(&texts[0], |_| Fate::Expires(expiry));
    }
    value
}

fn stream(random: &mut Random) -> Stream {
    let mut stream = Stream::new();
    let entries = random.below(200);
    for number in 1..=entries {
        let (field, value) = (if random.is_rare() { &b"other"[..] } else { b"field" }, random.text());
        let limits = NodeLimits { bytes: 4096, entries: 30 };
        stream.add(StreamId::new(number / 3 + 1, number), &[field, &value], limits).expect("ids rise");
    }
    for number in 1..=entries {
        if random.is_rare() {
            stream.delete(StreamId::new(number / 3 + 1, number));
        }
    }
    for number in 0..random.below(4) {
        let group = group(&stream, random);
        stream.groups_mut().add(format!("group {number}").as_bytes(), group);
    }
    if random.is_rare() {
        idempotence(&mut stream, random);
    }
    for number in 0..random.below(3) * random.below(40) {
        let (field, value) = (random.text(), random.text());
        stream.delay(StreamId::new(number / 2 + 7, number), &[&field, &value], NodeLimits::default());
    }
    stream
}

fn group(stream: &Stream, random: &mut Random) -> Group {
    let mut group = Group::new(stream.last_id(), (random.below(2) == 0).then_some(random.below(99) as i64));
    for number in 0..=random.below(3) {
        let (consumer, _) = group.consumer_or_add(format!("consumer {number}").as_bytes(), 1000 + number);
        match random.below(3) {
            0 => {}
            1 => group.mark_active(consumer, 1000 + number),
            _ => group.mark_active(consumer, 77),
        }
        for _ in 0..random.below(9) {
            let owner = (!random.is_rare()).then_some(consumer);
            let pending = Pending {
                delivered_ms: random.below(1 << 40),
                deliveries: random.below(300),
                consumer: owner,
            };
            group.set_pending(StreamId::new(random.below(9), random.below(9)), pending);
        }
    }
    group
}

fn idempotence(stream: &mut Stream, random: &mut Random) {
    let idempotence = stream.idempotence_mut();
    idempotence.set_window(Window { seconds: 50, messages: 1 + random.below(9) as usize });
    for number in 0..random.below(20) {
        let message = number.to_string();
        idempotence.remember(b"producer", message.as_bytes(), StreamId::new(number, 0), 1000);
    }
    idempotence.count_duplicate();
}

/// All that a value holds, as text, in an order that does not depend on its form.
pub(crate) fn contents(value: &OwnedValue) -> Vec<String> {
    let text = |string: Str<'_>| string.to_vec().escape_ascii().to_string();
    match Value::of_owned(value) {
        Value::String(string) => vec![text(string)],
        Value::List(list) => {
            let mut elements = Vec::new();
            list.for_each((0, list.len()), End::Head.inwards(), |element| elements.push(text(element)));
            elements
        }
        Value::Set(set) => {
            let members = set.iter().map(|member| format!("{} {:?}", text(member), set.expiry(member)));
            members.collect::<BTreeSet<_>>().into_iter().collect()
        }
        Value::Hash(hash) => {
            let mut fields = BTreeSet::new();
            hash.for_each(|field, value, expiry| {
                fields.insert(format!("{}={} {expiry:?}", text(field), text(value)));
            });
            fields.into_iter().collect()
        }
        Value::SortedSet(set) => {
            let member = |(member, score): (Str<'_>, f64)| {
                format!("{} {score} {:?}", text(member), set.expiry(&member.to_vec()))
            };
            set.iter().map(member).collect()
        }
        Value::Stream(stream) => of_stream(stream),
        Value::HttpCache(cache) => cache.variants().iter().map(|variant| format!("{variant:?}")).collect(),
    }
}

fn of_stream(stream: &Stream) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {} {} {} {}",
        stream.len(),
        stream.first_id(),
        stream.last_id(),
        stream.max_deleted_id(),
        stream.entries_added()
    )];
    let entry = |entry: spinel_types::stream::Entry<'_>| {
        let fields: Vec<_> = entry.fields.map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
        format!("{} {fields:?}", entry.id)
    };
    lines.extend(stream.entries().map(entry));
    for (name, group) in stream.groups().iter() {
        let pending = group.pending_in(StreamId::MIN..=StreamId::MAX);
        let pending: Vec<_> = pending
            .map(|(id, pending)| {
                (*id, pending.delivered_ms, pending.deliveries, group.owner(pending).to_vec())
            })
            .collect();
        let consumers: Vec<_> = group
            .consumers()
            .map(|consumer| (consumer.name(), consumer.seen_ms, consumer.active_ms))
            .collect();
        lines.push(format!(
            "{name:?} {} {:?} {pending:?} {consumers:?}",
            group.last_delivered, group.entries_read
        ));
    }
    if let Some(idempotence) = stream.idempotence() {
        let counts = (idempotence.window(), idempotence.added(), idempotence.duplicates());
        let producers: Vec<_> =
            idempotence.producers().map(|(name, messages)| (name, messages.collect::<Vec<_>>())).collect();
        lines.push(format!("{counts:?} {producers:?}"));
    }
    for (id, words) in
        stream.delayed().iter().flat_map(|delayed| delayed.range(StreamId::MIN..=StreamId::MAX))
    {
        lines.push(format!("delayed {id} {words:?}"));
    }
    lines
}

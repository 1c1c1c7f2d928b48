//! What random calls must not do: block, end the server, use up memory, or depend on the moment they run.

/// Commands that are not generated, and why.
const EXCLUDED: [(&[&str], &str); 14] = [
    (&["shutdown", "failover", "quit"], "ends the server or the connection"),
    (&["auth"], "Redis 8.0.6 gives no reply to a wrong password while earlier replies are still unsent"),
    (
        &["client|kill", "client|pause", "client|unpause", "client|reply", "client|tracking"],
        "silences connections",
    ),
    (
        &["subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", "monitor"],
        "pushes",
    ),
    (
        &["blpop", "brpop", "blmove", "blmovem", "brpoplpush", "blmpop", "bzpopmin", "bzpopmax", "bzmpop"],
        "blocks",
    ),
    (
        &["multi", "exec", "discard", "watch", "unwatch"],
        "hides replies in one, where no allowance finds them; programs have them",
    ),
    (
        &[
            "eval",
            "eval_ro",
            "evalsha",
            "evalsha_ro",
            "fcall",
            "fcall_ro",
            "script|load",
            "script|flush",
            "function|load",
            "function|delete",
            "function|flush",
            "function|restore",
            "function|dump",
        ],
        "means nothing without a script; programs have them",
    ),
    (&["pfselftest"], "takes the reference seconds"),
    (&["wait", "waitaof"], "may block"),
    (&["dump"], "each server writes a version and forms of its own; RESTORE takes those of all"),
    (
        &["replicaof", "slaveof", "migrate", "sync", "psync", "replconf", "restore-asking"],
        "speaks to other servers",
    ),
    (
        &["debug", "config|set", "config|rewrite", "config|resetstat", "module|load", "module|loadex"],
        "outlives a round",
    ),
    (
        &["module|unload"],
        "says to whom it is denied that a setting doesn't allow it; here, who may not call it learns nothing more",
    ),
    (
        &["save", "bgsave", "bgrewriteaof", "cluster|reset", "acl|setuser", "acl|deluser", "acl|load"],
        "outlives a round",
    ),
];

/// Offsets from here on are taken to be refused: 4 GiB of bits are 512 MiB, the longest string.
const OFFSET_REFUSED_MIN: i64 = 1 << 32;
/// The highest accepted bit and byte offsets generated: 20 kB, so that LCS of two such strings stays cheap.
const BIT_OFFSET_MAX: i64 = 160_000;
const BYTE_OFFSET_MAX: i64 = 20_000;
/// An id that is made without the clock, which the servers read at different moments.
const MADE_ID: &str = "60-*";
/// A time to live below this may end while the calls run.
const SECONDS_MIN: i64 = 1000;
const MILLISECONDS_MIN: i64 = 1_000_000;
/// Popping fewer members than this may leave some, which would not be the same ones.
const POPPED_MIN: i64 = 1000;
/// The least negative count of members that may be chosen repeatedly.
const REPEATED_MIN: i64 = -1000;

/// Tells whether the command may be part of a random sequence.
pub(crate) fn is_safe(name: &str) -> bool {
    // Scripts mean nothing without a text; programs have them.
    let is_of_scripts = name.starts_with("script|") || name.starts_with("function|");
    !is_of_scripts && EXCLUDED.iter().all(|(names, _)| !names.contains(&name))
}

/// Tells whether these words may be sent: HELLO can authenticate, which has the flaw that excludes AUTH, and SPOP
/// without a count leaves different sets behind.
pub(crate) fn is_safe_call(words: &[Vec<u8>]) -> bool {
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let names_auth = words.iter().any(|word| is(word, "auth"));
    let pops_any = is(&words[0], "spop") && words.len() == 2;
    !(is(&words[0], "auth") || is(&words[0], "hello") && names_auth || pops_any)
}

/// Changes the words of a call that would take much memory or expire a key during the run.
pub(crate) fn restrain(words: &mut [Vec<u8>]) {
    let name = words[0].to_ascii_lowercase();
    match &name[..] {
        b"setbit" => lower(words.get_mut(2), BIT_OFFSET_MAX),
        b"setrange" => lower(words.get_mut(2), BYTE_OFFSET_MAX),
        b"expire" | b"setex" | b"hexpire" => lift(words.get_mut(2), SECONDS_MIN),
        // Elements of equal texts stand as in the table they came from, which a stored list would keep.
        b"sort" if says(words, b"by") && says(words, b"store") => replace(words, b"alpha", "DESC"),
        b"xread" | b"xreadgroup" => replace(words, b"block", "COUNT"),
        b"xadd" => replace(words, b"*", MADE_ID),
        b"pexpire" | b"psetex" | b"hpexpire" => lift(words.get_mut(2), MILLISECONDS_MIN),
        b"spop" => lift(words.get_mut(2), POPPED_MIN),
        b"srandmember" | b"hrandfield" | b"zrandmember" => raise(words.get_mut(2), REPEATED_MIN),
        _ => {}
    }
    for place in 1..words.len() {
        match &words[place - 1].to_ascii_lowercase()[..] {
            b"ex" => lift(words.get_mut(place), SECONDS_MIN),
            b"px" => lift(words.get_mut(place), MILLISECONDS_MIN),
            kind if name == b"bitfield" && is_bitfield_type(kind) => {
                lower(words.get_mut(place), BIT_OFFSET_MAX);
            }
            _ => {}
        }
    }
}

fn is_bitfield_type(word: &[u8]) -> bool {
    matches!(word, [b'i' | b'u', digits @ ..] if digits.iter().all(u8::is_ascii_digit))
}

fn says(words: &[Vec<u8>], word: &[u8]) -> bool {
    words.iter().any(|other| other.eq_ignore_ascii_case(word))
}

/// Puts another word in the place of each that is equal, whatever its case.
fn replace(words: &mut [Vec<u8>], word: &[u8], by: &str) {
    for found in words.iter_mut().skip(1).filter(|found| found.eq_ignore_ascii_case(word)) {
        *found = by.into();
    }
}

/// Brings an offset that would be accepted and large down below 1000.
fn lower(word: Option<&mut Vec<u8>>, max: i64) {
    let Some(word) = word else { return };
    let hash = word.starts_with(b"#");
    // A `#` counts fields of up to 64 bits.
    let max = if hash { max / 64 } else { max };
    if let Some(number) = number(&word[usize::from(hash)..])
        && (max..OFFSET_REFUSED_MIN).contains(&number)
    {
        *word = format!("{}{}", if hash { "#" } else { "" }, number % 1000).into();
    }
}

/// Brings a number below `min` up above it, unless it is the least one, which is refused.
fn raise(word: Option<&mut Vec<u8>>, min: i64) {
    let Some(word) = word else { return };
    if let Some(number) = number(word)
        && (i64::MIN + 1..min).contains(&number)
    {
        *word = (number % min).to_string().into();
    }
}

/// Brings a small positive number, such as a time to live that would end soon, up to `min`.
fn lift(word: Option<&mut Vec<u8>>, min: i64) {
    let Some(word) = word else { return };
    if let Some(number) = number(word)
        && (1..min).contains(&number)
    {
        *word = (number + min).to_string().into();
    }
}

fn number(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restrained(line: &str) -> String {
        let mut words: Vec<Vec<u8>> = line.split(' ').map(Into::into).collect();
        restrain(&mut words);
        String::from_utf8(words.join(&b' ')).unwrap()
    }

    #[test]
    fn large_offsets_and_short_lives_are_moved() {
        assert_eq!(restrained("SETBIT k 4294967295 1"), "SETBIT k 295 1");
        assert_eq!(restrained("SETBIT k 4294967296 1"), "SETBIT k 4294967296 1");
        assert_eq!(restrained("SETRANGE k 536870911 x"), "SETRANGE k 911 x");
        assert_eq!(restrained("BITFIELD k GET u8 #67108863"), "BITFIELD k GET u8 #863");
        assert_eq!(restrained("BITFIELD k SET u32 0 4294967295"), "BITFIELD k SET u32 0 4294967295");
        assert_eq!(restrained("SET k v px 5"), "SET k v px 1000005");
        assert_eq!(restrained("EXPIRE k 1"), "EXPIRE k 1001");
        assert_eq!(restrained("SPOP k 5"), "SPOP k 1005");
        assert_eq!(restrained("SRANDMEMBER k -9223372036854775807"), "SRANDMEMBER k -807");
        assert_eq!(restrained("EXPIRE k -1"), "EXPIRE k -1");
        assert_eq!(restrained("XREAD Block 0 STREAMS s 0"), "XREAD COUNT 0 STREAMS s 0");
        assert_eq!(restrained("XADD s * f *"), "XADD s 60-* f 60-*");
    }

    #[test]
    fn dangerous_commands_are_not_generated() {
        assert!(is_safe("get") && is_safe("client|getname"));
        assert!(!is_safe("shutdown") && !is_safe("client|kill"));
        let words = |line: &str| line.split(' ').map(Into::into).collect::<Vec<Vec<u8>>>();
        assert!(is_safe_call(&words("HELLO 3")) && !is_safe_call(&words("hello 3 Auth u p")));
    }
}

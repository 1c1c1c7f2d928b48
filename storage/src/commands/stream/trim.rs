//! Removing the oldest entries: XTRIM, and the options of XADD that do the same.

use super::DELETE_KEY;
use super::effects::{PendingEntries, decimal, id_word};
use super::ids;
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::engine::effect::{Effect, Line};
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_types::Stream;
use spinel_types::stream::{NodeLimits, Precision, References, Threshold};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "xtrim",
    event: "xtrim",
    usage: "key trim=(strategy=<MAXLEN|MINID> operator=[equal==|approximately=~] threshold \
            [LIMIT count]) condition=[KEEPREF|DELREF|ACKED]",
    keys: DELETE_KEY,
    flags: Flags::WRITE,
    group: Group::Stream,
    since: "5.0.0",
    cost: "O(N) with N being the number of removed entries, of which whole nodes go at once",
    about: "Removes the oldest entries of a stream.",
    tips: &["nondeterministic_output"],
    run: Run::Data(xtrim),
    ..Command::ROW
}];

/// Entries removed without a LIMIT, when whole nodes are and nodes have no greatest number of entries.
const LIMIT_WITHOUT_NODES: u64 = 10_000;
/// The most entries removed without a LIMIT.
const LIMIT_MAX: u64 = 1_000_000;
/// How many full nodes are removed without a LIMIT.
const NODES_AT_ONCE: u64 = 100;

/// How a stream is to be trimmed, as far as options said.
#[derive(Default)]
pub(super) struct TrimOptions {
    threshold: Option<Threshold>,
    is_approximate: bool,
    limit: Option<u64>,
    references: Option<References>,
}

/// How a stream is to be trimmed.
#[derive(Clone, Copy)]
pub(super) struct Trim {
    threshold: Threshold,
    references: References,
    is_approximate: bool,
    limit: Option<u64>,
    /// Whether the words say something of references that can be told without.
    says_more: bool,
}

impl TrimOptions {
    /// Takes an option about trimming, if the next word is one.
    pub(super) fn accept(&mut self, args: &mut Args<'_>) -> Result<bool, Error> {
        let has_value = args.remaining() > 1;
        if has_value && args.accept("MAXLEN") {
            self.accept_operator(args)?;
            self.threshold =
                Some(Threshold::Length(not_negative(args, "ERR The MAXLEN argument must be >= 0.")?));
        } else if has_value && args.accept("MINID") {
            self.accept_operator(args)?;
            self.threshold = Some(Threshold::Id(ids::parse(args.word())?));
        } else if has_value && args.accept("LIMIT") {
            self.limit = Some(not_negative(args, "ERR The LIMIT argument must be >= 0.")?);
        } else {
            return accept_references(&mut self.references, args);
        }
        Ok(true)
    }

    /// Whether anything was said.
    pub(super) fn is_given(&self) -> bool {
        self.threshold.is_some() || self.limit.is_some() || self.references.is_some()
    }

    /// Whether something was said of references, and nothing of what is to go.
    pub(super) fn is_idle(&self) -> bool {
        self.threshold.is_none() && self.references.is_some()
    }

    fn accept_operator(&mut self, args: &mut Args<'_>) -> Result<(), Error> {
        if self.threshold.is_some() {
            return Err(Error::Text(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        self.is_approximate = args.remaining() > 1 && args.accept("~");
        if !self.is_approximate && args.remaining() > 1 {
            args.accept("=");
        }
        Ok(())
    }

    /// What the options mean together. Without a threshold there is nothing to trim, or `missing` is the error.
    ///
    /// Where a limit was given, Redis records the exact threshold that it came to and leaves the limit there: what is replayed has
    /// been limited already.
    pub(super) fn finish(&self, missing: Option<Error>, now: UnixMillis) -> Result<Option<Trim>, Error> {
        if self.threshold.is_none() && self.limit.is_some_and(|limit| limit > 0) {
            return Err(Error::Text(
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ));
        }
        if let (None, Some(error)) = (self.threshold, missing) {
            return Err(error);
        }
        let is_replayed = now == UnixMillis::BEFORE_EVERYTHING;
        if self.limit.is_some() && !self.is_approximate && !is_replayed {
            return Err(Error::Text("ERR syntax error, LIMIT cannot be used without the special ~ option"));
        }
        let Some(threshold) = self.threshold else { return Ok(None) };
        let limit = self.limit.filter(|_| self.is_approximate);
        let (references, is_approximate) = (self.references.unwrap_or_default(), self.is_approximate);
        let says_more = matches!(self.references, Some(References::Keep | References::Delete));
        Ok(Some(Trim { threshold, references, is_approximate, limit, says_more }))
    }
}

fn default_limit(nodes: NodeLimits) -> u64 {
    match nodes.entries.saturating_mul(NODES_AT_ONCE) {
        0 => LIMIT_WITHOUT_NODES,
        limit => limit.min(LIMIT_MAX),
    }
}

fn not_negative(args: &mut Args<'_>, error: &'static str) -> Result<u64, Error> {
    let number = args.integer();
    args.check()?;
    u64::try_from(number).map_err(|_| Error::Text(error))
}

/// Takes the word that says what happens to references, if the next one does; it may come once.
pub(super) fn accept_references(
    references: &mut Option<References>,
    args: &mut Args<'_>,
) -> Result<bool, Error> {
    const WORDS: [(&str, References); 3] =
        [("KEEPREF", References::Keep), ("DELREF", References::Delete), ("ACKED", References::Await)];
    let Some((_, accepted)) = WORDS.iter().find(|(word, _)| args.accept(word)) else { return Ok(false) };
    match references.replace(*accepted) {
        None => Ok(true),
        Some(_) => Err(Error::Syntax),
    }
}

impl Trim {
    /// Trims the stream and returns how many entries went.
    fn apply(self, stream: &mut Stream, nodes: NodeLimits) -> u64 {
        let precision = if self.is_approximate {
            Precision::WholeNodes { limit: self.limit.unwrap_or_else(|| default_limit(nodes)) }
        } else {
            Precision::Exact
        };
        stream.trim(self.threshold, precision, self.references)
    }

    /// Whether the same words remove the same entries of a stream whose nodes are cut elsewhere.
    fn is_exact(self) -> bool {
        !self.is_approximate
    }

    /// Whether that is so, and no words are in it that Redis 8.0 doesn't know though it could be told what they do.
    pub(super) fn is_repeatable(self) -> bool {
        self.is_exact() && !self.says_more
    }

    /// The words that remove the entries that were removed when `stream` was left.
    ///
    /// What is removed in whole nodes are the first entries, whatever the references to those that stay.
    pub(super) fn words(self, stream: &Stream) -> Line {
        let threshold = match self.threshold {
            threshold if self.is_exact() => threshold,
            Threshold::Id(_) if !stream.is_empty() => Threshold::Id(stream.first_id()),
            _ => Threshold::Length(stream.len()),
        };
        let mut words = match threshold {
            Threshold::Length(length) => vec![b"MAXLEN".to_vec(), b"=".to_vec(), decimal(length)],
            Threshold::Id(id) => vec![b"MINID".to_vec(), b"=".to_vec(), id_word(id)],
        };
        if self.references == References::Await && self.is_exact() {
            words.push(b"ACKED".to_vec());
        }
        words
    }

    /// Trims the stream, and returns how many entries went and the lines that drop references to them, if these go, too.
    pub(super) fn apply_for(
        self,
        (key, stream): (&[u8], &mut Stream),
        nodes: NodeLimits,
        effect: &Effect,
    ) -> (u64, Vec<Line>) {
        let drops = self.references == References::Delete && effect.is_recorded();
        let before = drops.then(|| PendingEntries::of(stream));
        let removed = self.apply(stream, nodes);
        (removed, before.map_or_else(Vec::new, |before| before.released(key, stream)))
    }
}

fn xtrim(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let mut options = TrimOptions::default();
    while call.args.remaining() > 0 {
        if !options.accept(&mut call.args)? {
            return Err(Error::Syntax);
        }
    }
    let missing = Error::Text("ERR syntax error, XTRIM must be called with a trimming strategy");
    let trim = options.finish(Some(missing), call.now)?.expect("a missing threshold is an error");

    let mut guard = call.keys.write(key);
    let (nodes, mut removed) = (guard.thresholds().stream_node(), 0);
    if let Some(stream) = guard.existing_stream()? {
        let released;
        (removed, released) = trim.apply_for((key, &mut *stream), nodes, call.effect);
        if removed > 0 && !trim.is_repeatable() {
            call.effect.rewrite_line(|| [vec![b"XTRIM".to_vec(), key.to_vec()], trim.words(stream)].concat());
        }
        call.effect.add_lines(released);
    }
    guard.count_changes(removed);

    call.reply.integer(removed as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    const FIVE: &str = "XADD s 1-1 f v => \"1-1\"
         XADD s 2-1 f v => \"2-1\"
         XADD s 3-1 f v => \"3-1\"
         XADD s 4-1 f v => \"4-1\"
         XADD s 5-1 f v => \"5-1\"";

    #[test]
    fn the_oldest_entries_go() {
        check(&format!(
            "{FIVE}
             XTRIM s MAXLEN 4               => 1
             XTRIM s MINID = 4              => 2
             XTRIM s MAXLEN ~ 0 LIMIT 1     => 0
             XTRIM s MAXLEN ~ 1             => 0
             XLEN s                         => 2
             XTRIM s MAXLEN ~ 0             => 2
             XTRIM s MAXLEN 0               => 0
             XTRIM none MAXLEN 0            => 0
             XLEN s                         => 0
             EXISTS s                       => 1"
        ));
    }

    #[test]
    fn references_are_looked_after() {
        check(&format!(
            "{FIVE}
             XGROUP CREATE s g 0            => OK
             XREADGROUP GROUP g c COUNT 2 STREAMS s > => *
             XACK s g 1-1                   => 1
             XTRIM s MAXLEN = 0 ACKED       => 1
             XLEN s                         => 4
             XTRIM s MAXLEN 3 DELREF        => 1
             XPENDING s g - + 10            => []
             XTRIM s MAXLEN 3 DELREF ACKED  => ERR syntax error"
        ));
    }

    #[test]
    fn what_makes_no_sense() {
        check(
            "XTRIM s MAXLEN 1 MINID 1       => ERR syntax error, MAXLEN and MINID options at the same time are not compatible
             XTRIM s MAXLEN 1 LIMIT 1       => ERR syntax error, LIMIT cannot be used without the special ~ option
             XTRIM s LIMIT 1                => ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
             XTRIM s KEEPREF LIMIT 1        => ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
             XTRIM s MAXLEN -1              => ERR The MAXLEN argument must be >= 0.
             XTRIM s MAXLEN ~ 1 LIMIT -1    => ERR The LIMIT argument must be >= 0.
             XTRIM s MAXLEN x               => ERR value is not an integer or out of range
             XTRIM s MINID x                => ERR Invalid stream ID specified as stream command argument
             XTRIM s MAXLEN ~               => ERR value is not an integer or out of range
             XTRIM s MAXLEN 1 x             => ERR syntax error",
        );
    }
}

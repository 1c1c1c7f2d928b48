//! How sorted sets are combined.

use crate::command::args::Args;
use crate::commands::sorted_set::Scores;
use crate::error::Error;
use spinel_resp::number::parse_double;

/// How the scores that a member has in several inputs make one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Aggregate {
    Sum,
    Min,
    Max,
    /// The sum of the weights of the inputs that have the member, whatever its scores.
    Count,
}

impl Aggregate {
    /// What an input gives to the score of a member that no input before it had.
    pub(super) fn first(self, score: f64, weight: f64) -> f64 {
        or_zero(self.next(score, weight))
    }

    /// What an input gives to the score of a member. It may not be a number.
    pub(super) fn next(self, score: f64, weight: f64) -> f64 {
        if self == Aggregate::Count { weight } else { score * weight }
    }

    /// Makes one score of two.
    pub(super) fn join(self, left: f64, right: f64) -> f64 {
        match self {
            // Infinities of both signs.
            Aggregate::Sum | Aggregate::Count => or_zero(left + right),
            Aggregate::Min => {
                if right < left {
                    right
                } else {
                    left
                }
            }
            Aggregate::Max => {
                if right > left {
                    right
                } else {
                    left
                }
            }
        }
    }
}

fn or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Which options a command has.
#[derive(Clone, Copy)]
pub(super) struct Takes {
    pub(super) weights: bool,
    pub(super) scores: bool,
    pub(super) limit: bool,
}

/// What a command says behind its keys.
pub(super) struct Options {
    /// As many as there are inputs, or none.
    pub(super) weights: Vec<f64>,
    pub(super) aggregate: Aggregate,
    pub(super) scores: Scores,
    /// Where to stop counting; 0: nowhere.
    pub(super) limit: usize,
}

/// Reads the number of keys and the keys.
pub(super) fn keys<'a>(args: &mut Args<'a>, name: &'static str) -> Result<&'a [&'a [u8]], Error> {
    let count = args.integer();
    args.check()?;
    if count < 1 {
        return Err(Error::Made(format!("ERR at least 1 input key is needed for '{name}' command")));
    }
    args.take(usize::try_from(count).unwrap_or(usize::MAX))
}

impl Options {
    pub(super) fn parse(args: &mut Args<'_>, inputs: usize, takes: Takes) -> Result<Options, Error> {
        let mut options =
            Options { weights: Vec::new(), aggregate: Aggregate::Sum, scores: Scores::Hidden, limit: 0 };
        while args.remaining() > 0 {
            if takes.weights && args.remaining() > inputs && args.accept("WEIGHTS") {
                options.weights = weights(args.take(inputs)?)?;
            } else if takes.weights && args.remaining() > 1 && args.accept("AGGREGATE") {
                options.aggregate = aggregate(args)?;
            } else if takes.scores && args.accept("WITHSCORES") {
                options.scores = Scores::Shown;
            } else if takes.limit && args.remaining() > 1 && args.accept("LIMIT") {
                options.limit = args.not_negative(Error::Text("ERR LIMIT can't be negative"))?;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

fn weights(words: &[&[u8]]) -> Result<Vec<f64>, Error> {
    let weight = |word: &&[u8]| parse_double(word).ok_or(Error::Text("ERR weight value is not a float"));
    words.iter().map(weight).collect()
}

fn aggregate(args: &mut Args<'_>) -> Result<Aggregate, Error> {
    let names = [
        ("SUM", Aggregate::Sum),
        ("MIN", Aggregate::Min),
        ("MAX", Aggregate::Max),
        ("COUNT", Aggregate::Count),
    ];
    let named = names.into_iter().find(|(name, _)| args.accept(name));
    named.map(|(_, aggregate)| aggregate).ok_or(Error::Syntax)
}

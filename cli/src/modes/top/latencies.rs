//! How long commands took, as `LATENCY HISTOGRAM` counts it.

use crate::format::text;
use spinel_resp::value::Value;
use std::collections::BTreeMap;

/// How many calls took at most so many microseconds, and more than the bound before.
pub(super) type Histogram = BTreeMap<u64, u64>;

/// The histograms of all commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Latencies(BTreeMap<String, Histogram>);

impl Latencies {
    /// Reads the reply; nothing if it is none.
    pub(super) fn read(reply: &Value) -> Option<Self> {
        let mut latencies = BTreeMap::new();
        for (name, description) in pairs(reply)? {
            let name = String::from_utf8_lossy(text(name)?).to_ascii_lowercase();
            let fields = pairs(description)?;
            let counts = fields.iter().find(|(field, _)| text(field) == Some(b"histogram_usec"))?.1;
            latencies.insert(name, histogram(counts)?);
        }
        Some(Self(latencies))
    }

    /// What came to the histogram of a command since an earlier time.
    pub(super) fn since(&self, before: &Self, name: &str) -> Histogram {
        let none = Histogram::new();
        let (now, then) = (self.0.get(name).unwrap_or(&none), before.0.get(name).unwrap_or(&none));
        let counts = now
            .iter()
            .map(|(bound, count)| (*bound, count.saturating_sub(then.get(bound).copied().unwrap_or(0))));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// What came to all histograms since an earlier time.
    pub(super) fn all_since(&self, before: &Self) -> Histogram {
        let mut sum = Histogram::new();
        for (bound, count) in self.0.keys().flat_map(|name| self.since(before, name)) {
            *sum.entry(bound).or_insert(0) += count;
        }
        sum
    }
}

/// The bound in microseconds below which that share of the calls took; nothing without calls.
pub(super) fn percentile(histogram: &Histogram, share: f64) -> Option<u64> {
    let total: u64 = histogram.values().sum();
    let mut left = (total as f64 * share).ceil().max(1.0) as u64;
    for (bound, count) in histogram {
        if *count >= left {
            return Some(*bound);
        }
        left -= count;
    }
    None
}

/// Reads bounds with the numbers of all calls below them.
fn histogram(counts: &Value) -> Option<Histogram> {
    let mut below = 0;
    let mut histogram = Histogram::new();
    for (bound, count) in pairs(counts)? {
        let (Value::Integer(bound), Value::Integer(count)) = (bound, count) else { return None };
        let count = u64::try_from(*count).ok()?;
        histogram.insert(u64::try_from(*bound).ok()?, count.saturating_sub(below));
        below = count;
    }
    Some(histogram)
}

/// The pairs of a map, or of an array that stands for one.
fn pairs(value: &Value) -> Option<Vec<(&Value, &Value)>> {
    match value {
        Value::Map(pairs) => Some(pairs.iter().map(|(name, value)| (name, value)).collect()),
        Value::Array(elements) => Some(elements.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(counts: &[i64]) -> Value {
        let word = |word: &str| Value::Bulk(word.into());
        let counts = Value::Array(counts.iter().copied().map(Value::Integer).collect());
        let fields = vec![word("calls"), Value::Integer(9), word("histogram_usec"), counts];
        Value::Array(vec![word("get"), Value::Array(fields)])
    }

    #[test]
    fn percentiles_are_of_what_came_since() {
        let before = Latencies::read(&reply(&[1, 100, 4, 110])).unwrap();
        let now = Latencies::read(&reply(&[1, 190, 2, 195, 4, 209, 1024, 210])).unwrap();
        let since = now.since(&before, "get");

        assert_eq!(since, Histogram::from([(1, 90), (2, 5), (4, 4), (1024, 1)]));
        let of = |share| percentile(&since, share);
        assert_eq!((of(0.5), of(0.95), of(0.99), of(0.999)), (Some(1), Some(2), Some(4), Some(1024)));
        assert_eq!(now.all_since(&before), since);
        assert_eq!(percentile(&Histogram::new(), 0.5), None);
        assert_eq!(Latencies::read(&Value::Error(b"ERR".to_vec())), None);
    }
}

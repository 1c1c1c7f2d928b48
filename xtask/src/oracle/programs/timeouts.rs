//! How long a command may block.

use std::time::Duration;

/// Timeouts up to this end while the program waits for them; longer ones count as endless.
const SHORT_MAX: Duration = Duration::from_secs(1);

/// Returns the time after which a call gives up waiting, if it is short.
pub(crate) fn short(words: &[Vec<u8>]) -> Option<Duration> {
    let name = words.first()?.to_ascii_lowercase();
    let duration = match &name[..] {
        b"blpop" | b"brpop" | b"blmove" | b"brpoplpush" | b"bzpopmin" | b"bzpopmax" => seconds(words.last()?),
        b"blmpop" | b"bzmpop" => seconds(words.get(1)?),
        b"wait" | b"waitaof" => milliseconds(words.last()?),
        b"xread" | b"xreadgroup" => {
            let block = words.iter().position(|word| word.eq_ignore_ascii_case(b"block"))?;
            milliseconds(words.get(block + 1)?)
        }
        _ => None,
    };
    duration.filter(|duration| !duration.is_zero() && *duration <= SHORT_MAX)
}

fn seconds(word: &[u8]) -> Option<Duration> {
    let seconds: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    // The servers count in whole milliseconds and round up.
    Duration::try_from_secs_f64(seconds).ok()
}

fn milliseconds(word: &[u8]) -> Option<Duration> {
    std::str::from_utf8(word).ok()?.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short_ms(line: &str) -> Option<u128> {
        let words: Vec<Vec<u8>> = line.split(' ').map(Into::into).collect();
        short(&words).map(|duration| duration.as_millis())
    }

    #[test]
    fn only_timeouts_that_end_count() {
        assert_eq!(short_ms("BLPOP l 0.01"), Some(10));
        assert_eq!(short_ms("BLPOP l 0"), None);
        assert_eq!(short_ms("BLPOP l 1000"), None);
        assert_eq!(short_ms("BLMPOP 0.5 1 l LEFT"), Some(500));
        assert_eq!(short_ms("xread count 1 block 7 STREAMS s $"), Some(7));
        assert_eq!(short_ms("WAIT 1 5"), Some(5));
        assert_eq!(short_ms("BLPOP l abc"), None);
        assert_eq!(short_ms("LPOP l 1"), None);
    }
}

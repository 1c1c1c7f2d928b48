//! Numbers as they are read best.

use super::canvas::Charset;

/// A number of things: `7`, `12,345`, `1.23M`.
pub(super) fn count(number: f64) -> String {
    let number = number.max(0.0);
    if number < 99_999.5 {
        let digits = format!("{number:.0}");
        let (thousands, rest) = digits.split_at(digits.len().saturating_sub(3));
        return if thousands.is_empty() { rest.to_owned() } else { format!("{thousands},{rest}") };
    }
    scaled(number, 1000.0, &["k", "M", "G", "T", "P"])
}

/// A rate: as a count, with a fraction if it is small.
pub(super) fn rate(number: f64) -> String {
    if number > 0.0 && number < 9.95 { format!("{number:.1}") } else { count(number) }
}

/// A number of bytes: `80B`, `4.62K`, `1.39M`.
pub(super) fn bytes(number: f64) -> String {
    if number < 1024.0 {
        format!("{:.0}B", number.max(0.0))
    } else {
        scaled(number, 1024.0, &["K", "M", "G", "T", "P"])
    }
}

/// A number with three digits that count and a unit.
fn scaled(number: f64, step: f64, units: &[&str]) -> String {
    let mut amount = number;
    let mut unit = "";
    for next in units {
        if amount < step - 0.5 {
            break;
        }
        amount /= step;
        unit = next;
    }
    let decimals = match amount {
        small if small < 9.995 => 2,
        middle if middle < 99.95 => 1,
        _ => 0,
    };
    format!("{amount:.decimals$}{unit}")
}

/// A share in hundredths.
pub(super) fn percent(number: f64) -> String {
    format!("{number:.1}%")
}

/// A time that something took: `4us`, `1.2ms`, `3.4s`.
pub(super) fn microseconds(number: f64, charset: Charset) -> String {
    match number {
        small if small < 9.95 && small.fract() > 0.0 => format!("{small:.1}{}", charset.pick("µs", "us")),
        small if small < 999.5 => format!("{small:.0}{}", charset.pick("µs", "us")),
        middle if middle < 99_950.0 => format!("{:.1}ms", middle / 1_000.0),
        middle if middle < 999_500.0 => format!("{:.0}ms", middle / 1_000.0),
        large => format!("{:.1}s", large / 1_000_000.0),
    }
}

/// How long something is or was: `12s`, `3min`, `4h 05m`, `5d 06h`.
pub(super) fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}min"),
        3600..86400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

/// The last values as a row of bars, the newest at the right.
pub(super) fn sparkline(
    values: impl DoubleEndedIterator<Item = f64>,
    width: usize,
    charset: Charset,
) -> String {
    let bars: Vec<char> = charset.pick("▁▂▃▄▅▆▇█", "_.:-=+*#").chars().collect();
    let mut last: Vec<f64> = values.rev().take(width).collect();
    last.reverse();
    let highest = last.iter().copied().fold(0.0, f64::max);
    let bar = |value: f64| {
        let height = if highest > 0.0 { value / highest * (bars.len() - 1) as f64 } else { 0.0 };
        bars[(height.round() as usize).min(bars.len() - 1)]
    };
    last.into_iter().map(bar).collect()
}

/// A bar of which a share is full.
pub(super) fn gauge(share: f64, width: usize, charset: Charset) -> String {
    let full = ((share.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
    format!("{}{}", charset.pick("█", "#").repeat(full), charset.pick("░", ".").repeat(width - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits() {
        let counts =
            [(0.4, "0"), (999.0, "999"), (1000.0, "1,000"), (99_999.0, "99,999"), (123_456.0, "123k")];
        for (number, text) in counts.into_iter().chain([(999_999.0, "1.00M"), (5e9, "5.00G")]) {
            assert_eq!(count(number), text);
        }
        assert_eq!((rate(0.0), rate(0.25), rate(12.3)), ("0".into(), "0.2".into(), "12".into()));
        assert_eq!(
            (bytes(1023.0), bytes(1536.0), bytes(2e9)),
            ("1023B".into(), "1.50K".into(), "1.86G".into())
        );
        let time = |number| microseconds(number, Charset::Ascii);
        assert_eq!((time(4.0), time(4.25), time(1_234.0)), ("4us".into(), "4.2us".into(), "1.2ms".into()));
        assert_eq!((time(250_000.0), time(3_400_000.0)), ("250ms".into(), "3.4s".into()));
        assert_eq!((age(59), age(3599), age(3660)), ("59s".into(), "59min".into(), "1h 01m".into()));
        assert_eq!(age(100 * 3600), "4d 04h");
    }

    #[test]
    fn rows_of_bars_grow_to_the_right() {
        let line = |values: &[f64]| sparkline(values.iter().copied(), 4, Charset::Ascii);
        assert_eq!(line(&[9.0, 0.0, 1.0, 7.0, 3.5]), "_.#=");
        assert_eq!(line(&[0.0, 0.0]), "__");
        assert_eq!(line(&[]), "");
        assert_eq!(gauge(0.5, 4, Charset::Ascii), "##..");
        assert_eq!(gauge(7.0, 4, Charset::Unicode), "████");
    }
}

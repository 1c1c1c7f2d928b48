//! What was measured, and how it is shown: a table for people, JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::server::{Contender, Side};

/// Which direction of a figure is the good one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// What a figure of ours has to keep.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// This share of the best peer's figure, measured in the same run.
    OfBest(f64),
    /// This figure itself.
    Absolute(f64),
}

/// One line of the table.
pub(crate) struct Measure {
    /// What was measured, with its circumstances.
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// None for figures that only inform.
    pub(crate) limit: Option<Limit>,
    /// Per contender, one figure per round.
    pub(crate) samples: Vec<Vec<f64>>,
}

/// The lines of one row of the benchmark, and what has to be said about them.
#[derive(Default)]
pub(crate) struct Section {
    pub(crate) measures: Vec<Measure>,
    pub(crate) notes: Vec<String>,
}

impl Section {
    /// Adds a line.
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        unit: &'static str,
        goal: (Better, Option<Limit>),
        samples: Vec<Vec<f64>>,
    ) {
        self.measures.push(Measure { name: name.into(), unit, better: goal.0, limit: goal.1, samples });
    }

    /// Adds a remark that is printed below the table.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

/// How a figure of ours stands against its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Miss,
    /// Nothing of ours was measured, there is no peer, or there is no limit.
    Open,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Miss => "MISS",
            Self::Open => "",
        }
    }
}

impl Measure {
    /// Returns the median figure of the contender `index`, or none where nothing was measured.
    fn median(&self, index: usize) -> Option<f64> {
        (!self.samples[index].is_empty()).then(|| median(&self.samples[index]))
    }

    /// Returns ours divided by the best peer's, of medians.
    pub(crate) fn ratio(&self, contenders: &[Contender]) -> Option<f64> {
        let medians = |side| {
            let chosen = contenders.iter().enumerate().filter(move |(_, contender)| contender.side == side);
            chosen.filter_map(|(index, _)| self.median(index))
        };
        let best = match self.better {
            Better::Lower => medians(Side::Peer).reduce(f64::min),
            Better::Higher => medians(Side::Peer).reduce(f64::max),
        };
        Some(medians(Side::Ours).next()? / best?)
    }

    /// Returns whether ours keeps the limit.
    pub(crate) fn verdict(&self, contenders: &[Contender]) -> Verdict {
        let ours = contenders.iter().position(|contender| contender.side == Side::Ours);
        let (figure, limit) = match self.limit {
            None => return Verdict::Open,
            Some(Limit::OfBest(share)) => (self.ratio(contenders), share),
            Some(Limit::Absolute(limit)) => (ours.and_then(|index| self.median(index)), limit),
        };
        match figure {
            None => Verdict::Open,
            Some(figure) if self.better == Better::Lower && figure <= limit => Verdict::Pass,
            Some(figure) if self.better == Better::Higher && figure >= limit => Verdict::Pass,
            Some(_) => Verdict::Miss,
        }
    }

    fn limit_text(&self) -> String {
        let sign = if self.better == Better::Lower { "≤" } else { "≥" };
        match self.limit {
            None => String::new(),
            Some(Limit::OfBest(share)) => format!("{sign} {share} × best peer"),
            Some(Limit::Absolute(limit)) => format!("{sign} {limit}"),
        }
    }

    fn markdown(&self, contenders: &[Contender]) -> String {
        let mut line = format!("| {} | {} |", self.name, self.unit);
        for samples in &self.samples {
            let _ = write!(line, " {} |", cell(samples));
        }
        let ratio = self.ratio(contenders).map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let _ = write!(line, " {ratio} | {} | {} |", self.limit_text(), self.verdict(contenders).word());
        line
    }

    fn json(&self, contenders: &[Contender]) -> Value {
        let figures = contenders.iter().zip(&self.samples).map(|(contender, samples)| {
            let figure =
                json!({ "median": (!samples.is_empty()).then(|| median(samples)), "rounds": samples });
            (contender.name.clone(), figure)
        });
        json!({
            "name": self.name,
            "unit": self.unit,
            "figures": figures.collect::<serde_json::Map<_, _>>(),
            "ratio": self.ratio(contenders),
            "limit": self.limit_text(),
            "verdict": self.verdict(contenders).word(),
        })
    }
}

/// Returns the Markdown table of a section with its notes below.
pub(crate) fn markdown(title: &str, section: &Section, contenders: &[Contender]) -> String {
    let mut text = format!("### {title}\n\n| measured | unit |");
    for contender in contenders {
        let _ = write!(text, " {} |", contender.name);
    }
    text.push_str(" ratio | limit | |\n|---|---|");
    text.push_str(&"---|".repeat(contenders.len() + 3));
    text.push('\n');
    for measure in &section.measures {
        text.push_str(&measure.markdown(contenders));
        text.push('\n');
    }
    for note in &section.notes {
        let _ = write!(text, "\n{note}\n");
    }
    text
}

/// Returns the section as JSON.
pub(crate) fn json(title: &str, section: &Section, contenders: &[Contender]) -> Value {
    let measures: Vec<Value> = section.measures.iter().map(|measure| measure.json(contenders)).collect();
    json!({ "row": title, "measures": measures, "notes": section.notes })
}

/// Returns the middle of `samples`, which must not be empty.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// Formats the median, and the range where there was more than one round.
fn cell(samples: &[f64]) -> String {
    match samples {
        [] => "–".to_owned(),
        [one] => figure(*one),
        many => {
            let lowest = many.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = many.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            format!("{} ({}–{})", figure(median(many)), figure(lowest), figure(highest))
        }
    }
}

/// Formats a figure with about three digits.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => thousands(value.round() as i64),
    }
}

fn thousands(number: i64) -> String {
    let digits = number.abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(name: &str, side: Side) -> Contender {
        Contender { name: name.to_owned(), version: String::new(), program: name.into(), side }
    }

    fn contenders() -> Vec<Contender> {
        vec![contender("spinel", Side::Ours), contender("one", Side::Peer), contender("two", Side::Peer)]
    }

    fn measure(better: Better, limit: Option<Limit>, samples: [&[f64]; 3]) -> Measure {
        let samples = samples.map(<[f64]>::to_vec).to_vec();
        Measure { name: "GET".to_owned(), unit: "µs", better, limit, samples }
    }

    #[test]
    fn the_best_peer_is_the_lowest_or_the_highest() {
        let samples: [&[f64]; 3] = [&[3.0], &[4.0], &[6.0]];
        assert_eq!(measure(Better::Lower, None, samples).ratio(&contenders()), Some(0.75));
        assert_eq!(measure(Better::Higher, None, samples).ratio(&contenders()), Some(0.5));
    }

    #[test]
    fn the_verdict_follows_the_limit() {
        let of_best = |share| {
            let limit = Some(Limit::OfBest(share));
            measure(Better::Lower, limit, [&[3.0], &[4.0], &[6.0]]).verdict(&contenders())
        };
        assert_eq!((of_best(0.75), of_best(0.74)), (Verdict::Pass, Verdict::Miss));
        let absolute = |limit| {
            let limit = Some(Limit::Absolute(limit));
            measure(Better::Higher, limit, [&[3.0], &[], &[]]).verdict(&contenders())
        };
        assert_eq!((absolute(3.0), absolute(3.1)), (Verdict::Pass, Verdict::Miss));
        let without_ours = measure(Better::Lower, Some(Limit::OfBest(1.0)), [&[], &[4.0], &[6.0]]);
        assert_eq!(without_ours.verdict(&contenders()), Verdict::Open);
    }

    #[test]
    fn figures_keep_three_digits() {
        assert_eq!(cell(&[0.591, 0.6, 0.58]), "0.59 (0.58–0.60)");
        assert_eq!(cell(&[1_234_567.0]), "1,234,567");
        assert_eq!(cell(&[42.06]), "42.1");
    }
}

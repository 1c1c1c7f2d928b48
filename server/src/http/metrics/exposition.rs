//! The text format of Prometheus, version 0.0.4: families of samples, each with its type and what it means.

use std::collections::HashSet;
use std::fmt::{Display, Write};

/// The type of a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A number that goes up and down.
    Gauge,
    /// A number that only grows.
    Counter,
    /// Quantiles, a sum and a count.
    Summary,
    /// Counts of what is at most so large, a sum and a count.
    Histogram,
}

/// Metrics as they are being written.
#[derive(Default)]
pub(super) struct Exposition {
    text: String,
    /// Families so far: one that stands twice would make the whole text unreadable.
    families: HashSet<String>,
}

/// A family whose samples are being written.
pub(super) struct Family<'e> {
    text: &'e mut String,
    name: &'e str,
}

impl Exposition {
    /// Begins a family.
    pub(super) fn family<'e>(&'e mut self, name: &'e str, about: &str, kind: Kind) -> Family<'e> {
        let is_new = self.families.insert(name.to_owned());
        debug_assert!(is_new, "{name} stands twice");
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Summary => "summary",
            Kind::Histogram => "histogram",
        };
        write!(self.text, "# HELP {name} {about}\n# TYPE {name} {kind}\n").expect("memory takes any text");
        Family { text: &mut self.text, name }
    }

    /// A gauge without labels.
    pub(super) fn gauge(&mut self, name: &str, about: &str, value: impl Display) {
        self.family(name, about, Kind::Gauge).sample(&[], value);
    }

    /// A counter without labels.
    pub(super) fn counter(&mut self, name: &str, about: &str, value: impl Display) {
        self.family(name, about, Kind::Counter).sample(&[], value);
    }

    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.suffixed("", labels, value)
    }

    /// Adds a sample whose name has something behind it, as the sum of a summary.
    pub(super) fn suffixed(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        value: impl Display,
    ) -> &mut Self {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (place, (name, content)) in labels.iter().enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            content.chars().for_each(|letter| match letter {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                letter => self.text.push(letter),
            });
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        writeln!(self.text, " {value}").expect("memory takes any text");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_the_format_says() {
        let mut out = Exposition::default();
        out.gauge("a", "A number.", 1.5);
        let labels = [("q", "say \"hi\"\\\n"), ("r", "")];
        out.family("b", "Others.", Kind::Summary).sample(&labels, 2).suffixed("_sum", &[], 3);
        let expected = "# HELP a A number.\n# TYPE a gauge\na 1.5\n# HELP b Others.\n# TYPE b summary\n\
            b{q=\"say \\\"hi\\\"\\\\\\n\",r=\"\"} 2\nb_sum 3\n";
        assert_eq!(out.into_text(), expected);
    }
}

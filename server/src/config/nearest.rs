//! The name that somebody probably meant.

/// The closest of `names`, if it is close enough to be meant. Quadratic in the lengths of two names.
pub(crate) fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let word = word.to_ascii_lowercase();
    let edits_max = (word.len() / 3).clamp(1, 3);
    if word.len() > 64 {
        return None;
    }
    names
        .map(|name| (distance(word.as_bytes(), name.as_bytes()), name))
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// How many letters to insert, drop, change or swap with their neighbour to get from one word to the other.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in to.iter().enumerate() {
            let change = last[j] + usize::from(letter != other);
            let mut edits = change.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == to[j - 1] && from[i - 1] == *other {
                edits = edits.min(before_last[j - 1] + 1);
            }
            row.push(edits);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_of_the_finger_are_recognized() {
        let names = ["port", "bind", "maxmemory", "maxmemory-policy"];
        for (word, expected) in [
            ("prot", Some("port")),
            ("maxmemroy", Some("maxmemory")),
            ("MAXMEMORY-POLICI", Some("maxmemory-policy")),
            ("gibberish", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names.into_iter()), expected, "{word}");
        }
    }
}

//! The command that somebody probably meant.

/// The closest of `names`, if it is close enough to be meant. Quadratic in the lengths of two names.
pub(super) fn nearest<'names>(word: &str, names: impl Iterator<Item = &'names str>) -> Option<&'names str> {
    const LETTERS_MAX: usize = 40;
    let word: Vec<u8> = word.to_ascii_uppercase().into_bytes();
    if word.len() > LETTERS_MAX {
        return None;
    }
    let edits_max = (word.len() / 3).clamp(1, 2);
    let candidates = names.map(|name| (edits(&word, name.as_bytes()), name));
    candidates.filter(|(edits, _)| *edits <= edits_max).min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// How many letters are to be inserted, dropped, changed or swapped with their neighbours.
fn edits(from: &[u8], to: &[u8]) -> usize {
    // Rows of a table: edits[i][j] leads from the first i letters to the first j.
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let changed = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        let names = ["GET", "SET", "HGETALL", "EXPIRE"];
        let found = |word| nearest(word, names.into_iter());
        assert_eq!(found("gett"), Some("GET"));
        assert_eq!(found("hgteall"), Some("HGETALL"));
        assert_eq!(found("expir"), Some("EXPIRE"));
        assert_eq!((found("frobnicate"), found("")), (None, None));
        assert_eq!(found(&"x".repeat(1000)), None);
    }
}

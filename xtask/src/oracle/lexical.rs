//! Ranges of members mean something only where all scores are equal. Elsewhere the reference's answer depends on
//! the random heights in its skip list, so they are asked of one sorted set that has no other score than 0.

/// The key of that sorted set. No other call names it.
const LEXICAL: &[u8] = b"lexical";

/// Sends ranges of members to the sorted set of equal scores, and to it some of what is added to sorted sets.
pub(crate) fn redirect(words: &mut [Vec<u8>]) {
    let by_member = words.iter().any(|word| word.eq_ignore_ascii_case(b"bylex"));
    match &words[0].to_ascii_lowercase()[..] {
        b"zlexcount" | b"zrangebylex" | b"zrevrangebylex" | b"zremrangebylex" => lead(words, 1),
        b"zrange" if by_member => lead(words, 1),
        b"zrangestore" if by_member => lead(words, 2),
        // The first letter of the last member is as good as chance.
        b"zadd" if words.last().is_some_and(|member| matches!(member.first(), Some(b'a'..=b'd'))) => {
            lead(words, 1);
            words.iter_mut().skip(2).rev().skip(1).step_by(2).for_each(level);
        }
        _ => {}
    }
}

fn lead(words: &mut [Vec<u8>], place: usize) {
    if let Some(key) = words.get_mut(place) {
        *key = LEXICAL.to_vec();
    }
}

/// Makes a score 0; what is no score stays.
fn level(score: &mut Vec<u8>) {
    let is_number = std::str::from_utf8(score).is_ok_and(|text| text.parse::<f64>().is_ok());
    if is_number || score.starts_with(b"0x") {
        *score = b"0".to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirected(line: &str) -> String {
        let mut words: Vec<Vec<u8>> = line.split(' ').map(Into::into).collect();
        redirect(&mut words);
        String::from_utf8(words.join(&b' ')).unwrap()
    }

    #[test]
    fn members_are_compared_where_scores_are_equal() {
        assert_eq!(redirected("ZLEXCOUNT a - +"), "ZLEXCOUNT lexical - +");
        assert_eq!(redirected("zrange a - + ByLex"), "zrange lexical - + ByLex");
        assert_eq!(redirected("ZRANGESTORE a b - + BYLEX"), "ZRANGESTORE a lexical - + BYLEX");
        assert_eq!(redirected("ZRANGE a 0 1"), "ZRANGE a 0 1");
        assert_eq!(redirected("ZADD k XX CH 5 x 7 bc"), "ZADD lexical XX CH 0 x 0 bc");
        assert_eq!(redirected("ZADD k 5 x nan bc"), "ZADD lexical 0 x 0 bc");
        assert_eq!(redirected("ZADD k 5 x"), "ZADD k 5 x");
    }
}

//! Policies as snapshots carry them: fields of the file, which servers that don't know them pass over.
//!
//! One field says the version of all, one for each policy its own version and the words by which it is set.

use super::grammar::{parse, words};
use crate::command::args::Args;
use crate::error::Error;
use crate::keyspace::Keyspace;
use spinel_cache::policy::{Policies, Policy};
use spinel_types::http_cache::Fields;

const VERSION: &[u8] = b"http-cache-policies-version";
const POLICY: &[u8] = b"http-cache-policy";

const DAMAGED: Error = Error::Text("ERR it is damaged");

/// The fields that stand for policies: none if there never was one.
pub(crate) fn fields(policies: &Policies) -> Vec<(&'static [u8], Vec<u8>)> {
    let version = (policies.version() > 0).then(|| (VERSION, policies.version().to_string().into_bytes()));
    let written = policies.iter().map(|policy| (POLICY, encoded(policy)));
    version.into_iter().chain(written).collect()
}

/// Takes a field of a file that is loaded, if it is about policies. The caller has the keyspace for himself.
pub(crate) fn hear(keyspace: &Keyspace, name: &[u8], text: &[u8]) -> Result<(), Error> {
    let policies = keyspace.policies();
    if name == VERSION {
        keyspace.set_policies(policies.at_least(number(text)?));
    } else if name == POLICY {
        keyspace.set_policies(policies.restored(decoded(text)?));
    }
    Ok(())
}

fn encoded(policy: &Policy) -> Vec<u8> {
    let (version, words) = (policy.version.to_string(), words(policy));
    let all = std::iter::once(version.as_bytes()).chain(words.iter().map(Vec::as_slice));
    Fields::new(all.map(|word| (word, &b""[..]))).encoded().to_vec()
}

fn decoded(text: &[u8]) -> Result<Policy, Error> {
    let fields = Fields::from_encoded(text).ok_or(DAMAGED)?;
    let words: Vec<&[u8]> = fields.as_ref().iter().map(|(word, _)| word).collect();
    let (version, words) = words.split_first().ok_or(DAMAGED)?;
    let policy = parse(&mut Args::new(words, 0))?;
    Ok(Policy { version: number(version)?, ..policy })
}

fn number(text: &[u8]) -> Result<u64, Error> {
    spinel_resp::parse_integer(text).and_then(|number| u64::try_from(number).ok()).ok_or(DAMAGED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::HashSeed;

    fn loaded(fields: &[(&[u8], Vec<u8>)]) -> Result<Vec<(Vec<u8>, u64)>, Error> {
        let keyspace = Keyspace::new(1, HashSeed::new(1, 2));
        fields.iter().try_for_each(|(name, text)| hear(&keyspace, name, text))?;
        let policies = keyspace.policies();
        let all = policies.iter().map(|policy| (policy.name.to_vec(), policy.version));
        Ok(all.chain([(Vec::new(), policies.version())]).collect())
    }

    #[test]
    fn what_is_written_is_loaded() {
        let set = |name: &str| {
            let call = format!("{name} PATTERN * URL http://o/{{1}} TTL 5");
            parse(&mut Args::new(&call.split(' ').map(str::as_bytes).collect::<Vec<_>>(), 0))
                .expect("a policy")
        };
        let policies = Policies::default().with(set("a")).with(set("b")).with(set("c"));
        let policies = policies.without(b"b").expect("it is there");
        let expected = vec![(b"a".to_vec(), 1), (b"c".to_vec(), 3), (Vec::new(), 4)];
        assert_eq!(loaded(&fields(&policies)), Ok(expected));
        assert!(fields(&Policies::default()).is_empty());
        let none = policies.without(b"a").and_then(|rest| rest.without(b"c")).expect("they are there");
        assert_eq!(loaded(&fields(&none)), Ok(vec![(Vec::new(), 6)]), "versions never come back");
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let field =
            |words: &[&[u8]]| Fields::new(words.iter().map(|word| (*word, &b""[..]))).encoded().to_vec();
        for text in [
            b"x".to_vec(),
            Vec::new(),
            field(&[b"1"]),
            field(&[b"x", b"a", b"PATTERN", b"*", b"URL", b"http://o/"]),
            field(&[b"-1", b"a", b"PATTERN", b"*", b"URL", b"http://o/"]),
            field(&[b"1", b"a", b"PATTERN", b"*", b"URL", b"http://o/", b"LATER", b"1"]),
        ] {
            assert!(loaded(&[(POLICY, text.clone())]).is_err(), "{text:?}");
        }
        assert!(loaded(&[(VERSION, b"x".to_vec())]).is_err());
        assert!(loaded(&[(b"ctime", b"x".to_vec())]).is_ok());
    }
}

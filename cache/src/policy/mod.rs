//! Policies: which keys are fetched from where, and for how long what comes is used.
//!
//! A policy is for the keys that its pattern matches. Of several the one with the highest priority counts, of these the one whose
//! name comes first. It says the URL ([`UrlTemplate`]), tags, and [orders](Orders) about the answer.
//!
//! A list of policies never changes: whoever changes it makes another one, with the next version. So who reads keeps a list for as
//! long as he likes, and waits for nobody.

mod glob;
mod orders;
mod template;
mod url;

pub use glob::{Glob, Wildcard};
pub use orders::{NEGATIVE_MIN, Orders, Spans, Terms};
pub use template::{Fault, Template};
pub use url::{Form, Unfit, UrlTemplate};

use crate::headers::Headers;
use crate::storing::Cookies;
use http::HeaderName;
use http::header::HOST;
use spinel_types::http_cache::FieldsRef;
use std::sync::Arc;
use template::Sayings;

/// Longer keys have no policy: their URLs would be too long.
const KEY_BYTES_MAX: usize = 64 * 1024;

/// The longest tag that is made of a template.
const TAG_BYTES_MAX: usize = 4 * 1024;

/// What stands before the name of a policy in the tag that all it has fetched has.
const NAME_TAG: &[u8] = b"policy:";

/// The policy that had something fetched, as far as its tags tell.
pub fn name_of(tags: FieldsRef<'_>) -> Option<&[u8]> {
    tags.iter().find_map(|(tag, _)| of_tag(tag))
}

/// The policy whose tag this is, if it is one's.
pub fn of_tag(tag: &[u8]) -> Option<&[u8]> {
    tag.strip_prefix(NAME_TAG)
}

/// How what a policy has fetched is kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Keeping {
    /// The longest body that is stored, in bytes, if the policy says so.
    pub body_max: Option<u64>,
    /// Whether bodies in memory are compressed.
    pub compresses: bool,
    /// Whether bodies are for files, however short they are.
    pub is_for_disk: bool,
    /// What becomes of answers with `Set-Cookie`.
    pub cookies: Cookies,
    /// Whether what is used is fetched again by itself before it is no longer fresh.
    pub prewarms: bool,
}

/// A rule for the keys that match a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// What it is called.
    pub name: Box<[u8]>,
    /// Which keys it is for.
    pub pattern: Glob,
    /// What is fetched for them.
    pub url: UrlTemplate,
    /// For how long it is used.
    pub terms: Terms,
    /// How it is kept.
    pub keeping: Keeping,
    /// Of several policies for a key, the one with the highest counts.
    pub priority: i64,
    /// Tags that answers get.
    pub tags: Vec<Template>,
    /// Fields of requests that answers depend on, whatever they say.
    pub vary: Vec<HeaderName>,
    /// The version of all policies since which it is as it is.
    pub version: u64,
}

impl Policy {
    /// The fields of these names; nothing if one is no name of a field.
    pub fn field_names(names: &[&[u8]]) -> Option<Vec<HeaderName>> {
        names.iter().map(|name| HeaderName::from_bytes(name).ok()).collect()
    }

    /// Fields of requests that what it fetches depends on: those that it names, and those of which its URL is made, since two
    /// requests that differ in these are answered with different things.
    pub fn selecting(&self) -> Vec<HeaderName> {
        let mut names: Vec<_> = self.vary.iter().chain(self.url.headers()).cloned().collect();
        names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        names
    }

    /// Where it stands among others.
    fn rank(&self) -> impl Ord + '_ {
        (std::cmp::Reverse(self.priority), &self.name)
    }
}

/// What a request is for, as policies see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What patterns are compared with.
    pub key: &'a [u8],
    /// What is added to the URL.
    pub query: Option<&'a [u8]>,
    /// What the key is.
    pub form: Form,
}

impl<'a> Subject<'a> {
    /// A key of a command.
    pub fn plain(key: &'a [u8]) -> Subject<'a> {
        Subject { key, query: None, form: Form::Plain }
    }

    /// A key as a request with these fields has it: the HTTP door's requests have a field `Host`, and the calls of commands have none.
    pub fn of(key: &'a [u8], headers: Headers<'_>) -> Subject<'a> {
        if headers.has(HOST) { Subject::target(key) } else { Subject::plain(key) }
    }

    /// The target of a request, `host/path?query`: patterns are compared with `host/path`, and the query goes to the origin as it is.
    pub fn target(target: &'a [u8]) -> Subject<'a> {
        let end = target.iter().position(|byte| *byte == b'?');
        let (key, query) = match end {
            Some(end) => (&target[..end], Some(&target[end + 1..])),
            None => (target, None),
        };
        Subject { key, query, form: Form::Encoded }
    }
}

/// What a policy comes to for one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// The policy.
    pub policy: Arc<Policy>,
    /// What is fetched.
    pub url: String,
    /// What is ordered about the answer.
    pub orders: Orders,
}

/// The policies of a data set.
#[derive(Clone, Default, Debug)]
pub struct Policies {
    /// The one that counts first is first.
    list: Vec<Arc<Policy>>,
    version: u64,
}

impl Policies {
    /// A number that grows with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in the order in which they count.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Policy>> {
        self.list.iter()
    }

    /// The one of this name. O(policies).
    pub fn find(&self, name: &[u8]) -> Option<&Arc<Policy>> {
        self.list.iter().find(|policy| *policy.name == *name)
    }

    /// These with another one, which takes the place of one of its name, and gets the next version. O(policies).
    #[must_use]
    pub fn with(&self, policy: Policy) -> Policies {
        let version = self.version + 1;
        self.restored(Policy { version, ..policy })
    }

    /// These without the one of this name; nothing if there is none. O(policies).
    pub fn without(&self, name: &[u8]) -> Option<Policies> {
        self.find(name)?;
        let list = self.list.iter().filter(|policy| *policy.name != *name).cloned().collect();
        Some(Policies { list, version: self.version + 1 })
    }

    /// These with one that was written down with its version. O(policies).
    #[must_use]
    pub fn restored(&self, policy: Policy) -> Policies {
        let version = self.version.max(policy.version);
        let others = self.list.iter().filter(|other| other.name != policy.name).cloned();
        let mut list: Vec<_> = others.collect();
        let place = list.partition_point(|other| other.rank() < policy.rank());
        list.insert(place, Arc::new(policy));
        Policies { list, version }
    }

    /// These with a version that is not below this one.
    #[must_use]
    pub fn at_least(&self, version: u64) -> Policies {
        Policies { list: self.list.clone(), version: self.version.max(version) }
    }

    /// The policy for a key, with what the wildcards of its pattern stand for. O(policies) times the cost of a pattern.
    pub fn choose<'k>(&self, key: &'k [u8]) -> Option<(&Arc<Policy>, Vec<&'k [u8]>)> {
        if key.len() > KEY_BYTES_MAX {
            return None;
        }
        self.list.iter().find_map(|policy| Some((policy, policy.pattern.captures(key)?)))
    }

    /// What the policies come to for a request; nothing if there is none for its key. Where the URL can't be made, the policy is
    /// the one that counts all the same, and nothing is fetched.
    pub fn apply(
        &self,
        subject: Subject<'_>,
        headers: Headers<'_>,
    ) -> Option<Result<Applied, (Arc<Policy>, Unfit)>> {
        let (policy, captures) = self.choose(subject.key)?;
        let sayings = Sayings { key: subject.key, captures: &captures, headers };
        let applied = applied(policy, subject, sayings);
        Some(applied.map_err(|unfit| (Arc::clone(policy), unfit)))
    }
}

fn applied(policy: &Arc<Policy>, subject: Subject<'_>, sayings: Sayings<'_>) -> Result<Applied, Unfit> {
    let url = policy.url.fill(sayings, subject.form, subject.query)?;
    let own = [NAME_TAG, &policy.name].concat();
    let tags = policy.tags.iter().map(|tag| tag.fill(sayings)).filter(|tag| !tag.is_empty());
    let tags: Vec<Box<[u8]>> = tags.chain([own]).map(Box::from).collect();
    if tags.iter().any(|tag| tag.len() > TAG_BYTES_MAX) {
        return Err(Unfit::Length);
    }
    let orders = Orders { terms: policy.terms.clone(), vary: policy.selecting(), tags, ..Orders::default() };
    Ok(Applied { policy: Arc::clone(policy), url, orders })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, pattern: &str, url: &str, priority: i64) -> Policy {
        let pattern = Glob::parse(pattern.as_bytes());
        let url = UrlTemplate::parse(url.as_bytes(), pattern.wildcards()).expect("a template");
        Policy {
            name: name.as_bytes().into(),
            pattern,
            url,
            terms: Terms::default(),
            keeping: Keeping::default(),
            priority,
            tags: Vec::new(),
            vary: Vec::new(),
            version: 0,
        }
    }

    fn chosen(policies: &Policies, key: &str) -> Option<String> {
        policies.choose(key.as_bytes()).map(|(policy, _)| String::from_utf8_lossy(&policy.name).into_owned())
    }

    #[test]
    fn the_highest_priority_counts_then_the_name() {
        let mut policies = Policies::default();
        for (name, pattern, priority) in [("b", "*", 0), ("c", "x*", 5), ("a", "y*", 0), ("d", "*", -1)] {
            policies = policies.with(policy(name, pattern, "http://o/", priority));
        }
        let names: Vec<_> = policies.iter().map(|policy| policy.name[0]).collect();
        assert_eq!(names, b"cabd");
        for (key, expected) in [("xy", "c"), ("yx", "a"), ("z", "b"), ("", "b")] {
            assert_eq!(chosen(&policies, key).as_deref(), Some(expected), "{key}");
        }
        let policies = policies.without(b"b").expect("it is there").with(policy("c", "z*", "http://o/", -9));
        assert_eq!(chosen(&policies, "xy").as_deref(), Some("d"));
        assert_eq!(chosen(&policies, &"x".repeat(KEY_BYTES_MAX + 1)), None);
    }

    #[test]
    fn every_change_has_its_version() {
        let first = Policies::default().with(policy("a", "*", "http://o/", 0));
        let second = first.with(policy("b", "*", "http://o/", 0)).with(policy("a", "*", "http://o/", 0));
        let version = |policies: &Policies, name: &[u8]| policies.find(name).map(|policy| policy.version);
        assert_eq!((first.version(), version(&first, b"a")), (1, Some(1)));
        assert_eq!((second.version(), version(&second, b"a"), version(&second, b"b")), (3, Some(3), Some(2)));
        assert!(second.without(b"none").is_none());
        let third = second.without(b"a").expect("it is there");
        assert_eq!((third.version(), third.len(), version(&third, b"a")), (4, 1, None));
        let restored = third.restored(Policy { version: 2, ..policy("a", "*", "http://o/", 0) });
        assert_eq!((restored.version(), version(&restored, b"a")), (4, Some(2)));
        assert_eq!((restored.at_least(9).version(), restored.at_least(1).version()), (9, 4));
    }

    #[test]
    fn a_policy_is_applied_to_a_request() {
        let mut own = policy("a", "*/item/*", "http://o/{2}?for={hdr:X-Team}", 0);
        own.tags =
            ["item:{2}", "{hdr:X-Team}", "all"].map(|tag| Template::parse(tag.as_bytes(), 2).unwrap()).into();
        own.vary = vec![HeaderName::from_static("accept-language")];
        let policies = Policies::default().with(own);
        let headers = Headers::Pairs(&[(b"x-team", b"red")]);
        let applied =
            policies.apply(Subject::target(b"shop/item/7?v=1"), headers).expect("it matches").unwrap();
        assert_eq!((applied.url.as_str(), applied.policy.version), ("http://o/7?for=red&v=1", 1));
        assert_eq!(applied.orders.tags, [&b"item:7"[..], b"red", b"all", b"policy:a"].map(Box::from));
        assert_eq!(applied.orders.vary, ["accept-language", "x-team"]);
        let none = Headers::Pairs(&[]);
        let door = Headers::Pairs(&[(b"Host", b"shop")]);
        assert_eq!(Subject::of(b"shop/a?b", door).query, Some(&b"b"[..]));
        assert_eq!((Subject::of(b"shop/a?b", none).query, Subject::of(b"a", none).form), (None, Form::Plain));
        let applied = policies.apply(Subject::plain(b"shop/item/7"), none).expect("it matches").unwrap();
        assert_eq!((applied.url.as_str(), applied.orders.tags.len()), ("http://o/7?for=", 3));
        let tags = crate::tags::with(FieldsRef::default(), &applied.orders.tags);
        assert_eq!((name_of(tags.as_ref()), name_of(FieldsRef::default())), (Some(&b"a"[..]), None));
        assert!(policies.apply(Subject::plain(b"other"), none).is_none());
        let (refused, unfit) =
            policies.apply(Subject::plain(b"a/item/.."), none).expect("it matches").unwrap_err();
        assert_eq!((&*refused.name, unfit), (&b"a"[..], Unfit::Dots));
    }
}

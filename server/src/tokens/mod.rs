//! Tokens: signed texts that let somebody in for a time, whom nobody has told a password.
//!
//! ```text
//! text ─ jws: form ─ keys: signature ─ Tokens: times, issuer, audience, revoked? ─→ Pass (a user, until when) ─→ session
//! ```
//!
//! Ours are issued by ACL TOKEN ISSUE and signed with a secret of the server's; those of others are verified with the keys that a
//! file holds. Why so: `docs/design/access-control.md`.

mod jws;
mod keys;
mod revoked;

pub(crate) use jws::has_form;

use crate::config::table::{self, Key};
use crate::config::value::Reason;
use crate::config::{Config, rewrite};
use crate::log;
use crate::server::now;
use jws::{Claims, Token};
use keys::{Keys, OWN_ID, Signer};
use revoked::{Full, Revoked};
use ring::digest::{SHA256, digest};
use ring::hmac;
use rustix::rand::{GetRandomFlags, getrandom};
use spinel_storage::UnixMillis;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Who issued a token of ours.
const ISSUER: &str = "spineldb";
/// How long a token of ours may be good: a year.
pub(crate) const SECONDS_MAX: i64 = 366 * 86_400;
/// Files of keys are not larger.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a good token gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pass {
    pub(crate) user: Vec<u8>,
    pub(crate) until: UnixMillis,
    /// What the token is called where it is revoked.
    pub(crate) id: Box<str>,
}

/// Why a token of ours is not issued, or none revoked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no key to sign it with.
    NoKey,
    /// No token lets anybody in.
    Off,
    /// The system has no random numbers.
    NoChance,
    /// What is revoked takes too much room.
    Full,
    /// It is revoked until the server ends, as it can't be written down.
    NotKept(io::Error),
}

/// The tokens of a server.
#[derive(Default)]
pub(crate) struct Tokens {
    state: RwLock<State>,
    /// Whether there is a key: without, nobody comes by a token.
    is_on: AtomicBool,
    /// Whether anybody ever came by one.
    is_used: AtomicBool,
}

#[derive(Default)]
struct State {
    keys: Keys,
    terms: Terms,
    revoked: Revoked,
}

/// What tokens of others have to say.
#[derive(Clone, Default)]
struct Terms {
    /// Whom they have to be for; empty if they may be for anybody.
    audience: String,
    /// Who has to have issued them; empty if it may be anybody whose key is known.
    issuer: String,
    /// By how many seconds clocks may differ.
    leeway: i64,
}

/// Whether a setting is about tokens.
pub(crate) fn concerns(key: Key) -> bool {
    [
        table::TOKEN_AUDIENCE,
        table::TOKEN_ISSUER,
        table::TOKEN_KEY_FILE,
        table::TOKEN_LEEWAY,
        table::TOKEN_TRUSTED_KEYS,
    ]
    .contains(&key)
}

impl Tokens {
    /// Takes over what the settings say and the files hold that they name, or changes nothing.
    pub(crate) fn apply(&self, config: &Config) -> Result<(), Reason> {
        let failed = |path: &Path, reason: String| Reason::from(format!("{}: {reason}", path.display()));
        let mut keys = Keys::default();
        if let Some(path) = config.path(table::TOKEN_KEY_FILE) {
            make_key(&path).map_err(|error| failed(&path, error.to_string()))?;
            let text = read(&path).map_err(|error| failed(&path, error.to_string()))?;
            keys.own = Some(keys::read_own(&text).map_err(|reason| failed(&path, reason))?);
        }
        if let Some(path) = config.path(table::TOKEN_TRUSTED_KEYS) {
            let text = read(&path).map_err(|error| failed(&path, error.to_string()))?;
            keys.trusted = keys::read_trusted(&text).map_err(|reason| failed(&path, reason))?;
        }
        let text = |key| String::from_utf8_lossy(&config.text(key)).into_owned();
        let terms = Terms {
            audience: text(table::TOKEN_AUDIENCE),
            issuer: text(table::TOKEN_ISSUER),
            leeway: config.number(table::TOKEN_LEEWAY),
        };
        let is_on = keys.own.is_some() || !keys.trusted.is_empty();
        let mut state = self.write();
        if is_on {
            state.revoked.read_once().map_err(|error| failed(Path::new(revoked::NAME), error))?;
        }
        (state.keys, state.terms) = (keys, terms);
        self.is_on.store(is_on, Ordering::Relaxed);
        Ok(())
    }

    /// Whether anybody may come by a token.
    pub(crate) fn are_accepted(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Whether anybody has come by one.
    pub(crate) fn are_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// What a token gives, if it is good now; if not, the log says why.
    pub(crate) fn pass(&self, text: &[u8]) -> Option<Pass> {
        let outcome = self.read().verify(text, now());
        match outcome {
            Ok(pass) => {
                self.is_used.store(true, Ordering::Relaxed);
                Some(pass)
            }
            Err(reason) => {
                log::verbose!("A token is refused: {reason}");
                None
            }
        }
    }

    /// A token for a user who comes within so many seconds.
    pub(crate) fn issue(&self, user: &[u8], seconds: i64) -> Result<String, Failure> {
        let mut chance = [0; 16];
        // So few bytes come at once or not at all.
        if !getrandom(&mut chance, GetRandomFlags::empty()).is_ok_and(|count| count == chance.len()) {
            return Err(Failure::NoChance);
        }
        let issued = now().0 / 1000;
        let claims = Claims {
            subject: String::from_utf8_lossy(user).into_owned(),
            expires: issued + seconds,
            not_before: None,
            issuer: Some(ISSUER.to_owned()),
            audience: Vec::new(),
            id: Some(crate::acl::hex(&chance)),
        };
        let state = self.read();
        let key = state.keys.own.as_ref().ok_or(Failure::NoKey)?;
        let text = claims.to_be_signed(OWN_ID, issued);
        let tag = hmac::sign(key, text.as_bytes());
        Ok(format!("{text}.{}", crate::base64::encode_for_token(tag.as_ref())))
    }

    /// Lets nobody in any more by a token, or by the one that is called so. Returns what it is called, and whether it could be
    /// written down.
    pub(crate) fn revoke(&self, text: &[u8]) -> Result<(Box<str>, io::Result<()>), Failure> {
        if !self.are_accepted() {
            return Err(Failure::Off);
        }
        let mut state = self.write();
        let now_seconds = now().0 / 1000;
        let (id, until) = match Token::read(text).and_then(|token| token.claims()) {
            Some(claims) => (id_of(&claims, text), claims.expires + state.terms.leeway),
            // How long it is good is not known.
            None => (String::from_utf8_lossy(text).into(), now_seconds + SECONDS_MAX),
        };
        state.revoked.add(&id, until, now_seconds).map_err(|Full| Failure::Full)?;
        let kept = state.revoked.keep();
        Ok((id, kept))
    }

    /// Whether a token was revoked.
    pub(crate) fn has_revoked(&self, id: &str) -> bool {
        self.read().revoked.has(id)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn verify(&self, text: &[u8], now: UnixMillis) -> Result<Pass, &'static str> {
        let token = Token::read(text).ok_or("it is none that could be verified")?;
        let signer = self.keys.signer_of(&token).ok_or("nobody who is trusted has signed it")?;
        let claims = token.claims().ok_or("it doesn't say for whom it is, or until when, as it should")?;
        let (seconds, mut leeway) = (now.0 / 1000, 0);
        if signer == Signer::Trusted {
            let Terms { audience, issuer, .. } = &self.terms;
            leeway = self.terms.leeway;
            if !issuer.is_empty() && claims.issuer.as_ref() != Some(issuer) {
                return Err("it was issued by somebody else");
            }
            // Who is for somebody is not for those who have no name.
            let is_ours = if audience.is_empty() {
                claims.audience.is_empty()
            } else {
                claims.audience.contains(audience)
            };
            if !is_ours {
                return Err("it is for somebody else");
            }
        }
        let until = claims.expires + leeway;
        if seconds >= until {
            return Err("it has expired");
        }
        if claims.not_before.is_some_and(|time| seconds < time - leeway) {
            return Err("it is not yet good");
        }
        let id = id_of(&claims, text);
        if self.revoked.has(&id) {
            return Err("it was revoked");
        }
        Ok(Pass { user: claims.subject.into_bytes(), until: UnixMillis(until * 1000), id })
    }
}

/// What a token is called: as its issuer says, or by its hash.
fn id_of(claims: &Claims, text: &[u8]) -> Box<str> {
    match &claims.id {
        Some(id) => id.as_str().into(),
        None => crate::acl::hex(digest(&SHA256, text).as_ref()).into(),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}

/// Makes a key by chance, if there is no such file.
fn make_key(path: &Path) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let mut chance = [0; 32];
    if getrandom(&mut chance, GetRandomFlags::empty())? != chance.len() {
        return Err(io::Error::other("the system has no random numbers"));
    }
    let text = crate::acl::hex(&chance) + "\n";
    rewrite::replace_secret(path, text.as_bytes())?;
    log::notice!("A key to sign tokens with was made: {}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(audience: &str, issuer: &str) -> State {
        let keys = Keys {
            own: Some(keys::read_own(&[b'o'; 32]).expect("it is long enough")),
            trusted: keys::read_trusted(
                format!(r#"{{"keys":[{{"kty":"oct","k":"{}"}}]}}"#, "A".repeat(43)).as_bytes(),
            )
            .expect("it is one"),
        };
        let terms = Terms { audience: audience.to_owned(), issuer: issuer.to_owned(), leeway: 10 };
        State { keys, terms, revoked: Revoked::default() }
    }

    /// A token of somebody whose key is all zeros.
    fn foreign(claims: &str) -> String {
        let encode = crate::base64::encode_for_token;
        let head = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.as_bytes()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]), head.as_bytes());
        format!("{head}.{}", encode(tag.as_ref()))
    }

    #[track_caller]
    fn check(state: &State, claims: &str, expected: Result<i64, &str>) {
        let outcome = state.verify(foreign(claims).as_bytes(), UnixMillis(1_000_500));
        assert_eq!(outcome.map(|pass| pass.until.0), expected, "{claims}");
    }

    #[test]
    fn times_count_with_some_leeway() {
        let state = tokens("", "");
        check(&state, r#"{"sub":"a","exp":1001}"#, Ok(1_011_000));
        check(&state, r#"{"sub":"a","exp":991}"#, Ok(1_001_000));
        check(&state, r#"{"sub":"a","exp":990}"#, Err("it has expired"));
        check(&state, r#"{"sub":"a","exp":1001,"nbf":1010}"#, Ok(1_011_000));
        check(&state, r#"{"sub":"a","exp":1001,"nbf":1011}"#, Err("it is not yet good"));
        check(&state, r#"{"sub":"a"}"#, Err("it doesn't say for whom it is, or until when, as it should"));
    }

    #[test]
    fn tokens_of_others_are_for_us_and_of_whom_we_trust() {
        let (any, named) = (tokens("", ""), tokens("us", "them"));
        let elsewhere = Err("it is for somebody else");
        check(&any, r#"{"sub":"a","exp":2000,"iss":"x"}"#, Ok(2_010_000));
        check(&any, r#"{"sub":"a","exp":2000,"aud":"us"}"#, elsewhere);
        check(&named, r#"{"sub":"a","exp":2000,"iss":"them","aud":["x","us"]}"#, Ok(2_010_000));
        check(&named, r#"{"sub":"a","exp":2000,"iss":"them","aud":"x"}"#, elsewhere);
        check(&named, r#"{"sub":"a","exp":2000,"iss":"them"}"#, elsewhere);
        check(&named, r#"{"sub":"a","exp":2000,"aud":"us"}"#, Err("it was issued by somebody else"));
    }

    #[test]
    fn what_is_revoked_is_good_for_nothing() {
        let mut state = tokens("", "");
        let (named, nameless) = (r#"{"sub":"a","exp":2000,"jti":"7"}"#, r#"{"sub":"a","exp":2000}"#);
        let hash = state.verify(foreign(nameless).as_bytes(), UnixMillis(0)).expect("it is good").id;
        assert_eq!(hash.len(), 64);
        for (claims, id) in [(named, "7"), (nameless, &hash)] {
            check(&state, claims, Ok(2_010_000));
            assert_eq!(state.revoked.add(id, 2010, 1000), Ok(()));
            check(&state, claims, Err("it was revoked"));
        }
    }
}

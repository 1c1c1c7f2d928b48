//! Signed tokens as text: RFC 7515's compact form of the claims of RFC 7519.
//!
//! ```text
//! base64(header) . base64(claims) . base64(signature)
//! └────────── what is signed ───┘
//! ```
//!
//! Reading checks the form, and nothing of what is read may be believed before the signature was. Nothing that a token says
//! chooses how it is verified: its `alg` has to be that of the key.

use crate::base64::{decode_from_token, encode_for_token};
use serde_json::{Map, Value, json};

/// The longest token: those of common issuers have one or two kilobytes.
const BYTES_MAX: usize = 8192;
/// The last second of the year 9999: no time that anybody means is later.
const SECONDS_MAX: f64 = 253_402_300_799.0;

/// How a token is signed. `none` is no way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Algorithm {
    /// HMAC with SHA-256, by a key that both sides have.
    Hs256,
    /// RSA of PKCS #1, version 1.5, with SHA-256.
    Rs256,
    /// Ed25519.
    EdDsa,
    /// ECDSA on the curve P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// The algorithm of this name, which has one way of writing.
    pub(crate) fn by_name(name: &str) -> Option<Algorithm> {
        match name {
            "HS256" => Some(Algorithm::Hs256),
            "RS256" => Some(Algorithm::Rs256),
            "EdDSA" => Some(Algorithm::EdDsa),
            "ES256" => Some(Algorithm::Es256),
            _ => None,
        }
    }
}

/// A token whose signature nobody has verified yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Token<'t> {
    pub(crate) algorithm: Algorithm,
    /// The name of the key that signed it, if it says so.
    pub(crate) key_id: Option<String>,
    /// What is signed.
    pub(crate) signed: &'t [u8],
    pub(crate) signature: Vec<u8>,
    claims: Vec<u8>,
}

/// What a token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Claims {
    /// Who has it.
    pub(crate) subject: String,
    /// Unix time in seconds from which on it counts for nothing.
    pub(crate) expires: i64,
    /// Unix time in seconds before which it counts for nothing.
    pub(crate) not_before: Option<i64>,
    pub(crate) issuer: Option<String>,
    /// Whom it is for; everybody if nobody is named.
    pub(crate) audience: Vec<String>,
    /// What it is called among the tokens of its issuer.
    pub(crate) id: Option<String>,
}

/// Whether a text may be a token at all, as hardly any password may.
pub(crate) fn has_form(text: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    text.len() <= BYTES_MAX && text.iter().all(is_letter) && text.split(|byte| *byte == b'.').count() == 3
}

impl<'t> Token<'t> {
    /// Reads a token; nothing if it is none that could be verified.
    pub(crate) fn read(text: &'t [u8]) -> Option<Token<'t>> {
        if !has_form(text) {
            return None;
        }
        let mut parts = text.split(|byte| *byte == b'.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let signed = &text[..=header.len() + claims.len()];
        let fields = object(&decode_from_token(header)?)?;
        // What has to be understood isn't.
        if fields.contains_key("crit") {
            return None;
        }
        let kind = optional(&fields, "typ")?;
        let is_token = |kind: &String| {
            let name = kind.to_ascii_lowercase();
            ["jwt", "at+jwt"].contains(&name.trim_start_matches("application/"))
        };
        if !kind.as_ref().is_none_or(is_token) {
            return None;
        }
        Some(Token {
            algorithm: Algorithm::by_name(fields.get("alg")?.as_str()?)?,
            key_id: optional(&fields, "kid")?,
            signed,
            signature: decode_from_token(signature).filter(|bytes| !bytes.is_empty())?,
            claims: decode_from_token(claims)?,
        })
    }

    /// What it says; nothing if that has not the form it must have. Nobody is to ask before the signature was verified.
    pub(crate) fn claims(&self) -> Option<Claims> {
        let fields = object(&self.claims)?;
        let audience = match fields.get("aud") {
            None => Vec::new(),
            Some(Value::String(name)) => vec![name.clone()],
            Some(Value::Array(names)) => {
                names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?
            }
            Some(_) => return None,
        };
        Some(Claims {
            subject: optional(&fields, "sub")?.filter(|name| !name.is_empty())?,
            expires: time(&fields, "exp")??,
            not_before: time(&fields, "nbf")?,
            issuer: optional(&fields, "iss")?,
            audience,
            id: optional(&fields, "jti")?,
        })
    }
}

impl Claims {
    /// The text that is to be signed with HMAC by the key of this name.
    pub(crate) fn to_be_signed(&self, key_id: &str, issued: i64) -> String {
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": key_id });
        let mut claims = json!({ "sub": self.subject, "iat": issued, "exp": self.expires });
        for (name, value) in [("iss", &self.issuer), ("jti", &self.id)] {
            if let Some(value) = value {
                claims[name] = value.as_str().into();
            }
        }
        [header, claims].map(|part| encode_for_token(part.to_string().as_bytes())).join(".")
    }
}

fn object(text: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// A text, if it is there; nothing if something else is.
#[expect(clippy::option_option, reason = "what is missing is not what is wrong")]
fn optional(fields: &Map<String, Value>, name: &str) -> Option<Option<String>> {
    match fields.get(name) {
        None => Some(None),
        Some(Value::String(text)) => Some(Some(text.clone())),
        Some(_) => None,
    }
}

/// A time in whole seconds, if it is there; nothing if something else is.
#[expect(clippy::option_option, reason = "what is missing is not what is wrong")]
fn time(fields: &Map<String, Value>, name: &str) -> Option<Option<i64>> {
    match fields.get(name) {
        None => Some(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds))?;
            Some(Some(seconds as i64))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(header: &str, claims: &str) -> String {
        let encode = |part: &str| encode_for_token(part.as_bytes());
        format!("{}.{}.{}", encode(header), encode(claims), encode("signature"))
    }

    fn claims(claims: &str) -> Option<Claims> {
        Token::read(text(r#"{"alg":"HS256"}"#, claims).as_bytes()).expect("its header is good").claims()
    }

    #[test]
    fn headers_say_only_what_is_understood() {
        let read = |header: &str| {
            Token::read(text(header, "{}").as_bytes()).map(|token| (token.algorithm, token.key_id))
        };
        assert_eq!(read(r#"{"alg":"HS256"}"#), Some((Algorithm::Hs256, None)));
        let header = r#"{"typ":"at+JWT","alg":"EdDSA","kid":"a","other":[1]}"#;
        assert_eq!(read(header), Some((Algorithm::EdDsa, Some("a".to_owned()))));
        for header in [
            "",
            "[]",
            "{}",
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":"HS256","crit":[]}"#,
            r#"{"alg":"HS256","kid":1}"#,
            r#"{"alg":"HS256","typ":"JWE"}"#,
            r#"{"alg":"HS256"} {}"#,
        ] {
            assert_eq!(read(header), None, "{header}");
        }
    }

    #[test]
    fn what_is_signed_is_all_before_the_second_dot() {
        let text = text(r#"{"alg":"RS256"}"#, "{}");
        let token = Token::read(text.as_bytes()).expect("it is one");
        assert_eq!(token.signed, text.rsplit_once('.').expect("it has dots").0.as_bytes());
        assert_eq!(token.signature, b"signature");
    }

    #[test]
    fn claims_have_one_form() {
        let all = r#"{"sub":"ann","exp":9.9e9,"nbf":1.5,"iss":"i","aud":["a","b"],"jti":"j","more":{}}"#;
        let expected = Claims {
            subject: "ann".to_owned(),
            expires: 9_900_000_000,
            not_before: Some(1),
            issuer: Some("i".to_owned()),
            audience: vec!["a".to_owned(), "b".to_owned()],
            id: Some("j".to_owned()),
        };
        assert_eq!(claims(all), Some(expected));
        assert_eq!(claims(r#"{"sub":"a","exp":1,"aud":"x"}"#).expect("it is good").audience, ["x"]);
        for wrong in [
            "{}",
            r#"{"sub":"a"}"#,
            r#"{"exp":1}"#,
            r#"{"sub":"","exp":1}"#,
            r#"{"sub":1,"exp":1}"#,
            r#"{"sub":"a","exp":"1"}"#,
            r#"{"sub":"a","exp":-1}"#,
            r#"{"sub":"a","exp":1e300}"#,
            r#"{"sub":"a","exp":null}"#,
            r#"{"sub":"a","exp":1,"nbf":"0"}"#,
            r#"{"sub":"a","exp":1,"aud":[1]}"#,
            r#"{"sub":"a","exp":1,"aud":{}}"#,
        ] {
            assert_eq!(claims(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let claims = Claims {
            subject: "j\u{fc}rgen \"x\"".to_owned(),
            expires: 7,
            not_before: None,
            issuer: Some("us".to_owned()),
            audience: Vec::new(),
            id: Some("1".to_owned()),
        };
        let text = format!("{}.AAAA", claims.to_be_signed("own", 3));
        let token = Token::read(text.as_bytes()).expect("it is one");
        assert_eq!((token.algorithm, token.key_id.as_deref()), (Algorithm::Hs256, Some("own")));
        assert_eq!(token.claims(), Some(claims));
    }

    #[test]
    fn what_has_not_the_form_is_no_token() {
        let good = text(r#"{"alg":"HS256"}"#, "{}");
        for wrong in [
            good.replace('.', ""),
            good.replacen('.', "", 1),
            format!("{good}."),
            format!("{good}="),
            format!(" {good}"),
            good.rsplit_once('.').expect("it has dots").0.to_owned() + ".",
            format!("{good}{}", "A".repeat(BYTES_MAX)),
        ] {
            assert_eq!(Token::read(wrong.as_bytes()), None, "{wrong}");
        }
    }
}

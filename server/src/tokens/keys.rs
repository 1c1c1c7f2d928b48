//! The keys that tokens are verified with: our own, and those of others, from a file in the form of RFC 7517.
//!
//! Each key has one algorithm, and a token is verified with the one key that it can mean: of its name, and of its algorithm.

use super::jws::{Algorithm, Token};
use crate::base64::decode_from_token;
use ring::{hmac, signature};
use serde_json::{Map, Value};

/// The name of our own key in tokens.
pub(super) const OWN_ID: &str = "spinel";
/// The shortest secret: as long as the hash that it keys.
const SECRET_BYTES_MIN: usize = 32;
/// Keys that a file may hold; issuers have two or three.
const KEYS_MAX: usize = 64;

/// Keys by which tokens are believed.
#[derive(Default)]
pub(super) struct Keys {
    /// Our own, which also signs.
    pub(super) own: Option<hmac::Key>,
    pub(super) trusted: Vec<Trusted>,
}

/// A key of somebody else.
pub(super) struct Trusted {
    id: Option<String>,
    verifier: Verifier,
}

enum Verifier {
    Secret(hmac::Key),
    Rsa(signature::RsaPublicKeyComponents<Vec<u8>>),
    /// An algorithm with its public key.
    Curve(Algorithm, Vec<u8>),
}

/// Who has signed a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Signer {
    Own,
    Trusted,
}

impl Keys {
    /// Who has signed a token, if it is somebody who is believed.
    pub(super) fn signer_of(&self, token: &Token<'_>) -> Option<Signer> {
        if token.key_id.as_deref() == Some(OWN_ID) {
            let key = self.own.as_ref().filter(|_| token.algorithm == Algorithm::Hs256)?;
            return hmac::verify(key, token.signed, &token.signature).is_ok().then_some(Signer::Own);
        }
        let fits = |key: &&Trusted| {
            let is_named = token.key_id.is_none() || key.id == token.key_id;
            is_named && key.verifier.algorithm() == token.algorithm
        };
        let mut keys = self.trusted.iter().filter(fits);
        // A token that could be meant for several is meant for none.
        let (Some(key), None) = (keys.next(), keys.next()) else { return None };
        key.verifier.accepts(token).then_some(Signer::Trusted)
    }
}

impl Verifier {
    fn algorithm(&self) -> Algorithm {
        match self {
            Verifier::Secret(_) => Algorithm::Hs256,
            Verifier::Rsa(_) => Algorithm::Rs256,
            Verifier::Curve(algorithm, _) => *algorithm,
        }
    }

    fn accepts(&self, token: &Token<'_>) -> bool {
        let (signed, signature) = (token.signed, &*token.signature);
        match self {
            Verifier::Secret(key) => hmac::verify(key, signed, signature).is_ok(),
            Verifier::Rsa(key) => {
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            Verifier::Curve(algorithm, key) => {
                let scheme: &dyn signature::VerificationAlgorithm = match algorithm {
                    Algorithm::EdDsa => &signature::ED25519,
                    _ => &signature::ECDSA_P256_SHA256_FIXED,
                };
                signature::UnparsedPublicKey::new(scheme, key).verify(signed, signature).is_ok()
            }
        }
    }
}

/// Our own key of the text of its file.
pub(super) fn read_own(text: &[u8]) -> Result<hmac::Key, String> {
    let secret = text.trim_ascii();
    if secret.len() < SECRET_BYTES_MIN {
        return Err(format!("a key has at least {SECRET_BYTES_MIN} bytes"));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, secret))
}

/// The keys of a set in JSON. Those for other purposes or algorithms are passed over.
pub(super) fn read_trusted(text: &[u8]) -> Result<Vec<Trusted>, String> {
    let set: Value = serde_json::from_slice(text).map_err(|error| format!("no JSON: {error}"))?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or("no list of \"keys\"")?;
    let mut found: Vec<Trusted> = Vec::new();
    for (place, key) in keys.iter().enumerate() {
        let refuse = |reason: &str| format!("key {}: {reason}", place + 1);
        let fields = key.as_object().ok_or_else(|| refuse("no object"))?;
        if let Some(key) = read_key(fields).map_err(|reason| refuse(&reason))? {
            let is_same = |other: &Trusted| {
                other.id == key.id && other.verifier.algorithm() == key.verifier.algorithm()
            };
            if found.iter().any(is_same) {
                return Err(refuse("another one has its \"kid\" and its algorithm"));
            }
            found.push(key);
        }
    }
    match found.len() {
        0 => Err("no key for HS256, RS256, ES256 or EdDSA".to_owned()),
        1..=KEYS_MAX => Ok(found),
        _ => Err(format!("more than {KEYS_MAX} keys")),
    }
}

/// A key; none if it is for something else.
fn read_key(fields: &Map<String, Value>) -> Result<Option<Trusted>, String> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let bytes = |name: &str| {
        let bytes = text(name).and_then(|text| decode_from_token(text.as_bytes()));
        bytes.ok_or_else(|| format!("\"{name}\" is no base64 of the alphabet of URLs"))
    };
    let algorithm = match (text("kty"), text("crv")) {
        (Some("oct"), _) => Algorithm::Hs256,
        (Some("RSA"), _) => Algorithm::Rs256,
        (Some("OKP"), Some("Ed25519")) => Algorithm::EdDsa,
        (Some("EC"), Some("P-256")) => Algorithm::Es256,
        _ => return Ok(None),
    };
    let is_for_signatures = text("use").is_none_or(|purpose| purpose == "sig");
    if !is_for_signatures || text("alg").is_some_and(|name| Algorithm::by_name(name) != Some(algorithm)) {
        return Ok(None);
    }
    if fields.contains_key("d") {
        return Err("it is a private key: only its owner may have it".to_owned());
    }
    let id = text("kid").map(str::to_owned);
    if id.as_deref() == Some(OWN_ID) {
        return Err(format!("the \"kid\" {OWN_ID} is that of the server's own key"));
    }
    let verifier = match algorithm {
        Algorithm::Hs256 => {
            let secret = bytes("k")?;
            if secret.len() < SECRET_BYTES_MIN {
                return Err(format!("a secret has at least {SECRET_BYTES_MIN} bytes"));
            }
            Verifier::Secret(hmac::Key::new(hmac::HMAC_SHA256, &secret))
        }
        Algorithm::Rs256 => {
            let (n, e) = (bytes("n")?, bytes("e")?);
            if !(256..=1024).contains(&n.len()) {
                return Err("a key of RSA has 2048 to 8192 bits".to_owned());
            }
            Verifier::Rsa(signature::RsaPublicKeyComponents { n, e })
        }
        Algorithm::EdDsa => Verifier::Curve(algorithm, of_length(bytes("x")?, 32)?),
        Algorithm::Es256 => {
            let (x, y) = (of_length(bytes("x")?, 32)?, of_length(bytes("y")?, 32)?);
            // A point as both its coordinates.
            Verifier::Curve(algorithm, [&[4][..], &x, &y].concat())
        }
    };
    Ok(Some(Trusted { id, verifier }))
}

fn of_length(bytes: Vec<u8>, length: usize) -> Result<Vec<u8>, String> {
    if bytes.len() == length { Ok(bytes) } else { Err(format!("a coordinate has {length} bytes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of RFC 7515, appendices A.1 to A.3, and RFC 8037, appendix A.4.
    const CLAIMS: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SECRET: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const HS256: (&str, &str) =
        ("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-\
                           yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e\
                           -KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco\
                           9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const RS256: (&str, &str) = (
        "eyJhbGciOiJSUzI1NiJ9",
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ\
         cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e\
         OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    );
    const ES256: (&str, &str) = (
        "eyJhbGciOiJFUzI1NiJ9",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
    const EDDSA: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6d\
                         WbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    fn all_keys() -> Keys {
        let set = format!(
            r#"{{"keys":[
                {{"kty":"oct","k":"{SECRET}"}},
                {{"kty":"RSA","alg":"RS256","use":"sig","n":"{MODULUS}","e":"AQAB"}},
                {{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                  "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}},
                {{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}},
                {{"kty":"RSA","use":"enc"}}, {{"kty":"EC","crv":"P-521"}}, {{"kty":"RSA","alg":"RS512"}}
            ]}}"#
        );
        Keys { own: None, trusted: read_trusted(set.as_bytes()).expect("they are good") }
    }

    fn examples() -> [String; 4] {
        let joined = |(header, signature): (&str, &str)| format!("{header}.{CLAIMS}.{signature}");
        [joined(HS256), joined(RS256), joined(ES256), EDDSA.to_owned()]
    }

    fn signer(keys: &Keys, text: &str) -> Option<Signer> {
        keys.signer_of(&Token::read(text.as_bytes())?)
    }

    #[test]
    fn the_examples_of_the_rfcs_are_verified_and_no_others() {
        let keys = all_keys();
        for text in examples() {
            assert_eq!(signer(&keys, &text), Some(Signer::Trusted), "{text}");
            let (head, signature) = text.rsplit_once('.').expect("it has dots");
            let other = if signature.starts_with('A') { "B" } else { "A" };
            assert_eq!(signer(&keys, &format!("{head}.{other}{}", &signature[1..])), None, "{text}");
            assert_eq!(signer(&keys, &format!("{head}A.{signature}")), None, "{text}");
            assert_eq!(signer(&Keys::default(), &text), None, "{text}");
        }
    }

    /// A token that is signed with what everybody knows of a key for another algorithm.
    #[test]
    fn a_public_key_is_no_secret() {
        let keys = all_keys();
        let modulus = decode_from_token(MODULUS.as_bytes()).expect("it is base64");
        for secret in [&modulus[..], MODULUS.as_bytes(), b""] {
            let head = format!("{}.{CLAIMS}", crate::base64::encode_for_token(br#"{"alg":"HS256"}"#));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), head.as_bytes());
            let text = format!("{head}.{}", crate::base64::encode_for_token(tag.as_ref()));
            assert_eq!(signer(&keys, &text), None);
        }
    }

    #[test]
    fn keys_go_by_their_names() {
        let secret =
            |id: &str, letter: &str| format!(r#"{{"kty":"oct","kid":"{id}","k":"{}"}}"#, letter.repeat(43));
        let set = format!(r#"{{"keys":[{},{}]}}"#, secret("a", "A"), secret("b", "Q"));
        let keys = Keys {
            own: Some(read_own(&[b'o'; 32]).expect("it is long enough")),
            trusted: read_trusted(set.as_bytes()).expect("they are good"),
        };
        let signed = |id: Option<&str>, secret: &[u8]| {
            let id = id.map(|id| format!(r#","kid":"{id}""#)).unwrap_or_default();
            let header = format!(r#"{{"alg":"HS256"{id}}}"#);
            let head = format!("{}.{CLAIMS}", crate::base64::encode_for_token(header.as_bytes()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), head.as_bytes());
            format!("{head}.{}", crate::base64::encode_for_token(tag.as_ref()))
        };
        let zeros = decode_from_token("A".repeat(43).as_bytes()).expect("it is base64");
        assert_eq!(signer(&keys, &signed(Some("a"), &zeros)), Some(Signer::Trusted));
        assert_eq!(signer(&keys, &signed(Some("b"), &zeros)), None);
        assert_eq!(signer(&keys, &signed(Some("c"), &zeros)), None);
        // Which of two is meant nobody knows.
        assert_eq!(signer(&keys, &signed(None, &zeros)), None);
        assert_eq!(signer(&keys, &signed(Some(OWN_ID), &[b'o'; 32])), Some(Signer::Own));
        assert_eq!(signer(&keys, &signed(Some(OWN_ID), &zeros)), None);
        assert_eq!(signer(&keys, &signed(None, &[b'o'; 32])), None);
    }

    #[test]
    fn bad_keys_are_refused() {
        assert!(read_own(b"  too short to be a secret      \n").is_err());
        for (set, reason) in [
            ("", "no JSON"),
            ("[]", "no list"),
            (r#"{"keys":[]}"#, "no key for"),
            (r#"{"keys":[1]}"#, "key 1: no object"),
            (r#"{"keys":[{"kty":"oct"}]}"#, "\"k\" is no base64"),
            (r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, "at least 32 bytes"),
            (r#"{"keys":[{"kty":"RSA","n":"AAAA","e":"AQAB"}]}"#, "2048 to 8192 bits"),
            (r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}"#, "32 bytes"),
            (r#"{"keys":[{"kty":"RSA","d":"AAAA"}]}"#, "private"),
            (r#"{"keys":[{"kty":"oct","kid":"spinel","k":"AAAA"}]}"#, "own key"),
        ] {
            let refusal = read_trusted(set.as_bytes()).err().expect(set);
            assert!(refusal.contains(reason), "{set}: {refusal}");
        }
        let twice = format!(r#"{{"keys":[{0},{0}]}}"#, format_args!(r#"{{"kty":"oct","k":"{SECRET}"}}"#));
        assert!(read_trusted(twice.as_bytes()).is_err());
    }
}

//! The reader of tokens on any bytes: a token has one text, and what it says can be written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../server/src/base64.rs"]
#[allow(dead_code, reason = "the server uses the rest")]
mod base64;
#[path = "../../server/src/tokens/jws.rs"]
#[allow(dead_code, reason = "the server uses the rest")]
mod jws;

use jws::{Claims, Token};

fuzz_target!(|data: &[u8]| {
    let Some(token) = Token::read(data) else { return };
    // Nobody gets another token out of one by writing it in another way.
    let signature = base64::encode_for_token(&token.signature);
    assert_eq!([token.signed, b".", signature.as_bytes()].concat(), data);
    let Some(claims) = token.claims() else { return };
    assert!(!claims.subject.is_empty() && claims.expires >= 0);
    let own = Claims { not_before: None, audience: Vec::new(), ..claims };
    let text = own.to_be_signed("key", 0) + ".AAAA";
    // Escapes may make it longer than a token may be.
    if let Some(again) = Token::read(text.as_bytes()) {
        assert_eq!(again.claims(), Some(own));
    }
});

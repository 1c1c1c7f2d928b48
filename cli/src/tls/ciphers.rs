//! Cipher suites by the names that OpenSSL, and so `redis-cli`'s options, have for them.

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite as suite;

/// Suites of TLS 1.2.
const OLDER: [(&str, SupportedCipherSuite); 6] = [
    ("ECDHE-ECDSA-AES256-GCM-SHA384", suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES128-GCM-SHA256", suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// Suites of TLS 1.3.
const NEWER: [(&str, SupportedCipherSuite); 3] = [
    ("TLS_AES_256_GCM_SHA384", suite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", suite::TLS13_CHACHA20_POLY1305_SHA256),
    ("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256),
];

/// OpenSSL's words for more than one suite. All that are left here have forward secrecy and strong ciphers, so each of
/// the words means all.
const ALL: [&str; 4] = ["DEFAULT", "ALL", "HIGH", "COMPLEMENTOFDEFAULT"];

/// The suites that `--tls-ciphersuites` and `--tls-ciphers` name, the most preferred first; all where an option is not
/// given.
///
/// As with OpenSSL, names that are not known are passed over as long as one is: such lists are written for several
/// programs.
pub(super) fn suites(older: Option<&str>, newer: Option<&str>) -> Result<Vec<SupportedCipherSuite>, String> {
    let mut suites = chosen("--tls-ciphersuites", newer, &NEWER)?;
    suites.extend(chosen("--tls-ciphers", older, &OLDER)?);
    Ok(suites)
}

fn chosen(
    option: &str,
    names: Option<&str>,
    known: &[(&str, SupportedCipherSuite)],
) -> Result<Vec<SupportedCipherSuite>, String> {
    let every = || known.iter().map(|(_, suite)| *suite).collect();
    let Some(names) = names else { return Ok(every()) };
    let mut found = Vec::new();
    for name in names.split([':', ',', ' ']) {
        if ALL.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            return Ok(every());
        }
        found.extend(known.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, suite)| *suite));
    }
    if found.is_empty() {
        let names_known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        return Err(format!("{option}: none of '{names}' is supported; there are {}", names_known.join(":")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_openssls() {
        assert_eq!(suites(None, None).unwrap().len(), 9);
        assert_eq!(suites(Some("HIGH:!aNULL"), Some("default")).unwrap().len(), 9);
        let some = suites(
            Some("AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:ecdhe-rsa-chacha20-poly1305"),
            Some("TLS_AES_128_GCM_SHA256"),
        )
        .unwrap();
        assert_eq!(some.len(), 3);
        assert_eq!(some[1], suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256);
        assert!(
            suites(Some("AES128-SHA"), None).unwrap_err().starts_with("--tls-ciphers: none of 'AES128-SHA'")
        );
        assert!(suites(None, Some("")).unwrap_err().starts_with("--tls-ciphersuites: none of ''"));
    }
}

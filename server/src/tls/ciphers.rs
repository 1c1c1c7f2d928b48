//! Protocols and cipher suites by the names that OpenSSL, and so Redis's settings, have for them.

use rustls::crypto::ring::cipher_suite as suite;
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};

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
    ("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256),
    ("TLS_CHACHA20_POLY1305_SHA256", suite::TLS13_CHACHA20_POLY1305_SHA256),
];

/// What OpenSSL calls all that is on by default.
const DEFAULT: &str = "DEFAULT";

/// The suites that `tls-ciphers` and `tls-ciphersuites` name, in their order; all where they name none. The error
/// tells which is unknown.
pub(super) fn suites(older: &str, newer: &str) -> Result<Vec<SupportedCipherSuite>, String> {
    let mut suites = chosen("tls-ciphersuites", newer, &NEWER)?;
    suites.extend(chosen("tls-ciphers", older, &OLDER)?);
    Ok(suites)
}

fn chosen(
    setting: &str,
    names: &str,
    known: &[(&str, SupportedCipherSuite)],
) -> Result<Vec<SupportedCipherSuite>, String> {
    if names.is_empty() || names.eq_ignore_ascii_case(DEFAULT) {
        return Ok(known.iter().map(|(_, suite)| *suite).collect());
    }
    let find = |name: &str| {
        let found = known.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, suite)| *suite).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            format!("{setting}: '{name}' is not supported; there are {}", names.join(":"))
        })
    };
    names.split(':').map(find).collect()
}

/// The versions that `tls-protocols` names; both where it names none.
pub(super) fn protocols(names: &str) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let mut versions = Vec::new();
    for name in names.split_ascii_whitespace() {
        versions.push(match &*name.to_ascii_lowercase() {
            "tlsv1.2" => &version::TLS12,
            "tlsv1.3" => &version::TLS13,
            "tlsv1" | "tlsv1.1" => {
                return Err(format!("tls-protocols: {name} is too weak and not supported"));
            }
            _ => {
                return Err(format!("tls-protocols: '{name}' is no protocol; there are TLSv1.2 and TLSv1.3"));
            }
        });
    }
    if versions.is_empty() {
        versions = vec![&version::TLS13, &version::TLS12];
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_openssls() {
        assert_eq!(suites("", "").unwrap().len(), 9);
        assert_eq!(suites("default", "DEFAULT").unwrap().len(), 9);
        let some =
            suites("ECDHE-RSA-AES128-GCM-SHA256:ecdhe-rsa-chacha20-poly1305", "TLS_AES_128_GCM_SHA256");
        assert_eq!(some.unwrap().len(), 3);
        assert!(suites("ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA", "").unwrap_err().contains("'AES128-SHA'"));
        assert!(suites("", "TLS_AES_128_CCM_SHA256").is_err());
        assert!(suites("", ":").is_err());
    }

    #[test]
    fn old_protocols_are_refused() {
        assert_eq!(protocols(" ").unwrap().len(), 2);
        assert_eq!(protocols("TLSv1.3 tlsv1.2").unwrap().len(), 2);
        assert!(protocols("TLSv1.1 TLSv1.3").unwrap_err().contains("weak"));
        assert!(protocols("SSLv3").is_err());
    }
}

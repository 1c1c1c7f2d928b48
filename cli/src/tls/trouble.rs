//! What is wrong with an encrypted connection, and what can be done about it.

use crate::connection::system_text;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};
use std::io;
use std::time::Duration;

const NO_TLS: &str = "Does the server encrypt on this port? Without --tls the connection is plain";

/// Explains why a handshake failed. `trusted` says in words whose certificates are believed.
pub(super) fn explain_io(
    error: &io::Error,
    trusted: &str,
    has_certificate: bool,
    patience: Duration,
) -> String {
    if let Some(error) = tls_error(error) {
        return explain(error, trusted, has_certificate);
    }
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("no answer to the TLS handshake for {} seconds. {NO_TLS}", patience.as_secs_f64())
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            format!("the server ended the connection during the TLS handshake. {NO_TLS}")
        }
        _ => system_text(error),
    }
}

/// What TLS has to complain about, if that is why something failed.
pub(super) fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
}

/// Explains a complaint of TLS.
pub(super) fn explain(error: &Error, trusted: &str, has_certificate: bool) -> String {
    match error {
        Error::InvalidCertificate(error) => explain_certificate(error, trusted),
        Error::AlertReceived(alert) => explain_alert(*alert, has_certificate),
        Error::InvalidMessage(_) => format!("what the server sends is no TLS. {NO_TLS}"),
        Error::PeerIncompatible(why) => format!(
            "server and client have no protocol or cipher in common ({why:?}). \
             Here are TLS 1.2 and 1.3, with the suites that --tls-ciphers and --tls-ciphersuites allow"
        ),
        other => format!("TLS failed: {other}"),
    }
}

fn explain_certificate(error: &CertificateError, trusted: &str) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "the server's certificate has expired on {}. Renew it there, or set this machine's clock right",
            date(*not_after)
        ),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "the server's certificate holds from {} on. Set this machine's clock right",
            date(*not_before)
        ),
        CertificateError::NotValidForNameContext { expected, presented } if presented.is_empty() => format!(
            "the server's certificate has no alternative names, so it is not for {}. \
             Issue one that has (subjectAltName), or connect with --insecure",
            expected.to_str()
        ),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            format!(
                "the server's certificate is for {}, not for {}. \
                 Connect by a name that it has, or say with --sni NAME which one to expect",
                names.join(", "),
                expected.to_str()
            )
        }
        CertificateError::UnknownIssuer => format!(
            "nobody who is trusted has issued the server's certificate. Trusted are {trusted}. \
             Name the certificate of its authority with --cacert FILE"
        ),
        CertificateError::BadSignature => format!(
            "the server's certificate is not signed by whom it names. Trusted are {trusted}. \
             Is among them an earlier authority of the same name? Name the right one with --cacert FILE"
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the server's certificate is not one for servers (extendedKeyUsage serverAuth)".to_owned()
        }
        // rustls has no word of its own for it.
        other if format!("{other:?}").contains("UnsupportedCertVersion") => {
            "the server's certificate is of version 1, which has no names. \
             Issue one of version 3 with a subjectAltName (openssl x509 -req with -extfile), or connect with --insecure"
                .to_owned()
        }
        other => format!("the server's certificate can't be accepted: {other}"),
    }
}

fn explain_alert(alert: AlertDescription, has_certificate: bool) -> String {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired | Alert::NoCertificate => {
            "the server asks for a certificate of the client. Give one with --cert FILE and --key FILE"
                .to_owned()
        }
        Alert::HandshakeFailure if !has_certificate => {
            "the server refuses the handshake. It may ask for a certificate (--cert FILE and --key FILE), \
             or for other ciphers"
                .to_owned()
        }
        Alert::UnknownCA
        | Alert::BadCertificate
        | Alert::CertificateUnknown
        | Alert::UnsupportedCertificate
        | Alert::CertificateExpired
        | Alert::CertificateRevoked
        | Alert::DecryptError
        | Alert::AccessDenied
            if has_certificate =>
        {
            format!("the server does not accept the certificate of --cert ({alert:?})")
        }
        Alert::ProtocolVersion => "the server speaks neither TLS 1.2 nor TLS 1.3".to_owned(),
        Alert::UnrecognisedName => "the server does not know the name that it is asked for. \
             Say with --sni NAME which one it has"
            .to_owned(),
        other => format!("the server refuses the handshake ({other:?})"),
    }
}

/// A name as a person writes it: `DnsName("localhost")` is `localhost`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

/// The day of a time, as in `2024-02-29`.
fn date(time: UnixTime) -> String {
    let (mut year, mut days) = (1970, time.as_secs() / 86400);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = |year: u64| if is_leap(year) { 366 } else { 365 };
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::ServerName;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_164_800, "2024-02-29"),
            (1_735_603_200, "2024-12-31"),
            (4_107_542_400, "2100-03-01"),
        ];
        for (seconds, day) in cases {
            assert_eq!(date(at(seconds)), day);
        }
    }

    #[test]
    fn complaints_say_what_to_do() {
        let explain = |error| super::explain(&error, "the certificates of ca.crt", false);
        let certificate = |error| explain(Error::InvalidCertificate(error));
        let expired = CertificateError::ExpiredContext { time: at(1), not_after: at(0) };
        assert!(certificate(expired).contains("has expired on 1970-01-01"));
        let expected = ServerName::try_from("127.0.0.1").unwrap();
        let presented = vec!["DnsName(\"localhost\")".to_owned(), "IpAddress(10.0.0.1)".to_owned()];
        let told = certificate(CertificateError::NotValidForNameContext { expected, presented });
        assert!(told.contains("is for localhost, 10.0.0.1, not for 127.0.0.1"), "{told}");
        assert!(
            certificate(CertificateError::UnknownIssuer).contains("Trusted are the certificates of ca.crt")
        );
        assert!(explain(Error::AlertReceived(AlertDescription::CertificateRequired)).contains("--cert FILE"));
        assert!(explain(Error::AlertReceived(AlertDescription::UnknownCA)).contains("refuses the handshake"));
    }
}

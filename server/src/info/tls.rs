//! The certificates of encrypted connections, and how long they hold.

use super::Text;
use crate::server::{Shared, now};
use crate::tls::Certificate;

pub(super) fn tls(shared: &Shared, text: &mut Text) {
    let Some(terms) = shared.tls.terms() else { return };
    let mut tell = |whose: &str, certificate: Option<&Certificate>| {
        let serial = certificate.map_or("none", |certificate| &certificate.serial);
        let left = certificate.map_or(0, |certificate| certificate.not_after - now().0 / 1000);
        text.line(format_args!("tls_{whose}_cert_serial"), serial);
        text.line(format_args!("tls_{whose}_cert_expires_in_seconds"), left);
        if let Some(certificate) = certificate {
            text.line(format_args!("tls_{whose}_cert_expire_time"), certificate.not_after);
            text.line(format_args!("tls_{whose}_cert_subject"), &certificate.subject);
        }
    };
    tell("server", Some(&terms.certificate));
    tell("client", terms.client.as_ref());
    tell("ca", terms.authority.as_ref());
}

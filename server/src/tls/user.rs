//! Which user a client's certificate makes it.

use super::certificate::Certificate;
use super::stream::TlsStream;
use super::terms::UserFrom;
use crate::audit::Means;
use crate::log;
use crate::server::Shared;
use crate::session::Session;

impl Certificate {
    /// The names that may be those of a user. Where a certificate has several common names, nobody knows which is meant.
    fn user_names(&self, from: UserFrom) -> &[Vec<u8>] {
        match from {
            UserFrom::CommonName if self.common_names.len() == 1 => &self.common_names,
            UserFrom::Uri => &self.uris,
            UserFrom::CommonName | UserFrom::Nothing => &[],
        }
    }
}

/// Whether a name in a certificate may be somebody's: text, without what other programs would read as its end or as any
/// name at all.
fn is_plain(name: &[u8]) -> bool {
    let is_odd = |letter: char| letter.is_control() || letter == '*' || letter == char::REPLACEMENT_CHARACTER;
    !name.is_empty() && std::str::from_utf8(name).is_ok_and(|name| !name.contains(is_odd))
}

impl Session {
    /// Lets a client in as the user its certificate names, if the settings want that and there is such a user who is
    /// enabled. If not, it is who everybody is that comes.
    pub(crate) fn enter_by_certificate(&mut self, stream: &TlsStream, shared: &Shared) {
        let from = UserFrom::of(&shared.config);
        if from == UserFrom::Nothing {
            return;
        }
        let Some(certificate) = stream.peer_certificate().and_then(Certificate::read) else { return };
        let names = certificate.user_names(from);
        for name in names.iter().filter(|name| is_plain(name)) {
            if shared.acl.admit(name, |account| self.become_user(account)) {
                self.let_in();
                self.note_login(Means::Certificate, shared);
                log::verbose!("TLS: Auto-authenticated client as {}", name.escape_ascii());
                return;
            }
        }
        let first = names.first().map_or(&b""[..], |name| name);
        let subject = &certificate.subject;
        log::verbose!("TLS: No matching user found for the client's certificate: {subject}");
        shared.acl.note_unknown_certificate(&self.client, first, shared);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_nobodys() {
        for name in [&b"alice"[..], b"urn:a/b?c", "j\u{fc}rgen".as_bytes(), b"a b"] {
            assert!(is_plain(name), "{}", name.escape_ascii());
        }
        for name in [&b""[..], b"alice\0", b"alice\0.evil", b"*", b"al*", b"a\n", b"a\x7f", b"\xff"] {
            assert!(!is_plain(name), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn several_common_names_are_none() {
        let two = vec![b"alice".to_vec(), b"bob".to_vec()];
        let certificate = Certificate { common_names: two.clone(), uris: two, ..Certificate::default() };
        assert!(certificate.user_names(UserFrom::CommonName).is_empty());
        assert_eq!(certificate.user_names(UserFrom::Uri).len(), 2);
        assert!(certificate.user_names(UserFrom::Nothing).is_empty());
    }
}

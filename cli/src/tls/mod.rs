//! Encrypted connections: whom to trust, who to be there, and why it did not work.
//!
//! ```text
//! options ──→ Wishes ──→ Security, once ──→ TlsStream, for each connection
//! ```
//!
//! [`Security`] reads all files before the first connection is made, so that a file that is no good is told at once, and
//! not after a connection was lost. A certificate is checked against the name that was connected to: `trust` says by whom
//! it must be issued, `trouble` says in words for people what is wrong.

mod ciphers;
mod stream;
mod trouble;
mod trust;

pub(crate) use stream::TlsStream;

use crate::connection::system_text;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, Error, InconsistentKeys};
use std::ffi::OsString;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use trust::Trust;

/// How connections are to be encrypted, as the command line says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The name that the server is asked for and that its certificate must have, instead of the host's.
    pub sni: Option<String>,
    /// File with the certificates of authorities.
    pub authorities_file: Option<PathBuf>,
    /// Folder of such files.
    pub authorities_folder: Option<PathBuf>,
    /// Whether any certificate will do.
    pub insecure: bool,
    /// File with the client's own certificate.
    pub certificate: Option<PathBuf>,
    /// File with its key.
    pub key: Option<PathBuf>,
    /// Suites of TLS 1.2, by OpenSSL's names.
    pub ciphers: Option<String>,
    /// Suites of TLS 1.3.
    pub suites: Option<String>,
}

/// What it takes to make encrypted connections.
#[derive(Clone, Debug)]
pub struct Security {
    config: Arc<ClientConfig>,
    /// The name to expect, if it is not the host's.
    name: Option<ServerName<'static>>,
    /// Whose certificates are trusted, in words.
    trusted: Arc<str>,
    /// Whether the client has a certificate to show.
    has_certificate: bool,
}

impl Security {
    /// Reads the files that are named. The error says which is no good, and why.
    pub fn read(wishes: &Wishes) -> Result<Self, String> {
        let suites = ciphers::suites(wishes.ciphers.as_deref(), wishes.suites.as_deref())?;
        let provider = Arc::new(CryptoProvider { cipher_suites: suites, ..ring::default_provider() });
        let (trust, trusted) = Trust::read(wishes, &provider)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("Protocols and ciphers don't fit: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust));
        let config = match (&wishes.certificate, &wishes.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(chain), Some(key)) => {
                let own = own_certificate(chain, key, &provider)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)))
            }
            _ => return Err("Client cert and key must both be specified or skipped.".to_owned()),
        };
        let name = wishes.sni.as_deref().map(server_name).transpose()?;
        Ok(Self {
            config: Arc::new(config),
            name,
            trusted: trusted.into(),
            has_certificate: wishes.certificate.is_some(),
        })
    }

    /// Does the handshake on a connection to `host`, which may take so long. The error is for people.
    pub(crate) fn connect(
        &self,
        socket: TcpStream,
        host: &str,
        patience: Duration,
    ) -> Result<TlsStream, String> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        TlsStream::connect(socket, Arc::clone(&self.config), name, patience)
            .map_err(|error| trouble::explain_io(&error, &self.trusted, self.has_certificate, patience))
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let name = ServerName::try_from(host.to_owned());
    name.map_err(|_| format!("'{host}' is no name of a host: certificates can't be for it"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("Can't read {}: {}", path.display(), system_text(&error)))
}

/// All certificates of a file, of which there must be one at least.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| format!("Can't read certificates of {}: {error}", path.display()))?;
    if found.is_empty() { Err(format!("{} has no certificate in PEM", path.display())) } else { Ok(found) }
}

/// The key, which can't be an encrypted one.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = read(path)?;
    let is_encrypted = [&b"ENCRYPTED PRIVATE KEY-----"[..], b"Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|sign| text.windows(sign.len()).any(|window| window == *sign));
    if is_encrypted {
        return Err(format!(
            "{} is encrypted, which is not supported: store the key decrypted, readable by you only \
             (openssl pkey -in FILE -out FILE)",
            path.display()
        ));
    }
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|error| format!("Can't read the private key of {}: {error}", path.display()))
}

/// The client's certificate with its key. Whether the certificate is any good is for the server to say: `openssl x509 -req`
/// makes such of version 1, which others accept and rustls can't read.
fn own_certificate(chain: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let failed = |error: Error| format!("{} and {}: {error}", chain.display(), key.display());
    let signing_key = provider.key_provider.load_private_key(private_key(key)?).map_err(failed)?;
    let own = CertifiedKey::new(certificates(chain)?, signing_key);
    match own.keys_match() {
        Err(error @ Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(failed(error)),
        Ok(()) | Err(_) => Ok(own),
    }
}

/// A variable of the environment that is a path, if it is set and not empty.
fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from)
}

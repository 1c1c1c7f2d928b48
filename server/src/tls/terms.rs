//! What the settings make of handshakes: certificate, key, authorities, suites.

use super::certificate::Certificate;
use super::ciphers;
use super::outgoing::Issued;
use super::sessions::Sessions;
use crate::config::failure::plain;
use crate::config::{Config, table};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Which part of a client's certificate names the user it acts as; the places in the choices of `tls-auth-clients-user`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UserFrom {
    CommonName,
    Uri,
    Nothing,
}

impl UserFrom {
    pub(crate) fn of(config: &Config) -> UserFrom {
        match config.number(table::TLS_AUTH_CLIENTS_USER) {
            0 => UserFrom::CommonName,
            1 => UserFrom::Uri,
            _ => UserFrom::Nothing,
        }
    }
}

/// Under what conditions connections are encrypted. Never changes: others take its place, for connections that come then.
pub(crate) struct Terms {
    pub(super) rules: Arc<ServerConfig>,
    /// The same for connections that the server makes, if it is to encrypt any.
    pub(super) outgoing: Option<Arc<ClientConfig>>,
    /// The server's own certificate.
    pub(crate) certificate: Certificate,
    /// Another one that it shows to servers, if it has one for that.
    pub(crate) client: Option<Certificate>,
    /// The first of the authorities, if there are any.
    pub(crate) authority: Option<Certificate>,
    /// The files they were read from, as those were.
    pub(super) files: Vec<Seen>,
}

/// A file as it was when it was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    path: PathBuf,
    state: Option<(SystemTime, u64)>,
}

impl Seen {
    fn now(path: PathBuf) -> Seen {
        let state = fs::metadata(&path).ok().and_then(|found| Some((found.modified().ok()?, found.len())));
        Seen { path, state }
    }

    /// The same file as it is now.
    pub(super) fn again(&self) -> Seen {
        Seen::now(self.path.clone())
    }
}

/// Places of `tls-auth-clients`.
const NO: i64 = 0;
const OPTIONAL: i64 = 2;

impl Terms {
    /// Reads what the settings name. The error says which is wrong, and why.
    pub(super) fn read(config: &Config) -> Result<Terms, String> {
        let word = |key| String::from_utf8_lossy(&config.text(key)).into_owned();
        let file = |key| config.path(key).ok_or_else(|| format!("No {} configured!", table_name(key)));
        let (chain_path, key_path) = (file(table::TLS_CERT_FILE)?, file(table::TLS_KEY_FILE)?);
        let mut files = vec![Seen::now(chain_path.clone()), Seen::now(key_path.clone())];

        let chain = certificates(&chain_path)?;
        let first = chain.first().ok_or_else(|| format!("{} has no certificate", chain_path.display()))?;
        let certificate = Certificate::read(first)
            .ok_or_else(|| format!("{} has no certificate that can be read", chain_path.display()))?;
        let key = private_key(&key_path, !config.text(table::TLS_KEY_FILE_PASS).is_empty())?;
        let authorities = authorities(config, &mut files)?;

        let suites = ciphers::suites(&word(table::TLS_CIPHERS), &word(table::TLS_CIPHERSUITES))?;
        let provider = Arc::new(CryptoProvider { cipher_suites: suites, ..ring::default_provider() });
        let versions = ciphers::protocols(&word(table::TLS_PROTOCOLS))?;
        let verifier = verifier(config.number(table::TLS_AUTH_CLIENTS), &authorities, &provider)?;
        let shown = shown_to_servers(config, &mut files)?;
        let client = shown.as_ref().and_then(|(chain, _)| Certificate::read(chain.first()?));
        let outgoing = if config.is_on(table::TLS_REPLICATION) {
            let shown = shown.unwrap_or_else(|| (chain.clone(), key.clone_key()));
            let checks_name = config.is_on(table::TLS_REPLICATION_CHECK_NAME);
            let rules = outgoing(shown, &authorities, (Arc::clone(&provider), &versions), checks_name)?;
            Some(Arc::new(rules))
        } else {
            None
        };
        let rules = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| format!("Protocols and ciphers don't fit: {error}"))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| format!("{} and {}: {error}", chain_path.display(), key_path.display()))?;
        let authority = authorities.first().and_then(|first| Certificate::read(first));
        let rules = Arc::new(with_sessions(rules, config));
        Ok(Terms { rules, outgoing, certificate, client, authority, files })
    }

    /// Whether a file is not as it was when it was read.
    pub(super) fn is_outdated(&self) -> bool {
        self.files.iter().any(|seen| seen.again() != *seen)
    }
}

fn table_name(key: table::Key) -> &'static str {
    key.setting().name
}

/// A certificate with those between it and its authority, and its key.
type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The certificate that the settings name for connections that the server makes, if they name one.
fn shown_to_servers(config: &Config, files: &mut Vec<Seen>) -> Result<Option<Shown>, String> {
    let (chain_path, key_path) =
        (config.path(table::TLS_CLIENT_CERT_FILE), config.path(table::TLS_CLIENT_KEY_FILE));
    let (chain_path, key_path) = match (chain_path, key_path) {
        (None, None) => return Ok(None),
        (Some(chain_path), Some(key_path)) => (chain_path, key_path),
        _ => return Err("tls-client-cert-file and tls-client-key-file belong together".to_owned()),
    };
    files.extend([Seen::now(chain_path.clone()), Seen::now(key_path.clone())]);
    let key = private_key(&key_path, !config.text(table::TLS_CLIENT_KEY_FILE_PASS).is_empty())?;
    let chain = certificates(&chain_path)?;
    if chain.is_empty() {
        return Err(format!("{} has no certificate", chain_path.display()));
    }
    Ok(Some((chain, key)))
}

/// Under what conditions the server makes connections: whom it believes, and what it shows.
fn outgoing(
    (chain, key): Shown,
    authorities: &[CertificateDer<'static>],
    (provider, versions): (Arc<CryptoProvider>, &[&'static SupportedProtocolVersion]),
    checks_name: bool,
) -> Result<ClientConfig, String> {
    if authorities.is_empty() {
        return Err(
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-replication is enabled!"
                .to_owned(),
        );
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(authorities)?, Arc::clone(&provider))
        .build()
        .map_err(|error| format!("Failed to use CA certificates: {error}"))?;
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| format!("Protocols and ciphers don't fit: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Issued { verifier, checks_name }))
        .with_client_auth_cert(chain, key)
        .map_err(|error| format!("The certificate for connections to a primary: {error}"))
}

pub(super) fn roots(authorities: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(|error| format!("Failed to load CA certificate: {error}"))?;
    }
    Ok(Arc::new(roots))
}

/// How long sessions live, and who chooses among suites.
fn with_sessions(mut rules: ServerConfig, config: &Config) -> ServerConfig {
    rules.ignore_client_order = config.is_on(table::TLS_PREFER_SERVER_CIPHERS);
    if config.is_on(table::TLS_SESSION_CACHING) {
        let count_max = config.number(table::TLS_SESSION_CACHE_SIZE) as usize;
        let seconds = config.number(table::TLS_SESSION_CACHE_TIMEOUT) as u64;
        rules.session_storage = Arc::new(Sessions::new(count_max, Duration::from_secs(seconds)));
    } else {
        rules.session_storage = Arc::new(NoServerSessionStorage {});
        rules.send_tls13_tickets = 0;
    }
    rules
}

fn verifier(
    asks: i64,
    authorities: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    if asks == NO {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    if authorities.is_empty() {
        return Err(
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-auth-clients is enabled!"
                .to_owned(),
        );
    }
    let builder = WebPkiClientVerifier::builder_with_provider(roots(authorities)?, Arc::clone(provider));
    let builder = if asks == OPTIONAL { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|error| format!("Failed to use CA certificates: {error}"))
}

/// The authorities of a file, and of all files of a folder.
pub(super) fn authorities(
    config: &Config,
    files: &mut Vec<Seen>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = Vec::new();
    if let Some(path) = config.path(table::TLS_CA_CERT_FILE) {
        files.push(Seen::now(path.clone()));
        found = certificates(&path)?;
        if found.is_empty() {
            return Err(format!("Failed to load CA certificate: {} has none", path.display()));
        }
    }
    if let Some(folder) = config.path(table::TLS_CA_CERT_DIR) {
        let failed = |error| format!("Failed to read the folder {}: {}", folder.display(), plain(&error));
        files.push(Seen::now(folder.clone()));
        let mut paths = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            paths.push(entry.map_err(failed)?.path());
        }
        paths.sort();
        for path in paths.into_iter().filter(|path| path.is_file()) {
            files.push(Seen::now(path.clone()));
            // Such folders also hold what is no certificate.
            found.extend(certificates(&path).unwrap_or_default());
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("Failed to load {}: {}", path.display(), plain(&error)))
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    found.map_err(|error| format!("Failed to load certificates of {}: {error}", path.display()))
}

/// The key, which can't be an encrypted one.
fn private_key(path: &Path, has_password: bool) -> Result<PrivateKeyDer<'static>, String> {
    let text = read(path)?;
    let is_encrypted = [&b"ENCRYPTED PRIVATE KEY-----"[..], b"Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|sign| text.windows(sign.len()).any(|window| window == *sign));
    if is_encrypted {
        let password = if has_password { ", whatever tls-key-file-pass says" } else { "" };
        return Err(format!(
            "{} is encrypted, which is not supported{password}: \
             store the key decrypted, readable by this server's user only (openssl pkey -in FILE -out FILE)",
            path.display()
        ));
    }
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|error| format!("Failed to load the private key of {}: {error}", path.display()))
}

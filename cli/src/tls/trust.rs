//! Whose certificates are believed.

use super::{Wishes, certificates, path_variable};
use crate::connection::system_text;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where systems keep the certificates of public authorities, in one file.
const BUNDLES: [&str; 6] = [
    // Debian, Ubuntu, Arch, Gentoo, Alpine.
    "/etc/ssl/certs/ca-certificates.crt",
    // Fedora, Red Hat.
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    // openSUSE.
    "/etc/ssl/ca-bundle.pem",
    // macOS, OpenBSD.
    "/etc/ssl/cert.pem",
    // FreeBSD.
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// Variables that name another file and another folder, as for OpenSSL.
const BUNDLE_VARIABLE: &str = "SSL_CERT_FILE";
const FOLDER_VARIABLE: &str = "SSL_CERT_DIR";

/// What decides whether a server is the one that was asked for.
#[derive(Debug)]
pub(super) enum Trust {
    /// Somebody known must have issued its certificate, for the name that was asked for.
    Issued {
        /// Checks issuers, dates, purposes and names.
        verifier: Arc<WebPkiServerVerifier>,
        /// Certificates that were named one by one.
        named: Vec<CertificateDer<'static>>,
    },
    /// It may be anybody.
    Anybody(Arc<CryptoProvider>),
}

/// Certificates of authorities, and where they are from, in words.
type Authorities = (Vec<CertificateDer<'static>>, String);

impl Trust {
    /// What the options ask for, and in words who is trusted.
    pub(super) fn read(wishes: &Wishes, provider: &Arc<CryptoProvider>) -> Result<(Self, String), String> {
        if wishes.insecure {
            return Ok((Self::Anybody(Arc::clone(provider)), "all".to_owned()));
        }
        let is_own_choice = wishes.authorities_file.is_some() || wishes.authorities_folder.is_some();
        let (authorities, trusted) = if is_own_choice { named(wishes)? } else { of_system()? };
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(authorities.iter().cloned());
        if added == 0 {
            return Err(format!("No certificate of an authority can be used of {trusted}"));
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| format!("Can't use {trusted}: {error}"))?;
        let named = if is_own_choice { authorities } else { Vec::new() };
        Ok((Self::Issued { verifier, named }, trusted))
    }
}

/// The authorities that the options name.
fn named(wishes: &Wishes) -> Result<Authorities, String> {
    let (mut found, mut places) = (Vec::new(), Vec::new());
    if let Some(file) = &wishes.authorities_file {
        found = certificates(file)?;
        places.push(file.display().to_string());
    }
    if let Some(folder) = &wishes.authorities_folder {
        found.extend(certificates_of_folder(folder)?);
        places.push(folder.display().to_string());
    }
    Ok((found, format!("the certificates of {}", places.join(" and "))))
}

/// The authorities that this system trusts.
fn of_system() -> Result<Authorities, String> {
    let folder = path_variable(FOLDER_VARIABLE).filter(|folder| folder.is_dir());
    let file = path_variable(BUNDLE_VARIABLE).or_else(|| {
        let bundles = BUNDLES.map(PathBuf::from);
        bundles.into_iter().find(|bundle| bundle.is_file()).filter(|_| folder.is_none())
    });
    let wishes = Wishes { authorities_file: file, authorities_folder: folder, ..Wishes::default() };
    if wishes.authorities_file.is_none() && wishes.authorities_folder.is_none() {
        return Err("This system has no list of trusted authorities (the package ca-certificates). \
                    Name the authority's certificate with --cacert FILE"
            .to_owned());
    }
    let (found, trusted) = named(&wishes)?;
    Ok((found, format!("{trusted}, which this system trusts")))
}

/// All certificates of a folder's files. Such folders also hold what is no certificate.
fn certificates_of_folder(folder: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error| format!("Can't read the folder {}: {}", folder.display(), system_text(&error));
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    let files = paths.into_iter().filter(|path| path.is_file());
    Ok(files.flat_map(|path| certificates(&path).unwrap_or_default()).collect())
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Self::Issued { verifier, named } = self else { return Ok(ServerCertVerified::assertion()) };
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // `openssl req -x509` makes certificates that are their own authority, which is no certificate of a server
            // by the rules. Whoever names just this one means it. Its dates have been checked before.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if named.iter().any(|named| named.as_ref() == end_entity.as_ref()) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self {
            Self::Issued { verifier, .. } => verifier.verify_tls12_signature(message, certificate, signature),
            // Whoever may show any certificate may as well have made its key.
            Self::Anybody(_) => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self {
            Self::Issued { verifier, .. } => verifier.verify_tls13_signature(message, certificate, signature),
            Self::Anybody(_) => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self {
            Self::Issued { verifier, .. } => verifier.supported_verify_schemes(),
            Self::Anybody(provider) => provider.signature_verification_algorithms.supported_schemes(),
        }
    }
}

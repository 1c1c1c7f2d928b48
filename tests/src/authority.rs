//! Certificates for tests, made anew each time.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, DnValue, IsCa, KeyPair, SanType,
    string::Ia5String,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An authority that issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// Whom a certificate is about, and until when it holds.
#[derive(Clone, Copy, Default)]
pub struct Holder<'h> {
    /// Common names, most often one.
    pub names: &'h [&'h str],
    /// URIs among the alternative names.
    pub uris: &'h [&'h str],
    /// The year in whose first second it ends; 0: one far away.
    pub end: i32,
    /// Its number; 0: 1.
    pub serial: u8,
}

/// A certificate with its key.
pub struct Issued {
    /// In PEM.
    pub certificate: String,
    /// In PEM.
    pub key: String,
}

impl Authority {
    /// Makes one.
    ///
    /// # Panics
    /// When the library can't.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let key = KeyPair::generate().expect("there is chance enough");
        Authority(CertifiedIssuer::self_signed(params, key).expect("it is well formed"))
    }

    /// Issues a certificate that is also one for `localhost`.
    ///
    /// # Panics
    /// When the holder's names can't stand in a certificate.
    pub fn issue(&self, holder: Holder<'_>) -> Issued {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("it is a name");
        for (place, name) in holder.names.iter().enumerate() {
            // The library takes a second name of a kind for another first one, unless the kind is spelled out.
            let kind = if place == 0 { DnType::CommonName } else { DnType::CustomDnType(vec![2, 5, 4, 3]) };
            params.distinguished_name.push(kind, DnValue::Utf8String((*name).to_owned()));
        }
        for uri in holder.uris {
            let uri = Ia5String::try_from(*uri).expect("it is ASCII");
            params.subject_alt_names.push(SanType::URI(uri));
        }
        if holder.end != 0 {
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(holder.end, 1, 1);
        }
        params.serial_number = Some(vec![holder.serial.max(1)].into());
        let key = KeyPair::generate().expect("there is chance enough");
        let certificate = params.signed_by(&key, &self.0).expect("it is well formed");
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Writes its own certificate to a file; the file's path.
    ///
    /// # Panics
    /// When the folder can't be written.
    pub fn store(&self, folder: &Path) -> PathBuf {
        let path = folder.join("ca.crt");
        fs::write(&path, self.0.pem()).expect("the folder can be written");
        path
    }

    /// What a client needs to trust it, and to say who it is if it has a certificate.
    ///
    /// # Panics
    /// When the certificate is none.
    pub fn client(
        &self,
        own: Option<&Issued>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("it is an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("there are suites for them")
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(Issued { certificate, key }) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("it is one")];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("it is one");
                builder.with_client_auth_cert(chain, key).expect("they fit")
            }
        };
        Arc::new(config)
    }
}

impl Issued {
    /// Writes both to files of this name; their paths.
    ///
    /// # Panics
    /// When the folder can't be written.
    pub fn store(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        fs::write(&certificate, &self.certificate).expect("the folder can be written");
        fs::write(&key, &self.key).expect("the folder can be written");
        (certificate, key)
    }
}

//! Encrypted connections to HTTP origins: whom to believe to be one.

use super::terms;
use crate::config::Config;
use rustls::ClientConfig;
use rustls::crypto::ring;
use std::path::Path;
use std::sync::Arc;

/// Where systems keep the authorities that they trust.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Under what conditions connections to origins are made: an origin has a certificate for its name, of one of the authorities
/// that `tls-ca-cert-file` and `tls-ca-cert-dir` name, or of the system's if they name none.
pub(crate) fn rules_for_origins(config: &Config) -> Result<Arc<ClientConfig>, String> {
    let mut authorities = terms::authorities(config, &mut Vec::new())?;
    if authorities.is_empty() {
        let bundle = BUNDLES.iter().map(Path::new).find(|path| path.is_file());
        let bundle = bundle.ok_or("This system has no file of authorities: set tls-ca-cert-file")?;
        authorities = terms::certificates(bundle)?;
    }
    let mut rules = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(terms::roots(&authorities)?)
        .with_no_client_auth();
    rules.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(rules))
}

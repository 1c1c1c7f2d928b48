//! The options of encrypted connections.

use super::Refusal;
use crate::tls::{Security, Wishes};
use std::path::PathBuf;

/// Options that say how a connection is encrypted.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Encryption")]
pub(super) struct EncryptionOptions {
    /// Encrypt the connection, with TLS
    #[arg(long)]
    tls: bool,
    /// Name to ask for and to expect in the server's certificate, instead of that of -h
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,
    /// File with the certificates of the authorities to trust, instead of those that the system trusts
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Folder with such files
    #[arg(long, value_name = "FOLDER")]
    cacertdir: Option<PathBuf>,
    /// Accept any certificate: somebody between here and the server can read and change everything
    #[arg(long)]
    insecure: bool,
    /// Certificate to show to the server
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Private key of that certificate
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Ciphers of TLS 1.2 by OpenSSL's names, the most preferred first, with colons between them
    #[arg(long, value_name = "CIPHERS")]
    tls_ciphers: Option<String>,
    /// Ciphers of TLS 1.3, in the same way
    #[arg(long, value_name = "CIPHERS")]
    tls_ciphersuites: Option<String>,
}

impl EncryptionOptions {
    /// What encrypted connections need, if there are to be any; `uri_asks` if a URI says so.
    pub(super) fn security(self, uri_asks: bool, over_socket: bool) -> Result<Option<Security>, Refusal> {
        if !self.tls && !uri_asks {
            return Ok(None);
        }
        if over_socket {
            let text =
                "--tls is for connections over the network: nobody can listen to a socket of this machine.";
            return Err(Refusal::Mistake(text.to_owned()));
        }
        let wishes = Wishes {
            sni: self.sni,
            authorities_file: self.cacert,
            authorities_folder: self.cacertdir,
            insecure: self.insecure,
            certificate: self.cert,
            key: self.key,
            ciphers: self.tls_ciphers,
            suites: self.tls_ciphersuites,
        };
        Security::read(&wishes).map(Some).map_err(Refusal::Mistake)
    }
}

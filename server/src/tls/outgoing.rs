//! Encrypted connections that the server makes: those to its primary, and to HTTP origins.
//!
//! There are few, so each may own its buffers: this is rustls's usual connection on a socket that doesn't wait.

use super::terms::Terms;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls::{ClientConfig, ClientConnection};
use std::io::{self, Read, Write};
use std::sync::Arc;
use tokio::net::TcpStream;

/// So many plain bytes are sealed at once.
const SEALED_BYTES: usize = 64 * 1024;

/// A connection to a server, whose handshake is done.
pub(crate) struct Outgoing {
    tcp: TcpStream,
    tls: ClientConnection,
    /// How many bytes were opened and not read.
    opened_bytes: usize,
}

/// A socket as rustls wants it: what would have to wait fails.
struct Now<'s>(&'s TcpStream);

impl Read for Now<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Outgoing {
    /// Does the handshake on a connection to `host`. The caller says how long that may take, by dropping it.
    pub(crate) async fn connect(tcp: TcpStream, host: &str, terms: &Terms) -> io::Result<Outgoing> {
        let rules = terms.outgoing.as_ref().ok_or_else(|| io::Error::other("tls-replication is not on"))?;
        Outgoing::shake(tcp, host, rules).await
    }

    /// The same by these rules.
    pub(crate) async fn shake(tcp: TcpStream, host: &str, rules: &Arc<ClientConfig>) -> io::Result<Outgoing> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let tls = ClientConnection::new(Arc::clone(rules), name).map_err(io::Error::other)?;
        let mut stream = Outgoing { tcp, tls, opened_bytes: 0 };
        loop {
            stream.send()?;
            if stream.tls.wants_write() {
                stream.tcp.writable().await?;
            } else if stream.tls.is_handshaking() {
                stream.tcp.readable().await?;
                if let Err(error) = stream.fill()
                    && error.kind() != io::ErrorKind::WouldBlock
                {
                    return Err(error);
                }
            } else {
                return Ok(stream);
            }
        }
    }

    /// The connection underneath.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Whether there are bytes to be read for which the socket need not be waited for.
    pub(crate) fn has_opened(&self) -> bool {
        self.opened_bytes > 0
    }

    /// Whether there are records that the socket has not taken.
    pub(crate) fn has_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    /// Reads what is there, without waiting; nothing when the other side has ended the connection, whether or not it said
    /// so: the stream says how long its units are, so that one that was cut off is not taken for a whole one.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.try_read_to_end(buffer) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            outcome => outcome,
        }
    }

    /// The same of a stream whose end means something: one that the other side has not sealed is an error.
    pub(crate) fn try_read_to_end(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => {
                    self.opened_bytes =
                        self.opened_bytes.saturating_sub(outcome.as_ref().map_or(0, |read| *read));
                    return outcome;
                }
            }
            self.fill()?;
        }
    }

    /// Takes some of the bytes, without waiting. Those that the socket does not take now [are unsent](Self::has_unsent); they
    /// go with the next ones, or with none.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send()?;
        if self.tls.wants_write() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.tls.writer().write(&bytes[..bytes.len().min(SEALED_BYTES)])?;
        self.send()?;
        Ok(count)
    }

    /// Sends what [is unsent](Self::has_unsent), without waiting.
    pub(crate) fn try_flush(&mut self) -> io::Result<()> {
        self.send()?;
        if self.tls.wants_write() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    /// Reads records and opens them.
    fn fill(&mut self) -> io::Result<()> {
        if self.tls.read_tls(&mut Now(&self.tcp))? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed"));
        }
        match self.tls.process_new_packets() {
            Ok(state) => self.opened_bytes = state.plaintext_bytes_to_read(),
            Err(error) => {
                // The other side is told why, if it still listens.
                let _ = self.send();
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
        self.send()
    }

    /// Sends the records that there are, as far as the socket takes them.
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Now(&self.tcp)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.tls.send_close_notify();
        // The other side may have gone.
        let _ = self.send();
    }
}

/// Whom to believe to be a primary: who has a certificate of an authority's, for any name or for the one it is called by.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) verifier: Arc<WebPkiServerVerifier>,
    pub(super) checks_name: bool,
}

impl ServerCertVerifier for Issued {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // Names are looked at last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

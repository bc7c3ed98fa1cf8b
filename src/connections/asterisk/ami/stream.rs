//! The stream to a server: over TCP, or TLS over it.

use crate::config::{Ami, Asterisk};
use crate::connections::connect::connect;
use crate::sockets;
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub type Reading = Box<dyn AsyncRead + Unpin>;
pub type Writing = Box<dyn AsyncWrite + Unpin>;

/// Connects; the error says why not.
pub async fn open(server: &Asterisk, ami: &Ami) -> Result<(Reading, Writing), String> {
    let stream = connect(&ami.address, None).await?;
    sockets::keep(&stream).map_err(|error| error.to_string())?;
    if !ami.tls {
        let (read, write) = stream.into_split();
        return Ok((Box::new(read), Box::new(write)));
    }
    let handshake = encrypt(stream, ami);
    let stream = tokio::time::timeout(server.request_timeout, handshake).await;
    let stream =
        stream.map_err(|_| format!("{}: no TLS within {:?}", ami.address, server.request_timeout))??;
    let (read, write) = split(stream);
    Ok((Box::new(read), Box::new(write)))
}

async fn encrypt(stream: TcpStream, ami: &Ami) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let host = ami.address.rsplit_once(':').map_or(&*ami.address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|error| format!("{}: {error}", ami.address))?;
    let authority = ami.tls_ca.clone();
    // Reads files: with each connection, so that certificates that were renewed count.
    let config = tokio::task::spawn_blocking(move || client_config(authority.as_deref())).await;
    let config = config.map_err(|error| error.to_string())??;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| format!("TLS to {}: {error}", ami.address))
}

/// Whose certificates count: those that the system trusts, and those of the file.
fn client_config(authority: Option<&Path>) -> Result<ClientConfig, String> {
    let extra = authority.map(certificates).transpose()?.unwrap_or_default();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        Verifier::new_with_extra_roots(extra, provider.clone()).map_err(|error| error.to_string())?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |error: rustls::pki_types::pem::Error| format!("{}: {error}", file.display());
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(wrong)?.collect();
    let certificates = certificates.map_err(wrong)?;
    match certificates.is_empty() {
        true => Err(format!("{}: has no certificate", file.display())),
        false => Ok(certificates),
    }
}

//! TLS to a peer: 1.3 unless it says otherwise, with its authority, and with our certificate where it wants one.

use crate::config::{EventPeer, PeerAuth};
use rustls::client::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ConfigBuilder, RootCertStore, WantsVerifier, client::WantsClientCert};
use rustls_platform_verifier::Verifier;
use std::path::Path;
use std::sync::Arc;

/// How to connect to this peer; reads its files. The error says which one cannot be used.
pub fn client_config(peer: &EventPeer) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let versions: &[_] = if peer.allow_tls12 { &[&TLS13, &TLS12] } else { &[&TLS13] };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?;
    let builder = trusting(builder, peer, provider)?;
    match &peer.auth {
        PeerAuth::Mtls { certificate, key } => {
            let chain = certificates(certificate)?;
            let key_read = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
            builder
                .with_client_auth_cert(chain, key_read)
                .map_err(|error| format!("{} with {}: {error}", certificate.display(), key.display()))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn trusting(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    peer: &EventPeer,
    provider: Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &peer.ca {
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        return Ok(builder.with_root_certificates(roots));
    }
    match Verifier::new(provider) {
        Ok(verifier) => Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))),
        // Without TLS there may be no certificates on the host, and none are needed.
        Err(_) if peer.allow_http => Ok(builder.with_root_certificates(roots)),
        Err(error) => Err(error.to_string()),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| wrong(file, &error))?;
    let certificates: Result<Vec<_>, _> = read.collect();
    let certificates = certificates.map_err(|error| wrong(file, &error))?;
    if certificates.is_empty() {
        return Err(format!("{}: has no certificate", file.display()));
    }
    Ok(certificates)
}

fn wrong(file: &Path, error: &Error) -> String {
    format!("{}: {error}", file.display())
}

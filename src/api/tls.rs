//! TLS for the listener, from PEM files that may be replaced while it serves.
//!
//! Every few seconds it is looked whether the files have changed. A new connection gets the certificate that stands then;
//! those that are open stay as they are. Files that cannot be used change nothing.

use crate::config::read_file;
use anyhow::Context;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_cert::der::Decode;

/// A certificate chain with its key, read from files.
pub struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    stamp: Stamp,
    certified: Arc<CertifiedKey>,
    /// Since the epoch; `None` where the certificate does not say it in a way that we read.
    expires: Option<Duration>,
}

impl Pair {
    /// Reads both files; an error names the one that is wrong.
    pub fn read(certificate: &Path, key: &Path) -> anyhow::Result<Pair> {
        // Before they are read: what changes meanwhile is read again.
        let stamp = stamp(certificate, key);
        let chain = chain(certificate).with_context(|| format!("http.tls_cert {}", certificate.display()))?;
        let private = private_key(key).with_context(|| format!("http.tls_key {}", key.display()))?;
        let expires = chain.first().and_then(expiry);
        let certified = CertifiedKey::from_der(chain, private, &provider())
            .context("http.tls_cert and http.tls_key do not fit together")?;
        Ok(Pair {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            stamp,
            certified: Arc::new(certified),
            expires,
        })
    }
}

fn chain(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    Ok(CertificateDer::pem_slice_iter(&read_file(file)?).collect::<Result<_, _>>()?)
}

fn private_key(file: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    Ok(PrivateKeyDer::from_pem_slice(&read_file(file)?)?)
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

fn expiry(certificate: &CertificateDer) -> Option<Duration> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_unix_duration())
}

/// By what a file that was replaced or written anew is known; `None` where there is none.
type Stamp = [Option<(u64, i64, i64, u64)>; 2];

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|file| {
        let file = std::fs::metadata(file).ok()?;
        Some((file.ino(), file.mtime(), file.mtime_nsec(), file.len()))
    })
}

/// The certificate that is served; its clones are one.
#[derive(Clone)]
pub struct Tls {
    served: Arc<Served>,
    files: Arc<Mutex<Files>>,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// Of the files that were last tried, whether they could be used or not.
    tried: Stamp,
    /// As the files were at the last look.
    seen: Stamp,
}

#[derive(Debug)]
struct Served(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Serves `pair` from now on.
    pub fn new(pair: Pair) -> Tls {
        tell(&pair);
        let files =
            Files { certificate: pair.certificate, key: pair.key, tried: pair.stamp, seen: pair.stamp };
        let served = Arc::new(Served(RwLock::new(pair.certified)));
        Tls { served, files: Arc::new(Mutex::new(files)) }
    }

    /// The server's side of TLS 1.2 and 1.3.
    pub fn server_config(&self) -> anyhow::Result<ServerConfig> {
        let config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()?;
        Ok(config.with_no_client_auth().with_cert_resolver(self.served.clone()))
    }

    /// New connections get `pair` from now on.
    pub fn replace(&self, pair: Pair) {
        tell(&pair);
        let mut files = self.files();
        *self.served.0.write().unwrap_or_else(PoisonError::into_inner) = pair.certified;
        *files = Files { certificate: pair.certificate, key: pair.key, tried: pair.stamp, seen: pair.stamp };
        drop(files);
        count("taken");
    }

    /// Takes files that have changed, once they have been the same at two looks: they are written one after the other.
    pub fn look(&self) {
        let Some((certificate, key)) = self.changed() else { return };
        match Pair::read(&certificate, &key) {
            Ok(pair) => {
                self.replace(pair);
                tracing::info!(certificate = %certificate.display(), "certificate replaced");
            }
            Err(error) => {
                count("refused");
                let reason = format!("{error:#}");
                tracing::error!(reason, "a new certificate cannot be used: the one before is served on");
            }
        }
    }

    fn changed(&self) -> Option<(PathBuf, PathBuf)> {
        let mut files = self.files();
        let now = stamp(&files.certificate, &files.key);
        let settled = std::mem::replace(&mut files.seen, now) == now;
        if !settled || files.tried == now {
            return None;
        }
        files.tried = now;
        Some((files.certificate.clone(), files.key.clone()))
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(pair: &Pair) {
    let Some(expires) = pair.expires else { return };
    metrics::gauge!("eventmanager_tls_certificate_expiry_seconds").set(expires.as_secs_f64());
    if SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|now| now > expires) {
        tracing::warn!(certificate = %pair.certificate.display(), "the certificate has expired");
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("eventmanager_tls_reloads_total", "outcome" => outcome).increment(1);
}

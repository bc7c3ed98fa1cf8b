//! An authority, and certificates that count for various lengths of time and names.

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// An authority, and what it has signed, in a directory of its own.
pub struct Authority(TempDir);

const CA: &str = "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\nnew_certs_dir = .\nserial = serial\n\
                  default_md = sha256\npolicy = p\ncertificate = ca.pem\nprivate_key = ca.key\n\
                  [p]\ncommonName = supplied\n";

impl Authority {
    pub fn new() -> Authority {
        let authority = Authority(tempfile::tempdir().expect("a directory"));
        std::fs::write(authority.file("ca.cnf"), CA).expect("written");
        std::fs::write(authority.file("index.txt"), "").expect("written");
        std::fs::write(authority.file("serial"), "01").expect("written");
        let usage = "keyUsage=critical,keyCertSign,cRLSign";
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            "1",
            "-subj",
            "/CN=authority",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            usage,
        ]);
        authority
    }

    pub fn directory(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let made = Command::new("openssl")
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("openssl runs");
        assert!(made.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// `NAME.pem` and `NAME.key`, of this host, until then; signed by the authority unless by itself.
    pub fn leaf(&self, name: &str, host: &str, end: &str, is_self_signed: bool) {
        let (key, request, certificate) =
            (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let extensions = format!("[e]\nsubjectAltName = DNS:{host}\nbasicConstraints = critical,CA:FALSE\n");
        std::fs::write(self.file("leaf.cnf"), format!("{CA}{extensions}")).expect("written");
        let subject = format!("/CN={host}");
        let new =
            ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", &key];
        if is_self_signed {
            let names = format!("subjectAltName=DNS:{host}");
            let more = ["-x509", "-days", "1", "-out", &certificate, "-subj", &subject, "-addext", &names];
            let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
            return self.openssl(&[&new[..], &more, &leaf].concat());
        }
        self.openssl(&[&new[..], &["-out", &request, "-subj", &subject]].concat());
        self.openssl(&[
            "ca",
            "-batch",
            "-notext",
            "-config",
            "leaf.cnf",
            "-extensions",
            "e",
            "-in",
            &request,
            "-out",
            &certificate,
            "-startdate",
            "20200101000000Z",
            "-enddate",
            end,
        ]);
    }

    /// A server with the leaf of this name.
    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        let chain = CertificateDer::from_pem_file(self.file(&format!("{name}.pem"))).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(self.file(&format!("{name}.key"))).expect("a key");
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        Arc::new(builder.with_single_cert(vec![chain], key).expect("a certificate with its key"))
    }
}

pub const FOR_LONG: &str = "20990101000000Z";
pub const OVER: &str = "20210101000000Z";

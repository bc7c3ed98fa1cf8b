//! A node that stands by: who may ask it, and that nobody keeps others from asking. It waits for a database that is not there.

use crate::given::*;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::ports::lasting;
use reqwest::{Certificate, Client};
use std::net::{SocketAddr, TcpStream};

/// So many handshakes may be under way at a time where nothing else is said: the default of the HTTP library.
const DEFAULT_RATE: usize = 256;

fn start(http: &str) -> (Site, Daemon) {
    let site = Site::new("");
    site.make_certificate();
    let text = format!(
        "[node]\ndata_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n{http}\
         [store]\nevents = \"postgresql://em:database-secret@127.0.0.1:{}/em\"\n[cluster]\nenabled = true\n",
        site.directory.path(),
        lasting().port()
    );
    std::fs::write(site.config(), text).expect("written");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let daemon = site.start();
    (site, daemon)
}

const TLS: &str = "tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n";

fn certificate(site: &Site) -> Certificate {
    let pem = std::fs::read(site.directory.path().join("cert.pem")).expect("a certificate");
    Certificate::from_pem(&pem).expect("a certificate")
}

/// Whether somebody who trusts this certificate alone is answered, on a connection of its own.
fn is_answered(to: SocketAddr, trusted: &Certificate) -> bool {
    let client = Client::builder().tls_certs_only([trusted.clone()]).no_proxy().build().expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = format!("https://localhost:{}/healthz", to.port());
    runtime.block_on(async { client.get(url).send().await.is_ok_and(|answer| answer.status() == 200) })
}

#[test]
fn who_begins_many_handshakes_and_says_nothing_keeps_nobody_from_a_node_that_stands_by() {
    let (site, daemon) = start(&format!("{TLS}{}", tokens()));
    let trusted = certificate(&site);
    eventually("it serves", || is_answered(daemon.http, &trusted).then_some(()));
    let idle: Vec<TcpStream> =
        (0..2 * DEFAULT_RATE).map(|_| TcpStream::connect(daemon.http).expect("a connection")).collect();
    let since = std::time::Instant::now();
    assert!(is_answered(daemon.http, &trusted), "after {:?}", since.elapsed());
    // Less than a handshake may take: nobody has had to go first.
    assert!(since.elapsed().as_secs() < 4, "{:?}", since.elapsed());
    drop(idle);
}

#[test]
fn a_node_that_stands_by_takes_a_certificate_that_is_renewed() {
    let (site, daemon) = start(&format!("{TLS}{}", tokens()));
    let old = certificate(&site);
    eventually("it serves", || is_answered(daemon.http, &old).then_some(()));
    site.make_certificate();
    let new = certificate(&site);
    eventually("the new one is served", || is_answered(daemon.http, &new).then_some(()));
    assert!(!is_answered(daemon.http, &old), "{}", daemon.log());
}

#[test]
fn a_node_that_stands_by_tells_nobody_without_a_token_what_the_database_says() {
    let (_site, daemon) = start(&tokens());
    let ready = |headers: &str| {
        let answer = ask(&daemon, "GET", "/readyz", headers, "");
        assert_eq!(answer.status, 503, "{}", answer.body);
        answer.body
    };
    let told = eventually("it has asked for the database", || {
        Some(ready(&shown("viewer"))).filter(|told| told.contains("refused"))
    });
    for headers in ["", &shown("stranger"), &shown("peer")] {
        let body = ready(headers);
        assert!(body.contains("the database cannot be asked: a token is told why"), "{headers}: {body}");
        assert!(!body.contains("refused"), "{headers}: {body} beside {told}");
    }
    let page = ask(&daemon, "GET", "/", "", "").body;
    assert!(page.contains("a token is told why") && !page.contains("refused"), "{page}");
}

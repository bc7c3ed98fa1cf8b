//! Requests to one host: where they go, and with which certificates.

use crate::peer::peer;
use crate::receiver::{Receiver, Reply};
use crate::support::daemon::{PATIENCE, Site};
use bytes::Bytes;
use eventmanager::config::{EventPeer, PeerAuth};
use eventmanager::lease::{Lease, Moment};
use eventmanager::topics::hubs::outbound::{Answer, Limits, Lookup, Outbound, Request, SendError};
use eventmanager::wire::Secret;
use eventmanager::wire::event_management::Callback;
use reqwest::Method;
use reqwest::header::HeaderMap;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LIMITS: Limits = Limits { connect: Duration::from_secs(2), total: Duration::from_secs(5) };

async fn send(outbound: &Outbound, url: &str) -> Result<Answer, SendError> {
    let url = Callback::parse(url).expect("a callback");
    let (headers, body) = (HeaderMap::new(), Bytes::from_static(b"{}"));
    outbound.send(Request { method: Method::POST, url: &url, headers, body }).await
}

/// Names that are looked up so; the number counts.
fn lookup(addresses: impl Fn(usize) -> Vec<[u8; 4]> + Send + Sync + 'static) -> Lookup {
    let asked = AtomicUsize::new(0);
    Arc::new(move |_| {
        let found = addresses(asked.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move { Ok(found.into_iter().map(IpAddr::from).collect()) })
    })
}

#[tokio::test]
async fn a_name_is_connected_to_at_the_address_that_was_checked() {
    let receiver = Receiver::start();
    let host = format!("peer.example:{}", receiver.address.port());
    let outbound =
        Outbound::with_lookup(&peer(&host), LIMITS, lookup(|_| vec![[127, 0, 0, 1]])).expect("one");
    assert_eq!(send(&outbound, &format!("http://{host}/")).await.expect("an answer").status, 204);
    assert_eq!(receiver.received()[0].header("host"), host);
}

#[tokio::test]
async fn a_name_with_one_address_that_is_not_allowed_is_not_connected_to() {
    let receiver = Receiver::start();
    let host = format!("peer.example:{}", receiver.address.port());
    let check = async |addresses: &'static [[u8; 4]], allow_private: bool, expected: &str| {
        let mut to = peer(&host);
        to.allow_private = allow_private;
        let outbound = Outbound::with_lookup(&to, LIMITS, lookup(move |_| addresses.to_vec())).expect("one");
        let refused = send(&outbound, &format!("http://{host}/?token=s3cret")).await.expect_err("refused");
        assert!(refused.to_string().contains(expected), "{refused}");
        assert!(!refused.to_string().contains("s3cret"), "{refused}");
    };
    check(&[[127, 0, 0, 1]], false, "127.0.0.1 is a private address").await;
    check(&[[127, 0, 0, 1], [8, 8, 8, 8]], false, "127.0.0.1 is a private address").await;
    check(&[[127, 0, 0, 1], [169, 254, 169, 254]], true, "169.254.169.254 is a metadata address").await;
    check(&[], true, "cannot be resolved").await;
    assert_eq!(receiver.count(), 0);
}

/// Nobody is asked for a token at such a name: nothing is connected to.
#[tokio::test]
async fn a_name_of_a_token_server_that_leads_where_nobody_could_mean_is_not_connected_to() {
    let receiver = Receiver::start();
    let mut to = peer(receiver.address);
    to.auth = PeerAuth::OAuth2 {
        token_url: format!("http://idp.example:{}/token", receiver.address.port()),
        client_id: "em".to_owned(),
        client_secret: Secret::new("s3cret"),
        scope: None,
    };
    let names = lookup(|_| vec![[127, 0, 0, 1], [169, 254, 169, 254]]);
    let outbound = Outbound::with_lookup(&to, LIMITS, names).expect("one");
    let refused = send(&outbound, &receiver.url()).await.expect_err("refused").to_string();
    assert!(refused.contains("169.254.169.254 is a metadata address, where nothing is sent"), "{refused}");
    assert!(!refused.contains("s3cret"), "{refused}");
    assert_eq!(receiver.count(), 0);
    // One that is private may be meant; it answers no token.
    let outbound = Outbound::with_lookup(&to, LIMITS, lookup(|_| vec![[127, 0, 0, 1]])).expect("one");
    let no_token = send(&outbound, &receiver.url()).await.expect_err("no token").to_string();
    assert!(no_token.contains("no token") && receiver.count() == 1, "{no_token}");
}

#[tokio::test]
async fn a_name_that_changes_takes_its_connections_with_it() {
    let receiver = Receiver::start();
    let host = format!("peer.example:{}", receiver.address.port());
    let now = Arc::new(Mutex::new(vec![[127, 0, 0, 1]]));
    let shown = Arc::clone(&now);
    let outbound =
        Outbound::with_lookup(&peer(&host), LIMITS, lookup(move |_| shown.lock().expect("a lock").clone()))
            .expect("one");
    let url = format!("http://{host}/");
    send(&outbound, &url).await.expect("an answer");
    // At this address of this host nobody listens.
    *now.lock().expect("a lock") = vec![[127, 0, 0, 9]];
    let gone = until_refused(&outbound, &url).await;
    assert!(matches!(gone, SendError::NoConnection { .. }), "{gone}");
    *now.lock().expect("a lock") = vec![[169, 254, 169, 254]];
    let since = std::time::Instant::now();
    while since.elapsed() < PATIENCE {
        let refused = until_refused(&outbound, &url).await;
        if matches!(refused, SendError::Address { .. }) {
            return;
        }
        assert!(matches!(refused, SendError::NoConnection { .. }), "{refused}");
    }
    panic!("its new address was never looked at");
}

/// The first error that comes of asking again and again.
async fn until_refused(outbound: &Outbound, url: &str) -> SendError {
    let asking = async {
        loop {
            match send(outbound, url).await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(refused) => return refused,
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("never refused")
}

#[tokio::test]
async fn a_url_of_another_host_or_without_tls_is_not_asked() {
    let receiver = Receiver::start();
    let mut to = peer(receiver.address);
    let outbound = Outbound::new(&to, LIMITS).expect("one");
    let elsewhere = send(&outbound, "http://127.0.0.1:1/").await;
    assert!(matches!(elsewhere, Err(SendError::NotAllowed { .. })), "{elsewhere:?}");
    to.allow_http = false;
    let outbound = Outbound::new(&to, LIMITS).expect("one");
    let in_clear = send(&outbound, &receiver.url()).await;
    assert!(matches!(in_clear, Err(SendError::NotAllowed { .. })), "{in_clear:?}");
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn who_does_not_hold_the_lease_asks_nobody() {
    let receiver = Receiver::start();
    let lease = Lease::waiting();
    let outbound = Outbound::new(&peer(receiver.address), LIMITS).expect("one").governed_by(lease.clone());
    let late = send(&outbound, &receiver.url()).await;
    assert!(matches!(late, Err(SendError::NoConnection { .. })), "{late:?}");
    assert_eq!(receiver.count(), 0);
    lease.hold(1, Moment::now().after(Duration::from_secs(60)));
    assert_eq!(send(&outbound, &receiver.url()).await.expect("an answer").status, 204);
}

#[tokio::test]
async fn no_more_of_an_answer_is_read_than_is_allowed() {
    let receiver = Receiver::scripted(|_, at| match at {
        0 => Reply::Endless(200),
        1 => Reply::Body(200, "x".repeat(64 << 10)),
        _ => Reply::With(302, "location: /elsewhere".to_owned()),
    });
    let outbound = Outbound::new(&peer(receiver.address), LIMITS).expect("one");
    let endless = send(&outbound, &receiver.url()).await.expect("an answer");
    assert_eq!((endless.body.len(), endless.is_whole), (64 << 10, false));
    let full = send(&outbound, &receiver.url()).await.expect("an answer");
    assert_eq!((full.body.len(), full.is_whole), (64 << 10, true));
    let moved = send(&outbound, &receiver.url()).await.expect("an answer");
    assert_eq!((moved.status, moved.location.as_deref()), (302, Some("/elsewhere")));
}

/// A certificate of localhost with its key, in a directory of its own.
struct Certificate(Site);

impl Certificate {
    fn make() -> Certificate {
        let site = Site::new("");
        site.make_certificate();
        Certificate(site)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.directory.path().join(name)
    }

    /// A server with it, of these versions, that wants to see the certificate of a client where there is one.
    fn server(
        &self,
        version: &'static SupportedProtocolVersion,
        client: Option<&Certificate>,
    ) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(&[version]).expect("a version");
        let builder = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let mut roots = RootCertStore::empty();
                let pem = CertificateDer::from_pem_file(client.file("cert.pem")).expect("a certificate");
                roots.add(pem).expect("a root");
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let chain = vec![CertificateDer::from_pem_file(self.file("cert.pem")).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(self.file("key.pem")).expect("a key");
        builder.with_single_cert(chain, key).expect("a certificate with its key")
    }
}

fn over_tls(receiver: &Receiver, ca: Option<PathBuf>) -> EventPeer {
    let mut to = peer(format!("localhost:{}", receiver.address.port()));
    (to.allow_http, to.ca) = (false, ca);
    to
}

/// What comes of a request over TLS to `localhost`.
async fn asked(to: &EventPeer) -> Result<Answer, SendError> {
    let outbound = Outbound::with_lookup(to, LIMITS, lookup(|_| vec![[127, 0, 0, 1]])).expect("one");
    send(&outbound, &format!("https://{}/", to.host)).await
}

#[tokio::test]
async fn only_a_host_with_the_right_certificate_is_told_anything() {
    let (own, other) = (Certificate::make(), Certificate::make());
    let receiver = Receiver::tls(own.server(&TLS13, None), |_, _| Reply::Status(200));
    let trusted = asked(&over_tls(&receiver, Some(own.file("cert.pem")))).await;
    assert_eq!(trusted.expect("an answer").status, 200);
    for ca in [Some(other.file("cert.pem")), None] {
        let refused = asked(&over_tls(&receiver, ca)).await.expect_err("not trusted");
        assert!(matches!(refused, SendError::NoConnection { .. }), "{refused}");
    }
    let mut elsewhere = over_tls(&receiver, Some(own.file("cert.pem")));
    elsewhere.host = format!("other.example:{}", receiver.address.port());
    let refused = asked(&elsewhere).await.expect_err("another name");
    assert!(refused.to_string().to_lowercase().contains("name"), "{refused}");
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn tls_before_1_3_is_for_hosts_alone_that_are_allowed_to() {
    let own = Certificate::make();
    let receiver = Receiver::tls(own.server(&TLS12, None), |_, _| Reply::Status(200));
    let mut to = over_tls(&receiver, Some(own.file("cert.pem")));
    asked(&to).await.expect_err("too old");
    to.allow_tls12 = true;
    assert_eq!(asked(&to).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_host_that_wants_to_see_our_certificate_sees_it() {
    let (own, ours) = (Certificate::make(), Certificate::make());
    let receiver = Receiver::tls(own.server(&TLS13, Some(&ours)), |_, _| Reply::Status(200));
    let mut to = over_tls(&receiver, Some(own.file("cert.pem")));
    asked(&to).await.expect_err("without one");
    to.auth = PeerAuth::Mtls { certificate: ours.file("cert.pem"), key: ours.file("key.pem") };
    assert_eq!(asked(&to).await.expect("an answer").status, 200);
    to.auth = PeerAuth::Mtls { certificate: ours.file("cert.pem"), key: own.file("cert.pem") };
    assert!(Outbound::new(&to, LIMITS).is_err(), "no key");
}

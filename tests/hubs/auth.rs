//! How the daemon shows to receivers who it is, and that an event is from it.

use crate::daemon::{Daemon, site};
use crate::peer::{management, peer};
use crate::receiver::{Received, Receiver, Reply, now};
use crate::support::daemon::eventually;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventmanager::config::PeerAuth;
use eventmanager::wire::Secret;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

/// Delivers an event to a receiver to which it goes with this.
fn delivered(auth: PeerAuth, receiver: &Receiver) -> (Daemon, crate::support::daemon::Site) {
    let site = site();
    let mut to = peer(receiver.address);
    to.auth = auth;
    let daemon = Daemon::start(&site, management(vec![to]));
    daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", [1]);
    (daemon, site)
}

#[test]
fn a_password_or_a_token_goes_with_each_event() {
    let check = |auth, expected: &str| {
        let receiver = Receiver::start();
        let _running = delivered(auth, &receiver);
        assert_eq!(receiver.wait(1)[0].header("authorization"), expected);
    };
    check(PeerAuth::None, "");
    let (username, password) = ("Aladdin".to_owned(), Secret::new("open sesame"));
    check(PeerAuth::Basic { username, password }, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    check(PeerAuth::Bearer(Secret::new("s3cret")), "Bearer s3cret");
}

/// A server of tokens: `t0`, `t1`, …
fn tokens() -> Receiver {
    Receiver::scripted(|_, at| {
        let token = format!(r#"{{"access_token":"t{at}","token_type":"Bearer","expires_in":3600}}"#);
        Reply::Body(200, token)
    })
}

fn oauth2(tokens: &Receiver) -> PeerAuth {
    PeerAuth::OAuth2 {
        token_url: format!("http://{}/token", tokens.address),
        client_id: "em".to_owned(),
        client_secret: Secret::new("s3cret+"),
        scope: Some("events deliver".to_owned()),
    }
}

#[test]
fn a_token_is_got_once_and_got_anew_once_where_it_is_refused() {
    let tokens = tokens();
    let receiver = Receiver::scripted(|it, at| {
        let is_old = at >= 3 && it.header("authorization") == "Bearer t0";
        Reply::Status(if is_old { 401 } else { 200 })
    });
    let (daemon, _site) = delivered(oauth2(&tokens), &receiver);
    daemon.hand_on("order", 2..=6);
    let received = receiver.wait(7);
    let shown: Vec<(i64, &str)> = received.iter().map(|it| (it.n(), it.header("authorization"))).collect();
    let (old, new) = ("Bearer t0", "Bearer t1");
    assert_eq!(shown, [(1, old), (2, old), (3, old), (4, old), (4, new), (5, new), (6, new)]);
    let asked = tokens.received();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].body, b"grant_type=client_credentials&scope=events+deliver");
    assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(asked[0].header("authorization"), format!("Basic {}", STANDARD.encode("em:s3cret%2B")));
}

#[test]
fn a_token_that_is_refused_again_and_again_is_not_asked_for_more_than_once_an_attempt() {
    let tokens = tokens();
    let receiver = Receiver::scripted(|_, at| Reply::Status(if at < 6 { 401 } else { 200 }));
    let _running = delivered(oauth2(&tokens), &receiver);
    let received = receiver.wait(7);
    assert!(received.iter().all(|it| it.n() == 1));
    // Two requests an attempt: three attempts failed, and one had to try once only.
    assert_eq!(tokens.count(), 4);
}

#[test]
fn without_a_token_nothing_is_delivered_and_no_secret_is_told() {
    let tokens = Receiver::scripted(|_, _| Reply::Body(401, r#"{"error":"invalid_client"}"#.to_owned()));
    let receiver = Receiver::start();
    let (daemon, _site) = delivered(oauth2(&tokens), &receiver);
    let hub = daemon.ask(eventmanager::topics::hubs::messages::List)[0].hub.id;
    let failing = eventually("it fails", || daemon.status(hub).failing);
    assert!(failing.last.contains("no token: HTTP status 401, invalid_client"), "{failing:?}");
    assert!(!failing.last.contains("s3cret"), "{failing:?}");
    assert_eq!(receiver.count(), 0);
    tokens.answer(|_, _| Reply::Body(200, r#"{"access_token":"t","token_type":"bearer"}"#.to_owned()));
    assert_eq!(receiver.wait(1)[0].header("authorization"), "Bearer t");
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let padded =
        |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([padded(0x36), text.to_vec()].concat());
    Sha256::digest([padded(0x5c), inner.to_vec()].concat()).to_vec()
}

/// What is signed of a request (Standard Webhooks).
fn signed(request: &Received) -> Vec<u8> {
    let head = format!("{}.{}.", request.header("webhook-id"), request.header("webhook-timestamp"));
    [head.as_bytes(), &request.body].concat()
}

#[test]
fn deliveries_are_signed_with_all_keys_as_standard_webhooks_says() {
    let receiver = Receiver::scripted(|_, at| Reply::Status(if at == 0 { 500 } else { 200 }));
    let (secret, seed) = ([7_u8; 32], [9_u8; 32]);
    let mut to = peer(receiver.address);
    to.signing_keys = vec![
        Secret::new(format!("whsec_{}", STANDARD.encode(secret))),
        Secret::new(format!("whsk_{}", STANDARD.encode(seed))),
    ];
    let site = site();
    let daemon = Daemon::start(&site, management(vec![to]));
    daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", [1]);
    for request in receiver.wait(2) {
        let signatures: Vec<&str> = request.header("webhook-signature").split(' ').collect();
        assert_eq!(signatures[0], format!("v1,{}", STANDARD.encode(hmac(&secret, &signed(&request)))));
        let public = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key");
        let public = UnparsedPublicKey::new(&ED25519, public.public_key().as_ref().to_vec());
        let signature = signatures[1].strip_prefix("v1a,").expect("of ed25519");
        public.verify(&signed(&request), &STANDARD.decode(signature).expect("base64")).expect("signed");
        assert_eq!(signatures.len(), 2);
        let sent: u64 = request.header("webhook-timestamp").parse().expect("seconds");
        assert!(now().abs_diff(sent) < 60);
    }
}

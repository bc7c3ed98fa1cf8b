//! From the banner to the login, and how it goes wrong.

use crate::peer::{BANNER, Peer};
use crate::support::daemon::{Site, eventually};
use crate::trial::{Trial, section};
use eventmanager::simulators::asterisk::{
    AsteriskHandle, AsteriskOptions, AsteriskSimulator, Ending, Misbehaviour,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

fn asterisk(options: AsteriskOptions) -> AsteriskHandle {
    AsteriskSimulator::start(options).expect("an asterisk")
}

#[test]
fn the_secret_is_shown_as_a_hash_or_plain() {
    for login in ["md5", "plain"] {
        let asterisk = asterisk(AsteriskOptions::default());
        let trial = Trial::connected(asterisk.addr(), &format!("login = \"{login}\""), "");
        assert_eq!(asterisk.counts().logins, 1, "{login}");
        assert_eq!(asterisk.counts().refused_logins, 0, "{login}");
        assert!(!trial.daemon.log().contains("amisecret"));
    }
}

#[test]
fn a_login_that_is_refused_is_not_tried_again_soon_and_shows_no_secret() {
    for (keys, login) in [("login = \"md5\"", "md5"), ("login = \"plain\"", "plain")] {
        let asterisk = asterisk(AsteriskOptions::default());
        let text = section(asterisk.addr(), keys).replace("amisecret", "wr0ngsecret");
        let site = Site::new(&text);
        let daemon = site.start();
        let told =
            daemon.logged(&["not connected to asterisk", "the login is refused: Authentication failed"]);
        let delay = told.split("delay=").nth(1).expect("a delay").split('s').next().expect("seconds");
        assert!(delay.parse::<f64>().expect("seconds") >= 30.0, "{told}");
        daemon.logged(&["ERROR", "asterisk refuses the login", "pbx-a"]);
        assert_eq!(daemon.metric("eventmanager_logins_refused_total", "pbx-a"), 1.0, "{login}");
        assert_eq!(daemon.metric("eventmanager_connection_up", "pbx-a"), 0.0);
        let (_, status) = daemon.get("/api/v1/status");
        assert!(status.contains("the login is refused"), "{status}");
        for shown in [daemon.log(), status, daemon.get("/metrics").1] {
            assert!(!shown.contains("wr0ngsecret"), "{shown}");
        }
        assert_eq!(asterisk.counts().connections, 1);
        // Mended by a reload, which waits for no delay.
        std::fs::write(
            site.config(),
            std::fs::read_to_string(site.config()).expect("a file").replace("wr0ng", "ami"),
        )
        .expect("written");
        daemon.signal("HUP");
        eventually("it is connected", || {
            (daemon.metric("eventmanager_connection_up", "pbx-a") == 1.0).then_some(())
        });
    }
}

#[test]
fn a_user_who_is_logged_in_elsewhere_is_an_ordinary_failure() {
    let options = AsteriskOptions {
        multiple_logins: false,
        login_delay: std::time::Duration::ZERO,
        ..Default::default()
    };
    let asterisk = asterisk(options);
    let first = Trial::connected(asterisk.addr(), "", "");
    let second = Trial::start(asterisk.addr(), "", "");
    second.daemon.logged(&["not connected to asterisk", "Login Already In Use"]);
    drop(first);
    second.wait_connected();
    assert_eq!(second.metric("logins_refused_total", "pbx-a"), 0.0);
}

#[test]
fn what_is_not_ami_is_told_and_tried_again() {
    let asterisk = asterisk(AsteriskOptions::default());
    asterisk.misbehave(Misbehaviour::http());
    let trial = Trial::start(asterisk.addr(), "", "");
    trial.daemon.logged(&[
        "not connected to asterisk",
        "not AMI: it begins with",
        "HTTP/1.1 400 Bad Request",
    ]);
    asterisk.misbehave(Misbehaviour::None);
    trial.wait_connected();
}

#[test]
fn a_connection_that_is_reset_before_its_banner_is_tried_again() {
    let asterisk = asterisk(AsteriskOptions::default());
    asterisk.reset_next(2);
    let trial = Trial::connected(asterisk.addr(), "", "");
    // When the reset is noticed depends on how far the connection has come.
    trial.daemon.logged(&["not connected to asterisk"]);
    assert_eq!(trial.metric("logins_refused_total", "pbx-a"), 0.0);
}

#[test]
fn a_banner_or_login_that_never_comes_is_given_up() {
    let peer = Peer::start();
    let keys = "request_timeout = \"500ms\"\nlogin = \"plain\"";
    std::thread::scope(|scope| {
        let silent = scope.spawn(|| {
            let mut mute = peer.accept();
            mute.wait_closed();
            let mut deaf = peer.accept();
            deaf.send(BANNER);
            assert_eq!(deaf.next().get("Secret"), "amisecret");
            // Of somebody else.
            deaf.send(b"Response: Success\r\nActionID: 1\r\n\r\n");
            deaf.wait_closed();
        });
        let trial = Trial::start(peer.address(), keys, "");
        trial.daemon.logged(&["not connected to asterisk", "no banner within 500ms"]);
        trial.daemon.logged(&["not connected to asterisk", "the login is not answered within 500ms"]);
        silent.join().expect("a peer");
    });
}

#[test]
fn tls_wants_a_certificate_that_counts() {
    let site = Site::new("");
    site.make_certificate();
    let file = |name: &str| site.directory.path().join(name);
    let certificate = CertificateDer::from_pem_file(file("cert.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).expect("a key");
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a configuration");
    let asterisk = asterisk(AsteriskOptions { tls: Some(Arc::new(config)), ..Default::default() });
    let trial = Trial::start(asterisk.addr(), "tls = true", "");
    trial.daemon.logged(&["not connected to asterisk", "TLS to", "invalid peer certificate"]);
    assert_eq!(asterisk.counts().logins, 0);
    let authority = format!("tls = true\ntls_ca = {:?}", file("cert.pem"));
    let trial = Trial::connected(asterisk.addr(), &authority, "");
    assert_eq!(asterisk.counts().logins, 1);
    drop(trial);
    let plain = Trial::start(asterisk.addr(), "request_timeout = \"500ms\"", "");
    plain.daemon.logged(&["not connected to asterisk"]);
    assert_eq!(asterisk.counts().logins, 1);
}

#[test]
fn a_restart_of_asterisk_is_an_ordinary_loss() {
    for ending in [Ending::Shutdown, Ending::Quiet, Ending::Reset] {
        let asterisk = asterisk(AsteriskOptions::default());
        let trial = Trial::connected(asterisk.addr(), "", "");
        asterisk.stop(ending).expect("stopped");
        trial.wait_down();
        if ending == Ending::Shutdown {
            trial.daemon.logged(&["asterisk shuts down"]);
        }
        asterisk.reset_next(1);
        asterisk.start().expect("started");
        trial.wait_connected();
        assert_eq!(asterisk.counts().logins, 2, "{ending:?}");
    }
}

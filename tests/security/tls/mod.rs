//! TLS, as a server and as every client: versions and suites that are safe, and certificates that count.
//!
//! Of the hosts that events are delivered to: `only_a_host_with_the_right_certificate_is_told_anything`,
//! `tls_before_1_3_is_for_hosts_alone_that_are_allowed_to`; here they are among all others.
mod authority;
mod clients;
mod trap;

use crate::support::daemon::Site;
use authority::{Authority, FOR_LONG, OVER};
use clients::meet_all;
use std::process::{Command, Stdio};
use trap::{Behind, Old, Outcome};

#[track_caller]
fn check_refused(name: &str, host: &str, end: &str, is_self_signed: bool) {
    let authority = Authority::new();
    authority.leaf(name, host, end, is_self_signed);
    let (clients, log) = meet_all(&Behind::Certificate(authority.server(name)), &authority.file("ca.pem"));
    for trap in clients.all() {
        let outcomes = trap.outcomes();
        assert!(!outcomes.contains(&Outcome::Trusted), "{}: {outcomes:?}", trap.name);
    }
    // Each is told by us, once, and not by a library at each attempt.
    assert!(!log.contains("failed to verify TLS certificate"), "{log}");
}

/// Else the other tests could not fail.
#[test]
fn a_certificate_that_counts_is_trusted_by_every_client() {
    let authority = Authority::new();
    authority.leaf("good", "localhost", FOR_LONG, false);
    let (clients, log) = meet_all(&Behind::Certificate(authority.server("good")), &authority.file("ca.pem"));
    for trap in clients.all() {
        let outcomes = trap.outcomes();
        assert!(outcomes.contains(&Outcome::Trusted), "{}: {outcomes:?} {log}", trap.name);
    }
}

#[test]
fn a_certificate_that_is_over_is_refused_by_every_client() {
    check_refused("over", "localhost", OVER, false);
}

#[test]
fn a_certificate_that_signs_itself_is_refused_by_every_client() {
    check_refused("own", "localhost", FOR_LONG, true);
}

#[test]
fn a_certificate_of_another_name_is_refused_by_every_client() {
    check_refused("other", "other.example", FOR_LONG, false);
}

#[test]
fn a_server_that_speaks_tls_1_1_alone_is_refused_by_every_client() {
    let authority = Authority::new();
    authority.leaf("good", "localhost", FOR_LONG, false);
    let old = Old::start(&authority);
    let address = old.address.to_string();
    let spoken = s_client(&address, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    assert!(spoken.contains("TLSv1.1"), "it does speak that: {spoken}");
    let (clients, _) = meet_all(&Behind::Another(old.address), &authority.file("ca.pem"));
    for trap in clients.all() {
        let outcomes = trap.outcomes();
        assert!(!outcomes.contains(&Outcome::Trusted), "{}: {outcomes:?}", trap.name);
        assert!(
            outcomes.contains(&Outcome::Refused("its version".to_owned())),
            "{}: {outcomes:?}",
            trap.name
        );
    }
}

/// What OpenSSL says of a connection; empty where there is none.
fn s_client(address: &str, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", address, "-brief"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("openssl runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("CONNECTION ESTABLISHED") { said } else { String::new() }
}

#[test]
fn the_server_speaks_tls_1_2_and_1_3_with_safe_suites_and_nothing_older() {
    let site = Site::new("");
    site.make_certificate();
    let text = std::fs::read_to_string(site.config()).expect("a file");
    let listen = "listen = \"127.0.0.1:0\"\n";
    let tls = format!("{listen}tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n");
    std::fs::write(site.config(), text.replacen(listen, &tls, 1)).expect("written");
    let daemon = site.start();
    let address = daemon.http.to_string();
    assert!(s_client(&address, &["-tls1_3"]).contains("TLSv1.3"));
    for old in ["-tls1", "-tls1_1"] {
        assert_eq!(s_client(&address, &[old, "-cipher", "ALL:@SECLEVEL=0"]), "", "{old}");
    }
    let listed =
        Command::new("openssl").args(["ciphers", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]).output();
    let listed = String::from_utf8(listed.expect("openssl runs").stdout).expect("text");
    let suites: Vec<&str> = listed.trim().split(':').filter(|suite| !suite.starts_with("TLS_")).collect();
    assert!(suites.len() > 50, "{suites:?}");
    let mut spoken = Vec::new();
    for suite in suites {
        let only = format!("{suite}:@SECLEVEL=0");
        if !s_client(&address, &["-tls1_2", "-cipher", &only]).is_empty() {
            spoken.push(suite);
        }
    }
    // Of ours, whose key is of an elliptic curve; each has a key of its own for each session, and authenticates what it encrypts.
    spoken.sort_unstable();
    assert_eq!(
        spoken,
        ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
    );
}

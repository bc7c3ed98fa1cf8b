//! Over TLS: a server is published to where its certificate counts, and else told nothing, least of all in clear.

use crate::authority::{Authority, FOR_LONG};
use crate::server::Server;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::report;
use crate::support::peers::Peers;
use std::path::Path;
use std::process::Command;

/// The server tells everything that it hears.
const TRACE: &str = "trace: true\ndebug: true\n";
const PASSWORD: &str = "hunter2";

/// A server with the leaf of this name.
fn server(authority: &Authority, leaf: &str) -> Server {
    let file = |end: &str| authority.file(&format!("{leaf}.{end}"));
    Server::with(&format!("{TRACE}tls {{ cert_file: {:?}, key_file: {:?} }}\n", file("pem"), file("key")))
}

/// An authority that has signed `good`, which is this host, and `other`, which is another.
fn authority() -> Authority {
    let authority = Authority::new();
    authority.leaf("good", "localhost", FOR_LONG, false);
    authority.leaf("other", "other.example", FOR_LONG, false);
    authority
}

/// A daemon that publishes there over TLS, and trusts these.
struct Publisher {
    peers: Peers,
    site: Site,
    daemon: Daemon,
}

impl Publisher {
    fn start(server: &Server, ca: &Path) -> Publisher {
        let peers = Peers::start();
        let port = server.address().port();
        let nats = format!(
            "[nats]\nurls = [\"tls://localhost:{port}\"]\nca = {ca:?}\nusername = \"em\"\npassword = \"{PASSWORD}\"\n"
        );
        let site = Site::quiet(&format!(
            "{}[[route]]\nsource = \"as1\"\nto = [\"users\"]\n{nats}",
            peers.config("")
        ));
        let daemon = site.start();
        Publisher { peers, site, daemon }
    }

    /// The same with another `ca`, on a host that trusts these.
    fn again(self, ca: (&Path, &Path), host: &Path) -> Publisher {
        let Publisher { peers, site, daemon } = self;
        assert_eq!(daemon.terminate(), Some(0));
        let text = std::fs::read_to_string(site.config()).expect("read");
        let text = text.replace(&format!("{:?}", ca.0), &format!("{:?}", ca.1));
        std::fs::write(site.config(), text).expect("written");
        let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
        let program = program.args(["run", "--config"]).arg(site.config());
        let daemon = Daemon::start_with(program.env("RUST_LOG", "").env("SSL_CERT_FILE", host));
        Publisher { peers, site, daemon }
    }

    /// What is handed on is published.
    #[track_caller]
    fn publishes(&self, number: u64) {
        eventually(&format!("it is connected: {}", self.daemon.log()), || {
            (self.daemon.metric("eventmanager_connection_up", "connection=\"nats\"") == 1.0).then_some(())
        });
        self.peers.broadworks.send(&report(number, "GroupAddRequest", "<groupId>g</groupId>"));
        eventually("it is published", || {
            (self.daemon.metric("eventmanager_nats_published_total", "") == 1.0).then_some(())
        });
    }

    /// It has tried again and again, told it once, and the server has not learnt who we are.
    #[track_caller]
    fn is_refused(&self, server: &Server, why: &str) {
        self.daemon.logged(&["WARN", "nats does not take or give anything", why]);
        eventually("it was tried again", || {
            let again = self.daemon.metric("eventmanager_reconnects_total", "connection=\"nats\"");
            (again >= 3.0).then_some(())
        });
        assert_eq!(self.daemon.log().matches("nats does not take or give anything").count(), 1);
        assert_eq!(self.daemon.metric("eventmanager_connection_up", "connection=\"nats\""), 0.0);
        let heard = server.log();
        assert!(heard.contains("Client connection created"), "it tells what it hears: {heard}");
        assert!(!heard.contains("CONNECT") && !heard.contains(PASSWORD), "{heard}");
    }
}

#[test]
fn a_server_whose_certificate_counts_is_published_to_over_tls() {
    let authority = authority();
    let server = server(&authority, "good");
    let publisher = Publisher::start(&server, &authority.file("ca.pem"));
    publisher.publishes(1);
    let heard = server.log();
    assert!(heard.contains("TLS handshake complete") && heard.contains("CONNECT"), "{heard}");
    assert_eq!(publisher.daemon.terminate(), Some(0));
}

#[test]
fn a_server_of_another_name_is_told_nothing_over_tls() {
    let authority = authority();
    let server = server(&authority, "other");
    let publisher = Publisher::start(&server, &authority.file("ca.pem"));
    publisher.is_refused(&server, "certificate");
}

#[test]
fn a_server_of_another_authority_is_told_nothing_also_where_the_host_trusts_it() {
    let (ours, theirs) = (authority(), authority());
    let server = server(&theirs, "good");
    let (right, wrong) = (theirs.file("ca.pem"), ours.file("ca.pem"));
    let publisher = Publisher::start(&server, &wrong);
    publisher.is_refused(&server, "certificate");
    // What is configured counts in place of the authorities of the host.
    let publisher = publisher.again((&wrong, &wrong), &right);
    publisher.is_refused(&server, "certificate");
    publisher.again((&wrong, &right), &wrong).publishes(1);
}

#[test]
fn where_tls_is_configured_nothing_is_said_in_clear() {
    let authority = authority();
    let server = Server::with(TRACE);
    let publisher = Publisher::start(&server, &authority.file("ca.pem"));
    publisher.is_refused(&server, "");
    // Else the server might just not tell what it hears.
    let text = std::fs::read_to_string(publisher.site.config()).expect("read").replace("tls://", "nats://");
    std::fs::write(publisher.site.config(), text).expect("written");
    let ca = authority.file("ca.pem");
    publisher.again((&ca, &ca), &ca).publishes(1);
    assert!(server.log().contains("CONNECT"), "{}", server.log());
}

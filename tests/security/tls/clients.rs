//! Every client of the daemon that speaks TLS.

use super::trap::{Before, Behind, Trap};
use crate::evapi;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::add;
use crate::support::ports::lasting;
use eventmanager::simulators::broadworks::BroadworksSimulator;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Every client of the daemon that speaks TLS, each with somebody to connect to.
pub struct Clients {
    ema: Trap,
    webhook: Trap,
    manager: Trap,
    nats: Trap,
    peer: Trap,
    tokens: Trap,
    interface: Trap,
    database: Trap,
    command: Trap,
}

impl Clients {
    fn start(behind: &Behind) -> Clients {
        let plain = |name| Trap::start(name, Before::Nothing, behind);
        Clients {
            ema: plain("ema"),
            webhook: plain("webhook"),
            manager: plain("asterisk"),
            nats: Trap::start("nats", Before::Nats, behind),
            peer: plain("peer"),
            tokens: plain("token_url"),
            interface: plain("opensips"),
            database: Trap::start("postgresql", Before::Postgres, behind),
            command: plain("command"),
        }
    }

    pub fn all(&self) -> [&Trap; 9] {
        let Clients { ema, webhook, manager, nats, peer, tokens, interface, database, command } = self;
        [ema, webhook, manager, nats, peer, tokens, interface, database, command]
    }

    fn config(&self, kamailio: &str, broadworks: SocketAddr) -> String {
        let Clients { ema, webhook, manager, nats, peer, tokens, interface, .. } = self;
        let of_peer = |host: String, more: &str| {
            format!(
                "[[event_management.peer]]\nhost = \"{host}\"\nallow_private = true\nallow_tls12 = true\nsubscribe = [\"order\"]\n{more}\n"
            )
        };
        let oauth2 = format!(
            "auth = \"oauth2\"\nclient_id = \"em\"\nclient_secret = \"s\"\ntoken_url = \"{}\"",
            tokens.at("https://", "/token")
        );
        format!(
            "[numbering]\ncountry_code = \"299\"\ndefault_phone_context = \"d\"\n\
             [service_profiles]\nvirtual = \"v\"\nuser = \"u\"\npilot = \"p\"\ntrunk = \"t\"\n\
             [ema]\nprimary = \"{}\"\nusername = \"em\"\npassword = \"p\"\n\
             [[broadworks]]\nname = \"as1\"\naddress = \"{broadworks}\"\n\
             [[kamailio]]\nname = \"k1\"\naddress = \"{kamailio}\"\n\
             [[kamailio.answer]]\nevent = \"question\"\nwebhook = \"{}\"\nreply = '{{}}'\ndefault = '{{}}'\n\
             [[asterisk]]\nname = \"pbx\"\naddress = \"{}\"\ntls = true\nusername = \"em\"\nsecret = \"s\"\n\
             [[opensips]]\nname = \"sbc\"\nmi = \"{}\"\nlisten = \"udp:127.0.0.1:0\"\nevents = [\"E_A\"]\n\
             [nats]\nurls = [\"{}\"]\n\
             [event_management]\npublic_url = \"https://em.example\"\nverify = \"200ms\"\nretry_initial = \"100ms\"\n{}{}",
            ema.at("https://", "/cai"),
            webhook.at("https://", "/ask"),
            manager.at("", ""),
            interface.at("https://", "/mi"),
            nats.at("tls://", ""),
            of_peer(peer.at("", ""), ""),
            // The same host by another port, of which nobody is asked before there is a token.
            of_peer(format!("localhost:{}", lasting().port()), &oauth2),
        )
    }
}

/// Has every client connect to somebody with this behind it, while `authority` alone is trusted.
pub fn meet_all(behind: &Behind, authority: &Path) -> (Clients, String) {
    let clients = Clients::start(behind);
    let broadworks = BroadworksSimulator::start(crate::support::ports::any()).expect("an application server");
    let kamailio = evapi::Peer::start();
    let site = Site::new(&clients.config(&kamailio.address(), broadworks.addr()));
    let daemon = {
        let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
        program
            .args(["run", "--config"])
            .arg(site.config())
            .env("RUST_LOG", "")
            .env("SSL_CERT_FILE", authority);
        Daemon::start_with(&mut program)
    };
    let mut script = kamailio.accept();
    script.event(r#"{"event":"question","tr_index":"1","tr_label":"2"}"#);
    eventually("documents are read", || {
        broadworks.send(&add(1, "anna@tele.gl"));
        (daemon.metric("eventmanager_events_received_total", "as1") > 0.0).then_some(())
    });
    let commands = [
        vec!["status".to_owned(), "--url".to_owned(), clients.command.at("https://", "/")],
        vec![
            "events".to_owned(),
            "list".to_owned(),
            "--config".to_owned(),
            offline(&site, &clients.database),
        ],
    ];
    for arguments in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
            .args(&arguments)
            .env("SSL_CERT_FILE", authority)
            .output()
            .expect("it runs");
        assert!(!output.status.success(), "{arguments:?}");
    }
    for trap in clients.all() {
        eventually(&format!("{} is connected to: {}", trap.name, daemon.log()), || {
            (!trap.outcomes().is_empty()).then_some(())
        });
    }
    (clients, daemon.log())
}

/// A file whose daemon is not there, so that its database is read.
fn offline(site: &Site, database: &Trap) -> String {
    let file = site.directory.path().join("offline.toml");
    let url = database.at("postgresql://em:p@", "/em?sslmode=verify-full");
    let text = format!("[http]\nlisten = \"{}\"\n[store]\nevents = \"{url}\"\n", lasting());
    std::fs::write(&file, text).expect("written");
    file.display().to_string()
}

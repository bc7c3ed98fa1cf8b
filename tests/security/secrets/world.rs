//! Everything that can be configured, with a secret in every place that takes one.

use crate::evapi;
use crate::given::site;
use crate::receiver::{Receiver, Reply};
use crate::server::Server;
use crate::support::daemon::Site;
use crate::support::peers::Peers;
use crate::support::postgres::Cluster;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventmanager::simulators::asterisk::{AsteriskOptions, AsteriskSimulator};
use eventmanager::simulators::ema::{EmaOptions, EmaSimulator};
use eventmanager::simulators::surgemail::{SurgemailOptions, SurgemailSimulator};
use eventmanager::wire::Secret;
use serde_json::json;

pub const EMA: &str = "ema-geheim-01";
pub const MAIL: &str = "mail-geheim-02";
pub const DOMAIN: &str = "domain-geheim-03";
pub const AMI: &str = "ami-geheim-04";
pub const NATS: &str = "nats-geheim-05";
pub const BASIC: &str = "basic-geheim-06";
pub const BEARER: &str = "bearer-geheim-07";
pub const CLIENT: &str = "client-geheim-08";
pub const ACCESS: &str = "access-geheim-09";
pub const SIGNING: &[u8; 24] = b"signing-geheim-10-------";
pub const WEBHOOK: &str = "webhook-geheim-11";
pub const CALLBACK: &str = "callback-geheim-12";
pub const DATABASE: &str = "database-geheim-13";
pub const SIP: &str = "sip-geheim-14";
pub const TRUNK: &str = "trunk-geheim-15";
pub const MAILBOX: &str = "mailbox-geheim-16";
pub const SCRIPT: &str = "script-geheim-17";
pub const RELOADED: &str = "reloaded-geheim-18";
pub const TOKEN_URL: &str = "tokenurl-geheim-19";
pub const TOKENS: [&str; 3] = ["viewer-token", "peer-token", "operator-token"];

/// Whoever is delivered to, and has a say in what goes wrong: the whole request comes back.
fn echoing() -> Receiver {
    Receiver::scripted(|request, at| {
        let all =
            format!("{} {:?} {}", request.path, request.headers, String::from_utf8_lossy(&request.body));
        match at % 3 {
            0 => Reply::Body(500, all),
            1 => Reply::With(302, format!("location: http://127.0.0.1{}", request.path)),
            _ => Reply::Status(204),
        }
    })
}

/// Everything that is configured, with those who are kept while the daemon runs.
pub struct World {
    pub peers: Peers,
    pub kamailio: evapi::Peer,
    pub webhook: Receiver,
    pub hubs: [Receiver; 4],
    pub cluster: Cluster,
    pub site: Site,
    _others: (eventmanager::simulators::asterisk::AsteriskHandle, Server, Receiver),
}

impl World {
    pub fn start(format: &str) -> World {
        let mut peers = Peers::start();
        let ema = EmaOptions { password: Secret::new(EMA), ..EmaOptions::default() };
        peers.ema = EmaSimulator::start(ema).expect("an ema");
        let usual = SurgemailOptions::default();
        let (mail, domain) = (Secret::new(MAIL), Some(Secret::new(DOMAIN)));
        let mail = SurgemailOptions { password: mail, domain_password: domain, ..usual.clone() };
        peers.surgemail = SurgemailSimulator::start(mail).expect("a mail server");
        let asterisk = AsteriskOptions { secret: Secret::new(AMI), ..AsteriskOptions::default() };
        let asterisk = AsteriskSimulator::start(asterisk).expect("an asterisk");
        let nats = Server::with(&format!("authorization {{ token: \"{NATS}\" }}"));
        let (kamailio, cluster) = (evapi::Peer::start(), Cluster::start());
        let webhook = echoing();
        let tokens = Receiver::scripted(|request, at| match at {
            0 => Reply::Body(400, format!("{{\"error\":\"{:?}\"}}", request.headers)),
            _ => Reply::Body(200, json!({"access_token": ACCESS, "token_type": "Bearer"}).to_string()),
        });
        let hubs = [echoing(), echoing(), echoing(), echoing()];
        let own = peers
            .config("timeout = \"300ms\"")
            .replace("\"emapass\"", &format!("{EMA:?}"))
            .replace(
                &format!("domain_password = {:?}", usual.domain_password.unwrap_or_default().expose()),
                &format!("domain_password = {DOMAIN:?}"),
            )
            .replace(
                &format!("\npassword = {:?}", usual.password.expose()),
                &format!("\npassword = {MAIL:?}"),
            );
        let auth = [
            format!("auth = \"basic\"\nusername = \"em\"\npassword = \"{BASIC}\""),
            format!(
                "auth = \"bearer\"\nbearer = \"{BEARER}\"\nsigning_keys = [\"whsec_{}\"]",
                STANDARD.encode(SIGNING)
            ),
            format!(
                "auth = \"oauth2\"\nclient_id = \"em\"\nclient_secret = \"{CLIENT}\"\ntoken_url = \"http://{}/token?key={TOKEN_URL}\"",
                tokens.address
            ),
            "auth = \"mtls\"\nclient_cert = \"cert.pem\"\nclient_key = \"key.pem\"".to_owned(),
        ];
        let peer = |(hub, auth): (&Receiver, &String)| {
            format!(
                "[[event_management.peer]]\nhost = \"{}\"\nallow_http = true\nallow_private = true\n{auth}\n",
                hub.address
            )
        };
        let event_peers: String = hubs.iter().zip(&auth).map(peer).collect();
        let dsn = cluster.url("postgres").replace("postgres@", &format!("postgres:{DATABASE}@"));
        let site = site(&format!(
            "[log]\nlevel = \"debug\"\nformat = \"{format}\"\n[http]\nlisten = \"127.0.0.1:0\"\n{}\
             [store]\nsubscribers = \"{dsn}\"\n{own}\
             [[kamailio]]\nname = \"k1\"\naddress = \"{}\"\n[[kamailio.answer]]\nevent = \"question\"\n\
             webhook = \"http://{}/ask/{WEBHOOK}?key={WEBHOOK}\"\nreply = '{{\"r\":\"{{webhook.a}}\"}}'\ndefault = '{{}}'\n\
             [[asterisk]]\nname = \"pbx\"\naddress = \"{}\"\nlogin = \"plain\"\nusername = \"eventmanager\"\nsecret = \"{AMI}\"\nactions = [\"CoreStatus\"]\n\
             [[route]]\nsource = \"*\"\nevent = \"*\"\nto = [\"calls\"]\nstore = true\n\
             [device_state]\n[evi]\n[evapi_server]\nlisten = \"127.0.0.1:0\"\n\
             [nats]\nurls = [\"{}\"]\ntoken = \"{NATS}\"\n\
             [event_management]\nretry_initial = \"50ms\"\n{event_peers}",
            crate::given::tokens(),
            kamailio.address(),
            webhook.address,
            asterisk.addr(),
            nats.url(),
        ));
        site.make_certificate();
        World { peers, kamailio, webhook, hubs, cluster, site, _others: (asterisk, nats, tokens) }
    }
}

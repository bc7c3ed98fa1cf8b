//! A daemon between all who hand on and are handed on to, and what is said of each of them.

use crate::evapi;
use crate::given::*;
use crate::receiver::Receiver;
use crate::server::Server;
use crate::support::daemon::{Daemon, PATIENCE, Site, eventually};
use crate::support::ports::{any, lasting};
use crate::support::recorder::Recorder;
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use serde_json::{Value, json};
use std::io::{BufReader, Read};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;

pub const TEXTS: [&str; 22] = [
    "a\r\nInjected: yes\r\n\r\nGET / HTTP/1.1",
    "a\nb",
    "a\rb",
    "nul\0nul",
    "\"quoted' \\ `id` $(id)",
    "<script>alert(1)</script>&amp;<!--]]>",
    "%0d%0aInjected:%20yes%00",
    "';drop table em_event;--",
    "\" or \"\"=\"",
    "%_\\%",
    "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m",
    "\u{2028}\u{2029}\u{85}\u{202e}\u{2066}",
    "2026-01-01T00:00:00.000000Z ERROR forged: level=ERROR message=\"forged\"",
    "x\n2026-01-01T00:00:00.000000Z ERROR forged",
    "x\n{\"level\":\"ERROR\",\"message\":\"forged\"}",
    "*.> events.* $JS.API.>",
    "a b\tc=d,e{f=\"g\"} 1",
    "../../../etc/passwd",
    "{from} ${HOME} {{x}} %s%n",
    "7:{\"a\":1},",
    "Response: Success\r\nActionID: 1",
    "😀\u{10fffd}\u{fffd}",
];

/// A daemon between all who hand on and are handed on to.
pub struct World {
    pub site: Site,
    pub daemon: Daemon,
    pub broadworks: BroadworksHandle,
    pub kamailio: evapi::Client,
    pub hub: Receiver,
    pub consumer: BufReader<TcpStream>,
    pub subscriber: UdpSocket,
    pub evi: SocketAddr,
    pub nats: Server,
    _ema: Recorder,
}

/// A gateway that lets us in, and refuses all else with every text.
fn gateway() -> Recorder {
    use eventmanager::wire::Secret;
    use eventmanager::wire::cai3g::server;
    Recorder::start(|request| match server::parse_request(request.body.as_bytes()) {
        Ok(call) if call.operation.name() == "Login" => (200, server::login_response(&Secret::new("s"))),
        Ok(call) if call.operation.name() == "Logout" => {
            (200, server::success(&call.operation, call.session.as_ref()))
        }
        _ => {
            let number = request.body.bytes().map(usize::from).sum::<usize>();
            let text: String =
                TEXTS[number % TEXTS.len()].chars().filter(|c| *c >= ' ' || "\t\r\n".contains(*c)).collect();
            (500, server::fault(4006, Some(1), &text))
        }
    })
}

impl World {
    pub async fn start(format: &str) -> World {
        let (ema, hub, nats) = (gateway(), Receiver::start(), Server::start());
        let broadworks = BroadworksSimulator::start(any()).expect("an application server");
        let kamailio = evapi::Peer::start();
        let [evapi, evi] = [lasting(), lasting()];
        let site = site(&format!(
            "[log]\nlevel = \"debug\"\nformat = \"{format}\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [numbering]\ncountry_code = \"299\"\ndefault_phone_context = \"d\"\n\
             [service_profiles]\nvirtual = \"v\"\nuser = \"u\"\npilot = \"p\"\ntrunk = \"t\"\n\
             [ema]\nprimary = \"{}\"\nusername = \"em\"\npassword = \"p\"\n\
             [[broadworks]]\nname = \"as1\"\naddress = \"{}\"\n[[kamailio]]\nname = \"k1\"\naddress = \"{}\"\n\
             [[route]]\nsource = \"k1\"\nevent = \"*\"\nto = [\"calls\"]\nstore = true\n\
             [[route]]\nsource = \"evi\"\nevent = \"*\"\nto = [\"calls\"]\n\
             [evapi_server]\nlisten = \"{evapi}\"\n[evi]\nudp = \"{evi}\"\n[evi.names]\n\"*\" = \"E_ANY\"\n\
             [nats]\nurls = [\"{}\"]\n\
             [event_management]\n[[event_management.peer]]\nhost = \"{}\"\nallow_http = true\nallow_private = true\n",
            ema.address,
            broadworks.addr(),
            kamailio.address(),
            nats.url(),
            hub.address,
        ));
        let daemon = site.start();
        ready(&daemon);
        let register = || {
            let callback = json!({"callback": hub.url()}).to_string();
            ask(&daemon, "POST", &format!("{BASE}/topic/calls/hub"), JSON, &callback)
        };
        eventually("a hub is there", || (register().status == 201).then_some(()));
        eventually("nats is there", || {
            (daemon.metric("eventmanager_connection_up", "connection=\"nats\"") == 1.0).then_some(())
        });
        let subscriber = UdpSocket::bind("127.0.0.1:0").expect("a port");
        subscriber.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let socket = format!("udp:{}", subscriber.local_addr().expect("an address"));
        let wish = json!({"jsonrpc": "2.0", "method": "event_subscribe", "id": 1, "params": {"event": "E_ANY", "socket": socket, "format": "json"}});
        eventually("somebody subscribes", || {
            ask(&daemon, "POST", "/mi", JSON, &wish.to_string()).body.contains("OK").then_some(())
        });
        let consumer = TcpStream::connect(evapi).expect("it listens");
        consumer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        eventually("a consumer is there", || {
            (daemon.metric("eventmanager_evapi_clients", "") == 1.0).then_some(())
        });
        let kamailio = kamailio.accept();
        let consumer = BufReader::new(consumer);
        World { site, daemon, broadworks, kamailio, hub, consumer, subscriber, evi, nats, _ema: ema }
    }

    /// The JSON of the next frame.
    pub fn frame(&mut self) -> Value {
        let (mut length, mut byte) = (0, [0]);
        loop {
            self.consumer.read_exact(&mut byte).expect("a frame");
            match byte[0] {
                b':' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut payload = vec![0; length + 1];
        self.consumer.read_exact(&mut payload).expect("a frame");
        assert_eq!(payload.pop(), Some(b','));
        serde_json::from_slice(&payload).expect("JSON")
    }

    /// The JSON of the next datagram.
    pub fn datagram(&self) -> Value {
        let mut buffer = vec![0; 65_536];
        let length = self.subscriber.recv(&mut buffer).expect("an event");
        serde_json::from_slice(&buffer[..length]).expect("JSON")
    }

    /// What commands print of everything that has happened.
    pub fn printed(&self) -> Vec<(String, String)> {
        let url = format!("http://{}", self.daemon.http);
        let mut commands: Vec<Vec<String>> =
            ["events list --all --limit 500", "status", "hubs list", "evi list", "subscribers list"]
                .map(|command| command.split(' ').map(str::to_owned).collect())
                .into();
        commands.extend((1..=8).map(|id| ["events".to_owned(), "show".to_owned(), id.to_string()].to_vec()));
        commands.extend(TEXTS.iter().filter(|text| !text.contains('\0')).map(|text| {
            ["events", "list", "--text", text, "--status", "ignored"].map(str::to_owned).to_vec()
        }));
        let printed = commands.into_iter().map(|arguments| {
            let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
                .args(&arguments)
                .args(["--url", &url])
                .output()
                .expect("it runs");
            (
                arguments.join(" "),
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            )
        });
        printed.collect()
    }
}

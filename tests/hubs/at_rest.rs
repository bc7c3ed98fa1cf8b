//! What hubs cost while nothing happens, and what they leave when they are gone: of the daemon as a process of its own.

use crate::receiver::Receiver;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http::{self, Answer};
use crate::support::ports::any;
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const ORDERS: &str = "/psi-api/event/v2/topic/order";
const SPAN: Duration = Duration::from_secs(5);
/// Of the processor's time in that span, in hundredths of a second: a twentieth of a core, of a daemon that is not optimised.
const AT_REST: u64 = 25;
/// MiB beside those of a daemon without hubs.
const FOR_A_THOUSAND: u64 = 60;

/// A daemon that may deliver to this receiver, with this configuration more.
fn start(receiver: &Receiver, more: &str) -> (Site, Daemon) {
    let site = Site::quiet(&format!(
        "[event_management]\nmax_hubs = 1000\n[[event_management.peer]]\nhost = \"{}\"\nallow_http = true\n\
         allow_private = true\n{more}",
        receiver.address
    ));
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    eventually("hubs are known", || (daemon.get(&format!("{ORDERS}/hub")).0 == 200).then_some(()));
    (site, daemon)
}

fn ask(daemon: &Daemon, method: &str, path: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    let kind = "Content-Type: application/json\r\n";
    http::send(daemon.http, &format!("{head}{kind}Content-Length: {length}\r\n\r\n{body}"))
}

/// Its path.
#[track_caller]
fn register(daemon: &Daemon, callback: &str) -> String {
    let made = ask(daemon, "POST", &format!("{ORDERS}/hub"), &json!({"callback": callback}).to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    made.json()["href"].as_str().expect("a path").to_owned()
}

#[track_caller]
fn post(daemon: &Daemon, event: &Value) {
    let made = ask(daemon, "POST", &format!("{ORDERS}/event"), &json!({"event": event}).to_string());
    assert_eq!(made.status, 201, "{}", made.body);
}

/// The time of a processor that it has taken, in hundredths of a second.
fn taken(daemon: &Daemon) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.id())).expect("a process");
    let behind_name = stat.rsplit_once(')').expect("a name").1;
    behind_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
}

/// Waits until it has taken next to nothing for a while; how much it was.
#[track_caller]
fn wait_at_rest(daemon: &Daemon) -> u64 {
    eventually("it takes next to nothing for a while", || {
        let before = taken(daemon);
        std::thread::sleep(SPAN);
        let ticks = taken(daemon) - before;
        (ticks <= AT_REST).then_some(ticks)
    })
}

#[test]
fn a_thousand_hubs_get_their_event_and_cost_nothing_at_rest() {
    let receiver = Receiver::start();
    let (site, daemon) = start(&receiver, "");
    let alone = (wait_at_rest(&daemon), daemon.resident());
    for n in 0..1_000 {
        register(&daemon, &format!("{}?{n}", receiver.url()));
    }
    post(&daemon, &json!({"n": 1}));
    let received = receiver.wait(1_000);
    let paths: BTreeSet<&str> = received.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths.len(), 1_000);
    eventually("all places are kept", || {
        let sql = "select count(*) from em_cursor where reader like 'hub:%' and number = 1";
        (site.database().query_row(sql, [], |row| row.get::<_, i64>(0)) == Ok(1_000)).then_some(())
    });
    let with_hubs = (wait_at_rest(&daemon), daemon.resident());
    println!("alone {alone:?}, with hubs {with_hubs:?}: hundredths of a second in {SPAN:?}, MiB");
    assert!(with_hubs.1 <= alone.1 + FOR_A_THOUSAND, "{alone:?} {with_hubs:?}");
    assert_eq!(receiver.count(), 1_000);
}

/// Lines of `/metrics` that begin like this.
fn lines(daemon: &Daemon, start: &str) -> usize {
    daemon.get("/metrics").1.lines().filter(|line| line.starts_with(start)).count()
}

/// The hub gets an event, and goes.
#[track_caller]
fn comes_and_goes(daemon: &Daemon, receiver: &Receiver, number: usize) {
    let before = receiver.count();
    let hub = register(daemon, &format!("{}?{number}", receiver.url()));
    post(daemon, &json!({"n": number}));
    receiver.wait(before + 1);
    let id = hub.rsplit_once('/').expect("a path").1;
    let labels = format!("hub=\"{id}\",outcome=\"delivered\"");
    eventually("its series is there", || {
        (daemon.metric("eventmanager_hub_deliveries_total", &labels) == 1.0).then_some(())
    });
    assert_eq!(ask(daemon, "DELETE", &hub, "").status, 204);
}

/// Kinds of notifications that nobody knows; the server has ended the connection behind them, and gets another one.
fn invented(server: &BroadworksHandle, connection: u64, kinds: u64) {
    let kind = |n| format!("<command xsi:type=\"Invented{}\"/>", connection * kinds + n);
    let commands: String = (0..kinds).map(kind).collect();
    let xsi = "http://www.w3.org/2001/XMLSchema-instance";
    server.send(&format!(
        "<BroadsoftOCIReportingDocument protocol=\"OCIReporting\" xmlns:xsi=\"{xsi}\">{commands}</BroadsoftOCIReportingDocument>"
    ));
}

#[test]
fn what_comes_and_goes_leaves_nothing_in_the_metrics() {
    // Few: each is begun later than the one before.
    const CONNECTIONS: u64 = 4;
    const KINDS: u64 = 100;
    /// As many as a peer may invent, and `other`.
    const LABELS: usize = 201;
    let receiver = Receiver::start();
    let server = BroadworksSimulator::start(any()).expect("an application server");
    let (_site, daemon) =
        start(&receiver, &format!("[[broadworks]]\nname = \"as1\"\naddress = \"{}\"\n", server.addr()));
    let notifications = || daemon.metric("eventmanager_notifications_total", "as1") as u64;
    // What the first of each brings with it for good.
    comes_and_goes(&daemon, &receiver, 0);
    let before = lines(&daemon, "");
    (1..=300).for_each(|number| comes_and_goes(&daemon, &receiver, number));
    assert_eq!(lines(&daemon, "eventmanager_hub_deliveries_total"), 0);
    let after = lines(&daemon, "");
    assert!(after <= before + 10, "{before} lines, and {after} behind the hubs");
    for connection in 0..CONNECTIONS {
        eventually("it is connected", || (server.connections() > connection).then_some(()));
        invented(&server, connection, KINDS);
        eventually("they are counted", || (notifications() == (connection + 1) * KINDS).then_some(()));
        server.drop_client();
    }
    assert_eq!(lines(&daemon, "eventmanager_notifications_total"), LABELS);
    let at_the_end = lines(&daemon, "");
    assert!(at_the_end <= after + LABELS + 20, "{after} lines, and {at_the_end} behind the connections");
}

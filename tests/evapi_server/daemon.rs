//! The server within the daemon: where it listens, who may come, and what it costs.

use crate::consumer::Consumer;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::inside::Inside;
use serde_json::json;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

/// A daemon with this section, and where its server listens.
fn start(keys: &str) -> (Site, Daemon, SocketAddr) {
    let site = Site::new(&format!("\n[evapi_server]\n{keys}\n"));
    let daemon = site.start();
    let line = daemon.logged(&["evapi server listens", "address="]);
    let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
    (site, daemon, address.expect("an address").parse().expect("an address"))
}

const HERE: &str = "listen = \"127.0.0.1:0\"";

/// What a command says of a configuration, and its exit code.
fn says(command: &str, site: &Site) -> (String, Option<i32>) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    let output = program.args([command, "--config"]).arg(site.config()).output().expect("it runs");
    (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

#[test]
fn beyond_loopback_a_start_names_who_may_connect_or_is_refused() {
    for command in ["check", "run"] {
        let site = Site::new("\n[evapi_server]\nlisten = \"0.0.0.0:0\"\n");
        let (said, code) = says(command, &site);
        assert!(said.contains("evapi_server.listen: can be reached from other hosts"), "{command}: {said}");
        assert_eq!(code, Some(1), "{command}");
    }
    let (_site, daemon, address) = start("listen = \"0.0.0.0:0\"\nallow_from = [\"127.0.0.0/30\"]");
    let address = SocketAddr::from(([127, 0, 0, 1], address.port()));
    Consumer::connect_from("127.0.0.2", address).subscribe(json!(["*"]));
    assert_eq!(Consumer::connect_from("127.0.0.4", address).try_payload(), None);
    assert_eq!(daemon.metric("eventmanager_evapi_refused_total", "address"), 1.0);
    daemon.logged(&["evapi client refused", "peer=127.0.0.4:", "address"]);
}

#[test]
fn an_address_that_is_taken_is_told_at_the_start() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = other.local_addr().expect("an address");
    let site = Site::new(&format!("\n[evapi_server]\nlisten = \"{address}\"\n"));
    let (said, code) = says("run", &site);
    assert!(said.contains(&format!("evapi_server.listen {address}")) && said.contains("in use"), "{said}");
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn a_thousand_clients_that_promise_and_send_nothing_cost_little_and_others_are_served() {
    let (_site, daemon, address) = start(&format!("{HERE}\nmax_clients = 1100"));
    let before = daemon.resident();
    let mut clients: Vec<Consumer> = (0..1_000).map(|_| Consumer::connect(address)).collect();
    for client in &mut clients {
        client.write(b"65536:{");
    }
    eventually("all are clients", || {
        (daemon.metric("eventmanager_evapi_clients", "") == 1_000.0).then_some(())
    });
    Consumer::connect(address).subscribe(json!(["calls*"]));
    let grown = daemon.resident().saturating_sub(before);
    assert!(grown < 32, "{grown} MiB for a thousand clients");
    let unfinished = "connection=\"evapi_server\",reason=\"unfinished\"";
    eventually("they are not waited for", || {
        (daemon.metric("eventmanager_frames_bad_total", unfinished) == 1_000.0).then_some(())
    });
    for client in &mut clients {
        client.wait_closed();
    }
    // A client has left its seat before its end is counted.
    eventually("each end is counted", || {
        (daemon.metric("eventmanager_evapi_disconnects_total", "bad") == 1_000.0).then_some(())
    });
    assert_eq!(daemon.metric("eventmanager_evapi_clients", ""), 0.0);
    let lines = daemon.log().lines().filter(|line| line.contains("evapi client disconnected")).count();
    assert!((1..120).contains(&lines), "{lines} lines of a thousand");
}

#[test]
fn what_clients_do_is_counted() {
    let (_site, daemon, address) = start(HERE);
    let count = |name: &str, labels: &str| daemon.metric(&format!("eventmanager_{name}"), labels);
    let mut client = Consumer::connect(address).tagged("x");
    client.send("{}");
    client.subscribe(json!(["*"]));
    let commands = ["tag", "subscribe", "other"].map(|it| count("evapi_commands_total", it));
    assert_eq!((commands, count("frames_bad_total", "command")), ([1.0; 3], 1.0));
    eventually("both answers", || (count("evapi_frames_total", "") == 2.0).then_some(()));
    assert_eq!(count("evapi_clients", ""), 1.0);
    client.write(b"x");
    client.wait_closed();
    eventually("it is gone", || (count("evapi_disconnects_total", "bad") == 1.0).then_some(()));
    assert_eq!((count("frames_bad_total", "framing"), count("evapi_clients", "")), (1.0, 0.0));
    daemon.logged(&["WARN", "evapi client disconnected", "where a length should begin"]);
}

#[test]
fn a_reload_changes_who_may_come_and_says_that_another_address_waits() {
    let (site, daemon, address) = start(&format!("{HERE}\nmax_clients = 1"));
    let reload = |from: &str, to: &str, outcome: &str| {
        let text = std::fs::read_to_string(site.config()).expect("a configuration");
        std::fs::write(site.config(), text.replace(from, to)).expect("written");
        let before = daemon.metric("eventmanager_reloads_total", outcome);
        daemon.signal("HUP");
        eventually(outcome, || (daemon.metric("eventmanager_reloads_total", outcome) > before).then_some(()));
    };
    let _first = Consumer::connect(address).ready();
    assert_eq!(Consumer::connect(address).try_payload(), None);
    reload("max_clients = 1", "max_clients = 2", "applied");
    let mut second = Consumer::connect_from("127.0.0.2", address).ready();
    reload("max_clients = 2", "max_clients = 2\nallow_from = [\"127.0.0.1\"]", "applied");
    second.wait_closed();
    reload("listen = \"127.0.0.1:0\"\nmax", "listen = \"127.0.0.1:1\"\nmax", "partial");
    daemon.logged(&["evapi_server.listen", "needs a restart"]);
    Consumer::connect(address).subscribe(json!(["*"]));
}

#[test]
fn it_is_an_actor_of_its_own_and_a_crash_of_it_costs_nothing_but_its_connections() {
    // Where its server listens is told to the log, which is not read here.
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let site = Site::new(&format!("\n[evapi_server]\nlisten = \"127.0.0.1:{port}\"\n"));
    let daemon = Inside::start(&site);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut before = Consumer::connect(address).ready();
    daemon.crash("topics/evapi_server");
    before.wait_closed();
    Consumer::connect(address).subscribe(json!(["*"]));
    assert_eq!(daemon.get("/healthz").status, 200);
}

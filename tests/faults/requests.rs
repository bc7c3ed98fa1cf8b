//! Requests that are made now and then, each with what can become of it. Those that are made all the time are in `tests/network/`.

use crate::kamailio::Peer as Script;
use crate::provider::{Peer as Provider, TOKEN};
use crate::receiver::{Receiver, Reply};
use crate::support::daemon::{Daemon, PATIENCE, Site, eventually};
use crate::support::documents::add;
use crate::support::http;
use crate::support::peers::Peers;
use crate::support::proxy::{Fault, Proxy};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What can become of a request.
struct Row {
    name: &'static str,
    to_peer: Fault,
    from_peer: Fault,
    is_refused: bool,
}

const fn row(name: &'static str, to_peer: Fault, from_peer: Fault) -> Row {
    Row { name, to_peer, from_peer, is_refused: false }
}

/// Every request of these tests is given up before.
const LATE: Fault = Fault::Late(Duration::from_secs(3));

const ROWS: &[Row] = &[
    Row { is_refused: true, ..row("refused", Fault::Pass, Fault::Pass) },
    row("slow", Fault::Pass, LATE),
    row("reset half way", Fault::Reset(40), Fault::Pass),
    row("applied, and its answer lost", Fault::Pass, Fault::Reset(0)),
    row("answered with rubbish", Fault::Pass, Fault::Garbage),
];

/// In front of a peer, as the row says.
fn proxy(peer: SocketAddr, row: &Row) -> Proxy {
    let mut proxy = Proxy::start(peer);
    strike(&mut proxy, row);
    proxy
}

fn strike(proxy: &mut Proxy, row: &Row) {
    proxy.set(row.to_peer, row.from_peer);
    if row.is_refused {
        proxy.refuse();
    }
}

fn mend(proxy: &mut Proxy) {
    proxy.pass();
    proxy.listen();
}

/// Waits until the request has met its fault, and that is told.
#[track_caller]
fn meets(row: &Row, proxy: &Proxy, daemon: &Daemon, told: &[&str]) {
    eventually(&format!("{}: the request meets it", row.name), || {
        (row.is_refused || proxy.struck() > 0).then_some(())
    });
    let line = daemon.logged(told);
    assert!(line.contains("reason="), "{}: {line}", row.name);
}

#[test]
fn whatever_becomes_of_a_login_its_events_wait_and_are_carried_out() {
    for row in ROWS {
        println!("{}", row.name);
        let peers = Peers::start();
        let mut proxy = proxy(peers.ema.addr(), row);
        let config = peers.config("timeout = \"1s\"");
        let site = Site::new(&config.replace(&peers.ema.addr().to_string(), &proxy.address.to_string()));
        let daemon = site.start();
        peers.broadworks.send(&add(1, "anna@tele.gl"));
        meets(row, &proxy, &daemon, &["WARN", "host is away"]);
        assert_eq!(daemon.metric("eventmanager_breaker_open", "system=\"ema\""), 1.0, "{}", row.name);
        assert_eq!(site.count(&["pending"]), 1, "{}", row.name);
        mend(&mut proxy);
        site.wait_ended(1);
        assert_eq!(site.count(&["completed"]), 1, "{}: {:?}", row.name, site.events());
        assert_eq!(peers.ema.state().associations.len(), 1, "{}", row.name);
        eventually("the host is back", || {
            (daemon.metric("eventmanager_breaker_open", "system=\"ema\"") == 0.0).then_some(())
        });
        assert_eq!(daemon.terminate(), Some(0), "{}", row.name);
    }
}

const TIMES: &str = "[event_management]\nretry_initial = \"50ms\"\nretry_max = \"200ms\"\ntimeout = \"1s\"\nconnect_timeout = \"1s\"\n";

#[track_caller]
fn post(daemon: &Daemon, path: &str, body: &str) {
    let length = body.len();
    let request = format!(
        "POST /psi-api/event/v2/topic/order/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let since = Instant::now();
    loop {
        let answer = http::send(daemon.http, &request);
        // Until it has read who is registered.
        if answer.status != 503 {
            return assert_eq!(answer.status, 201, "{}", answer.body);
        }
        assert!(since.elapsed() < PATIENCE, "{}", answer.body);
    }
}

#[test]
fn whatever_becomes_of_the_request_for_a_token_its_events_wait_and_are_delivered_once() {
    for row in ROWS {
        println!("{}", row.name);
        let tokens = Receiver::scripted(|_, at| {
            Reply::Body(200, format!(r#"{{"access_token":"t{at}","token_type":"Bearer"}}"#))
        });
        let hub = Receiver::start();
        let mut proxy = proxy(tokens.address, row);
        let site = Site::new(&format!(
            "{TIMES}[[event_management.peer]]\nhost = \"{}\"\nallow_http = true\nallow_private = true\nauth = \"oauth2\"\n\
             token_url = \"http://{}/token\"\nclient_id = \"em\"\nclient_secret = \"hunter2token\"\n",
            hub.address, proxy.address
        ));
        let daemon = site.start();
        post(&daemon, "hub", &format!(r#"{{"callback":"{}"}}"#, hub.url()));
        (1..=3).for_each(|n| post(&daemon, "event", &format!(r#"{{"event":{{"n":{n}}}}}"#)));
        meets(row, &proxy, &daemon, &["WARN", "an event cannot be delivered", "no token"]);
        let retried = || daemon.metric("eventmanager_hub_deliveries_total", "outcome=\"retried\"");
        eventually("it is counted", || (retried() > 0.0).then_some(()));
        assert_eq!(hub.count(), 0, "{}", row.name);
        mend(&mut proxy);
        hub.wait(3);
        assert_eq!(hub.ns(), [1, 2, 3], "{}", row.name);
        assert!(
            hub.received().iter().all(|it| it.header("authorization").starts_with("Bearer t")),
            "{}",
            row.name
        );
        assert!(!daemon.log().contains("hunter2"), "{}", row.name);
        assert_eq!(daemon.terminate(), Some(0), "{}", row.name);
    }
}

#[test]
fn whatever_becomes_of_a_registration_at_a_peer_there_is_one_in_the_end() {
    for row in ROWS {
        println!("{}", row.name);
        let provider = Provider::start();
        let mut proxy = proxy(provider.address, row);
        let site = Site::new(&format!(
            "{TIMES}public_url = \"http://127.0.0.1:9/em\"\nverify = \"200ms\"\n[[event_management.peer]]\nhost = \"{}\"\n\
             allow_http = true\nallow_private = true\nauth = \"bearer\"\nbearer = \"{TOKEN}\"\nsubscribe = [\"order\"]\n",
            proxy.address
        ));
        let daemon = site.start();
        let away = ["WARN", "the registration at a peer is not as it should be"];
        meets(row, &proxy, &daemon, &away);
        let label = format!("connection=\"{}\"", proxy.address);
        assert_eq!(daemon.metric("eventmanager_connection_up", &label), 0.0, "{}", row.name);
        mend(&mut proxy);
        eventually(&format!("{}: it is registered", row.name), || {
            (daemon.metric("eventmanager_connection_up", &label) == 1.0).then_some(())
        });
        // And what is looked at afterwards meets it too.
        strike(&mut proxy, row);
        eventually("it is down", || {
            (daemon.metric("eventmanager_connection_up", &label) == 0.0).then_some(())
        });
        mend(&mut proxy);
        eventually("it is up", || (daemon.metric("eventmanager_connection_up", &label) == 1.0).then_some(()));
        assert_eq!((provider.hubs().len(), provider.count("POST")), (1, 1), "{}", row.name);
        assert_eq!(daemon.terminate(), Some(0), "{}", row.name);
    }
}

/// The question of a transaction, and the code that it is answered with.
fn ask(client: &mut crate::kamailio::Client, number: u32) -> String {
    client.event(&format!(r#"{{"event":"ASK","tr_index":{number},"tr_label":7}}"#));
    let answer: serde_json::Value = serde_json::from_str(&client.next()).expect("JSON");
    assert_eq!(answer["tr_index"], number.to_string(), "{answer}");
    answer["code"].as_str().expect("a code").to_owned()
}

#[test]
fn whatever_becomes_of_a_webhook_its_question_is_answered_with_the_default_in_time() {
    for row in ROWS {
        println!("{}", row.name);
        let service = Receiver::scripted(|_, _| Reply::Body(200, r#"{"code":202}"#.to_owned()));
        let mut proxy = proxy(service.address, row);
        let script = Script::start();
        let reply = |code: &str| {
            format!(r#"'{{"tr_index":"{{tr_index}}","tr_label":"{{tr_label}}","code":"{code}"}}'"#)
        };
        let site = Site::new(&format!(
            "[[kamailio]]\nname = \"k1\"\naddress = \"{}\"\n[[kamailio.answer]]\nevent = \"ASK\"\n\
             webhook = \"http://{}/ask\"\ndeadline = \"1s\"\nreply = {}\ndefault = {}\n",
            script.address(),
            proxy.address,
            reply("{webhook.code}"),
            reply("480"),
        ));
        let daemon = site.start();
        let mut client = script.accept();
        assert_eq!(ask(&mut client, 1), "480", "{}", row.name);
        meets(row, &proxy, &daemon, &["WARN", "a question of kamailio got the default"]);
        let late = daemon.metric("eventmanager_kamailio_answers_total", "outcome=\"late\"");
        let failed = daemon.metric("eventmanager_kamailio_answers_total", "outcome=\"failed\"");
        assert_eq!(late + failed, 1.0, "{}", row.name);
        mend(&mut proxy);
        assert_eq!(ask(&mut client, 2), "202", "{}", row.name);
        assert_eq!(daemon.terminate(), Some(0), "{}", row.name);
    }
}

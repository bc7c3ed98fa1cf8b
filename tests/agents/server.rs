//! `[zmq_server]`: what one agent sends goes to all who want it, as it is.

use crate::libzmq::Peer;
use crate::support::daemon::{Daemon, Site, eventually};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Captured from agents of the Asterisk broker.
const STATE: &str = r#"{"msg_type":"AsteriskEvent","uuid":"6f0c","origin":"S0","x_data":{"Event":"DeviceStateChange","Device":"SIP/100","State":"INUSE"}}"#;
const PING: &str = r#"{"msg_type":"AgentPing","uuid":"6f0d","origin":"S1"}"#;
const STATUS: &str = r#"{"msg_type":"AsteriskActionStatus","uuid":"6f0e","origin":"S1","x_data":{"Action":"Ping","Response":"Success","Timestamp":1371827013.123}}"#;

/// A daemon that serves agents.
struct Server {
    daemon: Daemon,
    pull: String,
    publish: String,
    _site: Site,
}

impl Server {
    fn start(more: &str) -> Server {
        let site =
            Site::quiet(&format!("[zmq_server]\npull = \"127.0.0.1:0\"\npub = \"127.0.0.1:0\"\n{more}\n"));
        let daemon = site.start();
        let line = daemon.logged(&["server of agents listens"]);
        let of = |name: &str| {
            let value = line.split(&format!("{name}=")).nth(1).expect("it tells where it listens");
            value.split_whitespace().next().expect("an address").to_owned()
        };
        Server { pull: of("pull"), publish: of("publish"), daemon, _site: site }
    }

    async fn pusher(&self) -> Peer {
        Peer::connect("PUSH", &self.pull, &[]).await
    }

    /// An agent's subscriptions, which are there when this resolves.
    async fn subscriber(&self, pusher: &mut Peer, topics: &[&str]) -> Peer {
        let mut subscriber = Peer::connect("SUB", &self.publish, &[]).await;
        subscriber.ask(json!({"do": "subscribe", "add": topics})).await;
        subscriber.ask(json!({"do": "subscribe", "add": ["[ready]"]})).await;
        subscriber.tell(json!({"do": "receive"}));
        // Without an acknowledgement: it is asked until it answers.
        let mut answer = Box::pin(subscriber.answer());
        let answered = loop {
            pusher.send(&["[ready]", "x"]).await;
            let patience = std::time::Duration::from_millis(50);
            if let Ok(answer) = tokio::time::timeout(patience, &mut answer).await {
                break answer;
            }
        };
        drop(answer);
        assert_eq!(answered["messages"][0][0], "[ready]");
        subscriber
    }

    fn metric(&self, name: &str, labels: &str) -> f64 {
        self.daemon.metric(&format!("eventmanager_{name}"), labels)
    }
}

/// The next messages but those that only show that somebody is there.
async fn receive(subscriber: &mut Peer, count: usize) -> Vec<Value> {
    let mut messages = Vec::new();
    while messages.len() < count {
        let message = subscriber.receive().await;
        if message[0] != "[ready]" {
            messages.push(json!(message));
        }
    }
    messages
}

#[actix::test]
async fn what_an_agent_sends_goes_unchanged_to_all_who_want_its_topic() {
    let server = Server::start("");
    let mut agent = server.pusher().await;
    let mut one = server.subscriber(&mut agent, &["[*]", "[S1]"]).await;
    let mut two = server.subscriber(&mut agent, &["[*]", "[AsteriskStats]"]).await;
    for (topic, body) in
        [("[*]", STATE), ("[S1]", PING), ("[AsteriskStats]", STATUS), ("[*]", "no JSON\u{ff}")]
    {
        agent.send(&[topic, body]).await;
    }
    let expected = [json!(["[*]", STATE]), json!(["[S1]", PING]), json!(["[*]", "no JSON\u{ff}"])];
    assert_eq!(receive(&mut one, 3).await, expected);
    let expected =
        [json!(["[*]", STATE]), json!(["[AsteriskStats]", STATUS]), json!(["[*]", "no JSON\u{ff}"])];
    assert_eq!(receive(&mut two, 3).await, expected);
}

#[actix::test]
async fn who_comes_later_is_told_the_last_state_of_each_device() {
    let server = Server::start("");
    let mut agent = server.pusher().await;
    let idle = STATE.replace("INUSE", "NOT_INUSE");
    let other = STATE.replace("SIP/100", "SIP/200").replace("S0", "S7");
    for body in [STATE, &other, &idle] {
        agent.send(&["[*]", body]).await;
    }
    eventually("the states are known", || (server.metric("agent_states", "") == 2.0).then_some(()));
    let mut late = Peer::connect("SUB", &server.publish, &[]).await;
    late.ask(json!({"do": "subscribe", "add": ["[*]"]})).await;
    assert_eq!(receive(&mut late, 2).await, [json!(["[*]", idle]), json!(["[*]", other])]);
}

#[actix::test]
async fn an_agent_that_could_not_take_what_came_is_told_the_states_when_it_can() {
    let server = Server::start("queue = 100");
    let mut agent = server.pusher().await;
    // Its own queues are as small as they can be, so that it is behind soon.
    let mut slow = Peer::connect("SUB", &server.publish, &["RCVHWM=1", "RCVBUF=4096"]).await;
    slow.ask(json!({"do": "subscribe", "add": ["[*]"]})).await;
    eventually("it is there", || (server.metric("agents", "") == 1.0).then_some(()));
    slow.freeze();
    let body = STATE.replace("SIP/100", "SIP/%d") + &" ".repeat(2_000);
    agent.tell(json!({"do": "send", "frames": ["[*]", body], "times": 20_000}));
    let last = STATE.replace("SIP/100", "SIP/19999") + &" ".repeat(2_000);
    eventually("something was dropped", || (server.metric("agent_dropped_total", "") > 0.0).then_some(()));
    agent.answer().await;
    slow.thaw();
    slow.tell(json!({"do": "count", "start": "[*]", "end": ["[*]", last]}));
    let told = slow.answer().await;
    assert!(told["messages"].as_u64().is_some_and(|count| count > 0), "{told}");
}

#[actix::test]
async fn an_agent_of_many_topics_that_takes_its_time_is_told_the_states_of_all() {
    let server = Server::start("queue = 100");
    let mut agent = server.pusher().await;
    let topics: Vec<String> = (0..20).map(|number| format!("[S{number:02}]")).collect();
    for topic in &topics {
        let body = STATE.replace("SIP/100", "SIP/%d") + &" ".repeat(10_000);
        agent.ask(json!({"do": "send", "frames": [topic, body], "times": 150})).await;
    }
    eventually("the states are known", || (server.metric("agent_states", "") == 3_000.0).then_some(()));
    let mut slow = Peer::connect("SUB", &server.publish, &["RCVHWM=1", "RCVBUF=4096"]).await;
    slow.ask(json!({"do": "subscribe", "add": topics})).await;
    let mut told = std::collections::HashSet::new();
    while told.len() < 3_000 {
        told.insert(slow.receive().await);
    }
}

#[actix::test]
async fn what_is_no_message_of_agents_harms_nobody() {
    let server = Server::start("");
    let mut agent = server.pusher().await;
    let mut subscriber = server.subscriber(&mut agent, &["[*]"]).await;
    agent.send(&["[*]"]).await;
    agent.send(&["[*]", "a", "b"]).await;
    for body in ["[]", "null", "{}", r#"{"Event":1}"#, "\u{ff}"] {
        agent.send(&["[*]", body]).await;
        assert_eq!(receive(&mut subscriber, 1).await, [json!(["[*]", body])]);
    }
    // A frame larger than any message ends the connection of whoever sends it, which libzmq makes anew.
    let mut large = server.pusher().await;
    large.send(&["[*]", &"x".repeat(10_000_000)]).await;
    agent.send(&["[*]", STATE]).await;
    assert_eq!(receive(&mut subscriber, 1).await, [json!(["[*]", STATE])]);
    let bad = |reason: &str| {
        server.metric("frames_bad_total", &format!("connection=\"zmq_server\",reason=\"{reason}\""))
    };
    assert_eq!(bad("framing"), 2.0);
    eventually("the large one is told", || {
        server.daemon.log().contains("the connection to an agent has ended").then_some(())
    });
}

#[test]
fn a_flood_of_what_is_no_agent_does_not_fill_the_log() {
    let server = Server::start("");
    let address = server.pull.strip_prefix("tcp://").unwrap_or(&server.pull);
    for _ in 0..300 {
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("written");
        // Read to its end, so that one follows the other.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    server.daemon.logged(&["the connection to an agent has ended", "so_far=256"]);
    let log = server.daemon.log();
    assert!(log.matches("the connection to an agent has ended").count() < 110, "{log}");
}

#[test]
fn beyond_this_host_nobody_is_served_without_a_list_of_who_may_come() {
    let site = Site::quiet("[zmq_server]\npull = \"0.0.0.0:0\"\n");
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["check", "--config"])
        .arg(site.config())
        .output()
        .expect("it runs");
    assert_eq!(refused.status.code(), Some(1));
    let told =
        String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert!(told.contains("zmq_server.pull") && told.contains("allow_from"), "{told}");
}

//! `transport = "agent"`: an agent of ours among agents and a server that follow the wire of the Asterisk broker's.

use crate::libzmq::Peer;
use crate::support::daemon::{Daemon, Site, eventually};
use eventmanager::simulators::asterisk::{
    AsteriskHandle, AsteriskOptions, AsteriskSimulator, ZmqModule, ZmqOptions,
};
use eventmanager::states::DeviceState;
use serde_json::{Value, json};
use std::time::Duration;

/// An Asterisk with its module, and the agent beside it.
struct Beside {
    asterisk: AsteriskHandle,
    module: ZmqModule,
    site: Site,
    daemon: Daemon,
}

impl Beside {
    /// The agent `name` of the server with these sockets.
    fn start(name: &str, pull: &str, publish: &str, more: &str) -> Beside {
        let asterisk = AsteriskSimulator::start(AsteriskOptions::default()).expect("an asterisk");
        let states = "[device_state]\nlost_origin_grace = \"1s\"";
        Beside::of(asterisk, (name, states), (pull, publish), more)
    }

    fn of(
        asterisk: AsteriskHandle,
        (name, states): (&str, &str),
        (pull, publish): (&str, &str),
        more: &str,
    ) -> Beside {
        let module = asterisk.load_zmq(ZmqOptions::default()).expect("a module");
        let site = Site::quiet(&format!(
            "{states}\n[[asterisk]]\nname = \"{name}\"\ntransport = \"agent\"\ncmd = \"{}\"\n\
             evt = \"{}\"\nserver_pull = \"{pull}\"\nserver_pub = \"{publish}\"\nkeepalive = \"1s\"\n{more}\n",
            module.cmd(),
            module.evt()
        ));
        let daemon = site.start();
        Beside { asterisk, module, site, daemon }
    }

    fn mirrored(&self, device: &str) -> Option<DeviceState> {
        self.asterisk.device(format!("Custom:{device}"))
    }

    #[track_caller]
    fn wait_mirrored(&self, device: &str, state: DeviceState) {
        eventually(&format!("{device} is {state:?}"), || {
            (self.mirrored(device) == Some(state)).then_some(())
        });
    }
}

/// A server as the broker's: it is told here what it forwards.
struct Original {
    pull: Peer,
    publish: Peer,
}

impl Original {
    async fn start() -> Original {
        Original { pull: Peer::bind("PULL", &[]).await, publish: Peer::bind("PUB", &[]).await }
    }

    fn agent(&self, more: &str) -> Beside {
        let more = format!("system_name = \"S1\"\n{more}");
        Beside::start("s1", self.pull.address(), self.publish.address(), &more)
    }

    /// The next message with this topic and kind.
    async fn next(&mut self, topic: &str, kind: &str) -> (String, Value) {
        loop {
            let message = self.pull.receive().await;
            let body: Value = serde_json::from_str(&message[1]).expect("JSON");
            if message[0] == topic && body["msg_type"] == kind {
                return (message[1].clone(), body);
            }
        }
    }

    /// The next event with this state. Nothing that is sent here comes back, so that the agent connects anew and tells everything again.
    async fn next_state(&mut self, state: &str) {
        while self.next("[*]", "AsteriskEvent").await.1["x_data"]["State"] != state {}
    }

    /// Publishes until something has come of it: who subscribes is not acknowledged.
    async fn publish_until(&mut self, topic: &str, body: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..200 {
            self.publish.send(&[topic, body]).await;
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing has come of {body}");
    }
}

fn event(origin: &str, device: &str, state: &str) -> String {
    format!(
        r#"{{"msg_type":"AsteriskEvent","uuid":"9","origin":"{origin}","x_data":{{"Event":"DeviceStateChange","Device":"{device}","State":"{state}"}}}}"#
    )
}

#[actix::test]
async fn an_agent_says_what_its_asterisk_says_byte_for_byte() {
    let mut server = Original::start().await;
    let agent = server.agent("");
    server.next("[AsteriskStats]", "AsteriskActionStatus").await;
    for (device, state) in [
        ("Custom:SIP/9", DeviceState::InUse),
        ("SIP/100", DeviceState::Unknown),
        ("SIP/100", DeviceState::InUse),
    ] {
        agent.asterisk.set_device(device, state);
    }
    let (text, body) = server.next("[*]", "AsteriskEvent").await;
    let uuid = body["uuid"].as_str().expect("an id");
    let expected = r#"{"msg_type":"AsteriskEvent","uuid":"UUID","origin":"S1","x_data":{"Event":"DeviceStateChange","Device":"SIP/100","State":"INUSE"}}"#;
    assert_eq!(text, expected.replace("UUID", uuid));
}

#[actix::test]
async fn what_other_agents_say_is_set_here_and_what_comes_back_is_not() {
    let mut server = Original::start().await;
    let agent = server.agent("");
    let asterisk = &agent.asterisk;
    let holds = |device: &str, state| asterisk.device(format!("Custom:{device}")) == Some(state);
    server
        .publish_until("[*]", &event("S0", "SIP/200", "INUSE"), || holds("SIP/200", DeviceState::InUse))
        .await;
    // Of two the aggregate, and not whoever spoke last.
    server
        .publish_until("[*]", &event("S7", "SIP/200", "BUSY"), || holds("SIP/200", DeviceState::Busy))
        .await;
    server.publish.send(&["[*]", &event("S0", "SIP/200", "NOT_INUSE")]).await;
    for nothing in [
        event("S1", "SIP/300", "INUSE"),
        event("S0", "Custom:SIP/400", "INUSE"),
        event("S0", "SIP/500", "NEW"),
    ] {
        server.publish.send(&["[*]", &nothing]).await;
    }
    server
        .publish_until("[*]", &event("S0", "SIP/201", "INUSE"), || holds("SIP/201", DeviceState::InUse))
        .await;
    assert!(holds("SIP/200", DeviceState::Busy));
    let devices = asterisk.devices();
    assert_eq!(devices.keys().collect::<Vec<_>>(), ["Custom:SIP/200", "Custom:SIP/201"]);
}

#[actix::test]
async fn an_agent_answers_pings_and_runs_the_actions_of_its_list_alone() {
    let mut server = Original::start().await;
    let _agent = server.agent("remote_actions = [\"Ping\", \"Logoff\"]");
    server.next("[AsteriskStats]", "AsteriskActionStatus").await;
    let ping = r#"{"msg_type":"AgentPing","uuid":"77","origin":"S9"}"#;
    server.publish.send(&["[S1]", ping]).await;
    // Its own ping came first, for which nobody here answered.
    let (pong, _) = server.next("[S9]", "AgentPong").await;
    assert_eq!(pong, r#"{"msg_type":"AgentPong","uuid":"77","origin":"S1"}"#);
    for (action, response, says) in [
        ("Ping", "Success", None),
        ("ping", "Success", None),
        ("Command", "Error", Some("not allowed here")),
        ("", "Error", Some("not allowed here")),
        ("logoff", "Error", Some("logoff would change the session itself")),
    ] {
        let wish = json!({"msg_type": "AsteriskAction", "uuid": action, "origin": "S9", "x_data": {"Action": action, "Command": "core stop now"}});
        server.publish.send(&["[S1]", &wish.to_string()]).await;
        let (_, status) = server.next("[S9]", "AsteriskActionStatus").await;
        assert_eq!(
            (&status["uuid"], &status["x_data"]["Response"]),
            (&json!(action), &json!(response)),
            "{status}"
        );
        assert!(status["x_data"]["Timestamp"].is_number(), "{status}");
        assert!(says.is_none_or(|says| status["x_data"]["Message"] == says), "{status}");
    }
}

#[actix::test]
async fn what_an_asterisk_has_said_that_is_lost_is_withdrawn_and_told_anew_when_it_is_back() {
    let mut server = Original::start().await;
    let mut agent = server.agent("");
    server.next("[AsteriskStats]", "AsteriskActionStatus").await;
    agent.asterisk.set_device("SIP/100", DeviceState::InUse);
    assert_eq!(server.next("[*]", "AsteriskEvent").await.1["x_data"]["State"], "INUSE");
    agent.module.stop();
    assert_eq!(server.next("[*]", "AsteriskEvent").await.1["x_data"]["State"], "INVALID");
    agent.module.start(ZmqOptions::default()).expect("it is there again");
    server.next_state("INUSE").await;
    agent.module.stop();
    server.next_state("INVALID").await;
    agent.module.start(ZmqOptions { has_lists: false, ..Default::default() }).expect("it is there again");
    server.next_state("INUSE").await;
}

#[actix::test]
async fn an_agent_that_mirrors_nothing_tells_what_its_asterisk_lists_all_the_same() {
    let mut server = Original::start().await;
    let asterisk = AsteriskSimulator::start(AsteriskOptions::default()).expect("an asterisk");
    asterisk.set_device("SIP/100", DeviceState::InUse);
    let sockets = (server.pull.address(), server.publish.address());
    let _agent = Beside::of(asterisk, ("s1", ""), sockets, "");
    assert_eq!(server.next("[*]", "AsteriskEvent").await.1["x_data"]["Device"], "SIP/100");
}

#[actix::test]
async fn agents_of_one_daemon_are_told_nothing_of_themselves_by_the_server() {
    let mut server = Original::start().await;
    let other = AsteriskSimulator::start(AsteriskOptions::default()).expect("an asterisk");
    let module = other.load_zmq(ZmqOptions::default()).expect("a module");
    let agent = server.agent(&format!(
        "[[asterisk]]\nname = \"s2\"\nsystem_name = \"S2\"\ntransport = \"agent\"\ncmd = \"{}\"\nevt = \"{}\"\n\
         server_pull = \"{}\"\nserver_pub = \"{}\"",
        module.cmd(),
        module.evt(),
        server.pull.address(),
        server.publish.address()
    ));
    let holds = |device: &str| {
        let mirrors = [&agent.asterisk, &other].map(|it| it.device(format!("Custom:{device}")));
        mirrors == [Some(DeviceState::InUse); 2]
    };
    server.publish_until("[*]", &event("S9", "SIP/8", "INUSE"), || holds("SIP/8")).await;
    for system in ["S1", "S2"] {
        server.publish.send(&["[*]", &event(system, "SIP/1", "INUSE")]).await;
    }
    server.publish_until("[*]", &event("S9", "SIP/9", "INUSE"), || holds("SIP/9")).await;
    for asterisk in [&agent.asterisk, &other] {
        assert_eq!(asterisk.devices().into_keys().collect::<Vec<_>>(), ["Custom:SIP/8", "Custom:SIP/9"]);
    }
}

#[actix::test]
async fn another_agent_of_the_same_name_is_warned_of_once_in_a_connection() {
    let mut server = Original::start().await;
    let agent = server.agent("");
    let warnings = || agent.daemon.log().matches("another agent has the same system name").count();
    let ping = |origin: &str| format!(r#"{{"msg_type":"AgentPing","uuid":"7","origin":"{origin}"}}"#);
    // What it sends to itself comes back, as from any server, and so does that of the other one.
    for turn in 0..20 {
        let (own, _) = server.next("[S1]", "AgentPing").await;
        // What is logged of a turn may be seen in the next one.
        assert!(turn > 0 || warnings() == 0, "its own are known");
        server.publish.send(&["[S1]", &own]).await;
        server.publish.send(&["[S1]", &ping("S9")]).await;
        server.next("[S9]", "AgentPong").await;
        server.publish.send(&["[S1]", &ping("S1")]).await;
        server.publish.send(&["[S1]", &ping("S1")]).await;
        server.publish.send(&["[S1]", &ping("S8")]).await;
        server.next("[S8]", "AgentPong").await;
        if warnings() > 0 {
            break;
        }
    }
    assert_eq!(warnings(), 1, "{}", agent.daemon.log());
}

/// The server remembers a device under the name of the agent, and what that sends to itself comes back so many times, together with these
/// messages: after how many of them it has withdrawn the device.
async fn withdrawn_after(server: &mut Original, times: usize, others: &[&str]) -> Option<usize> {
    let remembered = event("S1", "SIP/9", "BUSY");
    let mut came_back = 0;
    loop {
        let message = server.pull.receive().await;
        if message[0] == "[*]" && message[1].contains("INVALID") {
            assert!(message[1].contains("SIP/9"), "{message:?}");
            return Some(came_back);
        }
        if message[0] != "[S1]" || !message[1].contains("AgentPing") {
            continue;
        }
        if came_back == times {
            return None;
        }
        server.publish.send(&["[*]", &remembered]).await;
        server.publish.send(&["[S1]", &message[1]]).await;
        for other in others {
            server.publish.send(&["[S1]", other]).await;
        }
        came_back += 1;
    }
}

#[actix::test]
async fn what_only_the_server_remembers_of_an_agent_is_withdrawn_once_nobody_else_is_heard_under_its_name() {
    let mut server = Original::start().await;
    let _agent = server.agent("");
    let after = withdrawn_after(&mut server, 20, &[]).await;
    assert!(after.is_some_and(|came_back| came_back >= 3), "{after:?}");
}

#[actix::test]
async fn what_another_agent_of_the_same_name_has_said_is_not_withdrawn_in_the_next_connection_either() {
    let mut server = Original::start().await;
    let agent = server.agent("");
    let other = r#"{"msg_type":"AgentPing","uuid":"7","origin":"S1"}"#;
    assert_eq!(withdrawn_after(&mut server, 4, &[other]).await, None);
    // Nothing comes back for a while.
    eventually("it connects anew", || {
        let log = agent.daemon.log();
        let times = |what: &str| log.matches(what).count();
        let connects =
            times("connected to the server of agents") - times("not connected to the server of agents");
        (connects >= 2).then_some(())
    });
    assert_eq!(withdrawn_after(&mut server, 6, &[]).await, None);
}

#[actix::test]
async fn nonsense_of_others_harms_no_agent() {
    let mut server = Original::start().await;
    let agent = server.agent("");
    server.next("[AsteriskStats]", "AsteriskActionStatus").await;
    for body in ["[]", "null", "{}", r#"{"Event":1}"#, "\u{ff}", &"[".repeat(10_000)] {
        server.publish.send(&["[*]", body]).await;
    }
    server.publish.send(&["[*]"]).await;
    for number in 0..200 {
        server.publish.send(&["[*]", &event(&format!("agent{number}"), "SIP/1", "BUSY")]).await;
    }
    let injected = event("S0", r"SIP/1\r\nAction: Command", "BUSY");
    server.publish.send(&["[*]", &injected]).await;
    agent.wait_mirrored("SIP/1", DeviceState::Busy);
    let bad = |reason: &str| {
        agent
            .daemon
            .metric("eventmanager_frames_bad_total", &format!("connection=\"s1\",reason=\"{reason}\""))
    };
    eventually("too many agents are told", || (bad("too_many_agents") > 100.0).then_some(()));
    assert!(bad("framing") >= 1.0 && bad("json") >= 5.0);
    assert!(agent.asterisk.devices().keys().all(|device| device == "Custom:SIP/1"));
}

#[test]
fn agents_and_a_server_of_ours_mirror_and_who_comes_back_knows_everything() {
    let site = Site::quiet("[zmq_server]\npull = \"127.0.0.1:0\"\npub = \"127.0.0.1:0\"\n");
    let daemon = site.start();
    let line = daemon.logged(&["server of agents listens"]);
    let of = |name: &str| {
        let value = line.split(&format!("{name}=")).nth(1).expect("it tells where it listens");
        value.split_whitespace().next().expect("an address").to_owned()
    };
    let agent = |name: &str| Beside::start(name, &of("pull"), &of("publish"), "");
    let (one, mut two) = (agent("s1"), agent("s2"));
    for number in 0..300 {
        one.asterisk.set_device(format!("SIP/{number}"), DeviceState::InUse);
    }
    two.wait_mirrored("SIP/299", DeviceState::InUse);
    two.asterisk.set_device("SIP/0", DeviceState::Ringing);
    one.wait_mirrored("SIP/0", DeviceState::Ringing);

    // While it is away things change, and its Asterisk forgets.
    two.daemon.kill();
    one.asterisk.set_device("SIP/5", DeviceState::OnHold);
    two.asterisk.restart(eventmanager::simulators::asterisk::Ending::Quiet).expect("it restarts");
    two.daemon = two.site.start();
    two.wait_mirrored("SIP/5", DeviceState::OnHold);
    two.wait_mirrored("SIP/299", DeviceState::InUse);

    // An agent that is gone has no say any more, once it is known how often it says that it is there.
    let asked = || one.asterisk.counts().actions;
    let before = asked();
    eventually("it has said so some times", || (asked() >= before + 8).then_some(()));
    one.daemon.kill();
    two.wait_mirrored("SIP/299", DeviceState::Invalid);
}

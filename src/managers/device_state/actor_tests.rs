//! The manager with scripted connections, below a supervisor.

use super::*;
use crate::config::{Ami, Asterisk, AsteriskTransport, Setting};
use crate::states::{Change, DeviceState, Value};
use crate::supervision::{Backoff, Crash, Intensity, Shutdown, Spec, Strategy, Supervisor, root};
use crate::wire::Secret;
use actix::prelude::*;
use mesh::view::Filter;
use messages::*;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A connection: notes what it is told, answers, and lists what it holds when it is asked to.
struct Script {
    name: PeerName,
    session: Session,
    own: Vec<Change>,
    manager: Addr<DeviceStates>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    writes: Vec<Write>,
    lists: usize,
}

impl Actor for Script {
    type Context = Context<Self>;
}

impl Handler<Tell> for Script {
    type Result = ();

    fn handle(&mut self, tell: Tell, _: &mut Context<Self>) {
        assert_eq!(tell.session, self.session);
        let outcomes = tell.writes.iter().map(|write| (write.entry, Outcome::Set)).collect();
        self.seen.lock().unwrap().writes.extend(tell.writes);
        self.manager.do_send(Told { peer: self.name.clone(), session: self.session, outcomes });
    }
}

impl Handler<List> for Script {
    type Result = ();

    fn handle(&mut self, _: List, _: &mut Context<Self>) {
        let mut seen = self.seen.lock().unwrap();
        seen.lists += 1;
        let devices = self.own.iter().cloned().chain(seen.writes.iter().map(mirrored)).collect();
        let (peer, session, asked) = (self.name.clone(), self.session, Instant::now());
        self.manager.do_send(Listed {
            peer,
            session,
            asked,
            devices: Ok(Vec::into(devices)),
            presences: Ok(Vec::new().into()),
            since: Vec::new(),
        });
    }
}

/// What a server lists of a write.
fn mirrored(write: &Write) -> Change {
    let name = write.variable.strip_prefix(b"DEVICE_STATE(").and_then(|it| it.strip_suffix(b")")).unwrap();
    let Value::Device(state) = write.value else { panic!("only devices") };
    Change::device(name, state)
}

/// Servers and their manager.
struct Given {
    manager: Addr<DeviceStates>,
    supervisor: Addr<Supervisor>,
    setting: Setting<Vec<AsteriskPeer>>,
    rules: Setting<config::DeviceStates>,
    seen: Vec<Arc<Mutex<Seen>>>,
    sessions: Vec<Session>,
}

use crate::config;

const NAMES: [&str; 3] = ["a", "b", "c"];

fn start() -> Given {
    let setting: Setting<Vec<AsteriskPeer>> = Setting::new(Vec::new());
    let rules = Setting::new(config::DeviceStates::default());
    let (peers, live) = (setting.live(), rules.live());
    let (spec, manager) =
        Spec::new("states", 1024, None, move || DeviceStates::new(peers.clone(), live.clone()));
    let intensity = Intensity { max: 10, within: Duration::from_secs(60) };
    let backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(1) };
    let supervisor = root(Supervisor::new("root", Strategy::OneForOne, intensity, backoff, vec![spec])).addr;
    let (mut seen, mut sessions, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for name in NAMES {
        let (session, notes) = (Session::new(), Arc::default());
        let own = vec![Change::device(format!("SIP/{name}"), DeviceState::InUse)];
        let script =
            Script { name: name.into(), session, own, manager: manager.clone(), seen: Arc::clone(&notes) };
        let address = script.start();
        let ami = Ami::new("127.0.0.1:5038", "eventmanager", Secret::new("x"));
        let config = Arc::new(Asterisk::new(name, AsteriskTransport::Ami(ami)));
        all.push(AsteriskPeer { config, tell: address.clone().recipient(), list: address.recipient() });
        seen.push(notes);
        sessions.push(session);
    }
    setting.replace(all);
    Given { manager, supervisor, setting, rules, seen, sessions }
}

impl Given {
    async fn eventually(&self, what: &str, is_so: impl Fn(&Given) -> bool) {
        for _ in 0..1000 {
            if is_so(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not within ten seconds: {what}");
    }

    /// What a server was told last of a device.
    fn told(&self, at: usize, device: &str) -> Option<DeviceState> {
        let variable = format!("DEVICE_STATE(Custom:{device})");
        let seen = self.seen[at].lock().unwrap();
        let last = seen.writes.iter().rev().find(|write| &*write.variable == variable.as_bytes())?;
        let Value::Device(state) = last.value else { return None };
        Some(state)
    }

    fn writes(&self) -> usize {
        self.seen.iter().map(|seen| seen.lock().unwrap().writes.len()).sum()
    }

    fn lists(&self) -> usize {
        self.seen.iter().map(|seen| seen.lock().unwrap().lists).sum()
    }

    fn hear(&self, at: usize, change: Change) {
        let (peer, session) = (NAMES[at].into(), self.sessions[at]);
        self.manager.do_send(Heard { peer, session, changes: vec![change] });
    }
}

#[actix::test]
async fn what_servers_list_and_say_is_told_to_the_others() {
    let given = start();
    given.eventually("each has the devices of the others", |given| given.writes() == 6).await;
    given.hear(0, Change::device("SIP/a", DeviceState::Busy));
    let told = |given: &Given| given.told(1, "SIP/a") == Some(DeviceState::Busy) && given.writes() == 8;
    given.eventually("both others have it", told).await;
    let page =
        given.manager.send(ListKeys { filter: Filter::default(), after: None, limit: 2 }).await.unwrap();
    assert_eq!((page.what.keys.len(), page.what.next.is_some()), (2, true));
    let peers = given.manager.send(ListPeers).await.unwrap().what;
    assert!(peers.iter().all(|peer| peer.up && peer.queue == 0) && peers.len() == 3, "{peers:?}");
}

#[actix::test]
async fn a_manager_that_has_failed_has_all_servers_listed_and_writes_nothing_that_they_have() {
    let given = start();
    given.eventually("each has the devices of the others", |given| given.writes() == 6).await;
    given.supervisor.send(Crash { path: "states".to_owned() }).await.unwrap().unwrap();
    given.eventually("all have listed once more", |given| given.lists() == 6).await;
    given.hear(0, Change::device("SIP/a", DeviceState::Busy));
    given.eventually("it goes on", |given| given.told(2, "SIP/a") == Some(DeviceState::Busy)).await;
    assert_eq!(given.writes(), 8, "the change to two, and nothing else");
}

#[actix::test]
async fn a_server_that_is_taken_away_is_withdrawn_and_one_that_is_replaced_is_not() {
    let given = start();
    given.eventually("each has the devices of the others", |given| given.writes() == 6).await;
    let all = Vec::clone(&given.setting.get());
    given.setting.replace(all[1..].to_vec());
    given.eventually("it is withdrawn", |given| given.told(1, "SIP/a") == Some(DeviceState::Invalid)).await;
    given.setting.replace(all.clone());
    given.eventually("it is back", |given| given.told(1, "SIP/a") == Some(DeviceState::InUse)).await;
    let before = given.writes();
    given.setting.replace(all[..2].to_vec());
    tokio::task::yield_now().await;
    given.setting.replace(all);
    given.hear(0, Change::device("SIP/a", DeviceState::Busy));
    given.eventually("it goes on", |given| given.told(2, "SIP/a") == Some(DeviceState::Busy)).await;
    assert_eq!(given.writes(), before + 2);
}

#[actix::test]
async fn other_rules_are_followed() {
    let given = start();
    given.eventually("each has the devices of the others", |given| given.writes() == 6).await;
    let name = crate::states::NameTemplate::parse("Custom:em-{device}", "_").unwrap();
    given.rules.set(config::DeviceStates { name, ..Default::default() });
    let is_renamed = |given: &Given| {
        let writes = &given.seen[1].lock().unwrap().writes;
        let last =
            |variable: &[u8]| writes.iter().rev().find(|write| &*write.variable == variable).map(mirrored);
        let old = last(b"DEVICE_STATE(Custom:SIP/a)");
        let new = last(b"DEVICE_STATE(Custom:em-SIP_a)");
        old == Some(Change::device("Custom:SIP/a", DeviceState::Invalid))
            && new == Some(Change::device("Custom:em-SIP_a", DeviceState::InUse))
    };
    given.eventually("it has the new name and not the old one", is_renamed).await;
    given.supervisor.do_send(Shutdown);
}

impl Given {
    /// Somebody is heard through the endpoint `a`.
    fn hear_through(&self, session: Session, state: DeviceState) {
        let changes = vec![Change::device("SIP/9", state)];
        self.manager.do_send(Heard { peer: "a:S0".into(), session, changes });
    }
}

#[actix::test]
async fn who_is_heard_through_an_agent_is_heard_after_a_failure_and_leaves_with_its_endpoint() {
    let given = start();
    given.eventually("each has the devices of the others", |given| given.writes() == 6).await;
    let session = Session::new();
    given.hear_through(session, DeviceState::InUse);
    given.eventually("it is told", |given| given.told(1, "SIP/9") == Some(DeviceState::InUse)).await;
    given.supervisor.send(Crash { path: "states".to_owned() }).await.unwrap().unwrap();
    given.eventually("all have listed once more", |given| given.lists() == 6).await;
    given.hear_through(session, DeviceState::Busy);
    given.eventually("it goes on", |given| given.told(1, "SIP/9") == Some(DeviceState::Busy)).await;
    let all = Vec::clone(&given.setting.get());
    given.setting.replace(all[1..].to_vec());
    let is_withdrawn = |given: &Given| given.told(1, "SIP/9") == Some(DeviceState::Invalid);
    given.eventually("it leaves with its endpoint", is_withdrawn).await;
}

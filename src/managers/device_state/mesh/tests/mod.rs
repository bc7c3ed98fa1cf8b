//! The mesh with simulated servers: what each holds, what was written to it, and what it says, in order.

mod bounds;
mod devices;
mod flaws;
mod loops;
mod presence;
mod random;
mod rules;

use super::*;
use crate::config::{Ami, AsteriskTransport};
use crate::managers::device_state::messages::{Listed, Outcome, Write};
use crate::matching::Pattern;
use crate::states::{Change, DeviceState, Presence, PresenceState, Value};
use crate::wire::Secret;
use std::collections::{BTreeMap, VecDeque};

/// What a server says, in the order in which it says it.
#[derive(Debug, Clone)]
enum Said {
    Told(u32, Outcome),
    Heard(Change),
}

/// A server as Asterisk is one.
#[derive(Debug, Default)]
struct Server {
    /// Devices of its own, by name.
    own: BTreeMap<String, DeviceState>,
    /// Custom devices, by name.
    custom: BTreeMap<String, DeviceState>,
    presence: BTreeMap<String, Presence>,
    session: Option<Session>,
    /// Written to it, and not carried out.
    inbox: VecDeque<Write>,
    /// Said, and not heard.
    outbox: VecDeque<Said>,
    /// Its connection leaves these events out, as a filter does.
    hides_custom: bool,
    refuses: bool,
    /// It has no lists.
    lists_nothing: bool,
    writes: usize,
}

/// Some servers and the mesh between them.
struct World {
    mesh: Mesh,
    now: Instant,
    names: Vec<String>,
    servers: Vec<Server>,
}

fn config(name: &str) -> Arc<Asterisk> {
    let ami = Ami::new("127.0.0.1:5038", "eventmanager", Secret::new("x"));
    Arc::new(Asterisk::new(name, AsteriskTransport::Ami(ami)))
}

/// What a server lists, and nothing is heard meanwhile.
fn listed(
    peer: &str,
    session: Session,
    asked: Instant,
    (devices, presences): (Result<Vec<Change>, String>, Result<Vec<Change>, String>),
) -> Listed {
    let (devices, presences) = (devices.map(Into::into), presences.map(Into::into));
    Listed { peer: peer.into(), session, asked, devices, presences, since: Vec::new() }
}

/// The same, with other patterns.
fn including(name: &str, include: &[&str], exclude: &[&str]) -> Arc<Asterisk> {
    let patterns =
        |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect();
    let base = Asterisk::clone(&config(name));
    Arc::new(Asterisk { include: patterns(include), exclude: patterns(exclude), ..base })
}

impl World {
    /// Servers `a`, `b` and so on, all of them connected and empty.
    fn new(count: usize) -> World {
        let mut world = World::apart(count);
        (0..count).for_each(|at| world.connect(at));
        world.settle();
        world
    }

    /// The same, none of them connected.
    fn apart(count: usize) -> World {
        let now = Instant::now();
        let mut mesh = Mesh::new(DeviceStates::default(), now);
        let names: Vec<String> = ('a'..).take(count).map(String::from).collect();
        for name in &names {
            assert!(mesh.joined(&config(name), now), "it is to be listed");
        }
        let servers = names.iter().map(|_| Server::default()).collect();
        World { mesh, now, names, servers }
    }

    /// Time passes.
    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.mesh.tick(self.now);
    }

    fn connect(&mut self, at: usize) {
        self.servers[at].session = Some(Session::new());
        self.list(at);
    }

    /// A server lists what it holds, as of now.
    fn list(&mut self, at: usize) {
        let server = &self.servers[at];
        let Some(session) = server.session else { return };
        let devices =
            server.own.iter().chain(&server.custom).map(|(name, &state)| Change::device(name, state));
        let presences = server.presence.iter().map(|(name, it)| Change::presence(name, it.clone()));
        let (mut devices, mut presences) = (Ok(devices.collect()), Ok(presences.collect()));
        if server.lists_nothing {
            (devices, presences) = (Err("no module".to_owned()), Err("no module".to_owned()));
        }
        let peer = self.names[at].clone();
        self.now += Duration::from_millis(1);
        self.mesh.listed(&listed(&peer, session, self.now, (devices, presences)), self.now);
    }

    /// The connection is lost; so many of the writes that were under way had been carried out.
    fn lose(&mut self, at: usize, carried_out: usize) {
        for _ in 0..carried_out {
            self.carry_out(at);
        }
        let server = &mut self.servers[at];
        server.inbox.clear();
        server.outbox.clear();
        if let Some(session) = server.session.take() {
            self.mesh.lost(&self.names[at], session, self.now);
        }
    }

    /// A server forgets what a restart makes it forget.
    fn forget(&mut self, at: usize) {
        let forgotten = self.servers[at].custom.iter_mut().filter(|(name, _)| name.contains('/'));
        forgotten.for_each(|(_, state)| *state = DeviceState::Invalid);
    }

    fn says(&mut self, at: usize, change: Change) {
        let server = &mut self.servers[at];
        if server.session.is_some() {
            server.outbox.push_back(Said::Heard(change));
        }
    }

    /// A device of a server's own is in this state.
    fn own(&mut self, at: usize, name: &str, state: DeviceState) {
        if self.servers[at].own.insert(name.to_owned(), state) != Some(state) {
            self.says(at, Change::device(name, state));
        }
    }

    /// Somebody sets a custom device on a server.
    fn custom(&mut self, at: usize, name: &str, state: DeviceState) {
        let server = &mut self.servers[at];
        if server.custom.insert(name.to_owned(), state) != Some(state) && !server.hides_custom {
            self.says(at, Change::device(name, state));
        }
    }

    fn presence(&mut self, at: usize, name: &str, presence: Presence) {
        if self.servers[at].presence.insert(name.to_owned(), presence.clone()).as_ref() != Some(&presence) {
            self.says(at, Change::presence(name, presence));
        }
    }

    /// The mesh writes what it has to write.
    fn write(&mut self) {
        for (at, name) in self.names.iter().enumerate() {
            while let Some((session, writes)) = self.mesh.next_writes(name, self.now) {
                let server = &mut self.servers[at];
                assert_eq!(Some(session), server.session, "writes are for the connection that stands");
                assert!(
                    server.inbox.len() + writes.len() <= WINDOW,
                    "no more are unanswered than fit the window"
                );
                server.writes += writes.len();
                server.inbox.extend(writes);
            }
        }
    }

    /// A server carries out its oldest write: it answers, and where something has changed an event follows.
    fn carry_out(&mut self, at: usize) -> bool {
        let Some(write) = self.servers[at].inbox.pop_front() else { return false };
        let variable = String::from_utf8(write.variable.to_vec()).expect("UTF-8");
        let name = variable.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).expect("a variable");
        if self.servers[at].refuses {
            self.servers[at].outbox.push_back(Said::Told(write.entry, Outcome::Refused("no".to_owned())));
            return true;
        }
        self.servers[at].outbox.push_back(Said::Told(write.entry, Outcome::Set));
        match write.value {
            Value::Device(state) => {
                assert!(state.is_settable() && variable.starts_with("DEVICE_STATE(Custom:"), "{variable}");
                self.custom(at, name, state);
            }
            Value::Presence(presence) => self.presence(at, name, Presence::clone(&presence)),
        }
        true
    }

    /// The mesh is given the next thing that a server has said.
    fn hear(&mut self, at: usize) -> bool {
        let Some(said) = self.servers[at].outbox.pop_front() else { return false };
        let Some(session) = self.servers[at].session else { return false };
        let name = &self.names[at];
        match said {
            Said::Told(entry, outcome) => {
                self.mesh.told(name, session, vec![(entry, outcome)], self.now, drop)
            }
            Said::Heard(change) => self.mesh.heard(name, session, &[change], self.now),
        }
        true
    }

    /// Everything that is under way comes to its end; how many writes that took.
    fn settle(&mut self) -> usize {
        let before = self.written();
        for _ in 0..100_000 {
            self.write();
            let mut moved = false;
            for at in 0..self.servers.len() {
                moved |= self.carry_out(at);
                moved |= self.hear(at);
            }
            if !moved {
                return self.written() - before;
            }
        }
        panic!("it does not come to rest");
    }

    fn written(&self) -> usize {
        self.servers.iter().map(|server| server.writes).sum()
    }

    /// What a server has under the mirrored name of a device.
    fn has(&self, at: usize, device: &str) -> Option<DeviceState> {
        self.servers[at].custom.get(&format!("Custom:{device}")).copied()
    }

    #[track_caller]
    fn check(&self, device: &str, expected: &[Option<DeviceState>]) {
        let has: Vec<_> = (0..self.servers.len()).map(|at| self.has(at, device)).collect();
        assert_eq!(has, expected, "{device}");
    }

    /// Each server has what all others say, nothing is under way, and nothing is written if time passes.
    fn check_rest(&mut self) {
        let devices: Vec<String> =
            self.servers.iter().flat_map(|server| server.own.keys().cloned()).collect();
        for (at, server) in self.servers.iter().enumerate().filter(|(_, server)| server.session.is_some()) {
            for device in &devices {
                let others = self
                    .servers
                    .iter()
                    .enumerate()
                    .filter(|(other, it)| *other != at && it.session.is_some());
                let aggregate =
                    DeviceState::aggregate(others.filter_map(|(_, it)| it.own.get(device).copied()));
                let has = server.custom.get(&format!("Custom:{device}")).copied();
                match aggregate {
                    Some(DeviceState::Unknown) => {}
                    None => {
                        assert_eq!(has.unwrap_or(DeviceState::Invalid), DeviceState::Invalid, "{at} {device}")
                    }
                    Some(aggregate) => assert_eq!(has, Some(aggregate), "{at} {device}"),
                }
            }
            let others = self.servers.iter().filter(|other| other.session.is_some());
            for (name, presence) in others.flat_map(|other| &other.presence) {
                let nothing = Presence::plain(PresenceState::NotSet);
                assert_eq!(server.presence.get(name).unwrap_or(&nothing), presence, "{at} {name}");
            }
            assert!(server.custom.keys().all(|name| !name.contains("Custom:Custom:")), "{:?}", server.custom);
        }
        for figures in self.mesh.figures(self.now) {
            let Figures { peer, queue, diverged, lag, .. } = figures;
            let at = self.names.iter().position(|name| **name == *peer).expect("a server");
            if self.servers[at].session.is_some() {
                assert_eq!((queue, diverged, lag), (0, 0, Duration::ZERO), "{peer}");
            }
        }
        assert_eq!(self.settle(), 0, "at rest nothing is written");
        (0..self.servers.len()).for_each(|at| self.list(at));
        assert_eq!(self.settle(), 0, "what is listed is as it should be");
    }

    fn stats(&self, at: usize) -> Stats {
        let figures = self.mesh.figures(self.now);
        figures.into_iter().find(|it| *it.peer == *self.names[at]).expect("a server").stats
    }

    fn diverged(&self, at: usize) -> usize {
        let figures = self.mesh.figures(self.now);
        figures.into_iter().find(|it| *it.peer == *self.names[at]).expect("a server").diverged
    }
}

fn away(message: &str) -> Presence {
    Presence { message: message.as_bytes().to_vec(), ..Presence::plain(PresenceState::Away) }
}

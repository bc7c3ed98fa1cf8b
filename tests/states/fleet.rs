//! Some simulated Asterisks, a daemon that mirrors between them, and what each of them should hold.

use crate::support::daemon::{Daemon, PATIENCE, Site, eventually};
use eventmanager::simulators::asterisk::{
    AsteriskHandle, AsteriskOptions, AsteriskSimulator, AsteriskThread, ZmqModule, ZmqOptions,
};
use eventmanager::states::{DeviceState, Presence};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// See the module.
pub struct Fleet {
    pub peers: Vec<AsteriskHandle>,
    /// Of those that are reached through their module.
    pub modules: Vec<Option<ZmqModule>>,
    _thread: AsteriskThread,
}

impl Fleet {
    /// So many Asterisks, called `pbx0`, `pbx1` …, that are reached over AMI.
    pub fn start(count: usize) -> Fleet {
        Fleet::with(count, &AsteriskOptions::default(), |_| None)
    }

    /// The same with these options; `module` says of each how its ZeroMQ module is, where it is reached through that.
    pub fn with(
        count: usize,
        options: &AsteriskOptions,
        module: impl Fn(usize) -> Option<ZmqOptions>,
    ) -> Fleet {
        let thread = AsteriskThread::start().expect("a thread");
        let start = |_| AsteriskSimulator::start_on(&thread, options.clone()).expect("a simulator");
        let peers: Vec<AsteriskHandle> = (0..count).map(start).collect();
        let load = |(number, peer): (usize, &AsteriskHandle)| {
            module(number).map(|options| peer.load_zmq(options).expect("a module"))
        };
        let modules = peers.iter().enumerate().map(load).collect();
        Fleet { peers, modules, _thread: thread }
    }

    /// A site that mirrors between all of them, with these keys more of `[device_state]`.
    pub fn site(&self, keys: &str) -> Site {
        Site::quiet(&self.config(keys))
    }

    /// The sections that name all of them.
    pub fn config(&self, keys: &str) -> String {
        let mut config = format!("[device_state]\n{keys}\n");
        let AsteriskOptions { username, secret, .. } = AsteriskOptions::default();
        for (number, (peer, module)) in self.peers.iter().zip(&self.modules).enumerate() {
            let how = match module {
                Some(module) => {
                    format!("transport = \"zmq\"\ncmd = \"{}\"\nevt = \"{}\"", module.cmd(), module.evt())
                }
                None => {
                    let (address, secret) = (peer.addr(), secret.expose());
                    format!("address = \"{address}\"\nusername = \"{username}\"\nsecret = \"{secret}\"")
                }
            };
            let times = "ping = \"1s\"\nrequest_timeout = \"2s\"\nactions = [\"Ping\"]";
            writeln!(config, "[[asterisk]]\nname = \"pbx{number}\"\n{how}\n{times}").expect("a string");
        }
        config
    }

    /// The states of the devices that a server has of its own.
    fn own(&self, peer: usize) -> BTreeMap<String, DeviceState> {
        let mut devices = self.peers[peer].devices();
        devices.retain(|name, _| !name.starts_with("Custom:"));
        devices
    }

    /// Where a server does not hold the aggregate of the others.
    pub fn differences(&self) -> Vec<String> {
        let own: Vec<_> = (0..self.peers.len()).map(|peer| self.own(peer)).collect();
        let names: BTreeSet<&String> = own.iter().flat_map(BTreeMap::keys).collect();
        let mut differences = Vec::new();
        for (at, peer) in self.peers.iter().enumerate() {
            let held = peer.devices();
            for name in &names {
                let others = own.iter().enumerate().filter(|(other, _)| *other != at);
                let expected = DeviceState::aggregate(others.filter_map(|(_, own)| own.get(*name).copied()));
                let holds = held.get(&format!("Custom:{name}")).copied();
                let fits = match expected {
                    // Never written.
                    Some(DeviceState::Unknown) => true,
                    // What a server does not have is as good as that.
                    None | Some(DeviceState::Invalid) => {
                        holds.is_none_or(|state| state == DeviceState::Invalid)
                    }
                    expected => holds == expected,
                };
                if !fits {
                    differences.push(format!("pbx{at} holds {holds:?} for {name}, and not {expected:?}"));
                }
            }
        }
        differences
    }

    /// Where servers do not have the same presence.
    pub fn presence_differences(&self) -> Vec<String> {
        let held: Vec<BTreeMap<String, Presence>> =
            self.peers.iter().map(AsteriskHandle::presences).collect();
        let names: BTreeSet<&String> = held.iter().flat_map(BTreeMap::keys).collect();
        let differ = |name: &&&String| held.iter().any(|one| one.get(**name) != held[0].get(**name));
        let show = |name: &String| {
            let values: Vec<_> = held.iter().map(|one| one.get(name)).collect();
            format!("{name}: {values:?}")
        };
        names.iter().filter(differ).map(|name| show(name)).collect()
    }

    /// Waits until all hold what they should, and nothing is under way any more.
    #[track_caller]
    pub fn settle(&self, daemon: &Daemon) {
        let since = Instant::now();
        loop {
            let mut differences = self.differences();
            differences.extend(self.presence_differences());
            if differences.is_empty() {
                break;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "not every server holds the aggregate of the others: {differences:#?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        for peer in 0..self.peers.len() {
            let of = |name: &str| daemon.metric(name, &format!("peer=\"pbx{peer}\""));
            eventually(&format!("pbx{peer} has been told everything"), || {
                let at_rest =
                    of("eventmanager_state_queue") == 0.0 && of("eventmanager_state_divergence") == 0.0;
                at_rest.then_some(())
            });
        }
    }

    /// Waits until all of these are connected.
    #[track_caller]
    pub fn wait_connected(&self, daemon: &Daemon, peers: impl IntoIterator<Item = usize>) {
        for peer in peers {
            let up = || daemon.metric("eventmanager_connection_up", &format!("connection=\"pbx{peer}\""));
            eventually(&format!("pbx{peer} is connected"), || (up() == 1.0).then_some(()));
        }
    }

    /// How many variables were set on all servers so far.
    pub fn setvars(&self) -> u64 {
        self.peers.iter().map(|peer| peer.counts().setvars).sum()
    }
}

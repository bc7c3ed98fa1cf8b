//! Where a daemon runs and its peers are for it: on this host as it is, or in network namespaces of the test's own, between which a cable can
//! be pulled: nothing arrives any more, and nobody is told.
//!
//! A test that needs them runs once more in a namespace that goes with its process (`unshare --net`), and the daemon in another: nothing is
//! left behind, whatever ends the test.

use crate::support::daemon::{Daemon, Site};
use crate::support::proxy::Proxy;
use crate::support::rights::skip;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// Set where a test runs in a namespace of its own.
const INSIDE: &str = "EVENTMANAGER_TEST_NAMESPACE";
/// For [`forward`]: where it listens, and where it leads.
const FORWARD: &str = "EVENTMANAGER_TEST_FORWARD";

/// The link over which everything goes but what is to be cut: our end, and the daemon's.
const REST: (&str, &str) = ("10.213.0.1", "10.213.0.2");
/// The link that is cut.
const CUT: (&str, &str) = ("10.213.1.1", "10.213.1.2");

/// See the module.
pub enum Place {
    Here,
    Apart(Apart),
}

/// Another namespace, with two links to ours.
pub struct Apart {
    /// Whose namespace it is; it ends with its input.
    holder: Child,
    proxies: RefCell<Vec<Proxy>>,
    forwarders: RefCell<Vec<Child>>,
}

impl Place {
    /// In front of the peer that a fault is about.
    pub fn proxy(&self, peer: SocketAddr) -> Proxy {
        match self {
            Place::Here => Proxy::start(peer),
            Place::Apart(_) => Proxy::at(address(CUT.0), peer),
        }
    }

    /// Starts the daemon of a site.
    pub fn start(&self, site: &Site) -> Daemon {
        match self {
            Place::Here => site.start(),
            Place::Apart(apart) => apart.start(site),
        }
    }
}

fn address(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().expect("an address"), 0)
}

impl Apart {
    pub fn new() -> Apart {
        let mut holder = Command::new("unshare");
        let holder = holder.args(["--net", "sh", "-c", "echo; read -r _"]).stdin(Stdio::piped());
        let mut holder = holder.stdout(Stdio::piped()).spawn().expect("unshare runs");
        // It is there as soon as it has said something.
        let mut said = [0];
        std::io::Read::read_exact(holder.stdout.as_mut().expect("a pipe"), &mut said).expect("a namespace");
        let apart = Apart { holder, proxies: RefCell::default(), forwarders: RefCell::default() };
        apart.inside(&["ip", "link", "set", "lo", "up"]);
        let id = apart.holder.id().to_string();
        for (name, (ours, theirs)) in [("rest", REST), ("cut", CUT)] {
            let end = format!("{name}-d");
            run(&["ip", "link", "add", name, "type", "veth", "peer", "name", &end, "netns", &id]);
            run(&["ip", "address", "add", &format!("{ours}/24"), "dev", name]);
            run(&["ip", "link", "set", name, "up"]);
            apart.inside(&["ip", "address", "add", &format!("{theirs}/24"), "dev", &end]);
            apart.inside(&["ip", "link", "set", &end, "up"]);
        }
        apart
    }

    /// The cable is pulled: our end is down, and what the daemon sends gets lost.
    pub fn cut(&self) {
        run(&["ip", "link", "set", "cut", "down"]);
    }

    /// It is plugged in again.
    pub fn heal(&self) {
        run(&["ip", "link", "set", "cut", "up"]);
    }

    fn inside(&self, command: &[&str]) {
        let target = self.holder.id().to_string();
        run(&[&["nsenter", "--target", &target, "--net"], command].concat());
    }

    /// Whom the configuration names on loopback is there for the daemon at our end of the other link.
    fn start(&self, site: &Site) -> Daemon {
        let mut text = std::fs::read_to_string(site.config()).expect("a configuration");
        let mut addresses: Vec<String> = text.split("127.0.0.1:").skip(1).map(port).collect();
        // The longest first: one may begin as another does.
        addresses.sort_by_key(|port| (std::cmp::Reverse(port.len()), port.clone()));
        addresses.dedup();
        for port in addresses.into_iter().filter(|port| port != "0") {
            let named = format!("127.0.0.1:{port}");
            let proxy = Proxy::at(address(REST.0), named.parse().expect("an address"));
            text = text.replace(&named, &proxy.address.to_string());
            self.proxies.borrow_mut().push(proxy);
        }
        std::fs::write(site.config(), text).expect("written");
        let mut program = self.program(env!("CARGO_BIN_EXE_eventmanager"));
        let mut daemon =
            Daemon::start_with(program.args(["run", "--config"]).arg(site.config()).env("RUST_LOG", ""));
        daemon.http = self.forward(daemon.http);
        daemon
    }

    fn program(&self, path: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string(), "--net", path]);
        command
    }

    /// Where this address of the other namespace is for us.
    fn forward(&self, to: SocketAddr) -> SocketAddr {
        let us = std::env::current_exe().expect("a program");
        let at = SocketAddr::new(REST.1.parse().expect("an address"), to.port());
        let mut command = self.program(us.to_str().expect("a path"));
        command.args(["place::forward", "--exact", "--nocapture"]).env(FORWARD, format!("{at} {to}"));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it runs");
        self.forwarders.borrow_mut().push(child);
        crate::support::daemon::eventually("it leads there", || std::net::TcpStream::connect(at).ok());
        at
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        for child in self.forwarders.get_mut().iter_mut().chain([&mut self.holder]) {
            // Its input ends.
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

/// The digits in front.
fn port(text: &str) -> String {
    text.chars().take_while(char::is_ascii_digit).collect()
}

#[track_caller]
fn run(command: &[&str]) {
    let done = Command::new(command[0]).args(&command[1..]).output().expect(command[0]);
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Not a test but for [`Apart`]: leads from one address to another until its input ends.
#[test]
fn forward() {
    let Ok(words) = std::env::var(FORWARD) else { return };
    let (at, to) = words.split_once(' ').expect("two addresses");
    let _proxy = Proxy::at(at.parse().expect("an address"), to.parse().expect("an address"));
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Runs the test of this name in a network of its own; says so where that may not be made.
#[track_caller]
pub fn in_a_network_of_its_own(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        run(&["ip", "link", "set", "lo", "up"]);
        return body();
    }
    let may = Command::new("unshare").args(["--net", "ip", "link", "set", "lo", "up"]).output();
    if !may.is_ok_and(|done| done.status.success()) {
        return skip(test, "root and iproute2");
    }
    let us = std::env::current_exe().expect("a program");
    let again = Command::new("unshare")
        .arg("--net")
        .arg(us)
        .args([test, "--exact", "--include-ignored", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&again.stdout) + String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success(), "{said}");
    assert!(said.contains("1 passed"), "there is no test {test}: {said}");
}

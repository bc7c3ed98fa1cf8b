//! Two nodes between the same peers, and what a test does to them.

use crate::load::Load;
use crate::silence::Way;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::peers::config;
use crate::support::ports::{any, lasting};
use crate::support::postgres::{Cluster, execute};
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The default of `[cluster]`.
pub const LEASE: Duration = Duration::from_secs(3);
const NAMES: [&str; 2] = ["anna", "bo"];

/// The two nodes; each calls the gateway by another name, so that its journal tells who has asked.
pub struct Pair {
    pub cluster: Cluster,
    pub server: Arc<BroadworksHandle>,
    pub ema: EmaHandle,
    pub ways: [Way; 2],
    pub sites: [Site; 2],
    pub nodes: [Option<Daemon>; 2],
    /// The database of the subscribers.
    pub subscribers: String,
    next: Arc<AtomicU64>,
}

impl Pair {
    pub fn new() -> Pair {
        let cluster = Cluster::start();
        let server = Arc::new(BroadworksSimulator::start(any()).expect("an application server"));
        let ema = EmaSimulator::start(EmaOptions::default()).expect("an ema");
        ema.set_latency(Duration::from_millis(5));
        let url = cluster.url("postgres");
        let address = url.split('@').nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
        let address = address.parse().expect("an address");
        let ways = [Way::to(address), Way::to(address)];
        let site = |at: usize| {
            let ema_url = match at {
                0 => ema.url(),
                _ => ema.url().replace("127.0.0.1", "localhost"),
            };
            let config = config(&server.addr().to_string(), &ema_url, "sessions = 4");
            let way = ways[at].address;
            let store = format!(
                "[store]\nevents = \"postgresql://postgres@{way}/postgres\"\n[cluster]\nenabled = true\n"
            );
            let site = Site::new(&(config + &store));
            let file = site.config();
            let text = std::fs::read_to_string(&file).expect("the file");
            let named = text.replace("[node]\n", &format!("[node]\nname = {:?}\n", NAMES[at]));
            // One that begins anew serves where it did.
            let named = named.replace("127.0.0.1:0", &lasting().to_string());
            std::fs::write(&file, named).expect("written");
            site
        };
        let sites = [site(0), site(1)];
        let next = Arc::new(AtomicU64::new(1));
        Pair { cluster, server, ema, ways, sites, nodes: [None, None], subscribers: url, next }
    }

    /// Gives the subscribers a database of their own, before any node runs.
    pub fn split(&mut self) {
        execute(&self.subscribers, "create database subscribers").expect("made");
        self.subscribers = self.cluster.url("subscribers");
        (0..2).for_each(|at| {
            self.edit(at, "[cluster]", &format!("subscribers = {:?}\n[cluster]", self.subscribers));
        });
    }

    /// Both run, the first one is the active one.
    pub fn started() -> Pair {
        let mut pair = Pair::new();
        pair.start(0);
        pair.wait_active(0);
        pair.start(1);
        pair.wait_standing_by(1);
        pair
    }

    pub fn start(&mut self, at: usize) {
        self.nodes[at] = Some(self.sites[at].start());
    }

    /// Starts a node that ends at a failpoint.
    pub fn start_to_die(&mut self, at: usize, failpoint: &str, pass: u64) {
        let orders = format!("{failpoint}=kill@{pass}");
        self.nodes[at] = Some(self.sites[at].start_with_orders(&orders).expect("it serves"));
    }

    /// Waits until a node has ended at its failpoint.
    #[track_caller]
    pub fn wait_dead(&mut self, at: usize, failpoint: &str) {
        let node = self.nodes[at].as_mut().expect("it runs");
        let end = eventually(&format!("{failpoint} is passed"), || node.has_ended());
        assert_eq!(end.failpoint(), Some(failpoint), "another end: {end:?}");
        self.nodes[at] = None;
    }

    /// Changes what the file of a node says.
    #[track_caller]
    pub fn edit(&self, at: usize, from: &str, to: &str) {
        let file = self.sites[at].config();
        let text = std::fs::read_to_string(&file).expect("the file");
        assert!(text.contains(from), "{text}");
        std::fs::write(&file, text.replacen(from, to, 1)).expect("written");
    }

    pub fn node(&self, at: usize) -> &Daemon {
        self.nodes[at].as_ref().expect("it runs")
    }

    /// Documents come from now on until what this returns is dropped.
    pub fn load(&self) -> Load {
        Load::start(&self.server, &self.next)
    }

    /// The number of the last document that was sent, or is just being sent.
    pub fn sent(&self) -> u64 {
        self.next.load(Ordering::Relaxed) - 1
    }

    pub fn name(&self, at: usize) -> &'static str {
        NAMES[at]
    }

    /// The cluster as a node sees it; null while it does not answer.
    pub fn view(&self, at: usize) -> Value {
        let answered = crate::support::http::exchange(
            self.node(at).http,
            "GET /api/v1/cluster HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        );
        answered.map(|answer| answer.json()).unwrap_or_default()
    }

    #[track_caller]
    pub fn wait_role(&self, at: usize, role: &str) {
        eventually(&format!("{} is {role}", NAMES[at]), || (self.view(at)["role"] == role).then_some(()));
    }

    #[track_caller]
    pub fn wait_active(&self, at: usize) {
        self.wait_role(at, "active");
        eventually("it is ready", || self.is_ready(at).then_some(()));
    }

    /// Whether it acts; a request that comes when it begins to may get no answer.
    pub fn is_ready(&self, at: usize) -> bool {
        let answered = crate::support::http::exchange(
            self.node(at).http,
            "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        );
        answered.is_ok_and(|answer| answer.status == 200)
    }

    #[track_caller]
    pub fn wait_standing_by(&self, at: usize) {
        eventually(&format!("{} stands by beside an active one", NAMES[at]), || {
            let view = self.view(at);
            (view["role"] == "standby" && view["active"] != NAMES[at] && view["active"].is_string())
                .then_some(())
        });
    }

    /// Waits until a node knows that the other one is there.
    #[track_caller]
    pub fn wait_known(&self, at: usize, other: usize) {
        eventually("the other one is known", || {
            let view = self.view(at);
            let is_there = |node: &Value| {
                node["name"] == NAMES[other] && node["is_there"] == true && node["state"] == "standby"
            };
            view["nodes"].as_array()?.iter().any(is_there).then_some(())
        });
    }

    /// Whether a request at the gateway was of this node.
    pub fn is_of(&self, at: usize, host: &str) -> bool {
        host.starts_with("localhost") == (at == 1)
    }

    /// How many requests the gateway has got from this node.
    pub fn requests(&self, at: usize) -> usize {
        self.ema.calls().iter().filter(|call| self.is_of(at, &call.host)).count()
    }
}

/// A duration as the log writes it: `3.3s`, `12.5ms`, `740µs`.
pub fn duration(line: &str, field: &str) -> Option<Duration> {
    let (_, rest) = line.split_once(&format!(" {field}="))?;
    let text = rest.trim_start_matches("Some(");
    let end = text.find([' ', ')']).unwrap_or(text.len());
    let text = &text[..end];
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "s" => number,
        "ms" => number / 1e3,
        "µs" => number / 1e6,
        "ns" => number / 1e9,
        _ => return None,
    };
    Some(Duration::from_secs_f64(seconds))
}

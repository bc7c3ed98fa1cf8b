//! Our server of agents, and two agents of ours beside their Asterisks, one of them behind the fault: in the end both Asterisks hold what
//! the other says.

use crate::asterisk::{asterisk, change, settle};
use crate::faults::{Between, ROWS, RUBBISH, Row, Trial, check};
use crate::neighbour::Neighbour;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::proxy::{Fault, Proxy};
use eventmanager::simulators::asterisk::{AsteriskHandle, ZmqModule, ZmqOptions};
use std::net::SocketAddr;
use std::time::Duration;

/// A socket of the server of agents.
#[derive(PartialEq)]
enum Socket {
    /// That takes what agents say.
    Pull,
    /// That publishes it to all of them.
    Pub,
}

/// An agent beside its Asterisk.
struct Agent {
    daemon: Daemon,
    _module: ZmqModule,
    _site: Site,
}

impl Agent {
    fn start(name: &str, asterisk: &AsteriskHandle, pull: SocketAddr, publish: SocketAddr) -> Agent {
        let module = asterisk.load_zmq(ZmqOptions::default()).expect("a module");
        let site = Site::new(&format!(
            "[device_state]\nlost_origin_grace = \"10m\"\n[[asterisk]]\nname = \"{name}\"\ntransport = \"agent\"\n\
             cmd = \"{}\"\nevt = \"{}\"\nserver_pull = \"{pull}\"\nserver_pub = \"{publish}\"\nkeepalive = \"1s\"\n",
            module.cmd(),
            module.evt()
        ));
        Agent { daemon: site.start(), _module: module, _site: site }
    }

    fn is_at_rest(&self) -> bool {
        ["state_queue", "state_divergence"]
            .iter()
            .all(|name| self.daemon.metric(&format!("eventmanager_{name}"), "") == 0.0)
    }
}

struct Agents {
    /// With the server.
    between: Between,
    agents: [Agent; 2],
    asterisks: [AsteriskHandle; 2],
    random: fastrand::Rng,
    _site: Site,
}

impl Agents {
    /// With this socket of the server behind the fault, for one of the agents.
    fn start(socket: &Socket) -> Agents {
        let (neighbour, asterisks) = (Neighbour::new(), [asterisk(), asterisk()]);
        let server = "[zmq_server]\npull = \"127.0.0.1:0\"\npub = \"127.0.0.1:0\"\n";
        let site = Site::new(&(neighbour.config() + server));
        let daemon = site.start();
        let line = daemon.logged(&["server of agents listens"]);
        let of = |name: &str| -> SocketAddr {
            let address =
                line.split(&format!("{name}=")).nth(1).and_then(|rest| rest.split_whitespace().next());
            address.expect("an address").parse().expect("an address")
        };
        let (pull, publish) = (of("pull"), of("publish"));
        let proxy = Proxy::start(if *socket == Socket::Pull { pull } else { publish });
        let far = match socket {
            Socket::Pull => Agent::start("far", &asterisks[0], proxy.address, publish),
            Socket::Pub => Agent::start("far", &asterisks[0], pull, proxy.address),
        };
        let agents = [far, Agent::start("near", &asterisks[1], pull, publish)];
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        Agents { between, agents, asterisks, random: fastrand::Rng::with_seed(9), _site: site }
    }
}

impl Trial for Agents {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        change(&self.asterisks, &mut self.random);
        std::thread::sleep(Duration::from_millis(10));
    }

    fn ends(&self) -> f64 {
        let log = self.between.daemon.log();
        self.told().iter().map(|words| log.matches(words).count()).sum::<usize>() as f64
    }

    fn told(&self) -> &'static [&'static str] {
        &["an agent has gone", "the connection to an agent has ended"]
    }

    /// An agent that misses its own messages goes, and the server sees that unless it is lost as well.
    fn notices(&self, row: &Row) -> bool {
        !row.is_harmless() && row.to_peer != Fault::Swallow
    }

    fn check(&mut self, row: &Row) {
        settle(row, &self.asterisks);
        eventually("nothing is under way", || self.agents.iter().all(Agent::is_at_rest).then_some(()));
    }
}

#[test]
fn what_agents_say_to_our_server_over_a_bad_network() {
    // It answers nothing there.
    let meets = |row: &&Row| row.is_refused || row.to_peer != Fault::Pass;
    check(ROWS.iter().filter(meets).chain([RUBBISH]), || Agents::start(&Socket::Pull));
}

#[test]
fn what_our_server_says_to_agents_over_a_bad_network() {
    // They say nothing there while it speaks.
    check(ROWS.iter().filter(|row| !row.is_of_requests()), || Agents::start(&Socket::Pub));
}

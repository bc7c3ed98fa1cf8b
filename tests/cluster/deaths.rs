//! A node ends at each moment in which the row of the cluster changes, under load: one of the two acts soon after.

use crate::oracle::Loss;
use crate::pair::{LEASE, Pair};
use crate::support::daemon::eventually;
use crate::support::postgres::execute;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The default of `processing.concurrency`.
const CONCURRENCY: u64 = 16;
/// From a death to the first request of whoever goes on, a start of the program included. A machine that is busy with other things
/// may be late.
const LIMIT: Duration = LEASE.saturating_mul(2).saturating_add(Duration::from_secs(4));

/// The one that acts, and the other one.
struct Pairing {
    pair: Pair,
    active: usize,
    losses: Vec<Loss>,
}

impl Pairing {
    fn started() -> Pairing {
        let mut pair = Pair::new();
        pair.split();
        pair.start(0);
        pair.wait_active(0);
        pair.start(1);
        pair.wait_standing_by(1);
        Pairing { pair, active: 0, losses: Vec::new() }
    }

    fn standing_by(&self) -> usize {
        1 - self.active
    }

    /// The one that stands by is to end at this pass of a failpoint.
    fn doom(&mut self, failpoint: &str, pass: u64) {
        let at = self.standing_by();
        self.pair.nodes[at].take().expect("it runs").kill();
        self.pair.start_to_die(at, failpoint, pass);
        self.pair.wait_standing_by(at);
        self.pair.wait_known(self.active, at);
    }

    /// The one that stands by acts from now on, and the other one stands by.
    fn swap(&mut self) {
        let old = self.active;
        assert_eq!(self.pair.nodes[old].take().expect("it runs").terminate(), Some(0));
        self.active = self.standing_by();
        self.pair.wait_active(self.active);
        self.pair.start(old);
        self.pair.wait_standing_by(old);
        self.pair.wait_known(self.active, old);
    }

    /// Under load: does this, of which one of the nodes dies, and waits until `heir` acts.
    fn blow(&mut self, heir: usize, strike: impl FnOnce(&mut Pair)) {
        let load = self.pair.load();
        let before = self.pair.requests(self.active);
        eventually("it acts", || (self.pair.requests(self.active) > before + 20).then_some(()));
        let (stored, _) = self.pair.progress();
        strike(&mut self.pair);
        let (struck, before) = (Instant::now(), self.pair.requests(heir));
        eventually("the heir acts", || (self.pair.requests(heir) > before).then_some(()));
        assert!(struck.elapsed() < LIMIT, "after {:?}", struck.elapsed());
        self.pair.wait_active(heir);
        let connections = self.pair.server.progress().connected;
        assert!(connections > 0, "it does not read");
        // Two may have died, one after the other.
        self.losses.push(Loss { documents: stored + 1..=self.pair.sent(), under_way: 2 * CONCURRENCY });
        drop(load);
        self.active = heir;
    }

    /// Whoever has died is there again, and stands by; one of them holds the lease.
    fn settle(&mut self) {
        let at = self.standing_by();
        self.pair.start(at);
        self.pair.wait_standing_by(at);
        let held = |at: usize| self.pair.node(at).metric("eventmanager_cluster_active", "");
        assert_eq!((held(self.active), held(at)), (1.0, 0.0));
    }
}

/// Asks for a hand-over, and does not wait for an answer: who is asked may die of it.
fn ask_for_hand_over(pair: &Pair, at: usize) {
    let program = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["cluster", "handover", "--no-wait", "--url", &format!("http://{}", pair.node(at).http)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    program.expect("it runs");
}

#[test]
fn a_node_killed_while_it_takes_over_leaves_the_place_to_another() {
    let mut nodes = Pairing::started();
    let moments = [
        ("cluster.take.before", 1),
        ("cluster.take.within", 1),
        ("cluster.take.after", 1),
        ("cluster.beat.before", 2),
        ("cluster.beat.after", 2),
        ("cluster.raise.before", 1),
        ("cluster.raise.after", 1),
    ];
    for (failpoint, pass) in moments {
        nodes.doom(failpoint, pass);
        let (old, doomed) = (nodes.active, nodes.standing_by());
        nodes.blow(old, |pair| {
            pair.nodes[old].take().expect("it runs").kill();
            if failpoint.starts_with("cluster.raise.") {
                // As if the events had been restored from an earlier time.
                let later = "update em_cluster set epoch = epoch + 40";
                execute(&pair.subscribers, later).expect("later");
            }
            pair.wait_dead(doomed, failpoint);
            pair.start(old);
        });
        nodes.settle();
    }
    nodes.pair.check(&nodes.losses);
}

#[test]
fn a_node_killed_while_it_lets_go_is_followed_all_the_same() {
    active_dies(["cluster.let_go.before", "cluster.let_go.after"], |pair, doomed| {
        pair.node(doomed).signal("TERM");
    });
}

#[test]
fn a_node_killed_while_it_hands_over_is_followed_all_the_same() {
    active_dies(["cluster.wish.before", "cluster.wish.after"], ask_for_hand_over);
}

/// The active node ends at each of these failpoints, to which it comes by `strike`.
#[track_caller]
fn active_dies(failpoints: [&str; 2], strike: impl Fn(&Pair, usize)) {
    let mut nodes = Pairing::started();
    for failpoint in failpoints {
        nodes.doom(failpoint, 1);
        nodes.swap();
        let (doomed, heir) = (nodes.active, nodes.standing_by());
        nodes.blow(heir, |pair| {
            strike(pair, doomed);
            pair.wait_dead(doomed, failpoint);
        });
        nodes.settle();
    }
    nodes.pair.check(&nodes.losses);
}

#[test]
fn a_node_killed_while_it_gets_ready_is_handed_to_when_it_is_there_again() {
    let mut nodes = Pairing::started();
    for failpoint in ["cluster.ready.before", "cluster.ready.after"] {
        nodes.doom(failpoint, 1);
        let (old, doomed) = (nodes.active, nodes.standing_by());
        nodes.blow(doomed, |pair| {
            ask_for_hand_over(pair, old);
            pair.wait_dead(doomed, failpoint);
            pair.start(doomed);
        });
        // The old one has ended in order, and begun anew.
        nodes.pair.wait_standing_by(old);
    }
    nodes.pair.check(&nodes.losses);
}

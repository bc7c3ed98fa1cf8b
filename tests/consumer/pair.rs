//! Two daemons: one provides, the other has registered there and hands on to hubs of its own.

use crate::given::{JSON, Receiver, ask, body_of, peer, shown, text, token};
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::ports::lasting;
use serde_json::{Value, json};
use std::net::SocketAddr;

const ORDERS: &str = "/topic/order/event";
const HUBS: &str = "/topic/order/hub";
const OFTEN: &str = "verify = \"200ms\"\nretry_initial = \"50ms\"\nretry_max = \"500ms\"\n";

/// A daemon that may be stopped and started at the same address.
struct Node {
    site: Site,
    address: SocketAddr,
    daemon: Option<Daemon>,
}

impl Node {
    /// One at an address that was free just now; `config` is its file behind `[http]`.
    fn new(address: SocketAddr, config: &str) -> Node {
        let mut node = Node { site: Site::quiet(""), address, daemon: None };
        node.write(config);
        node.start();
        node
    }

    fn write(&self, config: &str) {
        let directory = self.site.directory.path();
        let head = format!("[node]\ndata_dir = {directory:?}\n[http]\nlisten = \"{}\"\n", self.address);
        std::fs::write(self.site.config(), format!("{head}{config}")).expect("written");
    }

    fn start(&mut self) {
        let daemon = self.site.start();
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        self.daemon = Some(daemon);
    }

    fn kill(&mut self) {
        self.daemon.take().expect("it runs").kill();
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("it runs")
    }

    /// A list as it is shown to whom this token has.
    fn list(&self, path: &str, token: &str) -> Vec<Value> {
        let answer = ask(self.daemon(), "GET", path, &shown(token), "");
        if answer.status == 503 {
            return Vec::new();
        }
        body_of(&answer, 200).as_array().expect("a list").clone()
    }

    fn post(&self, body: &Value) {
        let headers = format!("{JSON}{}", shown("desk"));
        eventually("it is posted", || {
            let answer = ask(self.daemon(), "POST", ORDERS, &headers, &body.to_string());
            (answer.status == 201).then_some(())
        });
    }

    /// The titles of the orders that it has, oldest first.
    fn orders(&self) -> Vec<String> {
        self.list(ORDERS, "desk").iter().map(|event| text(event, "title")).collect()
    }

    #[track_caller]
    fn wait_orders(&self, titles: &[&str]) {
        eventually(&format!("it has {titles:?}"), || (self.orders() == titles).then_some(()));
    }
}

fn order(title: &str) -> Value {
    json!({ "eventId": format!("order-{title}"), "eventType": "created", "title": title, "event": { "id": title } })
}

/// The provider, the consumer, and somebody to whom the consumer delivers.
struct Pair {
    provider: Node,
    consumer: Node,
    consumers_file: String,
    receiver: Receiver,
}

impl Pair {
    fn start() -> Pair {
        let (pss, em, receiver) = (lasting(), lasting(), Receiver::start());
        let desk = token("desk", "operator");
        let known_as = |name: &str, shows: &str| {
            format!("token = \"{name}\"\nauth = \"bearer\"\nbearer = \"{shows}\"\n")
        };
        let provider = format!(
            "{desk}{}[event_management]\n{OFTEN}{}",
            token("em", "peer"),
            peer(em, &known_as("em", "pss"))
        );
        let consumers_file = format!(
            "{desk}{}[event_management]\npublic_url = \"http://{em}\"\n{OFTEN}{}{}",
            token("pss", "peer"),
            peer(receiver.address, ""),
            peer(pss, &format!("{}subscribe = [\"order\"]\n", known_as("pss", "em"))),
        );
        let provider = Node::new(pss, &provider);
        let consumer = Node::new(em, &consumers_file);
        Pair { provider, consumer, consumers_file, receiver }
    }

    /// Waits until the consumer is registered, just once.
    #[track_caller]
    fn wait_registered(&self) {
        eventually("it is registered once", || (self.provider.list(HUBS, "em").len() == 1).then_some(()));
    }
}

#[test]
fn what_the_provider_delivers_is_stored_and_handed_on_to_all_hubs_but_those_of_its_origin() {
    let Pair { provider, consumer, receiver, .. } = &{
        let pair = Pair::start();
        pair.wait_registered();
        pair
    };
    for callback in [receiver.callback(), format!("http://{}/psi-api/event/v2{ORDERS}", provider.address)] {
        let headers = format!("{JSON}{}", shown("desk"));
        let body = json!({ "callback": callback }).to_string();
        let registered = eventually("it is known", || {
            let answer = ask(consumer.daemon(), "POST", HUBS, &headers, &body);
            (answer.status != 503).then_some(answer)
        });
        assert_eq!(registered.status, 201, "{}", registered.body);
    }
    provider.post(&order("one"));
    provider.post(&order("two"));
    provider.post(&order("one"));
    consumer.wait_orders(&["one", "two"]);
    eventually("both are delivered", || (receiver.taken().len() == 2).then_some(()));
    let titles: Vec<String> = receiver.taken().iter().map(|event| text(event, "title")).collect();
    assert_eq!(titles, ["one", "two"]);
    // What came back would be an event more there: its correlation is another.
    assert_eq!(provider.orders(), ["one", "two"]);
    assert_eq!(consumer.list(HUBS, "desk").len(), 2);
}

#[test]
fn a_provider_that_has_lost_everything_has_us_again_within_one_verification() {
    let mut pair = Pair::start();
    pair.wait_registered();
    pair.provider.post(&order("one"));
    pair.consumer.wait_orders(&["one"]);
    pair.provider.kill();
    for name in ["events.db", "events.db-wal", "events.db-shm"] {
        let _ = std::fs::remove_file(pair.provider.site.directory.path().join(name));
    }
    pair.provider.start();
    pair.wait_registered();
    pair.provider.post(&order("two"));
    pair.consumer.wait_orders(&["one", "two"]);
    // And no longer, where it is not wanted.
    pair.consumer.write(&pair.consumers_file.replace("subscribe = [\"order\"]\n", ""));
    pair.consumer.daemon().signal("HUP");
    eventually("it is ended", || pair.provider.list(HUBS, "em").is_empty().then_some(()));
}

#[test]
fn what_happens_while_either_is_killed_comes_once() {
    let mut pair = Pair::start();
    pair.wait_registered();
    let mut titles = Vec::new();
    for round in 0..3 {
        for number in 0..5 {
            let title = format!("{round}-{number}");
            pair.provider.post(&order(&title));
            titles.push(title);
            match number {
                1 => pair.consumer.kill(),
                3 => {
                    pair.provider.kill();
                    pair.provider.start();
                    pair.consumer.start();
                }
                _ => {}
            }
        }
    }
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    pair.consumer.wait_orders(&titles);
    assert_eq!(pair.provider.list(HUBS, "em").len(), 1);
}

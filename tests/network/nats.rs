//! NATS: every event that is handed on is in the stream, once and in its order.

use crate::faults::{Between, ROWS, Row, Trial, check};
use crate::neighbour::Neighbour;
use crate::place::Place;
use crate::server::{Server, stored};
use crate::support::daemon::{Site, eventually};
use crate::support::documents::report;
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use std::time::Duration;

pub struct Published {
    between: Between,
    server: Server,
    broadworks: BroadworksHandle,
    site: Site,
    sent: u64,
}

impl Published {
    pub fn start(place: &Place) -> Published {
        let (server, neighbour) = (Server::start(), Neighbour::new());
        let proxy = place.proxy(server.address());
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let broadworks = BroadworksSimulator::start(any).expect("a server");
        let sections = format!(
            "[[broadworks]]\nname = \"as1\"\naddress = \"{}\"\n[[route]]\nsource = \"as1\"\nto = [\"users\"]\n\
             [nats]\nurls = [\"nats://{}\"]\nstream = \"EVENTS\"\nsubject_prefix = \"em\"\n",
            broadworks.addr(),
            proxy.address
        );
        let site = Site::new(&(neighbour.config() + &sections));
        let daemon = place.start(&site);
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        let trial = Published { between, server, broadworks, site, sent: 0 };
        eventually("it publishes", || trial.is_up().then_some(()));
        trial
    }

    fn is_up(&self) -> bool {
        self.between.daemon.metric("eventmanager_connection_up", "connection=\"nats\"") == 1.0
    }

    /// The ids of the messages in the stream.
    fn published(&self) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let messages = runtime.block_on(async { stored(&self.server.jetstream().await, "EVENTS").await });
        messages.into_iter().filter(|message| message.topics == "users").map(|message| message.id).collect()
    }

    /// The ids of what was handed on, in its order.
    fn handed_on(&self) -> Vec<String> {
        let database = self.site.database();
        let sql = "select uuid from em_topic_log where topic = 'users' order by sequence";
        let mut statement = database.prepare(sql).expect("a statement");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("rows")
    }
}

impl Trial for Published {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        self.sent += 1;
        self.broadworks.send(&report(self.sent, "GroupAddRequest", "<groupId>g</groupId>"));
        std::thread::sleep(Duration::from_millis(10));
    }

    fn ends(&self) -> f64 {
        self.between.daemon.metric("eventmanager_reconnects_total", "connection=\"nats\"")
    }

    fn told(&self) -> &'static [&'static str] {
        &["nats does not take or give anything: trying again"]
    }

    fn check(&mut self, row: &Row) {
        let all = eventually("all is handed on", || {
            let all = self.handed_on();
            (all.len() as u64 == self.sent).then_some(all)
        });
        let mut last = 0;
        eventually(&format!("{}: all is published", row.name), || {
            std::thread::sleep(Duration::from_millis(50));
            last = self.published().len();
            (last >= all.len()).then_some(())
        });
        assert_eq!(self.published(), all, "{}", row.name);
    }
}

#[test]
fn nats_over_a_bad_network() {
    check(ROWS.iter(), || Published::start(&Place::Here));
}

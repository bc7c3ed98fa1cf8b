//! What other agents say of their devices: each of them is an origin of its own among those that are mirrored.

use crate::connections::asterisk::feed::{Feed, StatesManager};
use crate::connections::asterisk::listing::Lists;
use crate::connections::asterisk::reading;
use crate::managers::device_state::messages::Session;
use crate::states::naming::CUSTOM;
use crate::states::{Change, Key, Value};
use crate::wire::manager_json::{Distances, Headers};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::HashMap;
use std::convert::Infallible;
use std::rc::Rc;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Agents that may speak, at most: a name costs them nothing.
const ORIGINS: usize = 64;
/// Devices of one that are remembered, at most; the mesh takes no more of it.
const DEVICES: usize = 150_000;

/// See the module.
pub struct Origins {
    /// The endpoint that they are heard through.
    via: String,
    manager: StatesManager,
    known: HashMap<String, Origin>,
    feeds: FuturesUnordered<LocalBoxFuture<'static, ()>>,
    /// The manager wants to know all that they have said.
    wanted: Rc<Notify>,
    /// There was a server, and is none.
    is_lost: bool,
}

struct Origin {
    feed: Feed,
    session: Session,
    /// The last state of each of its devices, to be told anew.
    states: HashMap<Key, Value>,
    /// When something last came that shows that it is there.
    heard: Instant,
    /// When it last reported, since the server is there.
    reported: Option<Instant>,
    /// Between its reports.
    distances: Distances,
}

impl Origin {
    /// A session begins, of which the manager knows nothing.
    fn begin(&self) {
        let none = || Err("agents give no lists".to_owned());
        let asked = std::time::Instant::now();
        let lists = Lists { asked, devices: none(), presences: none(), since: Vec::new() };
        self.feed.listed(self.session, lists);
    }

    /// Tells all that it has said.
    fn tell_all(&self) {
        for (key, value) in &self.states {
            self.feed.heard(self.session, Change { key: key.clone(), value: value.clone() });
        }
    }

    fn is_gone(&self, now: Instant) -> bool {
        now - self.heard > self.distances.patience()
    }
}

/// Why nothing came of an event.
pub enum Ignored {
    /// It is not about a device that is mirrored.
    Other,
    /// There are too many agents already.
    TooMany,
}

impl Origins {
    /// Those who are heard through the endpoint `via`. All that they have said is told anew when `wanted` is notified.
    pub fn new(via: &str, manager: StatesManager, wanted: Rc<Notify>) -> Origins {
        let (via, feeds) = (via.to_owned(), FuturesUnordered::new());
        Origins { via, manager, known: HashMap::new(), feeds, wanted, is_lost: false }
    }

    /// An event of the Asterisk of `origin`.
    pub fn event(&mut self, origin: &str, event: &Headers) -> Result<(), Ignored> {
        if event.get("Event") != Some(reading::DEVICE) {
            return Err(Ignored::Other);
        }
        let change =
            reading::device(|name| event.get(name).map(str::as_bytes)).map_err(|_| Ignored::Other)?;
        if change.key.name.starts_with(CUSTOM.as_bytes()) {
            return Err(Ignored::Other);
        }
        let origin = self.origin(origin).ok_or(Ignored::TooMany)?;
        if origin.states.len() < DEVICES || origin.states.contains_key(&change.key) {
            origin.states.insert(change.key.clone(), change.value.clone());
        }
        origin.feed.heard(origin.session, change);
        Ok(())
    }

    fn origin(&mut self, name: &str) -> Option<&mut Origin> {
        if !self.known.contains_key(name) {
            if self.known.len() >= ORIGINS {
                return None;
            }
            let feed = Feed::heard_through(&self.via, name, self.manager.clone());
            let session = Session::new();
            let running = feed.clone();
            self.feeds.push(Box::pin(async move { running.run().await }));
            let (states, heard) = (HashMap::new(), Instant::now());
            let distances = Distances::default();
            let origin = Origin { feed, session, states, heard, reported: None, distances };
            origin.begin();
            self.known.insert(name.to_owned(), origin);
        }
        self.known.get_mut(name)
    }

    /// Something came from it. Whoever is given up has lost its states, and tells them to nobody again who is there all the time: so
    /// it is not before it is silent altogether.
    pub fn heard(&mut self, name: &str, now: Instant) {
        if let Some(origin) = self.known.get_mut(name) {
            origin.heard = now;
        }
    }

    /// It has reported how its Asterisk is. That there is none does not show that the states hold which it has told.
    pub fn report(&mut self, name: &str, is_well: bool, now: Instant) {
        let Some(origin) = self.known.get_mut(name) else { return };
        if let Some(before) = origin.reported.replace(now) {
            origin.distances.add(now - before);
        }
        if is_well {
            origin.heard = now;
        }
    }

    /// Gives up those of whom nothing is heard any more.
    pub fn give_up(&mut self, now: Instant) {
        self.known.retain(|name, origin| {
            let is_gone = origin.is_gone(now);
            if is_gone {
                tracing::warn!(connection = self.via, agent = name, "nothing is heard any more of an agent");
                origin.feed.lost(origin.session);
                origin.feed.close();
            }
            !is_gone
        });
    }

    /// One that is heard in another way by now: what it has said here counts for the grace, until it has said that there.
    pub fn leave(&mut self, name: &str) {
        if let Some(origin) = self.known.remove(name) {
            origin.feed.lost(origin.session);
            origin.feed.close();
        }
    }

    /// Whether it is one of them.
    #[cfg(test)]
    pub fn knows(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// There is no server, so that nobody is heard: what they have said counts for the grace.
    pub fn lost(&mut self) {
        self.is_lost = true;
        self.known.values().for_each(|origin| origin.feed.lost(origin.session));
    }

    /// There is a server: what they have said counts again, until they say something else, and everybody has the whole time anew to
    /// be heard.
    pub fn found(&mut self, now: Instant) {
        self.is_lost = false;
        for origin in self.known.values_mut() {
            (origin.session, origin.heard, origin.reported) = (Session::new(), now, None);
            origin.begin();
            origin.tell_all();
        }
    }

    /// Tells the manager what they say; resolves never. May be cancelled.
    pub async fn run(&mut self) -> Infallible {
        loop {
            tokio::select! {
                Some(()) = self.feeds.next() => {}
                () = self.wanted.notified() => {
                    // What is lost counts no more, or is told when there is a server.
                    self.known.values().filter(|_| !self.is_lost).for_each(Origin::tell_all);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::manager::{Manager, Told};
    use super::*;
    use crate::wire::manager_json::distances::PATIENCE;
    use std::time::Duration;

    fn origins() -> Origins {
        let mut origins = Origins::new("s1", Manager::start().0, Rc::default());
        let event = Headers::new().with("Event", "DeviceStateChange").with("Device", "SIP/1");
        assert!(origins.event("S0", &event.with("State", "INUSE")).is_ok());
        origins
    }

    fn is_known(origins: &mut Origins, now: Instant) -> bool {
        origins.give_up(now);
        origins.known.contains_key("S0")
    }

    #[actix::test]
    async fn an_agent_that_reports_no_more_is_there_as_long_as_it_says_anything() {
        let (mut origins, begin) = (origins(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        (0..6).for_each(|second| origins.report("S0", true, at(second)));
        for second in 6..100 {
            origins.heard("S0", at(second));
            assert!(is_known(&mut origins, at(second)));
        }
        assert!(is_known(&mut origins, at(102)) && !is_known(&mut origins, at(104)));
    }

    #[actix::test]
    async fn an_agent_that_only_reports_errors_is_given_up() {
        let (mut origins, begin) = (origins(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        (0..6).for_each(|second| origins.report("S0", true, at(second)));
        (6..10).for_each(|second| origins.report("S0", false, at(second)));
        assert!(is_known(&mut origins, at(9)) && !is_known(&mut origins, at(10)));
    }

    #[actix::test]
    async fn an_agent_that_has_just_come_and_connects_anew_is_not_given_up_before_its_next_report() {
        let (mut origins, begin) = (origins(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        [0, 3].into_iter().for_each(|second| origins.report("S0", true, at(second)));
        assert!(is_known(&mut origins, at(32)));
    }

    #[actix::test]
    async fn an_agent_that_was_away_for_a_while_is_given_up_as_soon_as_before() {
        let (mut origins, begin) = (origins(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        for second in [0, 30, 60, 90, 120, 150, 260] {
            origins.report("S0", true, at(second));
        }
        assert!(is_known(&mut origins, at(260 + 120)) && !is_known(&mut origins, at(260 + 121)));
    }

    #[actix::test]
    async fn without_a_server_nobody_is_there_and_with_one_all_is_told_anew() {
        let (manager, mut told) = Manager::start();
        let wanted = Rc::<Notify>::default();
        let mut origins = Origins::new("s1", manager, Rc::clone(&wanted));
        let event = Headers::new().with("Event", "DeviceStateChange").with("Device", "SIP/1");
        assert!(origins.event("S0", &event.with("State", "INUSE")).is_ok());
        let mut next = async |origins: &mut Origins| {
            tokio::select! {
                told = told.next() => told.expect("a manager"),
                never = origins.run() => match never {},
            }
        };
        let Told::Heard(first) = next(&mut origins).await else { panic!("a state") };
        origins.lost();
        let Told::Lost(lost) = next(&mut origins).await else { panic!("it is lost") };
        assert_eq!(lost.session, Some(first.session));
        origins.found(Instant::now());
        let Told::Heard(anew) = next(&mut origins).await else { panic!("a state") };
        assert_eq!((&anew.changes, anew.session == first.session), (&first.changes, false));
        wanted.notify_one();
        let Told::Heard(again) = next(&mut origins).await else {
            panic!("a manager that has failed asks for it")
        };
        assert_eq!((again.changes, again.session), (anew.changes, anew.session));
    }

    #[actix::test]
    async fn agents_that_come_and_go_leave_no_series() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let (mut origins, wide_apart) = (origins(), PATIENCE * 2);
        let mut now = Instant::now();
        for n in 0..100 {
            let event = Headers::new().with("Event", "DeviceStateChange").with("Device", "SIP/1");
            assert!(origins.event(&format!("A{n}"), &event.with("State", "INUSE")).is_ok());
            now += wide_apart;
            origins.give_up(now);
        }
        let text = recorder.handle().render();
        let dropped = text.lines().filter(|line| line.starts_with("eventmanager_dropped_total"));
        assert_eq!(dropped.collect::<Vec<_>>(), ["eventmanager_dropped_total{connection=\"s1\"} 0"]);
    }

    #[actix::test]
    async fn an_agent_that_never_reports_has_its_time() {
        let (mut origins, begin) = (origins(), Instant::now());
        assert!(is_known(&mut origins, begin + PATIENCE / 2));
        assert!(!is_known(&mut origins, begin + PATIENCE * 2));
    }
}

//! What the manager of states is told: in order, with one message under way at a time.
//!
//! Whoever reads a socket puts it here and reads on. What comes while the manager is busy replaces what waits for the same key. Two kinds
//! are never put past each other: what was heard before a list was asked for is older than the list, and what was heard since is newer.

use super::listing::Lists;
use crate::managers::device_state::DeviceStates;
use crate::managers::device_state::messages::{Heard, Listed, Lost, Outcome, PeerName, Session, Told};
use crate::states::{Change, Key};
use actix::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use tokio::sync::Notify;

/// Keys of which a change may wait; a server that makes up more of them loses some.
const KEYS: usize = 1_000_000;

/// How the manager that mirrors states is reached.
#[derive(Clone)]
pub struct StatesManager {
    pub listed: Recipient<Listed>,
    pub heard: Recipient<Heard>,
    pub told: Recipient<Told>,
    pub lost: Recipient<Lost>,
}

impl From<Addr<DeviceStates>> for StatesManager {
    fn from(manager: Addr<DeviceStates>) -> StatesManager {
        StatesManager {
            listed: manager.clone().recipient(),
            heard: manager.clone().recipient(),
            told: manager.clone().recipient(),
            lost: manager.recipient(),
        }
    }
}

/// See the module. Clones are of the same one.
#[derive(Clone)]
pub struct Feed(Rc<Inner>);

struct Inner {
    peer: PeerName,
    manager: StatesManager,
    waiting: RefCell<VecDeque<Item>>,
    came: Notify,
    closed: Cell<bool>,
    dropped: metrics::Counter,
}

enum Item {
    Listed(Listed),
    News(News),
    Lost(Option<Session>),
}

/// What has changed at a server, and what became of what it was told: these two may pass each other.
struct News {
    session: Session,
    changes: Vec<Change>,
    /// Where the change of a key stands.
    places: HashMap<Key, usize>,
    outcomes: Vec<(u32, Outcome)>,
}

impl News {
    fn new(session: Session) -> News {
        News { session, changes: Vec::new(), places: HashMap::new(), outcomes: Vec::new() }
    }

    /// The latest of each key; whether there was room.
    fn add(&mut self, change: Change) -> bool {
        let is_full = self.changes.len() >= KEYS;
        match self.places.entry(change.key.clone()) {
            Entry::Occupied(place) => self.changes[*place.get()] = change,
            Entry::Vacant(_) if is_full => return false,
            Entry::Vacant(place) => {
                place.insert(self.changes.len());
                self.changes.push(change);
            }
        }
        true
    }
}

impl Feed {
    /// What is told of the server at this endpoint.
    pub fn new(endpoint: &str, manager: StatesManager) -> Feed {
        Feed::of(endpoint, endpoint, manager)
    }

    /// What is told of somebody who is heard through an endpoint. Whoever comes may call itself as it likes: what is dropped is counted
    /// for the endpoint.
    pub fn heard_through(endpoint: &str, name: &str, manager: StatesManager) -> Feed {
        Feed::of(&format!("{endpoint}:{name}"), endpoint, manager)
    }

    fn of(peer: &str, endpoint: &str, manager: StatesManager) -> Feed {
        Feed(Rc::new(Inner {
            peer: peer.into(),
            manager,
            waiting: RefCell::default(),
            came: Notify::new(),
            closed: Cell::default(),
            dropped: metrics::counter!("eventmanager_dropped_total", "connection" => endpoint.to_owned()),
        }))
    }

    /// What the server holds. Its name is put in here.
    pub fn listed(&self, session: Session, lists: Lists) {
        // Of those that were not told yet the first has to come before what was heard behind it, where the manager does not know the
        // session; all others are of no use any more: a server may list for ever while the manager is busy.
        let is_of = |item: &Item| matches!(item, Item::Listed(listed) if listed.session == session);
        let mut seen = false;
        self.0.waiting.borrow_mut().retain(|item| !is_of(item) || !std::mem::replace(&mut seen, true));
        let Lists { asked, devices, presences, since } = lists;
        let peer = self.0.peer.clone();
        self.push(Item::Listed(Listed { peer, session, asked, devices, presences, since }));
    }

    /// A state has changed.
    pub fn heard(&self, session: Session, change: Change) {
        if !self.news(session, |news| news.add(change)) {
            self.dropped();
        }
    }

    /// There was no room for a change before it came here.
    pub fn dropped(&self) {
        self.0.dropped.increment(1);
    }

    /// What became of a write.
    pub fn told(&self, session: Session, entry: u32, outcome: Outcome) {
        self.news(session, |news| news.outcomes.push((entry, outcome)));
    }

    /// The session has ended.
    pub fn lost(&self, session: Session) {
        self.push(Item::Lost(Some(session)));
    }

    /// Whatever session there was before has ended: a connection that has failed has not said so.
    pub fn begins(&self) {
        self.push(Item::Lost(None));
    }

    /// Nothing more comes: [`Feed::run`] ends when everything is told.
    pub fn close(&self) {
        self.0.closed.set(true);
        self.0.came.notify_one();
    }

    fn news<T>(&self, session: Session, add: impl FnOnce(&mut News) -> T) -> T {
        let mut waiting = self.0.waiting.borrow_mut();
        self.0.came.notify_one();
        if let Some(Item::News(news)) = waiting.back_mut()
            && news.session == session
        {
            return add(news);
        }
        let mut news = News::new(session);
        let added = add(&mut news);
        waiting.push_back(Item::News(news));
        added
    }

    fn push(&self, item: Item) {
        self.0.waiting.borrow_mut().push_back(item);
        self.0.came.notify_one();
    }

    /// Tells what comes, one message after the other.
    pub async fn run(&self) {
        loop {
            let next = self.0.waiting.borrow_mut().pop_front();
            match next {
                Some(item) => self.tell(item).await,
                None if self.0.closed.get() => return,
                None => self.0.came.notified().await,
            }
        }
    }

    /// With `send`, so that there is one under way. An error says that the manager has failed over it, or is gone: it asks for lists
    /// when it starts anew.
    async fn tell(&self, item: Item) {
        let Inner { peer, manager, .. } = &*self.0;
        let told = match item {
            Item::Listed(listed) => manager.listed.send(listed).await,
            Item::Lost(session) => manager.lost.send(Lost { peer: peer.clone(), session }).await,
            Item::News(News { session, changes, outcomes, .. }) => {
                let mut told = Ok(());
                if !changes.is_empty() {
                    told = manager.heard.send(Heard { peer: peer.clone(), session, changes }).await;
                }
                if !outcomes.is_empty() {
                    let outcomes = Told { peer: peer.clone(), session, outcomes };
                    told = told.and(manager.told.send(outcomes).await);
                }
                told
            }
        };
        if let Err(error) = told {
            tracing::debug!(connection = %peer, %error, "the manager of states does not take what it is told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::agent::Manager;
    use super::*;
    use crate::states::DeviceState::{Busy, InUse};
    use std::time::Instant;

    fn lists(device: &str) -> Lists {
        let (devices, presences) = (Ok(vec![Change::device(device, InUse)].into()), Ok(Vec::new().into()));
        Lists { asked: Instant::now(), devices, presences, since: Vec::new() }
    }

    #[actix::test]
    async fn of_lists_that_wait_the_first_stays_before_what_was_heard_behind_it() {
        let (feed, session) = (Feed::new("s1", Manager::start().0), Session::new());
        feed.listed(session, lists("first"));
        feed.heard(session, Change::device("heard", Busy));
        ["second", "third"].into_iter().for_each(|name| feed.listed(session, lists(name)));
        let of = |changes: &[Change]| String::from_utf8_lossy(&changes[0].key.name).into_owned();
        let name = |item: &Item| match item {
            Item::Listed(listed) => of(&listed.devices.as_ref().expect("a list").items),
            Item::News(news) => of(&news.changes),
            Item::Lost(_) => panic!("nothing is lost"),
        };
        let waiting: Vec<String> = feed.0.waiting.borrow().iter().map(name).collect();
        assert_eq!(waiting, ["first", "heard", "third"]);
    }
}

//! Whether an endpoint, or whoever else we are connected to, is there, for everybody who shows it.

use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use utoipa::ToSchema;

/// What is known of a connection at the moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LinkState {
    pub name: String,
    pub address: String,
    pub up: bool,
    /// Since when, in seconds of the epoch.
    pub since: u64,
    /// Why it is down.
    pub reason: Option<String>,
}

/// The states of all connections.
pub type Links = Vec<watch::Receiver<LinkState>>;

/// Connections of others than endpoints: to NATS, and to peers at which we are registered. Each is there as long as its [`Link`] is.
#[derive(Clone, Default)]
pub struct LinkBoard(Arc<Mutex<Links>>);

impl LinkBoard {
    /// A connection that is not up yet, and is shown from now on.
    pub fn link(&self, name: &str, address: &str) -> Link {
        let (link, state) = Link::new(name, address);
        let mut links = self.lock();
        links.retain(is_there);
        links.push(state);
        link
    }

    /// How all are, by their names.
    pub fn read(&self) -> Vec<LinkState> {
        let links = self.lock();
        let there = links.iter().filter(|link| is_there(link));
        let mut states: Vec<LinkState> = there.map(|link| link.borrow().clone()).collect();
        states.sort_by(|one, other| (&one.name, &one.address).cmp(&(&other.name, &other.address)));
        states
    }

    fn lock(&self) -> MutexGuard<'_, Links> {
        // Nothing panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether its [`Link`] is.
fn is_there(link: &watch::Receiver<LinkState>) -> bool {
    link.has_changed().is_ok()
}

/// The connection's side: tells metrics and watchers.
#[derive(Clone)]
pub struct Link(watch::Sender<LinkState>);

impl Link {
    /// A connection that is not up yet; its metric exists from now on.
    pub fn new(name: &str, address: &str) -> (Link, watch::Receiver<LinkState>) {
        let state = LinkState {
            name: name.to_owned(),
            address: address.to_owned(),
            up: false,
            since: now(),
            reason: None,
        };
        gauge(name, false);
        let (sender, receiver) = watch::channel(state);
        (Link(sender), receiver)
    }

    /// The connection stands.
    pub fn up(&self) {
        self.change(true, None);
    }

    /// The connection is lost, or could not be made.
    pub fn down(&self, reason: &str) {
        self.change(false, Some(reason.to_owned()));
    }

    /// How it is now.
    pub fn state(&self) -> LinkState {
        self.0.borrow().clone()
    }

    /// The name of the endpoint.
    pub fn name(&self) -> String {
        self.0.borrow().name.clone()
    }

    fn change(&self, up: bool, reason: Option<String>) {
        self.0.send_modify(|state| {
            if state.up != up {
                state.since = now();
            }
            state.up = up;
            state.reason = reason;
            gauge(&state.name, up);
        });
    }
}

/// There is no such endpoint any more: what was measured of it is shown no longer, lest somebody is called because of it. Only an agent has a
/// server; of all others there is nothing to be shown anyhow.
pub fn forget(name: &str) {
    metrics::gauge!("eventmanager_connection_up", "connection" => name.to_owned()).set(f64::NAN);
    metrics::gauge!("eventmanager_agent_server_up", "connection" => name.to_owned()).set(f64::NAN);
}

fn gauge(name: &str, up: bool) {
    metrics::gauge!("eventmanager_connection_up", "connection" => name.to_owned())
        .set(f64::from(u8::from(up)));
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_shown_as_long_as_it_has_a_link() {
        let board = LinkBoard::default();
        let names = || board.read().into_iter().map(|link| (link.name, link.up)).collect::<Vec<_>>();
        let (peer, nats) = (board.link("pss", "pss:8443"), board.link("nats", "nats://n:4222"));
        nats.up();
        assert_eq!(names(), [("nats".to_owned(), true), ("pss".to_owned(), false)]);
        peer.down("refused");
        assert_eq!(board.read()[1].reason.as_deref(), Some("refused"));
        drop(nats);
        assert_eq!(names(), [("pss".to_owned(), false)]);
    }
}

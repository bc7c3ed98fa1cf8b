//! Whether an endpoint is connected, for everybody who shows it.

use serde::Serialize;
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
        metrics::counter!("eventmanager_reconnects_total", "connection" => name.to_owned()).absolute(0);
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
pub(super) fn forget(name: &str) {
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

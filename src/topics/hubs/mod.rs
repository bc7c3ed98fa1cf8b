//! Hubs: subscriptions of others to our topics over Event Management, and what delivers to them.
//!
//! The rows of the topic log are the queue. Each hub has a place in it that is kept, and a [`delivery`] of its own: one request is under
//! way, and the next event waits until this one is taken, so that order is that of the log and nobody waits for another. The [`manager`]
//! knows which hubs there are.
//!
//! | file | what it holds |
//! |---|---|
//! | `messages.rs` | what can be asked of the manager |
//! | `envelope.rs` | an event as hubs get it |
//! | `manager.rs`, `managing.rs`, `registering.rs`, `desk.rs` | which hubs there are |
//! | `delivery.rs`, `courier.rs`, `orders.rs` | one hub: the actor, what it does, what operators have it do |
//! | `log_window.rs`, `filler.rs`, `reading.rs` | the rows of the log on their way to it |
//! | `wanted.rs`, `request.rs`, `judge.rs`, `retry.rs` | the pure decisions: whether it gets an event, how, what the answer means, when again |
//! | `keeper.rs`, `progress.rs`, `alarms.rs`, `tally.rs` | what is stored of it, and what is shown |
//! | `peers.rs`, `outbound/` | the hosts, and requests to them |

mod alarms;
mod courier;
pub mod delivery;
mod desk;
mod envelope;
mod filler;
mod judge;
mod keeper;
mod log_window;
pub mod manager;
mod managing;
pub mod messages;
mod orders;
pub mod outbound;
mod peers;
mod progress;
mod reading;
mod registering;
mod request;
mod retry;
mod tally;
mod wanted;

pub use desk::Desk;
pub(in crate::topics) use envelope::rfc3339;
pub use envelope::{envelope, resource};
pub use filler::Filler;
pub use manager::Hubs;
pub use tally::Tally;

use crate::config::{EventManagement, Live};
use crate::store::Store;
use log_window::LogWindow;
use peers::Peers;

/// What all deliveries share.
pub struct Shared {
    store: Store,
    config: Live<EventManagement>,
    /// Our own name.
    node: String,
    window: LogWindow,
    peers: Peers,
    tally: Tally,
}

impl Shared {
    /// For the hubs of this store.
    pub fn new(store: Store, config: Live<EventManagement>, node: String) -> Shared {
        let (window, peers) = (LogWindow::new(store.clone()), Peers::new(config.clone(), store.lease()));
        Shared { store, config, node, window, peers, tally: Tally::default() }
    }

    /// What of its hubs can be seen in metrics.
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }
}

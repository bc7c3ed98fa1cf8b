//! What the rest of the program has of the cluster: how it looks, and what the thread of the cluster is told.

use super::anew::{Ending, LogEnd};
use super::seat::{Seat, Told};
use super::view::{Role, View};
use crate::config::Config;
use crate::lease::Lease;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Orders that wait, at most: they are few.
const ORDERS: usize = 16;

/// What `run` and the API tell the thread.
pub(super) enum Order {
    HandOver {
        to: Option<String>,
        answer: oneshot::Sender<Result<String, HandOverError>>,
    },
    /// The connections to the application servers stand, as far as they can.
    Prepared,
    /// Everything has ended in order.
    LetGo(oneshot::Sender<()>),
}

/// Why a hand-over does not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandOverError {
    #[error("this node is not the active one: {0}")]
    NotActive(String),
    #[error("{0} is the active one already")]
    Already(String),
    #[error("there is no other node that stands by")]
    Nobody,
    #[error("the node {0:?} does not stand by")]
    NotThere(String),
    #[error("a hand-over to {0} is under way")]
    UnderWay(String),
    #[error("the database cannot be asked now: {0}")]
    Database(String),
}

/// What `run` starts, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// This node is the active one.
    Active,
    /// It is to be: everything is started and nothing is sent.
    Preparing,
}

/// This daemon in its cluster. Clones are the same.
#[derive(Clone)]
pub struct Member {
    pub lease: Lease,
    view: watch::Receiver<View>,
    orders: mpsc::Sender<Order>,
    ending: Ending,
}

impl Member {
    /// Begins to stand by. `http` is where this node serves, `log` what is flushed where it begins anew.
    pub fn start(config: &Config, http: String, log: LogEnd) -> std::io::Result<Member> {
        let lease = Lease::waiting();
        let (tell, view) = watch::channel(View::new(&config.node.name));
        let (orders, received) = mpsc::channel(ORDERS);
        let ending = Ending::new(log);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let told = Told { orders: received, ending: ending.clone() };
        let seat = Seat::new(config, http, &lease, tell, told);
        // Its own thread: an actor that is busy must not cost the lease. One that hangs for long ends the process.
        std::thread::Builder::new().name("cluster".to_owned()).spawn(move || runtime.block_on(seat.run()))?;
        Ok(Member { lease, view, orders, ending })
    }

    /// How the cluster looks now, and from now on.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Resolves when everything is to be started.
    pub async fn begins(&self) -> Started {
        let mut view = self.view.clone();
        let begins = view.wait_for(|view| matches!(view.role, Role::Active | Role::Preparing)).await;
        match begins.map(|view| view.role) {
            Ok(Role::Active) => Started::Active,
            Ok(_) => Started::Preparing,
            // The thread does not end before the process.
            Err(_) => std::future::pending().await,
        }
    }

    /// Resolves when everything is to end in order for another node.
    pub async fn is_to_end(&self) {
        if self.view.clone().wait_for(|view| view.role == Role::HandingOver).await.is_err() {
            std::future::pending().await
        }
    }

    /// The connections to the application servers stand, as far as they can.
    pub async fn prepared(&self) {
        // The thread does not end before the process.
        let _ = self.orders.send(Order::Prepared).await;
    }

    /// The process ends for good: it does not begin anew, whatever happens.
    pub fn ends(&self) {
        self.ending.for_good();
    }

    /// Everything has ended in order: another node may go on at once.
    pub async fn let_go(&self, limit: Duration) {
        let (answer, answered) = oneshot::channel();
        let letting_go = async {
            let _ = self.orders.send(Order::LetGo(answer)).await;
            let _ = answered.await;
        };
        // Where the database is away the others wait for the end of the lease.
        let _ = tokio::time::timeout(limit, letting_go).await;
    }

    /// Whether it was told to.
    pub fn is_ending(&self) -> bool {
        self.ending.is_for_good()
    }

    /// Ends this program at once, and begins it anew as one that stands by, unless it was told to end.
    pub fn begin_anew(&self) -> ! {
        self.lease.end();
        self.ending.begin_anew()
    }

    /// Asks for another node to become the active one; says which. It goes on from here by itself.
    pub async fn hand_over(&self, to: Option<String>) -> Result<String, HandOverError> {
        let (answer, answered) = oneshot::channel();
        // Anybody may ask: who finds the queue full is told so.
        let asked = self.orders.try_send(Order::HandOver { to, answer });
        asked.map_err(|_| HandOverError::Database("too many ask at once".to_owned()))?;
        let gone = || Err(HandOverError::Database("the thread of the cluster has ended".to_owned()));
        answered.await.unwrap_or_else(|_| gone())
    }
}

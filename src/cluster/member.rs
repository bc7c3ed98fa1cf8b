//! The thread of the cluster: its connection to the row, and what it is told.

use super::anew::{self, LogEnd};
use super::standing_by::Seen;
use super::view::{HandOver, Node, Role, View};
use crate::config::Config;
use crate::lease::{self, Lease, Sight};
use crate::store::{self, ClusterNode, ClusterRow, ClusterTable};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use uuid::Uuid;

/// How often this node says that it is there.
const NOTE: Duration = Duration::from_secs(1);
/// A node that has not said so for this long is not there.
const GONE: Duration = Duration::from_secs(5);
/// Distance of attempts to reach the database.
const AGAIN: Duration = Duration::from_millis(100);
/// While a hand-over is under way it is looked more often.
pub(super) const HURRY: Duration = Duration::from_millis(50);
/// So long a hand-over may take to begin.
pub(super) const HAND_OVER_LIMIT: Duration = Duration::from_secs(20);

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
    #[error("this node is not the active one: ask {0}")]
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
    orders: mpsc::UnboundedSender<Order>,
    is_ending: Arc<AtomicBool>,
    log: LogEnd,
}

impl Member {
    /// Begins to stand by. `http` is where this node serves, `log` what is flushed where it begins anew.
    pub fn start(config: &Config, http: String, log: LogEnd) -> std::io::Result<Member> {
        let lease = Lease::waiting();
        let (tell, view) = watch::channel(View::new(&config.node.name));
        let (orders, received) = mpsc::unbounded_channel();
        let is_ending = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let seat = Seat {
            database: config.store.events.clone(),
            length: config.cluster.lease,
            me: ClusterNode {
                node: config.node.name.clone(),
                process: Uuid::now_v7(),
                state: Role::Standby.as_str().to_owned(),
                http,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                seen: Duration::ZERO,
            },
            lease: lease.clone(),
            view: tell,
            orders: received,
            log: log.clone(),
            is_ending: is_ending.clone(),
            phase: Phase::StandingBy,
            sight: Sight::default(),
            prepared: false,
            preparing: None,
            wished: None,
            noted: None,
            is_told_over: false,
        };
        // Its own thread: an actor that is busy must not cost the lease. One that hangs for long ends the process.
        std::thread::Builder::new().name("cluster".to_owned()).spawn(move || runtime.block_on(seat.run()))?;
        Ok(Member { lease, view, orders, is_ending, log })
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
    pub fn prepared(&self) {
        let _ = self.orders.send(Order::Prepared);
    }

    /// The process ends for good: it does not begin anew, whatever happens.
    pub fn ends(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    /// Everything has ended in order: another node may go on at once.
    pub async fn let_go(&self, limit: Duration) {
        let (answer, answered) = oneshot::channel();
        let _ = self.orders.send(Order::LetGo(answer));
        // Where the database is away the others wait for the end of the lease.
        let _ = tokio::time::timeout(limit, answered).await;
    }

    /// Ends this program at once, and begins it anew as one that stands by.
    pub fn begin_anew(&self) -> ! {
        self.lease.end();
        anew::begin_anew(&self.log)
    }

    /// Asks for another node to become the active one; says which. It goes on from here by itself.
    pub async fn hand_over(&self, to: Option<String>) -> Result<String, HandOverError> {
        let (answer, answered) = oneshot::channel();
        let _ = self.orders.send(Order::HandOver { to, answer });
        let gone = || Err(HandOverError::Database("the thread of the cluster has ended".to_owned()));
        answered.await.unwrap_or_else(|_| gone())
    }
}

/// What the node is to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    StandingBy,
    Holding {
        epoch: i64,
    },
    /// It has let go, and does nothing more.
    LetGo,
}

/// What the thread works with.
pub(super) struct Seat {
    database: crate::config::Database,
    /// Of the lease.
    pub length: Duration,
    pub me: ClusterNode,
    pub lease: Lease,
    view: watch::Sender<View>,
    orders: mpsc::UnboundedReceiver<Order>,
    log: LogEnd,
    is_ending: Arc<AtomicBool>,
    pub phase: Phase,
    pub sight: Sight<Seen>,
    /// The application servers are connected.
    pub prepared: bool,
    /// The hand-over for which everything has been started.
    pub preparing: Option<Uuid>,
    /// The hand-over that this node has been asked for, and when.
    pub wished: Option<(Uuid, Instant)>,
    noted: Option<Instant>,
    /// It has been said that the lease is over.
    pub is_told_over: bool,
}

impl Seat {
    async fn run(mut self) {
        self.show_metrics();
        loop {
            let reason = match store::cluster_table(&self.database, self.limit()).await {
                Ok(mut table) => {
                    // Who could not look does not know for how long the other has been silent.
                    self.sight.forget();
                    self.ask(&mut table).await
                }
                Err(reason) => reason,
            };
            self.cannot_ask(&reason);
            let until = Instant::now() + AGAIN;
            while let Some(order) = self.next_order(until).await {
                self.refuse(order, &reason);
            }
        }
    }

    /// How long a question may take: three of them go into a lease.
    fn limit(&self) -> Duration {
        lease::beat_every(self.length)
    }

    /// Asks again and again, until the connection fails.
    async fn ask(&mut self, table: &mut ClusterTable) -> String {
        loop {
            let (asked, next) = match self.phase {
                Phase::StandingBy => (self.stand_by(table).await, lease::look_every(self.length)),
                Phase::Holding { epoch } => (self.beat(table, epoch).await, lease::beat_every(self.length)),
                Phase::LetGo => (Ok(()), NOTE),
            };
            let asked = match asked {
                Ok(()) => self.note(table).await,
                failed => failed,
            };
            if let Err(reason) = asked {
                return reason;
            }
            let is_hurried = self.wished.is_some() || self.preparing.is_some();
            let until = Instant::now() + if is_hurried { HURRY.min(next) } else { next };
            while let Some(order) = self.next_order(until).await {
                if let Err(reason) = self.obey(table, order).await {
                    return reason;
                }
            }
        }
    }

    /// What comes until then.
    async fn next_order(&mut self, until: Instant) -> Option<Order> {
        match tokio::time::timeout_at(until, self.orders.recv()).await {
            Ok(Some(order)) => Some(order),
            // Nobody is left who could tell anything.
            Ok(None) => {
                tokio::time::sleep_until(until).await;
                None
            }
            Err(_) => None,
        }
    }

    async fn obey(&mut self, table: &mut ClusterTable, order: Order) -> Result<(), String> {
        match (order, self.phase) {
            (Order::Prepared, _) => self.prepared = true,
            (Order::HandOver { to, answer }, Phase::Holding { epoch }) => {
                let begun = self.begin_hand_over(table, epoch, to).await;
                // Whoever has asked may have gone.
                let _ = answer.send(begun);
            }
            (Order::HandOver { answer, .. }, _) => {
                let active = self.view.borrow().active.clone();
                let _ = answer.send(Err(HandOverError::NotActive(active.unwrap_or("another".to_owned()))));
            }
            (Order::LetGo(answer), Phase::Holding { epoch }) => {
                self.lease.end();
                self.phase = Phase::LetGo;
                table.let_go(epoch, self.me.process).await?;
                table.leave(self.me.process).await?;
                let _ = answer.send(());
            }
            (Order::LetGo(answer), _) => {
                self.phase = Phase::LetGo;
                table.leave(self.me.process).await?;
                let _ = answer.send(());
            }
        }
        Ok(())
    }

    /// An order that nothing can be done about without the database.
    fn refuse(&mut self, order: Order, reason: &str) {
        match order {
            Order::Prepared => self.prepared = true,
            Order::HandOver { answer, .. } => {
                let _ = answer.send(Err(HandOverError::Database(reason.to_owned())));
            }
            Order::LetGo(answer) => {
                self.lease.end();
                self.phase = Phase::LetGo;
                drop(answer);
            }
        }
    }

    /// Says now and then that this node is there.
    async fn note(&mut self, table: &ClusterTable) -> Result<(), String> {
        if self.phase == Phase::LetGo || self.noted.is_some_and(|noted| noted.elapsed() < NOTE) {
            return Ok(());
        }
        self.noted = Some(Instant::now());
        self.view.borrow().role.as_str().clone_into(&mut self.me.state);
        let nodes = table.note(&self.me).await?;
        let twin = nodes.iter().find(|node| node.node == self.me.node && node.process != self.me.process);
        if twin.is_some() {
            tracing::warn!(node = self.me.node, "another node of the cluster has the same name (node.name)");
        }
        let limit = GONE.max(self.length);
        self.show(|view| view.nodes = nodes.into_iter().map(|node| Node::of(node, limit)).collect());
        let others = self.view.borrow().others().count();
        metrics::gauge!("eventmanager_cluster_others").set(others as f64);
        Ok(())
    }

    /// What the row says is shown.
    pub fn show_row(&self, row: &ClusterRow) {
        self.show(|view| {
            view.database = None;
            view.epoch = row.epoch;
            view.active.clone_from(&row.node);
            view.let_go = row.let_go;
            view.hand_over =
                row.wish.as_ref().map(|wish| HandOver { to: wish.to.clone(), ready: wish.is_ready });
        });
        metrics::gauge!("eventmanager_cluster_epoch").set(row.epoch as f64);
    }

    pub fn show_role(&mut self, role: Role) {
        self.show(|view| view.role = role);
        // The others are told at once.
        self.noted = None;
    }

    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    fn show(&self, change: impl FnOnce(&mut View)) {
        self.view.send_if_modified(|view| {
            let before = view.clone();
            change(view);
            *view != before
        });
    }

    pub fn show_metrics(&self) {
        metrics::gauge!("eventmanager_cluster_active").set(f64::from(u8::from(self.lease.is_valid())));
    }

    fn cannot_ask(&mut self, reason: &str) {
        let was = self.view.borrow().database.clone();
        if was.as_deref() != Some(reason) {
            tracing::warn!(reason, "the database of the cluster cannot be asked: trying again");
        }
        self.show(|view| view.database = Some(reason.to_owned()));
        self.look_at_lease();
    }

    /// Begins anew as one that stands by.
    pub fn begin_anew(&self) -> ! {
        self.lease.end();
        if self.is_ending.load(Ordering::Relaxed) {
            // Whoever has told it to end is not to meet it again.
            self.log.flush();
            std::process::exit(0);
        }
        anew::begin_anew(&self.log)
    }
}

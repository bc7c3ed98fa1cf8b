//! The thread of the cluster: its connection to the row, and what it does about what it is told.

use super::anew::Ending;
use super::member::{HandOverError, Order};
use super::view::{HandOver, Node, Role, View};
use crate::config::Config;
use crate::lease::{self, Lease, Sight};
use crate::store::{self, ClusterNode, ClusterRow, ClusterTable, Namesake, Sign};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use uuid::Uuid;

/// How often this node says that it is there.
const NOTE: Duration = Duration::from_secs(1);
/// The same where that has failed.
const NOTE_AGAIN: Duration = Duration::from_secs(10);
/// A node that has not said so for this long is not there.
const GONE: Duration = Duration::from_secs(5);
/// Distance of attempts to reach the database.
const AGAIN: Duration = Duration::from_millis(100);
/// While a hand-over is under way it is looked more often.
const HURRY: Duration = Duration::from_millis(50);
/// So long a hand-over may take to begin.
pub(super) const HAND_OVER_LIMIT: Duration = Duration::from_secs(20);

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

/// What it is told by the rest of the program.
pub(super) struct Told {
    pub orders: mpsc::Receiver<Order>,
    pub ending: Ending,
}

/// What the thread works with.
pub(super) struct Seat {
    database: crate::config::Database,
    /// Of the lease.
    pub length: Duration,
    pub me: ClusterNode,
    pub lease: Lease,
    view: watch::Sender<View>,
    told: Told,
    pub phase: Phase,
    pub sight: Sight<Sign>,
    /// The application servers are connected.
    pub prepared: bool,
    /// The hand-over for which everything has been started, and when.
    pub preparing: Option<(Uuid, Instant)>,
    /// The hand-over that this node has been asked for, and when.
    pub wished: Option<(Uuid, Instant)>,
    /// The lease of the latest one that was seen to hold it; the longest of some where the row was set back.
    pub held_for: Option<Duration>,
    /// The epoch that was seen last.
    pub seen: i64,
    /// It was a later one before: the row was deleted, or the database restored, and whoever has acted may act still.
    pub is_set_back: bool,
    noted: Option<Instant>,
    /// Why it could not be noted who is there.
    unnoted: Option<String>,
    /// It has been noted in this life: whoever is found under its name after that lives as well.
    is_known: bool,
    /// The other process of this name, and when it was last seen.
    twin: Option<(Namesake, Instant)>,
    /// The length of the lease that was told to be another.
    pub told_length: Option<Duration>,
    /// It has been said that the lease is over.
    pub is_told_over: bool,
}

impl Seat {
    /// One that stands by. `http` is where this node serves.
    pub fn new(config: &Config, http: String, lease: &Lease, view: watch::Sender<View>, told: Told) -> Seat {
        let me = ClusterNode {
            node: config.node.name.clone(),
            process: lease.holder(),
            state: Role::Standby.as_str().to_owned(),
            http,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seen: Duration::ZERO,
        };
        Seat {
            database: config.store.events.clone(),
            length: config.cluster.lease,
            me,
            lease: lease.clone(),
            view,
            told,
            phase: Phase::StandingBy,
            sight: Sight::default(),
            prepared: false,
            preparing: None,
            wished: None,
            held_for: None,
            seen: 0,
            is_set_back: false,
            noted: None,
            unnoted: None,
            is_known: false,
            twin: None,
            told_length: None,
            is_told_over: false,
        }
    }

    /// Goes on for ever.
    pub async fn run(mut self) {
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
                self.obey_without(order, &reason).await;
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
            if let Err(reason) = asked {
                return reason;
            }
            self.note_if_due(table).await;
            let is_hurried = self.wished.is_some() || self.preparing.is_some();
            let next = if is_hurried { HURRY } else { next.min(self.until_note()) };
            // After an order it is looked at once what has become of it.
            if let Some(order) = self.next_order(Instant::now() + next).await
                && let Err(reason) = self.obey(table, order).await
            {
                return reason;
            }
        }
    }

    /// Those that come are to be known soon, however rarely this node beats.
    fn until_note(&self) -> Duration {
        let since = self.noted.map_or(Duration::ZERO, |noted| noted.elapsed());
        self.note_every().saturating_sub(since).max(HURRY)
    }

    /// What comes until then, or until the lease is doubted.
    async fn next_order(&mut self, until: Instant) -> Option<Order> {
        tokio::select! {
            Some(order) = self.told.orders.recv() => Some(order),
            () = self.lease.doubted() => None,
            () = tokio::time::sleep_until(until) => None,
        }
    }

    async fn obey(&mut self, table: &mut ClusterTable, order: Order) -> Result<(), String> {
        match (order, self.phase) {
            (Order::Prepared, _) => self.prepared = true,
            (Order::HandOver { to, answer }, Phase::Holding { .. }) => {
                let begun = self.begin_hand_over(table, to).await;
                // Whoever has asked may have gone.
                let _ = answer.send(begun);
            }
            (Order::HandOver { answer, .. }, _) => {
                let _ = answer.send(Err(self.view.borrow().not_active()));
            }
            (Order::LetGo(answer), Phase::Holding { .. }) => {
                self.lease.end();
                self.phase = Phase::LetGo;
                table.let_go(self.me.process).await?;
                // Who begins anew is there again at once.
                if self.told.ending.is_for_good() {
                    table.leave(self.me.process).await?;
                }
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

    /// An order that comes while there is no connection. Whoever ends tries once to say so: another node begins at once then, and
    /// not when the lease is over.
    async fn obey_without(&mut self, order: Order, reason: &str) {
        let is_end = matches!((&order, self.phase), (Order::LetGo(_), Phase::Holding { .. }));
        if is_end && let Ok(mut table) = store::cluster_table(&self.database, self.limit()).await {
            // The lease is over where this fails as well.
            let _ = self.obey(&mut table, order).await;
        } else {
            self.refuse(order, reason);
        }
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

    /// What fails is not asked for so often: it may take its time from the beats.
    fn note_every(&self) -> Duration {
        if self.unnoted.is_some() { NOTE_AGAIN } else { NOTE }
    }

    /// Says now and then that this node is there. Nobody's place hangs on that: what fails is told, and no more.
    async fn note_if_due(&mut self, table: &ClusterTable) {
        let every = self.note_every();
        if self.phase == Phase::LetGo || self.noted.is_some_and(|noted| noted.elapsed() < every) {
            return;
        }
        self.noted = Some(Instant::now());
        let failed = self.note(table).await.err();
        if let Some(reason) = &failed
            && self.unnoted != failed
        {
            tracing::warn!(reason, "who there is cannot be noted in the table em_node");
        }
        self.unnoted = failed;
    }

    async fn note(&mut self, table: &ClusterTable) -> Result<(), String> {
        self.view.borrow().role.as_str().clone_into(&mut self.me.state);
        let before = table.note(&self.me).await?;
        self.look_for_twin(before);
        let nodes = table.nodes().await?;
        let limit = GONE.max(self.length);
        self.show(|view| view.nodes = nodes.into_iter().map(|node| Node::of(node, limit)).collect());
        let others = self.view.borrow().others().count();
        metrics::gauge!("eventmanager_cluster_others").set(others as f64);
        Ok(())
    }

    /// Who had our name since we last had it lives as well. Whoever had it before us has ended.
    fn look_for_twin(&mut self, before: Option<Namesake>) {
        let was_known = std::mem::replace(&mut self.is_known, true);
        let Some(other) = before.filter(|other| was_known && other.process != self.me.process) else {
            return;
        };
        if self.twin.as_ref().is_none_or(|(twin, _)| twin.process != other.process) {
            let (node, state) = (&self.me.node, &other.state);
            tracing::warn!(node, state, "another node of the cluster has the same name (node.name)");
        }
        self.twin = Some((other, Instant::now()));
    }

    /// Why this node does not take part: of two with one name the one that has been there for longer does, or acts already.
    pub fn gives_way_to(&self) -> Option<String> {
        let (twin, seen) = self.twin.as_ref()?;
        let is_first = twin.state != Role::Standby.as_str() || twin.process < self.me.process;
        (is_first && seen.elapsed() < GONE).then(|| {
            format!("another node has the same name, {} (node.name): it takes no part", self.me.node)
        })
    }

    /// What keeps this node from its place, where something does; told when that changes.
    pub fn hinder(&mut self, why: Option<String>) {
        if let Some(why) = &why
            && self.view.borrow().hindrance.as_ref() != Some(why)
        {
            tracing::warn!(why, "this node cannot become the active one");
        }
        self.show(|view| view.hindrance = why);
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

    pub fn show(&self, change: impl FnOnce(&mut View)) {
        self.view.send_if_modified(|view| {
            let before = view.clone();
            change(view);
            view.settle();
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
        self.told.ending.begin_anew()
    }
}

//! What the actor runs: accepts clients, hands events on, and minds a new configuration.

use super::Feed;
use super::clients::Clients;
use super::end::End;
use super::message;
use super::session::Session;
use crate::config::{self, Live};
use crate::sockets::may_stay;
use crate::telemetry::Seldom;
use crate::topics::happenings::{Happening, happenings};
use crate::topics::turn::{Latest, Turn};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// So long it is waited for readers that are behind, where all of them are.
const PATIENCE: Duration = Duration::from_millis(50);
/// After a failure to accept, of descriptors say.
const PAUSE: Duration = Duration::from_millis(200);
/// What is queued is written within this at a stop.
const FLUSH: Duration = Duration::from_secs(1);

/// The clients as tasks; they end with it.
type Tasks = JoinSet<(SocketAddr, End)>;

/// See the module.
pub struct Server {
    config: Live<config::EvapiServer>,
    clients: Clients,
    /// What is told of each, over all clients.
    failed: Seldom,
    refused: Seldom,
    came: Seldom,
    went: Seldom,
    /// Those who went because of what they did.
    sent_away: Seldom,
    bad: Rc<Seldom>,
}

impl Server {
    /// A server without clients.
    pub fn new(config: Live<config::EvapiServer>) -> Server {
        for reason in End::LABELS {
            count_end(reason, 0);
        }
        for reason in ["address", "full", "descriptors"] {
            count_refused(reason, 0);
        }
        metrics::counter!("eventmanager_evapi_frames_total").absolute(0);
        Server {
            config,
            clients: Clients::new(),
            failed: Seldom::default(),
            refused: Seldom::default(),
            came: Seldom::default(),
            went: Seldom::default(),
            sent_away: Seldom::default(),
            bad: Rc::default(),
        }
    }

    /// Serves until `stop` is notified; then what is queued is written, if that can be done at once.
    pub async fn run(self, listener: TcpListener, mut feed: impl Feed, stop: &Notify) {
        // Whoever is accepted gets what happens from then on.
        feed.begin().await;
        let mut tasks = Tasks::new();
        tokio::select! {
            never = self.accept(listener, &mut tasks) => match never {},
            never = self.hand_on(feed) => match never {},
            never = self.mind_config() => match never {},
            () = stop.notified() => {}
        }
        self.clients.close();
        let ended = async {
            while let Some(ended) = tasks.join_next().await {
                self.tell_end(ended);
            }
        };
        if timeout(FLUSH, ended).await.is_err() {
            tracing::warn!(clients = tasks.len(), "evapi clients did not take in time what was queued");
            count_end(End::Stopped.label(), tasks.len());
        }
    }

    async fn accept(&self, listener: TcpListener, tasks: &mut Tasks) -> Infallible {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, tasks),
                    Err(error) => self.not_accepted(&error).await,
                },
                Some(ended) = tasks.join_next() => self.tell_end(ended),
            }
        }
    }

    async fn not_accepted(&self, error: &io::Error) {
        if let Some(so_far) = self.failed.count() {
            tracing::error!(%error, so_far, "evapi client cannot be accepted");
        }
        sleep(PAUSE).await;
    }

    /// One who may not come, or for whom there is no room, is disconnected at once.
    fn admit(&self, stream: TcpStream, peer: SocketAddr, tasks: &mut Tasks) {
        let config = self.config.get();
        let reason = if !config.allows(peer.ip()) {
            "address"
        } else if self.clients.len() >= config.max_clients {
            "full"
        } else if !may_stay(&stream) {
            "descriptors"
        } else {
            let seat = self.clients.enter(peer.ip());
            let session = Session { peer, seat, config: self.config.clone(), bad: Rc::clone(&self.bad) };
            tasks.spawn_local(async move { (peer, session.run(stream).await) });
            if let Some(so_far) = self.came.count() {
                tracing::info!(%peer, so_far, "evapi client connected");
            }
            return;
        };
        count_refused(reason, 1);
        if let Some(so_far) = self.refused.count() {
            tracing::warn!(%peer, reason, so_far, "evapi client refused");
        }
    }

    fn tell_end(&self, ended: Result<(SocketAddr, End), JoinError>) {
        let (peer, end) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // It has cost this client alone.
                count_end("failed", 1);
                tracing::error!(%error, "serving an evapi client failed");
                return;
            }
        };
        count_end(end.label(), 1);
        if matches!(end, End::Slow { .. } | End::Bad(_)) {
            if let Some(so_far) = self.sent_away.count() {
                tracing::warn!(%peer, reason = %end, so_far, "evapi client disconnected");
            }
        } else if let Some(so_far) = self.went.count() {
            tracing::info!(%peer, reason = %end, so_far, "evapi client disconnected");
        }
    }

    async fn hand_on(&self, mut feed: impl Feed) -> Infallible {
        let (mut latest, mut turn) = (Latest::default(), Turn::new());
        loop {
            for happening in happenings(feed.next().await) {
                self.send(&happening, &mut latest, &mut turn);
                if turn.is_over(self.config.get().queue) {
                    self.give_way(&mut turn).await;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn send(&self, happening: &Happening, latest: &mut Latest, turn: &mut Turn) {
        let config = self.config.get();
        let receivers = self.clients.receivers(&happening.topics, &config.topics);
        let receivers = latest.others(happening.event.uuid, receivers);
        if !receivers.is_empty() {
            let frame = message::frame(happening, config.envelope);
            self.clients.send(&receivers, &frame, config.queue);
            turn.add(receivers, frame.len());
        }
    }

    /// Has those who write do so. Where more has come at once than the fastest reader takes, as after an outage, it gets some time:
    /// all who got any of it are behind then, and so nobody waits for another.
    async fn give_way(&self, turn: &mut Turn) {
        tokio::task::yield_now().await;
        let (queue, until) = (self.config.get().queue, Instant::now() + PATIENCE);
        let (mut is_late, mut moves) = (turn.is_in_vain, 0);
        while !is_late && self.clients.are_all_behind(&turn.receivers, queue) {
            is_late = timeout_at(until, self.clients.moved()).await.is_err();
            moves += usize::from(!is_late);
            turn.is_in_vain = moves == 0;
        }
        turn.begin_next();
    }

    async fn mind_config(&self) -> Infallible {
        let mut config = self.config.clone();
        while let Some(changed) = config.changed().await {
            let now = changed.get();
            self.clients.end_others(|address| now.allows(address));
            config = changed;
        }
        std::future::pending().await
    }
}

fn count_end(reason: &'static str, count: usize) {
    metrics::counter!("eventmanager_evapi_disconnects_total", "reason" => reason).increment(count as u64);
}

fn count_refused(reason: &'static str, count: u64) {
    metrics::counter!("eventmanager_evapi_refused_total", "reason" => reason).increment(count);
}

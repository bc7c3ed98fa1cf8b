//! What the actor runs: forwards, and tells those who come what has been.

use super::replay::Replay;
use super::retained::{Kept, Retained};
use crate::config::ZmqServer;
use crate::failpoints;
use crate::telemetry::{Seldom, count_bad_frame};
use crate::wire::zmtp::Message;
use crate::zmq::{Happening, PublishServer, Publisher, PullServer, ServerSettings, ZmqError};
use bytes::Bytes;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{Instant, interval};

/// How often it is looked whether those who were behind can take something again.
const GLANCE: Duration = Duration::from_millis(50);
/// Subscriptions of one agent whose states are being told, at most.
const PREFIXES: usize = 16;
/// Subscriptions of one replay, at most.
const ALL: usize = 1_000;
/// Agents, at most.
const AGENTS: usize = 1_000;
/// Bytes that may wait for one agent.
const BYTES: usize = 64 << 20;

/// See the module.
pub struct Server {
    pull: PullServer,
    publish: PublishServer,
    publisher: Publisher,
    retained: Retained,
    replays: Vec<Replay>,
    forwarded: metrics::Counter,
    dropped: metrics::Counter,
    agents: metrics::Gauge,
    bad: Seldom,
    refused: Seldom,
    ended: Seldom,
}

impl Server {
    /// A server on these two listeners.
    pub fn new(config: &ZmqServer, pull: TcpListener, publish: TcpListener) -> Server {
        let settings = ServerSettings {
            peers: AGENTS,
            networks: config.allow_from.clone(),
            queue: config.queue,
            queue_bytes: BYTES,
            ..ServerSettings::default()
        };
        let publish = PublishServer::new(publish, settings.clone());
        let (forwarded, dropped) = (
            metrics::counter!("eventmanager_agent_messages_total"),
            metrics::counter!("eventmanager_agent_dropped_total"),
        );
        forwarded.absolute(0);
        dropped.absolute(0);
        Server {
            pull: PullServer::new(pull, settings),
            publisher: publish.publisher(),
            publish,
            retained: Retained::default(),
            replays: Vec::new(),
            forwarded,
            dropped,
            agents: metrics::gauge!("eventmanager_agents"),
            bad: Seldom::default(),
            refused: Seldom::default(),
            ended: Seldom::default(),
        }
    }

    /// Serves until `stop` is notified.
    pub async fn run(mut self, stop: &Notify) {
        let mut glance = interval(GLANCE);
        loop {
            tokio::select! {
                pulled = self.pull.next() => self.pulled(pulled),
                published = self.publish.next() => self.published(published),
                _ = glance.tick() => self.catch_up(),
                () = stop.notified() => return,
            }
        }
    }

    fn pulled(&mut self, happening: Happening<(SocketAddr, Message)>) {
        match happening {
            Happening::Brought((peer, message)) => self.forward(peer, &message.into_frames()),
            other => self.tell("pull", other),
        }
    }

    /// Two frames, as they came.
    fn forward(&mut self, peer: SocketAddr, frames: &[Bytes]) {
        if frames.len() != 2 {
            return self.count_bad(
                peer,
                "framing",
                &format!("{} frames, which are no topic and message", frames.len()),
            );
        }
        failpoints::pass_at_once("agents.forward.before");
        self.forwarded.increment(1);
        let published = self.publisher.publish(frames);
        self.dropped.increment(published.dropped as u64);
        failpoints::pass_at_once("agents.forward.after");
        match self.retained.keep(peer, frames, Instant::now()) {
            Kept::Well => {}
            Kept::NoRoom => self.count_bad(
                peer,
                "not_remembered",
                "a state for which there is no room; it is forwarded all the same",
            ),
            Kept::NotUnderstood => {
                self.count_bad(
                    peer,
                    "message",
                    "a message that is none of agents; it is forwarded all the same",
                );
            }
        }
    }

    fn published(&mut self, happening: Happening<Infallible>) {
        match happening {
            Happening::Subscribed { peer, prefix } => self.replay(peer, vec![prefix]),
            other => self.tell("pub", other),
        }
        self.agents.set(self.publisher.subscribers().len() as f64);
    }

    /// One who asks again and again is told everything that it has asked for from the begin, and not several times beside each other.
    fn replay(&mut self, peer: SocketAddr, mut prefixes: Vec<Bytes>) {
        let others = self.replays.iter().filter(|replay| replay.is_of(peer)).count();
        if others >= PREFIXES {
            let theirs = self.replays.extract_if(.., |replay| replay.is_of(peer));
            prefixes.extend(theirs.flat_map(|replay| replay.prefixes().to_vec()));
            prefixes = shortest(prefixes);
        }
        let mut replay = Replay::new(peer, prefixes);
        if replay.go_on(&self.retained, &self.publisher) {
            self.replays.push(replay);
        }
    }

    /// Tells those who had no room for something what they have missed, once they have taken what waits.
    fn catch_up(&mut self) {
        self.replays.retain_mut(|replay| replay.go_on(&self.retained, &self.publisher));
        for (peer, prefixes) in self.publisher.caught_up() {
            tracing::info!(%peer, "an agent that was behind is told all states anew");
            self.replays.retain(|replay| !replay.is_of(peer));
            self.replay(peer, prefixes);
        }
        self.retained.forget(Instant::now());
        metrics::gauge!("eventmanager_agent_states").set(self.retained.len() as f64);
    }

    fn tell<T>(&self, socket: &'static str, happening: Happening<T>) {
        match happening {
            Happening::Came(peer) => tracing::info!(%peer, socket, "an agent has come"),
            Happening::Gone { peer, reason: ZmqError::Closed, dropped } => {
                tracing::info!(%peer, socket, dropped, "an agent has gone");
            }
            Happening::Gone { peer, reason, dropped } => {
                metrics::counter!("eventmanager_agent_ends_total", "reason" => reason.label()).increment(1);
                if let Some(so_far) = self.ended.count() {
                    tracing::warn!(%peer, socket, %reason, dropped, so_far, "the connection to an agent has ended");
                }
            }
            Happening::Refused { peer, reason } => {
                metrics::counter!("eventmanager_agent_refused_total", "reason" => reason).increment(1);
                if let Some(so_far) = self.refused.count() {
                    tracing::warn!(%peer, socket, reason, so_far, "an agent was sent away");
                }
            }
            Happening::NotAccepted(error) => tracing::error!(%error, socket, "an agent cannot be accepted"),
            Happening::Brought(_) | Happening::Subscribed { .. } => {}
        }
    }

    fn count_bad(&self, peer: SocketAddr, reason: &'static str, what: &str) {
        count_bad_frame("zmq_server", reason);
        if let Some(so_far) = self.bad.count() {
            tracing::warn!(%peer, what, so_far, "bad message of an agent");
        }
    }
}

/// Those that no other one begins. Where there are too many that is everything: whoever has asked for so much gets more than that.
fn shortest(mut prefixes: Vec<Bytes>) -> Vec<Bytes> {
    prefixes.sort_unstable();
    prefixes.dedup_by(|later, earlier| later.starts_with(earlier));
    if prefixes.len() > ALL { vec![Bytes::new()] } else { prefixes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_merged_and_none_is_lost() {
        let check = |prefixes: &[&'static str], expected: &[&'static str]| {
            let prefixes = prefixes.iter().map(|prefix| Bytes::from_static(prefix.as_bytes())).collect();
            assert_eq!(shortest(prefixes), expected);
        };
        check(&["[S1]", "[*]", "[S1]", "[S2]"], &["[*]", "[S1]", "[S2]"]);
        check(&["[S", "[*]", "[S1]", "[S10]"], &["[*]", "[S"]);
        check(&["[S1]", ""], &[""]);
        let many = (0..=ALL).map(|number| Bytes::from(format!("[{number:05}]"))).collect();
        assert_eq!(shortest(many), [Bytes::new()]);
    }
}

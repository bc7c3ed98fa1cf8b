//! Where everybody who sends looks which systems are paused.
//!
//! [`super::pauses`] alone writes on it.

use crate::lease::Lease;
use crate::plan::System;
use crate::store;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// The systems that are paused, each with who, when and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paused(pub(super) BTreeMap<System, store::Pause>);

impl Paused {
    /// The pause of a system that has one.
    pub fn get(&self, system: System) -> Option<&store::Pause> {
        self.0.get(&system)
    }
}

impl FromIterator<store::Pause> for Paused {
    fn from_iter<I: IntoIterator<Item = store::Pause>>(pauses: I) -> Self {
        Paused(pauses.into_iter().map(|pause| (pause.system, pause)).collect())
    }
}

/// Where the pauses can be seen. `None`: the store has not been read yet.
#[derive(Debug, Clone)]
pub struct Board {
    paused: watch::Receiver<Option<Paused>>,
    lease: Lease,
}

/// The writing side of the board; it lives as long as the daemon.
pub type Publisher = Arc<watch::Sender<Option<Paused>>>;

/// A board on which nothing is known yet; the metric of every system exists from now on.
pub fn board(lease: &Lease) -> (Publisher, Board) {
    System::ALL.into_iter().for_each(|system| gauge(system, false));
    let (publisher, paused) = watch::channel(None);
    (Arc::new(publisher), Board { paused, lease: lease.clone() })
}

impl Board {
    /// A board on which nothing ever shows as paused, where there is nobody who pauses.
    pub fn all_running() -> Board {
        Board { paused: watch::channel(Some(Paused::default())).1, lease: Lease::unlimited() }
    }

    /// The same, and nothing is sent but while this is held.
    pub fn governed_by(self, lease: Lease) -> Board {
        Board { lease, ..self }
    }

    /// What is known now.
    pub fn read(&self) -> Option<Paused> {
        self.paused.borrow().clone()
    }

    /// Why nothing may be sent to this system now; `None`: it may.
    pub fn obstacle(&self, system: System) -> Option<String> {
        match &*self.paused.borrow() {
            None => Some(format!("whether {system} is paused is not known yet")),
            Some(paused) => paused.get(system).map(|pause| match &pause.reason {
                Some(reason) => format!("paused by {}: {reason}", pause.actor),
                None => format!("paused by {}", pause.actor),
            }),
        }
    }

    /// Whether anything may be sent at all: of several daemons that share a database one sends.
    pub fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// Resolves with the board when it says something new; `None` when nothing new can come.
    pub async fn changed(mut self) -> Option<Board> {
        self.paused.changed().await.ok()?;
        Some(self)
    }
}

/// The metric of a system.
pub(super) fn gauge(system: System, paused: bool) {
    metrics::gauge!("eventmanager_paused", "system" => system.as_str()).set(f64::from(u8::from(paused)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_board_that_knows_nothing_lets_nothing_through() {
        let (publisher, board) = board(&Lease::unlimited());
        assert!(board.obstacle(System::Hss).is_some_and(|reason| reason.contains("not known yet")));
        let (actor, reason) = ("anna".to_owned(), Some("upgrade".to_owned()));
        let pause = store::Pause { system: System::Hss, at: SystemTime::now(), actor, reason };
        publisher.send_replace(Some([pause].into_iter().collect()));
        assert_eq!(board.obstacle(System::Hss).as_deref(), Some("paused by anna: upgrade"));
        assert_eq!(board.obstacle(System::Enum), None);
    }
}

//! Where everybody who sends looks which systems are paused.
//!
//! [`super::pauses`] alone writes on it.

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
pub struct Board(watch::Receiver<Option<Paused>>);

/// The writing side of the board; it lives as long as the daemon.
pub type Publisher = Arc<watch::Sender<Option<Paused>>>;

/// A board on which nothing is known yet; the metric of every system exists from now on.
pub fn board() -> (Publisher, Board) {
    System::ALL.into_iter().for_each(|system| gauge(system, false));
    let (publisher, board) = watch::channel(None);
    (Arc::new(publisher), Board(board))
}

impl Board {
    /// A board on which nothing ever shows as paused, where there is nobody who pauses.
    pub fn all_running() -> Board {
        Board(watch::channel(Some(Paused::default())).1)
    }

    /// What is known now.
    pub fn read(&self) -> Option<Paused> {
        self.0.borrow().clone()
    }

    /// Why nothing may be sent to this system now; `None`: it may.
    pub fn obstacle(&self, system: System) -> Option<String> {
        match &*self.0.borrow() {
            None => Some(format!("whether {system} is paused is not known yet")),
            Some(paused) => paused.get(system).map(|pause| match &pause.reason {
                Some(reason) => format!("paused by {}: {reason}", pause.actor),
                None => format!("paused by {}", pause.actor),
            }),
        }
    }

    /// Resolves with the board when it says something new; `None` when nothing new can come.
    pub async fn changed(mut self) -> Option<Board> {
        self.0.changed().await.ok()?;
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
        let (publisher, board) = board();
        assert!(board.obstacle(System::Hss).is_some_and(|reason| reason.contains("not known yet")));
        let (actor, reason) = ("anna".to_owned(), Some("upgrade".to_owned()));
        let pause = store::Pause { system: System::Hss, at: SystemTime::now(), actor, reason };
        publisher.send_replace(Some([pause].into_iter().collect()));
        assert_eq!(board.obstacle(System::Hss).as_deref(), Some("paused by anna: upgrade"));
        assert_eq!(board.obstacle(System::Enum), None);
    }
}

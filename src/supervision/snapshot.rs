//! The supervision tree as operators see it.

use super::{Exit, Supervisor};
use actix::prelude::*;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use utoipa::ToSchema;

/// How long the whole tree may take to answer. Each level grants the one below it three quarters of its own time, so
/// that a stuck supervisor deep down is shown as stuck, and not all those above it.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// One supervisor or worker with all below it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tree {
    pub name: String,
    pub kind: Kind,
    pub state: State,
    /// How often it was started again since the process began, for whatever reason.
    pub restarts: u64,
    pub last_exit: Option<LastExit>,
    #[schema(no_recursion)]
    pub children: Vec<Tree>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Supervisor,
    Worker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Running,
    /// Told to start and not heard of since.
    Starting,
    Stopping,
    /// Waiting for its restart.
    Backoff,
    Stopped,
    /// A supervisor that should run but did not answer in time; its children are not known.
    Unresponsive,
}

impl State {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Starting => "starting",
            State::Stopping => "stopping",
            State::Backoff => "backoff",
            State::Stopped => "stopped",
            State::Unresponsive => "unresponsive",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<&str> for State {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

/// How and when (seconds since 1970) the last incarnation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastExit {
    pub reason: String,
    pub at: u64,
}

impl LastExit {
    pub(super) fn now(exit: &Exit) -> LastExit {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        LastExit { reason: exit.to_string(), at }
    }
}

/// Asks a supervisor for itself and all below it. Answered within about a second whatever hangs below.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Tree")]
pub struct GetTree;

impl Handler<GetTree> for Supervisor {
    type Result = ResponseFuture<Tree>;

    fn handle(&mut self, _: GetTree, _: &mut Context<Self>) -> Self::Result {
        self.survey(ANSWER_WITHIN)
    }
}

/// [`GetTree`] from the supervisor above, with the time it grants.
#[derive(Message)]
#[rtype(result = "Tree")]
struct Survey {
    within: Duration,
}

impl Handler<Survey> for Supervisor {
    type Result = ResponseFuture<Tree>;

    fn handle(&mut self, survey: Survey, _: &mut Context<Self>) -> Self::Result {
        self.survey(survey.within)
    }
}

impl Supervisor {
    fn survey(&self, within: Duration) -> ResponseFuture<Tree> {
        let mut tree = self.line();
        let below = within * 3 / 4;
        let asked = self.slots.iter().map(|slot| {
            let nested = slot.nested.clone().filter(|_| slot.is_up());
            with_children(slot.line(), nested, below)
        });
        let asked: Vec<_> = asked.collect();
        Box::pin(async move {
            tree.children = join_all(asked).await;
            tree
        })
    }

    /// What it knows of itself. Its parent knows its restarts and exits.
    fn line(&self) -> Tree {
        Tree {
            name: self.name.clone(),
            kind: Kind::Supervisor,
            state: if self.ending.is_some() { State::Stopping } else { State::Running },
            restarts: 0,
            last_exit: None,
            children: Vec::new(),
        }
    }
}

/// Completes the parent's line about a child by what the child itself answers, if it is a supervisor that is up.
async fn with_children(line: Tree, nested: Option<Addr<Supervisor>>, within: Duration) -> Tree {
    let Some(nested) = nested else { return line };
    match nested.send(Survey { within }).timeout(within).await {
        Ok(own) => Tree { state: own.state, children: own.children, ..line },
        Err(_) => Tree { state: State::Unresponsive, ..line },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::{Backoff, Intensity, Spec, Strategy};

    fn supervisor(name: &str) -> (Spec, Addr<Supervisor>) {
        let time = Duration::from_millis(1);
        let (intensity, backoff) = (Intensity { max: 1, within: time }, Backoff { first: time, max: time });
        Spec::supervisor(Supervisor::new(name, Strategy::OneForOne, intensity, backoff, vec![]))
    }

    fn line(name: &str) -> Tree {
        let (name, kind) = (name.to_owned(), Kind::Supervisor);
        Tree { name, kind, state: State::Running, restarts: 7, last_exit: None, children: Vec::new() }
    }

    #[actix::test]
    async fn a_supervisor_that_does_not_answer_in_time_is_shown_as_such() {
        let (_never_run, silent) = supervisor("silent");
        let shown = with_children(line("silent"), Some(silent), Duration::from_millis(20)).await;
        assert_eq!(shown, Tree { state: State::Unresponsive, ..line("silent") });
    }

    #[test]
    fn a_state_is_the_same_word_everywhere() {
        use State::{Running, Starting, Stopped, Stopping, Unresponsive};
        for state in [Running, Starting, Stopping, State::Backoff, Stopped, Unresponsive] {
            assert_eq!(serde_json::to_value(state).ok(), Some(state.as_str().into()));
            assert_eq!(state, state.as_str());
        }
    }
}

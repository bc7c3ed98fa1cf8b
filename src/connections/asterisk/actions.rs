//! Actions that operators have run: which Asterisks there are, and what becomes of an action.
//!
//! An action does not wait for a connection: who has given it is told at once that there is none.

use super::ami;
use crate::config::{self, Live};
use crate::connections::LinkState;
use actix::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// A connection that says nothing of an action for so long after its time has hung, or has been ended.
const GRACE: Duration = Duration::from_millis(500);

/// Names and values, in order.
pub type Headers = Vec<(String, String)>;

/// Has an action run; answered with what the server says of it.
#[derive(Debug, Message)]
#[rtype(result = "Result<Answer, NotRun>")]
pub struct RunAction {
    pub action: String,
    pub headers: Headers,
    /// Nobody waits for the answer any longer.
    pub until: Instant,
}

/// What a server answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Of the response, without the id.
    pub headers: Headers,
    /// The lines that a command has printed.
    pub output: Vec<String>,
    /// The items of a list, and what ends it.
    pub events: Vec<Headers>,
    /// There was more than is kept.
    pub truncated: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRun {
    #[error("not connected: {0}")]
    NotConnected(String),
    /// It was not sent.
    #[error("{0}")]
    Unwritable(String),
    #[error("too many actions wait already")]
    Busy,
    /// It was not sent.
    #[error("this node of the cluster does not hold the lease")]
    NotActive,
    #[error("no answer came in time; it may have been carried out all the same")]
    Late,
    #[error("the connection was lost before an answer came; it may have been carried out all the same")]
    Lost,
}

/// One whose actions can be run.
#[derive(Clone)]
pub struct Asterisk {
    pub(in crate::connections) config: Arc<config::Asterisk>,
    pub(in crate::connections) link: watch::Receiver<LinkState>,
    pub(in crate::connections) run: Recipient<RunAction>,
}

/// All of them; a reload changes which they are.
#[derive(Clone)]
pub struct Asterisks(Live<Vec<Asterisk>>);

impl Asterisks {
    pub(in crate::connections) fn new(asterisks: Live<Vec<Asterisk>>) -> Self {
        Asterisks(asterisks)
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<Asterisk> {
        self.0.get().iter().find(|asterisk| asterisk.config.name == name).cloned()
    }

    /// The names of those that there are.
    pub fn names(&self) -> Vec<String> {
        self.0.get().iter().map(|asterisk| asterisk.config.name.clone()).collect()
    }
}

impl Asterisk {
    /// The actions that operators may have run.
    pub fn actions(&self) -> &[String] {
        &self.config.actions
    }

    /// Whether an action can be sent: it is one, and there is a connection. The error says why not.
    pub fn check(&self, wish: &RunAction) -> Result<(), NotRun> {
        ami::check_action(wish)?;
        check(&self.link.borrow())
    }

    /// Has an action run, and waits for its answer until then.
    pub async fn run(&self, action: RunAction) -> Result<Answer, NotRun> {
        let answered = timeout_at(action.until + GRACE, self.run.send(action)).await;
        // It has failed, or ended in the midst of it; or it hangs.
        answered.map_or(Err(NotRun::Late), |answer| answer.unwrap_or(Err(NotRun::Lost)))
    }
}

/// Whether there is a connection.
pub(super) fn check(state: &LinkState) -> Result<(), NotRun> {
    match &state.reason {
        _ if state.up => Ok(()),
        reason => Err(NotRun::NotConnected(reason.clone().unwrap_or_else(|| "not connected yet".to_owned()))),
    }
}

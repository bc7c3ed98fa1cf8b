//! For tests: a manager of states that only takes what it is told.

use crate::connections::asterisk::feed::StatesManager;
use crate::managers::device_state::messages::{self, Heard, Listed, Lost};
use actix::prelude::*;
use tokio::sync::mpsc;

/// See the module.
pub struct Manager(mpsc::UnboundedSender<Told>);

/// What it is told, but for lists and outcomes.
#[derive(Debug)]
pub enum Told {
    Heard(Heard),
    Lost(Lost),
}

/// What it was told, in order.
pub struct All(mpsc::UnboundedReceiver<Told>);

impl All {
    /// The next.
    pub async fn next(&mut self) -> Option<Told> {
        self.0.recv().await
    }

    /// The next states that it hears.
    pub async fn recv(&mut self) -> Option<Heard> {
        loop {
            if let Told::Heard(heard) = self.next().await? {
                return Some(heard);
            }
        }
    }
}

impl Manager {
    /// One, and what it is told.
    pub fn start() -> (StatesManager, All) {
        let (tell, told) = mpsc::unbounded_channel();
        let manager = Actor::start(Manager(tell));
        let (listed, heard) = (manager.clone().recipient(), manager.clone().recipient());
        let (outcome, lost) = (manager.clone().recipient(), manager.recipient());
        (StatesManager { listed, heard, told: outcome, lost }, All(told))
    }
}

impl Actor for Manager {
    type Context = Context<Self>;
}

macro_rules! takes {
    ($($message:ident),*) => { $(impl Handler<$message> for Manager {
        type Result = ();
        fn handle(&mut self, message: $message, _: &mut Context<Self>) {
            // Nobody may want to know.
            let _ = self.0.send(Told::$message(message));
        }
    })* };
}
takes!(Heard, Lost);

macro_rules! passes_over {
    ($($message:ty),*) => { $(impl Handler<$message> for Manager {
        type Result = ();
        fn handle(&mut self, _: $message, _: &mut Context<Self>) {}
    })* };
}
passes_over!(Listed, messages::Told);

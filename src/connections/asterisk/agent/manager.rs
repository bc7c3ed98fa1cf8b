//! For tests: a manager of states that only takes what it is told.

use crate::connections::asterisk::feed::StatesManager;
use crate::managers::device_state::messages::{Heard, Listed, Lost, Told};
use actix::prelude::*;
use tokio::sync::mpsc;

/// See the module.
pub struct Manager(mpsc::UnboundedSender<Heard>);

impl Manager {
    /// One, and what it hears.
    pub fn start() -> (StatesManager, mpsc::UnboundedReceiver<Heard>) {
        let (tell, told) = mpsc::unbounded_channel();
        let manager = Actor::start(Manager(tell));
        let (listed, heard) = (manager.clone().recipient(), manager.clone().recipient());
        let (outcome, lost) = (manager.clone().recipient(), manager.recipient());
        (StatesManager { listed, heard, told: outcome, lost }, told)
    }
}

impl Actor for Manager {
    type Context = Context<Self>;
}

impl Handler<Heard> for Manager {
    type Result = ();

    fn handle(&mut self, heard: Heard, _: &mut Context<Self>) {
        // Nobody may want to know.
        let _ = self.0.send(heard);
    }
}

macro_rules! takes {
    ($($message:ty),*) => { $(impl Handler<$message> for Manager {
        type Result = ();
        fn handle(&mut self, _: $message, _: &mut Context<Self>) {}
    })* };
}
takes!(Listed, Lost, Told);

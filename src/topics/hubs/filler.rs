//! The actor that fills the window of the log for all hubs.

use super::Shared;
use crate::supervision::Shutdown;
use actix::prelude::*;
use std::sync::Arc;

/// See the module.
pub struct Filler(Arc<Shared>);

impl Filler {
    /// Of this window.
    pub fn new(shared: Arc<Shared>) -> Filler {
        Filler(shared)
    }
}

impl Actor for Filler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let shared = Arc::clone(&self.0);
        let work = async move { match shared.window.fill().await {} };
        ctx.spawn(work.into_actor(self));
    }
}

impl Supervised for Filler {}

impl Handler<Shutdown> for Filler {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

//! The actor that knows which hubs there are: they come and go here, and each has a delivery of its own under the supervisor beside.

use super::Shared;
use super::desk::Desk;
use super::log_window::LogWindow;
use super::managing::Managing;
use super::messages::{Halt, HubError, HubStatus, List, Register, Remove, Replay, Replaying, Resume, Show};
use crate::store::Hub;
use crate::supervision::{Shutdown, Supervisor};
use actix::prelude::*;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

/// See the module.
pub struct Hubs {
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    supervisor: Addr<Supervisor>,
    /// Where deliveries run.
    thread: ArbiterHandle,
    managing: Option<Rc<Managing>>,
}

impl Hubs {
    /// A manager of the hubs in the store, whose deliveries are children of `supervisor`. The `desk` stays across its restarts.
    pub fn new(
        shared: Arc<Shared>,
        desk: Arc<Desk>,
        supervisor: Addr<Supervisor>,
        thread: ArbiterHandle,
    ) -> Hubs {
        Hubs { shared, desk, supervisor, thread, managing: None }
    }

    /// Goes on to its end, whether or not somebody still waits for it.
    fn with<T: 'static>(
        &self,
        work: impl AsyncFnOnce(Rc<Managing>) -> Result<T, HubError> + 'static,
    ) -> ResponseFuture<Result<T, HubError>> {
        let managing = self.managing.clone();
        Box::pin(async move {
            match managing {
                Some(managing) => work(managing).await,
                None => Err(HubError::Away("it is being started".to_owned())),
            }
        })
    }
}

impl Hubs {
    /// Answers as soon as the hubs are known.
    fn look<T: 'static>(&self, look: impl FnOnce(&Desk, &LogWindow) -> T + 'static) -> ResponseFuture<T> {
        let (managing, desk, shared) =
            (self.managing.clone(), Arc::clone(&self.desk), Arc::clone(&self.shared));
        Box::pin(async move {
            if let Some(managing) = managing {
                managing.known().await;
            }
            look(&desk, &shared.window)
        })
    }
}

impl Actor for Hubs {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let (shared, desk) = (Arc::clone(&self.shared), Arc::clone(&self.desk));
        let managing = Rc::new(Managing::new(shared, desk, self.supervisor.clone(), self.thread.clone()));
        self.managing = Some(Rc::clone(&managing));
        let work = async move { match managing.run().await {} };
        ctx.spawn(work.into_actor(self));
    }
}

impl Supervised for Hubs {}

impl Handler<Shutdown> for Hubs {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        self.desk.finish();
        ctx.stop();
    }
}

impl Handler<Register> for Hubs {
    type Result = ResponseFuture<Result<(Hub, bool), HubError>>;

    fn handle(&mut self, wish: Register, _: &mut Context<Self>) -> Self::Result {
        self.with(async |managing| managing.register(wish).await)
    }
}

impl Handler<Remove> for Hubs {
    type Result = ResponseFuture<Result<(), HubError>>;

    fn handle(&mut self, wish: Remove, _: &mut Context<Self>) -> Self::Result {
        self.with(async |managing| managing.remove(wish).await)
    }
}

impl Handler<List> for Hubs {
    type Result = ResponseFuture<Vec<HubStatus>>;

    fn handle(&mut self, _: List, _: &mut Context<Self>) -> Self::Result {
        self.look(|desk, window| desk.list(window))
    }
}

impl Handler<Show> for Hubs {
    type Result = ResponseFuture<Option<HubStatus>>;

    fn handle(&mut self, Show(hub): Show, _: &mut Context<Self>) -> Self::Result {
        self.look(move |desk, window| desk.show(hub, window))
    }
}

impl Handler<Halt> for Hubs {
    type Result = ResponseFuture<Result<(SystemTime, String), HubError>>;

    fn handle(&mut self, wish: Halt, _: &mut Context<Self>) -> Self::Result {
        self.with(async |managing| managing.halt(wish).await)
    }
}

impl Handler<Resume> for Hubs {
    type Result = ResponseFuture<Result<bool, HubError>>;

    fn handle(&mut self, wish: Resume, _: &mut Context<Self>) -> Self::Result {
        self.with(async |managing| managing.resume(wish).await)
    }
}

impl Handler<Replay> for Hubs {
    type Result = ResponseFuture<Result<Replaying, HubError>>;

    fn handle(&mut self, wish: Replay, _: &mut Context<Self>) -> Self::Result {
        self.with(async |managing| managing.replay(wish).await)
    }
}

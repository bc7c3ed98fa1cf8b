//! How the actor of a connection ends: at a shutdown, or because a reload does not want it any more. Either way it reads no further, and
//! is done when what it has read is.

use std::rc::Rc;
use tokio::sync::{Notify, oneshot};

/// Where an actor stands between its start and its end.
#[derive(Default)]
pub(super) struct Ending {
    stop: Rc<Notify>,
    /// It reads, or what it has read is not done yet.
    working: bool,
    /// Whoever waits until all is done. Then the actor does nothing more, and is removed.
    waiting: Vec<oneshot::Sender<()>>,
    shutting_down: bool,
}

impl Ending {
    /// The actor starts, anew perhaps; gives what tells its work to read no further.
    pub fn begin(&mut self) -> Rc<Notify> {
        *self = Ending { working: true, ..Ending::default() };
        Rc::clone(&self.stop)
    }

    /// Has the work end; whether it has already, so that the actor stops at once.
    pub fn shut_down(&mut self) -> bool {
        self.shutting_down = true;
        self.stop.notify_one();
        !self.working
    }

    /// Has the work end; resolves when it has, or with the actor.
    pub fn finish(&mut self) -> impl Future<Output = ()> + use<> {
        let told = self.working.then(|| {
            let (tell, told) = oneshot::channel();
            self.waiting.push(tell);
            self.stop.notify_one();
            told
        });
        async {
            if let Some(told) = told {
                // Dropped where the actor fails, and what it had read is lost with it.
                let _ = told.await;
            }
        }
    }

    /// The work has ended, and whoever waits is told; whether the actor stops now. One that is to be removed stays until it
    /// is.
    pub fn has_worked(&mut self) -> bool {
        self.working = false;
        if self.shutting_down || self.waiting.is_empty() {
            return true;
        }
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(()); // it may have lost its patience
        }
        false
    }
}

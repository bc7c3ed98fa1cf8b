//! The top of the supervision tree.

use super::guardian::{Command, Fact};
use super::{Exit, Spec, Supervisor};
use actix::Addr;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

/// A running tree.
pub struct Root {
    /// The root supervisor; [`Shutdown`](super::Shutdown) stops the tree in order.
    pub addr: Addr<Supervisor>,
    /// How the tree ended: [`Exit::Normal`] after a shutdown. Anything else is a failure that no restart has cured,
    /// and the caller ends the process with exit code 1, so that systemd starts it anew.
    pub exit: oneshot::Receiver<Exit>,
}

/// Runs a supervisor as the root of a tree, on this arbiter. Nobody restarts it.
pub fn root(supervisor: Supervisor) -> Root {
    let (spec, addr) = Spec::supervisor(supervisor);
    let (exited, mut exits) = mpsc::unbounded_channel();
    let report = Box::new(move |_, fact| {
        if let Fact::Exited(exit) = fact {
            let _ = exited.send(exit); // nobody listens after the first
        }
    });
    let handle = spec.spawn(String::new(), report);
    handle.command(Command::Start(1));
    let (tell, exit) = oneshot::channel();
    // Holds the handle, and so the tree, until the root ends.
    actix_rt::spawn(async move {
        let exit = exits.recv().await.unwrap_or(Exit::Killed);
        match exit {
            Exit::Normal => info!("supervision tree stopped"),
            _ => error!(%exit, "supervision tree failed"),
        }
        drop(handle);
        let _ = tell.send(exit); // the caller may not care
    });
    Root { addr, exit }
}

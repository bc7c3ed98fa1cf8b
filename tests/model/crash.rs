//! Where the daemon can end: the boundaries of a sequence, counted as they are reached.
//!
//! There is one when a request reaches a system, one when it has been carried out and its answer has not left, one
//! before each turn of the store's writer and one after it: the write is committed and nobody knows. At a boundary
//! that is marked everything stops at once: not one line of the router, the lanes or the executor runs any more.

use crate::sequence::Extent;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// The boundaries of one sequence, shared by all who reach them.
#[derive(Clone, Default)]
pub struct Boundaries {
    state: Rc<RefCell<State>>,
    struck: Rc<Notify>,
}

#[derive(Default)]
struct State {
    reached: u32,
    crashes: BTreeMap<u32, Extent>,
    routing: Vec<AbortHandle>,
    writer: Option<AbortHandle>,
    /// What has ended and is to be started again.
    ended: Option<Extent>,
}

impl Boundaries {
    /// Boundaries at some of which the daemon ends.
    pub fn new(crashes: &BTreeMap<u32, Extent>) -> Boundaries {
        let boundaries = Boundaries::default();
        boundaries.state.borrow_mut().crashes.clone_from(crashes);
        boundaries
    }

    /// So many have been reached.
    pub fn reached(&self) -> u32 {
        self.state.borrow().reached
    }

    /// The routing that the next crash ends.
    pub fn set_routing(&self, routing: Vec<AbortHandle>) {
        self.state.borrow_mut().routing = routing;
    }

    /// The store's writer likewise.
    pub fn set_writer(&self, writer: AbortHandle) {
        self.state.borrow_mut().writer = Some(writer);
    }

    /// Resolves after a crash, with what has ended.
    pub async fn crashed(&self) -> Extent {
        loop {
            let struck = self.struck.notified();
            if let Some(extent) = self.state.borrow_mut().ended.take() {
                return extent;
            }
            struck.await;
        }
    }

    /// Reaches a boundary: where the daemon ends here, the caller goes no further.
    pub async fn pass(&self) {
        if self.strike().is_some() {
            std::future::pending().await
        }
    }

    /// Reaches a boundary; ends what is to end here.
    fn strike(&self) -> Option<Extent> {
        let mut state = self.state.borrow_mut();
        let number = state.reached;
        state.reached += 1;
        let extent = state.crashes.remove(&number)?;
        state.routing.iter().for_each(AbortHandle::abort);
        if extent == Extent::Process {
            state.writer.iter().for_each(AbortHandle::abort);
        }
        state.ended = state.ended.max(Some(extent));
        self.struck.notify_one();
        Some(extent)
    }
}

/// The store's writer, with a boundary before and after each of its turns.
pub struct Writer {
    pub turns: Pin<Box<dyn Future<Output = ()>>>,
    pub boundaries: Boundaries,
}

impl Future for Writer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<()> {
        if self.boundaries.strike() == Some(Extent::Process) {
            return Poll::Pending;
        }
        let turn = self.turns.as_mut().poll(context);
        self.boundaries.strike();
        turn
    }
}

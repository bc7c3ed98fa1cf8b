//! The handle of a running OpenSIPS: who has subscribed, what it was asked, and what it is made to do.

use super::core::Shared;
use super::counts::{Asked, Counts};
use super::delivery::{Told, What};
use super::flood::{Flood, Plan};
use super::misbehaviour::Misbehaviour;
use super::server::{Command, Places};
use super::subscriptions::Alive;
use crate::wire::evi::{Event, Param, Value};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A running OpenSIPS. Dropping it ends it.
pub struct OpensipsHandle {
    pub(super) places: Arc<Places>,
    pub(super) shared: Arc<Shared>,
    pub(super) commands: UnboundedSender<Command>,
    pub(super) thread: Option<JoinHandle<()>>,
}

impl OpensipsHandle {
    /// Where it takes requests in datagrams over UDP.
    pub fn udp(&self) -> Option<SocketAddr> {
        self.places.udp.as_ref().map(|port| port.addr())
    }

    /// The same over a unix socket.
    pub fn unix(&self) -> Option<&Path> {
        self.places.unix.as_deref()
    }

    /// Its FIFO.
    pub fn fifo(&self) -> Option<&Path> {
        self.places.fifo.as_deref()
    }

    /// Where it takes `POST /mi`.
    pub fn http(&self) -> Option<SocketAddr> {
        self.places.http.as_ref().map(|port| port.addr())
    }

    /// Publishes an event more.
    pub fn publish(&self, event: &str) {
        self.shared.core().subscriptions.publish(event);
    }

    /// Raises an event with these parameters; says to how many subscribers it went. One that is not published goes to nobody.
    pub fn raise(&self, event: &str, params: impl IntoIterator<Item = Param>) -> Told {
        let event =
            Event { name: event.to_owned(), params: params.into_iter().collect(), is_ambiguous: false };
        self.shared.core().raise(&event.name, What::Event(&event))
    }

    /// Sends these bytes to whoever has subscribed to an event, whatever they are.
    pub fn raise_bytes(&self, event: &str, bytes: &[u8]) -> Told {
        self.shared.core().raise(event, What::Bytes(bytes))
    }

    /// Raises an event `count` times on a thread of its own, `rate` times a second or as fast as it goes. `params` makes the parameters of
    /// each, by its number from 0 on.
    pub fn flood<P>(&self, event: &str, count: u64, rate: Option<u32>, params: P) -> io::Result<Flood>
    where
        P: FnMut(u64) -> Vec<Param> + Send + 'static,
    {
        Flood::start(self.shared.clone(), Plan { event: event.to_owned(), count, rate, params })
    }

    /// The subscriptions that live now, by event, the newest first.
    pub fn subscribers(&self) -> Vec<Alive> {
        self.shared.core().alive()
    }

    /// Whether exactly this socket is subscribed to an event, and has not unsubscribed.
    pub fn is_subscribed(&self, event: &str, socket: &str) -> bool {
        let is_it = |alive: &Alive| alive.event == event && alive.socket == socket && alive.expire > 0;
        self.subscribers().iter().any(is_it)
    }

    /// Forgets a subscription without a word; says whether there was one.
    pub fn forget(&self, event: &str, socket: &str) -> bool {
        self.shared.core().subscriptions.forget(event, socket)
    }

    /// Its clock is put forward: subscriptions expire sooner.
    pub fn advance(&self, time: Duration) {
        self.shared.core().advance(time);
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.shared.core().counts.clone()
    }

    /// How often a method was asked for.
    pub fn asked(&self, method: &str) -> u64 {
        self.shared.core().counts.requests.get(method).copied().unwrap_or_default()
    }

    /// The last requests, 10,000 at most, oldest first.
    pub fn journal(&self) -> Vec<Asked> {
        self.shared.core().journal.lines()
    }

    /// Misbehaves so from now on, until it is told otherwise.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) {
        self.shared.core().misbehaviour = misbehaviour;
    }

    /// Ends without a word, having forgotten who has subscribed: nobody is there at its addresses, which stay its own.
    pub fn stop(&self) -> io::Result<()> {
        self.command(Command::Stop)
    }

    /// Is there again. One that is there already goes on.
    pub fn start(&self) -> io::Result<()> {
        self.command(Command::Start)
    }

    /// Stops and starts.
    pub fn restart(&self) -> io::Result<()> {
        self.stop()?;
        self.start()
    }

    fn command(&self, command: impl FnOnce(mpsc::Sender<io::Result<()>>) -> Command) -> io::Result<()> {
        let gone = || io::Error::other("the simulator has ended");
        let (done, finished) = mpsc::channel();
        self.commands.send(command(done)).map_err(|_| gone())?;
        finished.recv().map_err(|_| gone())?
    }
}

impl Drop for OpensipsHandle {
    fn drop(&mut self) {
        self.commands = unbounded_channel().0;
        if let Some(thread) = self.thread.take() {
            // A panic of it has been told.
            let _ = thread.join();
        }
    }
}

/// Parameters with names, whose values are text.
pub fn named<N: Into<String>, T: Into<String>>(params: impl IntoIterator<Item = (N, T)>) -> Vec<Param> {
    let param = |(name, value): (N, T)| Param { name: Some(name.into()), value: Value::Text(value.into()) };
    params.into_iter().map(param).collect()
}

/// Parameters known by their place alone.
pub fn positional<T: Into<String>>(params: impl IntoIterator<Item = T>) -> Vec<Param> {
    params.into_iter().map(|value| Param { name: None, value: Value::Text(value.into()) }).collect()
}

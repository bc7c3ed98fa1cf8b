//! One session with a server, from its login to its end.
//!
//! The reader waits for nobody but the socket: who does not read is cut off within half a second. What is written goes through one buffer,
//! and all that is to be written leaves in one call. What one read has brought is told in one message.
//!
//! What becomes of responses is in [`super::responses`], of lists and changes in [`super::lists`], and of silence in [`super::liveness`].

use super::super::actions::{NotRun, RunAction};
use super::super::connection::Around;
use super::super::listing::{List, Listing};
use super::super::orders::{Order, Reply};
use super::super::reading;
use super::filters::filters;
use super::login::shown;
use super::pending::Pending;
use super::running::{self, Running};
use super::stream::{Reading, Writing};
use super::writes::{obstacle, setvar};
use crate::config::{Asterisk, AsteriskTransport, Route};
use crate::failpoints;
use crate::managers::device_state::messages::{self, Outcome, Tell};
use crate::outbound::LeaseOver;
use crate::sockets::give_way;
use crate::wire::Secret;
use crate::wire::ami::{Action, ActionError, AmiError, Decoder, Kind, Message};
use bytes::{BufMut, BytesMut};
use std::cell::{Cell, RefCell};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What is read at once.
const READ: usize = 64 << 10;
/// A buffer that has grown beyond this is not kept.
const KEPT: usize = 1 << 20;

/// An action that waits for its answer.
pub enum Awaited {
    /// A write of the manager's, by its entry.
    Write(u32),
    Ping,
    Filter,
    List(List),
    /// A list that took too long: nobody waits for it any more, and items may still come.
    GivenUp,
    Run(Box<Running>),
}

/// How a session ended.
pub enum End {
    Lost(String),
    Stopped,
}

/// See the module.
pub struct Session<'a> {
    pub(super) server: &'a Asterisk,
    pub(super) around: &'a Around,
    pub(super) id: messages::Session,
    routes: Vec<Route>,
    pub(super) pending: RefCell<Pending<Awaited>>,
    pub(super) listing: RefCell<Listing>,
    outgoing: RefCell<BytesMut>,
    pub(super) heard: Cell<Instant>,
    pub(super) has_answered: Cell<bool>,
    pub(super) refuses_filters: Cell<bool>,
}

impl<'a> Session<'a> {
    /// A session whose ids begin with `prefix`.
    pub fn new(server: &'a Asterisk, around: &'a Around, prefix: String) -> Session<'a> {
        Session {
            server,
            around,
            id: messages::Session::new(),
            routes: around.routing.routes(),
            pending: RefCell::new(Pending::new(prefix)),
            listing: RefCell::default(),
            outgoing: RefCell::default(),
            heard: Cell::new(Instant::now()),
            has_answered: Cell::default(),
            refuses_filters: Cell::default(),
        }
    }

    /// What the server was sent at the login, and may quote ever since.
    fn secret(&self) -> Option<&Secret> {
        match &self.server.transport {
            AsteriskTransport::Ami(ami) => Some(&ami.secret),
            _ => None,
        }
    }

    /// What the server says, for the log.
    pub(super) fn shown(&self, text: &[u8]) -> String {
        shown(text, self.secret().map_or(&[], std::slice::from_ref))
    }

    /// Whether the server has answered anything since its login.
    pub fn has_answered(&self) -> bool {
        self.has_answered.get()
    }

    /// Reads and writes until the session ends, or `stop` is notified.
    pub async fn run(
        &self,
        (mut read, mut write): (Reading, Writing),
        mut decoder: Decoder,
        stop: &Notify,
    ) -> End {
        // What was meant for the session before.
        self.around.orders.refuse_all("connected anew");
        let end = match self.begin() {
            Err(error) => End::Lost(error.to_string()),
            Ok(()) => tokio::select! {
                reason = self.read(&mut read, &mut decoder) => End::Lost(reason),
                reason = self.write(&mut write) => End::Lost(reason),
                reason = self.watch() => End::Lost(reason),
                () = self.around.routing.changed(&self.routes) => {
                    End::Lost("other events are wanted now".to_owned())
                }
                () = stop.notified() => End::Stopped,
            },
        };
        self.end();
        end
    }

    /// Nothing that was asked is answered any more.
    fn end(&self) {
        for awaited in self.pending.borrow_mut().take_all() {
            if let Awaited::Run(run) = awaited {
                run.lose();
            }
        }
        self.around.orders.refuse_all("the connection was lost");
        self.around.feed.iter().for_each(|feed| feed.lost(self.id));
    }

    /// Filters first, so that little else comes.
    fn begin(&self) -> Result<(), ActionError> {
        for filter in filters(self.server, &self.routes, self.around.feed.is_some()) {
            let headers = [("Operation", "Add"), ("Filter", &*filter)];
            self.ask("Filter", &headers, Awaited::Filter)?;
        }
        if self.around.feed.is_some() && self.listing.borrow_mut().want(Instant::now().into()) {
            self.ask_lists()?;
        }
        Ok(())
    }

    /// Has an action of ours written.
    pub(super) fn ask(
        &self,
        name: &str,
        headers: &[(&str, &str)],
        awaited: Awaited,
    ) -> Result<(), ActionError> {
        let mut pending = self.pending.borrow_mut();
        let number = pending.add(awaited, Instant::now());
        let mut action = Action::new(name, &pending.id(number))?;
        for (name, value) in headers {
            action = action.header(name, value)?;
        }
        action.encode(&mut self.outgoing.borrow_mut());
        self.around.orders.wake();
        Ok(())
    }

    async fn write(&self, stream: &mut Writing) -> String {
        let mut bytes = BytesMut::new();
        loop {
            if let Err(reason) = self.take_orders() {
                return reason;
            }
            std::mem::swap(&mut bytes, &mut self.outgoing.borrow_mut());
            if bytes.is_empty() {
                self.around.orders.came().await;
                continue;
            }
            failpoints::pass("asterisk.write.before").await;
            let written = async {
                stream.write_all(&bytes).await?;
                stream.flush().await
            };
            if let Err(error) = written.await {
                return error.to_string();
            }
            failpoints::pass("asterisk.write.after").await;
            if bytes.capacity() > KEPT {
                bytes = BytesMut::new();
            }
            bytes.clear();
        }
    }

    fn take_orders(&self) -> Result<(), String> {
        while let Some(order) = self.around.orders.next() {
            if self.pending.borrow().is_full() {
                return Err("too many actions are not answered".to_owned());
            }
            match order {
                // Right before it is written. Another node acts; this one reads all states anew when it holds the lease again.
                Order::Tell(_) if !self.around.lease.allows("request") => return Err(LeaseOver.to_string()),
                Order::Tell(tell) => self.tell(tell),
                Order::List
                    if self.around.feed.is_some()
                        && self.listing.borrow_mut().want(Instant::now().into()) =>
                {
                    self.ask_lists().map_err(|error| error.to_string())?;
                }
                Order::List => {}
                Order::Ping(wish, reply) => self.run_action(&wish, reply),
                Order::Run(_, reply) if !self.around.lease.allows("request") => {
                    reply.give(Err(NotRun::NotActive));
                }
                Order::Run(wish, reply) => self.run_action(&wish, reply),
            }
        }
        Ok(())
    }

    fn tell(&self, Tell { session, writes }: Tell) {
        let Some(feed) = self.around.feed.as_ref().filter(|_| session == self.id) else { return };
        let (mut pending, mut outgoing) = (self.pending.borrow_mut(), self.outgoing.borrow_mut());
        let now = Instant::now();
        for write in &writes {
            let value = write.setting();
            match obstacle(write, &value) {
                Some(reason) => feed.told(self.id, write.entry, Outcome::Refused(reason)),
                None => {
                    let number = pending.add(Awaited::Write(write.entry), now);
                    setvar(&mut outgoing, pending.prefix(), number, write, &value);
                }
            }
        }
    }

    fn run_action(&self, wish: &RunAction, reply: Reply) {
        // It may have waited behind what is written slowly.
        if wish.until <= Instant::now() {
            return reply.give(Err(NotRun::Late));
        }
        let mut pending = self.pending.borrow_mut();
        let id = pending.id(pending.next());
        match running::action(wish, &id) {
            Ok(action) => {
                pending
                    .add(Awaited::Run(Box::new(Running::new(reply, self.secret().cloned()))), Instant::now());
                action.encode(&mut self.outgoing.borrow_mut());
            }
            Err(reason) => reply.give(Err(reason)),
        }
    }

    async fn read(&self, stream: &mut Reading, decoder: &mut Decoder) -> String {
        loop {
            // What has come with the answer to the login first.
            if let Err(error) = self.take(decoder) {
                self.around.count_bad(label(error));
                return format!("{error}: what follows cannot be understood");
            }
            give_way().await;
            decoder.buffer_mut().reserve(READ);
            match stream.read_buf(&mut decoder.buffer_mut().limit(READ)).await {
                Ok(0) if decoder.is_inside() => {
                    self.around.count_bad("truncated");
                    return "closed by the peer within a message".to_owned();
                }
                Ok(0) => return "closed by the peer".to_owned(),
                Ok(_) => self.heard.set(Instant::now()),
                Err(error) => return error.to_string(),
            }
        }
    }

    fn take(&self, decoder: &mut Decoder) -> Result<(), AmiError> {
        let now = self.heard.get();
        while let Some(message) = decoder.next_message()? {
            if message.skipped() > 0 {
                self.around.count_bad("no_colon");
            }
            match message.kind() {
                Kind::Response => self.response(&message, now),
                Kind::Event => self.event(&message, now),
                Kind::Other => self.around.count_bad("no_kind"),
            }
        }
        Ok(())
    }

    fn event(&self, event: &Message, now: Instant) {
        if let Some(id) = event.get("ActionID")
            && self.is_of_list(event, id, now)
        {
            return;
        }
        let name = event.get("Event").unwrap_or_default();
        self.around.routing.event(name, || event.headers());
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is(reading::DEVICE) {
            self.changed(List::Devices, event);
        } else if is(reading::PRESENCE) {
            self.changed(List::Presences, event);
        } else if is("FullyBooted") {
            self.booted();
        } else if is("Shutdown") {
            tracing::info!(connection = self.server.name, "asterisk shuts down");
        }
    }
}

fn label(error: AmiError) -> &'static str {
    match error {
        AmiError::LongLine => "too_long_line",
        AmiError::LongMessage | AmiError::ManyLines => "too_large",
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::actions::Answer;
    use super::super::super::given::{around, held};
    use super::*;
    use crate::lease::Lease;
    use crate::managers::device_state::messages::Write;
    use crate::states::{DeviceState, Value};
    use std::time::Duration;
    use tokio::sync::oneshot;

    fn run(until: Instant) -> (Order, oneshot::Receiver<Result<Answer, NotRun>>) {
        let (reply, told) = Reply::new();
        (Order::Run(RunAction { action: "Originate".to_owned(), headers: Vec::new(), until }, reply), told)
    }

    /// What is written of these orders, and how the session goes on.
    fn written(around: &Around, orders: impl IntoIterator<Item = Order>) -> (usize, Result<(), String>) {
        let session = Session::new(&around.server, around, "x-".to_owned());
        orders.into_iter().for_each(|order| around.orders.give(order));
        let gone_on = session.take_orders();
        (session.outgoing.take().len(), gone_on)
    }

    #[actix::test]
    async fn an_action_that_comes_to_be_written_after_its_time_is_not_written() {
        tokio::time::pause();
        let (order, mut told) = run(Instant::now() + Duration::from_secs(1));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(written(&around(held()), [order]), (0, Ok(())));
        assert_eq!(told.try_recv(), Ok(Err(NotRun::Late)));
    }

    #[actix::test]
    async fn over_ami_nothing_is_written_without_the_lease() {
        let around = around(Lease::waiting());
        let later = Instant::now() + Duration::from_secs(60);
        let (order, mut told) = run(later);
        assert_eq!(written(&around, [order]), (0, Ok(())));
        assert_eq!(told.try_recv(), Ok(Err(NotRun::NotActive)));
        let variable = b"DEVICE_STATE(Custom:SIP/1)".as_slice().into();
        let writes = vec![Write { entry: 1, variable, value: Value::Device(DeviceState::InUse) }];
        let tell = Order::Tell(Tell { session: messages::Session::new(), writes });
        assert_eq!(written(&around, [tell]), (0, Err(LeaseOver.to_string())));
    }
}

//! One session with a server, from its login to its end.
//!
//! The reader waits for nobody but the socket: who does not read is cut off within half a second. What is written goes through one buffer,
//! and all that is to be written leaves in one call. What one read has brought is told in one message.

use super::super::actions::RunAction;
use super::super::connection::Around;
use super::super::listing::{Heard, List, Listing, Step};
use super::super::orders::{Order, Reply};
use super::super::reading::{self, NoChange};
use super::filters::filters;
use super::login::shown;
use super::pending::{Pending, UnknownId};
use super::running::{self, Running};
use super::stream::{Reading, Writing};
use super::writes::{obstacle, setvar};
use crate::config::{Asterisk, Route};
use crate::managers::device_state::messages::{self, Outcome, Tell};
use crate::sockets::give_way;
use crate::states::Change;
use crate::wire::ami::{Action, ActionError, AmiError, Decoder, Kind, Message, unescape};
use bytes::{BufMut, BytesMut};
use std::cell::{Cell, RefCell};
use std::time::Duration;
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
    Run(Box<Running>),
}

/// How a session ended.
pub enum End {
    Lost(String),
    Stopped,
}

/// See the module.
pub struct Session<'a> {
    server: &'a Asterisk,
    around: &'a Around,
    id: messages::Session,
    routes: Vec<Route>,
    pending: RefCell<Pending<Awaited>>,
    listing: RefCell<Listing>,
    outgoing: RefCell<BytesMut>,
    heard: Cell<Instant>,
    has_answered: Cell<bool>,
    refuses_filters: Cell<bool>,
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

    fn ask_lists(&self) -> Result<(), ActionError> {
        List::ALL.into_iter().try_for_each(|list| self.ask(list.action(), &[], Awaited::List(list)))
    }

    /// Has an action of ours written.
    fn ask(&self, name: &str, headers: &[(&str, &str)], awaited: Awaited) -> Result<(), ActionError> {
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
            let written = async {
                stream.write_all(&bytes).await?;
                stream.flush().await
            };
            if let Err(error) = written.await {
                return error.to_string();
            }
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
                Order::Tell(tell) => self.tell(tell),
                Order::List
                    if self.around.feed.is_some()
                        && self.listing.borrow_mut().want(Instant::now().into()) =>
                {
                    self.ask_lists().map_err(|error| error.to_string())?;
                }
                Order::List => {}
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
        let mut pending = self.pending.borrow_mut();
        let id = pending.id(pending.next());
        match running::action(wish, &id) {
            Ok(action) => {
                pending.add(Awaited::Run(Box::new(Running::new(reply))), Instant::now());
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

    fn response(&self, response: &Message, now: Instant) {
        let id = response.get("ActionID");
        let is_begin = response.values("EventList").any(|it| it.eq_ignore_ascii_case(b"start"));
        if is_begin && self.begins_list(response, id) {
            return;
        }
        let awaited = match self.pending.borrow_mut().take(id, now) {
            Ok(awaited) => awaited,
            Err(unknown) => return self.not_ours(unknown, response),
        };
        self.has_answered.set(true);
        match awaited {
            Awaited::Write(entry) => {
                self.around.feed.iter().for_each(|feed| feed.told(self.id, entry, outcome(response)));
            }
            Awaited::Ping => {}
            Awaited::Filter => self.filtered(response),
            Awaited::List(list) => {
                let reason = match outcome(response) {
                    Outcome::Refused(reason) => reason,
                    Outcome::Set => "what answers does not begin a list".to_owned(),
                };
                self.cannot_list(list, reason);
            }
            Awaited::Run(run) => run.finish(response),
        }
    }

    /// Whether it begins a list that was asked for.
    fn begins_list(&self, response: &Message, id: Option<&[u8]>) -> bool {
        match self.pending.borrow_mut().get(id) {
            Ok(Awaited::List(_)) => true,
            Ok(Awaited::Run(run)) => {
                run.begin(response);
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    fn not_ours(&self, UnknownId(label): UnknownId, response: &Message) {
        self.around.count_bad(label);
        if let Some(so_far) = self.around.bad.count() {
            let says = shown(response.get("Message").unwrap_or_default());
            tracing::warn!(
                connection = self.server.name,
                reason = label,
                says,
                so_far,
                "asterisk answers what was not asked"
            );
        }
    }

    /// Old versions know no filters: more comes than is needed.
    fn filtered(&self, response: &Message) {
        if let Outcome::Refused(reason) = outcome(response)
            && !self.refuses_filters.replace(true)
        {
            tracing::warn!(
                connection = self.server.name,
                reason,
                "asterisk takes no filter: it sends all events"
            );
        }
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

    fn changed(&self, list: List, event: &Message) {
        let Some(feed) = &self.around.feed else { return };
        match change(list, event) {
            Ok(change) => {
                let heard = self.listing.borrow_mut().heard(&change);
                match heard {
                    Heard::Now => feed.heard(self.id, change),
                    Heard::Later => {}
                    Heard::Dropped => feed.dropped(),
                }
            }
            Err(error) => self.around.no_change(error),
        }
    }

    /// What was listed before may not be all.
    fn booted(&self) {
        if self.around.feed.is_some() && self.listing.borrow_mut().doubt(Instant::now().into()) {
            self.list_again();
        }
    }

    fn list_again(&self) {
        if let Err(error) = self.ask_lists() {
            tracing::error!(connection = self.server.name, %error, "the lists cannot be asked for");
        }
    }

    /// Whether it is an item of a list, or its end. `UserEvent` has the id of the action that sent it, and is none.
    fn is_of_list(&self, event: &Message, id: &[u8], now: Instant) -> bool {
        let mut pending = self.pending.borrow_mut();
        let name = event.get("Event").unwrap_or_default();
        let ends = event.get("EventList").map(<[u8]>::to_ascii_lowercase);
        match pending.get(Some(id)) {
            Ok(Awaited::List(list)) => {
                let list = *list;
                if ends.is_none() {
                    let is_item = name.eq_ignore_ascii_case(list.event().as_bytes());
                    if is_item {
                        let item = self.listing.borrow_mut().item(list, change(list, event));
                        item.unwrap_or_else(|error| self.around.no_change(error));
                    }
                    return is_item;
                }
                let _ = pending.take(Some(id), now);
                drop(pending);
                self.has_answered.set(true);
                self.listed(list, event);
                true
            }
            Ok(Awaited::Run(run)) if run.is_list() && !name.eq_ignore_ascii_case(b"UserEvent") => {
                if ends.is_none() {
                    run.item(event);
                } else if let Ok(Awaited::Run(run)) = pending.take(Some(id), now) {
                    run.complete(event);
                }
                true
            }
            _ => false,
        }
    }

    fn listed(&self, list: List, end: &Message) {
        let ends = end.get("EventList").unwrap_or_default();
        if !ends.to_ascii_lowercase().starts_with(b"complete") {
            return self.cannot_list(list, format!("its list ends as {}", shown(ends)));
        }
        let items = end.text("ListItems").and_then(|count| count.trim().parse().ok());
        if !self.listing.borrow_mut().complete(list, items) {
            self.around.wrong_count(list, items);
        }
        self.step();
    }

    fn cannot_list(&self, list: List, reason: String) {
        self.around.cannot_list(list, &reason);
        self.listing.borrow_mut().fail(list, reason);
        self.step();
    }

    fn step(&self) {
        let now = Instant::now().into();
        let step = self.listing.borrow_mut().step(now);
        match step {
            Step::Wait => {}
            Step::Repeat => self.list_again(),
            Step::Done { asked, devices, presences, since } => {
                if let Some(feed) = &self.around.feed {
                    feed.listed(self.id, asked, devices, presences);
                    since.into_iter().for_each(|change| feed.heard(self.id, change));
                }
                let is_wanted_again = self.listing.borrow_mut().again(now);
                if is_wanted_again {
                    self.list_again();
                }
            }
        }
    }

    fn give_up_lists(&self, now: Instant) {
        let missing = self.listing.borrow_mut().give_up(now.into());
        if !missing.is_empty() {
            missing
                .into_iter()
                .for_each(|list| self.around.cannot_list(list, "its list does not get complete"));
            self.step();
        }
    }

    /// Asks a server from which nothing is heard, and notices that something is not answered.
    async fn watch(&self) -> String {
        let Asterisk { ping, request_timeout, .. } = *self.server;
        let tick =
            (ping.min(request_timeout) / 4).clamp(Duration::from_millis(5), Duration::from_millis(500));
        let mut was_overdue = false;
        loop {
            tokio::time::sleep(tick).await;
            let now = Instant::now();
            let overdue = self.overdue(now, request_timeout);
            match overdue {
                Some(reason) if was_overdue => return reason,
                // The answer may be there and not read yet: we, not the server, may have been slow.
                Some(_) => was_overdue = true,
                None => was_overdue = false,
            }
            self.give_up_lists(now);
            let is_silent = self.heard.get() + ping <= now;
            let is_asked = matches!(self.pending.borrow().first(), Some((Awaited::Ping, _)));
            if is_silent
                && !is_asked
                && let Err(error) = self.ask("Ping", &[], Awaited::Ping)
            {
                return error.to_string();
            }
        }
    }

    /// Why the session is dead, if it is.
    fn overdue(&self, now: Instant, timeout: Duration) -> Option<String> {
        let mut pending = self.pending.borrow_mut();
        if pending.deadline(timeout).is_none_or(|deadline| deadline > now) {
            return None;
        }
        match pending.first() {
            Some((Awaited::Ping, asked)) if self.heard.get() > asked => {
                pending.give_up_first(now);
                None
            }
            Some((Awaited::Ping, _)) => {
                Some(format!("nothing is heard, and Ping not answered within {timeout:?}"))
            }
            _ => Some(format!("an action is not answered within {timeout:?}")),
        }
    }
}

fn label(error: AmiError) -> &'static str {
    match error {
        AmiError::LongLine => "too_long_line",
        AmiError::LongMessage | AmiError::ManyLines => "too_large",
    }
}

/// What an event says of a state.
fn change(list: List, event: &Message) -> Result<Change, NoChange> {
    match list {
        List::Devices => reading::device(|name| event.get(name)),
        List::Presences => reading::presence(|name| event.get(name).map(unescape)),
    }
}

/// What a response says.
fn outcome(response: &Message) -> Outcome {
    let is_good = response.get("Response").is_some_and(|it| it.eq_ignore_ascii_case(b"Success"));
    match is_good {
        true => Outcome::Set,
        false => Outcome::Refused(shown(response.get("Message").unwrap_or(b"it does not say why"))),
    }
}

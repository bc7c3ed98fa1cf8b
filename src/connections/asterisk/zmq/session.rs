//! One connection to the module of an Asterisk, from connect to its end: both sockets, which are made and lost together.
//!
//! What is asked is answered one after the other and in order, so that a reply is about the oldest of [`Session::asked`]. Nobody
//! waits for anybody here but for the sockets.

use super::{events, not_understood};
use crate::config::ZmqManager;
use crate::connections::asterisk::actions::{Answer, NotRun, RunAction};
use crate::connections::asterisk::agent::Published;
use crate::connections::asterisk::connection::Around;
use crate::connections::asterisk::listing::{Heard, List, Listing, Step};
use crate::connections::asterisk::orders::{Order, Reply as Receipt};
use crate::connections::connect::connect;
use crate::failpoints;
use crate::managers::device_state::messages::{self, Outcome, Write};
use crate::outbound::LeaseOver;
use crate::states::Value;
use crate::wire::manager_json::{Action, ActionError, Event, Headers, JsonError, Reply};
use crate::zmq::{Requester, Settings, Subscriber, ZmqError};
use bytes::Bytes;
use std::collections::VecDeque;
use tokio::time::Instant;

/// Requests on their way: the module takes one after the other, and need not wait for us in between.
const WINDOW: usize = 64;
/// Bytes of a frame, at most.
const LARGEST: usize = 4 << 20;
/// Events begin with it.
const EVENTS: &str = "{";

/// See the module.
pub struct Session<'a> {
    around: &'a Around,
    published: Option<&'a Published>,
    id: messages::Session,
    requester: Requester,
    subscriber: Subscriber,
    /// Of each request on its way: its id, and what it is.
    asked: VecDeque<(u64, Asked)>,
    /// What goes before the states where there is no room: pings, lists, and what operators have run.
    urgent: VecDeque<(u64, Action, Asked)>,
    writes: VecDeque<Write>,
    /// The id of the last action.
    last_id: u64,
    listing: Listing,
    answers: u64,
    next_ping: Instant,
}

/// What a request is.
enum Asked {
    Write(u32),
    Ping,
    List(List),
    Run(Run),
}

/// An action that somebody waits for.
struct Run {
    receipt: Receipt,
    until: Instant,
    needs_lease: bool,
}

impl Run {
    /// Whether it may be sent now. The error says why not; whoever waits is told.
    fn check(&self, around: &Around) -> Result<(), NotRun> {
        if self.until <= Instant::now() {
            return Err(NotRun::Late);
        }
        if self.needs_lease && !around.lease.allows("request") {
            return Err(NotRun::NotActive);
        }
        Ok(())
    }
}

impl<'a> Session<'a> {
    /// Connects both sockets, and finds out whether Asterisk is there behind them. The error says why not.
    pub async fn open(
        around: &'a Around,
        published: Option<&'a Published>,
        manager: &ZmqManager,
    ) -> Result<Session<'a>, String> {
        // A list of everything is one reply.
        let settings = Settings { largest: LARGEST, ..Settings::default() };
        let limit = around.server.request_timeout;
        // The events first, so that nothing happens between a list and them.
        let stream = connect(&manager.evt, None).await?;
        let subscriber = Subscriber::open(stream, &[EVENTS], &settings).await;
        let subscriber = subscriber.map_err(|error| format!("evt {}: {error}", manager.evt))?;
        let stream = connect(&manager.cmd, None).await?;
        let cmd = |error: ZmqError| format!("cmd {}: {error}", manager.cmd);
        let requester = Requester::open(stream, WINDOW, limit, &settings).await.map_err(cmd)?;
        let mut session = Session {
            around,
            published,
            id: messages::Session::new(),
            requester,
            subscriber,
            asked: VecDeque::new(),
            urgent: VecDeque::new(),
            writes: VecDeque::new(),
            last_id: 0,
            listing: Listing::default(),
            answers: 0,
            next_ping: Instant::now(),
        };
        session.ping();
        session.send_what_waits()?;
        let reply = session.requester.next().await.map_err(cmd)?;
        session.replied(&reply.frames)?;
        Ok(session)
    }

    /// Whether the module has answered since it did first.
    pub fn has_answered(&self) -> bool {
        self.answers > 1
    }

    /// Works until the connection ends; why it did. To be followed by [`Session::end`].
    pub async fn run(&mut self) -> String {
        if self.around.feed.is_some() || self.published.is_some() {
            self.list();
        }
        loop {
            self.take_orders();
            if let Err(reason) = self.send_what_waits() {
                return reason;
            }
            let happened = tokio::select! {
                reply = self.requester.next() => match reply {
                    Ok(reply) => self.replied(&reply.frames),
                    Err(error) => Err(format!("cmd: {error}")),
                },
                message = self.subscriber.next() => match message {
                    Ok(message) => {
                        self.happened(&message.into_frames());
                        Ok(())
                    }
                    Err(error) => Err(format!("evt: {error}")),
                },
                () = self.around.orders.came() => Ok(()),
                () = tokio::time::sleep_until(self.next_ping) => {
                    self.ping();
                    Ok(())
                }
            };
            if let Err(reason) = happened {
                return reason;
            }
        }
    }

    /// Tells everybody who waits that nothing more comes.
    pub fn end(&mut self, reason: &str) {
        if let Some(feed) = &self.around.feed {
            feed.lost(self.id);
        }
        self.around.orders.refuse_all(reason);
        let waiting =
            self.urgent.drain(..).map(|(_, _, asked)| (asked, NotRun::NotConnected(reason.to_owned())));
        let asked = self.asked.drain(..).map(|(_, asked)| (asked, NotRun::Lost));
        for (asked, why) in waiting.chain(asked) {
            if let Asked::Run(run) = asked {
                run.receipt.give(Err(why));
            }
        }
    }

    fn take_orders(&mut self) {
        while let Some(order) = self.around.orders.next() {
            match order {
                Order::Tell(tell) if tell.session == self.id => self.writes.extend(tell.writes),
                // Of a connection that stands no more.
                Order::Tell(_) => {}
                Order::List => self.list(),
                Order::Ping(wish, receipt) => self.run_action(&wish, receipt, false),
                Order::Run(wish, receipt) => self.run_action(&wish, receipt, true),
            }
        }
    }

    /// Asks as much as there is room for. The error ends the session.
    fn send_what_waits(&mut self) -> Result<(), String> {
        while self.requester.has_room() {
            if let Some((id, action, asked)) = self.urgent.pop_front() {
                self.send_urgent(id, &action, asked);
                continue;
            }
            let Some(write) = self.writes.pop_front() else { break };
            // Right before it is written. Another node acts; this one reads all states anew when it holds the lease again.
            if !self.around.lease.allows("request") {
                return Err(LeaseOver.to_string());
            }
            self.write(&write);
        }
        Ok(())
    }

    /// What somebody waits for may have waited itself.
    fn send_urgent(&mut self, id: u64, action: &Action, asked: Asked) {
        match asked {
            Asked::Run(run) => match run.check(self.around) {
                Ok(()) => self.send(id, action, Asked::Run(run)),
                Err(why) => run.receipt.give(Err(why)),
            },
            ours => self.send(id, action, ours),
        }
    }

    fn run_action(&mut self, wish: &RunAction, receipt: Receipt, needs_lease: bool) {
        let headers = wish.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        match self.action(&wish.action, headers) {
            Ok((id, action)) => {
                let run = Run { receipt, until: wish.until, needs_lease };
                self.urgent.push_back((id, action, Asked::Run(run)));
            }
            Err(error) => receipt.give(Err(NotRun::Unwritable(error.to_string()))),
        }
    }

    fn write(&mut self, write: &Write) {
        if let Value::Presence(presence) = &write.value
            && presence.has_line_ends()
        {
            // Its module would crash that Asterisk, when it tells the event.
            return self.told(write.entry, Outcome::Refused("a line end in a presence".to_owned()));
        }
        let setting = write.setting();
        match self.action("Setvar", [("Variable", &*write.variable), ("Value", setting.as_bytes())]) {
            Ok((id, action)) => self.send(id, &action, Asked::Write(write.entry)),
            Err(error) => self.told(write.entry, Outcome::Refused(error.to_string())),
        }
    }

    fn told(&self, entry: u32, outcome: Outcome) {
        if let Some(feed) = &self.around.feed {
            feed.told(self.id, entry, outcome);
        }
    }

    /// Has everything listed, for the first time or anew.
    fn list(&mut self) {
        if self.listing.want(now()) {
            self.ask_lists();
        }
    }

    fn ask_lists(&mut self) {
        self.published.into_iter().for_each(Published::list_begins);
        List::ALL.into_iter().for_each(|list| self.want(list.action(), Asked::List(list)));
    }

    fn ping(&mut self) {
        self.next_ping = Instant::now() + self.around.server.ping;
        // What is on its way already says whether it lives.
        if self.requester.unanswered() == 0 {
            self.want("Ping", Asked::Ping);
        }
    }

    fn want(&mut self, name: &str, asked: Asked) {
        // What is written here fits.
        if let Ok((id, action)) = self.action(name, []) {
            self.urgent.push_back((id, action, asked));
        }
    }

    fn action<'h>(
        &mut self,
        name: &str,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Result<(u64, Action), ActionError> {
        self.last_id += 1;
        let action = Action::new(name, &self.last_id.to_string())?;
        let action =
            headers.into_iter().try_fold(action, |action, (name, value)| action.header(name, value))?;
        Ok((self.last_id, action))
    }

    /// There is room.
    fn send(&mut self, id: u64, action: &Action, asked: Asked) {
        failpoints::pass_at_once("asterisk.module.ask.before");
        if self.requester.ask(&[action.to_json()]).is_ok() {
            self.asked.push_back((id, asked));
        }
    }

    /// What was asked first is answered. The error says that nobody knows any more what a reply is about.
    fn replied(&mut self, frames: &[Bytes]) -> Result<(), String> {
        let Some((id, asked)) = self.asked.pop_front() else { return Ok(()) };
        failpoints::pass_at_once("asterisk.module.answer.after");
        self.answers += 1;
        let reply = Reply::read(frames);
        if let Ok(reply) = &reply
            && let Some(other) = reply.action_id().filter(|other| *other != id.to_string())
        {
            self.around.count_bad("other_id");
            return Err(format!("action {id} was answered with the id {:?}", short(other)));
        }
        if let Err(error) = &reply {
            not_understood(self.around, error);
        }
        match asked {
            Asked::Ping => ponged(reply)?,
            Asked::Write(entry) => self.told(entry, outcome(reply)),
            Asked::List(list) => self.listed(list, &reply),
            Asked::Run(run) => run.receipt.give(Ok(answer(reply))),
        }
        Ok(())
    }

    fn listed(&mut self, list: List, reply: &Result<Reply, JsonError>) {
        match events::items(reply, list) {
            Ok((items, count)) => {
                for item in items {
                    let item = self.listing.item(list, events::item(list, item));
                    item.unwrap_or_else(|error| self.around.no_change(error));
                }
                if !self.listing.complete(list, count) {
                    self.around.wrong_count(list, count);
                }
            }
            Err(reason) => {
                self.around.cannot_list(list, &reason);
                match reply {
                    Ok(_) => self.listing.fail(list, reason),
                    Err(_) => self.listing.break_off(list, reason),
                }
            }
        }
        match self.listing.step(now()) {
            Step::Wait => {}
            Step::Repeat => self.ask_lists(),
            Step::Done(lists) => {
                if let Some(published) = self.published {
                    let devices = lists.devices.as_ref().ok();
                    let is_complete = devices.is_some_and(|devices| devices.flaw.is_none());
                    published.listed(devices.map_or(&[], |devices| &devices.items), is_complete);
                }
                if let Some(feed) = &self.around.feed {
                    feed.listed(self.id, lists);
                }
                if self.listing.again(now()) {
                    self.ask_lists();
                }
            }
        }
    }

    fn happened(&mut self, frames: &[Bytes]) {
        let event = match Event::read(frames) {
            Ok(event) => event,
            Err(error) => return not_understood(self.around, &error),
        };
        let headers = || event.headers().iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.around.routing.event(event.name().as_bytes(), headers);
        if let Some(published) = self.published {
            published.event(&event);
        }
        if let Some(feed) = &self.around.feed {
            match events::change(&event) {
                Some(Ok(change)) => match self.listing.heard(&change) {
                    Heard::Now => feed.heard(self.id, change),
                    Heard::Later => {}
                    Heard::Dropped => feed.dropped(),
                },
                Some(Err(error)) => self.around.no_change(error),
                None => {}
            }
        }
        let is_listed = self.around.feed.is_some() || self.published.is_some();
        if is_listed && events::means_a_start(event.name()) {
            self.list();
        }
    }
}

/// The manager counts with the clock of the standard library.
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

fn ponged(reply: Result<Reply, JsonError>) -> Result<(), String> {
    match reply {
        Ok(reply) if reply.is_success() => Ok(()),
        Ok(reply) => {
            Err(format!("ping was refused: {}", short(reply.message().unwrap_or("without a reason"))))
        }
        Err(error) => Err(format!("ping was answered with what is no reply: {error}")),
    }
}

fn outcome(reply: Result<Reply, JsonError>) -> Outcome {
    match reply {
        Ok(reply) if reply.is_success() => Outcome::Set,
        Ok(reply) => Outcome::Refused(short(reply.message().unwrap_or("without a reason"))),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

/// What an operator is shown.
fn answer(reply: Result<Reply, JsonError>) -> Answer {
    let pairs = |headers: &Headers| {
        let pairs = headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("ActionID"));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => {
            let headers = [("Response", "Error".to_owned()), ("Message", format!("no reply: {error}"))];
            let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
            return Answer { headers, ..Answer::default() };
        }
    };
    let (output, headers): (Vec<_>, Vec<_>) =
        pairs(reply.headers()).into_iter().partition(|(name, _)| name.eq_ignore_ascii_case("Output"));
    Answer {
        headers,
        output: output.into_iter().map(|(_, line)| line).collect(),
        events: reply.events().iter().map(pairs).collect(),
        truncated: false,
    }
}

/// A text of the peer, for a message.
fn short(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;

//! Keeping the subscriptions at one OpenSIPS: made, seen, renewed, and ended when we end.

use super::mi::{Client, Unanswered};
use super::subscriptions::{Count, Step, Subscriptions};
use crate::config::{MiFormat, Opensips};
use crate::connections::link::Link;
use crate::connections::reconnect::Attempt;
use crate::failpoints;
use crate::telemetry::Seldom;
use crate::wire::mi::{EventSubscribers, Failure, Reply, Request, Subscribe, Subscriber};
use futures_util::future::join_all;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::timeout;

/// All subscriptions are ended within this time at a stop.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the sessions of one connection share.
pub struct Around {
    pub server: Arc<Opensips>,
    pub link: Link,
    pub stop: Rc<Notify>,
    /// Events whose subscription may be there at OpenSIPS, since it was asked for, whatever came of that: they are to be ended.
    asked: RefCell<BTreeSet<String>>,
    /// Those that were seen there: if they are not any more they are lost.
    seen: RefCell<BTreeSet<String>>,
    /// What was spoken last.
    format: Cell<Option<MiFormat>>,
    /// What could not be done at OpenSIPS, of all sessions.
    refused: Seldom,
}

/// One time of being in touch, from the first answer to the first that does not come.
pub struct Session<'a> {
    around: &'a Around,
    client: Client,
    /// Ours, as OpenSIPS is told and tells.
    socket: &'a str,
    subscriptions: Subscriptions,
}

/// What came of a step that was answered.
enum Refused {
    /// Nobody answers.
    Gone(Unanswered),
    /// This one was refused.
    No(Failure),
}

impl<'a> Session<'a> {
    /// Finds out what is spoken; nothing is subscribed to yet but what an earlier session has left.
    pub async fn begin(around: &'a Around, socket: &'a str) -> Result<Session<'a>, Unanswered> {
        let client = Client::find(&around.server).await?;
        around.format.set(Some(client.format));
        let Opensips { events, expire, verify, .. } = &*around.server;
        let before = |event: &str| around.seen.borrow().contains(event);
        let subscriptions = Subscriptions::new(events, before, (*expire, *verify), Instant::now());
        Ok(Session { around, client, socket, subscriptions })
    }

    /// Keeps the subscriptions until OpenSIPS does not answer any more.
    pub async fn keep(&mut self) -> Attempt {
        let mut is_up = false;
        loop {
            let step = match self.subscriptions.step(Instant::now()) {
                Step::Subscribe(event) => (event.to_owned(), true),
                Step::Verify(event) => (event.to_owned(), false),
                Step::Wait(until) => {
                    self.show();
                    let Count { held, unverified, .. } = self.subscriptions.count();
                    if held + unverified == 0 {
                        return lost("none of the events could be subscribed to".to_owned(), is_up);
                    }
                    if !is_up {
                        is_up = true;
                        self.greet(held + unverified);
                    }
                    tokio::time::sleep_until(until.into()).await;
                    continue;
                }
            };
            let done = match step {
                (event, true) => self.subscribe(&event).await,
                (event, false) => self.verify(&event).await,
            };
            if let Err(error) = done {
                return lost(error.to_string(), is_up);
            }
        }
    }

    fn greet(&self, held: usize) {
        self.around.link.up();
        let Opensips { name, mi, .. } = &*self.around.server;
        let format = self.client.format;
        tracing::info!(connection = name, %mi, ?format, socket = self.socket, events = held, "subscribed to opensips");
    }

    /// Subscribes or renews.
    async fn subscribe(&mut self, event: &str) -> Result<(), Unanswered> {
        let asked = Request::Subscribe(Subscribe {
            event: event.to_owned(),
            socket: self.socket.to_owned(),
            expire: u32::try_from(self.around.server.expire.as_secs()).ok(),
            format: None,
        });
        // OpenSIPS may do it and its answer not come, or not be waited for.
        let is_first = self.around.asked.borrow_mut().insert(event.to_owned());
        failpoints::pass("opensips.subscribe.before").await;
        let done = match self.client.ask(&asked).await {
            Ok(Reply::Done) => Ok(()),
            other => Err(refusal(other)),
        };
        failpoints::pass("opensips.subscribe.after").await;
        self.count("subscribe", &done);
        let now = Instant::now();
        match done {
            Ok(()) => self.subscriptions.made(event, now),
            Err(Refused::Gone(error)) => return Err(error),
            Err(Refused::No(failure)) => {
                // One that was asked for before may be there still.
                if is_first {
                    self.around.asked.borrow_mut().remove(event);
                }
                self.tell_refused(event, &failure, "opensips refuses a subscription");
                self.subscriptions.refused(event, now);
            }
        }
        Ok(())
    }

    /// Asks whether the subscription is there: by its event alone, since OpenSIPS takes the beginning of a socket for all of it.
    async fn verify(&mut self, event: &str) -> Result<(), Unanswered> {
        let asked = Request::Subscribers { event: Some(event.to_owned()), socket: None };
        let listed = match self.client.ask(&asked).await {
            Ok(Reply::Subscribers(events)) => Ok(self.is_in(&events, event)),
            // Of an event without subscribers some say that there is none.
            Ok(Reply::Failed(Failure { code: 404, .. })) => Ok(false),
            other => Err(refusal(other)),
        };
        self.count("verify", &listed);
        let now = Instant::now();
        match listed {
            Ok(true) => {
                self.around.seen.borrow_mut().insert(event.to_owned());
                self.subscriptions.seen(event, now);
            }
            Ok(false) => self.not_there(event, now),
            Err(Refused::Gone(error)) => return Err(error),
            // It is renewed all the same.
            Err(Refused::No(failure)) => {
                self.tell_refused(
                    event,
                    &failure,
                    "opensips does not show whether our subscription is there",
                );
                self.subscriptions.not_shown(event, now);
            }
        }
        Ok(())
    }

    fn is_in(&self, events: &[EventSubscribers], event: &str) -> bool {
        let of_event = events.iter().filter(|it| it.name == event);
        // One whose time is over stays in the list until its event is raised.
        let is_ours = |it: &Subscriber| it.socket == self.socket && it.expire > 0 && it.ttl != Some(0);
        of_event.flat_map(|it| &it.subscribers).any(is_ours)
    }

    fn not_there(&mut self, event: &str, now: Instant) {
        self.around.is_gone(event);
        let (connection, socket) = (&self.around.server.name, self.socket);
        if self.subscriptions.not_seen(event, now) {
            metrics::counter!("eventmanager_subscriptions_lost_total", "connection" => connection.clone())
                .increment(1);
            tracing::warn!(connection, event, "opensips has lost our subscription: it is made anew");
        } else if let Some(so_far) = self.around.refused.count() {
            tracing::warn!(
                connection,
                event,
                socket,
                so_far,
                "opensips has answered OK and not subscribed us: it may have taken our socket for another that begins alike"
            );
        }
    }

    fn tell_refused(&self, event: &str, reason: &Failure, what: &str) {
        if let Some(so_far) = self.around.refused.count() {
            let connection = &self.around.server.name;
            tracing::warn!(connection, event, %reason, so_far, "{what}");
        }
    }

    fn count<T>(&self, request: &'static str, done: &Result<T, Refused>) {
        let outcome = match done {
            Ok(_) => "ok",
            Err(Refused::Gone(_)) => "no_answer",
            Err(Refused::No(_)) => "refused",
        };
        let connection = self.around.server.name.clone();
        metrics::counter!(
            "eventmanager_subscription_requests_total",
            "connection" => connection, "request" => request, "outcome" => outcome
        )
        .increment(1);
    }

    fn show(&self) {
        show(&self.around.server.name, self.subscriptions.count());
    }
}

impl Around {
    /// Nothing has been subscribed to yet.
    pub fn new(server: Arc<Opensips>, link: Link, stop: Rc<Notify>) -> Around {
        Around {
            server,
            link,
            stop,
            asked: RefCell::default(),
            seen: RefCell::default(),
            format: Cell::default(),
            refused: Seldom::default(),
        }
    }

    /// Ends what may be there, lest OpenSIPS sends to nobody for as long as it lasts.
    pub async fn end(&self, socket: &str) {
        if self.asked.borrow().is_empty() {
            return;
        }
        // What was not answered in time is over all the same, by itself.
        let _ = timeout(FAREWELL, self.end_each(socket)).await;
        let left = self.asked.borrow().len();
        if left > 0 {
            let (connection, after) = (&self.server.name, self.server.expire);
            tracing::warn!(
                connection,
                left,
                ?after,
                "subscriptions could not be ended: what there is of them ends by itself"
            );
        }
    }

    fn is_gone(&self, event: &str) {
        self.asked.borrow_mut().remove(event);
        self.seen.borrow_mut().remove(event);
    }

    async fn end_each(&self, socket: &str) {
        let Some(format) = self.format.get() else { return };
        let client = Client::new(&self.server, format);
        let events: Vec<String> = self.asked.borrow().iter().cloned().collect();
        // Beside each other: one that is not answered keeps no other from being asked.
        join_all(events.iter().map(|event| self.end_one(&client, event, socket))).await;
    }

    async fn end_one(&self, client: &Client, event: &str, socket: &str) {
        let (of, socket) = (event.to_owned(), socket.to_owned());
        let unsubscribe = Subscribe { event: of, socket, expire: Some(0), format: None };
        // A refusal says that it is not there.
        if client.ask(&Request::Subscribe(unsubscribe)).await.is_ok() {
            self.is_gone(event);
        }
    }
}

/// What is subscribed to at the moment, for everybody who asks.
pub fn show(connection: &str, Count { held, unverified, missing }: Count) {
    for (state, count) in [("held", held), ("unverified", unverified), ("missing", missing)] {
        metrics::gauge!("eventmanager_subscriptions", "connection" => connection.to_owned(), "state" => state)
            .set(count as f64);
    }
}

fn refusal(answer: Result<Reply, Unanswered>) -> Refused {
    match answer {
        Ok(Reply::Failed(failure)) => Refused::No(failure),
        Ok(other) => Refused::No((0, &*format!("an answer to something else: {other:?}")).into()),
        Err(error) => Refused::Gone(error),
    }
}

fn lost(reason: String, good: bool) -> Attempt {
    Attempt::Lost { reason, good }
}

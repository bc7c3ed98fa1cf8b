//! Keeping the subscriptions at one OpenSIPS: made, seen, renewed, and ended when we end.

use super::mi::{Client, Unanswered};
use super::subscriptions::{Step, Subscriptions};
use crate::config::Opensips;
use crate::connections::link::Link;
use crate::connections::reconnect::Attempt;
use crate::telemetry::Seldom;
use crate::wire::mi::{EventSubscribers, Failure, Reply, Request, Subscribe, Subscriber};
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
}

/// One time of being in touch, from the first answer to the first that does not come.
pub struct Session<'a> {
    around: &'a Around,
    client: Client,
    /// Ours, as OpenSIPS is told and tells.
    socket: &'a str,
    subscriptions: Subscriptions,
    /// Events that could not be subscribed to.
    refused: Seldom,
}

/// What came of a step that was answered.
enum Refused {
    /// Nobody answers.
    Gone(Unanswered),
    /// This one was refused.
    No(Failure),
    /// Something else was answered.
    Strange(Reply),
}

impl<'a> Session<'a> {
    /// Finds out what is spoken; nothing is subscribed to yet.
    pub async fn begin(around: &'a Around, socket: &'a str) -> Result<Session<'a>, Unanswered> {
        let client = Client::find(&around.server).await?;
        let Opensips { events, expire, verify, .. } = &*around.server;
        let subscriptions = Subscriptions::new(events, *expire, *verify, Instant::now());
        Ok(Session { around, client, socket, subscriptions, refused: Seldom::default() })
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
                    let held = self.subscriptions.count().held;
                    if held == 0 {
                        return lost("none of the events could be subscribed to".to_owned(), is_up);
                    }
                    if !is_up {
                        is_up = true;
                        self.greet(held);
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
        let done = match self.client.ask(&asked).await {
            Ok(Reply::Done) => Ok(()),
            other => Err(refusal(other)),
        };
        self.count("subscribe", &done);
        let now = Instant::now();
        match done {
            Ok(()) => self.subscriptions.made(event, now),
            Err(Refused::Gone(error)) => return Err(error),
            Err(refused) => {
                self.tell_refused(event, &refused);
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
            Ok(true) => self.subscriptions.seen(event, now),
            Ok(false) => self.not_there(event, now),
            Err(Refused::Gone(error)) => return Err(error),
            // Whether it is there nobody says: it is renewed all the same.
            Err(refused) => {
                self.tell_refused(event, &refused);
                self.subscriptions.seen(event, now);
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
        let (connection, socket) = (&self.around.server.name, self.socket);
        if self.subscriptions.not_seen(event, now) {
            metrics::counter!("eventmanager_subscriptions_lost_total", "connection" => connection.clone())
                .increment(1);
            tracing::warn!(connection, event, "opensips has lost our subscription: it is made anew");
        } else if let Some(so_far) = self.refused.count() {
            tracing::warn!(
                connection,
                event,
                socket,
                so_far,
                "opensips has answered OK and not subscribed us: it may have taken our socket for another that begins alike"
            );
        }
    }

    fn tell_refused(&self, event: &str, refused: &Refused) {
        let Some(so_far) = self.refused.count() else { return };
        let connection = &self.around.server.name;
        let reason = match refused {
            Refused::Gone(error) => error.to_string(),
            Refused::No(failure) => failure.to_string(),
            Refused::Strange(reply) => format!("an answer to something else: {reply:?}"),
        };
        tracing::warn!(connection, event, reason, so_far, "opensips refuses a subscription");
    }

    fn count<T>(&self, request: &'static str, done: &Result<T, Refused>) {
        let outcome = match done {
            Ok(_) => "ok",
            Err(Refused::Gone(_)) => "no_answer",
            Err(Refused::No(_) | Refused::Strange(_)) => "refused",
        };
        let connection = self.around.server.name.clone();
        metrics::counter!(
            "eventmanager_subscription_requests_total",
            "connection" => connection, "request" => request, "outcome" => outcome
        )
        .increment(1);
    }

    fn show(&self) {
        let count = self.subscriptions.count();
        show(&self.around.server.name, count.held, count.missing);
    }

    /// Ends what there is, lest OpenSIPS sends to nobody for as long as it lasts.
    pub async fn end(&self) {
        let events: Vec<&str> = self.subscriptions.made_ones().collect();
        let ended = timeout(FAREWELL, async {
            for event in &events {
                let subscribe = Subscribe {
                    event: (*event).to_owned(),
                    socket: self.socket.to_owned(),
                    expire: Some(0),
                    format: None,
                };
                if self.client.ask_within(&Request::Subscribe(subscribe), FAREWELL).await.is_err() {
                    return;
                }
            }
        });
        if ended.await.is_err() {
            let connection = &self.around.server.name;
            tracing::warn!(connection, "subscriptions could not be ended in time: they end by themselves");
        }
    }
}

/// What is subscribed to at the moment, for everybody who asks.
pub fn show(connection: &str, held: usize, missing: usize) {
    for (state, count) in [("held", held), ("missing", missing)] {
        metrics::gauge!("eventmanager_subscriptions", "connection" => connection.to_owned(), "state" => state)
            .set(count as f64);
    }
}

fn refusal(answer: Result<Reply, Unanswered>) -> Refused {
    match answer {
        Ok(Reply::Failed(failure)) => Refused::No(failure),
        Ok(reply) => Refused::Strange(reply),
        Err(error) => Refused::Gone(error),
    }
}

fn lost(reason: String, good: bool) -> Attempt {
    Attempt::Lost { reason, good }
}

//! Commands are carried out and answered, in whatever language they came.

use super::failures::{absent, no_method, store_away, too_late};
use super::registry::Subscription;
use super::server::Server;
use crate::wire::mi::{EventId, EventSubscribers, Failure, Reply, Request, Subscriber};
use std::rc::Rc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout_at};

/// The commands by which requests are counted; others are `other`.
pub const METHODS: [&str; 4] = ["event_subscribe", "events_list", "subscribers_list", "raise_event"];
/// What came of them.
pub const OUTCOMES: [&str; 3] = ["ok", "refused", "failed"];

/// A datagram is answered within this time, however many requests it has.
pub const LIMIT: Duration = Duration::from_secs(5);

/// What a subscription has come to, beyond what the language of OpenSIPS has a place for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    pub event: String,
    pub socket: String,
    pub format: String,
    pub sent: u64,
    pub queued: usize,
    pub dropped: u64,
}

/// What a command has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub reply: Reply,
    /// Of the subscriptions that are told.
    pub details: Vec<Detail>,
}

impl Answered {
    /// Nobody is there to carry it out.
    pub fn away() -> Answered {
        Answered { reply: Reply::Failed(store_away("it is being started")), details: Vec::new() }
    }
}

impl Server {
    /// Carries out a command by then; `actor` is the operator who gives it, where one does.
    pub async fn answer(self: &Rc<Self>, request: &Request, actor: Option<&str>, until: Instant) -> Answered {
        let done = self.carry_out_by(until, request, actor).await;
        let reply = done.unwrap_or_else(|failure| (Reply::Failed(failure), Vec::new()));
        let (reply, details) = reply;
        count(request, &reply);
        Answered { reply, details }
    }

    async fn carry_out_by(
        self: &Rc<Self>,
        until: Instant,
        request: &Request,
        actor: Option<&str>,
    ) -> Result<(Reply, Vec<Detail>), Failure> {
        // Nothing is begun that nobody waits for.
        if Instant::now() >= until {
            return Err(too_late());
        }
        timeout_at(until, self.carry_out(request, actor)).await.unwrap_or_else(|_| Err(too_late()))
    }

    async fn carry_out(
        self: &Rc<Self>,
        request: &Request,
        actor: Option<&str>,
    ) -> Result<(Reply, Vec<Detail>), Failure> {
        if !self.is_loaded.get() {
            return Err(store_away("it has not been reached since the start"));
        }
        let reply = match request {
            Request::Version => Reply::Version(format!("eventmanager {}", env!("CARGO_PKG_VERSION"))),
            Request::Events => Reply::Events(self.events_list()),
            Request::Subscribers { event, socket } => {
                return self.subscribers_list(event.as_deref(), socket.as_deref());
            }
            Request::Subscribe(wish) => {
                self.subscribe(wish, actor).await?;
                Reply::Done
            }
            Request::Raise { event, params } => {
                self.raise(event, params, actor).await?;
                Reply::Done
            }
            Request::Unknown(_) => return Err(no_method()),
        };
        Ok((reply, Vec::new()))
    }

    fn events_list(&self) -> Vec<EventId> {
        let (mut known, registry) = (self.known.borrow_mut(), self.registry.borrow());
        let names: Vec<String> = known.all(registry.events()).into_iter().map(str::to_owned).collect();
        names.into_iter().map(|name| EventId { id: known.id(&name), name }).collect()
    }

    fn subscribers_list(
        &self,
        event: Option<&str>,
        socket: Option<&str>,
    ) -> Result<(Reply, Vec<Detail>), Failure> {
        let (registry, now) = (self.registry.borrow(), self.clock.now());
        let is_meant = |it: &&Subscription| {
            it.until > now
                && event.is_none_or(|event| it.stored.event == event)
                && socket.is_none_or(|socket| it.stored.socket == socket)
        };
        let mut lists: Vec<EventSubscribers> = Vec::new();
        let mut details = Vec::new();
        for subscription in registry.all().filter(is_meant) {
            let name = &subscription.stored.event;
            if lists.last().is_none_or(|last| last.name != *name) {
                let id = self.known.borrow_mut().id(name);
                lists.push(EventSubscribers { name: name.clone(), id, subscribers: Vec::new() });
            }
            let list = lists.last_mut().into_iter();
            list.for_each(|list| list.subscribers.push(subscriber(subscription, now)));
            details.push(detail(subscription));
        }
        if event.is_some() && socket.is_some() && lists.is_empty() {
            return Err(absent());
        }
        Ok((Reply::Subscribers(lists), details))
    }
}

fn subscriber(subscription: &Subscription, now: SystemTime) -> Subscriber {
    Subscriber {
        socket: subscription.stored.socket.clone(),
        expire: subscription.stored.expire,
        ttl: Some(subscription.ttl(now)),
    }
}

fn detail(Subscription { stored, tally, .. }: &Subscription) -> Detail {
    Detail {
        event: stored.event.clone(),
        socket: stored.socket.clone(),
        format: stored.format.clone(),
        sent: tally.sent.get(),
        queued: tally.queued.get(),
        dropped: tally.dropped.get(),
    }
}

/// By what was asked, and what came of it.
fn count(request: &Request, reply: &Reply) {
    let method = match request {
        Request::Subscribe(_) => METHODS[0],
        Request::Events => METHODS[1],
        Request::Subscribers { .. } => METHODS[2],
        Request::Raise { .. } => METHODS[3],
        Request::Version | Request::Unknown(_) => "other",
    };
    let outcome = match reply {
        Reply::Failed(failure) if failure.code >= 500 => OUTCOMES[2],
        Reply::Failed(_) => OUTCOMES[1],
        _ => OUTCOMES[0],
    };
    count_request(method, outcome, 1);
}

/// Counts so many more.
pub fn count_request(method: &'static str, outcome: &'static str, by: u64) {
    metrics::counter!("eventmanager_evi_requests_total", "method" => method, "outcome" => outcome)
        .increment(by);
}

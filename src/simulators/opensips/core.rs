//! What the transports of one OpenSIPS and its handle share.

use super::clock::Clock;
use super::counts::{Counts, Journal};
use super::delivery::{Delivery, Told, What};
use super::destination::Destination;
use super::misbehaviour::Misbehaviour;
use super::options::OpensipsOptions;
use super::subscriptions::{Alive, Subscriptions};
use crate::wire::evi::Event;
use crate::wire::mi::{Reply, Request};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One OpenSIPS, for whoever works on it.
pub(super) struct Shared {
    pub options: OpensipsOptions,
    core: Mutex<Core>,
}

/// What is behind the lock, which is never held across an await.
pub(super) struct Core {
    pub subscriptions: Subscriptions,
    pub misbehaviour: Misbehaviour,
    pub delivery: Delivery,
    pub counts: Counts,
    pub journal: Journal,
    /// The answer to the request before.
    pub answer_before: Option<Vec<u8>>,
    has_streams: bool,
    clock: Clock,
}

/// What becomes of a request.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Reply(Reply),
    Version,
    /// The names of all methods.
    Methods,
    BadParameter,
    /// More than the method has.
    WrongParameters,
    NotPublished,
    NoSubscriber,
    NotRegistered,
    NobodyIsTold,
    NoSuchMethod,
    Broken,
}

/// What it can be asked.
pub(super) const METHODS: [&str; 6] =
    ["version", "which", "events_list", "event_subscribe", "subscribers_list", "raise_event"];

impl Shared {
    /// An OpenSIPS to which nobody has subscribed.
    pub fn new(options: OpensipsOptions) -> io::Result<Shared> {
        let mut subscriptions = Subscriptions::default();
        options.events.iter().for_each(|event| subscriptions.publish(event));
        let core = Core {
            subscriptions,
            misbehaviour: Misbehaviour::None,
            delivery: Delivery::new(options.version.payload(), options.reliable)?,
            counts: Counts::default(),
            journal: Journal::default(),
            answer_before: None,
            has_streams: options.version.has_streams(),
            clock: Clock::new(options.still),
        };
        Ok(Shared { options, core: Mutex::new(core) })
    }

    /// To work on it.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts something.
    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.core().counts);
    }
}

impl Core {
    /// Does what is asked.
    pub fn carry_out(&mut self, request: &Request) -> Outcome {
        *self.counts.requests.entry(request.method().to_owned()).or_default() += 1;
        self.journal.add(request.clone());
        if self.misbehaviour == Misbehaviour::Failing {
            return Outcome::Broken;
        }
        let now = self.clock.now();
        match request {
            Request::Version => Outcome::Version,
            Request::Events => Outcome::Reply(Reply::Events(self.subscriptions.events())),
            // A format is what others understand.
            Request::Subscribe(asked) if asked.format.is_some() => Outcome::WrongParameters,
            Request::Subscribe(asked) => {
                let destination = Destination::parse(&asked.socket, self.has_streams);
                match self.subscriptions.subscribe(&asked.event, destination, asked.expire, now) {
                    Ok(()) => Outcome::Reply(Reply::Done),
                    Err(_) => Outcome::BadParameter,
                }
            }
            Request::Subscribers { event, socket } => self.list(event.as_deref(), socket.as_deref(), now),
            Request::Raise { event, .. } if !self.subscriptions.is_published(event) => Outcome::NotRegistered,
            Request::Raise { event, .. } if !self.subscriptions.has_subscribers(event) => {
                Outcome::NobodyIsTold
            }
            Request::Raise { event, params } => {
                let event = Event { name: event.clone(), params: params.clone(), is_ambiguous: false };
                self.raise(&event.name, What::Event(&event));
                Outcome::Reply(Reply::Done)
            }
            Request::Unknown(method) if method == "which" => Outcome::Methods,
            Request::Unknown(_) => Outcome::NoSuchMethod,
        }
    }

    fn list(&self, event: Option<&str>, socket: Option<&str>, now: u64) -> Outcome {
        let Some(event) = event else {
            return Outcome::Reply(Reply::Subscribers(self.subscriptions.list_all(now)));
        };
        let Some(all) = self.subscriptions.list(event, now) else { return Outcome::NotPublished };
        let listed = match socket {
            None => Some(all),
            Some(socket) => Destination::parse(socket, self.has_streams)
                .and_then(|destination| self.subscriptions.list_one(event, &destination, now)),
        };
        listed.map_or(Outcome::NoSubscriber, |listed| Outcome::Reply(Reply::Subscribers(vec![listed])))
    }

    /// Tells whoever has subscribed to `event`.
    pub fn raise(&mut self, event: &str, what: What<'_>) -> Told {
        let now = self.clock.now();
        let told = self.delivery.tell(self.subscriptions.receivers(event, now), what);
        self.counts.sent += told.sent;
        self.counts.lost += told.lost;
        told
    }

    /// Forgets what an OpenSIPS forgets that has ended.
    pub fn forget(&mut self) {
        self.subscriptions.forget_all();
        self.delivery.streams = None;
        self.answer_before = None;
    }

    /// Who is subscribed now.
    pub fn alive(&self) -> Vec<Alive> {
        self.subscriptions.alive(self.clock.now())
    }

    pub fn advance(&self, time: Duration) {
        self.clock.advance(time);
    }
}

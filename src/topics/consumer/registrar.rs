//! Does at one peer what its plan says.

use super::answers::{self, Looked};
use super::plan::{Place, Plan, Step};
use super::wanted::{Job, Wanted};
use crate::failpoints;
use crate::store::{Registration, RegistrationChange, Store};
use crate::supervision::Backoff;
use crate::telemetry::link::{Link, LinkBoard};
use crate::topics::hubs::outbound::{Answer, Outbound, Request};
use crate::wire::event_management::Callback;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};
use tokio::time::{sleep, sleep_until};

/// Distance of the attempts to read while the database is away.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };
/// What stands for itself in a path.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Why it is not as it should be, until something has gone wrong.
const NOT_YET: &str = "not registered yet";
const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=utf-8");

/// Keeps what is wanted registered at this peer; ends where there is nothing to keep and nothing left to end. What is dropped halfway is
/// found at the next look.
pub async fn run(job: Job, store: Store, links: LinkBoard) {
    // Where it is only to forget us there is no connection that anybody would miss.
    let link = (!job.wanted.is_empty()).then(|| links.link(job.peer.name(), &job.peer.host));
    let stored = stored(&store).await.into_iter();
    let kept: Vec<Registration> = stored.filter(|it| it.peer == job.peer.host).collect();
    if job.wanted.is_empty() && kept.is_empty() {
        return;
    }
    let registrar = Registrar { trouble: RefCell::default(), store, job, link };
    let outbound = registrar.outbound().await;
    let mut plan = Plan::new(&registrar.job, kept, Instant::now());
    loop {
        registrar.show(plan.is_held());
        match plan.step(Instant::now()) {
            Step::Wait(until) => sleep_until(until.into()).await,
            Step::Over => return,
            step => registrar.take(&outbound, &mut plan, step).await,
        }
    }
}

/// What the store has, as soon as it can be read.
pub async fn stored(store: &Store) -> Vec<Registration> {
    let mut failures = 0;
    loop {
        store.wait_until_events_up().await;
        match store.registrations().await {
            Ok(stored) => return stored,
            Err(error) => tracing::warn!(%error, "registrations cannot be read: trying again"),
        }
        sleep(RETRY.delay(failures)).await;
        failures += 1;
    }
}

struct Registrar {
    job: Job,
    store: Store,
    /// What was told of each topic last, and is not over.
    trouble: RefCell<BTreeMap<String, String>>,
    link: Option<Link>,
}

impl Registrar {
    /// One whose files can be read.
    async fn outbound(&self) -> Outbound {
        let mut failures = 0;
        loop {
            let reason = match Outbound::new(&self.job.peer, self.job.times.limits) {
                Ok(outbound) => return outbound.governed_by(self.store.lease()),
                Err(reason) => reason,
            };
            self.tell("", &reason);
            self.show(false);
            sleep(self.job.times.retry.delay(failures)).await;
            failures += 1;
        }
    }

    async fn take(&self, outbound: &Outbound, plan: &mut Plan, step: Step) {
        let done = match &step {
            Step::Look(place) => self.look(outbound, plan, place).await,
            Step::Register(place, wanted) => self.register(outbound, plan, place, wanted).await,
            Step::End(place, hub) => self.end(outbound, plan, place, hub).await,
            Step::Wait(_) | Step::Over => return,
        };
        let changes = match done {
            Ok(changes) => changes,
            Err(Failure { reason, pause }) => {
                if let Step::Look(place) | Step::Register(place, _) | Step::End(place, _) = &step {
                    self.tell(&place.topic, &reason);
                }
                plan.failed(&step, pause, Instant::now());
                return;
            }
        };
        if changes.is_empty() {
            return;
        }
        if let Err(error) = self.store.change_registrations(changes).await {
            tracing::warn!(peer = self.name(), %error, "a registration is not stored: a later run looks for it");
        }
    }

    async fn look(&self, outbound: &Outbound, plan: &mut Plan, place: &Place) -> Done {
        let answer = self.ask(outbound, Method::GET, &hubs(place), None).await?;
        let now = Instant::now();
        match answers::looked(&answer) {
            Looked::Listed(listed) => {
                let (changes, is_lost) = plan.listed(place, &listed, now, SystemTime::now());
                if is_lost {
                    let (peer, topic) = (self.name(), &place.topic);
                    tracing::warn!(peer, topic, "the peer has lost our registration: it is made again");
                }
                Ok(changes)
            }
            Looked::NotShown => {
                plan.not_shown(place, now);
                Ok(Vec::new())
            }
            Looked::Failed(reason) => Err(Failure::of(&answer, reason)),
        }
        .inspect(|_| {
            if plan.is_held() {
                self.tell_over(&place.topic);
            }
        })
    }

    async fn register(&self, outbound: &Outbound, plan: &mut Plan, place: &Place, wanted: &Wanted) -> Done {
        let mut body = serde_json::json!({ "callback": wanted.callback });
        if let Some(query) = &wanted.query {
            body["query"] = query.as_str().into();
        }
        failpoints::pass("peer.register.before").await;
        let answer = self.ask(outbound, Method::POST, &hubs(place), Some(body.to_string())).await?;
        failpoints::pass("peer.register.after").await;
        let hub = answers::registered(&answer).map_err(|reason| Failure::of(&answer, reason))?;
        let told = told(outbound, &hub);
        tracing::info!(peer = self.name(), topic = place.topic, hub = told, "registered at a peer");
        self.tell_over(&place.topic);
        Ok(plan.registered(place, hub, Instant::now(), SystemTime::now()))
    }

    async fn end(&self, outbound: &Outbound, plan: &mut Plan, place: &Place, hub: &str) -> Done {
        let url = format!("{}/{}", hubs(place), utf8_percent_encode(hub, IN_PATH));
        let answer = self.ask(outbound, Method::DELETE, &url, None).await?;
        answers::ended(&answer).map_err(|reason| Failure::of(&answer, reason))?;
        let told = told(outbound, hub);
        tracing::info!(
            peer = self.name(),
            topic = place.topic,
            hub = told,
            "a registration at a peer is ended"
        );
        Ok(plan.ended(place, hub, SystemTime::now()))
    }

    async fn ask(
        &self,
        outbound: &Outbound,
        method: Method,
        url: &str,
        body: Option<String>,
    ) -> Result<Answer, Failure> {
        let url = Callback::parse(url).map_err(|error| Failure::new(error.to_string()))?;
        let mut headers = HeaderMap::from_iter([(ACCEPT, JSON)]);
        if body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        let request = Request { method, url: &url, headers, body: body.unwrap_or_default().into() };
        outbound.send(request).await.map_err(|error| Failure::new(error.to_string()))
    }

    /// Tells what is wrong with a topic, once until it is something else.
    fn tell(&self, topic: &str, reason: &str) {
        let before = self.trouble.borrow_mut().insert(topic.to_owned(), reason.to_owned());
        if before.as_deref() != Some(reason) {
            let peer = self.name();
            tracing::warn!(
                peer,
                topic,
                reason,
                "the registration at a peer is not as it should be: trying again"
            );
        }
    }

    fn tell_over(&self, topic: &str) {
        if self.trouble.borrow_mut().remove(topic).is_some() {
            tracing::info!(peer = self.name(), topic, "the registration at a peer is as it should be again");
        }
    }

    /// Whether all that is wanted is there.
    fn show(&self, is_held: bool) {
        let Some(link) = &self.link else { return };
        match (is_held, self.trouble.borrow().values().next()) {
            (true, _) => link.up(),
            (false, Some(reason)) => link.down(reason),
            (false, None) => link.down(NOT_YET),
        }
    }

    fn name(&self) -> &str {
        self.job.peer.name()
    }
}

/// What a peer calls a hub, for the log: it may be what we have shown to it.
fn told(outbound: &Outbound, hub: &str) -> String {
    outbound.peer().auth.secret().map_or_else(|| hub.to_owned(), |secret| secret.take_out(hub))
}

/// Where the hubs of a topic are.
fn hubs(place: &Place) -> String {
    format!("{}/topic/{}/hub", place.url, place.topic)
}

type Done = Result<Vec<RegistrationChange>, Failure>;

/// Why a step is to be taken again, and how long the peer wants to be left alone.
struct Failure {
    reason: String,
    pause: Option<Duration>,
}

impl Failure {
    fn new(reason: String) -> Failure {
        Failure { reason, pause: None }
    }

    fn of(answer: &Answer, reason: String) -> Failure {
        Failure { reason, pause: answer.retry_after }
    }
}

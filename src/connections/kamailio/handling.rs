//! What becomes of an event that was read: an answer, a row of the store, or nothing.

use super::answers::{Decision, decide};
use super::asking::{Asking, NoAnswer};
use super::duplicates::Duplicates;
use super::outbox::Outbox;
use super::queue::{Arrived, Queue};
use super::recorder::Recorder;
use crate::config::{Answer, Kamailio, Live, Route};
use crate::wire::evapi::Event;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::Instant;

/// Transactions for which somebody is being asked, at most; of more the default is answered at once.
const ASKING: usize = 1_000;

/// Handles the events of one Kamailio, in their order.
pub struct Handling {
    pub server: Arc<Kamailio>,
    pub routes: Live<Vec<Route>>,
    pub queue: Queue,
    pub outbox: Outbox,
    pub recorder: Recorder,
    pub asking: Asking,
}

/// An answer that somebody was asked for.
struct Asked {
    rule: usize,
    event: Event,
    came: Instant,
    answer: Result<String, NoAnswer>,
}

impl Handling {
    /// Handles until the queue is closed and empty, and everybody who was asked has answered.
    pub async fn run(self) {
        let mut duplicates = Duplicates::new(self.server.duplicate_window);
        let mut asked = FuturesUnordered::new();
        loop {
            tokio::select! {
                arrived = self.queue.next() => {
                    let Some(arrived) = arrived else { break };
                    if !self.is_duplicate(&mut duplicates, &arrived) {
                        self.handle(arrived, &mut asked);
                    }
                }
                Some(done) = asked.next(), if !asked.is_empty() => self.finish(done),
            }
        }
        while let Some(done) = asked.next().await {
            self.finish(done);
        }
    }

    fn is_duplicate(&self, duplicates: &mut Duplicates, arrived: &Arrived) -> bool {
        let has_come = duplicates.has_come(&arrived.event, &self.server.keys, arrived.at);
        if has_come {
            metrics::counter!("eventmanager_duplicates_total", "source" => self.server.name.clone())
                .increment(1);
        }
        has_come
    }

    fn handle(&self, arrived: Arrived, asked: &mut FuturesUnordered<LocalBoxFuture<'static, Asked>>) {
        self.record(&arrived);
        let Arrived { event, at: came, .. } = arrived;
        match decide(&event, &self.server.keys, &self.server.answers) {
            Decision::NotAsked => {}
            Decision::NoRule => self.count("no_rule"),
            Decision::Reply(reply) => self.reply("rule", reply, came),
            Decision::Doubtful(rule) => self.reply_default("doubtful", rule, &event, came),
            Decision::Ask(rule) if asked.len() >= ASKING => self.reply_default("busy", rule, &event, came),
            Decision::Ask(rule) => {
                let rule =
                    self.server.answers.iter().position(|it| std::ptr::eq(it, rule)).unwrap_or_default();
                let (server, asking) = (Arc::clone(&self.server), self.asking.clone());
                asked.push(Box::pin(async move {
                    let answer = asking.ask(&event, &server.answers[rule], came.into()).await;
                    Asked { rule, event, came, answer }
                }));
            }
        }
    }

    /// Has the event stored where a route says so.
    fn record(&self, arrived: &Arrived) {
        let routes = self.routes.get();
        if routes.is_empty() {
            return;
        }
        let event = &arrived.event;
        let name = event.first_text(self.server.keys.event.iter().map(String::as_str)).unwrap_or_default();
        let wants = |route: &Route| {
            route.source.means(Some(&self.server.name))
                && route.event.means(Some(&name))
                && route.when.hold(|field| event.text(field))
        };
        if routes.iter().any(|route| route.store && wants(route)) {
            self.recorder.store(&name, arrived);
        }
    }

    fn finish(&self, Asked { rule, event, came, answer }: Asked) {
        let rule = &self.server.answers[rule];
        match answer {
            Ok(reply) => self.reply("asked", reply, came),
            Err(why) => {
                if let NoAnswer::Failed(reason) = &why {
                    tracing::warn!(
                        connection = self.server.name,
                        reason,
                        "a question of kamailio got the default"
                    );
                }
                self.reply_default(why.label(), rule, &event, came);
            }
        }
    }

    fn reply_default(&self, outcome: &'static str, rule: &Answer, event: &Event, came: Instant) {
        match &rule.default {
            Some(default) => self.reply(outcome, default.fill(|field| event.text(field)), came),
            None => self.count(outcome),
        }
    }

    /// Sends an answer; one that cannot be sent any more is of no use later.
    fn reply(&self, outcome: &'static str, reply: String, came: Instant) {
        let longest = self.server.answers.iter().map(|rule| rule.deadline).max().unwrap_or_default();
        match self.outbox.put(reply, (came + longest).into()) {
            Ok(()) => {
                self.count(outcome);
                metrics::histogram!("eventmanager_kamailio_answer_seconds", "connection" => self.server.name.clone())
                    .record(came.elapsed().as_secs_f64());
            }
            Err(reason) => {
                tracing::warn!(connection = self.server.name, %reason, "an answer cannot be sent");
                self.count("not_sent");
            }
        }
    }

    fn count(&self, outcome: &'static str) {
        let connection = self.server.name.clone();
        metrics::counter!("eventmanager_kamailio_answers_total", "connection" => connection, "outcome" => outcome)
            .increment(1);
    }
}

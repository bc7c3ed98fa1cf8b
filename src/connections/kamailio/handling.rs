//! What becomes of an event that was read: an answer, a row of the store, rows of the topic log, or nothing.

use super::answers::{Decision, decide};
use super::asking::{Asking, NoAnswer};
use super::duplicates::Duplicates;
use super::outbox::{NotSent, Outbox, Payload, Receipt};
use super::queue::{Arrived, Queue};
use crate::config::{Answer, Kamailio, Live, Route};
use crate::connections::endpoints::ANSWER_LIMIT;
use crate::connections::recorder::{Recorder, Routed};
use crate::failpoints;
use crate::telemetry::Seldom;
use crate::topics::Wanted;
use crate::wire::evapi::Event;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Transactions for which somebody is being asked, at most, and bytes of memory of their events; of more the default is answered at once.
const ASKING: usize = 1_000;
const ASKING_BYTES: usize = 64 << 20;

/// Of [`ANSWER_LIMIT`]: what is left when everybody is answered, to store what is not stored.
const LAST: Duration = Duration::from_millis(500);

/// Handles the events of one Kamailio, in their order.
pub struct Handling {
    server: Arc<Kamailio>,
    routes: Live<Vec<Route>>,
    queue: Queue,
    outbox: Outbox,
    recorder: Recorder,
    asking: Asking,
    tally: Tally,
    /// Questions that failed for a reason which somebody should know.
    failures: Seldom,
}

/// A suspended transaction, and the rule that is about it.
struct Question<'a> {
    rule: &'a Answer,
    event: &'a Event,
    came: Instant,
}

/// Whoever is being asked.
#[derive(Default)]
struct Questions {
    open: FuturesUnordered<LocalBoxFuture<'static, Asked>>,
    bytes: usize,
}

impl Questions {
    fn has_room(&self, bytes: usize) -> bool {
        self.open.len() < ASKING && self.bytes + bytes <= ASKING_BYTES
    }
}

/// An answer that somebody was asked for.
struct Asked {
    /// The place of its rule.
    rule: usize,
    event: Event,
    bytes: usize,
    came: Instant,
    answer: Result<String, NoAnswer>,
}

impl Handling {
    /// Handles what comes into `queue`.
    pub fn new(
        server: Arc<Kamailio>,
        routes: Live<Vec<Route>>,
        queue: Queue,
        outbox: Outbox,
        recorder: Recorder,
        asking: Asking,
    ) -> Self {
        let tally = Tally { connection: server.name.clone() };
        Handling { server, routes, queue, outbox, recorder, asking, tally, failures: Seldom::default() }
    }

    /// Handles until the queue is closed and empty, and everybody who was asked has answered.
    pub async fn run(&self) {
        let mut duplicates = Duplicates::new(self.server.duplicate_window);
        let mut questions = Questions::default();
        loop {
            tokio::select! {
                arrived = self.queue.next() => {
                    let Some(arrived) = arrived else { break };
                    failpoints::pass("kamailio.event.before").await;
                    if !self.is_duplicate(&mut duplicates, &arrived) {
                        self.handle(arrived, &mut questions);
                    }
                }
                Some(asked) = questions.open.next(), if !questions.open.is_empty() => {
                    questions.bytes -= asked.bytes;
                    self.finish(asked);
                }
            }
        }
        // Longer deadlines are cut short: meanwhile nothing else of this Kamailio is handled.
        self.asking.end_by(tokio::time::Instant::now() + ANSWER_LIMIT - LAST);
        while let Some(asked) = questions.open.next().await {
            self.finish(asked);
        }
    }

    /// A question for which there was no room gets its default.
    pub fn refuse(&self, Arrived { event, name, at: came, .. }: &Arrived) {
        let rule = match decide(event, name.as_deref(), &self.server.keys, &self.server.answers) {
            Decision::NotAsked => return,
            Decision::NoRule => return self.tally.count("no_rule"),
            Decision::Reply(rule, _) | Decision::Ask(rule) | Decision::Doubtful(rule) => rule,
        };
        let question = Question { rule: &self.server.answers[rule], event, came: *came };
        self.reply_default("dropped", &question);
    }

    fn is_duplicate(&self, duplicates: &mut Duplicates, arrived: &Arrived) -> bool {
        let has_come = duplicates.has_come(arrived, &self.server.keys);
        if has_come {
            metrics::counter!("eventmanager_duplicates_total", "source" => self.server.name.clone())
                .increment(1);
        }
        has_come
    }

    fn handle(&self, arrived: Arrived, questions: &mut Questions) {
        self.record(&arrived);
        let Arrived { event, name, at: came, weight, .. } = arrived;
        let question = |rule: usize| Question { rule: &self.server.answers[rule], event: &event, came };
        match decide(&event, name.as_deref(), &self.server.keys, &self.server.answers) {
            Decision::NotAsked => {}
            Decision::NoRule => self.tally.count("no_rule"),
            Decision::Reply(rule, reply) => self.reply("rule", &question(rule), reply),
            Decision::Doubtful(rule) => self.reply_default("doubtful", &question(rule)),
            Decision::Ask(rule) if !questions.has_room(weight) => {
                self.reply_default("busy", &question(rule));
            }
            Decision::Ask(rule) => {
                let (server, asking, bytes) = (Arc::clone(&self.server), self.asking.clone(), weight);
                questions.bytes += bytes;
                questions.open.push(Box::pin(async move {
                    let answer = asking.ask(&event, &server.answers[rule], came.into()).await;
                    Asked { rule, event, bytes, came, answer }
                }));
            }
        }
    }

    /// Has the event handed on and stored as the routes say.
    fn record(&self, arrived: &Arrived) {
        let routes = self.routes.get();
        if routes.is_empty() {
            return;
        }
        let field = |field: &str| arrived.event.text(field);
        let wanted = Wanted::by(&routes, &self.server.name, arrived.name(), field);
        if wanted.store || !wanted.topics.is_empty() {
            let routed = Routed {
                name: arrived.name.clone().unwrap_or_default(),
                received: arrived.received,
                document: &|| String::from_utf8_lossy(&arrived.payload).into(),
                payload: &|| arrived.event.to_json(&arrived.payload).into(),
            };
            self.recorder.record(&routed, wanted);
        }
    }

    fn finish(&self, Asked { rule, event, came, answer, .. }: Asked) {
        let question = Question { rule: &self.server.answers[rule], event: &event, came };
        match answer {
            Ok(reply) => self.reply("asked", &question, reply),
            Err(why) => {
                // That a subscriber is refused is an answer.
                if !matches!(why, NoAnswer::Refused)
                    && let Some(so_far) = self.failures.count()
                {
                    let (connection, reason) = (&self.server.name, why.to_string());
                    tracing::warn!(connection, reason, so_far, "a question of kamailio got the default");
                }
                self.reply_default(why.label(), &question);
            }
        }
    }

    fn reply(&self, outcome: &'static str, question: &Question<'_>, reply: String) {
        match Payload::new(reply) {
            Ok(reply) => self.send(outcome, question, reply),
            Err(reason) => {
                self.tell_unsendable(&reason);
                self.reply_default("too_large", question);
            }
        }
    }

    fn reply_default(&self, outcome: &'static str, question: &Question<'_>) {
        let Some(default) = &question.rule.default else { return self.tally.count(outcome) };
        match Payload::new(default.fill(|field| question.event.text(field))) {
            Ok(default) => self.send(outcome, question, default),
            Err(reason) => {
                self.tell_unsendable(&reason);
                self.tally.count("default_too_large");
            }
        }
    }

    fn tell_unsendable(&self, reason: &NotSent) {
        if let Some(so_far) = self.failures.count() {
            tracing::warn!(connection = self.server.name, %reason, so_far, "an answer cannot be sent");
        }
    }

    /// After its deadline an answer is of no use. It is counted when it is written.
    fn send(&self, outcome: &'static str, question: &Question<'_>, reply: Payload) {
        let (tally, came) = (self.tally.clone(), question.came);
        let receipt = Receipt::new(move |sent| match sent {
            Ok(()) => tally.count_sent(outcome, came),
            Err(reason) => {
                tracing::debug!(connection = tally.connection, %reason, "an answer was not sent");
                tally.count(if reason == NotSent::Full { "full" } else { "not_sent" });
            }
        });
        self.outbox.put(reply, (came + question.rule.deadline).into(), receipt);
    }
}

/// Counts what became of questions.
#[derive(Clone)]
struct Tally {
    connection: String,
}

impl Tally {
    fn count(&self, outcome: &'static str) {
        let connection = self.connection.clone();
        metrics::counter!("eventmanager_kamailio_answers_total", "connection" => connection, "outcome" => outcome)
            .increment(1);
    }

    fn count_sent(&self, outcome: &'static str, came: Instant) {
        self.count(outcome);
        let connection = self.connection.clone();
        metrics::histogram!("eventmanager_kamailio_answer_seconds", "connection" => connection)
            .record(came.elapsed().as_secs_f64());
    }
}

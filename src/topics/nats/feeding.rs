//! Taking in over one connection: stored first, then acknowledged.
//!
//! What comes again because an acknowledgement was lost has the same uuid, and is stored once.

use super::CONNECTION;
use super::connect::Connected;
use super::life::Life;
use super::posted::posted;
use crate::config::{Live, NatsConsume, Route};
use crate::failpoints;
use crate::store::Store;
use crate::telemetry::{Seldom, count_bad_frame};
use crate::topics::TopicEvent;
use crate::topics::hand_on::store_all;
use async_nats::jetstream;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::AckKind;
use futures_util::StreamExt;
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;

/// Messages that are stored at once, and bytes that the server sends at once.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 8 << 20;
/// A pull that brings nothing ends after this.
const PULL: Duration = Duration::from_secs(30);
/// A server that is silent for two of these is gone.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// What is not acknowledged within this comes again.
const ACKNOWLEDGED: Duration = Duration::from_secs(30);

/// What it takes to take in.
pub(super) struct Feeding<'a> {
    consume: &'a NatsConsume,
    routes: &'a Live<Vec<Route>>,
    store: &'a Store,
    life: &'a Life,
    stop: &'a Notify,
    bad: Seldom,
}

impl<'a> Feeding<'a> {
    pub fn new(
        (consume, routes): (&'a NatsConsume, &'a Live<Vec<Route>>),
        store: &'a Store,
        life: &'a Life,
        stop: &'a Notify,
    ) -> Self {
        Feeding { consume, routes, store, life, stop, bad: Seldom::default() }
    }

    /// Takes in until the connection is of no more use, and says why; `None`: it was told to stop.
    pub async fn run(&self, connected: Connected) -> Option<String> {
        tokio::select! {
            reason = self.take_in(&connected) => Some(reason),
            reason = connected.lost() => Some(reason),
            // What is not acknowledged comes again.
            () = self.stop.notified() => None,
        }
    }

    async fn take_in(&self, connected: &Connected) -> String {
        let consumer = match self.consumer(connected).await {
            Ok(consumer) => consumer,
            Err(reason) => return reason,
        };
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH)
            .max_bytes_per_batch(BATCH_BYTES)
            .expires(PULL)
            .heartbeat(HEARTBEAT)
            .messages();
        let mut messages = match messages.await {
            Ok(messages) => messages.ready_chunks(BATCH),
            Err(error) => return error.to_string(),
        };
        self.life.up();
        while let Some(chunk) = messages.next().await {
            let mut came = Vec::with_capacity(chunk.len());
            for message in chunk {
                match message {
                    Ok(message) => came.push(message),
                    Err(error) => return error.to_string(),
                }
            }
            if let Err(reason) = self.store(came).await {
                return reason;
            }
        }
        "the server sends no more".to_owned()
    }

    /// The consumer that the server keeps for us: made where it is missing, and never changed where it is not.
    async fn consumer(&self, connected: &Connected) -> Result<PullConsumer, String> {
        let NatsConsume { stream, subject, durable, .. } = self.consume;
        let context = jetstream::new(connected.client.clone());
        let found = context.get_stream(stream).await;
        let found = found.map_err(|error| format!("the stream {stream} cannot be asked for: {error}"))?;
        let config = pull::Config {
            durable_name: Some(durable.clone()),
            filter_subject: subject.clone(),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACKNOWLEDGED,
            ..pull::Config::default()
        };
        let consumer = found.get_or_create_consumer(durable, config).await;
        let consumer = consumer.map_err(|error| format!("there is no consumer {durable}: {error}"))?;
        let filter = &consumer.cached_info().config.filter_subject;
        if filter != subject {
            return Err(format!("the consumer {durable} is there and takes {filter:?}, not {subject}"));
        }
        Ok(consumer)
    }

    /// Stores what can be read, and acknowledges all.
    async fn store(&self, messages: Vec<Message>) -> Result<(), String> {
        let mut events: Vec<TopicEvent> = Vec::with_capacity(messages.len());
        let mut answers = Vec::with_capacity(messages.len());
        let routes = self.routes.get();
        for message in messages {
            match posted(&message, self.consume, &routes, SystemTime::now()) {
                Ok(posted) => {
                    events.extend(posted);
                    answers.push((message, AckKind::Ack));
                }
                Err(reason) => {
                    self.tell_bad(&message, reason);
                    answers.push((message, AckKind::Term));
                }
            }
        }
        failpoints::pass("nats.take_in.before").await;
        store_all(self.store, &events).await.map_err(|error| error.to_string())?;
        failpoints::pass("nats.take_in.after").await;
        for (message, answer) in answers {
            // A lost acknowledgement brings the message again, and a connection that is lost is told elsewhere.
            let _ = message.ack_with(answer).await;
        }
        Ok(())
    }

    fn tell_bad(&self, message: &Message, reason: &'static str) {
        count_bad_frame(CONNECTION, reason);
        if let Some(so_far) = self.bad.count() {
            let (subject, bytes) = (message.subject.as_str(), message.payload.len());
            tracing::warn!(
                subject,
                bytes,
                reason,
                so_far,
                "a message of nats cannot be read, and does not come again"
            );
        }
    }
}

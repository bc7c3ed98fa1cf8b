//! Publishing over one connection: many messages are under way, and the place moves behind those that are acknowledged, in order.
//!
//! Whatever goes wrong with one ends the connection, and the next one begins behind the last that is known to be there. The server
//! knows those that it has got by their ids.

use super::SOURCE;
use super::connect::Connected;
use super::life::Life;
use super::message::{message, subject};
use super::place::Place;
use super::stream;
use crate::config::Nats;
use crate::event::Form;
use crate::failpoints;
use crate::store::Store;
use crate::topics::Tail;
use crate::topics::happenings::{Happening, happenings};
use async_nats::jetstream;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, ContextBuilder, PublishAckFuture, PublishError, PublishErrorKind,
};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// A message that is not acknowledged within this is published again.
const ACKNOWLEDGED: Duration = Duration::from_secs(5);
/// What is under way at a stop is waited for so long.
const AT_A_STOP: Duration = Duration::from_secs(1);

/// What it takes to publish.
pub(super) struct Publishing<'a> {
    pub config: &'a Nats,
    pub store: &'a Store,
    pub life: &'a Life,
    pub stop: &'a Notify,
}

/// A message that is under way, or need not go.
struct UnderWay {
    sequence: i64,
    uuid: Uuid,
    ack: Option<PublishAckFuture>,
}

/// What came of it.
struct Settled {
    sequence: i64,
    uuid: Uuid,
    /// `false`: it was there already, or need not go.
    outcome: Result<bool, PublishError>,
}

impl UnderWay {
    async fn settle(self) -> Settled {
        let UnderWay { sequence, uuid, ack } = self;
        let outcome = match ack {
            Some(ack) => {
                let acknowledged = ack.await.map(|ack| !ack.duplicate);
                failpoints::pass("nats.ack.after").await;
                acknowledged
            }
            None => Ok(false),
        };
        Settled { sequence, uuid, outcome }
    }
}

impl Publishing<'_> {
    /// Publishes until the connection is of no more use, and says why; `None`: it was told to stop.
    pub async fn run(&self, connected: Connected, place: &mut Place) -> Option<String> {
        let context = ContextBuilder::new()
            .timeout(ACKNOWLEDGED)
            .max_ack_inflight(self.config.in_flight + 1)
            .build(connected.client.clone());
        let begin = async {
            stream::prepare(&context, &self.config.stream, &self.config.subject_prefix).await?;
            let from = place.read().await.map_err(|error| error.to_string())?;
            let end = self.store.topic_log_end().await.map_err(|error| error.to_string())?;
            Ok::<_, String>((from, from >= end))
        };
        let (from, is_at_end) = tokio::select! {
            begun = begin => match begun {
                Ok(begun) => begun,
                Err(reason) => return Some(reason),
            },
            reason = connected.lost() => return Some(reason),
            () = self.stop.notified() => return None,
        };
        if is_at_end {
            self.life.up();
        }
        let ended = self.publish(&context, &connected, from, place).await;
        show_unacked(0);
        ended
    }

    async fn publish(
        &self,
        context: &Context,
        connected: &Connected,
        from: i64,
        place: &mut Place,
    ) -> Option<String> {
        let mut tail = Tail::after(self.store.clone(), from);
        let mut waiting = VecDeque::new();
        let mut under_way = FuturesOrdered::new();
        let (lost, superseded) = (connected.lost(), place.superseded());
        tokio::pin!(lost, superseded);
        loop {
            show_unacked(under_way.len());
            let has_room = under_way.len() < self.config.in_flight;
            tokio::select! {
                biased;
                never = place.keep() => match never {},
                Some(settled) = under_way.next() => if let Err(reason) = self.settled(settled, place) {
                    return Some(reason);
                },
                reason = &mut lost => return Some(reason),
                () = &mut superseded => return Some("another daemon has had the database, or it was replaced".to_owned()),
                () = self.stop.notified() => {
                    self.finish(&mut under_way, place).await;
                    return None;
                }
                sent = self.send(context, &mut waiting), if has_room && !waiting.is_empty() => match sent {
                    Ok(sent) => under_way.push_back(sent.settle()),
                    Err(reason) => return Some(reason),
                },
                rows = tail.next(), if waiting.is_empty() => waiting.extend(happenings(rows)),
            }
        }
    }

    /// Publishes the first one that waits; one that cannot be published at all is passed over.
    async fn send(&self, context: &Context, waiting: &mut VecDeque<Happening>) -> Result<UnderWay, String> {
        let happening = waiting.front().ok_or("nothing waits")?;
        let (sequence, uuid) = (happening.sequence, happening.event.uuid);
        if !self.store.lease().allows("request") {
            return Err("this node of the cluster does not hold the lease".to_owned());
        }
        let mut ack = None;
        if !has_come_from_nats(&happening.event.form) {
            let subject = subject(&self.config.subject_prefix, happening);
            let message = message(&self.config.stream, happening);
            failpoints::pass("nats.publish.before").await;
            match context.send_publish(subject, message).await {
                Ok(under_way) => ack = Some(under_way),
                Err(error) if is_for_good(&error) => self.tell_skipped(uuid, &error),
                Err(error) => return Err(reason(&error)),
            }
        }
        waiting.pop_front();
        failpoints::pass_at_once("nats.publish.after");
        Ok(UnderWay { sequence, uuid, ack })
    }

    /// Moves the place behind one that the server has got; else why it has not.
    fn settled(&self, settled: Settled, place: &mut Place) -> Result<(), String> {
        match settled.outcome {
            Ok(is_new) => {
                self.life.up();
                metrics::counter!("eventmanager_nats_published_total").increment(u64::from(is_new));
            }
            Err(error) if is_for_good(&error) => self.tell_skipped(settled.uuid, &error),
            Err(error) => return Err(reason(&error)),
        }
        place.reach(settled.sequence);
        Ok(())
    }

    fn tell_skipped(&self, event: Uuid, error: &PublishError) {
        metrics::counter!("eventmanager_nats_skipped_total").increment(1);
        let error = self.life.without_secret(error.to_string());
        tracing::error!(%event, error, "an event cannot be published to nats, and is passed over");
    }

    /// Waits for what is under way, not for long: what is not acknowledged by then is published again at the next start.
    async fn finish<F>(&self, under_way: &mut FuturesOrdered<F>, place: &mut Place)
    where
        F: Future<Output = Settled>,
    {
        let rest = async {
            while let Some(settled) = under_way.next().await {
                if self.settled(settled, place).is_err() {
                    break;
                }
            }
        };
        // Time is up: see above.
        let _ = tokio::time::timeout(AT_A_STOP, rest).await;
    }
}

fn show_unacked(messages: usize) {
    metrics::gauge!("eventmanager_nats_unacked").set(messages as f64);
}

fn has_come_from_nats(form: &Form) -> bool {
    matches!(form, Form::Posted { origin: Some(origin) } if &**origin == SOURCE)
}

/// Whether the server will never take this message: it is too large for it, or for the stream.
fn is_for_good(error: &PublishError) -> bool {
    let code = code(error);
    error.kind() == PublishErrorKind::MaxPayloadExceeded
        || code == Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)
        || code == Some(ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM)
}

fn code(error: &PublishError) -> Option<ErrorCode> {
    error.source()?.downcast_ref::<jetstream::Error>().map(jetstream::Error::error_code)
}

fn reason(error: &PublishError) -> String {
    match error.kind() {
        PublishErrorKind::TimedOut => "the server does not acknowledge what is published".to_owned(),
        PublishErrorKind::StreamNotFound => "there is no stream that takes what is published".to_owned(),
        _ => error.to_string(),
    }
}

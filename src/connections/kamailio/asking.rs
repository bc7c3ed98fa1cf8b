//! Answers that depend on somebody: a row of the table of subscribers, or a service that is asked over HTTP.
//!
//! Whatever becomes of that, something is answered before the deadline, since a caller waits.

use super::pace::Load;
use crate::config::{Answer, AnswerBy};
use crate::failpoints;
use crate::matching::{Conditions, Template, Text};
use crate::outbound::{self, LeaseOver};
use crate::store::{Store, SubscriberRow};
use crate::wire::evapi::Event;
use serde_json::Value;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// A webhook's answer, at most.
const LONGEST: usize = 64 << 10;
/// Unused connections to a webhook that are kept.
const IDLE: usize = 32;
/// Of the deadline, beside what it takes to write the defaults of all who wait: what is left is for the way.
const MARGIN: Duration = Duration::from_millis(20);

/// Why the default is answered.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// There is no such subscriber, or its row does not satisfy the conditions, or lacks what the reply quotes.
    #[error("the subscriber does not satisfy the conditions")]
    Refused,
    #[error("nobody answered in time")]
    Late,
    #[error("{0}")]
    Failed(String),
}

impl NoAnswer {
    /// One word for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            NoAnswer::Refused => "refused",
            NoAnswer::Late => "late",
            NoAnswer::Failed(_) => "failed",
        }
    }
}

/// Asks whomever an answer depends on.
#[derive(Clone)]
pub struct Asking {
    store: Store,
    client: reqwest::Client,
    /// Never over a connection that was used before.
    anew: reqwest::Client,
    /// What is to be written: the defaults are promised there.
    load: Load,
    /// When everything is answered at the latest, once that is known.
    end: Rc<watch::Sender<Option<Instant>>>,
}

impl Asking {
    /// Asks the store, and the webhooks of these answers.
    pub fn new(store: Store, answers: &[Answer], load: Load) -> Self {
        let webhook = |answer: &Answer| match &answer.by {
            AnswerBy::Webhook(url) => Some(url.expose().to_owned()),
            AnswerBy::Rule | AnswerBy::Subscriber { .. } => None,
        };
        let urls: Vec<String> = answers.iter().filter_map(webhook).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let longest = answers.iter().map(|answer| answer.deadline).max().unwrap_or(Duration::from_secs(1));
        let (client, anew) = (outbound::client(&urls, longest, IDLE), outbound::client(&urls, longest, 0));
        Asking { store, client, anew, load, end: Rc::new(watch::Sender::new(None)) }
    }

    /// What is answered to an event that came at `came`.
    pub async fn ask(&self, event: &Event, rule: &Answer, came: Instant) -> Result<String, NoAnswer> {
        let default =
            rule.default.as_ref().map_or(0, |default| default.fill(|field| event.text(field)).len());
        // Until whoever calls this puts its answer in.
        let _promised = self.load.add(default);
        let asked = async {
            match &rule.by {
                AnswerBy::Rule => Ok(rule.reply.fill(|field| event.text(field))),
                AnswerBy::Subscriber { user, when } => self.ask_subscriber(event, rule, user, when).await,
                AnswerBy::Webhook(url) => self.ask_webhook(event, rule, url.expose()).await,
            }
        };
        tokio::select! {
            biased;
            answer = asked => answer,
            () = self.late(came + rule.deadline) => Err(NoAnswer::Late),
        }
    }

    /// Has everything answered by then.
    pub fn end_by(&self, end: Instant) {
        self.end.send_replace(Some(end));
    }

    /// Resolves when the default has to leave: by the deadline, or by the end of the connection.
    async fn late(&self, deadline: Instant) {
        let ends = async {
            let end = self.end.subscribe().wait_for(Option::is_some).await.ok().and_then(|end| *end);
            match end {
                Some(end) => self.time_for_default(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.time_for_default(deadline) => {}
            () = ends => {}
        }
    }

    /// Many may be late at a time, and only so much is written in a moment: each promise of now has its share of the time before. But half
    /// of the time is for those who are asked.
    async fn time_for_default(&self, deadline: Instant) {
        let time = deadline.saturating_duration_since(Instant::now());
        let margin = (MARGIN + self.load.time()).min(time / 2);
        tokio::time::sleep_until(deadline - margin).await;
    }

    async fn ask_subscriber(
        &self,
        event: &Event,
        rule: &Answer,
        user: &Text,
        when: &Conditions,
    ) -> Result<String, NoAnswer> {
        let user = user.fill(&|field: &str| event.text(field));
        // Not on this thread: it reads from Kamailio, which must not wait for a disk.
        let row =
            self.store.subscriber_row(&user).await.map_err(|error| NoAnswer::Failed(error.to_string()))?;
        let Some(row) = row.filter(|row| when.hold(|name| column(row, name))) else {
            return Err(NoAnswer::Refused);
        };
        if quoted(&rule.reply, "subscriber.").any(|name| column(&row, name).is_none()) {
            return Err(NoAnswer::Refused);
        }
        Ok(rule.reply.fill(|field| match field.strip_prefix("subscriber.") {
            Some(name) => column(&row, name),
            None => event.text(field),
        }))
    }

    async fn ask_webhook(&self, event: &Event, rule: &Answer, url: &str) -> Result<String, NoAnswer> {
        // The URL may hold a token.
        let failed = |error: reqwest::Error| NoAnswer::Failed(outbound::causes(&error.without_url()));
        failpoints::pass("kamailio.webhook.before").await;
        let response = self.post(url, Value::Object(event.fields()).to_string()).await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(NoAnswer::Failed(format!("the webhook answered with status {status}")));
        }
        let body = outbound::read_limited(response, LONGEST).await.map_err(failed)?;
        failpoints::pass("kamailio.webhook.after").await;
        let answer = Event::parse(body.into())
            .map_err(|error| NoAnswer::Failed(format!("the webhook's answer is {error}")))?;
        // A reply with a hole would be taken for another one: without a code Kamailio sends "SIP/2.0 000".
        for name in quoted(&rule.reply, "webhook.") {
            if answer.is_doubtful(name) {
                return Err(NoAnswer::Failed(format!("the webhook's answer has {name:?} twice")));
            }
            if answer.text(name).is_none() {
                return Err(NoAnswer::Failed(format!("the webhook's answer has no {name:?}")));
            }
        }
        Ok(rule.reply.fill(|field| match field.strip_prefix("webhook.") {
            Some(name) => answer.text(name),
            None => event.text(field),
        }))
    }

    /// A connection that was kept may be closed just when it is used again: then it is asked once more, over a new one.
    async fn post(&self, url: &str, body: String) -> reqwest::Result<reqwest::Response> {
        let post = |client: &reqwest::Client, body: String| {
            let body = outbound::body(body, &self.store.lease());
            client.post(url).header(reqwest::header::CONTENT_TYPE, "application/json").body(body).send()
        };
        match post(&self.client, body.clone()).await {
            Err(error) if is_closed(&error) => post(&self.anew, body).await,
            said => said,
        }
    }
}

/// Whether a request may have met the end of its connection.
fn is_closed(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout() && !LeaseOver::is_cause_of(error)
}

/// What a reply quotes of whoever was asked.
fn quoted<'a>(reply: &'a Template, of: &'a str) -> impl Iterator<Item = &'a str> {
    reply.fields().into_iter().filter_map(move |field| field.strip_prefix(of))
}

/// A column as conditions and templates name it.
fn column(row: &SubscriberRow, name: &str) -> Option<String> {
    match name {
        "id" => Some(row.user_id.clone()),
        "group_id" => row.group_id.clone(),
        "sipurl" => row.public_identity.clone(),
        "user_type" => row.user_type.clone(),
        "phonecontext" => row.phone_context.clone(),
        "association_id" => row.association_id.clone(),
        "e164" => row.phone.clone(),
        "blf_user" => row.blf_list.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SUBSCRIBER_COLUMNS;

    #[test]
    fn every_column_that_may_be_named_is_there() {
        let text = || Some("x".to_owned());
        let row = SubscriberRow {
            user_id: "x".to_owned(),
            group_id: text(),
            user_type: text(),
            public_identity: text(),
            phone: text(),
            phone_context: text(),
            association_id: text(),
            mail_account: text(),
            blf_list: text(),
            created: None,
            updated: None,
            problem: None,
        };
        for name in SUBSCRIBER_COLUMNS {
            assert!(column(&row, name).is_some(), "{name}");
        }
        assert_eq!(column(&row, "vmail_user"), None);
    }
}

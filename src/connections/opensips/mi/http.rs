//! Requests over HTTP.

use super::{LARGEST, NoReply, Question};
use crate::outbound::{causes, client, read_limited};
use crate::wire::mi::Reply;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use std::time::Duration;
use tokio::time::Instant;

const JSON: &str = "application/json";

/// Asks at this URL.
pub async fn ask(url: &str, question: &Question<'_>) -> Result<Reply, NoReply> {
    let patience = question.until - Instant::now();
    // A connection that OpenSIPS has closed meanwhile would cost an attempt: none is kept.
    let request = client(&[url], patience.max(Duration::from_millis(1)), 0).post(url);
    let request = request.header(CONTENT_TYPE, JSON).header(ACCEPT, JSON).body(question.bytes());
    let failed = |error: reqwest::Error| match error.is_timeout() {
        true => NoReply::Silent,
        false => NoReply::Failed(causes(&error.without_url())),
    };
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    let bytes = read_limited(response, LARGEST).await.map_err(failed)?;
    // A refusal of JSON-RPC may come with any status.
    question.read(&bytes).map_err(|error| match status.is_success() {
        true => NoReply::Unreadable(error),
        false => NoReply::Failed(format!("HTTP {status}")),
    })
}

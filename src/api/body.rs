//! Bodies of requests, read within a size and a time.

use super::problem::{bad, problem};
use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::web::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use std::time::Duration;

/// What a body must keep to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In bytes.
    pub largest: usize,
    /// A body that is not there by then does not come.
    pub time: Duration,
}

/// Those of an act.
pub const LIMITS: Limits = Limits { largest: 16 << 10, time: Duration::from_secs(5) };

/// The whole body; the error is its answer.
pub async fn read(headers: &HeaderMap, payload: Payload, limits: Limits) -> Result<Bytes, HttpResponse> {
    let Limits { largest, time } = limits;
    if announced(headers).is_some_and(|length| length > largest) {
        return Err(too_large(largest));
    }
    match tokio::time::timeout(time, collect(payload, largest)).await {
        Ok(collected) => collected,
        Err(_) => {
            let detail = format!("the body did not come within {} s", time.as_secs());
            let mut answer = problem(StatusCode::REQUEST_TIMEOUT, detail);
            answer.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
            Err(answer)
        }
    }
}

/// How many bytes it has, where its head says so.
pub fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(mut payload: Payload, largest: usize) -> Result<Bytes, HttpResponse> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| bad(format!("the body cannot be read: {error}")))?;
        if body.len() + chunk.len() > largest {
            return Err(too_large(largest));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn too_large(largest: usize) -> HttpResponse {
    problem(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {largest} bytes"))
}

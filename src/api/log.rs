//! `/api/v1/log`: how much is logged, and the act that changes it until the next reload or restart.

use super::Sources;
use super::acts::{actor, body};
use super::problem::{Problem, problem};
use crate::config::LEVELS;
use crate::store::{Act, StoreError};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};
use utoipa::ToSchema;
use uuid::Uuid;

/// An act that is not stored by then is not carried out.
const ACT_LIMIT: Duration = Duration::from_secs(5);

/// How much is logged.
#[derive(Serialize, ToSchema)]
pub struct Level {
    /// In force; where `RUST_LOG` is set, what that says.
    level: String,
    /// What a reload goes back to.
    configured: String,
}

impl Level {
    fn of(sources: &Sources) -> Level {
        Level { level: sources.log.level(), configured: sources.log.configured() }
    }
}

/// Another level.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[schema(pattern = "^(error|warn|info|debug|trace)$")]
    level: String,
    /// Why, for the audit.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// How much is logged.
#[utoipa::path(
    get,
    path = "/api/v1/log",
    responses((status = 200, description = "The level in force, and the configured one", body = Level))
)]
pub async fn show(sources: Data<Sources>) -> impl Responder {
    HttpResponse::Ok().json(Level::of(&sources))
}

/// Logs more or less until the next reload or restart.
#[utoipa::path(
    post,
    path = "/api/v1/log",
    request_body = Wanted,
    responses(
        (status = 200, description = "It is in force", body = Level),
        (status = 400, description = "There is no such level", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away, and an act must be recorded", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn set(sources: Data<Sources>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let Wanted { level, reason } = match body(payload).await {
        Ok(wanted) => wanted,
        Err(answer) => return answer,
    };
    if !LEVELS.contains(&level.as_str()) {
        let detail = format!("there is no level {level:?}; there are {}", LEVELS.join(", "));
        return problem(StatusCode::BAD_REQUEST, detail);
    }
    let reason = match super::acts::tidy(reason.as_deref()) {
        Ok(reason) => reason,
        Err(detail) => return problem(StatusCode::BAD_REQUEST, detail),
    };
    let change = format!("{} → {level}", sources.log.level());
    let detail = reason.map_or(change.clone(), |reason| format!("{change}: {reason}"));
    let actor = actor(&request);
    if let Err(detail) = record(&sources, actor.clone(), detail).await {
        return problem(StatusCode::SERVICE_UNAVAILABLE, detail);
    }
    sources.log.set(&level);
    tracing::info!(act = "log", actor, level, "act of an operator");
    HttpResponse::Ok().json(Level::of(&sources))
}

/// An act that cannot be recorded now is not carried out later either: nobody would expect it then.
async fn record(sources: &Sources, actor: String, detail: String) -> Result<(), String> {
    let act = Act {
        uuid: Uuid::now_v7(),
        at: SystemTime::now(),
        actor,
        act: "log".to_owned(),
        object: "level".to_owned(),
        detail: Some(detail),
    };
    if let crate::store::DatabaseHealth::Down { reason } = &sources.store.health().borrow().events {
        return Err(format!("the store is away, and an act must be recorded: {reason}"));
    }
    match tokio::time::timeout(ACT_LIMIT, sources.store.record_act(act, None)).await {
        Ok(recorded) => recorded.map_err(|error: StoreError| error.to_string()),
        Err(_) => Err("the store does not answer: nothing has changed".to_owned()),
    }
}

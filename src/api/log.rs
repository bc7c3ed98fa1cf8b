//! `/api/v1/log`: how much is logged, and the act that changes it until the next reload or restart.

use super::Sources;
use super::acts::{actor, body, outcome, status_of, tidy};
use super::problem::{Problem, bad, problem};
use crate::config::LEVELS;
use crate::operators::SetLogLevel;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
        (status = 503, description = "The store is away, and an act must be recorded; or it does not answer yet", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn set(sources: Data<Sources>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let done = try_set(&sources, &request, payload).await;
    done.unwrap_or_else(|answer| answer)
}

async fn try_set(
    sources: &Sources,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpResponse> {
    let Wanted { level, reason } = body(payload).await?;
    if !LEVELS.contains(&level.as_str()) {
        return Err(bad(format!("there is no level {level:?}; there are {}", LEVELS.join(", "))));
    }
    let reason = tidy(reason).map_err(bad)?;
    let act = sources.acts.send(SetLogLevel { level, actor: actor(request), reason });
    match outcome(act, "/api/v1/log").await? {
        Ok(()) => Ok(HttpResponse::Ok().json(Level::of(sources))),
        Err(refusal) => Err(problem(status_of(&refusal), refusal.to_string())),
    }
}

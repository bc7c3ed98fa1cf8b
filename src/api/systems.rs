//! The systems that requests go to: which there are, which are paused, and the acts that pause and resume them.

use super::acts::{Reason, actor, outcome, reason};
use super::problem::{Problem, problem};
use super::{Sources, seconds};
use crate::config::Config;
use crate::managers::pauses::{Done, Refused, SetPause, Wish};
use crate::plan::System;
use crate::store::Pause;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Systems {
    systems: Vec<SystemStatus>,
}

/// A system that requests go to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SystemStatus {
    /// `hss`, `enum` or `mail`.
    #[schema(value_type = String)]
    pub system: System,
    pub configured: bool,
    /// `running` or `paused`; `unknown` until the store has been read.
    pub state: &'static str,
    pub paused: Option<PauseStatus>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PauseStatus {
    /// Who.
    pub by: String,
    /// Seconds of the epoch.
    pub since: f64,
    pub reason: Option<String>,
}

/// What became of an act on a system.
#[derive(Serialize, ToSchema)]
struct Acted {
    #[schema(value_type = String)]
    system: System,
    /// `running` or `paused`.
    state: &'static str,
    /// Whether it was not so before.
    changed: bool,
    paused: Option<PauseStatus>,
}

/// Each system, whether it is configured, and its pause.
#[utoipa::path(
    get,
    path = "/api/v1/systems",
    responses((status = 200, description = "All systems", body = Systems))
)]
pub async fn list(sources: Data<Sources>) -> impl Responder {
    HttpResponse::Ok().json(Systems { systems: describe(&sources) })
}

/// Every system as `/api/v1/systems` and `/api/v1/status` show it.
pub fn describe(sources: &Sources) -> Vec<SystemStatus> {
    let paused = sources.board.read();
    let describe = |system: System| {
        let pause = paused.as_ref().and_then(|paused| paused.get(system));
        let state = match (&paused, pause) {
            (None, _) => "unknown",
            (Some(_), Some(_)) => "paused",
            (Some(_), None) => "running",
        };
        SystemStatus {
            system,
            configured: is_configured(&sources.config.get(), system),
            state,
            paused: pause.map(describe_pause),
        }
    };
    System::ALL.into_iter().map(describe).collect()
}

fn is_configured(config: &Config, system: System) -> bool {
    match system {
        System::Hss | System::Enum => config.ema.is_some(),
        System::Mail => config.surgemail.is_some(),
    }
}

fn describe_pause(pause: &Pause) -> PauseStatus {
    PauseStatus { by: pause.actor.clone(), since: seconds(pause.at), reason: pause.reason.clone() }
}

/// Sends nothing more to a system: events are taken, and wait.
#[utoipa::path(
    post,
    path = "/api/v1/systems/{system}/pause",
    params(("system" = String, Path, description = "`hss`, `enum` or `mail`")),
    request_body(content = Reason, description = "Why; may be left out"),
    responses(
        (status = 200, description = "It is paused", body = Acted),
        (status = 400, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A page of another site may not act", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such system", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nothing is sent to any system", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be written now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn pause(
    sources: Data<Sources>,
    system: Path<String>,
    request: HttpRequest,
    body: Payload,
) -> HttpResponse {
    set(&sources, &system, Wish::Pause, &request, body).await
}

/// Ends the pause of a system.
#[utoipa::path(
    post,
    path = "/api/v1/systems/{system}/resume",
    params(("system" = String, Path, description = "`hss`, `enum` or `mail`")),
    request_body(content = Reason, description = "Why; may be left out"),
    responses(
        (status = 200, description = "It is not paused", body = Acted),
        (status = 400, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A page of another site may not act", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such system", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nothing is sent to any system", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be written now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn resume(
    sources: Data<Sources>,
    system: Path<String>,
    request: HttpRequest,
    body: Payload,
) -> HttpResponse {
    set(&sources, &system, Wish::Resume, &request, body).await
}

async fn set(
    sources: &Sources,
    name: &str,
    wish: Wish,
    request: &HttpRequest,
    body: Payload,
) -> HttpResponse {
    let Some(system) = System::parse(name) else {
        return problem(
            StatusCode::NOT_FOUND,
            format!("there is no system {name:?}; there are hss, enum and mail"),
        );
    };
    let reason = match reason(body).await {
        Ok(reason) => reason,
        Err(answer) => return answer,
    };
    let Some(pauses) = &sources.pauses else {
        return problem(StatusCode::CONFLICT, "nothing is sent to any system: [ema] is not configured");
    };
    let act = pauses.send(SetPause { system, wish, actor: actor(request), reason });
    match outcome(act, "/api/v1/systems").await {
        Ok(Ok(done)) => HttpResponse::Ok().json(answer(system, &done)),
        Ok(Err(refused)) => problem(status(&refused), refused.to_string()),
        Err(answer) => answer,
    }
}

fn answer(system: System, done: &Done) -> Acted {
    let state = if done.pause.is_some() { "paused" } else { "running" };
    Acted { system, state, changed: done.changed, paused: done.pause.as_ref().map(describe_pause) }
}

fn status(refused: &Refused) -> StatusCode {
    match refused {
        Refused::Store(crate::store::StoreError::Rejected(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

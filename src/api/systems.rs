//! The systems that requests go to: which there are, which are paused, and the acts that pause and resume them.

use super::acts::{actor, reason};
use super::problem::problem;
use super::{Sources, seconds};
use crate::config::Config;
use crate::managers::pauses::{Done, Refused, SetPause, Wish};
use crate::plan::System;
use crate::store::Pause;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde_json::{Value, json};
use std::time::Duration;

/// An act that is not stored by then is answered; it is carried out all the same as soon as it can be stored.
const ACT_LIMIT: Duration = Duration::from_secs(5);

/// `GET /api/v1/systems`: each system, whether it is configured, and its pause.
pub async fn list(sources: Data<Sources>) -> impl Responder {
    HttpResponse::Ok().json(json!({"systems": describe(&sources)}))
}

/// Every system as `/api/v1/systems` and `/api/v1/status` show it.
pub fn describe(sources: &Sources) -> Vec<Value> {
    let paused = sources.board.read();
    let describe = |system: System| {
        let pause = paused.as_ref().and_then(|paused| paused.get(system));
        let state = match (&paused, pause) {
            (None, _) => "unknown",
            (Some(_), Some(_)) => "paused",
            (Some(_), None) => "running",
        };
        json!({
            "system": system,
            "configured": is_configured(&sources.config, system),
            "state": state,
            "paused": pause.map(describe_pause),
        })
    };
    System::ALL.into_iter().map(describe).collect()
}

fn is_configured(config: &Config, system: System) -> bool {
    match system {
        System::Hss | System::Enum => config.ema.is_some(),
        System::Mail => config.surgemail.is_some(),
    }
}

fn describe_pause(pause: &Pause) -> Value {
    json!({"by": pause.actor, "since": seconds(pause.at), "reason": pause.reason})
}

/// `POST /api/v1/systems/{system}/pause`.
pub async fn pause(
    sources: Data<Sources>,
    system: Path<String>,
    request: HttpRequest,
    body: Payload,
) -> HttpResponse {
    set(&sources, &system, Wish::Pause, &request, body).await
}

/// `POST /api/v1/systems/{system}/resume`.
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
    match tokio::time::timeout(ACT_LIMIT, act).await {
        Ok(Ok(Ok(done))) => HttpResponse::Ok().json(answer(system, &done)),
        Ok(Ok(Err(refused))) => problem(status(&refused), refused.to_string()),
        Ok(Err(error)) => unknown(&format!("the act may have been carried out or not: {error}")),
        Err(_) => unknown("the store does not answer: the act is carried out as soon as it can be stored"),
    }
}

fn answer(system: System, done: &Done) -> Value {
    let state = if done.pause.is_some() { "paused" } else { "running" };
    json!({
        "system": system,
        "state": state,
        "changed": done.changed,
        "paused": done.pause.as_ref().map(describe_pause),
    })
}

fn status(refused: &Refused) -> StatusCode {
    match refused {
        Refused::Store(crate::store::StoreError::Rejected(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn unknown(detail: &str) -> HttpResponse {
    problem(StatusCode::SERVICE_UNAVAILABLE, format!("{detail}; /api/v1/systems shows what stands"))
}

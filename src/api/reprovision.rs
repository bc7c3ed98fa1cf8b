//! Sending a subscriber's row to the systems once more: what that would send, and the act, which is an event of its own.

use super::Sources;
use super::acts::{actor, body, outcome, status_of, tidy};
use super::problem::{Problem, bad, problem, unreadable};
use crate::event::{NewEvent, Status};
use crate::operators::{self, Refusal};
use crate::preview::{Foreseen, Preview};
use crate::processors::attributes::Rules;
use crate::processors::reprovision::{self, COMMAND, SOURCE};
use crate::processors::subject::Subject;
use crate::store::{Act, ReadError};
use crate::wire::Secret;
use crate::wire::ocir::{Command, Document};
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
struct Planned {
    /// As `/api/v1/events/{id}/plan` shows it.
    #[schema(value_type = Object)]
    plan: Foreseen,
    /// Names this plan in the act.
    digest: String,
}

/// What is wished.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = ReprovisionWish)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Why: one line of at most 500 characters, for the audit.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Of the plan that was seen.
    #[serde(default)]
    #[schema(value_type = String, required)]
    digest: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Wished {
    /// Of the event that does it.
    id: i64,
}

/// What sending the row of a subscriber to the systems once more would send.
#[utoipa::path(
    get,
    path = "/api/v1/subscribers/{user}/reprovision",
    params(("user" = String, Path, description = "Id of the subscriber")),
    responses(
        (status = 200, description = "The plan; nothing is sent", body = Planned),
        (status = 404, description = "There is no such row", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nothing is provisioned, or the row cannot be read", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn plan(sources: Data<Sources>, user: Path<String>, request: HttpRequest) -> HttpResponse {
    match planned(&sources, &user, &actor(&request)).await {
        Ok(planned) => HttpResponse::Ok().json(planned),
        Err(answer) => answer,
    }
}

/// Sends the row of a subscriber to the systems once more, as an event of its own that has its turn after the events of
/// that subscriber that are not finished.
#[utoipa::path(
    post,
    path = "/api/v1/subscribers/{user}/reprovision",
    params(("user" = String, Path, description = "Id of the subscriber")),
    request_body = Wish,
    responses(
        (status = 202, description = "The event is stored and runs when it has its turn", body = Wished),
        (status = 400, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such row", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The plan is not the one that was seen, or an event does this already and has not ended", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn act(
    sources: Data<Sources>,
    user: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let (seen, reason) = match wish(payload).await {
        Ok(wish) => wish,
        Err(answer) => return answer,
    };
    let operator = actor(&request);
    let planned = match planned(&sources, &user, &operator).await {
        Ok(planned) => planned,
        Err(answer) => return answer,
    };
    if planned.digest != seen {
        let detail = format!("the plan for {:?} is not the one that was seen: look at it again", *user);
        return problem(StatusCode::CONFLICT, detail);
    }
    store(&sources, &user, &operator, &seen, reason).await
}

/// The digest and the reason.
async fn wish(payload: Payload) -> Result<(String, Option<String>), HttpResponse> {
    let Wish { reason, digest } = body(payload).await?;
    let digest = digest.ok_or_else(|| {
        bad("the body lacks digest: that of the plan that GET shows, so that nothing else is sent")
    })?;
    Ok((digest, tidy(reason).map_err(bad)?))
}

async fn store(
    sources: &Sources,
    user: &str,
    operator: &str,
    digest: &str,
    reason: Option<String>,
) -> HttpResponse {
    let act = Act {
        uuid: Uuid::now_v7(),
        at: SystemTime::now(),
        actor: operator.to_owned(),
        act: "reprovision".to_owned(),
        object: user.to_owned(),
        detail: reason,
    };
    let wish = operators::Wish { event: event(operator, user, digest), act, subject: Subject::of_user(user) };
    match outcome(sources.acts.send(wish), "/api/v1/audit").await {
        Ok(Ok(id)) => {
            let location = (header::LOCATION, format!("/api/v1/events/{id}"));
            HttpResponse::Accepted().insert_header(location).json(Wished { id })
        }
        // What the database refuses is something in the wish.
        Ok(Err(Refusal::Rejected(reason))) => {
            problem(StatusCode::CONFLICT, format!("the database refuses to store that: {reason}"))
        }
        Ok(Err(refusal)) => problem(status_of(&refusal), refusal.to_string()),
        Err(answer) => answer,
    }
}

fn event(operator: &str, user: &str, digest: &str) -> NewEvent {
    NewEvent {
        uuid: Uuid::now_v7(),
        source: SOURCE.into(),
        notification_id: None,
        command_index: 0,
        user_id: operator.to_owned(),
        command: COMMAND.to_owned(),
        document: reprovision::document(operator, user, digest).into(),
        status: Status::Pending,
        note: None,
        about: vec![user.to_owned()],
        duplicate_of: None,
        received: SystemTime::now(),
    }
}

/// Plan and digest, both of the row as it was read once.
async fn planned(sources: &Sources, user: &str, operator: &str) -> Result<Planned, HttpResponse> {
    let conflict = |detail: String| problem(StatusCode::CONFLICT, detail);
    if sources.router.is_none() {
        return Err(conflict("nothing is sent to any system: [ema] is not configured".to_owned()));
    }
    let row = match sources.store.subscriber(user).await {
        Ok(Some(row)) => row,
        Ok(None) => {
            let detail = format!("there is no subscriber {user:?}: no row says what the systems should hold");
            return Err(problem(StatusCode::NOT_FOUND, detail));
        }
        Err(error @ ReadError::Row { .. }) => return Err(conflict(error.to_string())),
        Err(error) => return Err(unreadable(&error)),
    };
    let digest = reprovision::plan(&Rules::of(&sources.config.get()), &row, &Secret::new("***")).digest();
    let command = command(operator, user, &digest)
        .ok_or_else(|| conflict(format!("the id {user:?} has letters that no document can hold")))?;
    let mut preview = Preview::new(sources.config.get(), None);
    preview.assume(row);
    match preview.of(&command).await {
        Ok(plan) => Ok(Planned { plan, digest }),
        Err(error) => Err(unreadable(&error)),
    }
}

/// The command as it will be read from the store.
fn command(operator: &str, user: &str, digest: &str) -> Option<Command> {
    let document = Document::from_text(reprovision::document(operator, user, digest));
    let command = document.into_command(0).ok()??;
    (command.field("userId").value() == Some(user)).then_some(command)
}

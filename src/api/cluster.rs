//! `/api/v1/cluster`: which of the nodes that share the database acts, and the act that hands over to another.

use super::Sources;
use super::acts::{actor, body, tidy};
use super::problem::{Problem, bad, problem};
use crate::cluster::{HandOverError, View};
use crate::store::Act;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};
use utoipa::ToSchema;
use uuid::Uuid;

/// What the audit calls it.
const OBJECT: &str = "cluster";
/// An act that the store has not recorded by then is not carried out.
const RECORD_LIMIT: Duration = Duration::from_secs(5);

/// The cluster as this node sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Cluster)]
pub struct Shown {
    #[serde(flatten)]
    view: View,
    /// What is left of the lease of this node, in milliseconds; null where it does not have it.
    lease_left_millis: Option<u64>,
}

impl Shown {
    pub fn new(view: View, left: Option<Duration>) -> Shown {
        let left = left.filter(|left| !left.is_zero());
        Shown {
            view,
            lease_left_millis: left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// To whom to hand over.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClusterHandOverWish)]
pub struct Wanted {
    /// Its node.name; without one, the first other that stands by.
    #[serde(default)]
    #[schema(max_length = 255)]
    to: Option<String>,
    /// Why, for the audit.
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// A hand-over that was begun.
#[derive(Serialize, ToSchema)]
#[schema(as = ClusterHandOverBegun)]
pub struct Begun {
    /// The node that is to be the active one.
    to: String,
    /// The one that still is.
    from: String,
}

/// Who acts, who stands by, and what is under way.
#[utoipa::path(
    get,
    path = "/api/v1/cluster",
    responses(
        (status = 200, description = "The cluster as this node sees it", body = Shown),
        (status = 404, description = "There is no cluster", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(sources: Data<Sources>) -> impl Responder {
    match &sources.cluster {
        Some(member) => {
            HttpResponse::Ok().json(Shown::new(member.view().borrow().clone(), member.lease.left()))
        }
        None => no_cluster(),
    }
}

fn no_cluster() -> HttpResponse {
    problem(StatusCode::NOT_FOUND, "there is no [cluster]: this daemon is the only one")
}

/// Has another node become the active one. This one goes on until that one is ready, then ends in order and stands by.
#[utoipa::path(
    post,
    path = "/api/v1/cluster/handover",
    request_body = Wanted,
    responses(
        (status = 202, description = "It is under way", body = Begun),
        (status = 400, description = "The reason is too long", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no cluster", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "No such node stands by, this is not the active one, or a hand-over is under way", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away, and an act must be recorded", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn hand_over(sources: Data<Sources>, request: HttpRequest, payload: Payload) -> HttpResponse {
    try_hand_over(&sources, &request, payload).await.unwrap_or_else(|answer| answer)
}

async fn try_hand_over(
    sources: &Sources,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpResponse> {
    let Wanted { to, reason } = body(payload).await?;
    let reason = tidy(reason).map_err(bad)?;
    let Some(member) = &sources.cluster else { return Err(no_cluster()) };
    let view = member.view().borrow().clone();
    // Refused before it is recorded; it is looked again where it is begun.
    let to = Some(view.successor(to).map_err(|error| refused(&error))?);
    let detail = [to.as_ref().map(|to| format!("to {to}")), reason];
    let detail: Vec<String> = detail.into_iter().flatten().collect();
    let act = Act {
        uuid: Uuid::now_v7(),
        at: SystemTime::now(),
        actor: actor(request),
        act: "hand_over".to_owned(),
        object: OBJECT.to_owned(),
        detail: (!detail.is_empty()).then(|| detail.join(": ")),
    };
    let recorded = tokio::time::timeout(RECORD_LIMIT, sources.store.record_act(act, None)).await;
    match recorded {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
        Err(_) => {
            return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "the store is away: nothing was done"));
        }
    }
    let to = member.hand_over(to).await.map_err(|error| refused(&error))?;
    Ok(HttpResponse::Accepted().json(Begun { to, from: view.node }))
}

fn refused(error: &HandOverError) -> HttpResponse {
    let status = match error {
        HandOverError::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CONFLICT,
    };
    problem(status, error.to_string())
}

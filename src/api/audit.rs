//! `GET /api/v1/audit`: what operators have done, the latest first.

use super::parameters::{Limit, Parameters};
use super::problem::{Problem, unreadable};
use super::{Sources, seconds};
use crate::store::AuditLine;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which page.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Acts of a page, at most.
    #[param(value_type = u64, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit<100, 1000>,
    /// `next` of the page before.
    #[param(value_type = i64, required = false)]
    before: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct Acts {
    acts: Vec<Act>,
    /// What `before` must be for the page behind it; null where there is none.
    next: Option<i64>,
}

/// An act of an operator.
#[derive(Serialize, ToSchema)]
struct Act {
    id: i64,
    /// Seconds of the epoch.
    at: f64,
    /// Who.
    actor: String,
    /// What, in a word: `pause`, `resume`.
    act: String,
    /// To what: the name of a system.
    object: String,
    /// Why, or what came of it.
    detail: Option<String>,
}

impl From<AuditLine> for Act {
    fn from(line: AuditLine) -> Act {
        let AuditLine { id, act } = line;
        Act {
            id,
            at: seconds(act.at),
            actor: act.actor,
            act: act.act,
            object: act.object,
            detail: act.detail,
        }
    }
}

/// What operators have done, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    params(Page),
    responses(
        (status = 200, description = "A page of acts", body = Acts),
        (status = 400, description = "A parameter is out of range", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(sources: Data<Sources>, page: Parameters<Page>) -> impl Responder {
    let Page { limit, before } = page.0;
    match sources.store.audit(before.unwrap_or(i64::MAX), limit.get()).await {
        Ok(lines) => {
            let next = lines.last().filter(|_| lines.len() == limit.get()).map(|line| line.id);
            HttpResponse::Ok().json(Acts { acts: lines.into_iter().map(Act::from).collect(), next })
        }
        Err(error) => unreadable(&error),
    }
}

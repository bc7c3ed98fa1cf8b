//! The act that sends a command to the script of a Kamailio.

use super::Sources;
use super::acts::{actor, body, outcome, status_of, tidy};
use super::problem::{Problem, bad, problem};
use crate::connections::kamailio::NotSent;
use crate::operators::{SendCommand, Unsent};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What is to be sent.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = KamailioCommand)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// What the script understands, as compact JSON at most 8000 bytes.
    #[serde(default)]
    #[schema(value_type = Object, required)]
    command: Option<Map<String, Value>>,
    /// Why: one line of at most 500 characters, for the audit.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// It is written.
#[derive(Serialize, ToSchema)]
struct Written {
    /// The name of the endpoint.
    connection: String,
    /// So many of compact JSON.
    bytes: usize,
}

/// Sends a command to the script of a Kamailio. It is written when this is answered; what the script makes of it nobody says.
#[utoipa::path(
    post,
    path = "/api/v1/kamailio/{name}/send",
    params(("name" = String, Path, description = "Name of the `[[kamailio]]`")),
    request_body = Wish,
    responses(
        (status = 200, description = "It is written to the connection", body = Written),
        (status = 400, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A page of another site may not act", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such Kamailio; those that there are", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not connected", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The command or the body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The database refuses the line of the audit", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It could not be written or recorded in time; `detail` says whether it may arrive all the same", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn send(
    sources: Data<Sources>,
    name: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let done = try_send(&sources, name.into_inner(), &request, payload).await;
    done.unwrap_or_else(|answer| answer)
}

async fn try_send(
    sources: &Sources,
    kamailio: String,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpResponse> {
    let Wish { command, reason } = body(payload).await?;
    let command = command.ok_or_else(|| bad("the body lacks command: the JSON object to be sent"))?;
    let reason = tidy(reason).map_err(bad)?;
    let connection = kamailio.clone();
    let act = SendCommand { kamailio, command, actor: actor(request), reason };
    match outcome(sources.acts.send(act), "/api/v1/audit").await? {
        Ok(bytes) => Ok(HttpResponse::Ok().json(Written { connection, bytes })),
        Err(unsent) => Err(problem(status(&unsent), unsent.to_string())),
    }
}

fn status(unsent: &Unsent) -> StatusCode {
    match unsent {
        Unsent::Unknown { .. } => StatusCode::NOT_FOUND,
        Unsent::Refused(refusal) => status_of(refusal),
        Unsent::NotSent { reason, .. } => match reason {
            NotSent::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            NotSent::Empty => StatusCode::BAD_REQUEST,
            NotSent::NotConnected(_) | NotSent::Closed | NotSent::NotActive => StatusCode::CONFLICT,
            NotSent::Full | NotSent::Late | NotSent::Interrupted | NotSent::Unfinished => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        },
    }
}

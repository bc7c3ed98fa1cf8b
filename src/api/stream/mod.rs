//! `GET /api/v1/stream`: what happens, as it happens, as server-sent events (HTML standard, section 9.2).

mod channel;
mod hub;
mod messages;
mod reader;

pub use channel::Channel;
pub use hub::Hub;

use super::Sources;
use super::access::{Access, Caller};
use super::parameters::Parameters;
use super::problem::{Problem, problem};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use actix_web::http::{Method, StatusCode, Version};
use actix_web::web::{Data, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use channel::{READERS, Refused};
use futures_util::StreamExt as _;
use messages::{Position, Start};
use serde::Deserialize;
use std::future::ready;
use utoipa::IntoParams;

/// The header with which a browser comes back.
const LAST_EVENT_ID: &str = "Last-Event-ID";
/// Seconds after which a place may be free, or the hub at work again.
const RETRY: &str = "5";

/// Where to begin.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Since {
    /// The id of the last message that one has, where the header `Last-Event-ID` cannot be sent; the header counts first.
    #[param(value_type = String, example = "5f0c2d1e9a7b4c3d-17")]
    since: Option<Position>,
}

/// What happens, as it happens: server-sent events.
///
/// `events`: lines of events that have been stored or have changed, the newest first, and how many others have.
/// `counts`: events by status. `status`: connections, systems and databases. `reset`: what came after the id that was
/// asked for is not known any more; read the lists anew. The first messages tell the present counts and status.
#[utoipa::path(
    get,
    path = "/api/v1/stream",
    params(Since, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last message that one has")),
    responses(
        (status = 200, description = "Messages until the connection ends", body = String, content_type = "text/event-stream"),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "There are too many streams already, or the daemon ends", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn stream(
    sources: Data<Sources>,
    access: Data<Access>,
    caller: ReqData<Caller>,
    since: Parameters<Since>,
    request: HttpRequest,
) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "text/event-stream"));
    answer.insert_header((CACHE_CONTROL, "no-store"));
    // nginx would keep messages back to fill its buffers.
    answer.insert_header(("X-Accel-Buffering", "no"));
    if request.method() == Method::HEAD {
        return answer.finish();
    }
    match sources.stream.open(start(since.0.since, &request)).await {
        Ok(reader) => {
            // Nothing can follow on this connection, so that it ends with the stream.
            // It ends, too, with the session or the token that it was asked for with; every message looks.
            let caller = caller.into_inner();
            let messages = reader.stream().take_while(move |_| ready(access.is_current(&caller)));
            let mut answer = answer.force_close().streaming(messages);
            // HTTP/1.0 knows no chunks.
            answer.head_mut().no_chunking(request.version() < Version::HTTP_11);
            answer
        }
        Err(refused) => refuse(&refused),
    }
}

fn start(since: Option<Position>, request: &HttpRequest) -> Start {
    match (request.headers().get(LAST_EVENT_ID), since) {
        (Some(id), _) => {
            let position = id.to_str().ok().and_then(|id| id.parse().ok());
            // What a browser brings may be of another daemon, or of a later release.
            position.map_or(Start::Lost, Start::After)
        }
        (None, Some(position)) => Start::After(position),
        (None, None) => Start::Now,
    }
}

fn refuse(refused: &Refused) -> HttpResponse {
    let detail = match refused {
        Refused::Full => format!("there are {READERS} streams already"),
        Refused::NotServing => "the stream is not served at the moment".to_owned(),
    };
    let mut answer = problem(StatusCode::SERVICE_UNAVAILABLE, detail);
    let retry = actix_web::http::header::HeaderValue::from_static(RETRY);
    answer.headers_mut().insert(RETRY_AFTER, retry);
    answer
}

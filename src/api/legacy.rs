//! The three paths of the Erlang release, with its answers.

use super::event::stored;
use super::problem::{Problem, bad, unreadable};
use super::{Sources, seconds};
use crate::event::Status;
use crate::store::{EventFilter, EventSummary, ReadError, Store};
use crate::wire::mask_secrets;
use actix_web::http::Version;
use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, Responder};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};
use utoipa::{IntoParams, ToSchema};

/// How far `/events` looks back.
const LOOK_BACK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Rows that are in memory at a time while a list is written.
const PAGE: usize = 200;

/// How it lives. The order of the fields is that of the Erlang release.
#[derive(Serialize, ToSchema)]
struct Alive {
    /// All failed events there are.
    failed_events: u64,
    is_alive: bool,
}

/// That it is alive, and how many events have failed: all of them, counted now.
#[utoipa::path(
    get,
    path = "/alivecheck",
    responses(
        (status = 200, description = "It is alive", body = Alive),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn alive_check(sources: Data<Sources>) -> impl Responder {
    match sources.store.failed().await {
        Ok(failed) => HttpResponse::Ok().json(Alive { failed_events: failed, is_alive: true }),
        Err(error) => unreadable(&error),
    }
}

/// A line of `GET /events`.
#[derive(Serialize, ToSchema)]
struct Line {
    id: i64,
    /// The command type.
    event: String,
    user: String,
    status: &'static str,
    /// Seconds of the epoch.
    timestamp: f64,
}

impl From<EventSummary> for Line {
    fn from(row: EventSummary) -> Line {
        let timestamp = seconds(row.received);
        let status = row.status.map_or("unknown", Status::as_str);
        Line { id: row.id, event: row.command, user: row.user_id, status, timestamp }
    }
}

/// Which events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "it describes what all_wanted reads")]
struct Which {
    /// The ignored ones too.
    #[param(value_type = bool, required = false)]
    all: Option<bool>,
}

/// The events of the last seven days, oldest first, without ignored ones unless all are wanted.
#[utoipa::path(
    get,
    path = "/events",
    params(Which),
    responses(
        (status = 200, description = "The events", body = [Line]),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    sources: Data<Sources>,
    query: Query<HashMap<String, String>>,
    request: HttpRequest,
) -> impl Responder {
    let all = match all_wanted(&query) {
        Ok(all) => all,
        Err(detail) => return bad(detail),
    };
    let statuses = match all {
        true => Vec::new(),
        false => vec![Status::Pending, Status::Completed, Status::Failed],
    };
    let filter = EventFilter {
        since: SystemTime::now().checked_sub(LOOK_BACK),
        statuses,
        limit: PAGE,
        ..EventFilter::default()
    };
    // The first page decides whether the answer is an answer: afterwards it can only be cut off.
    match sources.store.list(filter.clone()).await {
        Ok(first) => {
            let lines = array(sources.store.clone(), filter, first);
            let mut answer = HttpResponse::Ok().content_type("application/json").streaming(lines);
            // HTTP/1.0 knows no chunks: there the end of the connection is the end of the list.
            answer.head_mut().no_chunking(request.version() < Version::HTTP_11);
            answer
        }
        Err(error) => unreadable(&error),
    }
}

fn all_wanted(query: &HashMap<String, String>) -> Result<bool, String> {
    if let Some(key) = query.keys().find(|key| *key != "all") {
        return Err(format!("there is no parameter {key:?}; known is all=true"));
    }
    match query.get("all").map(String::as_str) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(format!("parameter all is {other:?}; it can be true or false")),
    }
}

/// A JSON array, a page at a time, so that a million events need no more memory than a thousand.
fn array(
    store: Store,
    filter: EventFilter,
    first: Vec<EventSummary>,
) -> impl Stream<Item = Result<Bytes, ReadError>> {
    struct Writing {
        store: Store,
        filter: EventFilter,
        page: Vec<EventSummary>,
        begun: bool,
    }
    let writing = Writing { store, filter, page: first, begun: false };
    stream::try_unfold(Some(writing), |writing| async move {
        let Some(mut writing) = writing else { return Ok(None) };
        let last = writing.page.last().map(|row| row.id).filter(|_| writing.page.len() == PAGE);
        let mut text = String::new();
        for row in std::mem::take(&mut writing.page) {
            text.push(if writing.begun { ',' } else { '[' });
            writing.begun = true;
            text += &serde_json::to_string(&Line::from(row)).expect("a line has only plain values");
        }
        let Some(last) = last else {
            text += if writing.begun { "]" } else { "[]" };
            return Ok(Some((Bytes::from(text), None)));
        };
        writing.filter.after = Some(last);
        writing.page = writing.store.list(writing.filter.clone()).await?;
        Ok(Some((Bytes::from(text), Some(writing))))
    })
}

#[derive(Serialize, ToSchema)]
struct DocumentOfEvent {
    /// As it was received, secrets as `***`.
    event: String,
}

/// The document of an event.
#[utoipa::path(
    get,
    path = "/event/{id}",
    params(("id" = i64, Path, description = "`em_event.id`")),
    responses(
        (status = 200, description = "The document", body = DocumentOfEvent),
        (status = 400, description = "The id is no number", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn document(sources: Data<Sources>, id: Path<String>) -> impl Responder {
    match stored(&sources, &id).await {
        Ok(event) => HttpResponse::Ok().json(DocumentOfEvent { event: mask_secrets(&event.document) }),
        Err(answer) => answer,
    }
}

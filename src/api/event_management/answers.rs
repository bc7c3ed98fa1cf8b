//! How resources are answered, and what is answered where something is wrong.

use super::errors::MEDIA_TYPE;
use crate::api::access::Refusal;
use crate::api::problem::problem;
use crate::store::ReadError;
use crate::topics::hubs::messages::HubError;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use serde_json::{Map, Value};

/// When who could not be served may come again, in seconds.
const AGAIN: u64 = 5;
/// Characters of a name that is quoted, at most.
const LONGEST_NAME: usize = 100;

/// Why something is not answered.
#[derive(Debug)]
pub enum Wrong {
    /// What was asked does not fit.
    Bad(String),
    Forbidden(String),
    /// What, and its name.
    Missing(&'static str, String),
    Conflict(String),
    /// Not now.
    Away(String),
    /// A row that cannot be read.
    Broken(String),
    Refused(Refusal),
    /// It is answered already.
    Answered(Box<HttpResponse>),
}

impl Wrong {
    /// The answer, which [`in_its_words`](super::in_its_words) puts into its words.
    pub fn answer(self) -> HttpResponse {
        let (status, detail) = match self {
            Wrong::Bad(detail) => (StatusCode::BAD_REQUEST, detail),
            Wrong::Forbidden(detail) => (StatusCode::FORBIDDEN, detail),
            Wrong::Missing(what, name) => {
                let name: String = name.chars().take(LONGEST_NAME).collect();
                (StatusCode::NOT_FOUND, format!("there is no {what} {name:?}"))
            }
            Wrong::Conflict(detail) => (StatusCode::CONFLICT, detail),
            Wrong::Away(detail) => (StatusCode::SERVICE_UNAVAILABLE, detail),
            Wrong::Broken(detail) => (StatusCode::INTERNAL_SERVER_ERROR, detail),
            Wrong::Refused(refusal) => return refusal.answer(),
            Wrong::Answered(answer) => return *answer,
        };
        let mut answer = problem(status, detail);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(RETRY_AFTER, AGAIN.into());
        }
        answer
    }
}

impl From<ReadError> for Wrong {
    fn from(error: ReadError) -> Wrong {
        match error {
            ReadError::Row { .. } => Wrong::Broken(error.to_string()),
            _ => Wrong::Away(error.to_string()),
        }
    }
}

impl From<HubError> for Wrong {
    fn from(error: HubError) -> Wrong {
        let detail = error.to_string();
        match error {
            HubError::BadCallback(_) | HubError::BadQuery(_) => Wrong::Bad(detail),
            HubError::NotAllowed(_) => Wrong::Forbidden(detail),
            HubError::UnknownTopic(topic) => Wrong::Missing("topic", topic),
            HubError::NoSuchHub => Wrong::Missing("hub", String::new()),
            HubError::TooMany(_)
            | HubError::TooManyOfOwner(_)
            | HubError::NotHalted
            | HubError::AlreadyHalted
            | HubError::NothingThere => Wrong::Conflict(detail),
            HubError::Away(_) => Wrong::Away(detail),
        }
    }
}

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Wrong {
        Wrong::Refused(refusal)
    }
}

impl From<HttpResponse> for Wrong {
    fn from(answer: HttpResponse) -> Wrong {
        Wrong::Answered(Box::new(answer))
    }
}

/// A page of a list, and how many entries there are in all pages.
pub fn page(entries: &[Map<String, Value>], total: u64) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(MEDIA_TYPE)
        .insert_header(("X-Total-Count", total))
        .insert_header(("X-Result-Count", entries.len()))
        .json(entries)
}

/// The same of entries that are written already.
pub fn page_of(entries: Vec<u8>, count: usize, total: u64) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(MEDIA_TYPE)
        .insert_header(("X-Total-Count", total))
        .insert_header(("X-Result-Count", count))
        .body(entries)
}

/// A resource.
pub fn one(resource: &Map<String, Value>) -> HttpResponse {
    HttpResponse::Ok().content_type(MEDIA_TYPE).json(resource)
}

/// A resource that has been made; it says itself where it is.
pub fn made(resource: &Map<String, Value>) -> HttpResponse {
    let place = resource.get("href").and_then(Value::as_str).unwrap_or_default().to_owned();
    HttpResponse::Created().content_type(MEDIA_TYPE).insert_header((LOCATION, place)).json(resource)
}

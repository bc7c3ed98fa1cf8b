//! Errors as RFC 9457 problem details.

use crate::store::ReadError;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Map;
use utoipa::ToSchema;

/// What is wrong with a request, as RFC 9457 has it.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    r#type: &'static str,
    /// Of the status.
    title: &'static str,
    status: u16,
    /// What is wrong, and what the caller can do about it.
    detail: String,
    /// What a path tells besides.
    #[serde(flatten)]
    #[schema(ignore)]
    members: Map<String, serde_json::Value>,
}

/// What is wrong, beside an answer that says it: for who says it in other words.
pub struct Detail(pub String);

/// A problem with its status and what the caller can do about it.
pub fn problem(status: StatusCode, detail: impl Into<String>) -> HttpResponse {
    extended(status, detail, Map::new())
}

/// The answer to input that does not fit.
pub fn bad(detail: impl Into<String>) -> HttpResponse {
    problem(StatusCode::BAD_REQUEST, detail)
}

/// A problem with members of its own (RFC 9457, 3.2).
pub fn extended(
    status: StatusCode,
    detail: impl Into<String>,
    members: Map<String, serde_json::Value>,
) -> HttpResponse {
    let detail = detail.into();
    let body = Problem {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: detail.clone(),
        members,
    };
    // Set first: `json` leaves a content type alone.
    let mut answer = HttpResponse::build(status).content_type("application/problem+json").json(body);
    answer.extensions_mut().insert(Detail(detail));
    answer
}

/// The store cannot be read now, or a row of it not at all.
pub fn unreadable(error: &ReadError) -> HttpResponse {
    match error {
        ReadError::Row { .. } => problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        _ => problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

/// Answers a method that a path to read does not have.
pub async fn wrong_method(request: HttpRequest) -> HttpResponse {
    let detail = format!("{} is read with GET, not {}", request.path(), request.method());
    not_allowed(detail, "GET, HEAD")
}

/// Answers a method that a path to act does not have.
pub async fn wrong_method_of_act(request: HttpRequest) -> HttpResponse {
    let detail = format!("{} is an act: it wants POST, not {}", request.path(), request.method());
    not_allowed(detail, "POST")
}

/// Answers a method that a path to read and to act on does not have.
pub async fn wrong_method_of_both(request: HttpRequest) -> HttpResponse {
    let detail =
        format!("{} is read with GET and acted on with POST, not {}", request.path(), request.method());
    not_allowed(detail, "GET, HEAD, POST")
}

/// Answers a method that a path to read and to end does not have.
pub async fn wrong_method_of_an_end(request: HttpRequest) -> HttpResponse {
    let detail =
        format!("{} is read with GET and ended with DELETE, not {}", request.path(), request.method());
    not_allowed(detail, "GET, HEAD, DELETE")
}

/// 405, with the methods that there are.
pub fn not_allowed(detail: String, allowed: &'static str) -> HttpResponse {
    let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, detail);
    answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    answer
}

/// Answers every path that is not there.
pub async fn not_found(request: HttpRequest) -> HttpResponse {
    problem(StatusCode::NOT_FOUND, format!("there is no {} {}", request.method(), request.path()))
}

//! Errors in the words of Event Management, whoever answers them: access, routing, limits, or a handler.

use super::Below;
use crate::api::problem::Detail;
use crate::wire::event_management::error_body;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};

/// Of everything that is answered in JSON.
pub const MEDIA_TYPE: &str = "application/json;charset=utf-8";

/// Gives the answers to what is meant for Event Management the body of its errors, where they are problems.
pub async fn in_its_words(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let answer = next.call(request).await?.map_into_boxed_body();
    let is_ours = answer.request().extensions().contains::<Below>();
    let detail = answer.response().extensions().get::<Detail>().map(|detail| detail.0.clone());
    let Some(detail) = detail.filter(|_| is_ours) else { return Ok(answer) };
    let status = answer.status();
    let error = error_body(status.as_u16(), status.canonical_reason().unwrap_or("Error"), &detail);
    let mut answer = answer.map_body(|_, _| BoxBody::new(error.to_string()));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Ok(answer)
}

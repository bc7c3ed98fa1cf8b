//! What all acts over HTTP have in common: JSON alone, no page of another site, and a name for who did it.
//!
//! Without tokens everything on loopback is open, also to the operator's own browser. A page of somebody else that is
//! shown there must not be able to act: a browser asks no leave to send a form, but it says where the page is from, and
//! it does ask before it sends JSON to another site. A name that a stranger's server resolves to loopback (DNS
//! rebinding) shows in `Host`.

use super::auth::{Bearer, is_act};
use super::problem::{problem, wrong_method_of_act, wrong_method_of_act_with_plan};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::{self, Next};
use actix_web::{Error, FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Responder, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::net::IpAddr;
use utoipa::ToSchema;

/// A body larger than this is no act, in bytes.
const LARGEST: usize = 16 << 10;
/// Characters of a reason, at most.
const LONGEST_REASON: usize = 500;
/// Characters of a user's name, at most.
const LONGEST_NAME: usize = 64;

/// Who asks, as the CLI says it; taken where nothing better is known.
pub const OPERATOR_HEADER: &str = "X-Operator";

/// A path that acts: POST, anything else is 405.
pub fn act<F, Args>(path: &str, handler: F) -> impl HttpServiceFactory + use<F, Args>
where
    F: Handler<Args>,
    F::Output: Responder + 'static,
    Args: FromRequest + 'static,
{
    web::resource(path.to_owned())
        .route(web::post().to(handler))
        .default_service(web::to(wrong_method_of_act))
        .wrap(middleware::from_fn(guard))
}

/// A path that acts and that shows, when it is read, what the act would do.
pub fn act_with_plan<P, PlanArgs, F, Args>(
    path: &str,
    plan: P,
    handler: F,
) -> impl HttpServiceFactory + use<P, PlanArgs, F, Args>
where
    P: Handler<PlanArgs> + Copy,
    P::Output: Responder + 'static,
    PlanArgs: FromRequest + 'static,
    F: Handler<Args>,
    F::Output: Responder + 'static,
    Args: FromRequest + 'static,
{
    web::resource(path.to_owned())
        .route(web::get().to(plan))
        .route(web::head().to(plan))
        .route(web::post().to(handler))
        .default_service(web::to(wrong_method_of_act_with_plan))
        .wrap(middleware::from_fn(guard))
}

async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // A token proves more than what a browser says: no page knows it.
    let proven = token(request.request()).is_some();
    match check(request.headers(), proven) {
        Err((status, reason)) if is_act(request.method()) => {
            Ok(request.into_response(problem(status, reason)))
        }
        _ => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
    }
}

fn check(headers: &HeaderMap, proven: bool) -> Result<(), (StatusCode, &'static str)> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let kind = text("Content-Type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        let reason = "an act wants Content-Type: application/json";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    if proven {
        return Ok(());
    }
    let refused = |reason| Err((StatusCode::FORBIDDEN, reason));
    if text("Sec-Fetch-Site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return refused("a page of another site may not act here");
    }
    let host = text("Host");
    if let Some(origin) = text("Origin") {
        let of = origin.split_once("://").map(|(_, of)| of);
        if of.is_none() || !of.zip(host).is_some_and(|(of, host)| of.eq_ignore_ascii_case(host)) {
            return refused("a page of another site may not act here");
        }
    }
    if host.is_some_and(|host| !is_loopback(host)) {
        return refused("without a [[http.token]] acts are taken by a name or address of loopback alone");
    }
    Ok(())
}

/// Whether a `Host` header names this machine by a name that nobody else can give to it.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<IpAddr>().map(|address| address.to_canonical());
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn token(request: &HttpRequest) -> Option<String> {
    request.extensions().get::<Bearer>().and_then(|bearer| bearer.0.clone())
}

/// Who acts: the name of the token, or `local`, with the name of the user where the CLI tells it.
pub fn actor(request: &HttpRequest) -> String {
    if let Some(name) = token(request) {
        return name;
    }
    let user = request.headers().get(OPERATOR_HEADER).and_then(|user| user.to_str().ok());
    let user: String = user.unwrap_or_default().trim().chars().take(LONGEST_NAME).collect();
    if user.is_empty() { "local".to_owned() } else { format!("local ({user})") }
}

/// The body of an act that wants nothing but a reason, if that.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why: one line of at most 500 characters, for the audit.
    pub reason: Option<String>,
}

/// The reason that a request gives for its act; the error is its answer.
pub async fn reason(payload: web::Payload) -> Result<Option<String>, HttpResponse> {
    let Reason { reason } = body(payload).await?;
    tidy(reason.as_deref()).map_err(|detail| problem(StatusCode::BAD_REQUEST, detail))
}

/// The body of an act; an empty one is `{}`. The error is the answer to a body that is none.
pub async fn body<T: DeserializeOwned + Default>(body: web::Payload) -> Result<T, HttpResponse> {
    let bad = |detail: String| problem(StatusCode::BAD_REQUEST, detail);
    let bytes = match body.to_bytes_limited(LARGEST).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(bad(format!("the body cannot be read: {error}"))),
        Err(_) => {
            let detail = format!("the body is larger than {LARGEST} bytes");
            return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
    };
    if bytes.is_empty() {
        return Ok(T::default());
    }
    // An object, and not a list of its values.
    let body: Map<String, Value> = serde_json::from_slice(&bytes)
        .map_err(|error| bad(format!("the body is no JSON object: {error}")))?;
    serde_path_to_error::deserialize(Value::Object(body))
        .map_err(|error| bad(format!("the body does not fit: {error}")))
}

/// One line of text, so that a table stays a table.
pub fn tidy(reason: Option<&str>) -> Result<Option<String>, String> {
    let Some(reason) = reason else { return Ok(None) };
    let line: String = reason.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.chars().count() {
        0 => Ok(None),
        length if length > LONGEST_REASON => {
            Err(format!("the reason has {length} characters, allowed are {LONGEST_REASON}"))
        }
        _ => Ok(Some(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn status(headers: &[(&str, &str)], proven: bool) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            map.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        check(&map, proven).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn a_page_of_another_site_may_not_act() {
        let json = ("Content-Type", "application/json");
        let host = ("Host", "127.0.0.1:8080");
        let check = |headers: &[(&str, &str)], expected| {
            assert_eq!(status(headers, false), expected, "{headers:?}");
        };
        check(&[json, host], 200);
        check(&[("content-type", "Application/JSON; charset=utf-8"), host], 200);
        check(&[host], 415);
        check(&[("Content-Type", "text/plain"), host], 415);
        check(&[("Content-Type", "application/x-www-form-urlencoded"), host], 415);
        check(&[json, host, ("Origin", "http://127.0.0.1:8080")], 200);
        check(&[json, ("Host", "LocalHost:8080"), ("Origin", "http://localhost:8080")], 200);
        check(&[json, ("Host", "[::1]:8080"), ("Sec-Fetch-Site", "same-origin")], 200);
        check(&[json, host, ("Origin", "http://127.0.0.1:3000")], 403);
        check(&[json, host, ("Origin", "https://evil.example")], 403);
        check(&[json, host, ("Origin", "null")], 403);
        check(&[json, ("Origin", "http://127.0.0.1:8080")], 403);
        check(&[json, host, ("Sec-Fetch-Site", "cross-site")], 403);
        check(&[json, host, ("Sec-Fetch-Site", "same-site")], 403);
        // Rebound to loopback, its page is of the same origin as far as the browser knows.
        let evil = [json, ("Host", "evil.example:8080"), ("Origin", "http://evil.example:8080")];
        check(&evil, 403);
        check(&[json, ("Host", "127.0.0.1.evil.example")], 403);
        assert_eq!(status(&evil, true), 200, "no page knows a token");
        assert_eq!(status(&[host], true), 415);
    }

    #[test]
    fn a_reason_is_one_line_of_some_length() {
        let check = |reason: Option<&str>, expected: Option<&str>| {
            assert_eq!(tidy(reason), Ok(expected.map(str::to_owned)), "{reason:?}");
        };
        check(None, None);
        check(Some("  "), None);
        check(Some(" upgrade\nof the HSS\u{1b}[2J "), Some("upgrade of the HSS [2J"));
        check(Some(&"æ".repeat(500)), Some(&"æ".repeat(500)));
        assert!(tidy(Some(&"æ".repeat(501))).is_err_and(|reason| reason.contains("501")));
    }
}

//! Headers that every answer carries, so that a browser keeps it to itself, and errors of the HTTP library as problems.

use super::connections::{Connection, UnderWay};
use super::problem::problem;
use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use std::sync::Arc;

/// Of the page: scripts, styles and images of ours alone, none of them within the HTML.
const OF_PAGE: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
/// Of everything else: shown in a browser it is text.
const OF_API: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// A browser that has been here by TLS asks this host by nothing else, in seconds: a year.
const ONLY_TLS: &str = "max-age=31536000";

const ALWAYS: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Completes every answer.
pub async fn complete(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let page = request.path() == "/" || request.path().starts_with("/assets/");
    let tls = request.app_config().secure();
    let under_way = UnderWay::begin(request.request().conn_data::<Arc<Connection>>());
    let mut answer = explain(next.call(request).await?.map_into_boxed_body());
    protect(answer.headers_mut(), page, tls);
    Ok(match under_way {
        Some(under_way) => answer.map_body(|_, body| under_way.through(body)),
        None => answer,
    })
}

fn protect(headers: &mut HeaderMap, page: bool, tls: bool) {
    let mut set = |name: &HeaderName, value: &'static str| {
        if !headers.contains_key(name) {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
    };
    ALWAYS.iter().for_each(|(name, value)| set(name, value));
    set(&CONTENT_SECURITY_POLICY, if page { OF_PAGE } else { OF_API });
    if !page {
        set(&CACHE_CONTROL, "no-store");
    }
    if tls {
        set(&STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
}

/// What the HTTP library refuses by itself, it explains in plain text or not at all.
fn explain(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = answer.status();
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_explained = kind.is_some_and(|kind| !kind.starts_with("text/plain"));
    if is_explained || !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    let reason = answer.response().error().map(ToString::to_string).filter(|reason| !reason.is_empty());
    let usual = || status.canonical_reason().unwrap_or("Error").to_owned();
    let (request, _) = answer.into_parts();
    ServiceResponse::new(request, problem(status, reason.unwrap_or_else(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_may_load_its_own_and_the_api_nothing() {
        let check = |page, tls, name: &str, expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            protect(&mut headers, page, tls);
            let value = headers.get(name).map(|value| value.to_str().expect("text"));
            assert_eq!(value, expected, "{name}");
        };
        check(true, false, "Content-Security-Policy", Some(OF_PAGE));
        check(false, false, "Content-Security-Policy", Some(OF_API));
        check(true, false, "Cache-Control", None);
        check(false, false, "Cache-Control", Some("no-store"));
        check(true, true, "Strict-Transport-Security", Some(ONLY_TLS));
        check(true, false, "Strict-Transport-Security", None);
        check(false, false, "Cross-Origin-Resource-Policy", Some("same-origin"));
        assert!(!OF_PAGE.contains("unsafe"));
    }

    #[test]
    fn what_a_handler_says_stands() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        protect(&mut headers, false, false);
        assert_eq!(headers.get(CACHE_CONTROL).map(HeaderValue::as_bytes), Some(&b"no-cache"[..]));
    }
}

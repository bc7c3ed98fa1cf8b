//! What every request passes through before its handler: [`check`] for all paths, [`guard`] for those that act.

use super::{ALIVE_PATH, Access, Asked, Caller, Refusal, Shown, is_act, is_original, site};
use crate::api::body;
use crate::api::event_management::Below;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap};
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use std::net::IpAddr;
use std::time::Instant;

/// The name of the session's cookie.
pub const COOKIE_NAME: &str = "eventmanager_session";
/// What a page shows with an act to prove that it is one of ours.
pub const CSRF_HEADER: &str = "X-CSRF-Token";
/// No address of ours is nearly as long, in bytes.
const LONGEST_ADDRESS: usize = 8 << 10;

/// Lets a request pass and says whose it is (a [`Caller`] in its extensions), or answers why not.
pub async fn check(
    access: Access,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let below = Below::of(&request);
    let passed = pass(&access, &request, below.is_some());
    // Whoever routes it, and whoever writes what is wrong with it, goes by what was judged here.
    below.map(|below| request.extensions_mut().insert(below));
    match passed {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.call(request).await.map(ServiceResponse::map_into_boxed_body)
        }
        Err(refusal) => Ok(request.into_response(refusal.answer())),
    }
}

fn pass(access: &Access, request: &ServiceRequest, is_for_peers: bool) -> Result<Caller, Refusal> {
    if length(request.uri()) > LONGEST_ADDRESS {
        return Err(Refusal::AddressTooLong);
    }
    // Acts see to it themselves, after they have looked for a page of another site.
    // By the path that is routed, which has no escapes any more.
    let path = request.match_info().as_str();
    let has_data = path.starts_with("/api/") || is_for_peers || is_original(path, is_for_peers);
    let host = match path {
        ALIVE_PATH => site::check_name(request.headers()),
        _ => site::check_host(request.headers()),
    };
    if has_data && !is_act(request.method()) && access.is_open() {
        host?;
    }
    let shown = shown(request.headers(), from(request));
    // What is routed differently from how it is written must not be judged by how it is written.
    let asked = Asked { method: request.method(), path, is_for_peers, is_by_our_name: host.is_ok() };
    access.judge(asked, &shown, Instant::now())
}

fn length(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |text| text.as_str().len())
}

/// The address of the client, as far as TCP knows it.
fn from(request: &ServiceRequest) -> Option<IpAddr> {
    request.peer_addr().map(|address| address.ip())
}

fn shown(headers: &HeaderMap, from: Option<IpAddr>) -> Shown<'_> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION.as_str()).and_then(|value| value.split_once(' '));
    // RFC 9110, 11.1: the case of a scheme does not count.
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer")).map(|(_, token)| token);
    let cookies = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let sessions = pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, id)| id).collect();
    Shown { from, bearer, sessions, csrf: text(CSRF_HEADER) }
}

/// Keeps pages of other sites from acting, and reads the body, so that nobody who sends it slowly or without end holds up
/// a handler.
pub async fn guard(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if is_act(request.method()) {
        if let Err(refusal) = guarded(&request) {
            return Ok(request.into_response(refusal.answer()));
        }
        let payload = request.take_payload();
        match body::read(request.headers(), payload, body::LIMITS).await {
            Ok(bytes) => request.set_payload(Payload::from(bytes)),
            Err(answer) => return Ok(request.into_response(answer)),
        }
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}

fn guarded(request: &ServiceRequest) -> Result<(), Refusal> {
    let (headers, extensions) = (request.headers(), request.extensions());
    if *request.method() == Method::POST {
        site::check_json(headers)?;
    }
    check_page(headers, extensions.get::<Caller>())
}

/// Refuses an act that a page of another site might have sent for whoever looks at it.
pub fn check_page(headers: &HeaderMap, caller: Option<&Caller>) -> Result<(), Refusal> {
    // A token proves more than what a browser says: no page of another site knows it. A cookie is the browser's to send.
    if caller.is_some_and(Caller::has_shown_a_token) {
        return Ok(());
    }
    site::check_origin(headers)?;
    // Who may act without showing anything does so because no token is needed.
    match caller.is_some_and(|caller| caller.role.is_some() && caller.is_anybody()) {
        true => site::check_host(headers),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn tokens_and_cookies_are_read_as_clients_write_them() {
        let check = |lines: &[(&str, &str)], bearer: Option<&str>, sessions: &[&str]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                let name: HeaderName = name.parse().expect("a name");
                headers.append(name, HeaderValue::from_str(value).expect("a value"));
            }
            let shown = shown(&headers, None);
            assert_eq!((shown.bearer, shown.sessions.as_slice()), (bearer, sessions), "{lines:?}");
        };
        check(&[], None, &[]);
        check(&[("Authorization", "Bearer sesame")], Some("sesame"), &[]);
        check(&[("authorization", "bEARER sesame")], Some("sesame"), &[]);
        check(&[("Authorization", "sesame")], None, &[]);
        check(&[("Authorization", "Basic sesame")], None, &[]);
        check(&[("Cookie", "a=b; eventmanager_session=one;eventmanager_session=two")], None, &["one", "two"]);
        check(&[("Cookie", "a=b"), ("Cookie", "eventmanager_session=one")], None, &["one"]);
        check(&[("Cookie", "eventmanager_sessions=one; eventmanager_session")], None, &[]);
    }
}

//! `/api/v1/session`: who has logged in with this browser, the login, and its end.

use super::access::{
    Access, COOKIE_NAME, Caller, LIFETIME, NoLogin, SESSION_PATH, check_json, check_origin, role_name,
};
use super::problem::{Problem, bad, not_allowed, problem};
use super::{body, parameters, seconds};
use crate::wire::Secret;
use actix_web::dev::HttpServiceFactory;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::web::{self, Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, middleware};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::SystemTime;
use utoipa::ToSchema;

/// Who asks, and until when.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    /// Whether tokens are configured. Where none are, nobody needs to log in.
    login_required: bool,
    /// Of the token; `local` where none is needed, `null` where nobody has logged in.
    name: Option<String>,
    /// `viewer` reads, `operator` acts too; `peer` has the paths of Event Management alone, and no login.
    role: Option<&'static str>,
    /// What an act with the session's cookie shows as `X-CSRF-Token`.
    csrf: Option<String>,
    /// Seconds of the epoch; a session that is used lives longer, up to twelve hours from its login.
    expires: Option<f64>,
}

/// What is shown at a login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// As its bearer got it, not its digest.
    #[schema(value_type = String)]
    token: Secret,
}

/// The path with its three methods.
pub fn service() -> impl HttpServiceFactory {
    web::resource(SESSION_PATH)
        .route(web::get().to(show))
        .route(web::head().to(show))
        .route(web::post().to(log_in))
        .route(web::delete().to(log_out))
        .default_service(web::to(wrong_method))
        .wrap(middleware::from_fn(parameters::none))
}

async fn wrong_method(request: HttpRequest) -> HttpResponse {
    let detail = format!("a session is read, opened (POST) and ended (DELETE), not {}", request.method());
    not_allowed(detail, "GET, HEAD, POST, DELETE")
}

/// Whether somebody has logged in, with which role. Open to everybody.
#[utoipa::path(
    get,
    path = "/api/v1/session",
    responses(
        (status = 200, description = "Who asks; null where nobody has logged in", body = Session),
        (status = 401, description = "A bearer token that is not known", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many unknown tokens came from this address", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(access: Data<Access>, caller: ReqData<Caller>) -> HttpResponse {
    HttpResponse::Ok().json(describe(&access, &caller))
}

/// Opens a session: the answer sets the cookie `eventmanager_session`.
#[utoipa::path(
    post,
    path = "/api/v1/session",
    request_body = Login,
    responses(
        (status = 200, description = "Logged in", body = Session, headers(("Set-Cookie" = String, description = "eventmanager_session, HttpOnly, SameSite=Strict"))),
        (status = 400, description = "The body is no login", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The token is not known", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A page of another site asks, or the role of the token is peer", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body did not come", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "No token is configured, so that nobody needs to log in", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 16 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many unknown tokens came from this address", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn log_in(access: Data<Access>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let allowed = check_json(request.headers()).and_then(|()| check_origin(request.headers()));
    if let Err(refusal) = allowed {
        return refusal.answer();
    }
    let bytes = match body::read(request.headers(), payload.into_inner(), body::LIMITS).await {
        Ok(bytes) => bytes,
        Err(answer) => return answer,
    };
    // What serde would say of it may quote the token.
    let Ok(login) = serde_json::from_slice::<Login>(&bytes) else {
        return bad("the body is not {\"token\": TEXT}");
    };
    match access.log_in(login.token.expose(), from(&request)) {
        Ok((id, caller)) => {
            let mut answer = HttpResponse::Ok().json(describe(&access, &caller));
            set_cookie(&mut answer, &request, &id, LIFETIME.as_secs());
            answer
        }
        Err(NoLogin::Refused(refusal)) => refusal.answer(),
        Err(NoLogin::NotNeeded) => {
            problem(StatusCode::CONFLICT, "no [[http.token]] is configured: nobody needs to log in")
        }
        Err(NoLogin::NoRandom(error)) => {
            let detail = format!("no random numbers for a session: {error}");
            problem(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }
}

/// Ends the session of the cookie, where there is one.
#[utoipa::path(
    delete,
    path = "/api/v1/session",
    params(("X-CSRF-Token" = Option<String>, Header, description = "Of the session, where there is one")),
    responses(
        (status = 200, description = "Nobody is logged in any more", body = Session),
        (status = 401, description = "A bearer token that is not known", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The CSRF token is missing or wrong", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many unknown tokens came from this address", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn log_out(access: Data<Access>, request: HttpRequest, caller: ReqData<Caller>) -> HttpResponse {
    access.log_out(&caller, from(&request));
    let mut answer = HttpResponse::Ok().json(describe(&access, &access.nobody()));
    set_cookie(&mut answer, &request, "", 0);
    answer
}

fn describe(access: &Access, caller: &Caller) -> Session {
    let session = access.session(caller);
    let open = access.is_open();
    let expires = session.as_ref().map(|(_, remaining)| seconds(SystemTime::now() + *remaining));
    Session {
        login_required: !open,
        name: if open { Some("local".to_owned()) } else { caller.name.clone() },
        role: caller.role.map(role_name),
        csrf: session.map(|(csrf, _)| csrf),
        expires,
    }
}

fn from(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|address| address.ip())
}

/// The browser keeps it from scripts and from other sites, and under TLS from plain HTTP.
fn set_cookie(answer: &mut HttpResponse, request: &HttpRequest, id: &str, seconds: u64) {
    let secure = if is_encrypted(request) { "; Secure" } else { "" };
    let cookie = format!("{COOKIE_NAME}={id}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(SET_COOKIE, value);
    }
}

/// TLS of ours, or of a proxy before us. Who makes this header up harms nobody but himself.
fn is_encrypted(request: &HttpRequest) -> bool {
    let forwarded = request.headers().get("X-Forwarded-Proto");
    request.app_config().secure() || forwarded.is_some_and(|scheme| scheme.as_bytes() == b"https")
}

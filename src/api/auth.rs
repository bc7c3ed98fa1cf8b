//! Who may ask for what: bearer tokens with roles. To read wants a viewer, to act (any method but GET and HEAD) an
//! operator.

use super::problem::problem;
use crate::config::{Http, Role, Token};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Open to everybody, wherever it listens: they say nothing of subscribers.
const ALWAYS_OPEN: &[&str] = &["/healthz", "/readyz", "/metrics"];

/// The configured tokens, and whether only this machine can ask.
#[derive(Debug, Clone)]
pub struct Access {
    tokens: Arc<[Token]>,
    loopback: bool,
}

impl Access {
    /// Access as `[http]` configures it.
    pub fn new(http: &Http) -> Self {
        Access { tokens: http.tokens.clone().into(), loopback: http.listen.ip().is_loopback() }
    }

    /// The role that a request wants; `None` where everybody may ask.
    fn wanted(&self, method: &Method, path: &str) -> Option<Role> {
        let original = path == "/alivecheck" || path == "/events" || path.starts_with("/event/");
        if ALWAYS_OPEN.contains(&path) || self.tokens.is_empty() || (original && self.loopback) {
            return None;
        }
        Some(if is_act(method) { Role::Operator } else { Role::Viewer })
    }

    /// The token of an `Authorization` header.
    fn token(&self, header: Option<&str>) -> Option<&Token> {
        let (scheme, token) = header?.split_once(' ')?;
        // RFC 9110, 11.1: the case of a scheme does not count.
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return None;
        }
        let digest: String = Sha256::digest(token.trim()).iter().map(|byte| format!("{byte:02x}")).collect();
        // The digests are compared, not the tokens: how long it takes says nothing about a token.
        self.tokens.iter().find(|known| known.sha256 == digest)
    }

    /// Whose request it is, or why it does not pass.
    fn judge(&self, method: &Method, path: &str, header: Option<&str>) -> Result<Bearer, Refusal> {
        let token = self.token(header);
        let bearer = Bearer(token.map(|token| token.name.clone()));
        match (self.wanted(method, path), token.map(|token| token.role)) {
            (None, _) | (Some(_), Some(Role::Operator)) | (Some(Role::Viewer), Some(Role::Viewer)) => {
                Ok(bearer)
            }
            (Some(Role::Operator), Some(Role::Viewer)) => Err(Refusal::NotAnOperator),
            (Some(_), None) => Err(Refusal::NoToken),
        }
    }
}

/// Whether a request may change something.
pub fn is_act(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// The name of the token that came with a request, in its extensions; `None` where there was no known one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer(pub Option<String>);

#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    NoToken,
    NotAnOperator,
}

impl Refusal {
    fn answer(&self) -> HttpResponse {
        if *self == Refusal::NotAnOperator {
            return problem(StatusCode::FORBIDDEN, "the role of this token is viewer; to act wants operator");
        }
        let mut answer =
            problem(StatusCode::UNAUTHORIZED, "this path wants Authorization: Bearer with a known token");
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        answer
    }
}

/// Lets a request pass, or answers 401 or 403.
pub async fn check(
    access: Access,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match access.judge(request.method(), request.path(), header) {
        Ok(bearer) => {
            request.extensions_mut().insert(bearer);
            next.call(request).await.map(ServiceResponse::map_into_boxed_body)
        }
        Err(refusal) => Ok(request.into_response(refusal.answer())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(listen: &str, tokens: &[(&str, Role)]) -> Access {
        let token = |(text, role): &(&str, Role)| Token {
            name: (*text).into(),
            role: *role,
            sha256: Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        Access::new(&Http {
            listen: listen.parse().expect("an address"),
            tls_cert: None,
            tls_key: None,
            tokens: tokens.iter().map(token).collect(),
        })
    }

    #[test]
    fn a_path_is_open_by_where_it_is_asked_and_what_is_configured() {
        let viewer = &[("sesame", Role::Viewer)];
        let check = |listen, tokens: &[(&str, Role)], path, header, expected| {
            let passes = access(listen, tokens).judge(&Method::GET, path, header).is_ok();
            assert_eq!(passes, expected, "{listen} {path} {header:?}");
        };
        check("127.0.0.1:1", &[], "/api/v1/tree", None, true);
        check("127.0.0.1:1", viewer, "/api/v1/tree", None, false);
        check("127.0.0.1:1", viewer, "/api/v1/tree", Some("Bearer sesame"), true);
        check("127.0.0.1:1", viewer, "/api/v1/tree", Some("Bearer other"), false);
        check("127.0.0.1:1", viewer, "/api/v1/tree", Some("bearer sesame"), true);
        check("127.0.0.1:1", viewer, "/api/v1/tree", Some("sesame"), false);
        check("127.0.0.1:1", viewer, "/events", None, true);
        check("0.0.0.0:1", viewer, "/events", None, false);
        check("0.0.0.0:1", viewer, "/event/1", Some("Bearer sesame"), true);
        check("0.0.0.0:1", viewer, "/metrics", None, true);
        check("0.0.0.0:1", viewer, "/readyz", None, true);
        check("127.0.0.1:1", viewer, "/no/such", None, false);
    }

    #[test]
    fn acts_want_an_operator_and_say_who_it_is() {
        let tokens = &[("look", Role::Viewer), ("act", Role::Operator)];
        let check = |method, header, expected| {
            let judged = access("127.0.0.1:1", tokens).judge(&method, "/api/v1/systems/hss/pause", header);
            assert_eq!(judged, expected, "{method} {header:?}");
        };
        let bearer = |name: &str| Ok(Bearer(Some(name.to_owned())));
        check(Method::POST, None, Err(Refusal::NoToken));
        check(Method::POST, Some("Bearer other"), Err(Refusal::NoToken));
        check(Method::POST, Some("Bearer look"), Err(Refusal::NotAnOperator));
        check(Method::DELETE, Some("Bearer look"), Err(Refusal::NotAnOperator));
        check(Method::POST, Some("Bearer act"), bearer("act"));
        check(Method::GET, Some("Bearer look"), bearer("look"));
        let open = access("127.0.0.1:1", &[]).judge(&Method::POST, "/api/v1/systems/hss/pause", None);
        assert_eq!(open, Ok(Bearer(None)));
    }
}

//! Who may ask for what: bearer tokens with roles.

use super::problem::problem;
use crate::config::{Http, Role, Token};
use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
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

    /// The role that a path wants; `None` where everybody may ask.
    fn wanted(&self, path: &str) -> Option<Role> {
        let original = path == "/alivecheck" || path == "/events" || path.starts_with("/event/");
        if ALWAYS_OPEN.contains(&path) || self.tokens.is_empty() || (original && self.loopback) {
            return None;
        }
        Some(Role::Viewer)
    }

    /// The role of an `Authorization` header.
    fn role(&self, header: Option<&str>) -> Option<Role> {
        let (scheme, token) = header?.split_once(' ')?;
        // RFC 9110, 11.1: the case of a scheme does not count.
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return None;
        }
        let digest: String = Sha256::digest(token.trim()).iter().map(|byte| format!("{byte:02x}")).collect();
        // The digests are compared, not the tokens: how long it takes says nothing about a token.
        self.tokens.iter().find(|known| known.sha256 == digest).map(|known| known.role)
    }

    fn allows(&self, path: &str, header: Option<&str>) -> bool {
        match (self.wanted(path), self.role(header)) {
            (None, _) | (Some(_), Some(Role::Operator)) | (Some(Role::Viewer), Some(Role::Viewer)) => true,
            (Some(Role::Operator), Some(Role::Viewer)) | (Some(_), None) => false,
        }
    }
}

/// Lets a request pass, or answers 401.
pub async fn check(
    access: Access,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let header = request.headers().get("Authorization").and_then(|value| value.to_str().ok());
    if access.allows(request.path(), header) {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    }
    let mut answer =
        problem(StatusCode::UNAUTHORIZED, "this path wants Authorization: Bearer with a known token");
    let challenge = actix_web::http::header::HeaderValue::from_static("Bearer");
    answer.headers_mut().insert(actix_web::http::header::WWW_AUTHENTICATE, challenge);
    Ok(request.into_response(answer))
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
            assert_eq!(access(listen, tokens).allows(path, header), expected, "{listen} {path} {header:?}");
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
}

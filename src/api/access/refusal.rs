//! Why a request does not pass, and what it is answered.

use crate::api::problem::problem;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NoToken,
    UnknownToken,
    /// The cookie of a session that has ended, or never was.
    SessionOver,
    NotAnOperator,
    /// A peer where it has nothing to do.
    PeerElsewhere,
    NoCsrf,
    OtherSite,
    /// A name that is not this machine's, where nobody needs a token.
    ForeignHost,
    /// By way of a proxy, where nobody needs a token.
    HandedOn,
    NotJson,
    /// So long.
    TooManyFailures(Duration),
    AddressTooLong,
}

impl Refusal {
    /// Its label in `http_refused_total`.
    fn label(self) -> &'static str {
        match self {
            Refusal::NoToken => "no_token",
            Refusal::UnknownToken => "unknown_token",
            Refusal::SessionOver => "session_over",
            Refusal::NotAnOperator | Refusal::PeerElsewhere => "role",
            Refusal::NoCsrf => "csrf",
            Refusal::OtherSite => "other_site",
            Refusal::ForeignHost => "foreign_host",
            Refusal::HandedOn => "handed_on",
            Refusal::NotJson => "not_json",
            Refusal::TooManyFailures(_) => "too_many_failures",
            Refusal::AddressTooLong => "address_too_long",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Refusal::NoToken | Refusal::UnknownToken | Refusal::SessionOver => StatusCode::UNAUTHORIZED,
            Refusal::NotAnOperator
            | Refusal::PeerElsewhere
            | Refusal::NoCsrf
            | Refusal::OtherSite
            | Refusal::ForeignHost
            | Refusal::HandedOn => StatusCode::FORBIDDEN,
            Refusal::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::TooManyFailures(_) => StatusCode::TOO_MANY_REQUESTS,
            Refusal::AddressTooLong => StatusCode::URI_TOO_LONG,
        }
    }

    fn detail(self) -> String {
        let detail = match self {
            Refusal::NoToken => "this path wants Authorization: Bearer with a known token, or a login",
            Refusal::UnknownToken => "this token is not known here",
            Refusal::SessionOver => "the session has ended: log in again",
            Refusal::NotAnOperator => "the role of this token is viewer; to act wants operator",
            Refusal::PeerElsewhere => {
                "the role of this token is peer, which has the paths of Event Management alone"
            }
            Refusal::NoCsrf => {
                "with a cookie an act wants X-CSRF-Token, which GET /api/v1/session tells to a page of ours"
            }
            Refusal::OtherSite => "a page of another site may not act here",
            Refusal::ForeignHost => {
                "without a [[http.token]] this is answered by a name or address of loopback alone, as Host says it"
            }
            Refusal::HandedOn => {
                "a proxy has handed this on (Via, Forwarded or X-Forwarded-…): without a [[http.token]] only who asks on this host itself is answered"
            }
            Refusal::NotJson => "an act wants Content-Type: application/json",
            Refusal::TooManyFailures(wait) => {
                let seconds = whole_seconds(wait);
                return format!("too many unknown tokens came from this address: again in {seconds} s");
            }
            Refusal::AddressTooLong => "the address of this request is longer than 8192 bytes",
        };
        detail.to_owned()
    }

    /// The answer; it is counted as it is given.
    pub fn answer(self) -> HttpResponse {
        metrics::counter!("eventmanager_http_refused_total", "reason" => self.label()).increment(1);
        let mut answer = problem(self.status(), self.detail());
        let mut set = |name: HeaderName, value: HeaderValue| answer.headers_mut().insert(name, value);
        match self {
            Refusal::TooManyFailures(wait) => _ = set(RETRY_AFTER, whole_seconds(wait).into()),
            _ if self.status() == StatusCode::UNAUTHORIZED => {
                set(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        answer
    }
}

/// Rounded up: who comes back then is heard.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

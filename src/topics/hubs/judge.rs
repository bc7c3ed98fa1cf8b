//! What became of an attempt: purely.

use super::outbound::{Answer, SendError};
use std::time::Duration;

/// What follows from an answer, or from there being none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    /// It will not be taken, now or later: the hub is halted.
    Halt {
        status: Option<u16>,
        reason: String,
    },
    Again {
        status: Option<u16>,
        wanted: Option<Duration>,
        reason: String,
    },
}

/// Only a status of success is one: a redirect is followed by nobody.
pub fn judge(result: &Result<Answer, SendError>) -> Verdict {
    let answer = match result {
        Ok(answer) => answer,
        Err(error @ SendError::NotAllowed { .. }) => {
            return Verdict::Halt { status: None, reason: error.to_string() };
        }
        Err(error) => return Verdict::Again { status: None, wanted: None, reason: error.to_string() },
    };
    let status = Some(answer.status);
    match answer.status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Halt { status, reason: "HTTP status 410: the callback is gone".to_owned() },
        429 | 503 => Verdict::Again { status, wanted: answer.retry_after, reason: said(answer.status) },
        300..=399 => {
            let reason = format!("{}: a redirect, which is not followed", said(answer.status));
            Verdict::Again { status, wanted: None, reason }
        }
        _ => Verdict::Again { status, wanted: None, reason: said(answer.status) },
    }
}

fn said(status: u16) -> String {
    format!("HTTP status {status}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, retry_after: Option<u64>, expected: &str) {
        let retry_after = retry_after.map(Duration::from_secs);
        let answer = Answer { status, retry_after, body: Vec::new(), is_whole: false, location: None };
        let verdict = match judge(&Ok(answer)) {
            Verdict::Delivered => "delivered".to_owned(),
            Verdict::Halt { .. } => "halt".to_owned(),
            Verdict::Again { wanted: Some(wanted), .. } => format!("again after {}", wanted.as_secs()),
            Verdict::Again { .. } => "again".to_owned(),
        };
        assert_eq!(verdict, expected, "{status}");
    }

    #[test]
    fn only_a_success_is_one() {
        for status in [200, 201, 202, 204, 299] {
            check(status, None, "delivered");
        }
        for status in [100, 301, 302, 307, 308, 400, 401, 403, 404, 409, 422, 500, 502, 504] {
            check(status, Some(9), "again");
        }
        check(410, None, "halt");
        check(429, Some(9), "again after 9");
        check(503, Some(9), "again after 9");
        check(503, None, "again");
    }

    #[test]
    fn a_url_that_is_not_allowed_halts_and_any_other_failure_is_tried_again() {
        let host = || "peer:443".to_owned();
        let not_allowed = SendError::NotAllowed { host: host(), reason: "http without TLS is not allowed" };
        assert!(matches!(judge(&Err(not_allowed)), Verdict::Halt { status: None, .. }));
        let failed = SendError::Failed { host: host(), reason: "reset".to_owned() };
        assert!(matches!(judge(&Err(failed)), Verdict::Again { wanted: None, status: None, .. }));
    }
}

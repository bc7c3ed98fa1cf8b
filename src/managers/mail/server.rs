//! Speaking to the hosts of the mail server.
//!
//! Nothing of an answer but its status is told: its text may quote the request, and that carries passwords.

use crate::config;
use crate::lease::Lease;
use crate::managers::breaker::Breaker;
use crate::managers::hosts::Publisher;
use crate::managers::http::{self, Failure};
use crate::managers::{Answer, Board};
use crate::outbound;
use crate::plan::System;
use crate::wire::Secret;
use crate::wire::surgemail::{Credentials, MailRequest, target};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use std::cell::Cell;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Requests that may be under way; each has a connection.
const CONNECTIONS: usize = 8;
/// No names and passwords come near this. What is far longer no client sends, and that is not the host's fault.
const LONGEST: usize = 8 << 10;
/// A host that does not answer a probe in this time is still away.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// The primary, the secondary, and what is needed to speak to them.
pub struct Server {
    config: config::SurgeMail,
    lease: Lease,
    hosts: Vec<Host>,
    client: reqwest::Client,
    credentials: Credentials,
    authorization: HeaderValue,
    /// One permit for every connection that may be in use.
    in_use: Semaphore,
}

/// A host, primary or secondary.
struct Host {
    url: String,
    breaker: Breaker,
    /// It is left alone because of that: a probe, which does not log in, would learn nothing.
    login_refused: Cell<bool>,
}

impl Host {
    fn new(address: &str, rank: usize, hosts: usize, board: &Publisher) -> Self {
        let breaker = Breaker::new("mail", address, hosts, board.report("mail", address, rank));
        Host { url: format!("http://{address}"), breaker, login_refused: Cell::new(false) }
    }

    /// Whether a request may go to it. Where the login was refused one may for each probe that would be due.
    fn admits_request(&self, now: Instant) -> bool {
        self.breaker.may_be_asked() || (self.login_refused.get() && self.breaker.begin_probe(now))
    }

    fn is_due_for_probe(&self, now: Instant) -> bool {
        !self.login_refused.get() && self.breaker.begin_probe(now)
    }
}

impl Server {
    /// A server without connections.
    pub fn new(config: &config::SurgeMail, board: &Publisher, lease: &Lease) -> Self {
        let addresses: Vec<&String> = std::iter::once(&config.primary).chain(&config.secondary).collect();
        let hosts: Vec<Host> = (0..)
            .zip(&addresses)
            .map(|(rank, address)| Host::new(address, rank, addresses.len(), board))
            .collect();
        let urls: Vec<&str> = hosts.iter().map(|host| host.url.as_str()).collect();
        let client = outbound::client(&urls, config.timeout, CONNECTIONS);
        let credentials = Credentials {
            username: config.username.clone(),
            password: config.password.clone(),
            domain_password: config.domain_password.clone(),
        };
        let authorization = sensitive(&credentials.authorization());
        let (config, lease, in_use) = (config.clone(), lease.clone(), Semaphore::new(CONNECTIONS));
        Server { config, lease, hosts, client, credentials, authorization, in_use }
    }

    /// Whether one of this configuration would be the same; which accounts are deleted is not its business.
    pub fn is_made_of(&self, config: &config::SurgeMail) -> bool {
        let delete_replaced = self.config.delete_replaced;
        self.config == config::SurgeMail { delete_replaced, ..config.clone() }
    }

    /// `other` speaks for its hosts from now on; those that it does not have are not configured any more.
    pub fn retire(&self, other: &Server) {
        for Host { breaker, .. } in &self.hosts {
            match other.hosts.iter().any(|it| it.breaker.name() == breaker.name()) {
                true => breaker.retire(),
                false => breaker.forget(),
            }
        }
    }

    /// Sends a request to the first host that takes it.
    ///
    /// Whether mail is paused is looked at before each: it may have been meanwhile.
    pub async fn ask(&self, request: &MailRequest, pauses: &Board) -> Answer {
        let _permit = self.in_use.acquire().await.expect("the semaphore is never closed");
        let target = target(request, &self.credentials);
        let length = target.expose().len();
        if length > LONGEST {
            return Answer::Refused(format!("request of {length} bytes, allowed are {LONGEST}"));
        }
        let mut reasons = Vec::new();
        for host in &self.hosts {
            if !host.admits_request(Instant::now()) {
                reasons.push(host.breaker.reason());
                continue;
            }
            if let Some(reason) = pauses.obstacle(System::Mail) {
                reasons.push(reason);
                break;
            }
            match self.post(host, &target).await {
                Ok(status) => return meaning(status, request, host.breaker.name()),
                Err(Failure::Unanswered(reason)) => return Answer::Unanswered(reason),
                Err(Failure::NotTaken(reason)) => reasons.push(reason),
            }
        }
        Answer::NotTaken(reasons.join("; "))
    }

    /// The status with which the host answers; a refused login is a failure.
    async fn post(&self, host: &Host, target: &Secret) -> Result<u16, Failure> {
        if !self.lease.allows("request") {
            return Err(http::not_ours(&host.breaker));
        }
        let request = self
            .client
            .post(format!("{}{}", host.url, target.expose()))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "text/html")
            .body(outbound::empty_body(&self.lease));
        let outcome = exchange(host, request).await;
        host.login_refused.set(matches!(outcome, Ok(401)));
        match outcome? {
            // Of the login that every request carries. That of one domain is refused with another status, and fails only
            // what is asked of that domain.
            401 => {
                let reason = "login refused: HTTP status 401";
                host.breaker.leave_alone(reason);
                Err(Failure::NotTaken(format!("{}: {reason}", host.breaker.name())))
            }
            status => {
                host.breaker.answered();
                Ok(status)
            }
        }
    }

    /// Looks whether the hosts that are away and due for it are there.
    pub async fn probe_failed_hosts(&self) {
        for host in self.hosts.iter().filter(|host| host.is_due_for_probe(Instant::now())) {
            // The front page changes nothing and takes no password; whatever it says, the host is there.
            let request = self.client.get(format!("{}/", host.url)).timeout(PROBE_LIMIT);
            let request = request.body(outbound::body("", &self.lease));
            // A failure becomes the reason for which it is left alone.
            if exchange(host, request).await.is_ok() {
                host.breaker.seen();
            }
        }
    }
}

/// One HTTP exchange; the breaker takes note where none comes about.
async fn exchange(host: &Host, request: reqwest::RequestBuilder) -> Result<u16, Failure> {
    let response = request.send().await.map_err(|error| http::no_answer(&host.breaker, error))?;
    let status = response.status().as_u16();
    http::check_available(&host.breaker, status)?;
    Ok(status)
}

/// A header that no library shows either.
fn sensitive(value: &Secret) -> HeaderValue {
    let mut value = HeaderValue::from_str(value.expose()).expect("base64 is plain text");
    value.set_sensitive(true);
    value
}

/// What the status of an answer means for the request.
fn meaning(status: u16, request: &MailRequest, host: &str) -> Answer {
    let deletes = matches!(request, MailRequest::DeleteDomain { .. } | MailRequest::DeleteAccount { .. });
    let text = format!("HTTP status {status} from {host}");
    match status {
        200 => Answer::Done,
        404 if deletes => Answer::Absent(text),
        400..=599 => Answer::Refused(text),
        _ => Answer::NotUnderstood(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::surgemail::MailAccount;

    #[test]
    fn a_status_is_judged_by_what_was_asked() {
        let domain = "x.gl".to_owned();
        let account = MailAccount::parse("nivi@x.gl").unwrap();
        let save = MailRequest::SaveDomain { domain: domain.clone() };
        let deletes = [MailRequest::DeleteDomain { domain }, MailRequest::DeleteAccount { account }];
        let check = |status: u16, request: &MailRequest, expected: &str| {
            assert_eq!(meaning(status, request, "mail1:7026").outcome(), expected, "{status} {request:?}");
        };
        for request in deletes.iter().chain([&save]) {
            check(200, request, "done");
            check(201, request, "not_understood");
            check(204, request, "not_understood");
            check(302, request, "not_understood");
            check(400, request, "refused");
            check(403, request, "refused");
            check(410, request, "refused");
            check(500, request, "refused");
            check(501, request, "refused");
            check(999, request, "not_understood");
        }
        check(404, &save, "refused");
        check(404, &deletes[0], "absent");
        check(404, &deletes[1], "absent");
    }
}

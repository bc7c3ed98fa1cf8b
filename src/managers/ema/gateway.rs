//! Speaking CAI3G to the hosts of the gateway.

use super::CoreRequest;
use super::host::{Host, Session};
use crate::config::{self, FaultClass};
use crate::managers::http::{self, Failure};
use crate::managers::{Answer, FaultClasses};
use crate::wire::Secret;
use crate::wire::{cai3g, xml};
use std::time::Instant;
use tokio::sync::Semaphore;

/// An answer larger than this is nonsense.
const ANSWER_LIMIT: usize = 1 << 20;

/// The primary, the secondary, and what is needed to speak to them.
pub struct Gateway {
    hosts: Vec<Host>,
    client: reqwest::Client,
    username: String,
    password: Secret,
    faults: FaultClasses,
    /// One permit for every session that may be in use.
    in_use: Semaphore,
}

impl Gateway {
    /// A gateway without sessions.
    pub fn new(config: &config::Ema) -> Self {
        let urls: Vec<&str> =
            std::iter::once(&config.primary).chain(&config.secondary).map(String::as_str).collect();
        Gateway {
            hosts: urls.iter().map(|url| Host::new(url, urls.len())).collect(),
            client: http::client(&urls, config.timeout, config.sessions),
            username: config.username.clone(),
            password: config.password.clone(),
            faults: FaultClasses::new(config.faults.clone()),
            in_use: Semaphore::new(config.sessions),
        }
    }

    /// Sends a request to the first host that takes it.
    pub async fn ask(&self, request: &CoreRequest) -> Answer {
        let _permit = self.in_use.acquire().await.expect("the semaphore is never closed");
        let mut reasons = Vec::new();
        for host in &self.hosts {
            if !host.breaker.may_be_asked() {
                reasons.push(host.breaker.reason());
                continue;
            }
            match self.ask_host(host, request).await {
                Ok(answer) => return answer,
                Err(Failure::Unanswered(reason)) => return Answer::Unanswered(reason),
                Err(Failure::NotTaken(reason)) => reasons.push(reason),
            }
        }
        Answer::NotTaken(reasons.join("; "))
    }

    async fn ask_host(&self, host: &Host, request: &CoreRequest) -> Result<Answer, Failure> {
        if let Some(session) = host.take_session() {
            match self.ask_with(host, &session, request).await? {
                Some(answer) => return Ok(answer),
                // A gateway that forgets one session has most likely forgotten all: it was started anew.
                None => {
                    session.forget();
                    host.take_sessions();
                }
            }
        }
        let session = self.log_in(host).await?;
        match self.ask_with(host, &session, request).await? {
            Some(answer) => Ok(answer),
            None => {
                session.forget();
                let reason = "it refuses the session that it has just given";
                host.breaker.leave_alone(reason);
                Err(Failure::NotTaken(format!("{}: {reason}", host.breaker.name())))
            }
        }
    }

    /// Asks with a session; `None` where the host does not know it.
    async fn ask_with(
        &self,
        host: &Host,
        session: &Session<'_>,
        request: &CoreRequest,
    ) -> Result<Option<Answer>, Failure> {
        let secrets = [Some(session.id()), request.secret(), Some(&self.password)];
        let answer = self.post(host, request.render(session.id()), secrets.into_iter().flatten()).await?;
        if let cai3g::Answer::Fault(fault) = &answer
            && self.faults.class(fault) == FaultClass::Session
        {
            tracing::info!(host = host.breaker.name(), %fault, "ema session refused: logging in again");
            return Ok(None);
        }
        host.breaker.answered();
        Ok(Some(self.faults.answer(answer, host.breaker.name())))
    }

    /// A new session. A host that refuses the login is left alone like one that is away.
    async fn log_in<'a>(&self, host: &'a Host) -> Result<Session<'a>, Failure> {
        let answer =
            match self.post(host, cai3g::login(&self.username, &self.password), [&self.password]).await {
                Ok(answer) => answer,
                // Nothing is half done by a login: its session, if there is one, ends by itself.
                Err(Failure::NotTaken(reason) | Failure::Unanswered(reason)) => {
                    return Err(Failure::NotTaken(reason));
                }
            };
        let refused = match answer {
            cai3g::Answer::Success { session_id: Some(session) } => {
                metrics::counter!("eventmanager_session_logins_total", "host" => host.breaker.name().to_owned())
                    .increment(1);
                host.breaker.answered();
                return Ok(host.session(session));
            }
            cai3g::Answer::Success { session_id: None } => "login answered without a session".to_owned(),
            cai3g::Answer::Fault(fault) => format!("login refused: {fault}"),
            cai3g::Answer::NotUnderstood { reason } => format!("login answer not understood: {reason}"),
        };
        host.breaker.leave_alone(&refused);
        Err(Failure::NotTaken(format!("{}: {refused}", host.breaker.name())))
    }

    /// One HTTP exchange; takes note where none comes about.
    ///
    /// A peer may quote what it was sent: `secrets` are taken out of its answer before it becomes the text of anything.
    async fn post<'a>(
        &self,
        host: &Host,
        body: String,
        secrets: impl IntoIterator<Item = &'a Secret>,
    ) -> Result<cai3g::Answer, Failure> {
        let no_answer = |error| http::no_answer(&host.breaker, error);
        let request =
            self.client.post(&host.url).header("Content-Type", "text/xml; charset=utf-8").body(body);
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        let body = read_limited(response).await.map_err(no_answer)?;
        http::check_available(&host.breaker, status)?;
        let scrubbed = secrets.into_iter().fold(body.clone(), scrub);
        Ok(without_secrets(cai3g::parse_answer(status, &body), cai3g::parse_answer(status, &scrubbed)))
    }

    /// Tries a login at every host that is away and due for it; its session is kept.
    pub async fn probe_failed_hosts(&self) {
        for (rank, host) in self.hosts.iter().enumerate() {
            if !host.breaker.begin_probe(Instant::now()) {
                continue;
            }
            // A session of before goes first: the host may count it, and refuse one more.
            if let Some(old) = host.take_session() {
                match self.post(host, cai3g::logout(old.id()), [old.id()]).await {
                    Ok(_) => old.forget(),
                    Err(_) => continue,
                }
            }
            if self.log_in(host).await.is_ok() {
                self.log_out_of(&self.hosts[rank + 1..]).await;
            }
        }
    }

    /// Ends every idle session.
    pub async fn log_out(&self) {
        self.log_out_of(&self.hosts).await;
    }

    async fn log_out_of(&self, hosts: &[Host]) {
        for host in hosts {
            let sessions = host.take_sessions();
            let logouts = sessions.iter().map(|session| self.post(host, cai3g::logout(session), [session]));
            // A session that cannot be ended ends by itself.
            let _ = futures_util::future::join_all(logouts).await;
        }
    }
}

/// The meaning of an answer as it came, with the texts of the one that was scrubbed: a short password may stand in
/// anything, codes among it.
fn without_secrets(answer: cai3g::Answer, scrubbed: cai3g::Answer) -> cai3g::Answer {
    match (answer, scrubbed) {
        (cai3g::Answer::Fault(fault), cai3g::Answer::Fault(texts)) => {
            let cai3g::Fault { code, detail_code, .. } = fault;
            cai3g::Answer::Fault(cai3g::Fault { code, detail_code, ..texts })
        }
        (cai3g::Answer::Fault(fault), _) => {
            let cai3g::Fault { code, detail_code, .. } = fault;
            cai3g::Answer::Fault(cai3g::Fault { code, detail_code, ..cai3g::Fault::default() })
        }
        (cai3g::Answer::NotUnderstood { .. }, scrubbed) => match scrubbed {
            cai3g::Answer::NotUnderstood { reason } => cai3g::Answer::NotUnderstood { reason },
            _ => cai3g::Answer::NotUnderstood { reason: "its text holds a secret".to_owned() },
        },
        (success, _) => success,
    }
}

/// The answer with every occurrence of a secret replaced, however often XML has escaped it.
fn scrub(body: Vec<u8>, secret: &Secret) -> Vec<u8> {
    let (mut rest, mut scrubbed) = (&body[..], Vec::with_capacity(body.len()));
    while let [first, after @ ..] = rest {
        match quoted(rest, secret.expose()) {
            Some(length) if length > 0 => {
                scrubbed.extend_from_slice(b"***");
                rest = &rest[length..];
            }
            _ => {
                scrubbed.push(*first);
                rest = after;
            }
        }
    }
    scrubbed
}

/// The length of a secret with which `text` begins, as it is or escaped.
fn quoted(text: &[u8], secret: &str) -> Option<usize> {
    if text.starts_with(secret.as_bytes()) {
        return Some(secret.len());
    }
    secret.chars().try_fold(0, |at, character| Some(at + written(&text[at..], character)?))
}

/// The length of a character with which `text` begins: itself, or a reference to it whose ampersand may be escaped in turn.
fn written(text: &[u8], character: char) -> Option<usize> {
    let is_itself = text.starts_with(character.encode_utf8(&mut [0; 4]).as_bytes());
    if is_itself && character != '&' {
        return Some(character.len_utf8());
    }
    let mut rest = text.strip_prefix(b"&")?;
    while let Some(after) = rest.strip_prefix(b"amp;") {
        rest = after;
    }
    let end = rest.iter().take(LONGEST_REFERENCE).position(|byte| *byte == b';');
    let name = end.and_then(|end| str::from_utf8(&rest[..end]).ok());
    let is_meant = name.is_some_and(|name| xml::escape::resolve(name, 0) == Ok(character));
    let after = if is_meant { &rest[end? + 1..] } else { rest };
    (is_meant || character == '&').then(|| text.len() - after.len())
}

/// `#x10FFFF;`
const LONGEST_REFERENCE: usize = 10;

/// The body, cut where it grows beyond [`ANSWER_LIMIT`]; what is cut does not parse.
async fn read_limited(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_LIMIT {
            break;
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_quotes_a_secret_is_told_without_it() {
        let check = |secret: &str, status: u16, body: &str, expected: &str| {
            let secret = Secret::new(secret);
            let scrubbed = scrub(body.into(), &secret);
            let answer = without_secrets(
                cai3g::parse_answer(status, body.as_bytes()),
                cai3g::parse_answer(status, &scrubbed),
            );
            let text = match answer {
                cai3g::Answer::Success { .. } => "success".to_owned(),
                cai3g::Answer::Fault(fault) => fault.to_string(),
                cai3g::Answer::NotUnderstood { reason } => reason,
            };
            assert!(text.contains(expected), "{text}");
            assert!(secret.expose().len() < 4 || !text.contains(secret.expose()), "{text}");
        };
        let fault = cai3g::server::fault(4006, Some(13004), "password hunter2 refused");
        check("hunter2", 500, &fault, "13004");
        // A password that stands in every tag does not change what the answer means.
        check("a", 500, &fault, "13004");
        check(
            "a",
            200,
            r#"<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body/></S:Envelope>"#,
            "success",
        );
        check("hunter2", 200, "oops hunter2", "***");
        check("<&>hunter", 500, &cai3g::server::fault(4006, Some(1), "<&>hunter"), "***");
        // Quoted as it was sent, which was in XML already.
        check("<&>hunter", 500, &cai3g::server::fault(4006, Some(1), "&lt;&amp;&gt;hunter"), "***");
        check(
            "it's \"2\" & 3",
            500,
            &cai3g::server::fault(4006, Some(1), "it&apos;s &quot;2&quot; &amp; 3"),
            "***",
        );
    }
}

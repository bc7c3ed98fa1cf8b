//! Speaking CAI3G to the hosts of the gateway.

use super::host::{Host, Session};
use super::scrub;
use super::{CoreRequest, LOGOUT_LIMIT};
use crate::config::{self, FaultClass};
use crate::failpoints;
use crate::lease::Lease;
use crate::managers::hosts::Publisher;
use crate::managers::http::{self, Failure};
use crate::managers::{Answer, Board, FaultClasses};
use crate::outbound;
use crate::wire::Secret;
use crate::wire::cai3g;
use std::time::Instant;
use tokio::sync::Semaphore;

/// An answer larger than this is nonsense.
const ANSWER_LIMIT: usize = 1 << 20;

/// The primary, the secondary, and what is needed to speak to them.
pub struct Gateway {
    /// What it was made of.
    config: config::Ema,
    board: Publisher,
    lease: Lease,
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
    pub fn new(config: &config::Ema, board: &Publisher, lease: &Lease) -> Self {
        let urls = urls(config);
        Gateway {
            config: config.clone(),
            board: board.clone(),
            lease: lease.clone(),
            hosts: (0..).zip(&urls).map(|(rank, url)| Host::new(url, rank, urls.len(), board)).collect(),
            client: client(config),
            username: config.username.clone(),
            password: config.password.clone(),
            faults: FaultClasses::new(config.faults.clone()),
            in_use: Semaphore::new(config.sessions),
        }
    }

    /// Works with another configuration from now on. Nobody asks meanwhile: no session is in use.
    pub async fn change(&mut self, config: &config::Ema) {
        let kept =
            config::Ema { timeout: config.timeout, faults: config.faults.clone(), ..self.config.clone() };
        if *config == self.config {
            return;
        }
        if kept == *config {
            self.client = client(config);
            self.faults = FaultClasses::new(config.faults.clone());
            self.config = kept;
            return;
        }
        tracing::info!("other hosts, login or number of sessions at the ema: its sessions are handed back");
        if tokio::time::timeout(LOGOUT_LIMIT, self.log_out()).await.is_err() {
            tracing::warn!("logout from the ema not confirmed in time");
        }
        let new = Gateway::new(config, &self.board, &self.lease);
        let before = std::mem::replace(self, new);
        let is_left = |host: &&Host| self.hosts.iter().all(|it| it.breaker.name() != host.breaker.name());
        before.hosts.iter().filter(is_left).for_each(|host| host.breaker.forget());
    }

    /// Sends a request to the first host that takes it.
    ///
    /// Whether its system is paused is looked at before each: it may have been meanwhile.
    pub async fn ask(&self, request: &CoreRequest, pauses: &Board) -> Answer {
        let _permit = self.in_use.acquire().await.expect("the semaphore is never closed");
        let mut reasons = Vec::new();
        for host in &self.hosts {
            if !host.breaker.may_be_asked() {
                reasons.push(host.breaker.reason());
                continue;
            }
            if let Some(reason) = pauses.obstacle(request.system()) {
                reasons.push(reason);
                break;
            }
            match self.ask_host(host, request, pauses).await {
                Ok(answer) => return answer,
                Err(Failure::Unanswered(reason)) => return Answer::Unanswered(reason),
                Err(Failure::NotTaken(reason)) => reasons.push(reason),
            }
        }
        Answer::NotTaken(reasons.join("; "))
    }

    async fn ask_host(&self, host: &Host, request: &CoreRequest, pauses: &Board) -> Result<Answer, Failure> {
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
        if let Some(reason) = pauses.obstacle(request.system()) {
            return Err(Failure::NotTaken(reason));
        }
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
        failpoints::pass("ema.login.before").await;
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
                failpoints::pass("ema.login.after").await;
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
        if !self.lease.allows("request") {
            return Err(http::not_ours(&host.breaker));
        }
        let no_answer = |error| http::no_answer(&host.breaker, error);
        let request = self.client.post(&host.url).header("Content-Type", "text/xml; charset=utf-8");
        let request = request.body(outbound::body(body, &self.lease));
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        failpoints::pass("ema.answer.within").await;
        let body = outbound::read_limited(response, ANSWER_LIMIT).await.map_err(no_answer)?;
        http::check_available(&host.breaker, status)?;
        Ok(scrub::understand(status, &body, secrets))
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

fn urls(config: &config::Ema) -> Vec<&str> {
    std::iter::once(&config.primary).chain(&config.secondary).map(String::as_str).collect()
}

fn client(config: &config::Ema) -> reqwest::Client {
    outbound::client(&urls(config), config.timeout, config.sessions)
}

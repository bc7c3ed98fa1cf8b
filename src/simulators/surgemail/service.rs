//! The two pages over HTTP: authentication, script, journal.

use super::accounts::{MailState, Query, Refusal};
use super::{MailCall, SurgemailOptions};
use crate::simulators::http::hang_up;
use crate::simulators::script::{Action, Rule, Script};
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The administrator's page.
pub(super) const ADMIN: &str = "/cgi/admin.cgi";
/// The page of a domain's manager.
pub(super) const DOMAIN_ADMIN: &str = "/cgi/domadmin.cgi";

const JOURNAL: usize = 100_000;
const DONE: &str = "<result><message>OK</message></result>";

/// Everything that requests and the handle share.
pub(super) struct Service {
    options: SurgemailOptions,
    /// The only value of the Authorization header that is let in.
    authorization: String,
    script: Mutex<Script>,
    state: Mutex<MailState>,
    calls: Mutex<VecDeque<MailCall>>,
    requests: watch::Sender<u64>,
}

/// Answers one request.
pub(super) async fn answer(request: HttpRequest, service: Data<Service>) -> HttpResponse {
    let (delay, action) = lock(&service.script).react(
        request.method().as_str(),
        request.path(),
        request.query_string().as_bytes(),
    );
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let processed = match action {
        Action::Process | Action::ProcessAndDrop | Action::ProcessAndHang => Some(service.process(&request)),
        _ => None,
    };
    let status = match action {
        Action::Process => processed,
        Action::Status(status) | Action::Body { status, .. } => StatusCode::from_u16(status).ok(),
        Action::Fault { .. } => Some(StatusCode::INTERNAL_SERVER_ERROR),
        Action::Drop | Action::Hang | Action::ProcessAndDrop | Action::ProcessAndHang => None,
    };
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    service.record(MailCall { target, status: status.map(|status| status.as_u16()) });
    match (action, status) {
        (Action::Hang | Action::ProcessAndHang, _) => std::future::pending().await,
        (Action::Body { body, .. }, Some(status)) => HttpResponse::build(status).body(body),
        (_, Some(status)) => HttpResponse::build(status).content_type("text/xml").body(DONE),
        (_, None) => {
            hang_up(&request);
            HttpResponse::Ok().finish()
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    pub fn new(options: SurgemailOptions) -> Service {
        let credentials = format!("{}:{}", options.username, options.password.expose());
        Service {
            options,
            authorization: format!("Basic {}", BASE64_STANDARD.encode(credentials)),
            script: Mutex::default(),
            state: Mutex::default(),
            calls: Mutex::default(),
            requests: watch::channel(0).0,
        }
    }

    pub fn set_script(&self, rules: Vec<Rule>) {
        *lock(&self.script) = Script::new(rules);
    }

    pub fn state(&self) -> MailState {
        lock(&self.state).clone()
    }

    pub fn calls(&self) -> Vec<MailCall> {
        lock(&self.calls).iter().cloned().collect()
    }

    pub fn requests(&self) -> watch::Receiver<u64> {
        self.requests.subscribe()
    }

    fn record(&self, call: MailCall) {
        let mut calls = lock(&self.calls);
        if calls.len() == JOURNAL {
            calls.pop_front();
        }
        calls.push_back(call);
        self.requests.send_modify(|requests| *requests += 1);
    }

    fn process(&self, request: &HttpRequest) -> StatusCode {
        let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if authorization != Some(&self.authorization) {
            return StatusCode::UNAUTHORIZED;
        }
        let Ok(query) = web::Query::<BTreeMap<String, String>>::from_query(request.query_string()) else {
            return StatusCode::BAD_REQUEST;
        };
        let query = Query(query.into_inner());
        let mut state = lock(&self.state);
        let result = match request.path() {
            ADMIN => state.administer(&query),
            _ => state.administer_domain(&query, self.options.domain_password.as_ref()),
        };
        match result {
            Ok(()) => StatusCode::OK,
            Err(Refusal::Forbidden) => StatusCode::FORBIDDEN,
            Err(Refusal::BadRequest) => StatusCode::BAD_REQUEST,
        }
    }
}

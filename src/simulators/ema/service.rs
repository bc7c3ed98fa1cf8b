//! The CAI3G service: what happens between a request and its answer.

use super::EmaOptions;
use super::core::{Core, CoreState};
use super::describe::Description;
use super::faults::{self, Fault};
use super::journal::{Counts, CreatedTwice, Journal, Outcome, RecordedCall};
use super::sessions::Sessions;
use crate::simulators::http::hang_up;
use crate::simulators::script::{Action, FaultStyle, Rule, Script};
use crate::wire::Secret;
use crate::wire::cai3g::server::{self, Call, Operation};
use crate::wire::cai3g::{EnumRequest, HssRequest};
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Everything that requests and the handle share.
pub(super) struct Service {
    username: String,
    password: Secret,
    latency_micros: AtomicU64,
    /// Whether answers are held back.
    is_held: watch::Sender<bool>,
    script: Mutex<Script>,
    inner: Mutex<Inner>,
    counts: watch::Sender<Counts>,
}

struct Inner {
    core: Core,
    sessions: Sessions,
    journal: Journal,
}

/// What goes back to the client.
enum Reply {
    Answer { status: u16, body: String },
    HangUp,
    Silence,
}

/// Answers one request.
pub(super) async fn answer(request: HttpRequest, body: Bytes, service: Data<Service>) -> HttpResponse {
    let call = server::parse_request(&body).ok();
    let description =
        call.as_ref().map_or_else(Description::unreadable, |call| Description::of(&call.operation));
    let (delay, action) = lock(&service.script).react(description.operation, description.mo, &body);
    wait(delay).await;
    let created = description.is_create().then(|| description.mo_id.clone());
    let host = request.connection_info().host().to_owned();
    let reply = service.carry_out(call, description, action, host);
    wait(service.latency()).await;
    service.wait_until_released().await;
    match reply {
        Reply::Answer { status, body } => {
            if let Some(mo_id) = created {
                lock(&service.inner).journal.note_answer(&mo_id);
            }
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            HttpResponse::build(status).content_type("text/xml;charset=UTF-8").body(body)
        }
        Reply::HangUp => {
            hang_up(&request);
            HttpResponse::Ok().finish()
        }
        Reply::Silence => std::future::pending().await,
    }
}

async fn wait(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    pub fn new(options: &EmaOptions) -> Service {
        let service = Service {
            username: options.username.clone(),
            password: options.password.clone(),
            latency_micros: AtomicU64::new(0),
            is_held: watch::Sender::new(false),
            script: Mutex::default(),
            inner: Mutex::new(Inner {
                core: Core::default(),
                sessions: Sessions::new(options.session_limit, options.session_lifetime),
                journal: Journal::new(options.journal),
            }),
            counts: watch::channel(Counts::default()).0,
        };
        service.set_latency(options.latency);
        service
    }

    pub fn set_latency(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency_micros.store(micros, Ordering::Relaxed);
    }

    fn latency(&self) -> Duration {
        Duration::from_micros(self.latency_micros.load(Ordering::Relaxed))
    }

    pub fn hold_answers(&self, hold: bool) {
        self.is_held.send_replace(hold);
    }

    async fn wait_until_released(&self) {
        // An error would mean that the service is gone.
        let _ = self.is_held.subscribe().wait_for(|is_held| !is_held).await;
    }

    pub fn set_script(&self, rules: Vec<Rule>) {
        *lock(&self.script) = Script::new(rules);
    }

    pub fn state(&self) -> CoreState {
        lock(&self.inner).core.state().clone()
    }

    pub fn holds(&self) -> (usize, usize) {
        let inner = lock(&self.inner);
        (inner.core.state().associations.len(), inner.core.state().enum_records.len())
    }

    pub fn apply_hss(&self, request: HssRequest) -> Result<(), Fault> {
        lock(&self.inner).core.apply_hss(request)
    }

    pub fn apply_enum(&self, request: EnumRequest) -> Result<(), Fault> {
        lock(&self.inner).core.apply_enum(request)
    }

    pub fn calls(&self) -> Vec<RecordedCall> {
        lock(&self.inner).journal.calls()
    }

    pub fn created_twice(&self) -> CreatedTwice {
        lock(&self.inner).journal.created_twice()
    }

    pub fn open_sessions(&self) -> Vec<String> {
        lock(&self.inner).sessions.ids()
    }

    pub fn expire_sessions(&self) {
        lock(&self.inner).sessions.expire();
    }

    pub fn counts(&self) -> watch::Receiver<Counts> {
        self.counts.subscribe()
    }

    /// Does what the request or the script says, and records it.
    fn carry_out(&self, call: Option<Call>, description: Description, action: Action, host: String) -> Reply {
        let mut inner = lock(&self.inner);
        let session = call.as_ref().and_then(|call| Some(call.session.as_ref()?.expose().to_owned()));
        let (outcome, reply) = match action {
            Action::Process => answered(self.process(&mut inner, call, &description)),
            Action::ProcessAndDrop => {
                let done = self.process(&mut inner, call, &description).is_ok();
                (Outcome::Unanswered { done }, Reply::HangUp)
            }
            Action::ProcessAndHang => {
                let done = self.process(&mut inner, call, &description).is_ok();
                (Outcome::Unanswered { done }, Reply::Silence)
            }
            Action::Drop => (Outcome::Unanswered { done: false }, Reply::HangUp),
            Action::Hang => (Outcome::Unanswered { done: false }, Reply::Silence),
            Action::Status(status) => {
                (Outcome::Status(status), Reply::Answer { status, body: "scripted status".to_owned() })
            }
            Action::Body { status, body } => (Outcome::Status(status), Reply::Answer { status, body }),
            Action::Fault { code, detail_code, style } => {
                let fault = Fault { code, detail_code, message: "SCRIPTED FAULT" };
                (fault.into(), refusal(fault, style))
            }
        };
        let number = self.count(&description, outcome);
        let Description { operation, step, mo_id, subject, .. } = description;
        let time = SystemTime::now();
        inner.journal.record(RecordedCall {
            number,
            time,
            operation,
            step,
            mo_id,
            subject,
            session,
            host,
            outcome,
        });
        reply
    }

    /// Does what the request says; returns the body of the answer.
    fn process(
        &self,
        inner: &mut Inner,
        call: Option<Call>,
        description: &Description,
    ) -> Result<String, Fault> {
        let call = call.ok_or(Fault::own(faults::BAD_REQUEST, "REQUEST NOT UNDERSTOOD"))?;
        if let Operation::Login { user, password } = &call.operation {
            return self.log_in(inner, user, password.expose());
        }
        inner.sessions.enter(call.session.as_ref().map(Secret::expose))?;
        let answer = server::success(&call.operation, call.session.as_ref());
        let result = match call.operation {
            Operation::Login { .. } => Ok(()),
            Operation::Logout { session } => inner.sessions.close(session.expose()),
            Operation::Hss(request) => inner.core.apply_hss(request),
            Operation::Enum(request) => inner.core.apply_enum(request),
        };
        if description.is_create() {
            inner.journal.note_create(&description.mo_id, &result);
        }
        result.map(|()| answer)
    }

    fn log_in(&self, inner: &mut Inner, user: &str, password: &str) -> Result<String, Fault> {
        if user != self.username || password != self.password.expose() {
            return Err(Fault::unauthenticated(faults::LOGIN_FAILURE, "AUTHENTICATION FAILED"));
        }
        inner.sessions.open().map(|session| server::login_response(&Secret::new(session)))
    }

    /// Adds to the counts and returns the number of the request.
    fn count(&self, description: &Description, outcome: Outcome) -> u64 {
        let mut number = 0;
        self.counts.send_modify(|counts| {
            counts.requests += 1;
            number = counts.requests;
            let done = matches!(outcome, Outcome::Success | Outcome::Unanswered { done: true });
            counts.faults += u64::from(matches!(outcome, Outcome::Fault { .. }));
            counts.unanswered += u64::from(matches!(outcome, Outcome::Unanswered { .. }));
            match (done, description.operation, description.mo) {
                (false, ..) => {}
                (true, "Login", _) => counts.logins += 1,
                (true, "Logout", _) => counts.logouts += 1,
                (true, _, "DNSSubscription") => counts.enumerations += 1,
                (true, ..) => counts.hss += 1,
            }
        });
        number
    }
}

fn answered(result: Result<String, Fault>) -> (Outcome, Reply) {
    match result {
        Ok(body) => (Outcome::Success, Reply::Answer { status: 200, body }),
        Err(fault) => (fault.into(), refusal(fault, FaultStyle::ErrorCode)),
    }
}

/// A SOAP fault; ENUM's systems name the detail code otherwise than the HSS.
fn refusal(fault: Fault, style: FaultStyle) -> Reply {
    let body = server::fault(fault.code, fault.detail_code, fault.message);
    let body = match style {
        FaultStyle::ErrorCode => body,
        FaultStyle::RespCode => body.replace("errorcode>", "respCode>"),
    };
    Reply::Answer { status: 500, body }
}

//! Managers: one actor for each system that requests go to.
//!
//! [`hss`], [`enumeration`] and [`mail`] send what their system takes; [`answer`] says what came of it; [`ema`] is the
//! gateway that the first two go through, with its sessions and its two hosts. `breaker` leaves hosts alone that are
//! away, and `http` is how they are spoken to. [`pauses`] knows which systems operators have paused, and [`board`] is
//! where that can be seen; [`hosts`] is where can be seen how the hosts are.

pub mod answer;
pub mod board;
mod breaker;
pub mod device_state;
pub mod ema;
pub mod enumeration;
pub mod hosts;
pub mod hss;
pub mod http;
pub mod mail;
pub mod pauses;

pub use answer::{Answer, FaultClasses};
pub use board::Board;
pub use enumeration::Enumeration;
pub use hosts::Hosts;
pub use hss::Hss;
pub use mail::Mail;
pub use pauses::Pauses;

use crate::plan::{Request, System};
use crate::wire::cai3g::{EnumRequest, HssRequest};
use crate::wire::surgemail::MailRequest;
use actix::prelude::*;
use std::time::Instant;

/// Asks a manager to send one request, once.
#[derive(Message)]
#[rtype(result = "Answer")]
pub struct Provision<R: Send + 'static>(pub R);

/// Where the requests of a plan go.
#[derive(Clone)]
pub struct Systems {
    pub hss: Recipient<Provision<HssRequest>>,
    pub enumeration: Recipient<Provision<EnumRequest>>,
    /// `None`: mail is not provisioned.
    pub mail: Option<Recipient<Provision<MailRequest>>>,
}

impl Systems {
    /// Has one request sent, once. A manager that fails in between leaves the outcome open.
    pub async fn ask(&self, request: &Request) -> Answer {
        let answer = match request {
            Request::Hss(request) => self.hss.send(Provision(request.clone())).await,
            Request::Enum(request) => self.enumeration.send(Provision(request.clone())).await,
            Request::Mail(request) => match &self.mail {
                Some(mail) => mail.send(Provision(request.clone())).await,
                // A plan of the time when it was; it would wait for ever.
                None => return Answer::Refused("[surgemail] is not configured any more".to_owned()),
            },
        };
        answer.unwrap_or_else(|error| Answer::Unanswered(format!("the manager failed: {error}")))
    }
}

/// Measures how long one request takes, and what comes of it.
async fn measured(system: System, operation: &'static str, request: impl Future<Output = Answer>) -> Answer {
    let since = Instant::now();
    let answer = request.await;
    let labels = [("system", system.as_str()), ("operation", operation), ("outcome", answer.outcome())];
    metrics::histogram!("eventmanager_southbound_request_seconds", &labels).record(since.elapsed());
    answer
}

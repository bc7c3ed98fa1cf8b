//! Managers: one actor for each system that requests go to.
//!
//! [`hss`] and [`enumeration`] send what their system takes; [`answer`] says what came of it; [`ema`] is the gateway
//! both go through, with its sessions and its two hosts. [`pauses`] knows which systems operators have paused.

pub mod answer;
pub mod ema;
pub mod enumeration;
pub mod hss;
pub mod pauses;

pub use answer::{Answer, FaultClasses};
pub use enumeration::Enumeration;
pub use hss::Hss;
pub use pauses::Pauses;

use crate::plan::Request;
use crate::wire::cai3g::{EnumRequest, HssRequest};
use crate::wire::surgemail::MailRequest;
use actix::prelude::*;

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
                None => return Answer::NotTaken("[surgemail] is not configured".to_owned()),
            },
        };
        answer.unwrap_or_else(|error| Answer::Unanswered(format!("the manager failed: {error}")))
    }
}

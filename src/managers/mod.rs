//! Managers: one actor for each system that requests go to.
//!
//! [`hss`] and [`enumeration`] send what their system takes; [`answer`] says what came of it; [`ema`] is the gateway
//! both go through, with its sessions and its two hosts.

pub mod answer;
pub mod ema;
pub mod enumeration;
pub mod hss;

pub use answer::{Answer, FaultClasses};
pub use enumeration::Enumeration;
pub use hss::Hss;

use actix::prelude::*;

/// Asks a manager to send one request, once.
#[derive(Message)]
#[rtype(result = "Answer")]
pub struct Provision<R: Send + 'static>(pub R);

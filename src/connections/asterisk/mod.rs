//! Connections to Asterisks: what their servers say of devices and presence goes to the manager that mirrors it, events that a
//! `[[route]]` wants are handed on, and operators have actions run.
//!
//! [`ami`] is the one over TCP. What does not depend on how a server is reached stands beside it: [`feed`] tells the manager and waits
//! for nobody, [`orders`] is what a session is to do, [`routing`] what becomes of events, [`reading`] makes changes of them, and
//! [`actions`] is what operators have run.

pub mod actions;
mod ami;
mod feed;
mod orders;
mod reading;
mod routing;

pub use actions::{Answer, Asterisks, Headers, NotRun, RunAction};
pub use ami::AmiConnection;
pub use feed::StatesManager;

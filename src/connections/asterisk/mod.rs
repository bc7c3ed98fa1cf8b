//! Connections to Asterisks: what their servers say of devices and presence goes to the manager that mirrors it, events that a
//! `[[route]]` wants are handed on, and operators have actions run.
//!
//! [`connection`] is the actor. [`ami`] is how a server is reached over TCP, [`zmq`] how it is through its ZeroMQ module, and [`agent`] what
//! stands between such a server and the agents of others. What does not depend on that stands beside it: [`feed`] tells the manager and waits
//! for nobody, [`orders`] is what a session is to do, [`routing`] what becomes of events, [`reading`] makes changes of them, [`listing`] is how
//! lists come, and [`actions`] is what operators have run.

pub mod actions;
mod agent;
mod ami;
mod connection;
mod feed;
#[cfg(test)]
mod given;
mod listing;
mod orders;
mod reading;
mod routing;
mod zmq;

pub use actions::{Answer, Asterisks, Headers, NotRun, RunAction};
pub use agent::Household;
pub use connection::AsteriskConnection;
pub use feed::StatesManager;

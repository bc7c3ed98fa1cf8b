//! What is handed on: events under topics, to whoever follows them.
//!
//! A `[[route]]` says which events belong to which topics. They are stored in the topic log first, in one order for all; those who
//! follow read it from there, so that a slow or absent one holds up nobody and misses nothing that the log still has.
//!
//! [`tail`] follows the log; [`evapi_server`] hands on what it gives to programs that are written for Kamailio's EVAPI,
//! [`nats`] to a stream of NATS JetStream, from which it takes events in as well.

pub mod alarms;
pub mod changed;
pub mod consumer;
mod derived;
mod ended;
pub mod evapi_server;
pub mod evi_server;
mod hand_on;
mod happenings;
pub mod hubs;
mod inbound;
pub mod members;
pub mod nats;
mod routes;
mod tail;
mod turn;

pub use crate::event::{Logged, TopicEvent};
pub use ended::Ended;
pub use hand_on::hand_on;
pub use inbound::{KnownBy, Posted};
pub use routes::Wanted;
pub use tail::Tail;

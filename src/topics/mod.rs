//! What is handed on: the log of topics, and who reads it.
//!
//! [`tail`] follows the log; [`evapi_server`] hands on what it gives to programs that are written for Kamailio's EVAPI.

pub mod evapi_server;
mod event;
mod tail;

pub use event::{Logged, TopicEvent};
pub use tail::Tail;

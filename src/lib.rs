//! eventmanager takes the events of a voice platform, never loses one, acts on them and hands them on.
//!
//! Start reading at [`app`], which shows the whole supervision tree on one screen, then follow one event:
//! [`connections::broadworks`] → [`connections::documents`] → [`connections::intake`] → [`router::actor`] →
//! [`router::executor`] → [`processors`] → [`managers`] → [`store`]. `ARCHITECTURE.md` has the map.

pub mod agents;
pub mod alarms;
pub mod api;
pub mod app;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod connections;
pub mod event;
pub mod failpoints;
pub mod lease;
pub mod managers;
pub mod matching;
pub mod operators;
pub mod outbound;
pub mod plan;
pub mod preview;
pub mod processors;
pub mod reload;
pub mod router;
pub mod simulators;
mod sockets;
pub mod states;
mod steady;
pub mod store;
pub mod supervision;
pub mod systemd;
pub mod telemetry;
mod threads;
pub mod topics;
pub mod wire;
pub mod zmq;

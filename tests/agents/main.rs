//! The server of agents, and agents, against sockets of libzmq that follow the wire of the Asterisk broker's agents and server.

mod agent;
#[path = "../zmq/libzmq.rs"]
#[allow(dead_code, reason = "these peers do less")]
mod libzmq;
mod server;
#[path = "../support/mod.rs"]
mod support;

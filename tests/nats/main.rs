//! What goes out over NATS JetStream and what comes in, against Debian's `nats-server`.

#[path = "../support/mod.rs"]
mod support;

mod daemon;
mod feeding;
mod house;
mod publishing;
mod server;

//! What goes out over NATS JetStream and what comes in, against Debian's `nats-server`.

#[path = "../support/mod.rs"]
mod support;

#[path = "../security/tls/authority.rs"]
#[allow(dead_code, reason = "the server here is not of this process")]
mod authority;
mod daemon;
mod feeding;
mod house;
mod publishing;
mod server;
mod tls;

//! The daemon as those see it who want something of it that is not theirs: what it lets them do, and what it lets them know.
//!
//! `docs/security.md` says against whom, and names the tests.

#[path = "../kamailio/peer.rs"]
#[allow(dead_code)]
mod evapi;
#[path = "../hubs/receiver.rs"]
#[allow(dead_code)]
mod receiver;
#[path = "../nats/server.rs"]
#[allow(dead_code)]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod callbacks;
mod given;
mod listeners;
mod pages;
mod paths;
mod process;
mod proxies;
mod secrets;
mod standby;
mod texts;
mod tls;

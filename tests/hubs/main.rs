//! Hubs and their deliveries: the daemon against receivers of our own over real sockets.

#[path = "../support/mod.rs"]
mod support;

mod arrivals;
mod at_rest;
mod auth;
mod daemon;
mod halted;
mod kills;
mod order;
mod outbound;
mod peer;
mod receiver;
mod registered;
mod reload;
mod restarts;
mod retries;
mod stopping;

//! Our EVAPI server: programs that are written as consumers of Kamailio's get what we hand on, whatever the others do.

mod bad;
mod consumer;
mod daemon;
mod delivery;
mod handed_on;
mod served;
mod slow;
#[path = "../support/mod.rs"]
mod support;

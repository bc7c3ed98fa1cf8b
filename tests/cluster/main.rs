//! Two daemons on one PostgreSQL database, of which one acts (`[cluster]`).
//!
//! The short form takes over three times for each way to end; `EVENTMANAGER_CLUSTER_ROUNDS` says how often, and with
//! `EVENTMANAGER_TESTS_LONG` it is thirty times.

#[path = "../support/mod.rs"]
mod support;

mod failover;
mod fencing;
mod handover;
mod load;
mod oracle;
mod pair;
mod silence;

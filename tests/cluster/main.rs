//! Two daemons on one PostgreSQL database, of which one acts (`[cluster]`).
//!
//! The short form takes over three times for each way to end; `EVENTMANAGER_CLUSTER_ROUNDS` says how often: thirty
//! times in the long form.

#[path = "../support/mod.rs"]
mod support;

mod deaths;
mod failover;
mod fencing;
mod handover;
mod late;
mod lengths;
mod load;
mod oracle;
mod pair;
mod restored;
mod shown;
mod silence;
mod stuck;
mod twins;
mod wanted;

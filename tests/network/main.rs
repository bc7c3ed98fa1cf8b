//! The network between the daemon and each of its peers, and whoever connects to it: slow, cut, deaf or full of rubbish, one fault after
//! the other, while a little goes over it. Once it is as it should be everything is as without the fault, neighbours were served meanwhile,
//! memory stayed bounded, and whatever ended was named in the log and counted.
//!
//! The faults are rows of [`faults`]; what a peer is, what goes over its connection and how it must be afterwards has a file each.

#[path = "../support/mod.rs"]
mod support;

mod agents;
mod asterisk;
mod broadworks;
mod consumers;
mod core;
mod database;
mod evi;
mod evi_commands;
mod evi_subscriber;
mod faults;
mod hub;
mod kamailio;
mod nats;
mod neighbour;
mod opensips;
mod partition;
mod place;
mod proxy;
#[path = "../hubs/receiver.rs"]
#[allow(dead_code)]
mod receiver;
#[path = "../nats/server.rs"]
#[allow(dead_code)]
mod server;

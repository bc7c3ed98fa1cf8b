//! What goes wrong around the daemon without a peer meaning it: requests whose answer does not come, descriptors that are used up, clocks
//! that jump.

#[path = "../support/mod.rs"]
mod support;

#[path = "../kamailio/peer.rs"]
#[allow(dead_code)]
mod kamailio;
#[path = "../consumer/peer.rs"]
#[allow(dead_code)]
mod provider;
#[path = "../hubs/receiver.rs"]
#[allow(dead_code)]
mod receiver;

#[path = "../access/given.rs"]
#[allow(dead_code)]
mod browser;
mod clocks;
mod descriptors;
mod requests;

//! What goes wrong around the daemon without a peer meaning it: descriptors that are used up, clocks that jump.

#[path = "../support/mod.rs"]
mod support;

#[path = "../hubs/receiver.rs"]
#[allow(dead_code)]
mod receiver;

#[path = "../access/given.rs"]
#[allow(dead_code)]
mod browser;
mod clocks;
mod descriptors;

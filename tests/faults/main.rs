//! What goes wrong around the daemon without a peer meaning it: descriptors that are used up.

#[path = "../support/mod.rs"]
mod support;

mod descriptors;

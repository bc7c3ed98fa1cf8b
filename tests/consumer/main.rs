//! We register at peers for topics of theirs, and get what they deliver.

#[path = "../support/mod.rs"]
mod support;

/// How Event Management is asked.
#[path = "../event_management/given.rs"]
#[allow(dead_code)]
mod given;
mod pair;
mod peer;
mod registering;
mod troubles;

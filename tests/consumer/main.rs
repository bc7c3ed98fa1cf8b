//! We register at peers for topics of theirs, and get what they deliver.

#[path = "../support/mod.rs"]
mod support;

mod peer;
mod registering;
mod troubles;

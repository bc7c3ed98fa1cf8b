//! Whatever an application server sends: a clear reason, a metric, and the good document after it is provisioned.

#[path = "../support/mod.rs"]
mod support;

mod connections;
mod documents;
mod repeats;
mod trial;

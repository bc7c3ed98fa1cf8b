//! SIGHUP: the whole configuration is read again, and what is different is applied, with nothing else touched.

#[path = "../support/mod.rs"]
mod support;

mod endpoints;
mod given;
mod http;
mod load;
mod log;
mod processing;
mod refused;
mod systems;

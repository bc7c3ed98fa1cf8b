//! Whatever an application server sends: a clear reason, a metric, and the good document after it is provisioned.
//!
//! What can be wrong with a document or a connection comes first; then, for every command, what can be wrong with its
//! values ([`provisioning`]), and odd values with which nothing is wrong ([`odd_text`]).

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod connections;
mod documents;
mod mail_accounts;
mod odd_text;
mod phones;
mod provisioning;
mod repeats;
mod trial;
mod world;

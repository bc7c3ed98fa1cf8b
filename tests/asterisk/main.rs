//! Asterisk over its manager interface: logins of every kind, lists and changes for the manager that mirrors them, events for rules,
//! actions of operators, and nothing that a server does ever harms.

mod actions;
mod events;
mod liveness;
mod logins;
mod manager;
mod mirroring;
mod peer;
#[path = "../support/mod.rs"]
mod support;
mod trial;

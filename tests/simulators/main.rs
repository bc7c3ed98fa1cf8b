//! The simulated EMA, SurgeMail and Asterisk, asked over plain sockets with requests written by hand.

#[path = "../support/mod.rs"]
mod support;

mod ami_client;
mod asterisk;
mod asterisk_misbehaviour;
mod asterisk_states;
mod client;
mod core;
mod documents;
mod mail;
mod misbehaviour;

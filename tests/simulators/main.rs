//! The simulated EMA, SurgeMail, Asterisk and OpenSIPS, asked over plain sockets with requests written by hand.

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
mod mi_client;
mod misbehaviour;
mod opensips;
mod opensips_events;
mod opensips_misbehaviour;
mod opensips_program;

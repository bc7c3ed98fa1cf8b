//! The simulated EMA and SurgeMail, asked over plain sockets with requests written by hand.

mod client;
mod core;
mod documents;
mod mail;
mod misbehaviour;

//! Kamailio: its events come in, its suspended transactions are answered, operators send commands, and nothing of ours ever holds it up.

mod answers;
mod documentation;
mod events;
mod peer;
mod real;
mod sending;
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod trial;

//! Subscribers over HTTP and on the command line: finding them, their events, and sending a row once more.

mod commands;
mod down;
mod given;
mod reading;
mod reprovisioning;
#[path = "../support/mod.rs"]
mod support;
